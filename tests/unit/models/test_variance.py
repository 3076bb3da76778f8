"""Standard errors from influence values, and the one place of limits and p-values."""

import numpy as np
import pytest
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.models.variance import (
    clustered_variance,
    correct_for_estimated_weights,
    effective_size,
    interval,
    jackknife_variance,
    limits,
)

VALUES = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])
MEAN_INFLUENCE = (VALUES - VALUES.mean()) / VALUES.size


def test_variance_of_a_mean_is_the_textbook_one():
    found = clustered_variance(MEAN_INFLUENCE, np.arange(6))

    assert found == pytest.approx(VALUES.var(ddof=1) / 6, rel=1e-14)


def test_influence_is_summed_within_clusters_first():
    found = clustered_variance(np.array([1.0, 2.0, -3.0, 4.0]), np.array(["a", "b", "a", "c"], dtype=object))

    assert found == pytest.approx(3 / 2 * ((1 - 3) ** 2 + 2**2 + 4**2), rel=1e-14)


def test_hc1_adds_the_factor_of_units_and_parameters():
    clusters = np.array([0, 0, 1, 1, 2, 2])

    plain = clustered_variance(MEAN_INFLUENCE, clusters)

    assert clustered_variance(MEAN_INFLUENCE, clusters, kind="HC1") == pytest.approx(plain * 5 / 4, rel=1e-14)
    assert clustered_variance(MEAN_INFLUENCE, clusters, kind="HC1", n_parameters=3) == pytest.approx(plain * 5 / 3, rel=1e-14)


def test_one_cluster_has_no_variance():
    with pytest.raises(EstimationError, match="there is 1"):
        clustered_variance(MEAN_INFLUENCE, np.zeros(6))


def test_hc1_needs_more_units_than_parameters():
    with pytest.raises(EstimationError, match="2 parameters"):
        clustered_variance(np.array([1.0, -1.0]), np.arange(2), kind="HC1")


def test_weights_that_do_not_move_need_no_correction():
    found = correct_for_estimated_weights(MEAN_INFLUENCE, np.ones(6), np.zeros((6, 2)), np.ones((6, 2)))

    assert (found == MEAN_INFLUENCE).all()


def test_correction_is_the_chain_rule_through_the_parameters():
    influence, weight = np.array([1.0, 2.0, 0.0]), np.array([2.0, 4.0, 0.0])
    gradient, psi = np.array([[1.0], [3.0], [9.0]]), np.array([[0.1], [0.2], [0.3]])

    found = correct_for_estimated_weights(influence, weight, gradient, psi)

    # 1/2 * 1 + 2/4 * 3 = 2; the unit of weight 0 does not move the effect, but does move the parameter.
    np.testing.assert_allclose(found, [1.2, 2.4, 0.6], rtol=1e-14)


def test_jackknife_of_a_mean_is_the_textbook_variance():
    found = jackknife_variance(lambda kept: float(VALUES[kept].mean()), np.arange(6))

    assert found == pytest.approx(VALUES.var(ddof=1) / 6, rel=1e-12)


def test_jackknife_leaves_out_whole_clusters():
    seen = []

    def statistic(kept):
        seen.append(kept.tolist())
        return float(len(seen))

    jackknife_variance(statistic, np.array(["b", "a", "b", "c"], dtype=object))

    assert seen == [[1, 3], [0, 2, 3], [0, 1, 2]]


def test_jackknife_of_many_clusters_leaves_each_out_once_in_groups():
    left_out = []

    def statistic(kept):
        left_out.append(sorted(set(range(23)) - set(kept.tolist())))
        return float(len(left_out))

    jackknife_variance(statistic, np.arange(23), max_groups=5)

    assert len(left_out) == 5
    assert sorted(unit for group in left_out for unit in group) == list(range(23))
    assert left_out[0] == [0, 5, 10, 15, 20]


def test_jackknife_in_groups_estimates_the_same_variance():
    values = np.random.default_rng(0).normal(size=20_000)

    found = jackknife_variance(lambda kept: float(values[kept].mean()), np.arange(20_000), max_groups=500)

    # A variance from 500 groups has a relative standard error of sqrt(2/499) = 6 %.
    assert found == pytest.approx(values.var() / 20_000, rel=4 * (2 / 499) ** 0.5)


