"""The menu of measures, and the function that estimates any of them.

Takes a follow-up and a design and gives an estimate with its interval. The statistics are in the leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import EstimationError, UsageError
from yoseval.models.variance import Scale, effective_size
from yoseval.outcomes.binary import risk_difference, risk_ratio
from yoseval.outcomes.contrast import Inference, Sample, align_followup, correct_contrast, infer
from yoseval.outcomes.counts import mean_count_difference
from yoseval.outcomes.survival import hazard_ratio, restricted_mean_difference, survival_difference
from yoseval.outcomes.types import Contrast, Estimate, FollowUp


@dataclass(frozen=True, slots=True)
class Measure:
    """A way to contrast two arms.

    Parameters
    ----------
    name : str
        Its key in ``MEASURES``.
    leaf : callable
        From (time, event, treated, weight, horizon) to a contrast, or from (counts, treated, weight, horizon).
    scale : str
        ``identity``, or ``log`` where the value is the logarithm of a ratio.
    null : float
        The value of no effect: 0 for differences, 1 for ratios.
    benefit : int
        -1 where a lower value is good, +1 where a higher one is, for an outcome one wants less of.
    label : str
        Its name in words.
    unit : str
        ``proportion``, ``ratio``, ``time`` or ``count``.
    needs : str
        What its leaf takes: ``times`` of the first event, or ``counts``.
    """

    name: str
    leaf: Callable[..., Contrast]
    scale: Scale
    null: float
    benefit: int
    label: str
    unit: str
    needs: Literal["times", "counts"] = "times"


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("risk_difference", risk_difference, "identity", 0.0, -1, "difference in risk", "proportion"),
        Measure("risk_ratio", risk_ratio, "log", 1.0, -1, "risk ratio", "ratio"),
        Measure("survival_difference", survival_difference, "identity", 0.0, 1, "difference in survival", "proportion"),
        Measure(
            "restricted_mean_difference",
            restricted_mean_difference,
            "identity",
            0.0,
            1,
            "difference in mean time without the outcome",
            "time",
        ),
        Measure("hazard_ratio", hazard_ratio, "log", 1.0, -1, "hazard ratio", "ratio"),
        Measure(
            "mean_count_difference",
            mean_count_difference,
            "identity",
            0.0,
            -1,
            "difference in mean number of events",
            "count",
            "counts",
        ),
    )
}


def estimate_effect(
    followup: FollowUp, design: Design, measure: str, *, conf_level: float = 0.95, role: str = "primary"
) -> Estimate:
    """Estimate the effect of a programme on an outcome.

    Parameters
    ----------
    followup : FollowUp
        The outcome; brought into the order of the design by ``unit_id``.
    design : Design
        Who counts, and how much.
    measure : str
        A key of ``MEASURES``.
    conf_level : float
        Between 0 and 1.
    role : str
        ``primary``, ``secondary`` or ``check``.

    Returns
    -------
    Estimate
        On the natural scale; influence values in the order of the design.

    Raises
    ------
    UsageError
        If the measure is not known or the confidence level is not between 0 and 1.
    EstimationError
        If an arm is empty, too short of follow-up or events, nothing varies, or a measure of counts finds none.

    Examples
    --------
    >>> estimate_effect(followup, design, "risk_difference")  # doctest: +SKIP
    """
    if measure not in MEASURES:
        raise UsageError(f"'{measure}' is not a measure.", f"Choose one of: {', '.join(MEASURES)}.")
    if not 0.0 < conf_level < 1.0:
        raise UsageError(f"The confidence level must lie between 0 and 1; it is {conf_level:g}.", "Choose 0.95.")
    chosen = MEASURES[measure]
    sample = align_followup(followup, design)
    _require_both_arms(sample, design.treated)
    contrast = correct_contrast(_contrast(chosen, sample, design.treated), design, sample.weight)

    def recompute(kept: Indices, weight: Floats) -> float:
        return _value(chosen, sample, design.treated, kept, weight)

    inference = infer(contrast, design, sample, recompute, scale=chosen.scale, conf_level=conf_level)
    return _estimate(followup, design, measure=chosen, contrast=contrast, inference=inference, sample=sample, role=role)


def _contrast(measure: Measure, sample: Sample, treated: Flags) -> Contrast:
    """Compute the contrast on the units used; the influence of the others is 0."""
    used = np.flatnonzero(sample.weight > 0)
    found = _on_units(measure, sample, treated, used, sample.weight[used])
    influence = np.zeros(sample.weight.size)
    influence[used] = found.influence
    return replace(found, influence=influence)


def _value(measure: Measure, sample: Sample, treated: Flags, kept: Indices, weight: Floats) -> float:
    return _on_units(measure, sample, treated, kept[weight > 0], weight[weight > 0]).value


def _on_units(measure: Measure, sample: Sample, treated: Flags, used: Indices, weight: Floats) -> Contrast:
    """Give the leaf what it needs, for the units at the positions ``used`` alone."""
    if measure.needs == "times":
        return measure.leaf(sample.time[used], sample.event[used], treated[used], weight, sample.horizon)
    if sample.counts is None:
        raise EstimationError(
            f"'{measure.name}' needs the number of events of each unit; the follow-up has none.",
            "Choose an outcome that counts, or another measure.",
        )
    return measure.leaf(sample.counts.take(used), treated[used], weight, sample.horizon)


def _require_both_arms(sample: Sample, treated: Flags) -> None:
    used = sample.weight > 0
    for arm, name in ((treated, "treated"), (~treated, "comparison")):
        if not (used & arm).any():
            raise EstimationError(f"No {name} unit with follow-up is left.", "Choose another design or outcome.")


def _estimate(
    followup: FollowUp,
    design: Design,
    *,
    measure: Measure,
    contrast: Contrast,
    inference: Inference,
    sample: Sample,
    role: str,
) -> Estimate:
    used = sample.weight > 0
    happened = used & sample.event & (sample.time <= sample.horizon)
    made = inference.interval
    return Estimate(
        programme=design.cohort.programme,
        outcome=followup.outcome,
        measure=measure.name,
        method=design.method,
        estimand=design.estimand,
        treated_value=contrast.treated_value,
        comparison_value=contrast.comparison_value,
        estimate=float(np.exp(contrast.value)) if measure.scale == "log" else contrast.value,
        std_error=made.std_error,
        df=made.df,
        conf_low=made.conf_low,
        conf_high=made.conf_high,
        p_value=made.p_value,
        interval=inference.how,
        n_treated=int((used & design.treated).sum()),
        n_comparison=int((used & ~design.treated).sum()),
        effective_n=effective_size(sample.weight[~design.treated]),
        events_treated=int((happened & design.treated).sum()),
        events_comparison=int((happened & ~design.treated).sum()),
        horizon=followup.horizon,
        time_unit=followup.time_unit,
        influence=contrast.influence,
        role=role,
        notes=(*sample.notes, *inference.notes),
    )
