"""Limits of a quotient that hold however near zero the divisor may be.

Takes the two parts of a contrast with their influence values and how units depend on each other; gives limits, a p-value and
the strength of the divisor. With one instrument these are the limits of Anderson and Rubin; they are Fieller's.
"""

from dataclasses import dataclass, replace

import numpy as np

from yoseval.arrays import Floats
from yoseval.models.intervals import Interval, interval, limits
from yoseval.outcomes.types import Quotient
from yoseval.outcomes.variances import Spread, Uncertain, sandwich

STRONG_F = 23.1
"""Effective F above which, with one instrument, the bias is at most a tenth of the worst case, at the 5 % level."""

_LARGEST_F = 1e4
"""Beyond it the number says no more: all but nobody starts against the instrument."""


@dataclass(frozen=True, slots=True)
class RobustSet:
    """The quotients that a test of ``numerator - quotient x divisor = 0`` does not reject.

    Parameters
    ----------
    shape : str
        ``interval``; ``two rays`` (everything but what lies between the limits); ``whole line``.
    low, high : float
        Its limits; infinite on a whole line.
    """

    shape: str
    low: float
    high: float

    @property
    def hull(self) -> tuple[float, float]:
        """The smallest interval that holds the set."""
        return (self.low, self.high) if self.shape == "interval" else (-np.inf, np.inf)

    def __str__(self) -> str:
        """Return the set in words."""
        return {
            "interval": f"{self.low:.4f} to {self.high:.4f}",
            "two rays": f"up to {self.low:.4f}, or from {self.high:.4f}",
            "whole line": "any effect: the instrument is too weak to exclude one",
        }[self.shape]


def robust_set(numerator: float, divisor: float, covariance: Floats, reach: float) -> RobustSet:
    r"""Invert the test exactly: the solution of a quadratic inequality.

    A quotient :math:`\beta` is kept where :math:`(\hat\rho - \beta\hat\pi)^2 \le q^2 (V_{\rho\rho} - 2\beta V_{\rho\pi} +
    \beta^2 V_{\pi\pi})`, :math:`\rho` being the numerator and :math:`\pi` the divisor.

    Parameters
    ----------
    numerator, divisor : float
        :math:`\hat\rho` and :math:`\hat\pi`.
    covariance : (2, 2) floats
        Of both, in this order.
    reach : float
        q: the quantile of the test.

    Returns
    -------
    RobustSet
        It always holds the quotient itself. A divisor that is not far from zero gives two rays or the whole line.

    References
    ----------
    anderson1949 : Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    fieller1954 : Fieller (1954), Journal of the Royal Statistical Society B 16(2), 175-185.
    andrews2019 : Andrews, Stock and Sun (2019), Annual Review of Economics 11, 727-753, section 5.1.

    Examples
    --------
    >>> str(robust_set(-0.1, 0.5, np.diag([0.0016, 0.0]), 2.0))
    '-0.3600 to -0.0400'
    """
    square = divisor**2 - reach**2 * covariance[1, 1]
    middle = divisor * numerator - reach**2 * covariance[0, 1]
    # A quarter of the discriminant; the quotient lies in the set, so that it is below zero on a whole line only.
    inside = middle**2 - square * (numerator**2 - reach**2 * covariance[0, 0])
    if square == 0 or inside < 0:
        return RobustSet("whole line", -np.inf, np.inf)
    low, high = sorted(((middle - np.sqrt(inside)) / square, (middle + np.sqrt(inside)) / square))
    return RobustSet("interval" if square > 0 else "two rays", float(low), float(high))


def quotient_interval(
    asked: Uncertain, quotient: Quotient, *, conf_level: float = 0.95
) -> tuple[Interval, str, tuple[str, ...]]:
    """Make limits and a p-value of a difference of risks that is a quotient, with words and notes.

    The variances are sandwiches, clustered as the design says, with the degrees of freedom of the house. Limits are the hull of
    the robust set, and -1 and 1 where it goes beyond them, as no difference of risks does. The p-value of no
    effect is that of the numerator: it is below 1 less the confidence level exactly where the set leaves out 0.

    Parameters
    ----------
    asked : Uncertain
        The contrast, its design and how units depend on each other.
    quotient : Quotient
        Its parts.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    interval : Interval
        The standard error is that of the quotient by the delta method: to be believed only where the divisor is strong.
    words : str
        How it was made.
    notes : tuple of str
        The divisor's strength, and what must hold.

    References
    ----------
    montielolea2013 : Montiel Olea and Pflueger (2013), Journal of Business & Economic Statistics 31(3), 358-369, table 1.
    """
    n = int((asked.weight > 0).sum())

    def spread(influence: Floats) -> Spread:
        found = sandwich(replace(asked, contrast=replace(asked.contrast, influence=influence)))
        return replace(found, variance=found.variance * (n - 2.0) / max(n - quotient.n_parameters, 1.0))

    above, below = quotient.numerator_influence, quotient.divisor_influence
    outer, inner = spread(above), spread(below).variance
    both = (spread(above + below).variance - outer.variance - inner) / 2.0
    reach = float(limits(np.zeros(1), np.ones(1), outer.df, conf_level=conf_level)[1][0])
    covariance = np.array([[outer.variance, both], [both, inner]])
    found = robust_set(quotient.numerator, quotient.divisor, covariance, reach)
    low, high = (quotient.possible(limit) for limit in found.hull)
    error = float(np.sqrt(spread(asked.contrast.influence).variance))
    p_value = interval(quotient.numerator, float(np.sqrt(outer.variance)), outer.df).p_value
    made = Interval(error, outer.df, low, high, p_value)
    words = f"Anderson-Rubin, t, {outer.df:.0f} df; {outer.words}"
    # Where all start as the instrument has it nothing varies about the divisor.
    effective_f = quotient.divisor**2 / inner if inner > 0 else np.inf
    strength = _strength(quotient.divisor, effective_f, found)
    return made, words, (*strength, *_beyond(asked.contrast.value, quotient), *quotient.notes)


def _beyond(value: float, quotient: Quotient) -> tuple[str, ...]:
    set_to = quotient.possible(value)
    if set_to == value:
        return ()
    return (f"The estimate is {value:+.2f}, beyond what a difference of risks can be, and is set to {set_to:+.0f}.",)


def _strength(divisor: float, effective_f: float, found: RobustSet) -> tuple[str, ...]:
    shown = f"{effective_f:.0f}" if effective_f < _LARGEST_F else f"above {_LARGEST_F:.0f}"
    first = f"The share who start changes by {divisor:+.2f} for one unit of the instrument (effective F {shown})."
    if effective_f >= STRONG_F:
        return (first,)
    weak = f"The instrument is weak (effective F below {STRONG_F:g}): believe the limits, not the estimate."
    return first, weak if found.shape == "interval" else f"{weak} They exclude: {_excluded(found)}."


def _excluded(found: RobustSet) -> str:
    return "nothing" if found.shape == "whole line" else f"only effects between {found.low:+.2f} and {found.high:+.2f}"
