"""The open half of an evaluation: outcomes for a locked trial, effects, checks and a finding."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.prepared import flow_after_outcomes
from yoseval.design.imputed import Designs, ImputedDesigns, first_of
from yoseval.design.types import Design
from yoseval.errors import EstimationError, FollowUpTooShortError, TooFewEventsError, UsageError
from yoseval.evaluation.bootstrap import bootstrap_effect
from yoseval.evaluation.evaluability import event_reasons
from yoseval.evaluation.finding import Evidence, Finding, Outcome, judge
from yoseval.evaluation.multiplicity import holm
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.outcomes.adjusted import Adjustment, adjustment_note
from yoseval.outcomes.imputed import estimate_designs
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.survival import survival_curves
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.checks import assess_sensitivity
from yoseval.sensitivity.hazards import proportionality_note
from yoseval.sensitivity.probing import Check, Lagged, Linked, Redrawn
from yoseval.sensitivity.ties import TieSensitivity, distance_range, with_effects

#: Days after time zero whose offences are left out as a check, beside the estimate that counts them.
LAG_DAYS = 30

#: Why a primary outcome has no estimate; whatever else stands in the way is "not_estimable", and in the notes.
_REFUSALS = ((FollowUpTooShortError, "follow_up_too_short"), (TooFewEventsError, "too_few_events"))


class OutcomeSource(Protocol):
    """Where outcomes come from: the columns of a prepared file, or records after time zero. Opened for locked designs only."""

    def settle(self, design: Design) -> Design:
        """Return the design that effects are estimated with."""
        ...

    def naive(self, design: Design) -> Design:
        """Return the comparison without any adjustment."""
        ...

    def annex(self, design: Design) -> Mapping[str, pd.DataFrame]:
        """Return public frames beside the effects."""
        ...

    def follow(self, design: Design, outcome: OutcomeSection) -> FollowUp:
        """Return the follow-up of a design's units on one outcome."""
        ...

    def lagged(self, design: Design, outcome: OutcomeSection, days: int) -> FollowUp | None:
        """Return the follow-up that does not count the first days after time zero; None where that cannot be told."""
        ...


def evaluate_programme(source: OutcomeSource, trial: EmulatedTrial, *, seed: int = 0) -> Finding:
    """Open the outcomes of a locked trial and judge the programme by itself.

    Parameters
    ----------
    source : OutcomeSource
        The study's outcomes.
    trial : EmulatedTrial
        A locked trial.
    seed : int
        The study's seed: of the bootstrap, where the study asks for one.

    Returns
    -------
    Finding
        With p-values adjusted within the programme; ``evaluate_portfolio`` adjusts across programmes.

    Examples
    --------
    >>> evaluate_programme(read_outcomes(study), trial).verdict  # doctest: +SKIP
    """
    evidence = gather_evidence(source, trial, seed=seed)
    return judge(evidence, p_adjusted=evidence.p_holm)


def gather_evidence(source: OutcomeSource, trial: EmulatedTrial, *, seed: int = 0) -> Evidence:
    """Estimate every outcome of a locked trial and put the checks to the primary one."""
    if trial.design is None:
        return Evidence(trial, (), reasons=trial.reasons, notes=trial.notes)
    settled = _settled(source, trial.imputed or trial.design)
    others = tuple(_settled(source, d) for d in trial.alternatives)
    outcomes: list[Outcome] = []
    faults: list[tuple[int, EstimationError]] = []
    for position, section in enumerate(trial.protocol.outcomes):
        try:
            own = (trial.instrumented or settled) if MEASURES[section.measure].everybody else settled
            outcomes.append(_one_outcome(source, trial, own, others, section, seed=seed, primary=position == 0))
        except EstimationError as problem:
            faults.append((position, problem))
    reasons = list(trial.reasons)
    if faults and faults[0][0] == 0:
        # Without its primary outcome a programme has no finding, whatever else was estimated.
        reasons.append(next((code for kind, code in _REFUSALS if isinstance(faults[0][1], kind)), "not_estimable"))
    elif outcomes:
        reasons += event_reasons(outcomes[0].estimate)
    told = [n for n in first_of(settled).notes if n not in trial.design.notes]
    pooled = outcomes[0].estimate.notes[:1] if outcomes and trial.imputed is not None else ()
    adjusted = dict.fromkeys(o.section.adjustment for o in outcomes if o.section.adjustment != "none")
    how = (adjustment_note(Adjustment(name), first_of(settled)) for name in adjusted)
    notes = (*trial.notes, *told, *how, *pooled, *(str(problem) for _, problem in faults))
    annex = _annex(source, first_of(settled)) if outcomes else {}
    return Evidence(trial, tuple(outcomes), tuple(dict.fromkeys(reasons)), notes, _p_holm(trial, outcomes), annex)


