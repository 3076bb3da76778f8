"""Other programmes of the children in a trial: at time zero, and by the end of the days in which a start counts.

Takes built trials and the dates of starts; gives the public frame ``coexposure``. Two effects can be told apart only where
enough children had one programme alone. Nothing here enters a design.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from yoseval.arrays import Indices
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.entries import STARTED, entries_frame, menu_frame
from yoseval.cohort.licence import LOOKS_AHEAD
from yoseval.frames import join_frames, make_frame
from yoseval.records.records import Records

AT_TIME_ZERO = "at time zero"
IN_THE_DAYS = "started within the days in which a start counts"


def coexposure_of_records(trials: Sequence[BuiltTrial], records: Records) -> pd.DataFrame:
    """Return the public frame ``coexposure`` of all trials, with names and starts from the records.

    Examples
    --------
    >>> coexposure_of_records(trials, records)  # doctest: +SKIP
    """
    names = {p: name for p, (name, _) in menu_frame(records.engine, records.tables).items()}
    starts = entries_frame(records.engine, records.tables, list(names), STARTED)
    return join_frames("coexposure", [coexposure_frame(t, names, starts) for t in trials])


def coexposure_frame(trial: BuiltTrial, names: Mapping[str, str], starts: pd.DataFrame) -> pd.DataFrame:
    """Return how many of each arm were on each other programme at time zero, and how many started it in the days of grace.

    Parameters
    ----------
    trial : BuiltTrial
        One programme's.
    names : mapping of str to str
        The name of every programme by id, those of the trial included.
    starts : DataFrame
        ``person_id``, ``programme_id`` and ``entry`` (days since 1970): who started what, and when.

    Returns
    -------
    DataFrame
        The public frame ``coexposure``: two rows (arms) for each other programme that a child of either arm was on. The days
        after time zero are read only where the rule is licensed to look ahead.

    Examples
    --------
    >>> coexposure_frame(trial, {"a": "A", "b": "B"}, starts)  # doctest: +SKIP
    """
    own = trial.protocol.joint or (trial.protocol.programme,)
    treated = trial.units["treated"].to_numpy(dtype=bool)
    n_of = {True: int(treated.sum()), False: int((~treated).sum())}
    found = {AT_TIME_ZERO: trial.others.groupby(["programme", "treated"])["unit_id"].nunique()}
    if trial.protocol.time_zero is not None and trial.protocol.time_zero.rule in LOOKS_AHEAD:
        found[IN_THE_DAYS] = _started_then(trial, starts, trial.protocol.time_zero.days)
    rows = [
        {
            "other": other,
            "other_name": names.get(other, other),
            "arm": arm,
            "when": when,
            "n": int(counts.get((other, flag), 0)),
            "n_of": n_of[flag],
            "share": counts.get((other, flag), 0) / n_of[flag] if n_of[flag] else np.nan,
        }
        for when, counts in found.items()
        for other in names
        if other not in own and other in counts.index.get_level_values(0)
        for arm, flag in (("treated", True), ("comparison", False))
    ]
    return make_frame("coexposure", pd.DataFrame(rows).assign(programme=trial.protocol.programme) if rows else {})


def _started_then(trial: BuiltTrial, starts: pd.DataFrame, days: int) -> pd.Series:
    """Return how many units of each arm started each programme after time zero, up to so many days later."""
    units = trial.units[["unit_id", "person_id", "treated", "time_zero"]]
    joined = units.merge(starts, on="person_id")
    wait: Indices = joined["entry"].to_numpy(dtype=np.int64) - joined["time_zero"].to_numpy(dtype=np.int64)
    then = joined[(wait > 0) & (wait <= days)]
    return then.groupby(["programme_id", "treated"])["unit_id"].nunique()
