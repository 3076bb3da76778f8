"""The follow-up from raw events: what each child did after time zero, by every rule of proven reoffending.

`observe_moments` gives one row a moment with all that outcomes are read off; `recurrent_times` gives one row a reoffence. Both
run as one query where the tables live, on DuckDB or Spark; only the result comes to memory. Moments should be a table,
or a cheap expression: they are read once a table.
"""

from collections.abc import Mapping
from datetime import date

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.profiles import Profile
from yoseval.errors import DataError
from yoseval.outcomes.custody_days import sums_of_custody
from yoseval.outcomes.offending import TIERS, dated_offences, offences_once, sums_of_offences
from yoseval.outcomes.windows import observation_windows
from yoseval.records.engine import Engine

OBSERVED: Mapping[str, str] = {
    "moment": "the moment, unique",
    "days_followed": "from time zero to the end of F, the first exit or, where not mature, the extract less W",
    "days_in_f": "length of F by the calendar: 365 or 366 for 12 months",
    "is_mature": "time zero + F + W is no later than the extract",
    "mature_on": "the date of time zero + F + W",
    "reoffence_days": "to the first proven reoffence",
    "n_reoffences": "number of proven reoffences",
    "first_tier": "the highest tier on the day of the first reoffence; empty where there is none or it is not recorded",
    "first_custodial": "a reoffence of that first day led to custody",
    "worst_seriousness": "the highest seriousness recorded of any reoffence",
    "worst_tier": "the highest tier of any reoffence",
    "serious_days": "to the first reoffence of seriousness 5 to 8; one without seriousness is not serious",
    "tier_summary_days": "to the first summary reoffence",
    "tier_either_way_days": "to the first either-way reoffence",
    "tier_indictable_days": "to the first indictable reoffence",
    "custodial_days": "to the first reoffence that led to custody (the offence's date, not the sentence's)",
    "serious_violence_days": "to the first of drugs, robbery or violence with seriousness 5 to 8",
    "days_in_custody_for_reoffence": "days of follow-up in custody for a new offence; empty without the table custody",
    "days_not_at_risk": "days of follow-up in any other custody; empty without the table custody",
    "days_at_risk": "days_followed less days_not_at_risk",
    "n_pseudo": "pseudo-reconvictions: dated up to time zero, proven after it and in time; never counted",
    "exit_days": "to the first exit, 0 where it was before time zero; empty unless it ended follow-up",
    "exit_reason": "its reason; a death before another reason of the same day",
    "turned_18_days": "to the eighteenth birthday, where it lies between time zero and the end of follow-up",
}

_COUNTS = ("n_reoffences", "n_pseudo")
_TEXTS = ("exit_reason",)


def observe_moments(
    engine: Engine,
    tables: Mapping[str, ir.Table],
    moments: ir.Table,
    profile: Profile,
    extract_date: date,
    *,
    lag_days: int | None = None,
) -> pd.DataFrame:
    """Observe what happened after each moment.

    An offence counts where it is dated after time zero (and the lag) and up to the end of follow-up, both by whole days, and
    was proven no later than time zero + F + W. The day of an exit belongs to follow-up. Proof after an exit counts where it
    is recorded.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis Table
        Tables of the records standard; ``people`` and ``offences`` are needed, ``exits`` and ``custody`` are used.
    moments : ibis Table
        ``moment`` (whole number, unique), ``person_id``, ``time_zero`` (date).
    profile : Profile
        F, W and what is proof.
    extract_date : date
        Nothing is known after it.
    lag_days : int, optional
        Days after time zero in which an offence is not yet a reoffence; by default the profile's own.

    Returns
    -------
    DataFrame
        One row a moment, sorted, with the columns of ``OBSERVED``: days are whole days from time zero (floats, not-a-number
        where there is none), ``mature_on`` is a date without a clock.

    Raises
    ------
    StudyError
        If the profile only monitors.
    DataError
        If a moment stands twice or has no time zero.

    Examples
    --------
    >>> profile = find_profile("moj_proven_1y")
    >>> observe_moments(records.engine, records.tables, moments, profile, date(2022, 6, 30))  # doctest: +SKIP
    """
    lag = profile.lag_days if lag_days is None else lag_days
    windows = observation_windows(tables, moments, profile, extract_date)
    offences = offences_once(tables["offences"])
    sums = sums_of_offences(dated_offences(windows, offences, profile, lag))
    joined = windows.left_join(sums, "moment").drop("moment_right")
    if "custody" in tables:
        custody = sums_of_custody(windows, tables["custody"], offences, profile, lag)
        joined = joined.left_join(custody, "moment").drop("moment_right")
    epoch = joined["time_zero"].delta(ibis.date(1970, 1, 1), unit="day")
    found = engine.frame(joined.mutate(_mature_day=epoch + joined["mature_days"]).drop("person_id", "time_zero"))
    return _observed(_checked(found), has_custody="custody" in tables)


