"""From the means of two arms to a contrast: a difference, or the logarithm of a ratio of means or of odds.

Takes each arm's mean with the influence of every unit on it. It cannot see what the means are of.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats
from yoseval.errors import TooFewEventsError
from yoseval.outcomes.types import Contrast


@dataclass(frozen=True, slots=True, eq=False)
class ArmMean:
    """The mean of one arm.

    Parameters
    ----------
    value : float
        In natural units.
    influence : (n,) floats
        Of every unit; zero for the units that have nothing to do with it.
    by_weight : (n,) floats or None
        The part of the influence that goes through the units' weights; all of it if None.
    """

    value: float
    influence: Floats
    by_weight: Floats | None = None


def difference(treated: ArmMean, comparison: ArmMean) -> Contrast:
    r"""Subtract the comparison arm's mean from the treated arm's: :math:`\mu_1 - \mu_0`.

    Examples
    --------
    >>> arm = ArmMean(0.5, np.zeros(2))
    >>> difference(arm, arm).value
    0.0
    """
    return _contrast(treated, comparison, treated.value - comparison.value, 1.0, 1.0)


def log_ratio(treated: ArmMean, comparison: ArmMean, *, instead: str = "the risk difference") -> Contrast:
    r"""Return :math:`\log \mu_1 - \log \mu_0`; ``instead`` is what to choose where an arm has nothing to divide.

    Raises
    ------
    EstimationError
        If a mean is not above 0.
    """
    _require_some(treated, comparison, "A ratio", instead)
    value = float(np.log(treated.value / comparison.value))
    return _contrast(treated, comparison, value, 1.0 / treated.value, 1.0 / comparison.value)


def log_odds_ratio(treated: ArmMean, comparison: ArmMean) -> Contrast:
    r"""Return :math:`\operatorname{logit} \mu_1 - \operatorname{logit} \mu_0`.

    Raises
    ------
    EstimationError
        If a mean is not strictly between 0 and 1.
    """
    _require_some(treated, comparison, "An odds ratio", "the risk difference")
    for arm, name in ((treated, "treated"), (comparison, "comparison")):
        if arm.value >= 1.0:
            raise TooFewEventsError(
                f"An odds ratio needs units without the event in both arms; the {name} arm has none.",
                "Choose the risk difference.",
            )
    p, q = treated.value, comparison.value
    value = float(np.log(p / (1.0 - p)) - np.log(q / (1.0 - q)))
    return _contrast(treated, comparison, value, 1.0 / (p * (1.0 - p)), 1.0 / (q * (1.0 - q)))


def _contrast(treated: ArmMean, comparison: ArmMean, value: float, slope_1: float, slope_0: float) -> Contrast:
    """Carry the arms' influence to the contrast: the chain rule."""
    influence = slope_1 * treated.influence - slope_0 * comparison.influence
    by_weight = None
    if treated.by_weight is not None and comparison.by_weight is not None:
        by_weight = slope_1 * treated.by_weight - slope_0 * comparison.by_weight
    return Contrast(value, influence, treated.value, comparison.value, by_weight)


def _require_some(treated: ArmMean, comparison: ArmMean, what: str, instead: str) -> None:
    if treated.value <= 0.0 or comparison.value <= 0.0:
        arm = "treated" if treated.value <= 0.0 else "comparison"
        raise TooFewEventsError(f"{what} needs events in both arms; the {arm} arm has none.", f"Choose {instead}.")
