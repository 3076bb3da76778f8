"""Contrasts of the share with the outcome by the horizon.

Takes times, events, arms and weights and gives a contrast with influence values. The share in an arm is one less
the weighted Kaplan-Meier curve, so children who were not followed to the end count for as long as they were.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError
from yoseval.models.curves import kaplan_meier, survival_at, survival_influence
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
    risk_1, influence_1 = _risk(time, event, weight * treated, horizon)
    risk_0, influence_0 = _risk(time, event, weight * ~treated, horizon)
    return Contrast(risk_1 - risk_0, influence_1 - influence_0, risk_1, risk_0)


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
    risk_1, influence_1 = _risk(time, event, weight * treated, horizon)
    risk_0, influence_0 = _risk(time, event, weight * ~treated, horizon)
    if risk_1 <= 0.0 or risk_0 <= 0.0:
        arm = "treated" if risk_1 <= 0.0 else "comparison"
        raise EstimationError(f"A ratio needs events in both arms; the {arm} arm has none.", "Choose the risk difference.")
    return Contrast(float(np.log(risk_1 / risk_0)), influence_1 / risk_1 - influence_0 / risk_0, risk_1, risk_0)


def _risk(time: Floats, event: Flags, weight: Floats, horizon: float) -> tuple[float, Floats]:
    survival = survival_at(kaplan_meier(time, event, weight), np.array([horizon]))[0]
    return float(1.0 - survival), -survival_influence(time, event, weight, horizon)