def recurrent_times(
    engine: Engine,
    tables: Mapping[str, ir.Table],
    moments: ir.Table,
    profile: Profile,
    extract_date: date,
    *,
    lag_days: int | None = None,
) -> pd.DataFrame:
    """List every counted reoffence of every moment, for mean cumulative counts.

    Parameters
    ----------
    engine, tables, moments, profile, extract_date, lag_days
        As for `observe_moments`.

    Returns
    -------
    DataFrame
        One row a reoffence, sorted by moment and day: ``moment``, ``days``, ``seriousness`` (not-a-number where it was not
        recorded), ``tier`` and ``offence_group`` (texts), ``custodial``.

    Raises
    ------
    StudyError
        If the profile only monitors.
    """
    counted = _counted(tables, moments, profile, extract_date, lag_days)
    columns = ["moment", "days", "seriousness", "tier", "custodial", "offence_group"]
    found = engine.frame(counted.rename(days="day").select(*columns, "offence_id"))
    ordered = found.sort_values(["moment", "days", "offence_id"], ignore_index=True)[columns]
    typed = ordered.astype({"moment": "int64", "days": "float64", "seriousness": "float64", "custodial": "bool"})
    return typed.assign(tier=_texts(typed["tier"]), offence_group=_texts(typed["offence_group"]))


def reoffence_days(
    engine: Engine, tables: Mapping[str, ir.Table], moments: ir.Table, profile: Profile, extract_date: date
) -> pd.DataFrame:
    """Return ``moment`` and ``days`` of every counted reoffence, sorted: `recurrent_times` without what it was.

    Parameters
    ----------
    engine, tables, moments, profile, extract_date
        As for `observe_moments`.

    Examples
    --------
    >>> reoffence_days(records.engine, records.tables, moments, profile, date(2022, 6, 30))  # doctest: +SKIP
    """
    found = engine.frame(_counted(tables, moments, profile, extract_date).select("moment", days="day"))
    return found.sort_values(["moment", "days"], ignore_index=True).astype({"moment": "int64", "days": "float64"})


def _counted(
    tables: Mapping[str, ir.Table], moments: ir.Table, profile: Profile, extract_date: date, lag_days: int | None = None
) -> ir.Table:
    """Return the offences that are reoffences of a moment, a row each."""
    lag = profile.lag_days if lag_days is None else lag_days
    windows = observation_windows(tables, moments, profile, extract_date)
    dated = dated_offences(windows, offences_once(tables["offences"]), profile, lag)
    return dated.filter(dated["is_counted"])


def _checked(found: pd.DataFrame) -> pd.DataFrame:
    twice, undated = int(found["moment"].duplicated().sum()), int(found["days_in_f"].isna().sum())
    if twice or undated:
        raise DataError(
            f"{twice} of {len(found)} moments stand twice and {undated} have no time zero.", "Give one dated row a moment."
        )
    return found.sort_values("moment", ignore_index=True)


def _observed(found: pd.DataFrame, *, has_custody: bool) -> pd.DataFrame:
    given = {c: found[c].astype("float64").to_numpy() for c in found.columns if c in OBSERVED and c not in _TEXTS}
    days = {c: v for c, v in given.items() if c not in ("moment", "is_mature", *_COUNTS)}
    for name in ("days_in_custody_for_reoffence", "days_not_at_risk"):
        # Without the table nobody knows; with it, a child without a spell was not in custody.
        days[name] = np.nan_to_num(days[name], nan=0.0) if has_custody else np.full(len(found), np.nan)
    tiers = {tier: days[f"tier_{tier}_days"] for tier in TIERS}
    mature_on = found["_mature_day"].to_numpy(dtype="int64").astype("datetime64[D]").astype("datetime64[s]")
    columns = {
        **days,
        **{c: np.nan_to_num(given[c], nan=0.0).astype(np.int64) for c in _COUNTS},
        "moment": found["moment"].to_numpy(dtype="int64"),
        "is_mature": found["is_mature"].to_numpy(dtype=bool),
        "mature_on": mature_on,
        "days_at_risk": days["days_followed"] - days["days_not_at_risk"],
        "first_tier": _highest({t: v == days["reoffence_days"] for t, v in tiers.items()}),
        "worst_tier": _highest({t: ~np.isnan(v) for t, v in tiers.items()}),
        "first_custodial": days["custodial_days"] == days["reoffence_days"],
        "exit_reason": _texts(found["exit_reason"]),
    }
    return pd.DataFrame({name: columns[name] for name in OBSERVED})


def _highest(holds: Mapping[str, np.ndarray]) -> np.ndarray:
    """Name the highest tier that holds, empty where none does."""
    ordered = [tier for tier in reversed(TIERS) if tier in holds]
    return np.select([holds[t] for t in ordered], np.array(ordered, dtype=object), default="").astype(object)


def _texts(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "")
