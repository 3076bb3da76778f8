"""The open half of an evaluation: outcomes for a locked trial, effects, checks and a finding."""

import numpy as np
import pandas as pd

from yoseval.cohort.prepared import flow_after_outcomes
from yoseval.cohort.sections import OutcomeSection
from yoseval.design.types import Design
from yoseval.errors import EstimationError, FollowUpTooShortError
from yoseval.evaluation.evaluability import event_reasons
from yoseval.evaluation.finding import Evidence, Finding, Outcome, judge
from yoseval.evaluation.multiplicity import holm
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.outcomes.followup import OutcomeTable, observe_outcome
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.survival import survival_curves
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.checks import Check, Linked, assess_sensitivity


def evaluate_programme(source: OutcomeTable, trial: EmulatedTrial, *, seed: int = 0) -> Finding:
    """Open the outcomes of a locked trial and judge the programme by itself.

    Parameters
    ----------
    source : OutcomeTable
        The study's outcomes.
    trial : EmulatedTrial
        A locked trial.
    seed : int
        The study's seed; every method of this version is deterministic, so it changes nothing yet.

    Returns
    -------
    Finding
        With p-values adjusted within the programme; ``evaluate_portfolio`` adjusts across programmes.

    Examples
    --------
    >>> evaluate_programme(read_outcomes(study), trial).verdict  # doctest: +SKIP
    """
    evidence = gather_evidence(source, trial)
    return judge(evidence, p_adjusted=evidence.p_holm)


def gather_evidence(source: OutcomeTable, trial: EmulatedTrial) -> Evidence:
    """Estimate every outcome of a locked trial and put the checks to the primary one."""
    design = trial.design
    if design is None:
        return Evidence(trial, (), reasons=trial.reasons, notes=trial.notes)
    outcomes: list[Outcome] = []
    faults: list[tuple[int, EstimationError]] = []
    for position, section in enumerate(trial.protocol.outcomes):
        try:
            outcomes.append(_one_outcome(source, trial, design, section, primary=position == 0))
        except EstimationError as problem:
            faults.append((position, problem))
    reasons = list(trial.reasons)
    if faults and faults[0][0] == 0:
        # Without its primary outcome a programme has no finding, whatever else was estimated.
        reasons.append("follow_up_too_short" if isinstance(faults[0][1], FollowUpTooShortError) else "too_few_events")
    elif outcomes:
        reasons += event_reasons(outcomes[0].estimate)
    notes = (*trial.notes, *(str(problem) for _, problem in faults))
    return Evidence(trial, tuple(outcomes), tuple(dict.fromkeys(reasons)), notes, _p_holm(trial, outcomes))


def _one_outcome(
    source: OutcomeTable, trial: EmulatedTrial, design: Design, section: OutcomeSection, *, primary: bool
) -> Outcome:
    followup = observe_outcome(source, design.cohort, section)
    estimate = estimate_effect(followup, design, section.measure, role="primary" if primary else "secondary")
    checks = _checks(trial, estimate, followup, design) if primary else ()
    return Outcome(section, estimate, checks, survival_curves(followup, design), _flow(design, followup))


def _checks(trial: EmulatedTrial, estimate: Estimate, followup: FollowUp, design: Design) -> tuple[Check, ...]:
    protocol = trial.protocol
    share = protocol.linkage
    linked = Linked(share.treated, share.comparison, share.ratio) if share is not None else None
    noun = protocol.outcomes[0].noun
    return assess_sensitivity(estimate, followup, design, alternatives=trial.alternatives, noun=noun, linked=linked)


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
