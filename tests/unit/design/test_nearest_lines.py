"""Lines: sorted by cell, distance and place."""

import numpy as np

from yoseval.design.nearest_lines import line_up, number_sets, places_among

DISTANCE = np.array([0.5, 0.1, 0.5, 0.2, 0.5])
CELL = np.array([0, 1, 0, 0, 1])


def line(units=(0, 1, 2, 3, 4)):
    return line_up(np.array(units, dtype=int), DISTANCE, DISTANCE, CELL)


def test_units_stand_by_cell_then_distance_then_place():
    assert line().units.tolist() == [3, 0, 2, 1, 4]
    assert line().cell.tolist() == [0, 0, 0, 1, 1]


def test_many_cells_are_sorted_like_few():
    found = line_up(np.arange(5), DISTANCE, DISTANCE, CELL * 70_000)

    assert found.units.tolist() == line().units.tolist()


def test_equal_distances_of_a_cell_are_a_group():
    assert line().group_starts().tolist() == [0, 1, 1, 3, 4]
    assert line((1, 3, 4)).group_starts() is None


def test_a_mask_keeps_the_order_and_what_the_caliper_is_on():
    kept = line().keep(np.array([True, False, True, True, False]))

    assert kept.units.tolist() == [3, 2, 1]
    assert kept.limit is kept.distance


def test_places_count_the_groups_before_within_the_cell():
    place, low, high = places_among(line(), np.array([0.3, 0.5, 0.05]), np.array([0, 0, 1]))

    assert place.tolist() == [0, 1, 1, 3, 3]
    assert (low.tolist(), high.tolist()) == ([0, 0, 0, 2, 2], [2, 2, 2, 3, 3])


def test_a_line_of_nobody_has_no_places():
    place, _, _ = places_among(line(()), np.array([0.3]), np.array([0]))

    assert place.tolist() == []


def test_sets_are_numbered_by_their_treated_unit():
    assert number_sets(np.array([-1, -1, 1, 0, -1, 1])).tolist() == [0, 1, 1, 0, -1, 1]
