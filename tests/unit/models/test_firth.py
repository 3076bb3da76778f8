"""Firth's regression is the maximum of its penalised likelihood, whatever separates the groups."""

import numpy as np
import pytest
from scipy.optimize import minimize

from yoseval.errors import DesignError
from yoseval.models.firth import fit_firth
from yoseval.models.glm import fit_logit


def sample(seed=1, n=60, p=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * np.array([1.0, 30.0, 0.1])[:p] + np.array([0.0, 400.0, 2.0])[:p]
    return x, rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] - 0.5)))


def penalised(beta, x, y, w):
    """Likelihood and half the log determinant of the information, by their definitions."""
    design = np.column_stack([np.ones(len(x)), x])
    eta = design @ beta
    p = 1 / (1 + np.exp(-eta))
    information = (design * (w * p * (1 - p))[:, None]).T @ design
    return w @ (y * eta - np.logaddexp(0, eta)) + 0.5 * np.linalg.slogdet(information)[1]


def by_scipy(x, y, w=None):
    w = np.ones(len(y)) if w is None else w
    centre, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - centre) / scale
    found = minimize(lambda b: -penalised(b, z, y, w), np.zeros(x.shape[1] + 1), method="BFGS", options={"gtol": 1e-9})
    slopes = found.x[1:] / scale
    return np.append(found.x[0] - slopes @ centre, slopes)


def test_coefficients_are_those_that_maximise_the_penalised_likelihood_by_another_route():
    x, y = sample()

    fit = fit_firth(x, y)

    # A quasi-Newton search with numeric gradients finds the place of a maximum to about 1e-6.
    assert fit.coefficients == pytest.approx(by_scipy(x, y), rel=2e-5, abs=2e-5)
    assert fit.loglik == pytest.approx(penalised(fit.coefficients, x, y, np.ones(len(y))), rel=1e-9)


@pytest.mark.parametrize(("a", "b", "c", "d"), [(7, 5, 4, 9), (0, 6, 8, 3), (5, 0, 0, 5), (1, 0, 0, 30)])
def test_of_a_two_by_two_table_it_adds_a_half_to_every_cell(a, b, c, d):
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])[:, None]
    y = np.repeat([True, False, True, False], [a, b, c, d])

    fit = fit_firth(x, y)

    log_odds = np.log((c + 0.5) / (d + 0.5))
    assert fit.coefficients == pytest.approx([log_odds, np.log((a + 0.5) / (b + 0.5)) - log_odds], abs=1e-7)


def test_without_columns_it_adds_half_a_unit_to_each_group():
    fit = fit_firth(np.empty((7, 0)), np.array([True] * 2 + [False] * 5))

    assert fit.coefficients == pytest.approx([np.log(2.5 / 5.5)], abs=1e-9)


def test_complete_separation_has_a_finite_fit_by_both_routes():
    x = np.column_stack([np.arange(30.0), np.tile([0.0, 1.0, 2.0], 10)])
    y = np.arange(30) > 14

    fit = fit_firth(x, y)

    with pytest.raises(DesignError):
        fit_logit(x, y)
    assert np.abs(fit.linear_predictor).max() < 20
    assert fit.coefficients == pytest.approx(by_scipy(x, y), rel=1e-4)


def test_weights_count_like_repeated_rows():
    x, y = sample(n=50, p=2)
    times = np.random.default_rng(2).integers(1, 4, len(y))

    weighted = fit_firth(x, y, times.astype(float))

    assert weighted.coefficients == pytest.approx(
        fit_firth(np.repeat(x, times, axis=0), np.repeat(y, times)).coefficients, rel=1e-7
    )


def test_influence_is_the_derivative_of_the_coefficients_in_the_weights():
    x, y = sample(n=40, p=2)
    x[:, 1] = (x[:, 1] - 400) / 30
    step = 1e-4

    influence = fit_firth(x, y).influence

    for i in (0, 7, 39):
        up, down = np.ones(len(y)), np.ones(len(y))
        up[i] += step
        down[i] -= step
        slope = (fit_firth(x, y, up).coefficients - fit_firth(x, y, down).coefficients) / (2 * step)
        # Central differences: about step squared, plus what the steps leave over (1e-9) over the step.
        assert influence[i] == pytest.approx(slope, abs=1e-5)


def test_with_many_units_it_is_maximum_likelihood():
    x, y = sample(n=40_000, p=1)

    # The penalty is worth less than one unit.
    assert fit_firth(x, y).coefficients == pytest.approx(fit_logit(x, y).coefficients, abs=1e-3)


def test_a_warm_start_ends_at_the_same_place():
    x, y = sample()
    cold = fit_firth(x, y)

    assert fit_firth(x, y, start=cold.coefficients * 1.5).coefficients == pytest.approx(cold.coefficients, rel=1e-6)


def test_too_few_steps_are_an_error():
    x, y = sample()

    with pytest.raises(DesignError, match="did not settle"):
        fit_firth(x, y, max_iterations=1)


def test_columns_that_imply_each_other_are_an_error():
    x, y = sample(p=1)

    with pytest.raises(DesignError, match="not independent"):
        fit_firth(np.column_stack([x, np.zeros(len(x))]), y)
