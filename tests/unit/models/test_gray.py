"""Gray's test: with one cause it is the log-rank score; strata add up; its size under no difference."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.gray import gray_test
from yoseval.models.log_rank import log_rank

RNG = np.random.default_rng(4)
N = 90
TIME = RNG.integers(1, 15, N).astype(float)
CAUSE = RNG.integers(0, 3, N)
GROUP = np.array(["x", "y", "z"])[np.arange(N) % 3]
STRATA = np.arange(N) // 30


def test_without_competing_causes_its_score_is_that_of_the_log_rank_test():
    found = gray_test(TIME, np.minimum(CAUSE, 1), GROUP == "x")

    expected = log_rank(TIME, CAUSE > 0, GROUP == "x", np.ones(N))
    assert found.score[1] == pytest.approx(expected.statistic, rel=1e-12)
    # Two estimates of one variance.
    assert found.covariance[1, 1] == pytest.approx(expected.variance, rel=0.1)


def test_scores_sum_to_zero_and_so_do_the_rows_of_their_covariance():
    found = gray_test(TIME, CAUSE, GROUP, of=2)

    assert found.df == 2
    np.testing.assert_allclose([found.score.sum(), *found.covariance.sum(axis=1)], 0.0, atol=1e-10)


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_which_group_comes_first_changes_nothing(rho):
    order = RNG.permutation(N)
    renamed = np.array([{"x": 2, "y": 0, "z": 1}[g] for g in GROUP])

    plain = gray_test(TIME, CAUSE, GROUP, rho=rho)
    turned = gray_test(TIME[order], CAUSE[order], renamed[order], rho=rho)

    assert turned.chi2 == pytest.approx(plain.chi2, rel=1e-10)
    np.testing.assert_allclose(turned.score[[2, 0, 1]], plain.score, atol=1e-12)


def test_scores_and_covariances_of_strata_are_added():
    found = gray_test(TIME, CAUSE, GROUP, strata=STRATA)

    inside = [np.flatnonzero(s == STRATA) for s in range(3)]
    parts = [gray_test(TIME[i], CAUSE[i], GROUP[i]) for i in inside]
    np.testing.assert_allclose(found.score, sum(p.score for p in parts), atol=1e-12)
    np.testing.assert_allclose(found.covariance, sum(p.covariance for p in parts), atol=1e-12)
    score, covariance = found.score[1:], found.covariance[1:, 1:]
    assert found.chi2 == pytest.approx(score @ np.linalg.inv(covariance) @ score, rel=1e-10)


def test_a_stratum_without_events_adds_nothing():
    time, cause = np.concatenate((TIME, [3.0, 4.0])), np.concatenate((CAUSE, [0, 0]))

    found = gray_test(time, cause, np.concatenate((GROUP, ["x", "y"])), strata=np.concatenate((np.zeros(N), [1, 1])))

    assert found.chi2 == pytest.approx(gray_test(TIME, CAUSE, GROUP).chi2, rel=1e-12)


def test_under_no_difference_the_chi_square_has_the_mean_of_its_degrees_of_freedom():
    rng, found = np.random.default_rng(8), []

    for _ in range(300):
        time, cause = np.ceil(rng.exponential(6.0, 150)), rng.integers(0, 3, 150)
        found.append(gray_test(time, cause, rng.integers(0, 3, 150)).chi2)

    # The mean of 300 of two degrees of freedom has a standard error of 0.12.
    assert np.mean(found) == pytest.approx(2.0, abs=0.36)


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(EstimationError, match="there is one"):
        gray_test(TIME, CAUSE, np.ones(N))
    with pytest.raises(EstimationError, match="tells the groups apart"):
        gray_test(TIME, 2 * np.minimum(CAUSE, 1), GROUP, of=1)
