"""Contrasts of the share with the outcome by the horizon.

Takes times, events, arms and weights and gives a contrast with influence values. The share in an arm is one less
the weighted Kaplan-Meier curve, so children who were not followed to the end count for as long as they were.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.models.curves import kaplan_meier, survival_at, survival_influence
from yoseval.models.many_curves import survival_of_many
from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_odds_ratio, log_ratio
from yoseval.outcomes.types import Contrast


def risk_difference(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Subtract the comparison arm's risk by the horizon from the treated arm's.

    .. math:: RD(t) = F_1(t) - F_0(t), \qquad F_a(t) = 1 - \hat S_a(t)

    Where everybody was followed to the horizon this is the difference of weighted proportions.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring.
    event : (n,) booleans
        True where the event happened at ``time``; an event at exactly the horizon counts.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up.

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
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, section 17.1.
    """
    return difference(_risk(time, event, weight * treated, horizon), _risk(time, event, weight * ~treated, horizon))


def risk_ratio(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Divide the treated arm's risk by the horizon by the comparison arm's; the value is the logarithm.

    .. math:: \log RR(t) = \log F_1(t) - \log F_0(t)

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``risk_difference``.

    Returns
    -------
    Contrast
        The value is a logarithm, the values of the arms are risks.

    Raises
    ------
    EstimationError
        If an arm is empty, has no event by the horizon, or nobody in it was followed to the horizon.

    References
    ----------
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, section 1.3.
    """
    return log_ratio(_risk(time, event, weight * treated, horizon), _risk(time, event, weight * ~treated, horizon))


def odds_ratio(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Divide the treated arm's odds of the event by the horizon by the comparison arm's; the value is the logarithm.

    .. math:: \log OR(t) = \log \frac{F_1(t)}{1 - F_1(t)} - \log \frac{F_0(t)}{1 - F_0(t)}

    The marginal odds ratio, of the arms' risks: not that of a regression on covariates, from which it differs even without
    confounding.

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``risk_difference``.

    Returns
    -------
    Contrast
        The value is a logarithm, the values of the arms are risks.

    Raises
    ------
    EstimationError
        If an arm is empty, has no event by the horizon or nobody without one, or nobody in it was followed to the horizon.

    References
    ----------
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, section 1.3 and fine point 4.3.

    Examples
    --------
    >>> treated, event = np.array([True, True, False, False]), np.array([True, False, True, False])
    >>> odds_ratio(np.ones(4), event, treated, np.ones(4), 1.0).value
    0.0
    """
    return log_odds_ratio(_risk(time, event, weight * treated, horizon), _risk(time, event, weight * ~treated, horizon))


def risks(time: Floats, event: Flags, weights: Floats, horizon: float) -> Floats:
    """Return one arm's risk by the horizon under each set of weights, (r,) floats; NaN where there is none."""
    return 1.0 - survival_of_many(time, event, weights, horizon).at_horizon


def odds(time: Floats, event: Flags, weights: Floats, horizon: float) -> Floats:
    """Return one arm's odds of the event by the horizon under each set of weights, (r,) floats; NaN where there are none."""
    risk = risks(time, event, weights, horizon)
    found: Floats = np.divide(risk, 1.0 - risk, out=np.full(risk.size, np.nan), where=risk < 1.0)
    return found


def _risk(time: Floats, event: Flags, weight: Floats, horizon: float) -> ArmMean:
    survival = survival_at(kaplan_meier(time, event, weight), np.array([horizon]))[0]
    return ArmMean(float(1.0 - survival), -survival_influence(time, event, weight, horizon))
