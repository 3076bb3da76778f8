"""Limits and p-values: closed forms, laws, and percentiles of replicates."""

import numpy as np
import pytest
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.models.intervals import interval, limits, percentile_interval


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


def test_percentiles_of_replicates():
    made = percentile_interval(np.linspace(0.5, 1.5, 101), conf_level=0.9)

    assert (made.conf_low, made.conf_high) == pytest.approx((0.55, 1.45))
    assert made.p_value == pytest.approx(2 / 102)  # none at or below zero
    assert made.std_error == pytest.approx(np.std(np.linspace(0.5, 1.5, 101), ddof=1))


def test_percentiles_of_log_ratios_are_ratios():
    made = percentile_interval(np.log(np.linspace(0.5, 2.0, 201)), scale="log")

    assert made.conf_low == pytest.approx(0.5375, abs=1e-4)
    assert made.p_value == pytest.approx(min(1.0, 2 * (1 + 67) / 202))


def test_percentiles_need_replicates():
    with pytest.raises(EstimationError, match="two replicates"):
        percentile_interval(np.array([1.0]))
