"""The menu of measures, and the function that estimates any of them.

Takes a follow-up and a design and gives an estimate with its interval. The statistics are in the leaves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import UsageError
from yoseval.models.variance import effective_size
from yoseval.outcomes.adjusted import AdjustedLeaf, Adjustment, adjustment_note, require_adjustable, with_adjustment
from yoseval.outcomes.applying import Measure, contrast_of, design_for, fit_notes, sample_for, value_on, values_on_many
from yoseval.outcomes.bias_adjustment import adjust_for_bias
from yoseval.outcomes.binary import odds, odds_ratio, risk_difference, risk_ratio, risks
from yoseval.outcomes.competing import cause_specific_ratio, incidence_difference, subdistribution_ratio
from yoseval.outcomes.contrast import Inference, Sample, correct_contrast, infer
from yoseval.outcomes.counts import mean_count_difference, mean_count_ratio
from yoseval.outcomes.cured import cure_fraction_difference
from yoseval.outcomes.instrument import instrument
from yoseval.outcomes.rates import count_dispersion_note, dispersion_note, rate_ratio
from yoseval.outcomes.recurrent import ag, lwyy, pwp_gap, pwp_total
from yoseval.outcomes.severity import severity_odds, win_ratio
from yoseval.outcomes.survival import (
    hazard_ratio,
    mean_times,
    restricted_mean_difference,
    restricted_mean_ratio,
    shares_without,
    survival_difference,
)
from yoseval.outcomes.types import Contrast, Estimate, FollowUp

_OF_CAUSES, _OF_COUNTS, _OF_WORST = ("time", "cause"), ("counts",), ("severity",)


def _difference(leaf: Callable[..., Contrast], label: str, unit: str = "proportion", benefit: int = -1, **more: Any) -> Measure:
    return Measure(leaf.__name__, leaf, "identity", 0.0, benefit, label, unit, **more)


def _ratio(leaf: Callable[..., Contrast], label: str, benefit: int = -1, **more: Any) -> Measure:
    return Measure(leaf.__name__, leaf, "log", 1.0, benefit, label, "ratio", **more)


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        _difference(risk_difference, "difference in risk", shares="with", of_arm=risks),
        _ratio(risk_ratio, "risk ratio", shares="with", of_arm=risks),
        _ratio(odds_ratio, "odds ratio", shares="with", of_arm=odds),
        _difference(survival_difference, "difference in survival", benefit=1, shares="without", of_arm=shares_without),
        _difference(restricted_mean_difference, "difference in mean time without the outcome", "time", 1, of_arm=mean_times),
        _ratio(restricted_mean_ratio, "ratio of mean times without the outcome", 1, of_arm=mean_times),
        _ratio(hazard_ratio, "hazard ratio"),
        _difference(incidence_difference, "difference in cumulative incidence", takes=_OF_CAUSES, shares="with"),
        _ratio(cause_specific_ratio, "cause-specific hazard ratio", takes=_OF_CAUSES),
        _ratio(subdistribution_ratio, "subdistribution hazard ratio", takes=_OF_CAUSES),
        _difference(mean_count_difference, "difference in mean number of events", "count", takes=_OF_COUNTS),
        _ratio(mean_count_ratio, "ratio of mean numbers of events", takes=_OF_COUNTS, check=count_dispersion_note),
        _ratio(rate_ratio, "rate ratio", takes=("counts", "days_at_risk"), check=dispersion_note),
        _ratio(lwyy, "rate ratio of recurrent events", takes=_OF_COUNTS),
        _ratio(ag, "intensity ratio of recurrent events", takes=_OF_COUNTS),
        _ratio(pwp_total, "hazard ratio of each next event", takes=_OF_COUNTS),
        _ratio(pwp_gap, "hazard ratio since the last event", takes=_OF_COUNTS),
        _ratio(severity_odds, "odds ratio of a worse outcome", takes=_OF_WORST),
        _ratio(win_ratio, "win ratio", 1, takes=("severity", "time", "event")),
        _difference(cure_fraction_difference, "difference in the fraction who never have the outcome", benefit=1),
        _difference(
            instrument,
            "difference in risk by an instrument",
            takes=("time", "event", "instrument", "covariates"),
            everybody=True,
        ),
    )
}


def estimate_effect(
    followup: FollowUp,
    design: Design,
    measure: str,
    *,
    conf_level: float = 0.95,
    role: str = "primary",
    variance: str = "auto",
    clusters: str | None = None,
    adjustment: str = "none",
    adjust: Sequence[str] = (),
    learner: Any = None,
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
    variance : str
        A key of ``VARIANCES``; ``auto`` follows the design.
    clusters : str, optional
        Column of the cohort's units that names groups of dependent units, if not the one that the cohort declares.
    adjustment : str
        A key of ``ADJUSTMENTS``: a model of the outcome on top of the design's weights.
    adjust : sequence of str
        Columns of the cohort that the model takes; the design's covariates if empty. Without an adjustment, the covariates for
        which matching with replacement is adjusted for its bias: see ``adjust_for_bias``.
    learner : classifier of scikit-learn, optional
        In place of the model's logistic regression, for ``aipw`` and ``tmle``.

    Returns
    -------
    Estimate
        On the natural scale; influence values in the order of the design.

    Raises
    ------
    UsageError
        If the measure, variance or adjustment is not known, they do not go together or with the design, or the confidence
        level is not between 0 and 1.
    EstimationError
        If an arm is empty, too short of follow-up or events, nothing varies, or the follow-up does not tell what is needed.

    Examples
    --------
    >>> estimate_effect(followup, design, "risk_difference")  # doctest: +SKIP
    """
    chosen = require_measure(measure)
    design = design_for(chosen, design)
    if not 0.0 < conf_level < 1.0:
        raise UsageError(f"The confidence level must lie between 0 and 1; it is {conf_level:g}.", "Choose 0.95.")
    sample = sample_for(chosen, followup, design)
    wanted = Adjustment(adjustment, tuple(adjust), learner)
    is_for_bias = bool(adjust) and adjustment == "none"
    if not is_for_bias:
        require_adjustable(measure, wanted, design)
    if adjustment != "none":
        chosen, sample = _adjusted(chosen, sample, wanted, design)
    contrast = correct_contrast(contrast_of(chosen, sample, design.treated), design, sample.weight)
    if is_for_bias:
        contrast = adjust_for_bias(contrast, design, sample.weight, measure, adjust)

    def recompute(kept: Indices, weight: Floats) -> float:
        return value_on(chosen, sample, design.treated, kept, weight)

    inference = infer(
        contrast,
        design,
        sample,
        recompute,
        recompute_many=partial(values_on_many, chosen, sample, design.treated),
        scale=chosen.scale,
        conf_level=conf_level,
        variance=variance,
        clusters=clusters,
        of_shares=bool(chosen.shares) and chosen.scale == "identity",
    )
    found = _estimate(followup, design, measure=chosen, contrast=contrast, inference=inference, sample=sample, role=role)
    return replace(found, adjustment=adjustment, adjust=wanted.covariates)


