"""Mean numbers of events: closed forms, laws, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.errors import EstimationError, FollowUpTooShortError
from yoseval.outcomes.counts import Counts, counts_to, mean_count_difference, mean_count_ratio
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp, Recurrences


def drawn(n=80, seed=0, *, complete=True):
    """Draw counts with their times, arms and weights; without ``complete`` a third leave early."""
    rng = np.random.default_rng(seed)
    followed = np.full(n, 12.0) if complete else np.where(rng.random(n) < 1 / 3, np.ceil(rng.uniform(0, 12, n)), 12.0)
    unit = np.repeat(np.arange(n), rng.poisson(1.2, n))
    time = np.ceil(rng.uniform(0, 12, unit.size))
    seen = time <= followed[unit]
    recurrences = Recurrences(unit[seen], time[seen])
    counts = Counts(np.bincount(unit[seen], minlength=n).astype(float), followed, recurrences)
    return counts, np.arange(n) % 2 == 0, rng.uniform(0.2, 2.0, n)


def test_with_all_followed_to_the_end_it_is_a_difference_of_weighted_means():
    counts, treated, weight = drawn()

    found = mean_count_difference(replace(counts, recurrences=None), treated, weight, 12.0)

    means = [np.average(counts.count[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert (found.treated_value, found.comparison_value) == pytest.approx(means, rel=1e-12)
    assert found.value == pytest.approx(means[0] - means[1], abs=1e-12)


def test_with_all_followed_to_the_end_the_times_of_events_change_nothing():
    counts, treated, weight = drawn()

    plain = mean_count_difference(replace(counts, recurrences=None), treated, weight, 12.0)
    timed = mean_count_difference(counts, treated, weight, 12.0)

    assert timed.value == pytest.approx(plain.value, abs=1e-12)
    np.testing.assert_allclose(timed.influence, plain.influence, atol=1e-14)


@pytest.mark.parametrize("complete", [True, False])
def test_the_ratio_is_of_the_means_whose_difference_is_estimated(complete):
    counts, treated, weight = drawn(complete=complete)

    found, beside = (m(counts, treated, weight, 12.0) for m in (mean_count_ratio, mean_count_difference))

    assert found.value == pytest.approx(np.log(beside.treated_value / beside.comparison_value), rel=1e-12)
    expected = np.where(treated, beside.influence / beside.treated_value, beside.influence / beside.comparison_value)
    np.testing.assert_allclose(found.influence, expected, atol=1e-14)


def test_a_ratio_with_an_arm_without_events_is_refused():
    counts, treated, weight = drawn()
    none = Counts(counts.count * ~treated, counts.followed)

    with pytest.raises(EstimationError, match="the treated arm has none") as caught:
        mean_count_ratio(none, treated, weight, 12.0)

    assert caught.value.remedy == "Choose the difference in mean number of events."


def test_counts_to_a_horizon_leave_later_events_out_and_need_all_followed_to_it():
    counts, _, _ = drawn()
    short, _, _ = drawn(complete=False)

    unit, time = counts.recurrences.unit, counts.recurrences.time
    np.testing.assert_array_equal(counts_to(counts, 6.0), [(time[unit == i] <= 6).sum() for i in range(80)])
    np.testing.assert_array_equal(counts_to(replace(counts, recurrences=None), 12.0), counts.count)
    with pytest.raises(EstimationError, match="not followed to 12"):
        counts_to(short, 12.0)


def test_a_count_of_none_or_one_is_a_risk_difference_with_its_error():
    counts, treated, _ = drawn()
    events = np.minimum(counts.count, 1.0)

    found = mean_count_difference(Counts(events, counts.followed), treated, np.ones(80), 12.0)

    p = [events[arm].mean() for arm in (treated, ~treated)]
    variance = sum(q * (1 - q) / 40 for q in p)
    assert (found.influence**2).sum() == pytest.approx(variance, rel=1e-12)


def test_a_mean_cumulative_count_solved_by_hand():
    # Followed to 2, 4, 4; events at 1 (third), 2 (first), 3 (second, third): 1/3 + 1/3 + 2/2.
    recurrences = Recurrences(np.array([2, 0, 1, 2]), np.array([1.0, 2.0, 3.0, 3.0]))
    counts = Counts(np.array([1.0, 1.0, 2.0, 0.0]), np.array([2.0, 4.0, 4.0, 4.0]), recurrences)
    treated = np.array([True, True, True, False])

    found = mean_count_difference(counts, treated, np.ones(4), 4.0)

    assert (found.treated_value, found.comparison_value) == pytest.approx((5 / 3, 0.0), rel=1e-12)


def test_the_influence_of_a_censored_sample_is_the_derivative_in_each_weight():
    counts, treated, weight = drawn(30, seed=4, complete=False)

    found = mean_count_difference(counts, treated, weight, 12.0)

    for i in range(30):
        step = np.where(np.arange(30) == i, 1e-5 * weight, 0.0)
        up, down = (mean_count_difference(counts, treated, weight + s, 12.0).value for s in (step, -step))
        assert found.influence[i] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_the_mean_of_a_censored_sample_is_near_the_truth_where_the_raw_mean_is_not():
    # Events at the constant rate 0.1 a month for a year: the mean count is 1.2, whoever leaves.
    counts, treated, _ = drawn(40_000, seed=2, complete=False)

    found = mean_count_difference(counts, treated, np.ones(40_000), 12.0)

    error = np.sqrt((found.influence[treated] ** 2).sum())
    assert abs(found.treated_value - 1.2) < 4 * error
    assert counts.count[treated].mean() < 1.2 - 10 * error


def test_events_after_the_horizon_are_not_counted_where_their_times_are_known():
    counts, treated, weight = drawn()

    found = mean_count_difference(counts, treated, weight, 6.0)

    early = np.bincount(counts.recurrences.unit, weights=counts.recurrences.time <= 6.0, minlength=80)
    means = [np.average(early[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert found.value == pytest.approx(means[0] - means[1], abs=1e-12)


def test_taking_units_takes_their_events_along():
    counts, treated, weight = drawn(complete=False)
    kept = np.random.default_rng(1).permutation(80)[:50]

    taken = counts.take(kept)

    assert np.bincount(taken.recurrences.unit, minlength=50).tolist() == taken.count.tolist() == counts.count[kept].tolist()
    without = np.where(np.isin(np.arange(80), kept), weight, 0.0)
    whole = mean_count_difference(counts, treated, without, 12.0)
    part = mean_count_difference(taken, treated[kept], weight[kept], 12.0)
    assert part.value == pytest.approx(whole.value, abs=1e-12)
    np.testing.assert_allclose(part.influence, whole.influence[kept], atol=1e-14)


def test_counts_of_children_who_left_are_refused_without_the_times_of_events():
    counts, treated, weight = drawn(complete=False)

    with pytest.raises(EstimationError, match="were not followed to 12, and it is not known when events happened"):
        mean_count_difference(replace(counts, recurrences=None), treated, weight, 12.0)


def test_counts_that_reach_beyond_the_horizon_are_refused_without_the_times_of_events():
    counts, treated, weight = drawn()

    with pytest.raises(EstimationError, match="reach beyond 6"):
        mean_count_difference(replace(counts, recurrences=None), treated, weight, 6.0)


def test_nobody_followed_to_the_horizon_is_too_short():
    counts, treated, weight = drawn()

    with pytest.raises(FollowUpTooShortError, match="followed to 13"):
        mean_count_difference(counts, treated, weight, 13.0)


def test_an_empty_arm_is_refused():
    counts, treated, weight = drawn()

    with pytest.raises(EstimationError, match="no unit with counts"):
        mean_count_difference(counts, np.zeros_like(treated), weight, 12.0)


def design_of(treated, weight):
    frame = pd.DataFrame({"id": [f"c{i:03d}" for i in range(treated.size)], "treated": treated.astype(int), "x": 1.0})
    cohort = Cohort.from_frame(frame.assign(x=np.arange(treated.size)), treated="treated", id="id", covariates=["x"])
    weighting = Weighting(weight, np.full(treated.size, -1), np.full(treated.size, 0.5), "ATO")
    return Design(cohort, "overlap", {}, weighting, "ATO", cohort.attrition)


def followup_of(counts, rows):
    """Return the follow-up of some units, in any order, with their events."""
    taken = counts.take(rows)
    ids = np.array([f"c{i:03d}" for i in rows], dtype=object)
    event = taken.count > 0
    return FollowUp(ids, taken.followed, event, 12.0, count=taken.count, followed=taken.followed, recurrences=taken.recurrences)


def test_events_follow_their_children_into_the_order_of_the_design():
    counts, treated, weight = drawn(160, complete=False)
    rows = np.random.default_rng(3).permutation(160)[:150]

    found = estimate_effect(followup_of(counts, rows), design_of(treated, weight), "mean_count_difference")

    seen = np.where(np.isin(np.arange(160), rows), weight, 0.0)
    assert found.estimate == pytest.approx(mean_count_difference(counts, treated, seen, 12.0).value, abs=1e-12)
    assert (found.treated_value, found.measure) == (pytest.approx(found.comparison_value + found.estimate), found.measure)


def test_a_small_sample_of_counts_is_jackknifed():
    counts, treated, weight = drawn(60, complete=False, seed=5)

    found = estimate_effect(followup_of(counts, np.arange(60)), design_of(treated, weight), "mean_count_difference")

    replicates = []
    for i in range(60):
        left = np.delete(np.arange(60), i)
        replicates.append(mean_count_difference(counts.take(left), treated[left], weight[left], 12.0).value)
    assert found.std_error == pytest.approx((59 * np.var(replicates)) ** 0.5, rel=1e-10)


def test_a_follow_up_without_counts_is_refused():
    counts, treated, weight = drawn()
    followup = replace(followup_of(counts, np.arange(80)), count=None)

    with pytest.raises(EstimationError, match="needs the number of events of each unit"):
        estimate_effect(followup, design_of(treated, weight), "mean_count_difference")


def test_a_unit_taken_twice_brings_its_events_twice():
    counts = Counts(np.array([2.0, 0.0, 1.0]), np.full(3, 10.0), Recurrences(np.array([2, 0, 0]), np.array([5.0, 1.0, 3.0])))

    taken = counts.take(np.array([0, 0, 1, 2]))

    assert taken.count.tolist() == [2.0, 2.0, 0.0, 1.0]
    assert taken.recurrences.unit.tolist() == [0, 0, 1, 1, 3]
    assert taken.recurrences.time.tolist() == [1.0, 3.0, 1.0, 3.0, 5.0]
