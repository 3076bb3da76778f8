"""Spreads that rounding cannot make."""

import numpy as np
import pytest

from yoseval.design.spreads import beyond_rounding, largest_values, real_difference, standard_deviations, standardise


@pytest.mark.parametrize("p", [0.0, 1.0, 1.0 - 1e-16, 1e-15])
def test_the_spread_of_a_flag_that_all_have_or_nobody_has_is_exactly_zero(p):
    assert beyond_rounding(np.array([p * (1 - p)]), np.ones(1), np.array([True]))[0] == 0.0


def test_one_of_ten_million_with_a_flag_is_a_spread():
    p = 1e-7

    assert beyond_rounding(np.array([p * (1 - p)]), np.ones(1), np.array([True]))[0] == p * (1 - p)


@pytest.mark.parametrize("value", [0.1, -0.1, 1e9 / 3])
def test_a_constant_number_has_no_standard_deviation(value):
    values = np.full((7, 1), value)

    assert standard_deviations(values)[0] == 0.0


def test_standard_deviations_do_not_depend_on_the_unit():
    values = np.array([[1.0], [2.0], [4.0]])

    assert standard_deviations(values * 1e-9)[0] == pytest.approx(1e-9 * values.std(), rel=1e-12)


def test_the_largest_value_is_absolute_and_one_for_flags():
    values = np.array([[-3.0, 0.0], [2.0, 0.0]])

    assert largest_values(values, np.array([False, True])).tolist() == [3.0, 1.0]


def test_differences_are_divided_or_nothing_or_not_a_number():
    apart = real_difference(np.array([1e-17, 1e-17, 0.5, 0.5]), np.ones(4))

    found = standardise(apart, np.array([0.0, 0.2, 0.25, 0.0]))

    assert found[:3].tolist() == [0.0, 0.0, 2.0]
    assert np.isnan(found[3])


def test_a_difference_that_is_not_known_stays_so():
    assert np.isnan(standardise(real_difference(np.array([np.nan, np.nan]), np.ones(2)), np.array([0.0, 1.0]))).all()
