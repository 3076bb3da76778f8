"""The logistic regression agrees with statsmodels, and says so when no maximum exists."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from yoseval.errors import DesignError
from yoseval.models.glm import fit_logit, independent_columns


def sample(seed=1, n=400, p=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * np.array([1.0, 1e4, 1e-4, 3.0])[:p] + np.array([0.0, 1e6, 5.0, -2.0])[:p]
    y = rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] - 0.5)))
    return x, y


def arms_are_separable(x, y):
    """Solve Konis's linear programme: is there a direction that lowers no y = 1, raises no y = 0 and moves one?"""
    signed = np.where(y, 1.0, -1.0)[:, None] * np.column_stack([np.ones(len(x)), x])
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(x)), bounds=(-1, 1), method="highs")
    return -found.fun > 1e-7


def test_coefficients_errors_and_likelihood_agree_with_statsmodels():
    x, y = sample()

    fit = fit_logit(x, y)

    # statsmodels solves on raw columns of scales 1e-4 to 1e6, so it is given centred and scaled ones.
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    other = sm.Logit(y.astype(float), sm.add_constant(z)).fit(disp=0, method="newton", tol=1e-14)
    slopes = other.params[1:] / x.std(axis=0)
    assert fit.coefficients[1:] == pytest.approx(slopes, rel=1e-8)
    assert fit.coefficients[0] == pytest.approx(other.params[0] - slopes @ x.mean(axis=0), rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance))[1:] == pytest.approx(other.bse[1:] / x.std(axis=0), rel=1e-8)
    assert fit.loglik == pytest.approx(other.llf, rel=1e-12)
    assert fit.fitted == pytest.approx(other.predict(), abs=1e-10)


def test_weights_count_like_repeated_rows():
    x, y = sample(n=120, p=2)
    times = np.random.default_rng(2).integers(0, 4, len(y))

    weighted = fit_logit(x, y, times.astype(float))

    repeated = fit_logit(np.repeat(x, times, axis=0), np.repeat(y, times))
    assert weighted.coefficients == pytest.approx(repeated.coefficients, rel=1e-9)
    assert weighted.covariance == pytest.approx(repeated.covariance, rel=1e-9)
    assert weighted.loglik == pytest.approx(repeated.loglik, rel=1e-12)


def test_the_mean_of_the_fitted_is_the_share_treated():
    x, y = sample(n=2000)

    assert fit_logit(x, y).fitted.mean() == pytest.approx(y.mean(), abs=1e-12)


def test_influence_is_the_derivative_of_the_coefficients_in_the_weights():
    x, y = sample(n=40, p=2)
    x[:, 1] = (x[:, 1] - 1e6) / 1e4
    step = 1e-5

    influence = fit_logit(x, y).influence

    for i in (0, 7, 39):
        up, down = np.ones(len(y)), np.ones(len(y))
        up[i] += step
        down[i] -= step
        slope = (fit_logit(x, y, up).coefficients - fit_logit(x, y, down).coefficients) / (2 * step)
        # Central differences are right to about step squared, here 1e-10, plus rounding over step.
        assert influence[i] == pytest.approx(slope, abs=1e-8)


def test_influence_gives_the_robust_covariance_of_statsmodels():
    x, y = sample(n=300, p=1)

    fit = fit_logit(x, y)

    robust = sm.Logit(y.astype(float), sm.add_constant(x)).fit(disp=0, cov_type="HC0", tol=1e-14).cov_params()
    assert fit.influence.T @ fit.influence == pytest.approx(robust, rel=1e-7)


def test_a_warm_start_reaches_the_same_coefficients_in_fewer_steps():
    x, y = sample()
    cold = fit_logit(x[1:], y[1:])

    warm = fit_logit(x[1:], y[1:], start=fit_logit(x, y).coefficients)

    assert warm.coefficients == pytest.approx(cold.coefficients, rel=1e-9)
    assert warm.iterations < cold.iterations


def test_a_poor_start_ends_at_the_same_maximum():
    x, y = sample(n=200, p=1)

    poor = fit_logit(x, y, start=np.array([-6.0, 8.0]))

    assert poor.coefficients == pytest.approx(fit_logit(x, y).coefficients, rel=1e-9)


