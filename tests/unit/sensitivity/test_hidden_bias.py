"""The E-value against its definition; R's numbers are in tests/reference."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit

RATIOS = st.floats(0.02, 50.0)


@given(RATIOS)
def test_a_hidden_factor_of_that_strength_explains_exactly_the_ratio(ratio):
    e = e_value(ratio)

    # The largest bias of a factor with both associations e is e^2 / (2e - 1) (Ding and VanderWeele 2016).
    assert e * e / (2 * e - 1) == pytest.approx(max(ratio, 1 / ratio), rel=1e-9)


@given(RATIOS)
def test_a_ratio_and_its_inverse_need_the_same_strength(ratio):
    assert e_value(ratio) == pytest.approx(e_value(1 / ratio), rel=1e-9)


def test_no_effect_needs_nothing_hidden():
    assert e_value(1.0) == 1.0


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan])
def test_what_is_no_ratio_has_no_e_value(ratio):
    assert math.isnan(e_value(ratio))


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.1), (1.0, 2.0), (0.5, 1.0)])
def test_an_interval_that_holds_1_needs_nothing_hidden(low, high):
    assert e_value_of_limit(math.sqrt(low * high), low, high) == 1.0


@pytest.mark.parametrize(("ratio", "low", "high", "nearest"), [(2.0, 1.5, 3.0, 1.5), (0.5, 0.3, 0.8, 0.8)])
def test_otherwise_it_is_that_of_the_limit_nearest_to_1(ratio, low, high, nearest):
    assert e_value_of_limit(ratio, low, high) == e_value(nearest)
