"""Pool estimates from several imputations by Rubin's rules.

Takes an estimate and an error an imputation; gives one of each, with degrees of freedom that know both how few the
imputations and how few the units were.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats
from yoseval.errors import EstimationError


@dataclass(frozen=True, slots=True)
class Pooled:
    """A pooled estimate.

    Parameters
    ----------
    estimate : float
        Mean over imputations.
    std_error : float
        From the variance within and between imputations.
    df : float
        Barnard and Rubin's, for a t quantile.
    within, between : float
        Mean variance of an imputation, and variance of the estimates.
    missing_information : float
        Share of the information that is missing, from 0 to 1 (lambda).
    imputations : int
        How many.
    """

    estimate: float
    std_error: float
    df: float
    within: float
    between: float
    missing_information: float
    imputations: int

    @property
    def fraction_missing(self) -> float:
        r"""Fraction of missing information, :math:`\gamma = [\lambda (\nu + 1) + 2]/(\nu + 3)` (vanbuuren2018, 2.3.5)."""
        if self.df == np.inf:
            return self.missing_information
        return (self.missing_information * (self.df + 1.0) + 2.0) / (self.df + 3.0)


def pool_estimates(estimates: Floats, std_errors: Floats, *, complete_df: float = np.inf) -> Pooled:
    r"""Pool m estimates by Rubin's rules.

    .. math:: \bar q = \frac1m \sum_j q_j, \quad T = \bar u + \Big(1 + \frac1m\Big) b, \quad
              \lambda = \frac{(1 + 1/m)\, b}{T}

    with :math:`\bar u` the mean of the squared errors and :math:`b` the variance of the :math:`q_j`. With
    :math:`\nu_m = (m - 1)/\lambda^2` and :math:`\nu_o = (1 - \lambda)\, \nu (\nu + 1)/(\nu + 3)`, where :math:`\nu` are the
    degrees of freedom with nothing missing, :math:`1/\nu^* = 1/\nu_m + 1/\nu_o`.

    Parameters
    ----------
    estimates : (m,) floats
        One an imputation; ratios as logarithms.
    std_errors : (m,) floats
        Their errors.
    complete_df : float
        :math:`\nu`; infinite for large samples.

    Returns
    -------
    Pooled
        Estimate, error and degrees of freedom.

    Raises
    ------
    EstimationError
        If there are fewer than two imputations, or a number is not finite or an error not positive.

    References
    ----------
    rubin1987 : Rubin (1987), Multiple Imputation for Nonresponse in Surveys, equations 3.1.2 to 3.1.5.
    barnard1999 : Barnard and Rubin (1999), Biometrika 86(4), 948-955, equation 3.

    Examples
    --------
    >>> pooled = pool_estimates(np.array([1.0, 2.0, 3.0]), np.ones(3))
    >>> round(pooled.std_error, 4), round(pooled.df, 2)
    (1.5275, 6.12)
    """
    m = len(estimates)
    if m < 2:
        raise EstimationError(f"Pooling needs two imputations; there is {m}.", "Impute more often.")
    if not (np.isfinite(estimates).all() and np.isfinite(std_errors).all() and (std_errors > 0).all()):
        raise EstimationError("An imputation gave no estimate with an error.", "Look at the designs of the imputations.")
    within, between = float(np.mean(std_errors**2)), float(np.var(estimates, ddof=1))
    total = within + (1.0 + 1.0 / m) * between
    missing = (1.0 + 1.0 / m) * between / total
    return Pooled(float(np.mean(estimates)), float(np.sqrt(total)), _df(missing, m, complete_df), within, between, missing, m)


def _df(missing: float, m: int, complete_df: float) -> float:
    # Inverses, so that no information missing, and infinitely many units, need no case of their own.
    by_imputation = missing**2 / (m - 1.0)
    observed_df = (1.0 - missing) * complete_df * ((complete_df + 1.0) / (complete_df + 3.0) if complete_df < np.inf else 1.0)
    by_units = 1.0 / observed_df
    return 1.0 / (by_imputation + by_units) if by_imputation + by_units > 0 else float("inf")
