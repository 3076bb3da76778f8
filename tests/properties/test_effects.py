"""Laws that hold for every measure, on samples drawn by Hypothesis."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cox import fit_cox
from yoseval.models.curves import clustered_survival_variance, survival_influence
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.binary import risk_difference
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import FollowUp, Recurrences

HORIZON = 6.0
SEEDS = st.integers(0, 2**32 - 1)
laws = settings(max_examples=25, deadline=None)
# A cure model needs a curve with a plateau: its laws are in tests/unit/outcomes/test_cured.py.
every_measure = pytest.mark.parametrize("name", [name for name in MEASURES if name != "cure_fraction_difference"])


def sample(seed, n=12):
    """Draw a small sample full of ties, with two events and somebody followed to the end in each arm."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 7, n).astype(float)
    event = rng.random(n) < 0.5
    treated = np.arange(n) % 2 == 0
    # Each arm has an event before the other's last one, so that a hazard ratio exists.
    time[:8] = [1, 1, 3, 3, 5, 5, HORIZON, HORIZON]
    event[:8] = [True, True, True, True, True, True, False, False]
    return time, event, treated, rng.uniform(0.3, 3.0, n)


def contrast(name, given_sample, offered=None):
    time, event, treated, weight = given_sample
    fields = {"time": time, "event": event, "counts": two_events(time, event), "severity": worst(time, event)}
    fields |= {"days_at_risk": time, "cause": event.astype(np.int64)}
    fields |= {"instrument": 2.0 * (treated if offered is None else offered) + time % 2, "covariates": np.empty((time.size, 0))}
    return MEASURES[name].leaf(*(fields[field] for field in MEASURES[name].takes), treated, weight, HORIZON)


def worst(time, event):
    """Give whoever has the event one of three levels, that repeat in either arm."""
    return np.where(event, 1.0 + time % 3, 0.0)


def two_events(time, event):
    """Give whoever has the event a second one half way to it; follow-up ends at the last."""
    unit = np.tile(np.flatnonzero(event), 2)
    return Counts(2.0 * event, time, Recurrences(unit, np.concatenate((np.ceil(time[event] / 2), time[event]))))


@every_measure
@laws
@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing(name, seed, factor):
    time, event, treated, weight = sample(seed)

    plain, scaled = contrast(name, (time, event, treated, weight)), contrast(name, (time, event, treated, factor * weight))

    assert scaled.value == pytest.approx(plain.value, abs=1e-9)
    np.testing.assert_allclose(scaled.influence, plain.influence, atol=1e-9)


@every_measure
@laws
@given(seed=SEEDS)
def test_the_order_of_rows_changes_nothing(name, seed):
    drawn = sample(seed)
    order = np.random.default_rng(seed).permutation(12)

    plain, shuffled = contrast(name, drawn), contrast(name, tuple(column[order] for column in drawn))

    assert shuffled.value == pytest.approx(plain.value, abs=1e-10)
    np.testing.assert_allclose(shuffled.influence, plain.influence[order], atol=1e-10)


@every_measure
@laws
@given(seed=SEEDS)
def test_swapped_arms_flip_the_sign(name, seed):
    time, event, treated, weight = sample(seed)

    plain, swapped = (contrast(name, (time, event, started, weight), treated) for started in (treated, ~treated))

    assert swapped.value == pytest.approx(-plain.value, abs=1e-9)
    np.testing.assert_allclose(swapped.influence, -plain.influence, atol=1e-9)
    np.testing.assert_equal((swapped.treated_value, swapped.comparison_value), (plain.comparison_value, plain.treated_value))


@every_measure
@laws
@given(seed=SEEDS)
def test_influence_is_the_derivative_in_each_weight(name, seed):
    time, event, treated, weight = sample(seed)

    found = contrast(name, (time, event, treated, weight)).influence

    expected = np.zeros(12)
    for i in range(12):
        step = np.where(np.arange(12) == i, 1e-5 * weight, 0.0)
        up = contrast(name, (time, event, treated, weight + step)).value
        down = contrast(name, (time, event, treated, weight - step)).value
        expected[i] = (up - down) / 2e-5
    # Central differences: an error of order 1e-10 in truncation and 1e-11 in rounding, for values near one.
    np.testing.assert_allclose(found, expected, atol=1e-7)


@every_measure
@laws
@given(seed=SEEDS)
def test_influence_sums_to_zero(name, seed):
    found = contrast(name, sample(seed))

    assert abs(found.influence.sum()) < 1e-11


