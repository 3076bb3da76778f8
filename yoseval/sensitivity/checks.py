"""The menu of checks: each asks one question of an estimate and answers it in words.

Takes an estimate, its follow-up and its design (with the other designs that were locked beside it) and gives
checks and the estimates they rest on. No count of children is ever written into an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import EstimationError
from yoseval.frames import make_frame
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.bounds import linkage_bounds
from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to an estimate.

    Parameters
    ----------
    programme, outcome, check : str
        What was checked, and the check's name in ``CHECKS``.
    question, answer : str
        In words.
    value : str
        The figure behind the answer.
    agrees : bool or None
        False where the check speaks against the estimate; None where it is no yes or no.
    estimates : tuple of Estimate
        What was estimated on the way, with the role ``check``.
    e_value, e_value_limit : float
        Given by the check of hidden bias, otherwise not-a-number.
    """

    programme: str
    outcome: str
    check: str
    question: str
    answer: str
    value: str
    agrees: bool | None = None
    estimates: tuple[Estimate, ...] = ()
    e_value: float = float("nan")
    e_value_limit: float = float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row of the public frame ``checks``."""
        row = {c: getattr(self, c) for c in ("programme", "outcome", "check", "question", "value", "answer")}
        return make_frame("checks", row)

    def __str__(self) -> str:
        """Return the question and the answer."""
        return f"{self.question}\n{self.answer}"


@dataclass(frozen=True, slots=True)
class Linked:
    """Which share of each arm was linked to the records that outcomes come from.

    Parameters
    ----------
    treated, comparison : float
        Above 0 and at most 1.
    ratio : float, optional
        The most by which the risk of those not linked may differ from that of those linked; worst case if absent.
    """

    treated: float
    comparison: float
    ratio: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lagged:
    """A follow-up that does not count what happened in the first days after time zero.

    Parameters
    ----------
    followup : FollowUp
        Of the same units and outcome.
    days : int
        The lag: an event counts from the day after it.
    """

    followup: FollowUp
    days: int


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What checks look at: an estimate, what it rests on, and the designs locked beside it."""

    estimate: Estimate
    followup: FollowUp
    design: Design
    alternatives: tuple[Design, ...] = ()
    noun: str = "the outcome"
    linked: Linked | None = None
    naive: Design | None = None
    lagged: Lagged | None = None


def assess_sensitivity(
    estimate: Estimate,
    followup: FollowUp,
    design: Design,
    checks: Sequence[str] | None = None,
    *,
    alternatives: Sequence[Design] = (),
    noun: str = "the outcome",
    linked: Linked | None = None,
    naive: Design | None = None,
    lagged: Lagged | None = None,
) -> tuple[Check, ...]:
    """Put every check of ``checks`` (all of them by default) to an estimate.

    Parameters
    ----------
    estimate : Estimate
        The estimate that is probed.
    followup, design
        What it was made from.
    checks : sequence of str, optional
        Names in ``CHECKS``.
    alternatives : sequence of Design
        Other designs that were locked before outcomes were opened.
    noun : str
        The outcome as a noun, for the answers.
    linked : Linked, optional
        Which share of each arm was linked, where outcomes come from linked records.
    naive : Design, optional
        The comparison without any adjustment, where it is not that of the design's own arms.
    lagged : Lagged, optional
        The follow-up that begins to count later, where the source of outcomes can tell it.

    Examples
    --------
    >>> assess_sensitivity(estimate, followup, design)[0].answer  # doctest: +SKIP
    """
    probed = Probed(estimate, followup, design, tuple(alternatives), noun, linked, naive, lagged)
    return tuple(check for name in (checks or CHECKS) if (check := CHECKS[name](probed)) is not None)


def check_naive(probed: Probed) -> Check | None:
    """Ask what a comparison without any adjustment would have said."""
    naive = _try(probed, probed.naive or unadjusted_design(probed.design.cohort))
    if naive is None:
        return None
    shown = _range(naive)
    answer = f"A naive comparison would have said {shown}; after adjustment it is {_range(probed.estimate)}."
    return _check(probed, "naive", "What would a naive comparison have said?", answer, shown, None, (naive,))


def check_other_designs(probed: Probed) -> Check | None:
    """Ask whether the other designs that were locked would have said the same."""
    found = [e for e in (_try(probed, d) for d in probed.alternatives) if e is not None]
    if not found:
        return None
    same = [_same_side(e, probed.estimate) for e in found]
    words = "; ".join(f"{e.method}: {_range(e)}" for e in found)
    verb = "Yes" if all(same) else "Not all of them"
    answer = f"{verb}: {words}."
    value = f"{sum(same)} of {len(found)} within the interval's reach"
    return _check(
        probed, "other_designs", "Would another fair comparison have said the same?", answer, value, all(same), tuple(found)
    )


