"""The walk along a line: steps, edges, ties and limits."""

import numpy as np
import pytest

from yoseval.design.line import WIDE, Partners, cheapest_edges, cheapest_steps, whole_units
from yoseval.errors import DesignError

T, C = True, False
PAIRS = Partners(treated=(1, 1), comparison=(0, 1))
FULL = Partners(treated=(1, WIDE), comparison=(1, WIDE))


def edges(distance, treated, partners):
    found = cheapest_edges(np.array(distance), np.array(treated), partners)
    return list(zip(found.treated.tolist(), found.comparison.tolist(), strict=True))


def test_a_step_that_may_be_nothing_is_nothing_where_that_is_shorter():
    assert cheapest_steps(np.array([0, 3, 4]), np.array([1, -1, -1]), np.array([1, 0, 0])) == [1, -1, 0]


def test_steps_without_a_limit_reach_across_a_gap():
    # One treated unit for three comparison units beyond a gap.
    steps = cheapest_steps(np.array([0, 5, 6, 7]), np.array([1, -WIDE, -WIDE, -WIDE]), np.array([WIDE, -1, -1, -1]))

    assert steps == [3, -1, -1, -1]


def test_the_nearest_is_given_up_where_the_total_is_less():
    # 0.5 would have 0.6, and 0.8 then 0.1: 0.8 in total instead of 0.6.
    assert edges([0.5, 0.8, 0.6, 0.1], [T, T, C, C], PAIRS) == [(0, 3), (1, 2)]


def test_everybody_has_somebody_in_a_full_match():
    assert edges([0.0, 1.0, 1.1, 5.0, 5.2], [T, C, C, C, T], FULL) == [(0, 1), (0, 2), (4, 3)]


def test_a_limit_on_partners_holds():
    found = edges([0.0, 0.1, 0.2, 0.3, 9.0], [T, C, C, C, T], Partners((1, 2), (1, 1)))

    assert sorted(t for t, _ in found) == [0, 0, 4]


def test_units_at_one_place_share_partners_evenly():
    found = edges([0.0] * 7, [T, T, C, C, C, C, C], FULL)

    assert sorted(t for t, _ in found) == [0, 0, 0, 1, 1]
    assert sorted(c for _, c in found) == [2, 3, 4, 5, 6]


def test_of_comparison_units_at_one_place_the_first_rows_are_taken():
    assert edges([0.0, 0.0, 0.0, 0.0], [T, C, C, C], PAIRS) == [(0, 1)]


def test_distances_are_told_apart_to_eight_decimals():
    assert whole_units(np.array([0.1, 0.3, -2e-8])).tolist() == [10_000_000, 30_000_000, -2]


@pytest.mark.parametrize("value", [np.nan, np.inf, 2e9])
def test_a_distance_that_cannot_be_told_apart_is_an_error(value):
    with pytest.raises(DesignError, match="8 decimals"):
        whole_units(np.array([0.0, value]))
