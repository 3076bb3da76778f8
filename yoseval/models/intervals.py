"""From standard errors, or from the replicates of a bootstrap, to limits and p-values.

Takes numbers alone. This is the one place that makes limits and p-values; it cannot see where the numbers come from.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from yoseval.arrays import Floats
from yoseval.errors import EstimationError

Scale = Literal["identity", "log", "loglog"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A standard error with what follows from it.

    Parameters
    ----------
    std_error : float
        On the analysis scale: of the logarithm for ratios.
    df : float
        Degrees of freedom of the t quantile; infinite for the normal one.
    conf_low, conf_high : float
        On the natural scale.
    p_value : float
        Two-sided; not a number where there is no hypothesis.
    """

    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float


def interval(
    value: float, std_error: float, df: float = np.inf, *, conf_level: float = 0.95, scale: Scale = "identity"
) -> Interval:
    """Make limits and a two-sided p-value.

    Parameters
    ----------
    value : float
        A difference (``identity``), the logarithm of a ratio (``log``), or a share on a curve (``loglog``).
    std_error : float
        Of ``value``. Zero gives limits equal to the value and no p-value; not a number gives neither.
    df : float
        Degrees of freedom of the t quantile; infinite for the normal one.
    conf_level : float
        Between 0 and 1.
    scale : str
        ``log`` turns limits into ratios, and p is against a ratio of 1; ``loglog`` keeps limits within 0 and 1 and has no p.

    Returns
    -------
    Interval
        Limits on the natural scale.

    Examples
    --------
    >>> round(interval(0.0, 1.0).conf_high, 2)
    1.96
    """
    low, high = limits(np.array([value]), np.array([std_error]), df, conf_level=conf_level, scale=scale)
    tested = scale != "loglog" and std_error > 0
    p_value = 2.0 * _lower_tail(-abs(value) / std_error, df) if tested else np.nan
    return Interval(float(std_error), float(df), float(low[0]), float(high[0]), float(p_value))


def percentile_interval(replicates: Floats, *, conf_level: float = 0.95, scale: Scale = "identity") -> Interval:
    r"""Make limits and a p-value from the replicates of a bootstrap.

    The limits are quantiles of the replicates. The p-value is that of the widest interval that leaves out no difference,

    .. math:: p = \min\Big\{1, \frac{2}{B + 1} \big(1 + \min(\#\{\hat\theta^*_b \le 0\},
              \#\{\hat\theta^*_b \ge 0\})\big)\Big\} .

    Parameters
    ----------
    replicates : (b,) floats
        Values on the analysis scale: logarithms for ratios.
    conf_level : float
        Between 0 and 1.
    scale : str
        ``log`` turns limits into ratios.

    Returns
    -------
    Interval
        The standard error is the standard deviation of the replicates; there are no degrees of freedom.

    Raises
    ------
    EstimationError
        If there are fewer than two replicates, or one is not a number.

    References
    ----------
    efron1993 : Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 15.

    Examples
    --------
    >>> round(percentile_interval(np.linspace(-1.0, 1.0, 201)).conf_high, 3)
    0.95
    """
    if replicates.size < 2 or not np.isfinite(replicates).all():
        raise EstimationError(f"An interval needs two replicates or more; there are {replicates.size}.", "Ask for more.")
    tail = (1.0 - conf_level) / 2.0
    low, high = np.quantile(replicates, [tail, 1.0 - tail])
    fewer = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    p_value = min(1.0, 2.0 * (1 + fewer) / (replicates.size + 1))
    if scale == "log":
        low, high = np.exp(low), np.exp(high)
    return Interval(float(replicates.std(ddof=1)), float("inf"), float(low), float(high), p_value)


def limits(
    value: Floats, std_error: Floats, df: float = np.inf, *, conf_level: float = 0.95, scale: Scale = "identity"
) -> tuple[Floats, Floats]:
    """Make the limits of ``interval`` for many values at once: two (k,) arrays."""
    reach = _quantile(0.5 + conf_level / 2.0, df)
    if scale == "loglog":
        return _loglog_limits(value, std_error, reach)
    low, high = value - reach * std_error, value + reach * std_error
    return (np.exp(low), np.exp(high)) if scale == "log" else (low, high)


def chi_square_p_value(chi2: float, df: int) -> float:
    """Return the probability of a chi-squared variable of ``df`` degrees of freedom above ``chi2``.

    Examples
    --------
    >>> round(chi_square_p_value(3.841459, 1), 4)
    0.05
    """
    return float(special.chdtrc(df, chi2))


def _loglog_limits(value: Floats, std_error: Floats, reach: float) -> tuple[Floats, Floats]:
    """Delta method on log(-log S); where the curve is 0 or 1 or does not vary, limits equal the value."""
    inside = (value > 0) & (value < 1) & ~(std_error == 0)
    hazard = -np.log(np.where(inside, value, 0.5))
    factor = np.exp(reach * std_error / (np.where(inside, value, 0.5) * hazard))
    return np.where(inside, np.exp(-hazard * factor), value), np.where(inside, np.exp(-hazard / factor), value)


def _quantile(share: float, df: float) -> float:
    return float(special.ndtri(share) if np.isinf(df) else special.stdtrit(df, share))


def _lower_tail(t: float, df: float) -> float:
    return float(special.ndtr(t) if np.isinf(df) else special.stdtr(df, t))
