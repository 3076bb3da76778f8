"""Entropy balancing: exact means, the right solution, an honest refusal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize, root

from yoseval.cohort.covariates import code_covariates
from yoseval.design.entropy import (
    MEANS_ONLY,
    entropy_weighting,
    entropy_weights,
    entropy_weights_again,
    entropy_weights_of_many,
    squared_terms,
)
from yoseval.design.tilt import tilt_estimation
from yoseval.errors import DesignError
from yoseval.models.glm import independent_columns


@pytest.fixture
def arms(frame):
    x = code_covariates(frame, ("age", "prior", "area")).for_models()
    return x, frame["started"].to_numpy() == 1


def multipliers_with_case_weights(x, treated, case, start):
    """Solve the balancing equations with scipy for units that count ``case`` times."""
    centre = np.average(x[treated], axis=0, weights=case[treated])
    away = x[~treated] - centre

    def gap(multipliers):
        return (case[~treated] * np.exp(away @ multipliers)) @ away

    return root(gap, start, tol=1e-13).x


def test_weighted_comparison_means_equal_the_treated_means(arms):
    x, treated = arms

    weight = entropy_weights(x, treated).weight

    assert np.average(x[~treated], axis=0, weights=weight[~treated]) == pytest.approx(x[treated].mean(axis=0), abs=1e-11)
    assert weight[~treated].sum() == pytest.approx(treated.sum(), rel=1e-12)
    assert (weight[treated] == 1).all()


def test_the_solution_is_the_one_that_a_general_optimiser_finds(arms):
    x, treated = arms
    x, treated = x[:80], treated[:80]

    weight = entropy_weights(x, treated).weight[~treated] / treated.sum()

    rows = np.column_stack([np.ones((~treated).sum()), x[~treated] - x[treated].mean(axis=0)])
    found = minimize(
        lambda w: w @ np.log(w),
        np.full(len(rows), 1 / len(rows)),
        jac=lambda w: np.log(w) + 1,
        method="SLSQP",
        bounds=[(1e-12, 1)] * len(rows),
        constraints={"type": "eq", "fun": lambda w: rows.T @ w - np.eye(rows.shape[1])[0], "jac": lambda w: rows.T},
        options={"maxiter": 500, "ftol": 1e-14},
    )
    # SLSQP stops near the square root of its tolerance in the weights.
    assert weight == pytest.approx(found.x, abs=1e-6)


def test_the_gradient_is_the_derivative_of_the_weights_in_the_multipliers(arms):
    x, treated = arms
    fit = entropy_weights(x, treated)

    gradient = tilt_estimation(x - x[treated].mean(axis=0), treated, fit.weight).gradient

    step = 1e-6
    for j in range(x.shape[1]):
        up, down = (np.exp(x[~treated] @ (fit.multipliers + s * np.eye(x.shape[1])[j])) for s in (step, -step))
        slope = (up / up.sum() - down / down.sum()) * treated.sum() / (2 * step)
        # Central differences: error about step squared plus rounding over step, 1e-9 for weights near 5.
        assert gradient[~treated, j] == pytest.approx(slope, abs=1e-7)
    assert (gradient[treated] == 0).all()


def test_the_influence_is_the_derivative_of_the_multipliers_in_the_case_weights(arms):
    x, treated = arms
    fit = entropy_weights(x, treated)

    influence = tilt_estimation(x - x[treated].mean(axis=0), treated, fit.weight).influence

    step = 1e-4
    for i in (int(np.flatnonzero(treated)[0]), int(np.flatnonzero(~treated)[0]), int(np.flatnonzero(~treated)[-1])):
        cases = [np.ones(len(x)), np.ones(len(x))]
        cases[0][i] += step
        cases[1][i] -= step
        up, down = (multipliers_with_case_weights(x, treated, case, fit.multipliers) for case in cases)
        # Step squared 1e-8 times a third derivative below 1; root's own error 1e-13 over 2e-4.
        assert influence[i] == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_weights_about_the_treated_are_what_the_method_gives(frame, arms):
    matrix = code_covariates(frame, ("age", "prior", "area"))

    weighting = entropy_weighting(matrix, arms[1])

    assert (weighting.estimand, weighting.left) == ("ATT", ())
    assert weighting.weight == pytest.approx(entropy_weights(*arms).weight, abs=1e-12)


def test_without_columns_comparison_weights_are_equal():
    treated = np.array([True, True, True, False, False])

    assert entropy_weights(np.empty((5, 0)), treated).weight == pytest.approx([1, 1, 1, 1.5, 1.5], abs=1e-15)


def test_a_mean_outside_the_comparison_range_is_an_error_that_names_it(arms):
    x, treated = arms
    x = np.column_stack([x, np.where(treated, 9.0, 1.0) + x[:, 0] / 100])

    with pytest.raises(DesignError, match="'hours'"):
        entropy_weights(x, treated, names=("age", "prior", "south", "west", "hours"))


def test_means_outside_the_hull_are_an_error_even_where_each_is_within_range():
    # The comparison units lie on a diagonal band; the treated stand off it, though inside both ranges.
    along = np.linspace(-1, 1, 21)
    x = np.vstack([np.column_stack([along, along + 0.1 * (-1.0) ** np.arange(21)]), [[-0.5, 0.5], [-0.4, 0.6]]])
    treated = np.arange(23) > 20

    with pytest.raises(DesignError, match="outside, or at the edge of"):
        entropy_weights(x, treated)


def test_means_at_the_edge_of_the_hull_are_an_error():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    x = np.vstack([np.repeat(square, 5, axis=0), [[0.4, 0.6], [0.6, 0.4]]])

    with pytest.raises(DesignError, match="outside, or at the edge of"):
        entropy_weights(x, np.arange(17) > 14)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(8, 16), st.integers(1, 3))
def test_weights_are_found_exactly_where_a_linear_programme_finds_positive_ones(seed, n, p):
    rng = np.random.default_rng(seed)
    x, treated = rng.integers(-2, 3, size=(n, p)).astype(float), np.arange(n) < 2
    comparison = x[~treated]
    full_rank = np.linalg.matrix_rank(np.column_stack([np.ones(len(comparison)), comparison])) == p + 1

    try:
        entropy_weights(x[:, independent_columns(x)], treated)
        found = True
    except DesignError:
        found = False

    # Is there a solution with every weight at least t > 0? Then the means lie inside the hull, not at its edge.
    away = comparison - x[treated].mean(axis=0)
    m = len(away)
    equal = np.vstack([np.append(np.ones(m), 0.0), np.column_stack([away.T, np.zeros(p)])])
    below = np.column_stack([-np.eye(m), np.ones(m)])
    best = linprog(-np.eye(m + 1)[m], A_ub=below, b_ub=np.zeros(m), A_eq=equal, b_eq=np.eye(p + 1)[0], bounds=(-1, 1))
    assume(full_rank)
    assert found == (best.status == 0 and -best.fun > 1e-7)


def test_an_empty_arm_is_an_error():
    with pytest.raises(DesignError, match="empty"):
        entropy_weights(np.zeros((2, 0)), np.array([False, False]))


def test_reweighting_equals_fitting_anew_on_the_kept_units(arms):
    x, treated = arms
    kept = np.delete(np.arange(len(x)), [0, 9, 77])

    again = entropy_weights_again(x, treated, entropy_weights(x, treated).multipliers, kept)

    assert again == pytest.approx(entropy_weights(x[kept], treated[kept]).weight, abs=1e-10)


def test_the_units_of_the_columns_change_nothing(arms):
    x, treated = arms
    moved = x * np.array([1e-6, 1e6, 3.0, 1.0]) + np.array([0.0, -1e7, 8.0, 2.0])

    assert entropy_weights(moved, treated).weight == pytest.approx(entropy_weights(x, treated).weight, abs=1e-9)


def test_two_moments_balance_the_squares_of_numbers_too(make_cohort, frame):
    cohort = make_cohort(frame)
    matrix = cohort.matrix()
    squares = squared_terms(matrix)

    weight = entropy_weighting(matrix, cohort.treated, moments=2).weight

    share = weight[~cohort.treated] / weight[~cohort.treated].sum()
    np.testing.assert_allclose(share @ squares[~cohort.treated], squares[cohort.treated].mean(axis=0), atol=1e-7)


def test_where_squares_are_out_of_reach_the_means_alone_are_balanced_and_a_note_says_so():
    # The treated stand at both ends, the comparison in between: the means agree, the spread cannot.
    x = np.array([-3.0, 3.0, -2.9, 3.1, *np.linspace(-1.0, 1.0, 30)])
    matrix = code_covariates(pd.DataFrame({"x": x}), ("x",))
    treated = np.arange(34) < 4

    found = entropy_weighting(matrix, treated, moments=2)

    assert MEANS_ONLY in found.notes
    np.testing.assert_allclose(found.weight, entropy_weighting(matrix, treated).weight)


@pytest.mark.parametrize(
    ("n", "groups", "moments", "seed"), [(90, 90, 1, 0), (300, 300, 1, 1), (240, 40, 2, 2), (600, 25, 1, 3)]
)
def test_many_refits_are_the_single_ones(n, groups, moments, seed):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(size=n), "b": 1e4 + rng.poisson(2.0, n), "c": rng.choice(list("uvw"), n)})
    treated = rng.random(n) < 1 / (1 + np.exp(1.0 - 0.7 * x["a"].to_numpy() - 0.3 * (x["c"] == "u").to_numpy()))
    again = entropy_weighting(code_covariates(x, ("a", "b", "c")), treated, moments=moments).reweight
    kept = np.arange(n) % groups != np.arange(groups)[:, None]

    found = again.many(kept)

    assert not np.isnan(found).any()
    for part, weight in zip(kept, found, strict=True):
        np.testing.assert_allclose(weight[part], again(np.flatnonzero(part)), rtol=1e-9)
        assert (weight[~part] == 0).all()


def test_many_refits_leave_to_the_single_one_who_cannot_be_balanced_and_who_lost_a_column():
    rng = np.random.default_rng(6)
    n = 60
    treated = np.arange(n) < 20
    # Only one comparison child is as high as the treated, and only one of all is not in the column's main value.
    high, other = np.where(treated, rng.normal(1.0, 0.2, n), rng.normal(0.0, 0.2, n)), rng.normal(size=n)
    high[30], single = 4.0, (np.arange(n) == 40) * 1.0
    x = np.column_stack([high, other])
    start = entropy_weights(x, treated).multipliers
    kept = np.arange(n) != np.array([30, 40, 5])[:, None]

    found = entropy_weights_of_many(x, treated, start, kept)
    lost = entropy_weights_of_many(np.column_stack([other, single]), treated, np.zeros(2), kept)

    assert np.isnan(found).all(axis=1).tolist() == [True, False, False]
    with pytest.raises(DesignError, match="No weights give"):
        entropy_weights_again(x, treated, start, np.flatnonzero(kept[0]))
    # Out of reach while the child is there; without the child the single fit drops the column.
    assert np.isnan(lost).all()
    assert entropy_weights_again(np.column_stack([other, single]), treated, np.zeros(2), np.flatnonzero(kept[1])).shape == (59,)


def test_many_refits_without_an_arm_or_without_columns():
    treated = np.array([True, False, False, False])
    kept = np.array([[True, True, False, True], [False, True, True, True]])

    found = entropy_weights_of_many(np.zeros((4, 0)), treated, np.zeros(0), kept)

    np.testing.assert_allclose(found, [[1.0, 0.5, 0.0, 0.5], [np.nan] * 4])
