"""What is seen after time zero, the contrast made of it, and the estimate that is reported."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices, Texts
from yoseval.errors import DataError
from yoseval.frames import make_frame


@dataclass(frozen=True, slots=True, eq=False)
class Recurrences:
    """When each of k events happened, where a unit may have several.

    Parameters
    ----------
    unit : (k,) integers
        Place of the unit, from 0.
    time : (k,) floats
        Time since time zero.
    """

    unit: Indices
    time: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """One outcome of n units.

    The optional arrays are None where a source does not give them.

    Parameters
    ----------
    unit_id : (n,) texts
        The units, as in the cohort.
    time : (n,) floats
        Time from time zero to the event or to censoring, zero or more.
    event : (n,) booleans
        True where the outcome happened at ``time``.
    horizon : float
        Length of follow-up that effects are about.
    outcome : str
        Name of the outcome.
    time_unit : str
        ``days``, ``weeks`` or ``months``.
    cause : (n,) integers, optional
        What ended ``time``: 0 nothing (censored), 1 the event, 2 and above an event that competes with it, such as death.
    count : (n,) floats, optional
        Number of events from time zero to ``followed``.
    days_at_risk : (n,) floats, optional
        Days in which an event could happen.
    severity : (n,) floats, optional
        The worst event as an ordinal, 0 where there was none; not-a-number where it was not recorded.
    followed : (n,) floats, optional
        Time from time zero to the end of follow-up, whatever happened on the way. Whoever died was followed to the end.
    recurrences : Recurrences, optional
        When each event of ``count`` happened.
    """

    unit_id: Texts
    time: Floats
    event: Flags
    horizon: float
    outcome: str = "outcome"
    time_unit: str = "days"
    cause: Indices | None = None
    count: Floats | None = None
    days_at_risk: Floats | None = None
    severity: Floats | None = None
    followed: Floats | None = None
    recurrences: Recurrences | None = None

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        event: str,
        time: str | None = None,
        id: str | None = None,
        horizon: float | None = None,
        time_unit: str = "days",
        count: str | None = None,
        exposure: str | None = None,
        cause: str | None = None,
        severity: str | None = None,
        followed: str | None = None,
    ) -> "FollowUp":
        """Take the outcome from any data frame.

        Parameters
        ----------
        frame : DataFrame
            One row a unit.
        event : str
            Column of 0/1: the outcome happened.
        time : str, optional
            Column of times to the event or to censoring; without it everybody was followed to the end.
        id : str, optional
            Column that names the child, as given to ``Cohort.from_frame``.
        horizon : float, optional
            Length of follow-up; the longest time if absent.
        time_unit : str
            ``days``, ``weeks`` or ``months``.
        count : str, optional
            Column of numbers of events during follow-up.
        exposure : str, optional
            Column of days in which an event could happen.
        cause : str, optional
            Column of what ended ``time``: 0 nothing, 1 the event, 2 and above a competing event.
        severity : str, optional
            Column of the worst event as an ordinal.
        followed : str, optional
            Column of times to the end of follow-up. Without it, whoever had the event is taken as followed to the
            horizon, and anybody else to ``time``.

        Raises
        ------
        DataError
            If an event is not 0/1, a time or exposure is missing, negative or not finite, a count or cause is not a whole
            number of zero or more, or event, count and cause contradict each other.
        """
        n = len(frame)
        ids = (
            frame[id].astype(str).to_numpy(dtype=object)
            if id
            else np.array([f"{i:09d}" for i in range(1, n + 1)], dtype=object)
        )
        events = frame[event].to_numpy(dtype=np.float64, na_value=np.nan)
        times = np.ones(n) if time is None else frame[time].to_numpy(dtype=np.float64, na_value=np.nan)
        _require(np.isin(events, (0.0, 1.0)), f"'{event}' must be 0 or 1")
        _require(np.isfinite(times) & (times >= 0), f"'{time}' must be a time of zero or more")
        reach = float(horizon) if horizon is not None else float(times.max())
        counts = _whole(frame, count)
        causes = _whole(frame, cause)
        ends = np.where(events == 1.0, np.maximum(times, reach), times) if followed is None else _amounts(frame, followed)
        _require(ends >= times, f"'{followed}' must not end before '{time}'")
        if counts is not None:
            _require((counts > 0) == (events == 1.0), f"'{count}' must be above 0 exactly where '{event}' is 1")
        if causes is not None:
            _require((causes == 1) == (events == 1.0), f"'{cause}' must be 1 exactly where '{event}' is 1")
        return cls(
            ids,
            times,
            events == 1.0,
            reach,
            event,
            time_unit,
            cause=None if causes is None else causes.astype(np.int64),
            count=counts,
            days_at_risk=None if exposure is None else _amounts(frame, exposure),
            severity=None if severity is None else frame[severity].to_numpy(dtype=np.float64, na_value=np.nan),
            followed=ends,
        )

    def with_recurrences(self, unit_id: Texts, time: Floats) -> "FollowUp":
        """Add when each event happened; the counts become the numbers of these events.

        Parameters
        ----------
        unit_id : (k,) texts
            Whose event it is; units that are not followed here are left out.
        time : (k,) floats
            When it happened, above zero.

        Raises
        ------
        DataError
            If a time is not above zero, or lies beyond the end of the unit's follow-up.

        Examples
        --------
        >>> followup.with_recurrences(offences["child"], offences["days"])  # doctest: +SKIP
        """
        ends = np.where(self.event, np.maximum(self.time, self.horizon), self.time) if self.followed is None else self.followed
        unit = np.asarray(pd.Index(self.unit_id).get_indexer(pd.Index(unit_id)), dtype=np.int64)
        known = unit >= 0
        unit, when = unit[known], np.asarray(time, dtype=np.float64)[known]
        _require((when > 0) & (when <= ends[unit]), "a time of an event must be above zero and within follow-up")
        count = np.bincount(unit, minlength=self.unit_id.size).astype(np.float64)
        return replace(self, count=count, followed=ends, recurrences=Recurrences(unit, when))

    def to_frame(self) -> pd.DataFrame:
        """Return the units as the private frame ``followup_units``; what is not given is empty."""
        optional = ("cause", "count", "days_at_risk", "severity", "followed")
        given = {name: getattr(self, name) for name in optional if getattr(self, name) is not None}
        return make_frame("followup_units", {"unit_id": self.unit_id, "time": self.time, "event": self.event, **given})


@dataclass(frozen=True, slots=True, eq=False)
class Quotient:
    """The two numbers that a contrast is the quotient of, where its limits must hold though the divisor may be near zero.

    Parameters
    ----------
    numerator, divisor : float
        The contrast's value is the first over the second.
    numerator_influence, divisor_influence : (n,) floats
        Likewise of each: weight times derivative in the weight.
    n_parameters : int
        Of the regression that each comes from, for the correction of its variance.
    notes : tuple of str
        What must hold for the quotient to be an effect.
    """

    numerator: float
    divisor: float
    numerator_influence: Floats
    divisor_influence: Floats
    n_parameters: int = 2
    notes: tuple[str, ...] = ()

    def possible(self, value: float) -> float:
        """Return the nearest difference of risks that there can be: a quotient may lie beyond -1 and 1."""
        return min(max(value, -1.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """A contrast of two arms with what each unit has to do with it.

    Parameters
    ----------
    value : float
        The contrast on its analysis scale: a difference, or the logarithm of a ratio.
    influence : (n,) floats
        Derivative of ``value`` in each unit's weight, times that weight: value - truth is about the sum over
        units, and the variance is the sum of squares over independent units.
    treated_value, comparison_value : float
        The value in each arm, in natural units; not a number where an arm has none of its own.
    uncorrected : (n,) floats, optional
        Influence with the weights taken as known, where ``influence`` is corrected for estimated weights.
    quotient : Quotient, optional
        What the value is the quotient of, where limits come from both.
    by_weight : (n,) floats or None
        The part of ``influence`` that goes through the design's weights, where a unit also counts otherwise (in the
        population that an adjusted effect is about, or in its model of the outcome); None where that is all of it.
    """

    value: float
    influence: Floats
    treated_value: float
    comparison_value: float
    by_weight: Floats | None = None
    uncorrected: Floats | None = None
    quotient: Quotient | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """One effect, as reported: limits and p-value are made in one place only.

    Parameters
    ----------
    programme, outcome, measure, method, estimand : str
        What this is an effect of, on, measured how, by which design and for whom.
    treated_value, comparison_value : float
        The value in each arm.
    estimate, conf_low, conf_high : float
        On the natural scale: ratios are ratios.
    std_error : float
        On the analysis scale: of the logarithm for ratios.
    df : float
        Degrees of freedom of the t quantile.
    p_value : float
        Two-sided.
    interval : str
        How the interval was made.
    n_treated, n_comparison, effective_n : sizes
        Units used, and the effective size of the comparison arm.
    events_treated, events_comparison : int
        Units with the outcome by the horizon, unweighted.
    horizon, time_unit : length of follow-up
    influence : (n,) floats
        Influence values in the order of the design's units, corrected for estimated weights.
    role : str
        ``primary``, ``secondary`` or ``check``.
    notes : tuple of str
        What a reader must know.
    adjustment, adjust : str and tuple of str
        The model of the outcome on top of the design, and its covariates where they are not the design's.
    entry : float
        Time from which it is about those still followed and free of the event; 0 = all of the follow-up.
    """

    programme: str
    outcome: str
    measure: str
    method: str
    estimand: str
    treated_value: float
    comparison_value: float
    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    interval: str
    n_treated: int
    n_comparison: int
    effective_n: float
    events_treated: int
    events_comparison: int
    horizon: float
    time_unit: str
    influence: Floats
    role: str = "primary"
    notes: tuple[str, ...] = field(default=())
    adjustment: str = "none"
    adjust: tuple[str, ...] = ()
    entry: float = 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row: the public frame ``estimates``."""
        own = (
            "programme",
            "outcome",
            "measure",
            "method",
            "estimand",
            "role",
            "adjustment",
            "treated_value",
            "comparison_value",
            "estimate",
            "std_error",
            "df",
            "conf_low",
            "conf_high",
            "p_value",
            "interval",
            "n_treated",
            "n_comparison",
            "effective_n",
            "events_treated",
            "events_comparison",
            "entry",
            "horizon",
            "time_unit",
        )
        row = {name: [getattr(self, name)] for name in own}
        return make_frame("estimates", pd.DataFrame({**row, "notes": [" | ".join(self.notes)]}))

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        return (
            f"Estimate: {self.measure} of {self.outcome}\nmethod: {self.method}\nestimand: {self.estimand}\n"
            f"estimate: {self.estimate:.4f}\ninterval: {self.conf_low:.4f} to {self.conf_high:.4f}\n"
            f"p-value: {self.p_value:.4f}\nunits: {self.n_treated} treated, {self.n_comparison} comparison"
        )


def _amounts(frame: pd.DataFrame, column: str) -> Floats:
    values: Floats = frame[column].to_numpy(dtype=np.float64, na_value=np.nan)
    _require(np.isfinite(values) & (values >= 0), f"'{column}' must be zero or more")
    return values


def _whole(frame: pd.DataFrame, column: str | None) -> Floats | None:
    if column is None:
        return None
    values = _amounts(frame, column)
    _require(values == np.floor(values), f"'{column}' must be a whole number")
    return values


def _require(good: Flags, rule: str) -> None:
    wrong = ~good
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0]) + 1
        raise DataError(f"{rule}: {int(wrong.sum())} of {len(good)} rows break this (first at row {first}).")
