"""The variance of a weighted difference of two means where clusters are few: CR2, with Satterthwaite's degrees of freedom.

Takes an outcome, arms, weights and clusters; gives a standard error and its degrees of freedom. The ordinary clustered
sandwich is too small with few clusters, and a normal quantile too short: this corrects both.
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


@dataclass(frozen=True, slots=True, eq=False)
class _Cluster:
    """A cluster's rows of the model, their weights, and W times M times c: what each row adds to the difference."""

    rows: Indices
    x: Floats
    w: Floats
    lever: Floats


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
    if a.all() or not a.any():
        raise EstimationError("One of the two groups has no unit.", "Use a larger group.")
    x = np.column_stack([a, ~a]).astype(np.float64)
    sums = w @ x
    means = (w * y) @ x / sums
    residual = y - x @ means
    groups = _clusters(clusters[used], x, w, sums)
    adjusted = [_adjusted_lever(g, sums, float(w[a] @ w[a]), float(w[~a] @ w[~a])) for g in groups]
    variance = float(sum((u @ residual[g.rows]) ** 2 for u, g in zip(adjusted, groups, strict=True)))
    inner = _inner_products(groups, adjusted, x, w, sums)
    spread = float(np.trace(inner))
    if not spread > 0 or not variance > 0:
        raise EstimationError("The outcome does not vary within the groups, so it has no interval.", "Use a larger group.")
    return FewClusters(float(means[0] - means[1]), float(np.sqrt(variance)), spread**2 / float((inner**2).sum()), len(groups))


def _clusters(labels: AnyArray, x: Floats, w: Floats, sums: Floats) -> list[_Cluster]:
    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    if codes.max(initial=0) < 1:
        raise EstimationError("A variance needs two independent clusters; there is 1.", "Use a larger group.")
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    contrast = np.array([1.0, -1.0]) / sums
    return [_Cluster(rows, x[rows], w[rows], w[rows] * (x[rows] @ contrast)) for rows in parts]


def _adjusted_lever(group: _Cluster, sums: Floats, over: float, under: float) -> Floats:
    r"""Return A_g W_g X_g M c.

    Each arm is a block of its own: (I - H)_g (I - H)_g' = I - 1 (w/S)' - (w/S) 1' + 1 1' q/S^2 with q the arm's sum of w^2,
    a change of rank two at most, so that its root needs a matrix of two columns only.
    """
    out = np.zeros(len(group.rows))
    for j, squares in enumerate((over, under)):
        inside = group.x[:, j] > 0
        if inside.any():
            out[inside] = _rooted(group.w[inside] / sums[j], squares / sums[j] ** 2, group.lever[inside])
    return out


def _rooted(share: Floats, squares: float, lever: Floats) -> Floats:
    """Multiply by the pseudo-inverse root of I - 1 s' - s 1' + q 1 1', through a basis of 1 and s."""
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(share)), share]))
    ones, own = basis.T @ np.ones(len(share)), basis.T @ share
    inner = np.eye(basis.shape[1]) - np.outer(ones, own) - np.outer(own, ones) + squares * np.outer(ones, ones)
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    roots = np.where(values > SINGULAR, 1.0 / np.sqrt(np.maximum(values, SINGULAR)), 0.0)
    within = basis.T @ lever
    rooted: Floats = lever + basis @ ((vectors * roots) @ (vectors.T @ within) - within)
    return rooted


def _inner_products(groups: list[_Cluster], adjusted: list[Floats], x: Floats, w: Floats, sums: Floats) -> Floats:
    r"""Return :math:`p_g^\top p_h` for every two clusters, (G, G) floats.

    :math:`p_g = u_g` on its own rows, less :math:`W X M X_g^\top u_g` on all: so three sums by cluster and arm suffice.
    """
    raised = np.array([g.x.T @ u for g, u in zip(groups, adjusted, strict=True)]) / sums
    weighted = np.array([(g.w * u) @ g.x for g, u in zip(groups, adjusted, strict=True)])
    squares = (w**2) @ x
    cross = weighted @ raised.T
    inner: Floats = (raised * squares) @ raised.T - cross - cross.T
    inner[np.diag_indices_from(inner)] += np.array([u @ u for u in adjusted])
    return inner
