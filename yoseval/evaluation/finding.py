"""What may be said: a verdict by the claim grammar, with its reasons and its grade.

Takes everything that was estimated for one programme and gives a `Finding`. Words are made later, by
reporting, from figures that passed disclosure control.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.design.cloning import METHOD as CLONES
from yoseval.design.types import Design
from yoseval.evaluation.evaluability import ALPHA, detectable_by, minimum_detectable_effect
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import make_frame
from yoseval.models.variance import effective_size
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.types import Estimate
from yoseval.sensitivity.probing import Check
from yoseval.sensitivity.ties import TieSensitivity

NOT_EVALUABLE = "not_evaluable"
NOT_COMPARABLE = "not_comparable"
LIKELY_REDUCED = "likely_reduced"
LIKELY_INCREASED = "likely_increased"
NO_WORTHWHILE_EFFECT = "no_worthwhile_effect"
CANNOT_TELL = "cannot_tell"
VERDICTS = (NOT_EVALUABLE, NOT_COMPARABLE, LIKELY_REDUCED, LIKELY_INCREASED, NO_WORTHWHILE_EFFECT, CANNOT_TELL)

GRADES = ("very low", "low", "moderate", "high")
# An interval limit that a hidden factor this weak could explain away does not support much.
WEAK_E_VALUE = 1.25
SMALL_ARM = 100
_SIZE_GATES = ("too_few_treated", "too_few_comparison", "too_few_events", "follow_up_too_short", "not_estimable")
_FAIRNESS_GATES = ("design_failed", "no_overlap", "separation", "imbalance")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One outcome of one programme: its estimate, the checks put to it, curves, the flow of units, and what ties decide."""

    section: OutcomeSection
    estimate: Estimate
    checks: tuple[Check, ...]
    curves: pd.DataFrame
    attrition: pd.DataFrame
    ties: TieSensitivity | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything that was estimated for one programme, before it is judged.

    Parameters
    ----------
    trial : EmulatedTrial
        The locked trial.
    outcomes : tuple of Outcome
        The primary one first; empty where nothing could be estimated.
    reasons : tuple of str
        Codes of the gates that failed.
    notes : tuple of str
        What a reader must know.
    p_holm : float
        The primary p-value, adjusted within the programme.
    annex : mapping of DataFrame
        Public frames beside the effects.
    """

    trial: EmulatedTrial
    outcomes: tuple[Outcome, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    p_holm: float = math.nan
    annex: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def primary(self) -> Outcome | None:
        """The primary outcome, if it could be estimated."""
        return next((o for o in self.outcomes if o.estimate.role == "primary"), None)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """The judgement of one programme.

    Parameters
    ----------
    evidence : Evidence
        What it rests on.
    verdict : str
        One of ``VERDICTS``.
    reasons : tuple of str
        Codes of what led to it.
    grade : str
        ``high`` to ``very low`` for a claim; empty where nothing is claimed.
    p_adjusted : float
        The p-value that was judged.
    mde : float
        Minimum detectable effect, on the measure's scale.
    tests_made : int
        Tests in the whole study.
    """

    evidence: Evidence
    verdict: str
    reasons: tuple[str, ...]
    grade: str = ""
    p_adjusted: float = math.nan
    mde: float = math.nan
    tests_made: int = field(default=1)

    @property
    def programme(self) -> str:
        """Id of the programme."""
        return self.evidence.trial.protocol.programme

    def to_frame(self) -> pd.DataFrame:
        """Return one row of the public frame ``findings``, without its sentences."""
        trial, primary = self.evidence.trial, self.evidence.primary
        section = trial.protocol.outcomes[0]
        row = {
            "programme": self.programme,
            "name": trial.protocol.name,
            "verdict": self.verdict,
            "grade": self.grade,
            "reasons": " | ".join(self.reasons),
            "notes": " | ".join(self.evidence.notes),
            "outcome": section.name,
            "measure": section.measure,
            "horizon": section.horizon,
            "time_unit": section.time_unit,
            "mde": self.mde,
            "p_adjusted": self.p_adjusted,
            "tests_made": self.tests_made,
            "worthwhile": worthwhile_on_scale(trial),
            "randomised": trial.protocol.design.method == "randomised",
        }
        return make_frame("findings", {**row, **_design_values(trial), **(_result_values(primary) if primary else {})})

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        primary = self.evidence.primary
        shown = str(primary.estimate).splitlines()[3:6] if primary else []
        return "\n".join(
            [
                f"Finding: {self.evidence.trial.protocol.name}",
                f"verdict: {self.verdict}",
                f"reasons: {', '.join(self.reasons)}",
                *shown,
            ]
        )


def judge(evidence: Evidence, *, p_adjusted: float, tests_made: int = 1) -> Finding:
    """Judge one programme by the claim grammar.

    Parameters
    ----------
    evidence : Evidence
        What was estimated.
    p_adjusted : float
        The primary p-value after every correction.
    tests_made : int
        Tests in the whole study.

    Returns
    -------
    Finding
    """
    primary = evidence.primary
    gate = _gate(evidence.reasons)
    if gate or primary is None:
        return Finding(evidence, gate or NOT_EVALUABLE, evidence.reasons, tests_made=tests_made)
    verdict, why = _verdict(primary.estimate, p_adjusted, worthwhile_on_scale(evidence.trial))
    lowered = _doubts(evidence, primary)
    grade = _grade(evidence, lowered) if verdict != CANNOT_TELL else ""
    reasons = (*why, *(["randomised"] if _is_randomised(evidence) else []), *lowered)
    return Finding(evidence, verdict, tuple(dict.fromkeys(reasons)), grade, p_adjusted, _mde(evidence, primary), tests_made)


def count_refusals(findings: Iterable[Finding]) -> dict[str, int]:
    """Count the programmes that each gate refused: by its code, in the order of the gates; a programme may fail several."""
    refused = [f.reasons for f in findings if f.verdict in (NOT_EVALUABLE, NOT_COMPARABLE)]
    counted = {gate: sum(gate in reasons for reasons in refused) for gate in (*_SIZE_GATES, *_FAIRNESS_GATES)}
    return {gate: n for gate, n in counted.items() if n}


def worthwhile_on_scale(trial: EmulatedTrial) -> float:
    """Return the smallest worthwhile change of the primary outcome on its measure's own scale.

    Per 100 people becomes a proportion for risks and a number per unit for mean counts; mean counts and other measures have
    none unless the outcome declares it.
    """
    section = trial.protocol.outcomes[0]
    if MEASURES[section.measure].unit == "proportion":
        return (section.worthwhile or trial.protocol.worthwhile) / 100
    if section.worthwhile is None:
        return math.nan
    return section.worthwhile / 100 if section.measure == "mean_count_difference" else section.worthwhile


def _gate(reasons: tuple[str, ...]) -> str:
    if any(r in _SIZE_GATES for r in reasons):
        return NOT_EVALUABLE
    return NOT_COMPARABLE if any(r in _FAIRNESS_GATES for r in reasons) else ""


def _verdict(e: Estimate, p_adjusted: float, worthwhile: float) -> tuple[str, tuple[str, ...]]:
    measure = MEASURES[e.measure]
    excludes = e.conf_high < measure.null or e.conf_low > measure.null
    within = _is_within(e, worthwhile)
    if excludes and p_adjusted <= ALPHA:
        better = (e.estimate - measure.null) * measure.benefit > 0
        return (LIKELY_REDUCED if better else LIKELY_INCREASED), ("excludes_zero", *(["within_worthwhile"] if within else []))
    why = ["not_significant_after_adjustment"] if excludes else []
    if within:
        return NO_WORTHWHILE_EFFECT, (*why, "within_worthwhile")
    return CANNOT_TELL, (*why, "no_worthwhile_declared" if math.isnan(worthwhile) else "wide_interval")


def _is_within(e: Estimate, worthwhile: float) -> bool:
    """Tell whether the interval lies within the smallest worthwhile change, either way."""
    if math.isnan(worthwhile):
        return False
    if MEASURES[e.measure].scale == "log":
        # A worthwhile ratio of 0.9 reaches from 0.9 to 1 / 0.9.
        reach = abs(math.log(worthwhile))
        return max(abs(math.log(e.conf_low)), abs(math.log(e.conf_high))) <= reach
    return -worthwhile <= e.conf_low and e.conf_high <= worthwhile


def _is_randomised(evidence: Evidence) -> bool:
    return evidence.trial.protocol.design.method == "randomised"


def _doubts(evidence: Evidence, primary: Outcome) -> tuple[str, ...]:
    """Return the codes of what lowers the grade of a claim."""
    design = evidence.trial.design
    e = primary.estimate
    limit = next((c.e_value_limit for c in primary.checks if c.check == "hidden_bias"), math.nan)
    doubts = (
        ("treated_lost", design is not None and _has_lost(design)),
        ("checks_disagree", any(c.agrees is False for c in primary.checks)),
        # Where the interval holds no difference there is no claim for hidden bias to explain away.
        ("hidden_bias_could_explain", 1.0 < limit < WEAK_E_VALUE),
        ("small_sample", min(e.n_treated, e.effective_n) < SMALL_ARM),
    )
    return tuple(code for code, holds in doubts if holds)


def _has_lost(design: Design) -> bool:
    """Tell whether units were lost that the effect was to be about; matching weights are about fewer by choice."""
    return design.estimand in {"ATM", "ATCM", "ATEM"} and design.method != "matching_weights"


def _grade(evidence: Evidence, doubts: tuple[str, ...]) -> str:
    """Start high if randomised and moderate otherwise; each doubt lowers it by one."""
    start = GRADES.index("high" if _is_randomised(evidence) else "moderate")
    return GRADES[max(0, start - len(doubts))]


def _mde(evidence: Evidence, primary: Outcome) -> float:
    design = evidence.trial.design
    if design is None:
        return math.nan
    treated = effective_size(design.weight[design.treated])
    if design.method == CLONES:
        # Copies are no children: what could be seen follows from the precision alone.
        return detectable_by(primary.estimate, MEASURES[primary.estimate.measure].scale)
    return minimum_detectable_effect(
        primary.estimate, treated, primary.estimate.effective_n, scale=MEASURES[primary.estimate.measure].scale
    )


def _design_values(trial: EmulatedTrial) -> dict[str, object]:
    if trial.design is None or trial.balance is None:
        cohort = trial.cohort
        sizes = {} if cohort is None else {"n_treated": int(cohort.treated.sum()), "n_comparison": int((~cohort.treated).sum())}
        return {**sizes, "method": "", "estimand": ""}
    design = trial.design
    used, treated = design.weight > 0, design.treated
    return {
        "method": design.method,
        "estimand": design.estimand,
        "max_smd": trial.balance.max_smd,
        "balanced": trial.balance.balanced,
        "n_treated": int((used & treated).sum()),
        "n_comparison": int((used & ~treated).sum()),
        "effective_n": effective_size(design.weight[~treated]),
    }


def _result_values(primary: Outcome) -> dict[str, object]:
    e = primary.estimate
    same = (
        "estimate",
        "std_error",
        "conf_low",
        "conf_high",
        "p_value",
        "treated_value",
        "comparison_value",
        "events_treated",
        "events_comparison",
        "n_treated",
        "n_comparison",
        "effective_n",
    )
    naive = next((c.estimates[0] for c in primary.checks if c.check == "naive"), None)
    hidden = next((c for c in primary.checks if c.check == "hidden_bias"), None)
    return {
        **{name: getattr(e, name) for name in same},
        "naive_estimate": naive.estimate if naive else np.nan,
        "naive_conf_low": naive.conf_low if naive else np.nan,
        "naive_conf_high": naive.conf_high if naive else np.nan,
        "e_value": hidden.e_value if hidden else np.nan,
        "e_value_limit": hidden.e_value_limit if hidden else np.nan,
    }