def effect_value(followup: FollowUp, design: Design, measure: str) -> float:
    """Return the value of an effect alone, without an interval.

    Parameters
    ----------
    followup, design, measure
        As for ``estimate_effect``.

    Returns
    -------
    float
        On the natural scale, as ``Estimate.estimate``.

    Raises
    ------
    UsageError
        If the measure is not known.
    EstimationError
        If it cannot be computed.

    Examples
    --------
    >>> effect_value(followup, design, "risk_ratio")  # doctest: +SKIP
    """
    chosen = require_measure(measure)
    value = contrast_of(chosen, sample_for(chosen, followup, design), design.treated).value
    return float(np.exp(value)) if chosen.scale == "log" else float(value)


def require_measure(measure: str) -> Measure:
    """Return the measure of a name, or raise a UsageError that names those there are."""
    if measure not in MEASURES:
        raise UsageError(f"'{measure}' is not a measure.", f"Choose one of: {', '.join(MEASURES)}.")
    return MEASURES[measure]


def _adjusted(measure: Measure, sample: Sample, adjustment: Adjustment, design: Design) -> tuple[Measure, Sample]:
    """Put the adjusted leaf in the measure's place, and in the sample what it takes."""
    leaf = AdjustedLeaf(measure.name, adjustment, design.weighting.estimand)
    ready = with_adjustment(sample, measure.name, adjustment, design)
    notes = (*ready.notes, adjustment_note(adjustment, design))
    return replace(measure, leaf=leaf, takes=leaf.takes, check=None, of_arm=None), replace(ready, notes=notes)


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
    made, value = inference.interval, contrast.value
    if contrast.quotient is not None:
        value = contrast.quotient.possible(value)
    return Estimate(
        programme=design.cohort.programme,
        outcome=followup.outcome,
        measure=measure.name,
        method=design.method,
        estimand=design.estimand,
        treated_value=contrast.treated_value,
        comparison_value=contrast.comparison_value,
        estimate=float(np.exp(value)) if measure.scale == "log" else value,
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
        notes=(*sample.notes, *inference.notes, *fit_notes(measure, sample, design.treated)),
    )
