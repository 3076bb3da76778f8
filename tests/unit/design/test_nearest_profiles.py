"""Profiles and the tree over them."""

import numpy as np

from yoseval.design.nearest_profiles import Features, build_index, group_profiles, look, scan

NOTHING = np.zeros((5, 0), dtype=int)


def features(points, cells=(0, 0, 0, 0, 0), antiexact=NOTHING):
    return Features(np.array(points, dtype=float)[:, None], np.array(cells), NOTHING.astype(float), np.zeros(0), antiexact)


def test_units_that_are_alike_are_one_profile_in_rising_order():
    found = group_profiles(features([2, 1, 2, 1, 2]), np.arange(5))

    assert found.units.tolist() == [1, 3, 0, 2, 4]
    assert (found.first.tolist(), found.end.tolist()) == ([0, 2], [2, 5])


def test_cells_and_columns_that_must_differ_tell_profiles_apart():
    assert len(group_profiles(features([1, 1, 1, 1, 1], cells=(0, 1, 0, 1, 0)), np.arange(5)).first) == 2
    codes = np.array([[0], [1], [2], [2], [2]])
    assert len(group_profiles(features([1, 1, 1, 1, 1], antiexact=codes), np.arange(5)).first) == 3


def test_a_look_lists_the_nearest_and_how_far_it_is_complete():
    f = features([0, 1, 2, 4, 8])
    seekers, profiles = group_profiles(f, np.array([0])), group_profiles(f, np.arange(1, 5))

    found = look(build_index(profiles, np.arange(4), seekers), profiles, seekers, np.array([0]), 2)

    assert (found.distance.tolist(), found.profile.tolist(), found.horizon.tolist()) == ([[1, 2]], [[0, 1]], [2])


def test_a_look_beyond_the_cell_is_complete():
    f = features([0, 1, 2, 4, 8], cells=(0, 1, 0, 1, 1))
    seekers, profiles = group_profiles(f, np.array([0])), group_profiles(f, np.arange(1, 5))

    found = look(build_index(profiles, np.arange(4), seekers), profiles, seekers, np.array([0]), 3)

    own = int(np.flatnonzero(profiles.units == 2)[0])
    assert found.profile.tolist() == [[own, -1, -1]]
    assert found.horizon.tolist() == [np.inf]


def test_a_scan_lists_all_that_are_allowed():
    f = features([0, 1, 2, 4, 8], antiexact=np.array([[7], [7], [3], [3], [1]]))
    seekers, profiles = group_profiles(f, np.array([0])), group_profiles(f, np.arange(1, 5))

    found = scan(profiles, seekers, 0, np.arange(4))

    assert profiles.units[found.profile[0]].tolist() == [2, 3, 4]
    assert found.distance.tolist() == [[2, 4, 8]]
