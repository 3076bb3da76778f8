"""Laws of curves and incidence, on samples full of ties, weights and late entries drawn by Hypothesis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.models.curves import (
    clustered_survival_variance,
    kaplan_meier,
    restricted_mean,
    restricted_mean_influence,
    survival_at,
    survival_influence,
)
from yoseval.models.hazard_curve import cumulative_hazard_at, hazard_influence
from yoseval.models.incidence import (
    clustered_incidence_variance,
    cumulative_incidence,
    incidence_at,
    incidence_influence,
    time_lost,
    time_lost_influence,
)

SEEDS = st.integers(0, 2**32 - 1)
laws = settings(max_examples=15, deadline=None)
TIMES = np.arange(0.0, 9.0)
HORIZON = 5.0


def sample(seed, n=24):
    """Draw times, causes, weights, entries and clusters; three units are followed to the end without an event."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 8, n).astype(float)
    time[:3] = 8.0
    cause = np.where(np.arange(n) < 3, 0, rng.integers(0, 3, n))
    entry = np.where(rng.random(n) < 0.4, 0.0, np.floor(time * rng.random(n)))
    entry[:2] = 0.0
    return time, cause, rng.uniform(0.3, 3.0, n), entry, rng.integers(0, 6, n) + np.where(np.arange(n) < 6, 6, 0)


def values(time, cause, weight, entry):
    """Everything there is to read, in one vector."""
    curve, causes = kaplan_meier(time, cause > 0, weight, entry), cumulative_incidence(time, cause, weight, entry)
    return np.concatenate(
        (
            survival_at(curve, TIMES),
            cumulative_hazard_at(curve, TIMES),
            incidence_at(causes, 1, TIMES),
            incidence_at(causes, 2, TIMES),
            [restricted_mean(curve, 7.5), time_lost(causes, 1, 7.5), time_lost(causes, 2, 7.5)],
        )
    )


def influences(time, cause, weight, entry):
    """One column a statistic, (n, 5) floats."""
    event = cause > 0
    return np.column_stack(
        (
            survival_influence(time, event, weight, HORIZON, entry),
            restricted_mean_influence(time, event, weight, 7.5, entry),
            hazard_influence(time, event, weight, HORIZON, entry),
            incidence_influence(time, cause, weight, HORIZON, of=2, entry=entry),
            time_lost_influence(time, cause, weight, 7.5, of=1, entry=entry),
        )
    )


def variances(time, cause, weight, entry, cluster):
    survival = clustered_survival_variance(time, cause > 0, weight, cluster, TIMES, entry=entry)
    return np.concatenate((survival, clustered_incidence_variance(time, cause, weight, cluster, TIMES, of=2, entry=entry)))


@laws
@given(seed=SEEDS)
def test_whole_weights_are_copies_of_rows(seed):
    time, cause, _, entry, cluster = sample(seed)
    copies = np.random.default_rng(seed).integers(1, 4, time.size)
    again = np.repeat(np.arange(time.size), copies)

    weighted, ones = (time, cause, copies.astype(float), entry), np.ones(again.size)
    repeated = (time[again], cause[again], ones, entry[again])

    np.testing.assert_allclose(values(*weighted), values(*repeated), atol=1e-12)
    np.testing.assert_allclose(variances(*weighted, cluster), variances(*repeated, cluster[again]), atol=1e-12)


