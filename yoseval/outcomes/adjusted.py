"""The menu of adjustments by a model of the outcome, and what each measure makes of the arms' means.

Takes the name of a measure and of an adjustment and gives a leaf with the fields it takes. The statistics are in the leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.adjustments import ADJUSTMENTS_OF
from yoseval.cohort.covariates import code_covariates
from yoseval.design.types import Design
from yoseval.errors import DesignError, EstimationError, UsageError
from yoseval.models.working_model import Family
from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_odds_ratio, log_ratio
from yoseval.outcomes.censored import LEAVING_NOTE, Known, known_outcomes, left_before
from yoseval.outcomes.contrast import Sample
from yoseval.outcomes.counts import counts_to
from yoseval.outcomes.doubly_robust import deal_children, doubly_robust
from yoseval.outcomes.standardised import Standardised, g_computation
from yoseval.outcomes.types import Contrast

ADJUSTMENTS: Mapping[str, str] = {
    "none": "the design's weights alone",
    "g_computation": "outcomes predicted by a weighted regression and averaged over those the effect is about",
    "aipw": "augmented weighting, cross-fitted",
    "tmle": "targeted maximum likelihood, cross-fitted",
}
"""Adjustments by a model of the outcome, in words."""

OF_RISKS: Mapping[str, Callable[[ArmMean, ArmMean], Contrast]] = {
    "risk_difference": difference,
    "risk_ratio": log_ratio,
    "odds_ratio": log_odds_ratio,
}
OF_COUNTS: Mapping[str, Callable[[ArmMean, ArmMean], Contrast]] = {
    "mean_count_difference": difference,
    "mean_count_ratio": log_ratio,
}
"""Measures that can be adjusted, and what they make of the means of both arms."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """How an effect is adjusted.

    Parameters
    ----------
    name : str
        A key of ``ADJUSTMENTS``.
    covariates : tuple of str
        Columns of the cohort; the design's own if empty.
    learner : classifier of scikit-learn, optional
        In place of the logistic model of the outcome, for ``aipw`` and ``tmle``.
    """

    name: str = "none"
    covariates: tuple[str, ...] = ()
    learner: Any = field(default=None)


@dataclass(frozen=True, slots=True)
class AdjustedLeaf:
    """Computes an adjusted contrast; called as the leaf of a measure.

    Parameters
    ----------
    measure : str
        A key of ``OF_RISKS`` or ``OF_COUNTS``.
    adjustment : Adjustment
        Not ``none``.
    estimand : str
        As of the design's weights.
    """

    measure: str
    adjustment: Adjustment
    estimand: str

    @property
    def takes(self) -> tuple[str, ...]:
        """Fields of the sample, in the order of the call."""
        outcome = ("time", "event") if self.measure in OF_RISKS else ("counts",)
        return (*outcome, "covariates", "fold")

    def __call__(self, *given: Any) -> Contrast:
        """Return the contrast from what ``takes`` names, then ``treated``, ``weight`` and ``horizon``."""
        *outcome, covariates, fold, treated, weight, horizon = given
        of_units = (treated, weight, covariates, fold)
        try:
            if self.measure in OF_COUNTS:
                one, nought = self._means(counts_to(outcome[0], horizon), *of_units)
                return OF_COUNTS[self.measure](one.arm, nought.arm)
            known = known_outcomes(outcome[0], outcome[1], treated, weight, horizon)
            one, nought = self._means(known.outcome, *of_units, known.stands_for)
            return OF_RISKS[self.measure](_with_leaving(one, known), _with_leaving(nought, known))
        except DesignError as problem:
            raise EstimationError(problem.problem, "Use a larger group, or no adjustment.") from problem

    def _means(
        self,
        y: Floats,
        treated: Flags,
        weight: Floats,
        covariates: Floats,
        fold: Indices,
        stands_for: Floats | None = None,
    ) -> tuple[Standardised, Standardised]:
        family: Family = "logistic" if self.measure in OF_RISKS else "linear"
        how, about = self.adjustment.name, self.estimand
        if how == "g_computation":
            return g_computation(y, treated, weight, covariates, estimand=about, family=family, stands_for=stands_for)
        fitted = partial(doubly_robust, learner=self.adjustment.learner, stands_for=stands_for)
        return fitted(how, y, treated, weight, covariates, fold, estimand=about, family=family)


def _with_leaving(mean: Standardised, known: Known) -> ArmMean:
    """Add to the influence on a mean what goes through whom the known outcomes stand for."""
    through, arm = known.through(mean.by_known), mean.arm
    return ArmMean(arm.value, arm.influence + through, mean.by_weight + through)


def require_adjustable(measure: str, adjustment: Adjustment, design: Design) -> None:
    """Refuse adjustments that a measure or a design does not have.

    Raises
    ------
    UsageError
        If the adjustment is not known, the measure has none of that name, or covariates are not the cohort's.
    EstimationError
        If the design matches with replacement.
    """
    if adjustment.name not in ADJUSTMENTS:
        raise UsageError(f"'{adjustment.name}' is not an adjustment.", f"Choose one of: {', '.join(ADJUSTMENTS)}.")
    if adjustment.name == "none":
        if adjustment.covariates or adjustment.learner is not None:
            raise UsageError("Covariates or a learner were given with the adjustment 'none'.", "Name the adjustment.")
        return
    able = [name for name, adjustments in ADJUSTMENTS_OF.items() if adjustment.name in adjustments]
    if measure not in able:
        raise UsageError(f"'{measure}' cannot be adjusted by '{adjustment.name}'.", f"Measures that can: {', '.join(able)}.")
    if adjustment.learner is not None and (adjustment.name == "g_computation" or measure in OF_COUNTS):
        raise UsageError("A learner goes with 'aipw' or 'tmle' and a measure of risks.", "Leave it out.")
    absent = [c for c in adjustment.covariates if c not in design.cohort.units.columns]
    if absent:
        raise UsageError(f"The cohort has no {', '.join(absent)}.", "Name columns of the cohort.")
    if design.weighting.pairs is not None:
        raise EstimationError(
            "Adjusted effects of designs that match with replacement have no valid standard error here.",
            "Match without replacement, or use the adjustment 'none'.",
        )


def with_adjustment(sample: Sample, measure: str, adjustment: Adjustment, design: Design) -> Sample:
    """Return the sample with the covariates and folds that an adjustment needs."""
    names = adjustment.covariates or design.cohort.covariates
    values = code_covariates(design.cohort.units, tuple(names)).values
    fold = np.zeros(len(values), dtype=np.int64)
    used = sample.weight > 0
    if adjustment.name != "g_computation":
        child = np.unique(design.person_id.astype(str), return_inverse=True)[1]
        fold[used] = deal_children(child[used], design.treated[used])
    left = used & left_before(sample.time, sample.event, sample.horizon)
    # Counts have ends of their own, and are refused where one lies before the horizon.
    notes = (LEAVING_NOTE,) if measure in OF_RISKS and left.any() else ()
    return replace(sample, covariates=values, fold=fold, notes=(*sample.notes, *notes))


def adjustment_note(adjustment: Adjustment, design: Design) -> str:
    """Say how an effect was adjusted."""
    names = adjustment.covariates or design.cohort.covariates
    by = "a learner of one's own" if adjustment.learner is not None else "a regression"
    return f"Adjusted after the design: {ADJUSTMENTS[adjustment.name]}; {by} on {', '.join(names)}."
