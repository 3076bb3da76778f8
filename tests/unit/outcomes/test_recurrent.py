"""Ratios of recurrent events: laws, closed forms, and simulations with a known rate ratio."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.recurrent import ag, lwyy, pwp_gap, pwp_total
from yoseval.outcomes.survival import hazard_ratio
from yoseval.outcomes.types import Recurrences

LEAVES = (lwyy, ag, pwp_total, pwp_gap)


def drawn(n=200, ratio=0.6, seed=2):
    """Return counts of n units with a rate of their own each, arms and weights."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) < n // 2
    followed = np.ceil(rng.uniform(100, 400, n))
    rate = rng.gamma(2.0, 0.5, n) * np.where(treated, ratio, 1.0) * 2.0 / 365
    number = rng.poisson(rate * followed)
    unit = np.repeat(np.arange(n), number)
    time = np.ceil(rng.random(unit.size) * followed[unit])
    return Counts(number.astype(float), followed, Recurrences(unit, time)), treated, rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("leaf", LEAVES)
def test_influence_is_the_derivative_in_the_weights(leaf):
    counts, treated, weight = drawn(60)
    found = leaf(counts, treated, weight, 365.0)

    for i in (0, 17, 45):
        step = np.zeros(60)
        step[i] = 1e-4 * weight[i]
        slope = (leaf(counts, treated, weight + step, 365.0).value - leaf(counts, treated, weight - step, 365.0).value) / 2e-4
        assert found.influence[i] == pytest.approx(slope, abs=1e-6)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("leaf", LEAVES)
def test_swapped_arms_flip_the_sign_and_the_scale_of_weights_is_nothing(leaf):
    counts, treated, weight = drawn(80)
    found = leaf(counts, treated, weight, 365.0)

    assert leaf(counts, ~treated, weight, 365.0).value == pytest.approx(-found.value, abs=1e-9)
    assert leaf(counts, treated, 7 * weight, 365.0).value == pytest.approx(found.value, abs=1e-9)


def test_the_rate_ratio_is_found_whatever_the_dependence():
    values = [lwyy(*drawn(300, 0.6, seed)[:2], np.ones(300), 365.0) for seed in range(40)]

    gaps = np.array([v.value for v in values]) - np.log(0.6)
    errors = np.array([np.sqrt((v.influence**2).sum()) for v in values])
    assert abs(gaps.mean()) < 3 * gaps.std() / np.sqrt(40)
    assert (np.abs(gaps) < 1.96 * errors).mean() > 0.85
    assert errors.mean() == pytest.approx(gaps.std(), rel=0.35)


@pytest.mark.parametrize("leaf", LEAVES)
def test_where_nobody_has_a_second_event_it_is_the_hazard_ratio(leaf):
    rng = np.random.default_rng(4)
    time = np.ceil(rng.exponential(300, 120))
    treated, weight, event = np.arange(120) < 60, rng.uniform(0.5, 2, 120), time <= 365
    ends = np.minimum(time, 365.0)
    counts = Counts(event.astype(float), ends, Recurrences(np.flatnonzero(event), ends[event]))

    found, cox = leaf(counts, treated, weight, 365.0), hazard_ratio(ends, event, treated, weight, 365.0)

    assert found.value == pytest.approx(cox.value, abs=1e-9)
    assert found.influence == pytest.approx(cox.influence, abs=1e-8)


def test_an_arm_without_events_is_refused():
    counts = Counts(np.array([1.0, 0.0]), np.full(2, 9.0), Recurrences(np.array([0]), np.array([3.0])))

    with pytest.raises(EstimationError, match="the comparison arm has none"):
        lwyy(counts, np.array([True, False]), np.ones(2), 9.0)


def test_counts_without_times_are_refused():
    with pytest.raises(EstimationError, match="needs the time of each event"):
        lwyy(Counts(np.ones(2), np.full(2, 9.0)), np.array([True, False]), np.ones(2), 9.0)
