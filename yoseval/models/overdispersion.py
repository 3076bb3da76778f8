"""Fit Poisson and negative binomial regressions, to tell whether counts vary more than Poisson's.

Takes columns, counts and lengths of exposure. The negative binomial is a check of fit only: no standard error of an effect
comes from it, since influence values are right whatever the distribution. Own code: statsmodels stops with theta off
in the third digit.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from yoseval.arrays import Floats
from yoseval.errors import EstimationError
from yoseval.models.glm import standardise_columns

CONVERGED = 1e-10  # last step on the log scale
LEAST, MOST = 1e-4, 1e7  # theta is looked for between these; above, the two models cannot be told apart


@dataclass(frozen=True, slots=True, eq=False)
class CountFit:
    """A regression of counts with a logarithmic link.

    Parameters
    ----------
    coefficients : (p + 1,) floats
        The intercept first.
    covariance : (p + 1, p + 1) floats
        Inverse of the expected information.
    influence : (n, p + 1) floats
        Of each unit on each coefficient: the sum of their squares is the robust variance.
    fitted : (n,) floats
        Means.
    loglik : float
        Log-likelihood at the maximum.
    """

    coefficients: Floats
    covariance: Floats
    influence: Floats
    fitted: Floats
    loglik: float


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """How a negative binomial compares with a Poisson regression.

    Parameters
    ----------
    theta : float
        Size of the negative binomial, whose variance is mu + mu^2 / theta; infinite where counts vary no more than Poisson's.
    std_error : float
        Of theta; not a number where theta is infinite.
    likelihood_ratio : float
        Twice the difference of log-likelihoods, zero or more.
    p_value : float
        Half the upper tail of chi-square with 1 df: Poisson is at the edge of the negative binomial.
    pearson : float
        Pearson's dispersion of the Poisson regression; 1 where it holds.
    poisson, negative_binomial : CountFit
        The two fits.
    """

    theta: float
    std_error: float
    likelihood_ratio: float
    p_value: float
    pearson: float
    poisson: CountFit
    negative_binomial: CountFit


def fit_counts(
    x: Floats, y: Floats, weight: Floats | None = None, *, exposure: Floats | None = None, theta: float = np.inf
) -> CountFit:
    r"""Fit :math:`\log E(y) = \log d + \beta_0 + x \beta` by maximum likelihood with a given theta.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank beside an intercept.
    y : (n,) floats
        Counts.
    weight : (n,) floats, optional
        Zero or more; 1 if absent.
    exposure : (n,) floats, optional
        d, above 0; 1 if absent.
    theta : float
        Size of the negative binomial; infinite for Poisson.

    Returns
    -------
    CountFit
        With theta taken as known.

    Raises
    ------
    EstimationError
        If there is no event, or no finite maximum.

    References
    ----------
    lawless1987 : Lawless (1987), Canadian Journal of Statistics 15(3), 209-225, section 2.

    Examples
    --------
    >>> x, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1.0, 3.0, 4.0, 4.0])
    >>> fit_counts(x, y).coefficients.round(4)
    array([0.6931, 0.6931])
    """
    w = np.ones(len(y)) if weight is None else weight
    d = np.ones(len(y)) if exposure is None else exposure
    if not w @ y > 0:
        raise EstimationError("There is no event to fit a model of counts to.", "Use a larger group.")
    scaled = standardise_columns(x)
    z, beta = scaled.z, np.zeros(x.shape[1] + 1)
    beta[0] = np.log(w @ y / (w @ d))
    for _ in range(100):
        mean = d * np.exp(z @ beta)
        shrink = 1.0 / (1.0 + mean / theta)
        score = (z * (w * (y - mean) * shrink)[:, None]).sum(axis=0)
        inverse = _inverse((z * (w * mean * shrink)[:, None]).T @ z)
        step = inverse @ score
        reach = float(np.abs(z @ step).max())
        beta = beta + step * min(1.0, 2.0 / max(reach, 1e-300))
        if reach <= CONVERGED:
            break
    else:
        raise EstimationError("The model of counts has no finite maximum.", "Merge rare categories.")
    back = scaled.back
    influence = (z * (w * (y - mean) * shrink)[:, None]) @ inverse @ back.T
    return CountFit(back @ beta, back @ inverse @ back.T, influence, mean, _loglik(y, mean, w, theta))


def compare_dispersion(x: Floats, y: Floats, weight: Floats | None = None, *, exposure: Floats | None = None) -> Dispersion:
    r"""Fit both regressions and compare them.

    Theta is where the score of its profile likelihood is zero,

    .. math:: \sum_i w_i \Big\{ \psi(y_i + \theta) - \psi(\theta) + \log \frac{\theta}{\theta + \mu_i} + 1
        - \frac{y_i + \theta}{\mu_i + \theta} \Big\} = 0,

    with the coefficients fitted again at every theta.

    Parameters
    ----------
    x, y, weight, exposure
        As for ``fit_counts``.

    Returns
    -------
    Dispersion
        A check of fit; none of its numbers enters an effect.

    Raises
    ------
    EstimationError
        As ``fit_counts``.

    References
    ----------
    lawless1987 : Lawless (1987), Canadian Journal of Statistics 15(3), 209-225, sections 2 and 5.

    Examples
    --------
    >>> y = np.array([0.0, 0.0, 0.0, 9.0, 1.0, 0.0, 7.0, 0.0])
    >>> compare_dispersion(np.empty((8, 0)), y).p_value < 0.001
    True
    """
    w = np.ones(len(y)) if weight is None else weight
    poisson = fit_counts(x, y, w, exposure=exposure)
    used = w > 0
    squares = (w * (y - poisson.fitted) ** 2 / poisson.fitted)[used].sum()
    pearson = float(squares / max(int(used.sum()) - x.shape[1] - 1, 1))

    def score(log_theta: float) -> float:
        theta = float(np.exp(log_theta))
        return _theta_score(y, fit_counts(x, y, w, exposure=exposure, theta=theta).fitted, w, theta)

    if _excess(y, poisson.fitted, w) <= 0.0 or score(np.log(MOST)) >= 0.0 or score(np.log(LEAST)) <= 0.0:
        return Dispersion(np.inf, np.nan, 0.0, 1.0, pearson, poisson, poisson)
    theta = float(np.exp(optimize.brentq(score, np.log(LEAST), np.log(MOST), xtol=1e-12, rtol=1e-14)))
    negative = fit_counts(x, y, w, exposure=exposure, theta=theta)
    ratio = max(0.0, 2.0 * (negative.loglik - poisson.loglik))
    p_value = 0.5 * float(special.chdtrc(1, ratio)) if ratio > 0 else 1.0
    error = _theta_information(y, negative.fitted, w, theta) ** -0.5
    return Dispersion(theta, error, ratio, p_value, pearson, poisson, negative)


def _inverse(information: Floats) -> Floats:
    try:
        inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError as problem:
        raise EstimationError("The columns of a model of counts are not independent.", "Leave one out.") from problem
    return inverse


def _loglik(y: Floats, mean: Floats, w: Floats, theta: float) -> float:
    if np.isinf(theta):
        return float(w @ (special.xlogy(y, mean) - mean - special.gammaln(y + 1.0)))
    size = special.gammaln(y + theta) - special.gammaln(theta) - special.gammaln(y + 1.0)
    return float(w @ (size - theta * np.log1p(mean / theta) + special.xlogy(y, mean / (mean + theta))))


def _excess(y: Floats, mean: Floats, w: Floats) -> float:
    """Return the derivative of the log-likelihood in 1/theta at Poisson: above 0 where counts vary more."""
    return float(w @ ((y - mean) ** 2 - y)) / 2.0


def _theta_score(y: Floats, mean: Floats, w: Floats, theta: float) -> float:
    grown = special.digamma(y + theta) - special.digamma(theta)
    return float(w @ (grown - np.log1p(mean / theta) + (mean - y) / (mean + theta)))


def _theta_information(y: Floats, mean: Floats, w: Floats, theta: float) -> float:
    grown = special.polygamma(1, theta) - special.polygamma(1, y + theta)
    return float(w @ (grown - 1.0 / theta + 2.0 / (mean + theta) - (y + theta) / (mean + theta) ** 2))
