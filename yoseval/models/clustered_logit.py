"""Fit a logistic regression whose rows are dependent within clusters, and give its clustered covariance.

Takes a matrix, an outcome of 0 and 1 and clusters. The gradient is summed by cluster, column by column, so that a
million rows need no matrix of influence values beside that of the model.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.glm import fit_logit


@dataclass(frozen=True, slots=True, eq=False)
class ClusteredLogit:
    """Coefficients (p + 1,), the intercept first, and their covariance (p + 1, p + 1), from so many clusters."""

    coefficients: Floats
    covariance: Floats
    n_clusters: int


def fit_clustered_logit(x: Floats, y: Flags, clusters: AnyArray, weight: Floats | None = None) -> ClusteredLogit:
    r"""Fit a logistic regression by maximum likelihood, with a sandwich over clusters (HC1).

    .. math:: \hat V = \frac{G}{G-1} \frac{n-1}{n-k} \, \mathcal{I}^{-1} \Big[\sum_g s_g s_g^\top\Big] \mathcal{I}^{-1},
        \qquad s_g = \sum_{i \in g} w_i x_i (y_i - p_i) ,

    the factor of ``sandwich::vcovCL`` and of statsmodels, with k coefficients.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank beside an intercept.
    y : (n,) booleans
        The outcome.
    clusters : (n,) labels
        Rows with one label are dependent.
    weight : (n,) floats, optional
        Zero or more; 1 if absent.

    Returns
    -------
    ClusteredLogit
        Coefficients and covariance.

    Raises
    ------
    DesignError
        As ``fit_logit``.
    EstimationError
        If there is only one cluster, or no more rows than coefficients.

    References
    ----------
    zeileis2020 : Zeileis, Köll and Graham (2020), Journal of Statistical Software 95(1).

    Examples
    --------
    >>> x = np.array([[0.0], [0.0], [1.0], [1.0], [1.0], [0.0]])
    >>> y = np.array([True, False, True, True, False, False])
    >>> fit_clustered_logit(x, y, np.array([0, 1, 2, 3, 4, 5])).coefficients.round(4)
    array([-0.6931,  1.3863])
    """
    n, k = len(y), x.shape[1] + 1
    code, n_clusters = _number(clusters)
    if n_clusters < 2 or n <= k:
        raise EstimationError(
            f"A clustered variance of {k} coefficients needs two clusters and more rows; there are {n_clusters} and {n}.",
            "Use a larger group.",
        )
    fit = fit_logit(x, y, weight)
    by_cluster = np.stack([np.bincount(code, fit.columns[:, j] * fit.residual) for j in range(k)])
    factor = n_clusters / (n_clusters - 1.0) * (n - 1.0) / (n - k)
    return ClusteredLogit(fit.coefficients, factor * fit.bread.T @ (by_cluster @ by_cluster.T) @ fit.bread, n_clusters)


def _number(clusters: AnyArray) -> tuple[Indices, int]:
    """Give each row the number of its cluster, and tell how many there are; whole numbers close together serve as they are."""
    if clusters.dtype.kind in "iu" and len(clusters):
        low, high = int(clusters.min()), int(clusters.max())
        if high - low < 4 * len(clusters):
            code = clusters.astype(np.int64) - low
            return code, int(np.count_nonzero(np.bincount(code)))
    labels, number = np.unique(clusters, return_inverse=True)
    return number.astype(np.int64), len(labels)
