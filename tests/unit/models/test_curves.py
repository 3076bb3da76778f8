"""The curve of one arm: ties, ends, weights, and influence as an exact derivative."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.curves import (
    clustered_survival_variance,
    entry_notes,
    kaplan_meier,
    number_at_risk,
    restricted_mean,
    restricted_mean_influence,
    survival_at,
    survival_influence,
)
from yoseval.models.variance import clustered_variance, correct_for_estimated_weights

# Ties among events, an event and a censoring at one time, the last unit censored.
TIME = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0])
EVENT = np.array([True, True, True, False, False, True, False, True, False])
WEIGHT = np.array([0.5, 1.2, 0.7, 2.0, 1.0, 1.5, 0.4, 0.9, 1.1])


def derivative(statistic, weight):
    """Weight times central difference in each weight; step 1e-5 leaves an error near 1e-10."""
    found = np.zeros(weight.size)
    for i in np.flatnonzero(weight > 0):
        step = 1e-5 * weight[i]
        up, down = weight.copy(), weight.copy()
        up[i], down[i] = weight[i] + step, weight[i] - step
        found[i] = weight[i] * (statistic(up) - statistic(down)) / (2.0 * step)
    return found


def test_curve_equals_the_product_written_out_by_hand():
    curve = kaplan_meier(TIME, EVENT, np.ones(9))

    expected = np.cumprod([8 / 9, 6 / 8, 3 / 4, 1 / 2])
    assert curve.time.tolist() == [1.0, 2.0, 4.0, 5.0]
    np.testing.assert_allclose(curve.survival, expected, rtol=1e-14)


def test_a_unit_censored_at_an_event_time_is_still_at_risk_then():
    curve = kaplan_meier(TIME, EVENT, np.ones(9))

    assert curve.n_at_risk.tolist() == [9, 8, 4, 2]
    assert curve.n_events.tolist() == [1, 2, 1, 1]


def test_at_risk_and_events_are_sums_of_weights():
    curve = kaplan_meier(TIME, EVENT, WEIGHT)

    np.testing.assert_allclose(curve.at_risk, [WEIGHT[t <= TIME].sum() for t in curve.time], rtol=1e-14)
    np.testing.assert_allclose(curve.events, [WEIGHT[(t == TIME) & EVENT].sum() for t in curve.time], rtol=1e-14)


def test_a_unit_of_weight_zero_is_as_if_absent():
    weight = np.where(np.arange(9) == 7, 0.0, WEIGHT)
    kept = weight > 0

    with_it, without = kaplan_meier(TIME, EVENT, weight), kaplan_meier(TIME[kept], EVENT[kept], weight[kept])

    assert with_it.time.tolist() == without.time.tolist()
    assert with_it.n_at_risk.tolist() == without.n_at_risk.tolist()
    np.testing.assert_allclose(with_it.survival, without.survival, rtol=1e-14)
    assert survival_influence(TIME, EVENT, weight, 5.0)[7] == 0.0


def test_whole_weights_equal_repeated_rows():
    times = np.array([2, 1, 3, 1, 2, 1, 1, 2, 1])
    again = np.repeat(np.arange(9), times)

    weighted, repeated = kaplan_meier(TIME, EVENT, times.astype(float)), kaplan_meier(TIME[again], EVENT[again], np.ones(14))

    np.testing.assert_allclose(weighted.survival, repeated.survival, rtol=1e-14)
    assert restricted_mean(weighted, 5.5) == pytest.approx(restricted_mean(repeated, 5.5), rel=1e-14)


def test_curve_is_one_before_the_first_event_and_steps_at_it():
    curve = kaplan_meier(TIME, EVENT, np.ones(9))

    assert survival_at(curve, np.array([0.0, 0.999, 1.0])).tolist() == [1.0, 1.0, 1 - 1 / 9]


def test_an_event_at_time_zero_counts_at_zero():
    curve = kaplan_meier(np.array([0.0, 1.0]), np.array([True, False]), np.ones(2))

    assert survival_at(curve, np.array([0.0]))[0] == 0.5
    assert restricted_mean(curve, 1.0) == 0.5


def test_without_events_the_curve_stays_at_one_and_has_no_influence():
    none = np.zeros(9, dtype=bool)
    curve = kaplan_meier(TIME, none, WEIGHT)

    assert curve.time.size == 0
    assert survival_at(curve, np.array([6.0]))[0] == 1.0
    assert restricted_mean(curve, 6.0) == 6.0
    assert not survival_influence(TIME, none, WEIGHT, 6.0).any()
    assert not restricted_mean_influence(TIME, none, WEIGHT, 6.0).any()


def test_a_curve_that_reaches_zero_is_known_for_ever():
    curve = kaplan_meier(np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool), np.array([0.1, 0.2, 0.3]))

    assert curve.survival[-1] == 0.0
    assert survival_at(curve, np.array([99.0]))[0] == 0.0
    assert restricted_mean(curve, 99.0) == pytest.approx((0.1 * 1 + 0.2 * 2 + 0.3 * 3) / 0.6, rel=1e-14)


def test_where_the_curve_is_zero_no_unit_moves_it():
    found = survival_influence(np.array([1.0, 2.0, 2.0]), np.ones(3, dtype=bool), np.ones(3), 2.0)

    assert found.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: survival_at(kaplan_meier(TIME, EVENT, WEIGHT), np.array([6.5])),
        lambda: survival_influence(TIME, EVENT, WEIGHT, 6.5),
        lambda: restricted_mean(kaplan_meier(TIME, EVENT, WEIGHT), 6.5),
        lambda: restricted_mean_influence(TIME, EVENT, WEIGHT, 6.5),
    ],
)
def test_a_horizon_beyond_the_longest_follow_up_is_refused_with_the_longest_one_named(ask):
    with pytest.raises(EstimationError, match=r"6\.5.*beyond 6") as caught:
        ask()

    assert caught.value.remedy == "Choose a horizon of at most 6."


def test_follow_up_of_a_unit_of_weight_zero_does_not_lengthen_the_curve():
    weight = np.where(TIME == 6.0, 0.0, WEIGHT)

    assert kaplan_meier(TIME[:7], EVENT[:7], weight[:7]).longest == 4.0
    assert kaplan_meier(TIME, EVENT, weight).longest == 5.0


def test_a_curve_without_weight_is_refused():
    with pytest.raises(EstimationError, match="positive weight"):
        kaplan_meier(TIME, EVENT, np.zeros(9))


@pytest.mark.parametrize("horizon", [0.5, 1.0, 2.0, 3.5, 4.0, 5.0, 6.0])
def test_survival_influence_is_the_derivative_in_the_weights(horizon):
    found = survival_influence(TIME, EVENT, WEIGHT, horizon)

    expected = derivative(lambda w: survival_at(kaplan_meier(TIME, EVENT, w), np.array([horizon]))[0], WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0, 3.5, 4.0, 5.0, 6.0])
def test_restricted_mean_influence_is_the_derivative_in_the_weights(tau):
    found = restricted_mean_influence(TIME, EVENT, WEIGHT, tau)

    expected = derivative(lambda w: restricted_mean(kaplan_meier(TIME, EVENT, w), tau), WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_restricted_mean_influence_is_the_derivative_where_the_curve_reaches_zero():
    event = np.ones(9, dtype=bool)

    found = restricted_mean_influence(TIME, event, WEIGHT, 8.0)

    expected = derivative(lambda w: restricted_mean(kaplan_meier(TIME, event, w), 8.0), WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("horizon", [1.0, 2.0, 4.0, 5.0])
def test_sum_of_squares_is_greenwoods_variance_without_weights(horizon):
    curve = kaplan_meier(TIME, EVENT, np.ones(9))
    within = curve.time <= horizon

    found = (survival_influence(TIME, EVENT, np.ones(9), horizon) ** 2).sum()

    terms = curve.events / (curve.at_risk * (curve.at_risk - curve.events))
    level = survival_at(curve, np.array([horizon]))[0]
    assert found == pytest.approx(level**2 * terms[within].sum(), rel=1e-12)


def test_restricted_mean_of_complete_follow_up_is_the_mean_of_the_shorter_time():
    event = np.ones(9, dtype=bool)

    found = restricted_mean(kaplan_meier(TIME, event, WEIGHT), 3.5)

    assert found == pytest.approx(np.average(np.minimum(TIME, 3.5), weights=WEIGHT), rel=1e-14)


def test_number_at_risk_counts_those_still_followed_just_before():
    found = number_at_risk(TIME, np.ones(9), np.array([0.0, 2.0, 2.5, 6.0, 7.0]))

    assert found.tolist() == [9.0, 8.0, 5.0, 1.0, 0.0]


def many(n, seed):
    rng = np.random.default_rng(seed)
    time = rng.integers(0, 9, n).astype(float)
    time[:2] = 9.0
    event = (rng.random(n) < 0.6) & (time < 9.0)
    weight = np.where(rng.random(n) < 0.1, 0.0, rng.uniform(0.2, 2.0, n))
    weight[:2] = 1.0
    return rng, time, event, weight


def test_variance_at_many_times_equals_the_influence_values_summed_one_time_after_another():
    rng, time, event, weight = many(60, seed=1)
    cluster, times = rng.integers(0, 20, 60), np.arange(10.0)

    found = clustered_survival_variance(time, event, weight, cluster, times)

    used = weight > 0
    expected = [clustered_variance(survival_influence(time, event, weight, t)[used], cluster[used]) for t in times]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


def test_variance_at_many_times_allows_for_estimated_weights():
    rng, time, event, weight = many(60, seed=2)
    cluster, times = np.arange(60), np.arange(10.0)
    arm = np.arange(60) % 3 > 0
    own = weight * arm
    gradient, psi = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) / 60

    found = clustered_survival_variance(time, event, own, cluster, times, gradient=gradient, parameter_influence=psi)

    factor = (own > 0).sum() / ((own > 0).sum() - 1.0)
    expected = [
        (correct_for_estimated_weights(survival_influence(time, event, own, t), own, gradient, psi) ** 2).sum() * factor
        for t in times
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


def test_variance_is_zero_where_the_curve_has_reached_zero():
    found = clustered_survival_variance(
        np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool), np.ones(3), np.arange(3), np.array([2.0, 3.0, 9.0])
    )

    assert found[0] > 0
    assert found[1:].tolist() == [0.0, 0.0]


def test_a_variance_of_one_cluster_is_refused():
    with pytest.raises(EstimationError, match="two independent"):
        clustered_survival_variance(TIME, EVENT, WEIGHT, np.zeros(9, dtype=np.int64), np.array([2.0]))


def test_a_hundred_thousand_distinct_times_need_no_square_array():
    # An n by n array of floats would take 80 GB.
    rng = np.random.default_rng(3)
    time = rng.exponential(1.0, 100_000)
    event = np.ones(100_000, dtype=bool)

    found = clustered_survival_variance(time, event, np.ones(100_000), np.arange(100_000), np.sort(time)[::1000])

    level = survival_at(kaplan_meier(time, event, np.ones(100_000)), np.sort(time)[::1000])
    # Complete follow-up: the variance of a proportion, with divisor n - 1.
    np.testing.assert_allclose(found, level * (1 - level) / 99_999, rtol=1e-6)


# Late entries: at an event time, between two, after everybody else; the last unit is there from the start.
ENTRY = np.array([0.0, 1.0, 0.5, 1.0, 2.0, 2.0, 3.5, 2.0, 0.0])


@pytest.mark.parametrize("horizon", [0.5, 1.0, 2.0, 3.5, 4.0, 5.0, 6.0])
def test_influence_with_late_entries_is_the_derivative_in_the_weights(horizon):
    found = survival_influence(TIME, EVENT, WEIGHT, horizon, ENTRY)
    area = restricted_mean_influence(TIME, EVENT, WEIGHT, horizon, ENTRY)

    expected = derivative(lambda w: survival_at(kaplan_meier(TIME, EVENT, w, ENTRY), np.array([horizon]))[0], WEIGHT)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    expected = derivative(lambda w: restricted_mean(kaplan_meier(TIME, EVENT, w, ENTRY), horizon), WEIGHT)
    np.testing.assert_allclose(area, expected, atol=1e-9)
    assert abs(found.sum()) < 1e-14
    assert abs(area.sum()) < 1e-14


def test_a_unit_that_enters_at_an_event_time_is_not_at_risk_then():
    curve = kaplan_meier(TIME, EVENT, np.ones(9), ENTRY)

    assert curve.n_at_risk.tolist() == [3, 4, 4, 2]


def test_an_entry_of_zero_is_the_start_even_for_an_event_at_zero():
    time, event = np.array([0.0, 1.0]), np.array([True, False])

    curve = kaplan_meier(time, event, np.ones(2), np.zeros(2))

    assert curve.survival.tolist() == [0.5]
    assert number_at_risk(time, np.ones(2), np.array([0.0]), np.zeros(2)).tolist() == [2.0]


def test_a_curve_whose_first_risk_set_is_used_up_stays_at_zero_whoever_enters_later():
    time, entry = np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, 2.0, 2.0, 2.0])
    event = np.array([True, True, True, False])

    curve = kaplan_meier(time, event, np.ones(4), entry)

    # R: survfit(Surv(entry, time, event) ~ 1)$surv is 0 from time 1 on.
    assert curve.survival.tolist() == [0.0, 0.0, 0.0]
    assert curve.n_at_risk.tolist() == [1, 3, 2]
    assert restricted_mean(curve, 5.0) == 1.0
    assert not survival_influence(time, event, np.ones(4), 4.0, entry).any()
    assert not restricted_mean_influence(time, event, np.ones(4), 5.0, entry).any()
    assert not clustered_survival_variance(time, event, np.ones(4), np.arange(4), np.array([1.0, 4.0]), entry=entry).any()
    assert len(entry_notes(curve)) == 2
    assert "stays at zero" in entry_notes(curve, fewest=1)[0]


def test_a_curve_whose_first_risk_set_is_censored_stays_level():
    curve = kaplan_meier(np.array([1.0, 3.0, 4.0]), np.array([False, True, False]), np.ones(3), np.array([0.0, 2.0, 2.0]))

    assert curve.survival.tolist() == [0.5]
    assert survival_at(curve, np.array([1.5]))[0] == 1.0


def test_a_used_up_risk_set_is_seen_through_rounding():
    # 0.1 + 0.2 + 0.3 less 0.3 is not 0.1 + 0.2 in floating point; the count of those left says zero.
    weight = np.array([0.1, 0.2, 0.3, 1e9 / 3.0])

    curve = kaplan_meier(
        np.array([1.0, 1.0, 4.0, 5.0]), np.array([True, True, True, True]), weight, np.array([0.0, 0.0, 2.0, 2.0])
    )

    assert curve.survival[0] == 0.0


def test_notes_are_silent_where_late_entries_do_no_harm():
    time, event = np.arange(1.0, 41.0), np.ones(40, dtype=bool)

    assert entry_notes(kaplan_meier(time, event, np.ones(40))) == []
    assert entry_notes(kaplan_meier(time, ~event, np.ones(40))) == []
    assert entry_notes(kaplan_meier(time, event, np.ones(40), np.where(time > 30, 5.0, 0.0))) == []


def test_an_early_event_among_few_is_said_in_words():
    time, entry = np.arange(1.0, 41.0), np.where(np.arange(40) >= 5, 4.5, 0.0)

    notes = entry_notes(kaplan_meier(time, np.ones(40, dtype=bool), np.ones(40), entry))

    assert [note[:15] for note in notes] == ["Fewer than 10 w"]


@pytest.mark.parametrize("entry", [5.0, 6.0, np.nan])
def test_an_entry_at_or_after_the_end_is_refused_for_whoever_counts(entry):
    late = ENTRY.copy()
    late[7] = entry

    with pytest.raises(EstimationError, match="at or after the end") as caught:
        kaplan_meier(TIME, EVENT, WEIGHT, late)

    assert caught.value.remedy == "Correct their entry, or leave them out."
    weight = np.where(np.arange(9) == 7, 0.0, WEIGHT)
    kept = weight > 0
    without = kaplan_meier(TIME[kept], EVENT[kept], weight[kept], late[kept])
    np.testing.assert_allclose(kaplan_meier(TIME, EVENT, weight, late).survival, without.survival, rtol=1e-14)


def test_variance_at_many_times_with_late_entries_equals_the_influence_values():
    rng, time, event, weight = many(60, seed=4)
    entry = np.where(rng.random(60) < 0.5, 0.0, np.floor(time * rng.random(60)))
    cluster, times = rng.integers(0, 20, 60), np.arange(10.0)

    found = clustered_survival_variance(time, event, weight, cluster, times, entry=entry)

    used = weight > 0
    expected = [clustered_variance(survival_influence(time, event, weight, t, entry)[used], cluster[used]) for t in times]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


def test_variance_with_late_entries_allows_for_estimated_weights():
    rng, time, event, weight = many(60, seed=5)
    entry = np.where(rng.random(60) < 0.5, 0.0, np.floor(time * rng.random(60)))
    own, times = weight * (np.arange(60) % 3 > 0), np.arange(10.0)
    gradient, psi = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) / 60

    found = clustered_survival_variance(
        time, event, own, np.arange(60), times, entry=entry, gradient=gradient, parameter_influence=psi
    )

    factor = (own > 0).sum() / ((own > 0).sum() - 1.0)
    influence = [survival_influence(time, event, own, t, entry) for t in times]
    expected = [(correct_for_estimated_weights(phi, own, gradient, psi) ** 2).sum() * factor for phi in influence]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)
