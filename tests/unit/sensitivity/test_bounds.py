"""Bounds of an effect under linkage loss: closed forms, and every way the lost could have turned out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yoseval.errors import UsageError
from yoseval.sensitivity.bounds import linkage_bounds

# Sums and products of a handful of proportions: rounding alone.
ROUNDING = 1e-12
counts = st.tuples(st.integers(1, 40), st.integers(0, 40)).flatmap(
    lambda n: st.tuples(st.just(n[0]), st.integers(0, n[0]), st.just(n[1]), st.integers(0, n[1]))
)


def whole_risk(arm):
    """Return the risk of linked and lost together."""
    linked, events, lost, lost_events = arm
    return (events + lost_events) / (linked + lost)


def bounds_of(treated, comparison, **options):
    risks = [events / linked for linked, events, _, _ in (treated, comparison)]
    shares = [linked / (linked + lost) for linked, _, lost, _ in (treated, comparison)]
    return linkage_bounds(*risks, *shares, **options)


@given(treated=counts, comparison=counts)
def test_the_effect_on_everybody_lies_within_the_bounds_however_the_lost_turned_out(treated, comparison):
    low, high = bounds_of(treated, comparison)

    assert low - ROUNDING <= whole_risk(treated) - whole_risk(comparison) <= high + ROUNDING


@given(treated=counts, comparison=counts)
def test_the_bounds_are_reached_when_all_lost_of_one_arm_and_none_of_the_other_reoffend(treated, comparison):
    none = [(n, e, lost, 0) for n, e, lost, _ in (treated, comparison)]
    everybody = [(n, e, lost, lost) for n, e, lost, _ in (treated, comparison)]

    low, high = bounds_of(treated, comparison)

    assert low == pytest.approx(whole_risk(none[0]) - whole_risk(everybody[1]), abs=ROUNDING)
    assert high == pytest.approx(whole_risk(everybody[0]) - whole_risk(none[1]), abs=ROUNDING)


@given(
    risks=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_the_worst_case_is_as_wide_as_the_shares_lost_together(risks, shares):
    low, high = linkage_bounds(*risks, *shares)

    assert high - low == pytest.approx((1 - shares[0]) + (1 - shares[1]), abs=ROUNDING)


@given(
    risks=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
    ratio=st.floats(1, 20),
    more=st.floats(0, 5),
)
def test_a_larger_ratio_never_narrows_the_bounds_and_none_is_wider_than_the_worst_case(risks, shares, ratio, more):
    narrow, wide, worst = (linkage_bounds(*risks, *shares, ratio=r) for r in (ratio, ratio + more, None))

    assert worst[0] - ROUNDING <= wide[0] <= narrow[0] + ROUNDING
    assert narrow[1] - ROUNDING <= wide[1] <= worst[1] + ROUNDING


@given(risks=st.tuples(st.floats(0, 1), st.floats(0, 1)), shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)))
def test_a_ratio_of_one_gives_the_difference_among_the_linked(risks, shares):
    assert linkage_bounds(*risks, *shares, ratio=1.0) == pytest.approx([risks[0] - risks[1]] * 2, abs=ROUNDING)


def test_without_loss_both_bounds_are_the_difference():
    assert linkage_bounds(0.4, 0.5, 1.0, 1.0) == pytest.approx((-0.1, -0.1), abs=ROUNDING)


def test_the_worst_case_by_hand():
    # Treated 0.36 to 0.46, comparison 0.40 to 0.60.
    assert linkage_bounds(0.40, 0.50, 0.9, 0.8) == pytest.approx((0.36 - 0.60, 0.46 - 0.40), abs=ROUNDING)


def test_a_ratio_of_one_and_a_half_by_hand():
    low = (0.36 + 0.1 * 0.4 / 1.5) - (0.40 + 0.2 * 0.75)
    high = (0.36 + 0.1 * 0.6) - (0.40 + 0.2 * 0.5 / 1.5)

    assert linkage_bounds(0.40, 0.50, 0.9, 0.8, ratio=1.5) == pytest.approx((low, high), abs=ROUNDING)


def test_a_risk_times_the_ratio_never_exceeds_one():
    assert linkage_bounds(0.8, 0.0, 0.5, 1.0, ratio=3.0)[1] == pytest.approx(0.4 + 0.5, abs=ROUNDING)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.2, 0.5, 0.9, 0.9, None), "risks are proportions"),
        ((0.4, -0.1, 0.9, 0.9, None), "risks are proportions"),
        ((float("nan"), 0.5, 0.9, 0.9, None), "risks are proportions"),
        ((0.4, 0.5, 0.0, 0.9, None), "shares linked"),
        ((0.4, 0.5, 0.9, 90.0, None), "shares linked"),
        ((0.4, 0.5, 0.9, 0.9, 0.5), "at least 1"),
        ((0.4, 0.5, 0.9, 0.9, float("nan")), "at least 1"),
    ],
)
def test_a_number_outside_its_range_is_refused(arguments, message):
    *numbers, ratio = arguments

    with pytest.raises(UsageError, match=message):
        linkage_bounds(*numbers, ratio=ratio)