def test_too_few_steps_are_an_error():
    x, y = sample()

    with pytest.raises(DesignError, match="no finite maximum"):
        fit_logit(x, y, max_iterations=2)


def test_without_columns_the_fit_is_the_share_treated():
    y = np.array([True, False, False, True, True])

    fit = fit_logit(np.empty((5, 0)), y)

    assert fit.coefficients == pytest.approx([np.log(1.5)], rel=1e-12)
    assert fit.fitted == pytest.approx(np.full(5, 0.6), abs=1e-13)


def test_perfect_separation_is_an_error_that_names_the_column():
    x = np.column_stack([np.tile([0.0, 1.0, 2.0], 10), np.arange(30.0)])

    with pytest.raises(DesignError, match="'age'") as caught:
        fit_logit(x, np.arange(30) > 14, names=["noise", "age"])

    assert "leave the covariate out" in caught.value.remedy


def test_a_rare_category_of_one_arm_only_is_an_error_that_names_it():
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(size=200), np.zeros(200)])
    y = rng.random(200) < 0.5
    x[np.flatnonzero(y)[:2], 1] = 1.0

    with pytest.raises(DesignError, match=r"without fail: 'rare'\."):
        fit_logit(x, y, names=["age", "rare"])


def test_a_numeric_column_that_touches_at_one_value_is_an_error():
    x = np.array([[1.0], [2.0], [3.0], [3.0], [4.0], [5.0]])

    with pytest.raises(DesignError, match="column 1"):
        fit_logit(x, np.array([False, False, False, True, True, True]))


def test_a_strong_but_overlapping_covariate_is_fitted():
    # One unit of each arm stands among the other's: the maximum is finite, if far out.
    x = np.concatenate([np.linspace(0, 1, 50), [1.01], [0.99], np.linspace(1, 2, 50)])[:, None]
    y = np.concatenate([np.zeros(50), [0], [1], np.ones(50)]).astype(bool)

    fit = fit_logit(x, y)

    assert fit.fitted.mean() == pytest.approx(y.mean(), abs=1e-12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(6, 16), st.integers(1, 3))
def test_an_error_is_raised_exactly_where_a_linear_programme_finds_separation(seed, n, p):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, size=(n, p)).astype(float)
    y = rng.random(n) < 0.5
    y[:2] = [True, False]
    x = x[:, independent_columns(x)]

    try:
        fit_logit(x, y)
        raised = False
    except DesignError:
        raised = True

    assert raised == arms_are_separable(x, y)


def test_one_group_only_is_an_error():
    with pytest.raises(DesignError, match="Only one of the two groups"):
        fit_logit(np.zeros((3, 0)), np.array([True, True, True]))


def test_a_number_that_is_not_finite_is_an_error():
    with pytest.raises(DesignError, match="not finite"):
        fit_logit(np.array([[1.0], [np.inf]]), np.array([True, False]))


def test_constant_and_aliased_columns_are_dropped_first_come_first_kept():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=50), rng.normal(size=50)
    x = np.column_stack([np.full(50, 0.1), a, 3.0 - 2.0 * a, b, a + b, np.zeros(50)])

    assert independent_columns(x).tolist() == [False, True, False, True, False, False]


@pytest.mark.parametrize("unit", [1e-150, 1e-9, 1.0, 1e12, 1e150])
def test_the_unit_of_a_column_has_no_say_in_whether_it_is_kept(unit):
    rng = np.random.default_rng(5)
    a = rng.normal(size=80)
    x = np.column_stack([a, (a + 0.01 * rng.normal(size=80)) * unit, 2 * a])

    assert independent_columns(x).tolist() == [True, True, False]


def test_a_small_spread_on_a_large_offset_is_kept():
    rng = np.random.default_rng(6)
    x = (1e6 + rng.normal(size=60))[:, None]

    assert independent_columns(x).tolist() == [True]


def test_kept_columns_have_the_rank_of_all():
    rng = np.random.default_rng(7)
    x = rng.integers(0, 2, size=(12, 9)).astype(float)

    kept = independent_columns(x)

    rank = np.linalg.matrix_rank(np.column_stack([np.ones(12), x]))
    assert kept.sum() + 1 == rank
    assert np.linalg.matrix_rank(np.column_stack([np.ones(12), x[:, kept]])) == rank
