"""Cumulative incidence: ends, causes, late entries, and influence as an exact derivative."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.curves import kaplan_meier, restricted_mean
from yoseval.models.incidence import (
    clustered_incidence_variance,
    cumulative_incidence,
    incidence_at,
    incidence_influence,
    time_lost,
    time_lost_influence,
)
from yoseval.models.variance import clustered_variance, correct_for_estimated_weights

# Two causes tied, causes tied with a censoring, the last unit censored.
TIME = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0])
CAUSE = np.array([1, 2, 1, 0, 0, 2, 0, 1, 0])
WEIGHT = np.array([0.5, 1.2, 0.7, 2.0, 1.0, 1.5, 0.4, 0.9, 1.1])
ENTRY = np.array([0.0, 1.0, 0.5, 1.0, 2.0, 2.0, 3.5, 2.0, 0.0])
BOTH = pytest.mark.parametrize("entry", [None, ENTRY])
OF = pytest.mark.parametrize("of", [1, 2])


def derivative(statistic, weight):
    """Weight times central difference in each weight; step 1e-5 leaves an error near 1e-10."""
    found = np.zeros(weight.size)
    for i in range(weight.size):
        step = np.where(np.arange(weight.size) == i, 1e-5 * weight, 0.0)
        found[i] = (statistic(weight + step) - statistic(weight - step)) / 2e-5
    return found


def at(weight, of, horizon, entry=None, cause=CAUSE):
    return incidence_at(cumulative_incidence(TIME, cause, weight, entry), of, np.array([horizon]))[0]


@BOTH
@OF
@pytest.mark.parametrize("horizon", [0.5, 1.0, 2.0, 3.5, 4.0, 5.0, 6.0])
def test_influence_is_the_derivative_in_the_weights(horizon, of, entry):
    found = incidence_influence(TIME, CAUSE, WEIGHT, horizon, of=of, entry=entry)

    np.testing.assert_allclose(found, derivative(lambda w: at(w, of, horizon, entry), WEIGHT), atol=1e-9)
    assert abs(found.sum()) < 1e-14


@BOTH
@OF
@pytest.mark.parametrize("tau", [0.5, 2.0, 3.5, 6.0])
def test_influence_on_the_time_lost_is_the_derivative_in_the_weights(tau, of, entry):
    found = time_lost_influence(TIME, CAUSE, WEIGHT, tau, of=of, entry=entry)

    expected = derivative(lambda w: time_lost(cumulative_incidence(TIME, CAUSE, w, entry), of, tau), WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert abs(found.sum()) < 1e-13


@OF
def test_influence_is_the_derivative_where_nobody_is_left(of):
    ending = np.where(TIME == 6.0, 2, CAUSE)

    found = incidence_influence(TIME, ending, WEIGHT, 8.0, of=of)
    lost = time_lost_influence(TIME, ending, WEIGHT, 8.0, of=of)

    np.testing.assert_allclose(found, derivative(lambda w: at(w, of, 8.0, cause=ending), WEIGHT), atol=1e-9)
    expected = derivative(lambda w: time_lost(cumulative_incidence(TIME, ending, w), of, 8.0), WEIGHT)
    np.testing.assert_allclose(lost, expected, atol=1e-9)


@BOTH
def test_all_causes_and_survival_sum_to_one_and_times_lost_and_kept_to_tau(entry):
    curve = cumulative_incidence(TIME, CAUSE, WEIGHT, entry)

    np.testing.assert_allclose(curve.survival + curve.incidence.sum(axis=1), 1.0, atol=1e-12)
    kept = restricted_mean(kaplan_meier(TIME, CAUSE > 0, WEIGHT, entry), 5.5)
    assert kept + time_lost(curve, 1, 5.5) + time_lost(curve, 2, 5.5) == pytest.approx(5.5, abs=1e-12)


def test_ten_causes_are_as_good_as_two():
    rng = np.random.default_rng(5)
    time, cause, weight = rng.integers(0, 20, 300).astype(float), rng.integers(0, 11, 300), rng.uniform(0.1, 2.0, 300)

    curve = cumulative_incidence(time, cause, weight)

    assert curve.incidence.shape[1] == 10
    np.testing.assert_allclose(curve.survival + curve.incidence.sum(axis=1), 1.0, atol=1e-12)


def test_an_early_risk_set_that_is_used_up_ends_the_curve():
    time, entry, cause = np.array([1.0, 3.0, 4.0]), np.array([0.0, 2.0, 2.0]), np.array([2, 1, 1])

    curve = cumulative_incidence(time, cause, np.ones(3), entry)

    assert curve.incidence.tolist() == [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    assert not incidence_influence(time, cause, np.ones(3), 4.0, of=1, entry=entry).any()


def test_without_events_nothing_happens():
    none = np.zeros(9, dtype=np.int64)
    curve = cumulative_incidence(TIME, none, WEIGHT)

    assert incidence_at(curve, 1, np.array([0.0, 6.0])).tolist() == [0.0, 0.0]
    assert time_lost(curve, 1, 6.0) == 0.0
    assert not incidence_influence(TIME, none, WEIGHT, 6.0).any()
    assert not time_lost_influence(TIME, none, WEIGHT, 6.0).any()
    assert not clustered_incidence_variance(TIME, none, WEIGHT, np.arange(9), np.array([6.0])).any()


def test_a_cause_that_nobody_had_has_incidence_zero():
    assert at(WEIGHT, 7, 6.0) == 0.0
    assert not incidence_influence(TIME, CAUSE, WEIGHT, 6.0, of=7).any()
    assert not clustered_incidence_variance(TIME, CAUSE, WEIGHT, np.arange(9), np.array([6.0]), of=7).any()


def test_an_event_at_time_zero_counts_at_zero():
    curve = cumulative_incidence(np.array([0.0, 1.0]), np.array([1, 0]), np.ones(2))

    assert incidence_at(curve, 1, np.array([0.0]))[0] == 0.5


def many(late):
    rng = np.random.default_rng(3)
    time = rng.integers(1, 9, 60).astype(float)
    time[:2] = 9.0
    cause = np.where(time == 9.0, 0, rng.integers(0, 3, 60))
    entry = np.where(rng.random(60) < 0.5, 0.0, np.floor(time * rng.random(60))) if late else None
    return rng, time, cause, np.where(rng.random(60) < 0.1, 0.0, rng.uniform(0.2, 2.0, 60)), entry


@OF
@pytest.mark.parametrize("late", [False, True])
def test_variance_at_many_times_equals_the_influence_values_summed_one_time_after_another(of, late):
    rng, time, cause, weight, entry = many(late)
    cluster, times, used = rng.integers(0, 20, 60), np.arange(10.0), weight > 0

    found = clustered_incidence_variance(time, cause, weight, cluster, times, of=of, entry=entry)

    influence = [incidence_influence(time, cause, weight, t, of=of, entry=entry) for t in times]
    expected = [clustered_variance(phi[used], cluster[used]) for phi in influence]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("late", [False, True])
def test_variance_at_many_times_allows_for_estimated_weights(late):
    rng, time, cause, weight, entry = many(late)
    times, own = np.arange(10.0), weight * (np.arange(60) % 3 > 0)
    gradient, psi = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) / 60

    found = clustered_incidence_variance(
        time, cause, own, np.arange(60), times, of=2, entry=entry, gradient=gradient, parameter_influence=psi
    )

    factor = (own > 0).sum() / ((own > 0).sum() - 1.0)
    influence = [incidence_influence(time, cause, own, t, of=2, entry=entry) for t in times]
    expected = [(correct_for_estimated_weights(phi, own, gradient, psi) ** 2).sum() * factor for phi in influence]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: at(WEIGHT, 1, 6.5),
        lambda: incidence_influence(TIME, CAUSE, WEIGHT, 6.5),
        lambda: time_lost(cumulative_incidence(TIME, CAUSE, WEIGHT), 1, 6.5),
        lambda: time_lost_influence(TIME, CAUSE, WEIGHT, 6.5),
        lambda: clustered_incidence_variance(TIME, CAUSE, WEIGHT, np.arange(9), np.array([6.5])),
    ],
)
def test_a_horizon_beyond_the_longest_follow_up_is_refused(ask):
    with pytest.raises(EstimationError, match=r"6\.5.*beyond 6"):
        ask()


def test_causes_out_of_order_are_refused():
    with pytest.raises(EstimationError, match="below 0"):
        cumulative_incidence(TIME, CAUSE - 1, WEIGHT)
    with pytest.raises(EstimationError, match="asked for 0"):
        at(WEIGHT, 0, 1.0)
