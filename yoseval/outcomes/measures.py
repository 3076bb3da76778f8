"""The menu of measures, and the function that estimates any of them.

Takes a follow-up and a design and gives an estimate with its interval. The statistics are in the leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import EstimationError, UsageError
from yoseval.models.variance import Scale, effective_size
from yoseval.outcomes.binary import risk_difference, risk_ratio
from yoseval.outcomes.contrast import Inference, Sample, align_followup, correct_contrast, infer
from yoseval.outcomes.survival import hazard_ratio, restricted_mean_difference, survival_difference
from yoseval.outcomes.types import Contrast, Estimate, FollowUp

Leaf = Callable[[Floats, Flags, Flags, Floats, float], Contrast]


@dataclass(frozen=True, slots=True)
class Measure:
    """A way to contrast two arms.

    Parameters
    ----------
    name : str
        Its key in ``MEASURES``.
    leaf : callable
        From (time, event, treated, weight, horizon) to a contrast.
    scale : str
        ``identity``, or ``log`` where the value is the logarithm of a ratio.
    null : float
        The value of no effect: 0 for differences, 1 for ratios.
    benefit : int
        -1 where a lower value is good, +1 where a higher one is, for an outcome one wants less of.
    label : str
        Its name in words.
    unit : str
        ``proportion``, ``ratio`` or ``time``.
    """

    name: str
    leaf: Leaf
    scale: Scale
    null: float
    benefit: int
    label: str
    unit: str


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
        If an arm is empty, too short of follow-up or events, or nothing varies.

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
    found = measure.leaf(sample.time[used], sample.event[used], treated[used], sample.weight[used], sample.horizon)
    influence = np.zeros(sample.weight.size)
    influence[used] = found.influence
    return replace(found, influence=influence)


def _value(measure: Measure, sample: Sample, treated: Flags, kept: Indices, weight: Floats) -> float:
    used, own = kept[weight > 0], weight[weight > 0]
    return measure.leaf(sample.time[used], sample.event[used], treated[used], own, sample.horizon).value


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
