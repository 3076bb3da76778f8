"""Curves under many weights at once: each is the curve of one arm, and is not a number where that is refused."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.curves import kaplan_meier, restricted_mean, survival_at
from yoseval.models.many_curves import survival_of_many


def one_by_one(time, event, weights, horizon):
    """Return the curve at the horizon and its area for each set of weights, by the curves of one arm."""
    found = []
    for weight in weights:
        try:
            curve = kaplan_meier(time, event, weight)
            found.append((survival_at(curve, np.array([horizon]))[0], restricted_mean(curve, horizon)))
        except EstimationError:
            found.append((np.nan, np.nan))
    return np.array(found).T


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("step", [1.0, 0.37])
def test_each_curve_is_that_of_its_weights_alone(seed, step):
    rng = np.random.default_rng(seed)
    n, horizon = int(rng.integers(1, 60)), 12.0 * step
    # Ties, events and ends at the horizon, before and beyond it.
    time, event = rng.integers(0, 15, n) * step, rng.random(n) < 0.6
    weights = rng.exponential(size=(40, n)) * (rng.random((40, n)) < rng.random(40)[:, None])

    found = survival_of_many(time, event, weights, horizon)

    level, area = one_by_one(time, event, weights, horizon)
    np.testing.assert_allclose(found.at_horizon, level, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.restricted_mean, area, rtol=1e-12)


def test_where_the_last_who_was_followed_leaves_there_is_no_number_unless_the_curve_is_at_zero():
    time, event = np.array([1.0, 2.0, 5.0]), np.array([True, True, False])
    weights = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 1.0]])

    assert survival_of_many(time, event, weights, 4.0).at_horizon == pytest.approx(
        [1 / 3, 0.0, 0.5, np.nan, np.nan], nan_ok=True
    )
    censored = survival_of_many(time, np.array([True, False, False]), weights, 4.0).at_horizon
    assert censored == pytest.approx([2 / 3, np.nan, 0.5, np.nan, np.nan], nan_ok=True)


def test_an_arm_of_nobody_and_one_without_events():
    none = survival_of_many(np.zeros(0), np.zeros(0, dtype=bool), np.zeros((2, 0)), 1.0)
    quiet = survival_of_many(np.array([3.0]), np.array([False]), np.ones((1, 1)), 2.0)

    assert np.isnan(none.at_horizon).tolist() == [True, True]
    assert (quiet.at_horizon.tolist(), quiet.restricted_mean.tolist()) == ([1.0], [2.0])
