"""From influence values to standard errors, and from standard errors to limits and p-values.

Takes numbers, one a unit, and clusters. This is the one place that makes limits and p-values; it cannot see
where the numbers come from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from yoseval.arrays import AnyArray, Floats, Indices
from yoseval.errors import EstimationError

Kind = Literal["HC0", "HC1"]
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


def clustered_variance(influence: Floats, clusters: AnyArray, *, kind: Kind = "HC0", n_parameters: int = 2) -> float:
    r"""Sum the squares of the clusters' influence, with the corrections of the sandwich package.

    .. math:: \hat V = \frac{G}{G-1} \sum_{g} \Big(\sum_{i \in g} \phi_i\Big)^2

    and, for HC1, times :math:`(n - 1)/(n - k)`: the conventions of ``sandwich::vcovCL(cadjust = TRUE)``.

    Parameters
    ----------
    influence : (n,) floats
        Weight times derivative in the weight, one a unit.
    clusters : (n,) labels
        Units with one label are dependent.
    kind : str
        ``HC0`` or ``HC1``.
    n_parameters : int
        k: two for a contrast of two arms.

    Returns
    -------
    float
        The variance.

    Raises
    ------
    EstimationError
        If there is only one cluster, or no more units than parameters.

    References
    ----------
    zeileis2020 : Zeileis, Köll and Graham (2020), Journal of Statistical Software 95(1).

    Examples
    --------
    >>> clustered_variance(np.array([1.0, -1.0]), np.array([0, 1]))
    4.0
    """
    codes, n_groups = _codes(clusters)
    n = influence.size
    _require_groups(n_groups)
    variance = float((np.bincount(codes, influence) ** 2).sum()) * n_groups / (n_groups - 1.0)
    if kind == "HC0":
        return variance
    if n <= n_parameters:
        raise EstimationError(
            f"A variance of {n_parameters} parameters needs more units; there are {n}.", "Use a larger group."
        )
    return variance * (n - 1.0) / (n - n_parameters)


def correct_for_estimated_weights(influence: Floats, weight: Floats, gradient: Floats, parameter_influence: Floats) -> Floats:
    r"""Add what each unit does to an effect through the estimated parameters of the weights.

    .. math:: \tilde\phi_i = \phi_i + \psi_i^\top \sum_j \frac{\phi_j}{w_j} \frac{\partial w_j}{\partial \alpha}

    the closed form of stacked M-estimation: :math:`\phi_j / w_j` is the derivative of the effect in a weight,
    :math:`\psi_i` the influence on the parameters :math:`\alpha`.

    Parameters
    ----------
    influence : (n,) floats
        Influence with the weights taken as known.
    weight : (n,) floats
        Weights; units of weight 0 do not move the effect through their weight.
    gradient : (n, p) floats
        Derivative of each weight in the parameters.
    parameter_influence : (n, p) floats
        Influence of each unit on the parameters.

    Returns
    -------
    (n,) floats
        Corrected influence.

    References
    ----------
    stefanski2002 : Stefanski and Boos (2002), The American Statistician 56(1), 29-38.
    lunceford2004 : Lunceford and Davidian (2004), Statistics in Medicine 23(19), 2937-2960.
    """
    per_weight = np.divide(influence, weight, out=np.zeros_like(influence), where=weight > 0)
    corrected: Floats = influence + parameter_influence @ (per_weight @ gradient)
    return corrected


def jackknife_variance(statistic: Callable[[Indices], float], clusters: AnyArray, *, max_groups: int = 500) -> float:
    r"""Leave out one cluster at a time and compute the statistic again.

    .. math:: \hat V = \frac{G-1}{G} \sum_g \big(\hat\theta_{(-g)} - \bar\theta\big)^2

    With more than ``max_groups`` clusters they are dealt in turn, by their first position, into that many groups, and one
    group is left out at a time.

    Parameters
    ----------
    statistic : callable
        From the kept positions, (k,) rising integers, to a number.
    clusters : (n,) labels
        Units with one label leave together.
    max_groups : int
        Most replicates.

    Returns
    -------
    float
        The variance.

    Raises
    ------
    EstimationError
        If there is only one cluster, or a replicate is not a number.

    References
    ----------
    efron1993 : Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11.
    """
    codes, n_groups = _codes(clusters)
    _require_groups(n_groups)
    group = codes % max_groups
    n_replicates = min(n_groups, max_groups)
    replicates = np.array([statistic(np.flatnonzero(group != g)) for g in range(n_replicates)])
    if not np.isfinite(replicates).all():
        lost = int((~np.isfinite(replicates)).sum())
        raise EstimationError(f"{lost} of {n_replicates} jackknife replicates are not numbers.", "Use the sandwich.")
    return float((n_replicates - 1.0) / n_replicates * ((replicates - replicates.mean()) ** 2).sum())


def effective_size(weight: Floats) -> float:
    """Return the size of an equally weighted sample that is as precise, (sum w)^2 / sum w^2; 0 without weight."""
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


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


def limits(
    value: Floats, std_error: Floats, df: float = np.inf, *, conf_level: float = 0.95, scale: Scale = "identity"
) -> tuple[Floats, Floats]:
    """Make the limits of ``interval`` for many values at once: two (k,) arrays."""
    reach = _quantile(0.5 + conf_level / 2.0, df)
    if scale == "loglog":
        return _loglog_limits(value, std_error, reach)
    low, high = value - reach * std_error, value + reach * std_error
    return (np.exp(low), np.exp(high)) if scale == "log" else (low, high)


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


def _codes(clusters: AnyArray) -> tuple[Indices, int]:
    """Give each unit the number of its cluster, from 0 by first position."""
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse], first.size


def _require_groups(n_groups: int) -> None:
    if n_groups < 2:
        raise EstimationError(f"A variance needs two independent units or sets; there is {n_groups}.", "Use a larger group.")
