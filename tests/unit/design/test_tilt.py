"""The tilt that is behind entropy balancing and calibration."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from yoseval.design.calibration import calibrate
from yoseval.design.entropy import entropy_weights
from yoseval.design.tilt import exact_step, least_step, tilt
from yoseval.errors import DesignError


@pytest.fixture
def arms():
    rng = np.random.default_rng(3)
    treated = np.arange(80) < 30
    x = np.column_stack([rng.normal(size=80) + 0.4 * treated, rng.random(80) < 0.3 + 0.2 * treated]).astype(float)
    return x, treated, rng.uniform(0.2, 2.0, 80)


def test_one_column_is_solved_as_by_a_root_finder():
    z, base = np.array([-1.0, 0.5, 3.0]), np.array([1.0, 2.0, 0.5])

    multipliers, share = tilt(z[:, None], base, np.zeros(1), step_of=exact_step, close=1e-13)

    root = brentq(lambda m: (base * z * np.exp(m * z)).sum(), -5, 5, xtol=1e-14)
    assert multipliers[0] == pytest.approx(root, abs=1e-11)
    assert share == pytest.approx(base * np.exp(root * z) / (base * np.exp(root * z)).sum(), abs=1e-11)


def test_shares_are_the_closest_to_the_base_that_balance(arms):
    x, treated, weight = arms
    z, base = x[~treated] - x[treated].mean(axis=0), weight[~treated] / weight[~treated].sum()

    _, share = tilt(z, base, np.zeros(2), step_of=exact_step)

    balanced = [{"type": "eq", "fun": lambda p: p.sum() - 1.0}, {"type": "eq", "fun": lambda p: p @ z}]
    found = minimize(lambda p: p @ np.log(p / base), base, bounds=[(1e-9, 1)] * len(base), constraints=balanced)
    assert share @ np.log(share / base) == pytest.approx(found.fun, abs=1e-6)
    assert share == pytest.approx(found.x, abs=1e-3)


def test_entropy_balancing_is_the_calibration_of_equal_weights(arms):
    x, treated, _ = arms

    entropy, calibrated = entropy_weights(x, treated).weight, calibrate(x, treated, np.ones(80))

    assert calibrated == pytest.approx(entropy, abs=1e-8)


def test_calibrated_weights_have_the_weighted_means_of_the_treated(arms):
    x, treated, weight = arms

    found = calibrate(x, treated, weight)

    means = [found[arm] @ x[arm] / found[arm].sum() for arm in (treated, ~treated)]
    assert means[1] == pytest.approx(means[0], abs=2e-9)
    assert (found[treated] == weight[treated]).all()
    assert found[~treated].sum() == pytest.approx(weight[treated].sum(), rel=1e-12)


def test_columns_that_depend_on_each_other_end_an_exact_search_and_not_a_least_one(arms):
    x, treated, _ = arms
    z = np.column_stack([x[~treated, 1], x[~treated, 1]]) - 0.5

    assert exact_step(z, np.full(50, 0.02), np.ones(2)) is None
    assert np.abs(tilt(z, np.ones(50), np.zeros(2), step_of=least_step)[1] @ z).max() <= 1e-9


def test_means_out_of_reach_and_nobody_to_compare_with_are_errors():
    x, treated = np.array([[5.0], [1.0], [2.0]]), np.array([True, False, False])

    with pytest.raises(DesignError, match="No tilt"):
        calibrate(x, treated, np.ones(3))
    with pytest.raises(DesignError, match="groups is empty"):
        calibrate(x, treated, np.array([1.0, 0.0, 0.0]))
