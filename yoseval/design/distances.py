"""Turn covariates into points whose plain distance is the one that was asked for.

Takes coded covariates and who was treated; gives coordinates for Mahalanobis, robust (rank-based) Mahalanobis and
scaled Euclidean matching.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy import stats

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError

_NEGLIGIBLE = 1e-10  # share of the largest eigenvalue below which a direction counts as implied by others


def mahalanobis_points(values: Floats, treated: Flags) -> Floats:
    r"""Return points whose Euclidean distance is the Mahalanobis distance.

    .. math:: d_{ij} = \sqrt{(x_i - x_j)^\top S^{-1} (x_i - x_j)}

    with :math:`S` the covariance pooled within the arms (divisor :math:`n - 2`).

    Parameters
    ----------
    values : (n, k) floats
        Coded covariates.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    (n, r) floats
        Points; r is the rank of the covariates.

    Raises
    ------
    DesignError
        If no covariate varies within the arms.

    References
    ----------
    rubin1980 : Rubin (1980), Biometrics 36(2), 293-298; pooled as in MatchIt.

    Examples
    --------
    >>> x = np.array([[0.0], [2.0], [1.0], [3.0]])
    >>> mahalanobis_points(x, np.array([True, True, False, False])).ravel().round(3)
    array([-1.061,  0.354, -0.354,  1.061])
    """
    varying = _varying(values)
    centred = _within(varying, treated)
    return _whitened(varying, centred.T @ centred / (len(treated) - 2))


def robust_mahalanobis_points(values: Floats, treated: Flags) -> Floats:
    r"""Return points whose Euclidean distance is Rosenbaum's rank-based Mahalanobis distance.

    Each covariate is replaced by its ranks (means for ties), and every rank is given the variance that ranks
    without ties have, so that a rare category does not count for more than a common one.

    Parameters
    ----------
    values, treated
        As for ``mahalanobis_points``; the covariance is that of all units.

    Returns
    -------
    (n, r) floats
        Points.

    Raises
    ------
    DesignError
        If no covariate varies.

    References
    ----------
    rosenbaum2010 : Rosenbaum (2010), Design of Observational Studies, section 8.3.
    """
    ranks = stats.rankdata(_varying(values), axis=0)
    covariance = np.atleast_2d(np.cov(ranks, rowvar=False))
    untied = np.arange(1, len(treated) + 1).std(ddof=1)
    factor = untied / np.sqrt(np.diag(covariance))
    return _whitened(ranks, covariance * np.outer(factor, factor))


def scaled_euclidean_points(values: Floats, treated: Flags) -> Floats:
    r"""Return the covariates divided by their SD within the arms (pooled, divisor :math:`n - 2`).

    Parameters
    ----------
    values, treated
        As for ``mahalanobis_points``.

    Returns
    -------
    (n, k) floats
        Points.

    Raises
    ------
    DesignError
        If no covariate varies within the arms.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 2.
    """
    varying = _varying(values)
    spread = np.sqrt((_within(varying, treated) ** 2).sum(axis=0) / (len(treated) - 2))
    # A covariate that is constant within the arms has no scale of its own; common support leaves none.
    points: Floats = varying[:, spread > 0] / spread[spread > 0]
    return points


POINTS: Mapping[str, Callable[[Floats, Flags], Floats]] = MappingProxyType(
    {
        "mahalanobis": mahalanobis_points,
        "robust_mahalanobis": robust_mahalanobis_points,
        "scaled_euclidean": scaled_euclidean_points,
    }
)


def _varying(values: Floats) -> Floats:
    varies = np.ptp(values, axis=0) > 0 if values.shape[1] else np.zeros(0, dtype=bool)
    if not varies.any():
        raise DesignError("No covariate varies, so that there is no distance to match on.", "Declare other covariates.")
    kept: Floats = values[:, varies]
    return kept


def _within(values: Floats, treated: Flags) -> Floats:
    means = [values[arm].mean(axis=0) for arm in (treated, ~treated)]
    centred: Floats = values - np.where(treated[:, None], means[0], means[1])
    return centred


def _whitened(values: Floats, covariance: Floats) -> Floats:
    """Rotate and scale so that the covariance becomes the identity; directions without variance are left out."""
    scale = np.sqrt(np.diag(covariance))
    kept = scale > 0
    if not kept.any():
        raise DesignError("No covariate varies within the groups.", "Declare other covariates.")
    scale = scale[kept]
    length, direction = np.linalg.eigh(covariance[np.ix_(kept, kept)] / np.outer(scale, scale))
    real = length > _NEGLIGIBLE * length[-1]
    centred = (values[:, kept] - values[:, kept].mean(axis=0)) / scale
    points: Floats = centred @ (direction[:, real] / np.sqrt(length[real]))
    return points
