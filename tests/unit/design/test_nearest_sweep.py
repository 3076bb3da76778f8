"""The sweep: ties, cells and the reach of a caliper; its laws are in tests/properties."""

import numpy as np

from yoseval.design.nearest_lines import Line, line_up
from yoseval.design.nearest_sweep import sweep_down


def swept(treated, comparison, widest=np.inf, cells=None):
    values = np.array([*treated, *comparison], dtype=float)
    cell = np.zeros(len(values), dtype=int) if cells is None else np.array(cells)
    free = line_up(np.arange(len(treated), len(values)), values, values, cell)
    falling = line_up(np.arange(len(treated)), -values, -values, cell)
    seekers = Line(falling.units, values[falling.units], values[falling.units], falling.cell)
    chosen = sweep_down(seekers, free, widest)
    return {int(t): int(free.units[c]) - len(treated) if c >= 0 else None for t, c in zip(seekers.units, chosen, strict=True)}


def test_the_highest_chooses_first_and_the_next_takes_what_is_left():
    assert swept([5, 6], [5.5, 1]) == {1: 0, 0: 1}


def test_a_unit_passed_over_above_is_still_there_for_those_below():
    assert swept([9, 4], [8.9, 7]) == {0: 0, 1: 1}


def test_of_tied_comparison_units_the_first_is_taken_first_from_above_and_from_below():
    assert swept([3, 3], [2, 2, 2]) == {0: 0, 1: 1}
    assert swept([2, 2], [3, 3, 3]) == {0: 0, 1: 1}


def test_a_group_begun_from_below_is_gone_on_with_from_above():
    assert swept([3, 1], [2, 2, 2]) == {0: 0, 1: 1}


def test_equally_far_above_and_below_the_first_row_wins():
    assert swept([2], [1, 3]) == {0: 0}
    assert swept([2], [3, 1]) == {0: 0}


def test_nobody_is_taken_beyond_the_reach():
    assert swept([2, 9], [3.5], widest=1.4) == {1: None, 0: None}


def test_an_endless_reach_in_an_empty_cell_takes_nobody():
    assert swept([2, 2], [2], cells=[0, 1, 0]) == {0: 0, 1: None}
