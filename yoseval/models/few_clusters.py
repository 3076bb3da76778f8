"""The variance of a contrast of two arms where clusters are few: CR2, with Satterthwaite's degrees of freedom.

Takes influence values (or an outcome), arms, weights and clusters; gives a standard error and its degrees of freedom. The
ordinary clustered sandwich is too small with few clusters, and a normal quantile too short: this corrects both.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError

FEW_CLUSTERS = 40
"""Clusters below which the correction matters: with 40 or more of like size the ordinary sandwich serves."""

SINGULAR = 1e-10  # eigenvalue of a cluster's adjustment below which it is treated as zero


@dataclass(frozen=True, slots=True)
class FewClusters:
    """A difference of two weighted means with its bias-reduced clustered error.

    Parameters
    ----------
    estimate : float
        Weighted mean of the treated less that of the comparison units.
    std_error : float
        CR2.
    df : float
        Satterthwaite's, for a t quantile.
    n_clusters : int
        Clusters with any weight.
    """

    estimate: float
    std_error: float
    df: float
    n_clusters: int


@dataclass(frozen=True, slots=True)
class AdjustedVariance:
    """A CR2 variance, Satterthwaite's degrees of freedom, and the number of clusters with any weight."""

    variance: float
    df: float
    n_clusters: int


@dataclass(frozen=True, slots=True, eq=False)
class _Levers:
    """What each unit's residual is multiplied by, before and after the adjustment, with sums by cluster and arm.

    ``share`` is w / S within the arm, ``lever`` is W X M c (the share, negative in the comparison arm), ``adjusted`` is
    A W X M c; ``side`` is 0 for the treated and 1 for the comparison.
    """

    code: Indices
    side: Indices
    share: Floats
    lever: Floats
    adjusted: Floats


def cr2_difference(outcome: Floats, treated: Flags, weight: Floats, clusters: AnyArray) -> FewClusters:
    r"""Estimate a weighted difference of means with the CR2 variance and Satterthwaite's degrees of freedom.

    For the regression of the outcome on the two arms by weighted least squares, with inverse-probability weights and a
    working model of independent errors with one variance,

    .. math:: V = c^\top M \Big( \sum_g X_g^\top W_g A_g e_g e_g^\top A_g W_g X_g \Big) M c, \qquad
              A_g = \big[(I - H)_g (I - H)_g^\top\big]^{+1/2},

    :math:`M = (X^\top W X)^{-1}`, :math:`H = X M X^\top W`, and :math:`(I - H)_g` the rows of cluster g. The degrees of
    freedom are :math:`\nu = (\sum_g p_g^\top p_g)^2 / \sum_{gh} (p_g^\top p_h)^2`, with
    :math:`p_g = (I - H)_g^\top A_g W_g X_g M c`. Inverse-probability weights are taken as known.

    Parameters
    ----------
    outcome : (n,) floats
        What is averaged.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    clusters : (n,) labels
        Units with one label are dependent.

    Returns
    -------
    FewClusters
        Estimate, error and degrees of freedom.

    Raises
    ------
    EstimationError
        If an arm has no unit, there are fewer than two clusters, or the variance has no degrees of freedom.

    References
    ----------
    bell2002 : Bell and McCaffrey (2002), Survey Methodology 28(2), 169-181.
    pustejovsky2018 : Pustejovsky and Tipton (2018), Journal of Business and Economic Statistics 36(4), 672-683,
        equations 9 to 12.

    Examples
    --------
    >>> y, arm = np.array([1.0, 2.0, 3.0, 5.0]), np.array([True, True, False, False])
    >>> round(cr2_difference(y, arm, np.ones(4), np.arange(4)).std_error, 4)
    1.118
    """
    used = weight > 0
    y, a, w = outcome[used], treated[used], weight[used]
    _require_arms(a)
    means = np.array([np.average(y[a], weights=w[a]), np.average(y[~a], weights=w[~a])])
    difference = float(means[0] - means[1])
    influence = (y - np.where(a, means[0], means[1])) * np.where(a, w / w[a].sum(), -w / w[~a].sum())
    found = cr2_variance(influence, a, w, clusters[used])
    return FewClusters(difference, float(np.sqrt(found.variance)), found.df, found.n_clusters)


