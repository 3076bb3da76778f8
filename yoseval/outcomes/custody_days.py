"""Days in custody within follow-up, and whether they follow a new offence.

Takes windows, spells and offences and gives an Ibis table of one row a moment. A spell is counted from its first day to the
day of release, which is at liberty again: from 10 to 15 March it lasts 5 days. An open spell goes on.

- A spell that runs at time zero, or begins on it, is time not at risk.
- A sentence that begins after time zero is for a reoffence where a counted reoffence with ``custodial`` = yes is dated on or
  before the first day of the spell, and proven by its last one.
- A remand that begins after time zero is for a new offence where an alleged one (no breach, not overturned, dated after time
  zero and the lag) lies within the ``REMAND_LINK_DAYS`` up to its first day.
- Any other spell is time not at risk: custody for an offence of before.
"""

import ibis
from ibis.expr import types as ir

from yoseval.cohort.profiles import Profile
from yoseval.outcomes.offending import dated_offences
from yoseval.records.checking.repairs import merged_custody

REMAND_LINK_DAYS = 14
"""A remand for a new offence begins within this many days of it; a convention, since records do not link the two."""

_OPEN = 1_000_000  # days; longer than any spell


def sums_of_custody(windows: ir.Table, custody: ir.Table, offences: ir.Table, profile: Profile, lag_days: int) -> ir.Table:
    """Add up the days in custody of each moment.

    Parameters
    ----------
    windows : ibis Table
        What `observation_windows` gives.
    custody, offences : ibis Table
        The spells as recorded, and what `offences_once` gives.
    profile : Profile
        What is proof.
    lag_days : int
        As in `dated_offences`.

    Returns
    -------
    ibis Table
        ``moment``, ``days_in_custody_for_reoffence`` and ``days_not_at_risk``; only moments with custody.
    """
    spells = _spells_within(windows, custody)
    linked = _linked(spells, offences, profile, lag_days)
    joined = spells.left_join(linked, ["moment", "start_day"])
    days = ibis.least(joined["end_day"], joined["days_followed"]) - ibis.greatest(joined["start_day"], 0)
    is_new = joined["is_new"].fill_null(0) > 0
    return joined.group_by("moment").aggregate(
        days_in_custody_for_reoffence=ibis.ifelse(is_new, days, 0).sum(),
        days_not_at_risk=ibis.ifelse(is_new, 0, days).sum(),
    )


def _spells_within(windows: ir.Table, custody: ir.Table) -> ir.Table:
    # Spells that share a day are one: no day is counted twice, and a sentence after remand begins with the remand.
    merged = merged_custody(custody).select("person_id", "kind", start_date="start_date", end_date="end_date")
    joined = windows.inner_join(merged, "person_id")
    spells = joined.mutate(
        start_day=joined["start_date"].delta(joined["time_zero"], unit="day"),
        end_day=joined["end_date"].delta(joined["time_zero"], unit="day").fill_null(_OPEN),
    )
    return spells.filter((spells["start_day"] < spells["days_followed"]) & (spells["end_day"] > 0))


def _linked(spells: ir.Table, offences: ir.Table, profile: Profile, lag_days: int) -> ir.Table:
    """Return the spells after time zero that have an offence of their child, and whether one explains them."""
    dated = dated_offences(spells.filter(spells["start_day"] > 0), offences, profile, lag_days)
    before = dated["day"] <= dated["start_day"]
    sentence = dated["is_counted"] & dated["custodial"] & (dated["proof_day"] <= dated["end_day"]).fill_null(False)
    remand = dated["is_alleged"] & (dated["day"] >= dated["start_day"] - REMAND_LINK_DAYS)
    is_new = before & ibis.ifelse(dated["kind"] == "sentence", sentence, remand)
    marked = dated.select("moment", "start_day", is_new=is_new.cast("int64"))
    return marked.group_by("moment", "start_day").aggregate(is_new=marked["is_new"].max())
