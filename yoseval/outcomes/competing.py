"""Contrasts of an outcome that other events compete with: whoever dies can no longer reoffend, and is not censored.

Takes times, causes, arms and weights and gives a contrast with influence values. A cause is 0 where censored, 1 for the
outcome, 2 and above for what competes with it. Events after the horizon are not looked at.
"""

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.models.fine_gray import fit_fine_gray
from yoseval.models.incidence import cumulative_incidence, incidence_at, incidence_influence
from yoseval.outcomes.arm_contrasts import ArmMean, difference
from yoseval.outcomes.survival import hazard_ratio, require_events
from yoseval.outcomes.types import Contrast


def incidence_difference(time: Floats, cause: Indices, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Subtract the comparison arm's cumulative incidence at the horizon from the treated arm's.

    .. math:: \hat F_{11}(t) - \hat F_{01}(t)

    by Aalen and Johansen: the share that had the outcome by the horizon, in a world where the competing events happen too.

    Parameters
    ----------
    time : (n,) floats
        Time to the first event of any cause or to censoring.
    cause : (n,) integers
        What ended ``time``.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up; an event at exactly the horizon counts.

    Returns
    -------
    Contrast
        Negative = fewer in the treated arm.

    Raises
    ------
    EstimationError
        If an arm is empty, or nobody in it was followed to the horizon.

    References
    ----------
    aalenjohansen1978 : Aalen and Johansen (1978), Scandinavian Journal of Statistics 5(3), 141-150.
    """
    return difference(*(_incidence(time, cause, weight * arm, horizon) for arm in (treated, ~treated)))


def cause_specific_ratio(time: Floats, cause: Indices, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit a Cox model of the outcome, competing events censored; the value is the logarithm of the hazard ratio.

    .. math:: \lambda_{11}(t) = e^{\beta} \lambda_{01}(t)

    The hazard among those still free of every event.

    Parameters
    ----------
    time, cause, treated, weight, horizon
        As for ``incidence_difference``.

    Returns
    -------
    Contrast
        The arms have no values of their own.

    References
    ----------
    prentice1978 : Prentice, Kalbfleisch, Peterson et al. (1978), Biometrics 34(4), 541-554.
    """
    return hazard_ratio(time, cause == 1, treated, weight, horizon)


def subdistribution_ratio(time: Floats, cause: Indices, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit the model of Fine and Gray of the arm alone; the value is the logarithm of the ratio.

    .. math:: 1 - F_{11}(t) = \{1 - F_{01}(t)\}^{e^{\beta}}

    Its direction is that of the cumulative incidence; its size has no plain reading.

    Parameters
    ----------
    time, cause, treated, weight, horizon
        As for ``incidence_difference``.

    Returns
    -------
    Contrast
        The arms have no values of their own.

    Raises
    ------
    EstimationError
        If an arm has no event of the outcome by the horizon, or no finite maximum exists.

    References
    ----------
    fine1999 : Fine and Gray (1999), JASA 94(446), 496-509.
    """
    seen = np.where(time <= horizon, cause, 0)
    require_events(time, cause == 1, treated, weight, horizon)
    fit = fit_fine_gray(np.minimum(time, horizon), seen, treated[:, None].astype(np.float64), weight)
    return Contrast(float(fit.coefficients[0]), fit.influence[:, 0], np.nan, np.nan)


def _incidence(time: Floats, cause: Indices, weight: Floats, horizon: float) -> ArmMean:
    level = float(incidence_at(cumulative_incidence(time, cause, weight), 1, np.array([horizon]))[0])
    return ArmMean(level, incidence_influence(time, cause, weight, horizon))