# Efron's ties are another model of a sample that is there twice.
_OTHERWISE_TIED = ("hazard_ratio", "cause_specific_ratio", "lwyy", "ag", "pwp_total", "pwp_gap", "cure_fraction_difference")


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in _OTHERWISE_TIED])
@laws
@given(seed=SEEDS)
def test_a_doubled_sample_has_a_smaller_error_unless_clustered_on_the_child(name, seed):
    drawn = sample(seed)
    plain, doubled = contrast(name, drawn), contrast(name, tuple(np.tile(column, 2) for column in drawn))

    assert doubled.value == pytest.approx(plain.value, abs=1e-10)
    assert (doubled.influence**2).sum() == pytest.approx((plain.influence**2).sum() / 2.0, rel=1e-9)
    child = np.tile(np.arange(12), 2)
    assert clustered_variance(doubled.influence, child) == pytest.approx(
        clustered_variance(plain.influence, np.arange(12)), rel=1e-9
    )


@laws
@given(seed=SEEDS)
def test_a_doubled_cox_model_has_a_smaller_error_unless_clustered_on_the_child(seed):
    # Breslow's: Efron's treatment of ties itself depends on the number of rows.
    time, event, treated, weight = sample(seed)
    column, child = treated[:, None].astype(float), np.tile(np.arange(12), 2)

    plain = fit_cox(time, event, column, weight, ties="breslow").influence[:, 0]
    doubled = fit_cox(
        np.tile(time, 2), np.tile(event, 2), np.tile(column, (2, 1)), np.tile(weight, 2), ties="breslow"
    ).influence[:, 0]

    assert (doubled**2).sum() == pytest.approx((plain**2).sum() / 2.0, rel=1e-9)
    assert clustered_variance(doubled, child) == pytest.approx(clustered_variance(plain, np.arange(12)), rel=1e-9)


@laws
@given(seed=SEEDS)
def test_with_complete_follow_up_the_difference_is_one_of_weighted_means(seed):
    time, event, treated, weight = sample(seed)
    time = np.where(event, time, HORIZON)

    found = risk_difference(time, event, treated, weight, HORIZON)

    means = [np.average(event[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert found.value == pytest.approx(means[0] - means[1], abs=1e-12)


@laws
@given(seed=SEEDS, n_clusters=st.integers(2, 12))
def test_variance_of_a_whole_curve_equals_that_of_each_of_its_points(seed, n_clusters):
    time, event, _, weight = sample(seed)
    cluster = np.arange(12) % n_clusters
    times = np.arange(0.0, HORIZON + 0.5, 0.5)

    found = clustered_survival_variance(time, event, weight, cluster, times)

    expected = [clustered_variance(survival_influence(time, event, weight, t), cluster) for t in times]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


@every_measure
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_shuffled_files_give_the_same_estimate(name, seed):
    time, event, treated, weight = sample(seed, n=24)
    frame = pd.DataFrame({"id": [f"c{i}" for i in range(24)], "treated": treated.astype(int), "event": event.astype(int)})
    frame = frame.assign(time=time, weight=weight, x=np.arange(24), count=3 * event, end=HORIZON, severity=worst(time, event))
    frame = frame.assign(days=time, cause=event.astype(int), open=2.0 * treated + np.arange(24) % 3)
    shuffled = frame.sample(frac=1.0, random_state=seed % 2**31)

    plain, moved = estimate(frame, name), estimate(shuffled, name)

    assert (moved.estimate, moved.std_error, moved.conf_low, moved.conf_high) == (
        plain.estimate, plain.std_error, plain.conf_low, plain.conf_high,
    )  # fmt: skip


def estimate(frame, name):
    cohort = Cohort.from_frame(frame, treated="treated", id="id", covariates=["x"], instrument="open")
    weight = frame.set_index("id").loc[cohort.units["unit_id"], "weight"].to_numpy()
    weighting = Weighting(weight, np.full(24, -1), np.full(24, 0.5), "ATT")
    design = Design(cohort, "overlap", {}, weighting, "ATT", cohort.attrition)
    columns = {"event": "event", "time": "time", "id": "id", "count": "count", "followed": "end", "severity": "severity"}
    columns |= {"exposure": "days", "cause": "cause"}
    followup = FollowUp.from_frame(frame, **columns, horizon=HORIZON)
    again = frame[frame["event"] == 1]
    ids, times = np.tile(again["id"].to_numpy(dtype=object), 3), again["time"].to_numpy()
    followup = followup.with_recurrences(ids, np.concatenate([times, (times + HORIZON) / 2, np.full(times.size, HORIZON)]))
    return estimate_effect(followup, design, name)