def _annex(source: OutcomeSource, design: Design) -> Mapping[str, pd.DataFrame]:
    """Return what stands beside the effects; where it cannot be told the effects stand alone."""
    try:
        return source.annex(design)
    except EstimationError:
        return {}


def _settled(source: OutcomeSource, designs: Designs) -> Designs:
    """Return the design, or those of all imputations, that effects are estimated with."""
    if isinstance(designs, ImputedDesigns):
        return replace(designs, designs=tuple(source.settle(d) for d in designs.designs))
    return source.settle(designs)


def _one_outcome(
    source: OutcomeSource,
    trial: EmulatedTrial,
    designs: Designs,
    others: tuple[Designs, ...],
    section: OutcomeSection,
    *,
    seed: int,
    primary: bool,
) -> Outcome:
    design = first_of(designs)
    followup = source.follow(design, section)
    role, variance = "primary" if primary else "secondary", trial.protocol.design.variance
    estimate = estimate_designs(followup, designs, section.measure, role=role, variance=variance, adjustment=section.adjustment)
    ties = _ties(source, trial, design, followup, section.measure) if primary else None
    redrawn = _redrawn(section, followup, designs, seed) if primary else None
    # Checks are put to the primary outcome only: what else is a ratio of hazards says at least whether it is one number.
    note = "" if primary else proportionality_note(estimate, followup, designs)
    estimate = replace(estimate, notes=(*estimate.notes, note)) if note else estimate
    checks = _checks(source, trial, estimate, followup, (designs, *others), ties, redrawn) if primary else ()
    curves = survival_curves(followup, design, competing=section.competes)
    return Outcome(section, estimate, checks, curves, _flow(design, followup), ties)


def _ties(
    source: OutcomeSource, trial: EmulatedTrial, settled: Design, followup: FollowUp, measure: str
) -> TieSensitivity | None:
    """Return how far distance and effect move with the order of rows; None where the design has no ties to break."""
    if trial.design is None or not trial.reordered:
        return None
    distances = distance_range(trial.design, trial.reordered)
    try:
        return with_effects(distances, settled, [source.settle(d) for d in trial.reordered], followup, measure)
    except EstimationError:
        return None


def _checks(
    source: OutcomeSource,
    trial: EmulatedTrial,
    estimate: Estimate,
    followup: FollowUp,
    designs: tuple[Designs, ...],
    ties: TieSensitivity | None,
    redrawn: Redrawn | None,
) -> tuple[Check, ...]:
    """Put the checks to the primary estimate; the first of ``designs`` is its own, the others are alternatives."""
    share, section = trial.protocol.linkage, trial.protocol.outcomes[0]
    first = first_of(designs[0])
    later = source.lagged(first, section, LAG_DAYS)
    return assess_sensitivity(
        estimate,
        followup,
        designs[0],
        alternatives=designs[1:],
        naive=source.naive(first),
        noun=section.noun,
        linked=Linked(share.treated, share.comparison, share.ratio) if share is not None else None,
        lagged=Lagged(later, LAG_DAYS) if later is not None else None,
        redrawn=redrawn,
        variance=trial.protocol.design.variance,
        ties=ties,
        with_category=source.settle(trial.with_category) if trial.with_category is not None else None,
    )


def _redrawn(section: OutcomeSection, followup: FollowUp, design: Designs, seed: int) -> Redrawn | None:
    """Return what a bootstrap says, where the study asks for one."""
    if not section.bootstrap:
        return None
    if isinstance(design, ImputedDesigns):
        return Redrawn(problem="A bootstrap of imputed designs is not made: their spread is in Rubin's rules.")
    try:
        return Redrawn(bootstrap_effect(followup, design, section.measure, replicates=section.bootstrap, seed=seed).estimate)
    except (EstimationError, UsageError) as problem:
        return Redrawn(problem=str(problem))


def _flow(design: Design, followup: FollowUp) -> pd.DataFrame:
    used = design.weight > 0
    seen = np.isin(design.cohort.units["unit_id"].to_numpy(dtype=str), followup.unit_id.astype(str))
    return flow_after_outcomes(design.attrition, design.treated, used & ~seen)


def _p_holm(trial: EmulatedTrial, outcomes: list[Outcome]) -> float:
    """Return the primary outcome's p-value, by Holm among the confirmatory outcomes of the programme."""
    family = [o for o in outcomes if o.estimate.role == "primary" or o.section.confirmatory]
    if not family or family[0].estimate.role != "primary":
        return float("nan")
    return float(holm([o.estimate.p_value for o in family])[0])
