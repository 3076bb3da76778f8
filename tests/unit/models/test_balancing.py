"""Balancing scores solve their equations and tell exactly how each unit moves them."""

import numpy as np
import pytest
from scipy.optimize import root

from yoseval.errors import DesignError
from yoseval.models.balancing import BALANCED, fit_balancing
from yoseval.models.glm import standardise_columns

ESTIMANDS = list(BALANCED)


def sample(seed=1, n=250):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * np.array([1.0, 30.0, 0.1]) + np.array([0.0, 400.0, 2.0])
    return x, rng.random(n) < 1 / (1 + np.exp(-(0.8 * x[:, 0] - 0.5 + (x[:, 1] - 400) / 60)))


def weights(estimand, e, a):
    over, under = {"ATT": (1 + 0 * e, e / (1 - e)), "ATE": (1 / e, 1 / (1 - e)), "ATC": ((1 - e) / e, 1 + 0 * e)}[estimand]
    return np.where(a, over, under)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_the_equations_are_solved_by_the_same_coefficients_as_scipys(estimand):
    x, a = sample()
    z = np.column_stack([np.ones(len(a)), (x - x.mean(axis=0)) / x.std(axis=0)])

    fit = fit_balancing(x, a, estimand)

    def equations(beta):
        e = 1 / (1 + np.exp(-z @ beta))
        return z.T @ (np.where(a, 1, -1) * weights(estimand, e, a)) / len(a)

    other = root(equations, np.zeros(4), tol=1e-13)
    assert fit.score == pytest.approx(1 / (1 + np.exp(-z @ other.x)), abs=1e-8)
    assert fit.weight == pytest.approx(weights(estimand, fit.score, a), rel=1e-12)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_is_the_derivative_of_the_coefficients_in_the_weights(estimand):
    x, a = sample()
    back, step = standardise_columns(x).back, 1e-4

    influence = fit_balancing(x, a, estimand).influence @ back.T

    for i in (0, 7, 200):
        up, down = np.ones(len(a)), np.ones(len(a))
        up[i] += step
        down[i] -= step
        slope = (fit_balancing(x, a, estimand, up).coefficients - fit_balancing(x, a, estimand, down).coefficients) / (2 * step)
        # Central differences: step squared, 1e-8 of the slope, plus rounding over the step.
        assert influence[i] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_the_gradient_is_the_derivative_of_the_weights(estimand):
    x, a = sample(n=60)
    fit, z, step = fit_balancing(x, a, estimand), standardise_columns(x).z, 1e-6
    logit = np.log(fit.score / (1 - fit.score))

    for j in range(4):
        up, down = (weights(estimand, 1 / (1 + np.exp(-(logit + s * z[:, j]))), a) for s in (step, -step))
        assert fit.gradient[:, j] == pytest.approx((up - down) / (2 * step), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_the_unit_of_a_column_changes_no_weight(estimand):
    x, a = sample()

    scaled = fit_balancing(x * np.array([1e6, 1e-6, 3.0]) + 7.0, a, estimand)

    assert scaled.weight == pytest.approx(fit_balancing(x, a, estimand).weight, rel=1e-8)


def test_swapped_arms_swap_the_target():
    x, a = sample()

    assert fit_balancing(x, ~a, "ATC").weight == pytest.approx(fit_balancing(x, a, "ATT").weight, rel=1e-9)
    assert fit_balancing(x, ~a, "ATE").weight == pytest.approx(fit_balancing(x, a, "ATE").weight, rel=1e-9)


def test_weights_count_like_repeated_rows():
    x, a = sample(n=80)
    times = np.random.default_rng(2).integers(1, 4, len(a))

    repeated = fit_balancing(np.repeat(x, times, axis=0), np.repeat(a, times), "ATE")

    assert fit_balancing(x, a, "ATE", times.astype(float)).coefficients == pytest.approx(repeated.coefficients, rel=1e-7)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_where_no_weights_balance_it_says_so(estimand):
    x = np.arange(40.0)[:, None]

    with pytest.raises(DesignError, match="No score balances"):
        fit_balancing(x, x[:, 0] > 19, estimand)


def test_one_arm_only_is_an_error():
    with pytest.raises(DesignError, match="Only one"):
        fit_balancing(np.zeros((3, 0)), np.array([True, True, True]), "ATT")