def test_jackknife_of_one_cluster_is_refused():
    with pytest.raises(EstimationError, match="two independent"):
        jackknife_variance(lambda kept: 0.0, np.zeros(3))


def test_jackknife_with_a_replicate_that_is_no_number_is_refused():
    with pytest.raises(EstimationError, match="1 of 6 jackknife replicates"):
        jackknife_variance(lambda kept: np.nan if kept[0] == 1 else 1.0, np.arange(6))


@pytest.mark.parametrize(
    ("weight", "size"), [([1.0, 1.0, 1.0], 3.0), ([5.0, 0.0], 1.0), ([2.0, 1.0], 9 / 5), ([0.0], 0.0), ([], 0.0)]
)
def test_effective_size_is_the_square_of_the_sum_over_the_sum_of_squares(weight, size):
    assert effective_size(np.array(weight)) == pytest.approx(size, rel=1e-14)


@pytest.mark.parametrize("df", [1.0, 2.5, 61.3, 1e6])
def test_limits_and_p_value_follow_the_t_distribution(df):
    found = interval(-0.3, 0.2, df, conf_level=0.9)

    t = stats.t(df)
    np.testing.assert_allclose(
        [found.conf_low, found.conf_high, found.p_value],
        [-0.3 - 0.2 * t.ppf(0.95), -0.3 + 0.2 * t.ppf(0.95), 2 * t.sf(1.5)],
        rtol=1e-9,
    )


def test_infinite_df_is_the_normal_distribution():
    found = interval(0.5, 0.25)

    assert found.conf_low == pytest.approx(0.5 - 0.25 * stats.norm.ppf(0.975), rel=1e-12)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-12)


def test_limits_of_a_logarithm_are_ratios_and_the_test_is_against_one():
    found = interval(np.log(0.7), 0.1, 50.0, scale="log")

    plain = interval(np.log(0.7), 0.1, 50.0)
    assert found.conf_low == pytest.approx(np.exp(plain.conf_low), rel=1e-14)
    assert found.conf_high == pytest.approx(np.exp(plain.conf_high), rel=1e-14)
    assert found.p_value == plain.p_value


def test_loglog_limits_are_the_delta_method_and_stay_within_zero_and_one():
    found = interval(0.98, 0.05, scale="loglog")

    centre, reach = np.log(-np.log(0.98)), 1.959963984540054 * 0.05 / (0.98 * -np.log(0.98))
    assert found.conf_low == pytest.approx(np.exp(-np.exp(centre + reach)), rel=1e-12)
    assert found.conf_high == pytest.approx(np.exp(-np.exp(centre - reach)), rel=1e-12)
    assert 0.0 < found.conf_low < 0.98 < found.conf_high < 1.0
    assert np.isnan(found.p_value)


@pytest.mark.parametrize("scale", ["identity", "loglog"])
def test_limits_equal_the_value_where_nothing_varies(scale):
    found = interval(0.5, 0.0, 9.0, scale=scale)

    assert (found.conf_low, found.conf_high) == (0.5, 0.5)
    assert np.isnan(found.p_value)


def test_loglog_limits_at_the_ends_of_a_curve_equal_the_value():
    low, high = limits(np.array([0.0, 1.0]), np.array([0.0, 0.0]), scale="loglog")

    assert low.tolist() == high.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("scale", ["identity", "log", "loglog"])
def test_an_unknown_standard_error_gives_neither_limits_nor_p_value(scale):
    found = interval(0.5, np.nan, 9.0, scale=scale)

    assert np.isnan([found.conf_low, found.conf_high, found.p_value]).all()


@pytest.mark.parametrize("value", [0.19, 0.21, 0.5])
def test_the_interval_excludes_nothing_exactly_when_p_is_small(value):
    found = interval(value, 0.1, 40.0)

    assert (found.conf_low > 0) == (found.p_value < 0.05)
