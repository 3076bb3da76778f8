"""The ridge is the maximum of its penalised likelihood and agrees with scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from yoseval.errors import DesignError
from yoseval.models.glm import fit_logit
from yoseval.models.ridge import fit_ridge


def sample(seed=3, n=300):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * np.array([1.0, 30.0, 0.1]) + np.array([0.0, 400.0, 2.0])
    return x, rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] - 0.5)))


@pytest.mark.parametrize("penalty", [0.1, 1.0, 25.0])
def test_fitted_probabilities_are_those_of_scikit_learn(penalty):
    x, y = sample()
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    fit = fit_ridge(x, y, penalty=penalty)

    other = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(z, y)
    assert fit.fitted == pytest.approx(other.predict_proba(z)[:, 1], abs=1e-8)


def test_the_mean_of_the_fitted_is_the_share_treated():
    x, y = sample()

    assert fit_ridge(x, y).fitted.mean() == pytest.approx(y.mean(), abs=1e-10)


def test_a_penalty_of_next_to_nothing_is_maximum_likelihood():
    x, y = sample()

    assert fit_ridge(x, y, penalty=1e-10).coefficients == pytest.approx(fit_logit(x, y).coefficients, rel=1e-7)


def test_the_unit_of_a_column_changes_no_score():
    x, y = sample()

    assert fit_ridge(x * np.array([1000.0, 1.0, 0.01]), y).fitted == pytest.approx(fit_ridge(x, y).fitted, abs=1e-10)


def test_separated_groups_have_a_finite_fit():
    x = np.arange(30.0)[:, None]

    assert np.abs(fit_ridge(x, np.arange(30) > 14).linear_predictor).max() < 20


def test_influence_is_the_derivative_in_the_weights_but_for_the_share_of_the_penalty():
    x, y = sample(n=40)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    fit, step = fit_ridge(z, y, penalty=2.0), 1e-4
    shared = fit.influence.sum(axis=0)

    assert shared == pytest.approx(np.zeros(4), abs=1e-9)
    drawn = fit.covariance @ (2.0 * np.append(0.0, fit.coefficients[1:]))
    for i in (0, 7, 39):
        up, down = np.ones(len(y)), np.ones(len(y))
        up[i] += step
        down[i] -= step
        moved = (fit_ridge(z, y, up, penalty=2.0).coefficients - fit_ridge(z, y, down, penalty=2.0).coefficients) / (2 * step)
        assert fit.influence[i] == pytest.approx(moved - drawn / 40, abs=1e-5)


def test_too_few_steps_are_an_error():
    x, y = sample()

    with pytest.raises(DesignError, match="did not settle"):
        fit_ridge(x, y, max_iterations=1)
