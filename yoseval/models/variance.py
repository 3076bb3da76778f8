"""From influence values to variances and covariances.

Takes numbers, one a unit, and clusters. It cannot see where the numbers come from.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError

Kind = Literal["HC0", "HC1"]
TOGETHER = 50_000  # units times replicates of a jackknife that are computed at once


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
    by_cluster = np.bincount(codes, influence)
    return float(by_cluster @ by_cluster) * _correction(influence.size, n_groups, kind, n_parameters)


def clustered_covariance(
    influence_a: Floats,
    clusters_a: AnyArray,
    influence_b: Floats,
    clusters_b: AnyArray,
    *,
    kind: Kind = "HC0",
    n_parameters: int = 2,
) -> float:
    r"""Sum the products of two estimates' influence over the clusters that they share.

    .. math:: \hat C = \sqrt{k_a k_b} \sum_{g} \Big(\sum_{i \in g} \phi^a_i\Big) \Big(\sum_{i \in g} \phi^b_i\Big)

    with :math:`k` the correction of ``clustered_variance`` for each estimate, so that the covariance of an estimate with
    itself is its variance. Estimates that share no cluster have covariance 0.

    Parameters
    ----------
    influence_a, influence_b : (n,) and (m,) floats
        Influence values of the two estimates.
    clusters_a, clusters_b : (n,) and (m,) labels
        One label in both is the same cluster, such as a child who is compared in two programmes.
    kind, n_parameters
        As for ``clustered_variance``, for both.

    Returns
    -------
    float
        The covariance.

    Raises
    ------
    EstimationError
        As ``clustered_variance``.

    References
    ----------
    newey1994 : Newey and McFadden (1994), Handbook of Econometrics 4, chapter 36, section 6 (influence functions add up).

    Examples
    --------
    >>> first, second = np.array([1.0, -1.0]), np.array([0.5, -0.5])
    >>> clustered_covariance(first, np.array(["u", "v"]), second, np.array(["v", "w"]))
    -1.0
    """
    labels, codes = np.unique(np.concatenate([clusters_a, clusters_b]), return_inverse=True)
    own_a, own_b = codes[: influence_a.size], codes[influence_a.size :]
    sums = [np.bincount(o, v, minlength=labels.size) for o, v in ((own_a, influence_a), (own_b, influence_b))]
    sizes = ((influence_a.size, np.unique(own_a).size), (influence_b.size, np.unique(own_b).size))
    corrections = [_correction(n, n_groups, kind, n_parameters) for n, n_groups in sizes]
    return float(sums[0] @ sums[1]) * float(np.sqrt(corrections[0] * corrections[1]))


def clustered_sandwich(influence: Floats, clusters: AnyArray) -> Floats:
    r"""Sum the outer squares of the clusters' influence on several parameters.

    .. math:: \hat V = \sum_g \Big(\sum_{i \in g} \phi_i\Big) \Big(\sum_{i \in g} \phi_i\Big)^\top

    without the factor :math:`G/(G-1)` of ``clustered_variance``: the convention of R's ``coxph(cluster =)``.

    Parameters
    ----------
    influence : (n, p) floats
        Weight times derivative of each parameter in the weight, one row an observation.
    clusters : (n,) labels
        Rows with one label are dependent: rows of one child, for instance.

    Returns
    -------
    (p, p) floats
        The covariance.

    Raises
    ------
    EstimationError
        If there is only one cluster.

    References
    ----------
    lin1989 : Lin and Wei (1989), JASA 84(408), 1074-1078.

    Examples
    --------
    >>> clustered_sandwich(np.array([[1.0], [2.0], [-3.0]]), np.array([0, 0, 1]))
    array([[18.]])
    """
    codes, n_groups = _codes(clusters)
    _require_groups(n_groups)
    total = np.vstack([np.bincount(codes, column, n_groups).astype(np.float64) for column in influence.T])
    covariance: Floats = total @ total.T
    return covariance


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


def jackknife_of_many(replicates: Callable[[Flags], Floats], clusters: AnyArray, *, max_groups: int = 500) -> float:
    r"""Leave out one cluster at a time; the statistic is computed of many replicates together.

    .. math:: \hat V = \frac{G-1}{G} \sum_g \big(\hat\theta_{(-g)} - \bar\theta\big)^2

    With more than ``max_groups`` clusters they are dealt in turn, by their first position, into that many groups, and one
    group is left out at a time.

    Parameters
    ----------
    replicates : callable
        From (r, n) booleans, True where a replicate keeps a unit, to r numbers; r is as large as memory and cache like it.
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
    parts = np.array_split(np.arange(n_replicates), -(-n_replicates * group.size // TOGETHER))
    found = np.concatenate([replicates(group != part[:, None]) for part in parts if part.size])
    if not np.isfinite(found).all():
        lost = int((~np.isfinite(found)).sum())
        raise EstimationError(f"{lost} of {n_replicates} jackknife replicates are not numbers.", "Use the sandwich.")
    return float((n_replicates - 1.0) / n_replicates * ((found - found.mean()) ** 2).sum())


def effective_size(weight: Floats) -> float:
    """Return the size of an equally weighted sample that is as precise, (sum w)^2 / sum w^2; 0 without weight."""
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def _codes(clusters: AnyArray) -> tuple[Indices, int]:
    """Give each unit the number of its cluster, from 0 by first position."""
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse], first.size


def _correction(n: int, n_groups: int, kind: Kind, n_parameters: int) -> float:
    """Return G / (G - 1) and, for HC1, times (n - 1) / (n - k)."""
    _require_groups(n_groups)
    if kind == "HC0":
        return n_groups / (n_groups - 1.0)
    if n <= n_parameters:
        raise EstimationError(
            f"A variance of {n_parameters} parameters needs more units; there are {n}.", "Use a larger group."
        )
    return n_groups / (n_groups - 1.0) * (n - 1.0) / (n - n_parameters)


def _require_groups(n_groups: int) -> None:
    if n_groups < 2:
        raise EstimationError(f"A variance needs two independent units or sets; there is {n_groups}.", "Use a larger group.")
