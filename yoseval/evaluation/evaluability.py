"""Can this programme be evaluated at all, and what could be seen: the gates of a design and an estimate, and the power."""

import math

from scipy.optimize import brentq
from scipy.stats import norm

from yoseval.design.types import Design
from yoseval.models.variance import effective_size
from yoseval.outcomes import small_samples
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.small_samples import size_reasons
from yoseval.outcomes.types import Estimate

POWER = 0.80
ALPHA = 0.05


def design_reasons(design: Design) -> tuple[str, ...]:
    """Return the codes of the gates that the units used by a design fail."""
    weight, treated = design.weight, design.treated
    return size_reasons(int((weight[treated] > 0).sum()), effective_size(weight[~treated]))


def event_reasons(estimate: Estimate) -> tuple[str, ...]:
    """Return the code of the gates on events and on non-events that an estimate fails."""
    e = estimate
    return small_samples.event_reasons((e.events_treated, e.events_comparison), (e.n_treated, e.n_comparison))


def minimum_detectable_difference(
    base: float, n_treated: float, n_comparison: float, *, power: float = POWER, alpha: float = ALPHA
) -> float:
    r"""Return the smallest fall of a proportion that a study of these sizes would find.

    Solves :math:`\Delta = (z_{1-\alpha/2} + z_{power}) \sqrt{p_1 (1 - p_1) / n_1 + p_0 (1 - p_0) / n_0}`,
    :math:`p_1 = p_0 - \Delta`, the variances not being pooled.

    Parameters
    ----------
    base : float
        Proportion in the comparison arm, between 0 and 1.
    n_treated, n_comparison : float
        Effective sizes.
    power, alpha : float
        Between 0 and 1.

    Returns
    -------
    float
        As a positive proportion; not-a-number where even a fall to zero would not be found.

    References
    ----------
    fleiss2003 : Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., section 4.2.

    Examples
    --------
    >>> round(100 * minimum_detectable_difference(0.436, 142, 1420), 1)
    11.6
    """
    if not (0 < base < 1) or min(n_treated, n_comparison) < 1:
        return math.nan
    z = float(norm.ppf(1 - alpha / 2) + norm.ppf(power))

    def shortfall(change: float) -> float:
        risk = base - change
        return change - z * math.sqrt(risk * (1 - risk) / n_treated + base * (1 - base) / n_comparison)

    if shortfall(base) < 0:
        return math.nan
    return float(brentq(shortfall, 0.0, base, xtol=1e-12))


def minimum_detectable_effect(estimate: Estimate, n_treated: float, n_comparison: float, *, scale: str) -> float:
    """Return the minimum detectable effect on the measure's scale, as a positive change or a ratio below 1.

    For risks it is the closed form at the effective sizes; otherwise the standard error times the sum of the
    two normal quantiles.
    """
    shares = MEASURES[estimate.measure].shares
    if shares and scale == "identity":
        # Of survival the complement is the risk whose fall is looked for.
        base = 1.0 - estimate.comparison_value if shares == "without" else estimate.comparison_value
        return minimum_detectable_difference(base, n_treated, n_comparison)
    return detectable_by(estimate, scale)


def detectable_by(estimate: Estimate, scale: str) -> float:
    """Return the minimum detectable effect that a standard error allows: its product with the two normal quantiles."""
    reach = float(norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER)) * estimate.std_error
    return math.exp(-reach) if scale == "log" else reach
