"""The over-identified score is the minimum of its criterion, and its influence is exact."""

import numpy as np
import pytest
from scipy.optimize import minimize

from yoseval.errors import DesignError
from yoseval.models.balancing import BALANCED
from yoseval.models.balancing_moments import fit_generalised
from yoseval.models.glm import fit_logit, standardise_columns

ESTIMANDS = list(BALANCED)


def sample(seed=1, n=250):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * np.array([1.0, 30.0]) + np.array([0.0, 400.0])
    # The logit is not linear, so that balance and likelihood disagree.
    return x, rng.random(n) < 1 / (1 + np.exp(-(0.8 * x[:, 0] - 0.5 + 0.4 * x[:, 0] ** 2)))


def moments(estimand, z, a, beta):
    """One row a unit: likelihood equations, then balance equations, by their definitions."""
    e = 1 / (1 + np.exp(-z @ beta))
    signed = {
        "ATT": a - (1 - a) * e / (1 - e),
        "ATE": a / e - (1 - a) / (1 - e),
        "ATC": a * (1 - e) / e - (1 - a),
    }[estimand]
    return np.hstack([(a - e)[:, None] * z, signed[:, None] * z])


def expected_covariance(estimand, z, beta):
    """The covariance of a unit's moments given its covariates, summed, by going through both arms."""
    e = 1 / (1 + np.exp(-z @ beta))
    total = 0.0
    for arm, share in ((1.0, e), (0.0, 1 - e)):
        rows = moments(estimand, z, np.full(len(e), arm), beta)
        total = total + (rows * share[:, None]).T @ rows
    return total


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_coefficients_are_those_that_minimise_the_criterion_by_another_route(estimand):
    x, treated = sample()
    z, a = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / x.std(axis=0)]), treated.astype(float)
    start = fit_logit(z[:, 1:], treated).coefficients
    inverse = np.linalg.pinv(expected_covariance(estimand, z, start), rcond=1e-10)

    fit = fit_generalised(x, treated, estimand)

    def criterion(beta):
        summed = moments(estimand, z, a, beta).sum(axis=0)
        return summed @ inverse @ summed

    other = minimize(criterion, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000})
    assert fit.score == pytest.approx(1 / (1 + np.exp(-z @ other.x)), abs=1e-6)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_is_the_derivative_of_the_coefficients_in_the_weights(estimand):
    x, treated = sample()
    back, step = standardise_columns(x).back, 1e-4

    influence = fit_generalised(x, treated, estimand).influence @ back.T

    for i in (0, 7, 200):
        up, down = np.ones(len(x)), np.ones(len(x))
        up[i] += step
        down[i] -= step
        moved = [fit_generalised(x, treated, estimand, w).coefficients for w in (up, down)]
        assert influence[i] == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-4, abs=1e-7)


def test_with_one_category_only_balance_and_likelihood_agree():
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [12, 8, 5, 15])[:, None]
    treated = np.repeat([True, False, True, False], [12, 8, 5, 15])

    for estimand in ESTIMANDS:
        assert fit_generalised(x, treated, estimand).score == pytest.approx(fit_logit(x, treated).fitted, abs=1e-8)


def test_too_few_steps_are_an_error():
    with pytest.raises(DesignError, match="did not settle"):
        fit_generalised(*sample(), "ATE", max_iterations=1)
