"""The menu of outcomes of a study of records: how each is read off what was observed.

Takes the frame of `observe_moments` and gives a `FollowUp`. Times are days from time zero. By the calendar twelve months are
365 or 366 days, so the horizon is the longest F of the observed moments, and whoever was followed to the end of their own F
is followed to the horizon: with everybody mature and nobody gone, a share is exactly R / N.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Texts
from yoseval.cohort.outcome_section import MeasureName, OutcomeSection
from yoseval.errors import DataError, EstimationError, StudyError
from yoseval.outcomes.types import FollowUp, Recurrences

DIED = 2
"""Cause of an end of follow-up by death, which competes with every outcome; other exits only censor."""


@dataclass(frozen=True, slots=True)
class OutcomeCode:
    """One outcome of the menu.

    Parameters
    ----------
    code : str
        Its name in a study file.
    meaning : str
        What it is.
    first_days : str
        Column of days to the first event of its kind.
    mature_only : bool
        True where only children with the whole of F and W behind them are used; otherwise the others are censored.
    measure : str
        The measure to use unless the study says otherwise.
    label, noun : str
        The outcome in sentences: "children who reoffended", "likely reduced reoffending".
    count : str
        Column of numbers of events; empty where events are not counted.
    severity : str
        Column of the ordinal of the worst event; empty where there is none.
    """

    code: str
    meaning: str
    first_days: str
    mature_only: bool
    measure: MeasureName
    label: str
    noun: str
    count: str = ""
    severity: str = ""


OUTCOMES: Mapping[str, OutcomeCode] = MappingProxyType(
    {
        outcome.code: outcome
        for outcome in (
            OutcomeCode(
                "reoffended",
                "any proven reoffence in F",
                "reoffence_days",
                True,
                "risk_difference",
                "reoffended",
                "reoffending",
            ),
            OutcomeCode(
                "frequency",
                "proven reoffences per child in F",
                "reoffence_days",
                True,
                "mean_count_difference",
                "reoffended",
                "reoffences",
                count="n_reoffences",
            ),
            OutcomeCode(
                "time_to_first",
                "days to the first proven reoffence, children not yet mature included",
                "reoffence_days",
                False,
                "restricted_mean_difference",
                "reoffended",
                "reoffending",
            ),
            OutcomeCode(
                "severity",
                "a proven reoffence of seriousness 5 to 8 in F; the worst seriousness as an ordinal",
                "serious_days",
                True,
                "risk_difference",
                "committed a serious reoffence",
                "serious reoffending",
                severity="worst_seriousness",
            ),
            OutcomeCode(
                "custody_for_reoffence",
                "a custodial sentence for a reoffence in F",
                "custodial_days",
                True,
                "risk_difference",
                "were sentenced to custody for a reoffence",
                "custody for a reoffence",
            ),
            OutcomeCode(
                "serious_violence",
                "a proven reoffence of drugs, robbery or violence with seriousness 5 to 8 in F",
                "serious_violence_days",
                True,
                "risk_difference",
                "committed a reoffence of serious violence",
                "serious violence",
            ),
            OutcomeCode(
                "mean_count",
                "mean cumulative count of proven reoffences, children not yet mature included",
                "reoffence_days",
                False,
                "mean_count_difference",
                "reoffended",
                "reoffences",
                count="n_reoffences",
            ),
        )
    }
)


def find_outcome(code: str) -> OutcomeCode:
    """Return the outcome of a code.

    Raises
    ------
    StudyError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> find_outcome("frequency").measure
    'mean_count_difference'
    """
    if code in OUTCOMES:
        return OUTCOMES[code]
    near = difflib.get_close_matches(code, OUTCOMES, n=1)
    remedy = f"Did you mean '{near[0]}'?" if near else f"Choose one of: {', '.join(OUTCOMES)}."
    raise StudyError(f"The outcome '{code}' is none that can be read off records.", remedy)


def follow_outcome(
    observed: pd.DataFrame, unit_id: Texts, outcome: OutcomeSection, *, recurrent: pd.DataFrame | None = None
) -> FollowUp:
    """Read one outcome off the observed moments.

    A child without the event is censored at the end of follow-up; a death before it is a competing event (``cause`` 2). Units
    that are not mature are left out where the outcome needs mature ones, and the design counts them as lost.

    Parameters
    ----------
    observed : DataFrame
        What `observe_moments` gives, a row a unit.
    unit_id : (n,) texts
        The unit of each row, in the same order.
    outcome : OutcomeSection
        Its ``name`` is a key of ``OUTCOMES``.
    recurrent : DataFrame, optional
        What `recurrent_times` gives for the same moments. Counts need it where children left before the end.

    Returns
    -------
    FollowUp
        In days; the horizon is the longest F of all rows.

    Raises
    ------
    StudyError
        If there is no such outcome.
    DataError
        If rows and units differ in number, or the reoffences are not those of the moments.
    EstimationError
        If nothing was observed.

    Examples
    --------
    >>> follow_outcome(observed, unit_id, OutcomeSection(name="reoffended"))  # doctest: +SKIP
    """
    code = find_outcome(outcome.name)
    if len(observed) != len(unit_id):
        raise DataError(f"{len(observed)} moments were observed for {len(unit_id)} units.", "Give one row a unit.")
    if not len(observed):
        raise EstimationError("No moment was observed.", "Choose children who could be followed.")
    horizon = float(observed["days_in_f"].max())
    kept = observed["is_mature"].to_numpy(dtype=bool) if code.mature_only else np.ones(len(observed), dtype=bool)
    rows = observed[kept]
    first = rows[code.first_days].to_numpy(dtype=np.float64)
    event: Flags = np.isfinite(first)
    died: Flags = (rows["exit_reason"] == "died").to_numpy()
    end = _end_of_follow_up(rows, horizon)
    counts = rows[code.count].to_numpy(dtype=np.float64) if code.count else None
    return FollowUp(
        np.asarray(unit_id, dtype=object)[kept],
        np.where(event, first, end),
        event,
        horizon,
        outcome.name,
        "days",
        cause=np.where(event, 1, np.where(died, DIED, 0)).astype(np.int64),
        count=counts,
        days_at_risk=_days_at_risk(rows),
        severity=_ordinal(rows, code.severity) if code.severity else None,
        # A child who died has no more events: the count is known to the end.
        followed=np.where(died, horizon, end),
        recurrences=_recurrences(rows, counts, recurrent),
    )


def _end_of_follow_up(rows: pd.DataFrame, horizon: float) -> Floats:
    """Return the days to the end of follow-up, the horizon for whoever was followed to the end of F."""
    followed = rows["days_followed"].to_numpy(dtype=np.float64)
    return np.where(followed >= rows["days_in_f"].to_numpy(dtype=np.float64), horizon, followed)


def _days_at_risk(rows: pd.DataFrame) -> Floats | None:
    days = rows["days_at_risk"].to_numpy(dtype=np.float64)
    return None if np.isnan(days).any() else days


def _ordinal(rows: pd.DataFrame, column: str) -> Floats:
    """Return the worst value, 0 without a reoffence and not-a-number where no reoffence has one recorded."""
    return np.where(rows["n_reoffences"].to_numpy() > 0, rows[column].to_numpy(dtype=np.float64), 0.0)


def _recurrences(rows: pd.DataFrame, counts: Floats | None, recurrent: pd.DataFrame | None) -> Recurrences | None:
    if counts is None or recurrent is None:
        return None
    unit = pd.Index(rows["moment"]).get_indexer(pd.Index(recurrent["moment"]))
    time = recurrent["days"].to_numpy(dtype=np.float64)[unit >= 0]
    unit = np.asarray(unit[unit >= 0], dtype=np.int64)
    wrong = int((np.bincount(unit, minlength=len(rows)) != counts).sum())
    if wrong:
        raise DataError(
            f"{wrong} of {len(rows)} moments have another number of reoffences than the list of them.",
            "Observe both by the same profile, lag and extract.",
        )
    return Recurrences(unit, time)
