"""Outputs as the Justice Data Lab reports them, under a label of their own.

Takes what was observed of each unit, arms and weights and gives one public frame. Two measures are over everybody; the others
compare only those who reoffended, whom the programme may itself have selected, and say so. None of them is an outcome of a
protocol, and no verdict rests on them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats
from yoseval.errors import EstimationError
from yoseval.frames import make_frame
from yoseval.models.intervals import interval
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.clusters import degrees_of_freedom

MIN_REOFFENDERS = 30
"""Fewest treated reoffenders for the mean days to the first reoffence."""

MIN_EXPECTED = 10.0
"""Least number of reoffenders times share, in each arm, for a share among reoffenders."""

AMONG_REOFFENDERS = "among those who reoffended (compares selected groups)"

FEW_REOFFENDERS = f"Fewer than {MIN_REOFFENDERS} of the programme's group reoffended."
FEW_EXPECTED = f"Fewer than {MIN_EXPECTED:.0f} in one of the groups."
NO_INTERVAL = "Too few, or too much alike, for an interval."


@dataclass(frozen=True, slots=True, eq=False)
class _Measure:
    """One output: its code and words, a value of each unit, whose value counts, and who has what is counted."""

    code: str
    label: str
    value: Floats
    counted: Flags
    event: Flags
    least: str = ""

    @property
    def is_conditioned(self) -> bool:
        return bool(self.least)


def jdl_outputs(
    observed: pd.DataFrame,
    treated: Flags,
    weight: Floats,
    *,
    person: AnyArray | None = None,
    programme: str = "",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Compute the outputs of the Justice Data Lab on a weighted comparison.

    In each arm a value is a weighted mean :math:`\bar y_a = \sum w_i y_i / \sum w_i`, over all mature units for the rate
    (R/N) and the number of reoffences a person (Q/N), and over those who reoffended for the rest. Intervals are
    those of the difference: influence :math:`w_i (y_i - \bar y_a) / \sum w_i`, sandwich (HC1) clustered on the person, t
    quantile; weights are taken as known.

    Parameters
    ----------
    observed : DataFrame of n rows
        One row a unit: ``is_mature``, ``n_reoffences`` and ``reoffence_days`` (not a number where there is none),
        ``first_tier`` (``summary``, ``either_way``, ``indictable``, or empty) and ``first_custodial``. The tier is of those
        reoffenders only whose tier is recorded.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Design weights, zero or more.
    person : (n,) labels, optional
        Units of one person are dependent; each unit is a person of its own if absent.
    programme : str
        What the frame says it is about.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    DataFrame
        The public frame ``jdl``: seven rows, in an order of their own. Values are empty where ``shown`` is False; counts are
        there all the same, and disclosure control decides on them. ``n_*`` are the units that a row compares.

    Raises
    ------
    EstimationError
        If an arm has no mature unit of positive weight.

    References
    ----------
    moj_jdl : Ministry of Justice, Justice Data Lab: the measures of its published analyses.
    """
    used = observed["is_mature"].to_numpy(dtype=bool) & (weight > 0)
    for arm, name in ((treated, "treated"), (~treated, "comparison")):
        if not (used & arm).any():
            raise EstimationError(f"No {name} unit is mature.", "Wait until follow-up and the wait for proof are over.")
    clusters = np.arange(weight.size) if person is None else person
    rows = [_row(m, treated, weight, clusters, conf_level) for m in _measures(observed, used)]
    return make_frame("jdl", pd.DataFrame(rows).assign(programme=programme))


