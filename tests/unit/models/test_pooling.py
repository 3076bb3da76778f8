"""Rubin's rules by hand, at their limits, and in simulated studies."""

import numpy as np
import pytest
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.models.pooling import pool_estimates


def test_the_rules_by_hand():
    pooled = pool_estimates(np.array([2.0, 4.0, 3.0, 5.0]), np.array([1.0, 2.0, 1.0, 2.0]), complete_df=20)

    within, between = 10 / 4, 5 / 3
    total = within + 1.25 * between
    share = 1.25 * between / total
    old, observed = 3 / share**2, (21 / 23) * 20 * (1 - share)
    assert (pooled.estimate, pooled.within, pooled.between) == pytest.approx((3.5, within, between))
    assert pooled.std_error == pytest.approx(np.sqrt(total))
    assert pooled.missing_information == pytest.approx(share)
    assert pooled.df == pytest.approx(old * observed / (old + observed))


def test_without_limit_of_units_the_degrees_of_freedom_are_rubins():
    pooled = pool_estimates(np.array([1.0, 2.0, 3.0]), np.ones(3))

    ratio = (1 + 1 / 3) * 1.0 / 1.0
    assert pooled.df == pytest.approx(2 * (1 + 1 / ratio) ** 2)


def test_with_nothing_missing_the_error_is_that_of_one_data_set():
    pooled = pool_estimates(np.full(5, 0.3), np.full(5, 0.2), complete_df=50)

    assert (pooled.estimate, pooled.std_error, pooled.missing_information) == pytest.approx((0.3, 0.2, 0.0))
    # Barnard and Rubin's observed df is (51 / 53) of the complete ones, even then.
    assert pooled.df == pytest.approx(50 * 51 / 53)
    assert pool_estimates(np.full(5, 0.3), np.full(5, 0.2)).df == np.inf


def test_degrees_of_freedom_never_exceed_those_of_complete_data():
    for between in (0.0, 0.01, 1.0, 100.0):
        assert pool_estimates(np.array([-1.0, 0.0, 1.0]) * between, np.ones(3), complete_df=12).df < 12


def test_intervals_cover_a_mean_imputed_from_its_posterior():
    rng = np.random.default_rng(1)
    n, kept, m, hits = 30, 18, 5, 0

    for _ in range(2000):
        y = rng.normal(size=n)[:kept]
        found = []
        for _ in range(m):
            # Rubin's proper imputation of a normal sample: variance, mean, then values.
            variance = (kept - 1) * y.var(ddof=1) / rng.chisquare(kept - 1)
            filled = np.append(y, rng.normal(rng.normal(y.mean(), np.sqrt(variance / kept)), np.sqrt(variance), n - kept))
            found.append((filled.mean(), filled.std(ddof=1) / np.sqrt(n)))
        pooled = pool_estimates(*np.array(found).T, complete_df=n - 1)
        hits += abs(pooled.estimate) <= stats.t.ppf(0.975, pooled.df) * pooled.std_error

    # Monte Carlo error of a share of 95 % in 2,000 is half a point.
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_one_imputation_is_an_error():
    with pytest.raises(EstimationError, match="there is 1"):
        pool_estimates(np.ones(1), np.ones(1))


@pytest.mark.parametrize(("estimate", "error"), [(np.nan, 1.0), (1.0, np.inf), (1.0, 0.0)])
def test_a_failed_imputation_is_an_error(estimate, error):
    with pytest.raises(EstimationError, match="gave no estimate"):
        pool_estimates(np.array([1.0, estimate]), np.array([1.0, error]))


def test_the_fraction_of_missing_information_is_that_of_the_increase_in_variance():
    pooled = pool_estimates(np.array([2.0, 4.0, 3.0, 5.0]), np.array([1.0, 2.0, 1.0, 2.0]), complete_df=20)

    increase = 1.25 * pooled.between / pooled.within
    assert pooled.fraction_missing == pytest.approx((increase + 2 / (pooled.df + 3)) / (increase + 1))
    assert pool_estimates(np.ones(3), np.ones(3)).fraction_missing == 0.0
