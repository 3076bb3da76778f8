"""What is seen after time zero, the contrast made of it, and the estimate that is reported."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Texts
from yoseval.errors import DataError
from yoseval.frames import make_frame


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """One outcome of n units.

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
    """

    unit_id: Texts
    time: Floats
    event: Flags
    horizon: float
    outcome: str = "outcome"
    time_unit: str = "days"

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

        Raises
        ------
        DataError
            If an event is not 0/1 or a time is missing, negative or not finite.
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
        return cls(ids, times, events == 1.0, reach, event, time_unit)

    def to_frame(self) -> pd.DataFrame:
        """Return the units as the private frame ``followup_units``."""
        return make_frame("followup_units", {"unit_id": self.unit_id, "time": self.time, "event": self.event})


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
    """

    value: float
    influence: Floats
    treated_value: float
    comparison_value: float


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

    def to_frame(self) -> pd.DataFrame:
        """Return one tidy row: the public frame ``estimates``."""
        own = (
            "programme",
            "outcome",
            "measure",
            "method",
            "estimand",
            "role",
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


def _require(good: Flags, rule: str) -> None:
    wrong = ~good
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0]) + 1
        raise DataError(f"{rule}: {int(wrong.sum())} of {len(good)} rows break this (first at row {first}).")
