"""Outcomes that others compete with: hand-solved shares, laws, and what they are without competition."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.outcomes.binary import risk_difference
from yoseval.outcomes.competing import cause_specific_ratio, incidence_difference, subdistribution_ratio
from yoseval.outcomes.survival import hazard_ratio

LEAVES = (incidence_difference, cause_specific_ratio, subdistribution_ratio)


def drawn(n=160, seed=6):
    rng = np.random.default_rng(seed)
    treated = np.arange(n) < n // 2
    time = np.ceil(rng.exponential(np.where(treated, 300, 200)))
    cause = rng.choice([0, 1, 1, 2], n)
    return time, cause, treated, rng.uniform(0.5, 2, n)


def test_incidence_by_hand():
    # Treated: 1 of 4 has the outcome, then 1 of 3 a competing event, then 1 of 2 the outcome: 1/4 + 3/4 * 2/3 * 1/2 = 1/2.
    # Comparison: the outcome in 2 of 4, then competing in 1 of 2: 1/2, whatever happens after the horizon.
    time = np.array([1.0, 2.0, 3.0, 9.0, 2.0, 2.0, 4.0, 9.0])
    cause = np.array([1, 2, 1, 0, 1, 1, 2, 1])

    found = incidence_difference(time, cause, np.arange(8) < 4, np.ones(8), 5.0)

    assert (found.treated_value, found.comparison_value, found.value) == pytest.approx((0.5, 0.5, 0.0))
    assert found.influence[:4] == pytest.approx((np.array([1, 0, 1, 0]) - 0.5) / 4)


def test_without_censoring_incidence_is_a_share():
    time, cause, treated, weight = drawn()
    cause = np.where(cause == 0, 2, cause)
    had = (cause == 1) & (time <= 365)

    found = incidence_difference(time, cause, treated, weight, 365.0)

    shares = [np.average(had[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert (found.treated_value, found.comparison_value) == pytest.approx(shares)


def test_without_competition_they_are_the_plain_measures():
    time, cause, treated, weight = drawn()
    cause = np.minimum(cause, 1)

    share = incidence_difference(time, cause, treated, weight, 365.0)
    plain = risk_difference(time, cause == 1, treated, weight, 365.0)
    ratio = cause_specific_ratio(time, cause, treated, weight, 365.0)
    cox = hazard_ratio(time, cause == 1, treated, weight, 365.0)

    assert share.value == pytest.approx(plain.value)
    assert share.influence == pytest.approx(plain.influence, abs=1e-12)
    assert ratio.value == pytest.approx(cox.value)


@pytest.mark.parametrize("leaf", LEAVES)
def test_influence_is_the_derivative_in_the_weights(leaf):
    time, cause, treated, weight = drawn(60)
    found = leaf(time, cause, treated, weight, 250.0)

    for i in (2, 31, 58):
        step = np.zeros(60)
        step[i] = 1e-4 * weight[i]
        up, down = (leaf(time, cause, treated, weight + s * step, 250.0).value for s in (1, -1))
        assert found.influence[i] == pytest.approx((up - down) / 2e-4, abs=1e-6)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("leaf", LEAVES)
def test_swapped_arms_flip_the_sign(leaf):
    time, cause, treated, weight = drawn()

    assert leaf(time, cause, ~treated, weight, 300.0).value == pytest.approx(-leaf(time, cause, treated, weight, 300.0).value)


@pytest.mark.parametrize("leaf", LEAVES)
def test_what_comes_after_the_horizon_changes_nothing(leaf):
    time, cause, treated, weight = drawn()
    later = np.where(time > 300, time + 1000, time)
    other = np.where(time > 300, 2, cause)

    before, after = leaf(time, cause, treated, weight, 300.0), leaf(later, other, treated, weight, 300.0)

    assert after.value == pytest.approx(before.value, abs=1e-10)


def test_competing_events_lower_the_incidence_and_not_the_hazard():
    time, cause, treated, weight = drawn(400)

    share = incidence_difference(time, cause, treated, weight, 365.0)
    free = risk_difference(time, cause == 1, treated, weight, 365.0)

    assert share.treated_value < free.treated_value


def test_a_ratio_without_events_in_an_arm_is_refused():
    time, cause, treated, weight = drawn()

    with pytest.raises(EstimationError, match="the treated arm has none"):
        subdistribution_ratio(time, np.where(treated, np.minimum(cause, 0), cause), treated, weight, 365.0)
