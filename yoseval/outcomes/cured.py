"""The contrast of the fractions who never have the event, by a mixture cure model of each arm.

Takes times, events, arms and weights and gives a contrast with influence values. Who would never reoffend is told from the
plateau of a curve, by way of a distribution of times: it needs long follow-up, and without a plateau it is refused.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError
from yoseval.models.cure import NO_CURE_DEVIANCE, Latency, fit_cure
from yoseval.outcomes.types import Contrast


def cure_fraction_difference(
    time: Floats,
    event: Flags,
    treated: Flags,
    weight: Floats,
    horizon: float,
    *,
    distribution: Latency = "lognormal",
) -> Contrast:
    r"""Subtract the comparison arm's fraction who never have the event from the treated arm's.

    .. math:: \Delta = (1 - p_1) - (1 - p_0), \qquad S_a(t) = 1 - p_a + p_a\, S_0\!\left(\frac{\log t - \mu_a}{\sigma_a}\right)

    Both the share and the times are of each arm's own: incidence and latency may both change. The lognormal is the distribution
    that served best for returns to prison in North Carolina; which one is used changes the answer where the plateau is short.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, above 0.
    event : (n,) booleans
        True where the event happened at ``time``.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up; what happened after it is not used.
    distribution : str
        A key of ``models.cure.LATENCIES``.

    Returns
    -------
    Contrast
        Positive = more of the treated never have the event.

    Raises
    ------
    EstimationError
        If an arm is empty, its likelihood has no interior maximum or is flat, or a model in which everybody has the event in
        the end fits as well (deviance below 2.71, weights counting as units).

    References
    ----------
    schmidt1989 : Schmidt and Witte (1989), Journal of Econometrics 40(1), 141-159, section 3.
    maller1996 : Maller and Zhou (1996), Survival Analysis with Long-Term Survivors, Wiley, chapter 5.
    """
    seen, until = event & (time <= horizon), np.minimum(time, horizon)
    cured, influence = np.zeros(2), np.zeros((2, time.size))
    for k, arm in enumerate((~treated, treated)):
        used = np.flatnonzero(arm & (weight > 0))
        if not used.size:
            raise EstimationError("An arm has no unit.", "Choose another design or outcome.")
        fit = fit_cure(until[used], seen[used], weight[used], distribution=distribution)
        _require_plateau(2.0 * (fit.loglik - fit.loglik_no_cure) * used.size / weight[used].sum())
        cured[k] = 1.0 - fit.ever[0]
        influence[k, used] = -fit.ever[0] * cured[k] * fit.influence[:, 0]
    return Contrast(float(cured[1] - cured[0]), influence[1] - influence[0], float(cured[1]), float(cured[0]))


def _require_plateau(deviance: float) -> None:
    if deviance < NO_CURE_DEVIANCE:
        raise EstimationError(
            f"The curve of an arm shows no plateau: a model in which everybody has the event in the end fits as well (deviance "
            f"{max(deviance, 0.0):.2f}, below {NO_CURE_DEVIANCE:.2f}).",
            "Follow up for longer, or choose the difference in risk.",
        )
