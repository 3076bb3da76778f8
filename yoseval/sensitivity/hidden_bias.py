"""How strong hidden bias would have to be: the E-value."""

import math


def e_value(risk_ratio: float) -> float:
    r"""Return the E-value of a risk ratio.

    The smallest risk ratio that something unmeasured would need with both the programme and the outcome,
    beyond what was adjusted for, to explain the estimate away:

    .. math:: E = RR + \sqrt{RR (RR - 1)}, \quad RR \ge 1,

    a ratio below 1 being inverted first.

    Parameters
    ----------
    risk_ratio : float
        More than 0.

    Returns
    -------
    float
        1 or more; not-a-number where the ratio is.

    References
    ----------
    vanderweele2017 : VanderWeele and Ding (2017), Annals of Internal Medicine 167(4), 268-274, equation 1.

    Examples
    --------
    >>> round(e_value(3.9), 2)
    7.26
    """
    if not risk_ratio > 0:
        return math.nan
    ratio = max(risk_ratio, 1.0 / risk_ratio)
    return ratio + math.sqrt(ratio * (ratio - 1.0))


def e_value_of_limit(risk_ratio: float, conf_low: float, conf_high: float) -> float:
    """Return the E-value of the confidence limit nearest to 1; 1 where the interval holds 1.

    Examples
    --------
    >>> round(e_value_of_limit(0.8, 0.71, 0.91), 2)
    1.43
    """
    if conf_low <= 1.0 <= conf_high:
        return 1.0
    return e_value(conf_low if risk_ratio > 1.0 else conf_high)