def _measures(observed: pd.DataFrame, used: Flags) -> list[_Measure]:
    days = observed["reoffence_days"].to_numpy(dtype=np.float64)
    again = used & ~np.isnan(days)
    number = observed["n_reoffences"].to_numpy(dtype=np.float64)
    tier = observed["first_tier"].astype(object).where(observed["first_tier"].notna(), "").to_numpy()
    custody = observed["first_custodial"].astype(object).where(observed["first_custodial"].notna(), None)
    is_custodial = (custody == True).to_numpy(dtype=bool)  # noqa: E712 - elementwise, None is not
    graded = again & (tier != "")
    return [
        _Measure("jdl_rate", "One-year proven reoffending rate", again.astype(float), used, again),
        _Measure("jdl_frequency", "Proven reoffences per person in the year", number, used, again),
        _Measure(
            "jdl_days_to_first", f"Mean days to the first reoffence, {AMONG_REOFFENDERS}", days, again, again, "reoffenders"
        ),
        _share("jdl_first_summary", "First reoffence was a summary offence", graded, tier == "summary"),
        _share("jdl_first_either_way", "First reoffence was an either-way offence", graded, tier == "either_way"),
        _share("jdl_first_indictable", "First reoffence was indictable only", graded, tier == "indictable"),
        _share("jdl_first_custody", "First reoffence led to custody", again & custody.notna().to_numpy(), is_custodial),
    ]


def _share(code: str, label: str, counted: Flags, has: Flags) -> _Measure:
    return _Measure(code, f"{label}, {AMONG_REOFFENDERS}", has.astype(float), counted, counted & has, "expected")


def _row(m: _Measure, treated: Flags, weight: Floats, clusters: AnyArray, conf_level: float) -> dict[str, object]:
    arms = {"treated": m.counted & treated, "comparison": m.counted & ~treated}
    counts: dict[str, object] = {f"n_{a}": int(rows.sum()) for a, rows in arms.items()}
    counts |= {f"events_{a}": int((rows & m.event).sum()) for a, rows in arms.items()}
    row = {"measure": m.code, "label": m.label, "conditioned": m.is_conditioned, **counts}
    reason = _why_not(m, arms, weight)
    values = {} if reason else _values(m, arms, treated, weight, clusters, conf_level)
    if not (reason or values):
        reason = NO_INTERVAL
    return {**row, **values, "shown": not reason, "reason": reason}


def _why_not(m: _Measure, arms: dict[str, Flags], weight: Floats) -> str:
    """Return the rule by which a measure is not shown; empty where it is."""
    if m.least == "reoffenders" and int(arms["treated"].sum()) < MIN_REOFFENDERS:
        return FEW_REOFFENDERS
    if m.least == "expected":
        expected = [float(rows.sum()) * _mean(m.value, rows, weight) if rows.any() else 0.0 for rows in arms.values()]
        # A share that should be exactly at the limit may lie a rounding error below.
        return FEW_EXPECTED if min(expected) < MIN_EXPECTED - 1e-9 else ""
    return ""


def _values(
    m: _Measure, arms: dict[str, Flags], treated: Flags, weight: Floats, clusters: AnyArray, conf_level: float
) -> dict[str, object]:
    """Return both values, their difference and its limits; nothing where there is no interval."""
    if not all(rows.any() for rows in arms.values()):
        return {}
    means = {a: _mean(m.value, rows, weight) for a, rows in arms.items()}
    influence = np.zeros(weight.size)
    for arm, rows in arms.items():
        sign = 1.0 if arm == "treated" else -1.0
        influence[rows] = sign * weight[rows] * (m.value[rows] - means[arm]) / weight[rows].sum()
    try:
        df = degrees_of_freedom(np.where(m.counted, weight, 0.0), treated)
        variance = clustered_variance(influence[m.counted], clusters[m.counted], kind="HC1")
    except EstimationError:
        return {}
    if not variance > 0:
        return {}
    difference = means["treated"] - means["comparison"]
    made = interval(difference, float(np.sqrt(variance)), df, conf_level=conf_level)
    return {
        "treated_value": means["treated"],
        "comparison_value": means["comparison"],
        "difference": difference,
        "conf_low": made.conf_low,
        "conf_high": made.conf_high,
    }


def _mean(value: Floats, rows: Flags, weight: Floats) -> float:
    return float(weight[rows] @ value[rows] / weight[rows].sum())