def check_half_way(probed: Probed) -> Check | None:
    """Ask whether it looked the same half way through the follow-up."""
    half = replace(probed.followup, horizon=probed.followup.horizon / 2)
    estimate = _try(probed, probed.design, half)
    if estimate is None:
        return None
    shown = _range(estimate)
    answer = f"After {half.horizon:g} {half.time_unit} it was {shown}; at the end it is {_range(probed.estimate)}."
    return _check(probed, "half_way", "Was it the same half way through the follow-up?", answer, shown, None, (estimate,))


def check_lag(probed: Probed) -> Check | None:
    """Ask whether it matters when counting begins; offences soon after time zero may precede what a programme can do."""
    later = probed.lagged
    estimate = None if later is None else _try(probed, probed.design, later.followup)
    if later is None or estimate is None:
        return None
    shown = _range(estimate)
    answer = (
        f"If offences of the first {later.days} days after time zero are not counted as reoffences, it is {shown}; "
        f"with them it is {_range(probed.estimate)}."
    )
    return _check(probed, "lag", "Does it matter when counting begins?", answer, shown, None, (estimate,))


def check_hidden_bias(probed: Probed) -> Check | None:
    """Ask how strong something unmeasured would have to be; not asked of a randomised programme."""
    if probed.design.cohort.randomised:
        return None
    ratio = _try(probed, probed.design, measure="risk_ratio")
    if ratio is None:
        return None
    point, limit = e_value(ratio.estimate), e_value_of_limit(ratio.estimate, ratio.conf_low, ratio.conf_high)
    question = "How strong would something we did not measure have to be to explain the result?"
    linked = f"To explain the estimate it would have to be linked with taking part and with {probed.noun}"
    strength = f"{linked} by a risk ratio of at least {point:.2f} each"
    rest = (
        "; the interval includes no difference already, so nothing hidden is needed to explain that."
        if limit == 1.0
        else f", and of at least {limit:.2f} each for the interval to include no difference."
    )
    return replace(
        _check(probed, "hidden_bias", question, strength + rest, f"{point:.2f} (limit {limit:.2f})", None, (ratio,)),
        e_value=point,
        e_value_limit=limit,
    )


def check_linkage(probed: Probed) -> Check | None:
    """Ask what those who could not be linked to the records of outcomes could do to a difference of risks."""
    linked, e = probed.linked, probed.estimate
    if linked is None or e.measure != "risk_difference":
        return None
    low, high = linkage_bounds(e.treated_value, e.comparison_value, linked.treated, linked.comparison, ratio=linked.ratio)
    shown = f"{_signed(100 * low)} to {_signed(100 * high)} per 100"
    assumed = (
        "whatever happened to them"
        if linked.ratio is None
        else f"if their risk is at most {linked.ratio:g} times as high, or as low, as that of the others"
    )
    answer = f"With those who could not be linked the difference lies between {shown}, {assumed}. Chance comes on top."
    return _check(probed, "linkage", "What if those who could not be linked fared otherwise?", answer, shown, None, ())


CHECKS: Mapping[str, Callable[[Probed], Check | None]] = {
    "naive": check_naive,
    "other_designs": check_other_designs,
    "half_way": check_half_way,
    "lag": check_lag,
    "hidden_bias": check_hidden_bias,
    "linkage": check_linkage,
}


def _try(probed: Probed, design: Design, followup: FollowUp | None = None, *, measure: str | None = None) -> Estimate | None:
    """Return the effect under another condition, or None where it cannot be estimated."""
    try:
        return estimate_effect(followup or probed.followup, design, measure or probed.estimate.measure, role="check")
    except EstimationError:
        return None


def _check(
    probed: Probed, name: str, question: str, answer: str, value: str, agrees: bool | None, estimates: tuple[Estimate, ...]
) -> Check:
    e = probed.estimate
    return Check(e.programme, e.outcome, name, question, answer, value, agrees, estimates)


def _same_side(other: Estimate, own: Estimate) -> bool:
    """Tell whether another estimate lies inside the interval: a different answer, not merely another number, disagrees."""
    return own.conf_low <= other.estimate <= own.conf_high


def _range(e: Estimate) -> str:
    """Return an estimate and its interval in the measure's own words."""
    if MEASURES[e.measure].unit in ("proportion", "count"):
        return f"{_signed(100 * e.estimate)} per 100 ({_signed(100 * e.conf_low)} to {_signed(100 * e.conf_high)})"
    unit = f" {e.time_unit}" if e.measure == "restricted_mean_difference" else ""
    return f"{e.estimate:.2f}{unit} ({e.conf_low:.2f} to {e.conf_high:.2f})"


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")