def cr2_variance(
    influence: Floats, treated: Flags, weight: Floats, clusters: AnyArray, *, correction: Floats | None = None
) -> AdjustedVariance:
    r"""Return the CR2 variance of any contrast of two arms from its influence values.

    A contrast is to first order a weighted difference of means of *pseudo-values*

    .. math:: y_i = \hat\theta_{a} \pm \phi_i \frac{S_a}{w_i}, \qquad S_a = \sum_{A_j = a} w_j ,

    plus for the treated and minus for the comparison units: where :math:`\phi` sums to 0 in each arm, their difference of
    means is the contrast, and its uncorrected (CR0) variance is the sum of squares of the clusters' influence exactly. So the
    residual of a unit is :math:`e_i = \phi_i / \ell_i` with the lever :math:`\ell_i = \pm w_i / S_a`, and

    .. math:: V = \sum_g \Big( \sum_{i \in g} u_i e_i + c_i \Big)^2, \qquad u_g = A_g \ell_g ,

    with :math:`A_g` and the degrees of freedom as for ``cr2_difference``, which this reproduces. :math:`c_i` is what
    estimated weights add to a unit's influence; it has no lever of its own and enters as it is.

    Parameters
    ----------
    influence : (n,) floats
        Influence with the weights taken as known; it counts for units of positive weight only.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    clusters : (n,) labels
        Units with one label are dependent.
    correction : (n,) floats, optional
        What estimated weights add to the influence; also for units of weight 0.

    Returns
    -------
    AdjustedVariance
        Variance, degrees of freedom, clusters with any weight.

    Raises
    ------
    EstimationError
        If an arm has no unit, there are fewer than two clusters, or nothing varies.

    References
    ----------
    pustejovsky2018 : Pustejovsky and Tipton (2018), Journal of Business and Economic Statistics 36(4), 672-683,
        equations 9 to 12.

    Examples
    --------
    >>> influence = np.array([-0.25, 0.25, 0.5, -0.5])
    >>> arm = np.array([True, True, False, False])
    >>> cr2_variance(influence, arm, np.ones(4), np.arange(4)).variance
    1.25
    """
    used = weight > 0
    a, w, code = treated[used], weight[used], np.unique(clusters, return_inverse=True)[1].astype(np.int64)
    _require_arms(a)
    levers = _adjust(a, w, code[used])
    n_clusters = int(levers.code.max()) + 1
    if n_clusters < 2:
        raise EstimationError("A variance needs two independent clusters; there is 1.", "Use a larger group.")
    total = np.bincount(code[used], levers.adjusted * influence[used] / levers.lever, minlength=int(code.max()) + 1)
    if correction is not None:
        total = total + np.bincount(code, correction, minlength=total.size)
    variance = float(total @ total)
    spread, squares = _traces(levers)
    if not spread > 0 or not variance > 0:
        raise EstimationError("The outcome does not vary within the groups, so it has no interval.", "Use a larger group.")
    return AdjustedVariance(variance, spread**2 / squares, n_clusters)


def _require_arms(treated: Flags) -> None:
    if treated.all() or not treated.any():
        raise EstimationError("One of the two groups has no unit.", "Use a larger group.")


def _adjust(treated: Flags, weight: Floats, code: Indices) -> _Levers:
    r"""Multiply the levers by :math:`A_g`, for all clusters at once.

    Each arm of a cluster is a block of its own: (I - H)_g (I - H)_g' = I - 1 s' - s 1' + q 1 1' with s the shares w / S and q
    the arm's sum of s^2. That is a change of rank two in the plane of 1 and s, so its root needs a 2 x 2 matrix only, in the
    basis of 1 and of s less its mean.
    """
    side = np.where(treated, 0, 1).astype(np.int64)
    sums = np.bincount(side, weight, minlength=2)
    share = weight / sums[side]
    sign = np.where(treated, 1.0, -1.0)
    own = np.unique(code, return_inverse=True)[1].astype(np.int64)
    block = 2 * own + side
    size = np.bincount(block, minlength=2 * (int(own.max()) + 1)).astype(np.float64)
    there = np.maximum(size, 1.0)
    mean = np.bincount(block, share, minlength=size.size) / there
    apart = share - mean[block]
    reach = np.sqrt(np.bincount(block, apart**2, minlength=size.size))
    squares: Floats = np.tile(np.bincount(side, share**2, minlength=2).astype(np.float64), size.size // 2)
    moved = _root_less_identity(size, mean, reach, squares)
    along = np.divide(apart, reach[block], out=np.zeros_like(apart), where=reach[block] > 0)
    shift = moved[block, 0] / np.sqrt(there[block]) + moved[block, 1] * along
    return _Levers(own, side, share, sign * share, sign * (share + shift))


def _root_less_identity(size: Floats, mean: Floats, reach: Floats, squares: Floats) -> Floats:
    """Return (A - I) s of each block in the basis of 1 / sqrt(m) and (s - mean) / reach, (k, 2) floats."""
    root = np.sqrt(size)
    within = np.column_stack([root * mean, reach])
    inner = np.zeros((size.size, 2, 2))
    inner[:, 0, 0] = 1.0 - 2.0 * size * mean + squares * size
    inner[:, 0, 1] = inner[:, 1, 0] = -root * reach
    inner[:, 1, 1] = 1.0
    values, vectors = np.linalg.eigh(inner)
    roots = np.where(values > SINGULAR, 1.0 / np.sqrt(np.maximum(values, SINGULAR)), 0.0)
    turned = np.einsum("kji,kj->ki", vectors, within)
    found: Floats = np.einsum("kij,kj->ki", vectors, roots * turned) - within
    return found


def _traces(levers: _Levers) -> tuple[float, float]:
    r"""Return the trace of the matrix of :math:`p_g^\top p_h` and that of its square, without forming it.

    :math:`p_g = u_g` on its own rows, less :math:`W X M X_g^\top u_g` on all, so the matrix is D + L K L': D diagonal, L of
    four columns (sums of u and of s u, by cluster and arm), and K of 4 x 4.
    """
    n_clusters = int(levers.code.max()) + 1
    place = 2 * levers.code + levers.side
    plain = np.bincount(place, levers.adjusted, minlength=2 * n_clusters).reshape(-1, 2)
    shared = np.bincount(place, levers.share * levers.adjusted, minlength=2 * n_clusters).reshape(-1, 2)
    low_rank = np.column_stack([plain, shared])
    kernel = np.zeros((4, 4))
    kernel[:2, :2] = np.diag(np.bincount(levers.side, levers.share**2, minlength=2))
    kernel[:2, 2:] = kernel[2:, :2] = -np.eye(2)
    diagonal = np.bincount(levers.code, levers.adjusted**2, minlength=n_clusters)
    changed = np.einsum("gi,ij,gj->g", low_rank, kernel, low_rank)
    gram = kernel @ (low_rank.T @ low_rank)
    squares = float(np.trace(gram @ gram)) + 2.0 * float(diagonal @ changed) + float(diagonal @ diagonal)
    return float((diagonal + changed).sum()), squares
