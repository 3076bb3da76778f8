"""Tilting weights that are there: means equal, as little as possible, and how far it depends on each unit."""

import numpy as np
import pytest

from yoseval.design.calibration import calibrate, calibration_estimation
from yoseval.design.entropy import entropy_weights
from yoseval.design.tilt import tilt_estimation
from yoseval.errors import DesignError


def draw(seed, n=200):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n), rng.exponential(size=n)])
    treated = rng.random(n) < 1 / (1 + np.exp(0.8 - 0.7 * x[:, 0]))
    return x, treated, rng.uniform(0.2, 3.0, n)


@pytest.mark.parametrize("seed", range(5))
def test_the_weighted_means_and_sums_of_the_comparison_are_those_of_the_treated(seed):
    x, treated, base = draw(seed)

    found = calibrate(x, treated, base)

    own, theirs = (np.average(x[a], axis=0, weights=found[a]) for a in (treated, ~treated))
    np.testing.assert_allclose(theirs, own, atol=1e-8)
    assert found[~treated].sum() == pytest.approx(found[treated].sum())


@pytest.mark.parametrize("seed", range(5))
def test_with_a_base_of_one_it_is_entropy_balancing(seed):
    x, treated, _ = draw(seed)

    found = calibrate(x, treated, np.ones(treated.size))

    peer = entropy_weights(x, treated).weight
    np.testing.assert_allclose(found, peer, rtol=1e-6)
    estimation, expected = (
        calibration_estimation(x, treated, found),
        tilt_estimation(x - x[treated].mean(axis=0), treated, peer),
    )
    np.testing.assert_allclose(estimation.gradient, expected.gradient, atol=1e-6)
    np.testing.assert_allclose(estimation.influence, expected.influence, atol=1e-6)


def test_the_weights_of_the_treated_and_the_zeros_stay():
    x, treated, base = draw(1)
    base[::7] = 0.0

    found = calibrate(x, treated, base)

    assert (found[treated] == base[treated]).all()
    assert (found[base == 0] == 0).all()
    assert (found[(base > 0) & ~treated] > 0).all()


def test_weights_that_balance_already_stay_but_for_their_sum():
    x, treated, base = draw(2)
    balanced = calibrate(x, treated, base)

    again = calibrate(x, treated, np.where(treated, balanced, 5 * balanced))

    np.testing.assert_allclose(again, balanced, rtol=1e-6)


def test_the_tilt_is_exponential_in_the_covariates():
    x, treated, base = draw(3)
    found = calibrate(x, treated, base)

    log_ratio = np.log(found[~treated] / base[~treated])

    design = np.column_stack([np.ones((~treated).sum()), x[~treated]])
    fitted = design @ np.linalg.lstsq(design, log_ratio, rcond=None)[0]
    np.testing.assert_allclose(log_ratio, fitted, atol=1e-8)


def test_one_covariate_solved_by_hand():
    # Treated mean 3/4: two comparison units at 0 and 1 of base 3 and 1 need shares 1/4 and 3/4 of two.
    x = np.array([[0.5], [1.0], [0.0], [1.0]])

    found = calibrate(x, np.array([True, True, False, False]), np.array([1.0, 1.0, 3.0, 1.0]))

    assert found == pytest.approx([1.0, 1.0, 0.5, 1.5])


@pytest.mark.parametrize("seed", range(3))
def test_the_correction_is_what_a_little_more_of_a_unit_changes(seed):
    x, treated, base = draw(seed)
    y, pool = x[:, 0] ** 2 + x[:, 1], ~treated
    found = calibrate(x, treated, base)

    def mean(unit, more):
        moved = base * np.where(np.arange(base.size) == unit, 1.0 + more, 1.0)
        return np.average(y[pool], weights=calibrate(x, treated, moved)[pool])

    estimation = calibration_estimation(x, treated, found)
    away = np.where(pool, y - np.average(y[pool], weights=found[pool]), 0.0) / found[pool].sum()
    influence = found * away + estimation.influence @ (away @ estimation.gradient)
    slope = [(mean(i, 1e-3) - mean(i, -1e-3)) / 2e-3 for i in range(base.size)]
    np.testing.assert_allclose(influence, slope, atol=2e-6)


def test_a_covariate_in_which_nobody_differs_is_no_obstacle():
    x, treated, base = draw(6)

    found = calibrate(np.column_stack([x, np.ones(treated.size)]), treated, base)

    np.testing.assert_allclose(found, calibrate(x, treated, base), rtol=1e-6)


@pytest.mark.parametrize("arm", [True, False])
def test_an_empty_arm_is_refused(arm):
    with pytest.raises(DesignError, match="empty"):
        calibrate(np.array([[0.0], [1.0]]), np.array([arm, arm]), np.ones(2))


@pytest.mark.parametrize("beyond", [1.0, 1.5])
def test_means_that_nobody_can_reach_are_refused(beyond):
    x = np.array([[beyond], [beyond], [0.0], [1.0]])

    with pytest.raises(DesignError, match="No tilt"):
        calibrate(x, np.array([True, True, False, False]), np.ones(4))


def test_means_that_each_can_be_reached_but_not_together_are_refused():
    # Treated at (0.8, 0.8); the comparison at three corners of a triangle that does not hold it.
    x = np.array([[0.8, 0.8], [0.8, 0.8], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    with pytest.raises(DesignError, match="No tilt"):
        calibrate(x, np.array([True, True, False, False, False]), np.ones(5))
