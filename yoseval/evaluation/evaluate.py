"""The open half of an evaluation: outcomes for a locked trial, effects, checks and a finding."""

from collections.abc import Mapping
from typing import Protocol

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
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.survival import survival_curves
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.checks import Check, Lagged, Linked, assess_sensitivity

#: Days after time zero whose offences are left out as a check, beside the estimate that counts them.
LAG_DAYS = 30


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


def gather_evidence(source: OutcomeSource, trial: EmulatedTrial) -> Evidence:
    """Estimate every outcome of a locked trial and put the checks to the primary one."""
    if trial.design is None:
        return Evidence(trial, (), reasons=trial.reasons, notes=trial.notes)
    settled = source.settle(trial.design)
    others = tuple(source.settle(d) for d in trial.alternatives)
    outcomes: list[Outcome] = []
    faults: list[tuple[int, EstimationError]] = []
    for position, section in enumerate(trial.protocol.outcomes):
        try:
            outcomes.append(_one_outcome(source, trial, settled, others, section, primary=position == 0))
        except EstimationError as problem:
            faults.append((position, problem))
    reasons = list(trial.reasons)
    if faults and faults[0][0] == 0:
        # Without its primary outcome a programme has no finding, whatever else was estimated.
        reasons.append("follow_up_too_short" if isinstance(faults[0][1], FollowUpTooShortError) else "too_few_events")
    elif outcomes:
        reasons += event_reasons(outcomes[0].estimate)
    told = tuple(n for n in settled.notes if n not in trial.design.notes)
    notes = (*trial.notes, *told, *(str(problem) for _, problem in faults))
    annex = _annex(source, settled) if outcomes else {}
    return Evidence(trial, tuple(outcomes), tuple(dict.fromkeys(reasons)), notes, _p_holm(trial, outcomes), annex)


def _annex(source: OutcomeSource, design: Design) -> Mapping[str, pd.DataFrame]:
    """Return what stands beside the effects; where it cannot be told the effects stand alone."""
    try:
        return source.annex(design)
    except EstimationError:
        return {}


def _one_outcome(
    source: OutcomeSource,
    trial: EmulatedTrial,
    design: Design,
    others: tuple[Design, ...],
    section: OutcomeSection,
    *,
    primary: bool,
) -> Outcome:
    followup = source.follow(design, section)
    estimate = estimate_effect(followup, design, section.measure, role="primary" if primary else "secondary")
    naive = source.naive(design)
    later = source.lagged(design, section, LAG_DAYS) if primary else None
    lagged = Lagged(later, LAG_DAYS) if later is not None else None
    checks = _checks(trial, estimate, followup, design, (naive, *others), lagged) if primary else ()
    return Outcome(section, estimate, checks, survival_curves(followup, design), _flow(design, followup))


def _checks(
    trial: EmulatedTrial,
    estimate: Estimate,
    followup: FollowUp,
    design: Design,
    beside: tuple[Design, ...],
    lagged: Lagged | None,
) -> tuple[Check, ...]:
    protocol = trial.protocol
    share = protocol.linkage
    linked = Linked(share.treated, share.comparison, share.ratio) if share is not None else None
    noun = protocol.outcomes[0].noun
    return assess_sensitivity(
        estimate, followup, design, naive=beside[0], alternatives=beside[1:], noun=noun, linked=linked, lagged=lagged
    )


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
