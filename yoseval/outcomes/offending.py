"""Which offences count: each offence within its child's window, dated in days from time zero, and the sums of a moment.

Takes windows and the table of offences and gives Ibis tables. An offence on the day of an exit counts, one on time zero
does not; an offence that is not proven in time never counts.
"""

import ibis
from ibis.expr import types as ir

from yoseval.cohort.profiles import Profile
from yoseval.records.checking.repairs import repeated_offences

SERIOUS = 5
MOST_SERIOUS = 8
TIERS = ("summary", "either_way", "indictable")
SERIOUS_VIOLENCE_GROUPS = ("drugs", "robbery", "violence_against_the_person")

_OPTIONAL = {"seriousness": "int64", "proof_date": "date", "tier": "string", "custodial": "boolean"}


def offences_once(offences: ir.Table) -> ir.Table:
    """Return one row an offence_id, without those that were overturned.

    Of an offence that stands twice the row is kept that the records standard keeps (the most serious, then the latest
    result); should that one be overturned, the offence is no offence.
    """
    kept = offences.anti_join(repeated_offences(_complete(offences)), "_row")
    return _complete(kept.filter(kept["result"] != "overturned"))


def dated_offences(windows: ir.Table, offences: ir.Table, profile: Profile, lag_days: int) -> ir.Table:
    """Join each window with all offences of its child and tell which count.

    Parameters
    ----------
    windows : ibis Table
        With the columns of `observation_windows`; others are kept.
    offences : ibis Table
        What `offences_once` gives.
    profile : Profile
        What is proof, and which groups are not.
    lag_days : int
        An offence up to so many days after time zero is not yet a reoffence.

    Returns
    -------
    ibis Table
        The windows' columns and, for each offence, ``day`` and ``proof_day`` (days from time zero), ``is_counted`` (a proven
        reoffence of the follow-up), ``is_pseudo`` (dated up to time zero and proven after it, in time), ``is_alleged`` (after
        time zero and the lag, proven or not, no breach), ``custodial``, ``is_serious`` and ``is_serious_violence``.
    """
    joined = windows.inner_join(offences, "person_id")
    dated = joined.mutate(
        day=joined["offence_date"].delta(joined["time_zero"], unit="day"),
        proof_day=joined["proof_date"].delta(joined["time_zero"], unit="day"),
        custodial=joined["custodial"].fill_null(False),
        is_serious=joined["seriousness"].between(SERIOUS, MOST_SERIOUS).fill_null(False),
    )
    admitted = ~dated["offence_group"].isin(profile.excluded_groups)
    in_time = (dated["proof_day"] <= dated["proof_within"]).fill_null(False)
    proven = admitted & dated["result"].isin(profile.proof_results) & in_time
    after = dated["day"] > lag_days
    return dated.mutate(
        is_counted=proven & after & (dated["day"] <= dated["days_followed"]),
        is_pseudo=proven & (dated["day"] <= 0) & (dated["proof_day"] > 0),
        is_alleged=admitted & after,
        is_serious_violence=dated["is_serious"] & dated["offence_group"].isin(SERIOUS_VIOLENCE_GROUPS),
    )


def sums_of_offences(dated: ir.Table) -> ir.Table:
    """Return, for each moment with any offence at all, how many reoffences and the first day of each kind."""
    counted, day = dated["is_counted"], dated["day"]

    def first(kind: ir.BooleanValue) -> ir.IntegerScalar:
        return day.min(where=counted & kind.fill_null(False))

    return dated.group_by("moment").aggregate(
        n_reoffences=counted.cast("int64").sum(),
        n_pseudo=dated["is_pseudo"].cast("int64").sum(),
        reoffence_days=day.min(where=counted),
        serious_days=first(dated["is_serious"]),
        **{f"tier_{tier}_days": first(dated["tier"] == tier) for tier in TIERS},
        custodial_days=first(dated["custodial"]),
        serious_violence_days=first(dated["is_serious_violence"]),
        worst_seriousness=dated["seriousness"].max(where=counted),
    )


def _complete(offences: ir.Table) -> ir.Table:
    """Return only the columns that are used; those the standard does not require are empty where they were not given."""
    given = {c: offences[c] if c in offences.columns else ibis.null(kind) for c, kind in _OPTIONAL.items()}
    return offences.select("_row", "offence_id", "person_id", "offence_date", "offence_group", "result", **given)
