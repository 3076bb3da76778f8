"""Means, spreads and distribution functions of two weighted arms: definitions by hand."""

import time

import numpy as np
import pytest
from scipy.stats import ks_2samp

from yoseval.design.arm_statistics import balance_statistics, compare_arms, reference_spread, sort_columns


@pytest.fixture
def two_arms():
    rng = np.random.default_rng(8)
    treated = np.arange(60) < 25
    numeric = rng.normal(size=60).round(1)
    flag = (rng.random(60) < 0.4).astype(float)
    return np.column_stack([numeric, flag]), np.array([False, True]), treated, rng.random(60) * (rng.random(60) < 0.8)


def test_unweighted_statistics_are_the_textbook_ones(two_arms):
    x, is_flag, treated, _ = two_arms

    found = balance_statistics(x, is_flag, treated, np.ones(60))

    one, zero = x[treated], x[~treated]
    p = one[:, 1].mean()
    spread = [one[:, 0].std(ddof=1), np.sqrt(p * (1 - p))]
    assert found.std_mean_diff == pytest.approx((one.mean(axis=0) - zero.mean(axis=0)) / spread, rel=1e-12)
    assert found.variance_ratio[0] == pytest.approx(one[:, 0].var(ddof=1) / zero[:, 0].var(ddof=1), rel=1e-12)
    assert found.ks == pytest.approx([ks_2samp(one[:, j], zero[:, j]).statistic for j in (0, 1)], abs=1e-12)


def test_the_variance_ratio_of_a_flag_is_empty(two_arms):
    x, is_flag, treated, weight = two_arms

    assert np.isnan(balance_statistics(x, is_flag, treated, weight).variance_ratio[1])


def test_means_variances_and_distribution_functions_are_weighted(two_arms):
    x, is_flag, treated, weight = two_arms

    found = balance_statistics(x, is_flag, treated, weight)

    shares = [np.where(arm, weight, 0) / weight[arm].sum() for arm in (treated, ~treated)]
    variances = [(s @ (x[:, 0] - s @ x[:, 0]) ** 2) / (1 - s @ s) for s in shares]
    gap = max(abs((shares[0] - shares[1]) @ (x[:, 0] <= value)) for value in x[:, 0])
    assert found.mean_treated == pytest.approx(shares[0] @ x, rel=1e-12)
    assert found.variance_ratio[0] == pytest.approx(variances[0] / variances[1], rel=1e-12)
    assert found.ks[0] == pytest.approx(gap, abs=1e-12)
    assert found.ks[1] == pytest.approx(abs((shares[0] - shares[1]) @ x[:, 1]), abs=1e-12)


def test_the_standardising_spread_is_that_of_the_unweighted_groups(two_arms):
    x, is_flag, treated, weight = two_arms

    found = balance_statistics(x, is_flag, treated, weight)

    difference = found.mean_treated[0] - found.mean_comparison[0]
    assert found.std_mean_diff[0] == pytest.approx(difference / x[treated, 0].std(ddof=1), rel=1e-12)


def test_pooled_differences_use_both_arms(two_arms):
    x, is_flag, treated, weight = two_arms

    found = balance_statistics(x, is_flag, treated, weight, pooled=True)

    pooled = np.sqrt((x[treated, 0].var(ddof=1) + x[~treated, 0].var(ddof=1)) / 2)
    assert found.std_mean_diff[0] == pytest.approx((found.mean_treated[0] - found.mean_comparison[0]) / pooled, rel=1e-12)


def test_a_constant_has_no_difference():
    x = np.full((5, 1), 0.1)

    found = balance_statistics(x, np.array([False]), np.array([True, True, False, False, False]), np.ones(5))

    assert found.std_mean_diff[0] == 0


def test_what_does_not_vary_among_the_treated_is_standardised_by_both_arms():
    x = np.array([[1.0], [1.0], [0.0], [2.0], [5.0]])

    found = balance_statistics(x, np.array([False]), np.array([True, True, False, False, False]), np.ones(5))

    assert found.std_mean_diff[0] == pytest.approx((1 - 7 / 3) / np.sqrt(x[2:].var(ddof=1) / 2), rel=1e-12)


@pytest.mark.parametrize("n", [49, 50, 107, 1000])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_flag_that_all_or_none_of_the_treated_have_is_standardised_by_both_arms(n, share):
    treated = np.arange(2 * n) < n
    x = np.where(treated, share, (np.arange(2 * n) % 5 == 0).astype(float))[:, None]

    found = balance_statistics(x, np.array([True]), treated, np.ones(2 * n))

    p = x[~treated].mean()
    assert found.std_mean_diff[0] == pytest.approx((share - p) / np.sqrt(p * (1 - p) / 2), rel=1e-12)


@pytest.mark.parametrize("is_flag", [True, False])
def test_a_constant_among_the_treated_that_the_comparison_has_after_weighting_is_no_difference(is_flag):
    treated = np.arange(100) < 49
    x = np.where(treated, 1.0, (np.arange(100) % 3 == 0).astype(float))[:, None]
    weight = np.where(treated | (x[:, 0] == 1.0), 1.0 / 7.0, 0.0)

    found = balance_statistics(x, np.array([is_flag]), treated, weight)

    assert found.std_mean_diff[0] == 0.0


def test_a_difference_where_nothing_varies_is_not_a_number():
    treated = np.arange(6) < 3

    found = balance_statistics(np.where(treated, 0.1, 0.3)[:, None], np.array([False]), treated, np.ones(6))

    assert np.isnan(found.std_mean_diff[0])
    assert np.isnan(found.variance_ratio[0])


def test_one_order_serves_every_weighting(two_arms):
    x, is_flag, treated, weight = two_arms
    columns = sort_columns(x, is_flag)
    spread = reference_spread(columns, treated, pooled=False)

    for w in (np.ones(60), weight):
        shared, alone = compare_arms(columns, treated, w, spread), balance_statistics(x, is_flag, treated, w)
        assert (shared.ks == alone.ks).all()
        assert (shared.std_mean_diff == alone.std_mean_diff).all()


def test_sums_over_many_blocks_are_those_of_one(two_arms):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_001, 3)) + 1e4
    treated, weight = rng.random(20_001) < 0.3, rng.random(20_001)

    found = balance_statistics(x, np.zeros(3, dtype=bool), treated, weight)

    assert found.mean_treated == pytest.approx(np.average(x[treated], axis=0, weights=weight[treated]), rel=1e-13)
    assert found.variance_ratio == pytest.approx(
        np.array([_variance(x[treated, j], weight[treated]) / _variance(x[~treated, j], weight[~treated]) for j in range(3)]),
        rel=1e-9,
    )


def _variance(x, w):
    w = w / w.sum()
    return w @ (x - w @ x) ** 2 / (1 - w @ w)


def test_an_arm_of_one_has_no_variance():
    found = balance_statistics(np.array([[1.0], [2.0], [4.0]]), np.array([False]), np.array([True, False, False]), np.ones(3))

    assert np.isnan(found.variance_ratio[0])


def test_a_million_of_twenty_seven_columns_take_seconds():
    n, rng = 200_000, np.random.default_rng(9)
    x = np.empty((n, 27), order="F")
    x[:, :9], x[:, 9:] = rng.normal(size=(n, 9)), rng.random((n, 18)) < 0.3
    treated, flags = rng.random(n) < 0.3, np.arange(27) >= 9

    began = time.process_time()
    balance_statistics(x, flags, treated, rng.random(n))

    # A fifth of a million; about 0.15 s of CPU alone, and a shared machine may be several times slower.
    assert time.process_time() - began < 1.5