@laws
@given(seed=SEEDS, factor=st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_changes_nothing(seed, factor):
    time, cause, weight, entry, cluster = sample(seed)

    plain, scaled = (time, cause, weight, entry), (time, cause, factor * weight, entry)

    np.testing.assert_allclose(values(*scaled), values(*plain), atol=1e-11)
    np.testing.assert_allclose(influences(*scaled), influences(*plain), atol=1e-11)
    np.testing.assert_allclose(variances(*scaled, cluster), variances(*plain, cluster), atol=1e-11)


@laws
@given(seed=SEEDS)
def test_the_order_of_rows_changes_nothing(seed):
    time, cause, weight, entry, cluster = sample(seed)
    order = np.random.default_rng(seed).permutation(time.size)

    plain = (time, cause, weight, entry)
    shuffled = tuple(column[order] for column in plain)

    np.testing.assert_allclose(values(*shuffled), values(*plain), atol=1e-12)
    np.testing.assert_allclose(influences(*shuffled), influences(*plain)[order], atol=1e-12)
    np.testing.assert_allclose(variances(*shuffled, cluster[order]), variances(*plain, cluster), atol=1e-12)


@laws
@given(seed=SEEDS)
def test_a_time_cut_in_two_rows_of_one_cluster_is_the_same_time(seed):
    time, cause, weight, entry, cluster = sample(seed)
    # Cut at whole times, many of them event times; what cannot be cut stays whole.
    cut = np.floor((entry + time) / 2.0)
    can = cut > entry
    first = (np.where(can, cut, time), np.where(can, 0, cause), weight, entry)
    second = (time[can], cause[can], weight[can], cut[can])

    plain = (time, cause, weight, entry)
    rows = tuple(np.concatenate(pair) for pair in zip(first, second, strict=True))

    np.testing.assert_allclose(values(*rows), values(*plain), atol=1e-12)
    twice = np.concatenate((cluster, cluster[can]))
    np.testing.assert_allclose(variances(*rows, twice), variances(*plain, cluster), atol=1e-12)
    unit = np.concatenate((np.arange(time.size), np.flatnonzero(can)))
    joined = np.zeros((time.size, 5))
    np.add.at(joined, unit, influences(*rows))
    np.testing.assert_allclose(joined, influences(*plain), atol=1e-12)


@laws
@given(seed=SEEDS)
def test_influence_sums_to_zero_and_follows_a_change_of_one_weight(seed):
    time, cause, weight, entry, _ = sample(seed)
    unit = np.random.default_rng(seed).integers(time.size)
    step = np.where(np.arange(time.size) == unit, 1e-5 * weight, 0.0)

    found = influences(time, cause, weight, entry)

    up, down = values(time, cause, weight + step, entry), values(time, cause, weight - step, entry)
    slope = ((up - down) / 2e-5)[[5, 36, 14, 32, 37]]
    np.testing.assert_allclose(found[unit], slope, atol=1e-7)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-11)


@laws
@given(seed=SEEDS)
def test_entry_at_zero_is_no_entry_to_the_last_digit(seed):
    time, cause, weight, _, cluster = sample(seed)
    time = time - 1.0
    time[:3] = 8.0

    none, zero = (time, cause, weight, None), (time, cause, weight, np.zeros(time.size))

    assert values(*none).tolist() == values(*zero).tolist()
    assert influences(*none).tolist() == influences(*zero).tolist()
    assert variances(*none, cluster).tolist() == variances(*zero, cluster).tolist()


@laws
@given(seed=SEEDS)
def test_with_one_cause_incidence_is_one_minus_survival(seed):
    time, cause, weight, entry, cluster = sample(seed)
    single = np.minimum(cause, 1)

    found = cumulative_incidence(time, single, weight, entry)

    np.testing.assert_allclose(found.incidence[:, 0], 1.0 - kaplan_meier(time, single > 0, weight, entry).survival, atol=1e-12)
    influence = incidence_influence(time, single, weight, HORIZON, entry=entry)
    np.testing.assert_allclose(influence, -survival_influence(time, single > 0, weight, HORIZON, entry), atol=1e-12)
    variance = clustered_incidence_variance(time, single, weight, cluster, TIMES, entry=entry)
    expected = clustered_survival_variance(time, single > 0, weight, cluster, TIMES, entry=entry)
    np.testing.assert_allclose(variance, expected, atol=1e-12)


@laws
@given(seed=SEEDS)
def test_all_causes_and_survival_sum_to_one(seed):
    time, cause, weight, entry, _ = sample(seed)

    curve = cumulative_incidence(time, cause, weight, entry)

    np.testing.assert_allclose(curve.survival + curve.incidence.sum(axis=1), 1.0, atol=1e-12)
    kept = restricted_mean(kaplan_meier(time, cause > 0, weight, entry), 7.5)
    assert kept + time_lost(curve, 1, 7.5) + time_lost(curve, 2, 7.5) == pytest.approx(7.5, abs=1e-12)


@laws
@given(seed=SEEDS)
def test_ties_are_ties_on_every_scale_of_time(seed):
    time, cause, weight, entry, _ = sample(seed)

    # All times on a scale of a seventh fall between whole numbers: the same ties, found by sorting instead of a table.
    plain, scaled = cumulative_incidence(time, cause, weight, entry), cumulative_incidence(time / 7, cause, weight, entry / 7)

    assert plain.time.size == scaled.time.size
    np.testing.assert_allclose(scaled.incidence, plain.incidence, atol=1e-12)
