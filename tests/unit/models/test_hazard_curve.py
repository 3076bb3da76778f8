"""The cumulative hazard: ties over one risk set, late entries, and influence as an exact derivative."""

import numpy as np
import pytest

from yoseval.errors import FollowUpTooShortError
from yoseval.models.curves import kaplan_meier
from yoseval.models.hazard_curve import cumulative_hazard_at, hazard_influence

TIME = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0])
EVENT = np.array([True, True, True, False, False, True, False, True, False])
WEIGHT = np.array([0.5, 1.2, 0.7, 2.0, 1.0, 1.5, 0.4, 0.9, 1.1])
ENTRY = np.array([0.0, 1.0, 0.5, 1.0, 2.0, 2.0, 3.5, 2.0, 0.0])


def hazard(weight, horizon, entry=None):
    return cumulative_hazard_at(kaplan_meier(TIME, EVENT, weight, entry), np.array([horizon]))[0]


def test_tied_events_share_one_risk_set():
    assert hazard(np.ones(9), 2.0) == pytest.approx(1 / 9 + 2 / 8, rel=1e-14)


@pytest.mark.parametrize("entry", [None, ENTRY])
@pytest.mark.parametrize("horizon", [0.5, 1.0, 2.0, 4.0, 6.0])
def test_influence_is_the_derivative_in_the_weights(horizon, entry):
    found = hazard_influence(TIME, EVENT, WEIGHT, horizon, entry)

    for i, w in enumerate(WEIGHT):
        step = np.where(np.arange(9) == i, 1e-5 * w, 0.0)
        expected = w * (hazard(WEIGHT + step, horizon, entry) - hazard(WEIGHT - step, horizon, entry)) / (2e-5 * w)
        assert found[i] == pytest.approx(expected, abs=1e-9)
    assert abs(found.sum()) < 1e-14


def test_without_ties_and_weights_the_squares_are_close_to_aalens_variance():
    rng = np.random.default_rng(1)
    time, n = rng.exponential(1.0, 4000), 4000

    found = (hazard_influence(time, np.ones(n, dtype=bool), np.ones(n), 1.0) ** 2).sum()

    # Sum of 1/n_k^2: the binomial factor 1 - d/n is all that differs.
    at_risk = n - np.arange((time <= 1.0).sum())
    assert found == pytest.approx((1.0 / at_risk**2).sum(), rel=1e-3)


def test_the_hazard_goes_on_after_an_early_risk_set_is_used_up():
    curve = kaplan_meier(np.array([1.0, 3.0, 4.0]), np.ones(3, dtype=bool), np.ones(3), np.array([0.0, 2.0, 2.0]))

    assert cumulative_hazard_at(curve, np.array([1.0, 3.0, 4.0])).tolist() == [1.0, 1.5, 2.5]


def test_without_events_there_is_no_hazard():
    none = np.zeros(9, dtype=bool)

    assert cumulative_hazard_at(kaplan_meier(TIME, none, WEIGHT), np.array([0.0, 6.0])).tolist() == [0.0, 0.0]
    assert not hazard_influence(TIME, none, WEIGHT, 6.0).any()


def test_a_horizon_beyond_follow_up_is_refused_even_where_survival_is_zero():
    with pytest.raises(FollowUpTooShortError, match="beyond 6"):
        hazard(WEIGHT, 6.5)
    with pytest.raises(FollowUpTooShortError, match="beyond 6"):
        hazard_influence(TIME, np.ones(9, dtype=bool), WEIGHT, 6.5)
