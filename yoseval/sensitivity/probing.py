"""What a check looks at and what it says: the pieces that every check is made of.

No count of children is ever written into an answer.
"""

from dataclasses import dataclass

import pandas as pd

from yoseval.design.imputed import Designs
from yoseval.design.types import Design
from yoseval.errors import EstimationError
from yoseval.frames import make_frame
from yoseval.outcomes.imputed import estimate_designs
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.ties import TieSensitivity

_P_BANDS = (
    (0.001, "1 in 1,000 or fewer"),
    (0.01, "1 in 100 or fewer"),
    (0.05, "1 in 20 or fewer"),
    (0.1, "1 in 10 or fewer"),
)


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
class Redrawn:
    """The same effect with the interval of a bootstrap that built the design again.

    Parameters
    ----------
    estimate : Estimate, optional
        None where there is none.
    problem : str
        Why there is none.
    """

    estimate: Estimate | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What checks look at: an estimate, what it rests on, and the designs locked beside it."""

    estimate: Estimate
    followup: FollowUp
    design: Designs
    alternatives: tuple[Designs, ...] = ()
    noun: str = "the outcome"
    linked: Linked | None = None
    naive: Design | None = None
    lagged: Lagged | None = None
    redrawn: Redrawn | None = None
    variance: str = "auto"
    ties: TieSensitivity | None = None
    with_category: Design | None = None


def try_effect(
    probed: Probed, design: Designs, followup: FollowUp | None = None, *, measure: str | None = None
) -> Estimate | None:
    """Return the effect under another condition, or None where it cannot be estimated."""
    variance = probed.variance if design is probed.design else "auto"
    asked = measure or probed.estimate.measure
    try:
        return estimate_designs(
            followup or probed.followup,
            design,
            asked,
            role="check",
            variance=variance,
            adjustment=probed.estimate.adjustment,
            adjust=probed.estimate.adjust,
        )
    except EstimationError:
        return None


def as_check(
    probed: Probed, name: str, question: str, answer: str, value: str, agrees: bool | None, estimates: tuple[Estimate, ...]
) -> Check:
    """Return an answer as a check of the estimate that was probed."""
    e = probed.estimate
    return Check(e.programme, e.outcome, name, question, answer, value, agrees, estimates)


def lies_inside(other: Estimate, own: Estimate) -> bool:
    """Tell whether another estimate lies inside the interval: a different answer, not merely another number, disagrees."""
    return own.conf_low <= other.estimate <= own.conf_high


def in_words(e: Estimate) -> str:
    """Return an estimate and its interval in the measure's own words."""
    if _is_per_100(e):
        return f"{signed(100 * e.estimate)} per 100 ({signed(100 * e.conf_low)} to {signed(100 * e.conf_high)})"
    unit = f" {e.time_unit}" if e.measure == "restricted_mean_difference" else ""
    return f"{e.estimate:.2f}{unit} ({e.conf_low:.2f} to {e.conf_high:.2f})"


def one_in_words(e: Estimate, value: float) -> str:
    """Return another value of an estimate's measure."""
    if _is_per_100(e):
        return f"{signed(100 * value)} per 100"
    unit = f" {e.time_unit}" if e.measure == "restricted_mean_difference" else ""
    return f"{value:.2f}{unit}"


def _is_per_100(e: Estimate) -> bool:
    return MEASURES[e.measure].unit in ("proportion", "count")


def p_band(p_value: float) -> str:
    """Say a p-value as a band: an exact one can give small counts away.

    Examples
    --------
    >>> p_band(0.03)
    '1 in 20 or fewer'
    """
    return next((words for limit, words in _P_BANDS if p_value <= limit), "more than 1 in 10")


def signed(value: float) -> str:
    """Print a number with its sign and one decimal."""
    return f"{value:+.1f}".replace("-", "−")
