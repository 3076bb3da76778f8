"""Matching in given turns."""

import numpy as np

from yoseval.design.nearest import nearest_match

T, C = True, False


def test_whoever_has_the_first_turn_chooses_first():
    distance, treated = np.array([0.5, 0.6, 0.55, 0.1]), np.array([T, T, C, C])

    assert nearest_match(distance, treated, turns=np.array([0, 1])).tolist() == [0, 1, 0, 1]
    assert nearest_match(distance, treated, turns=np.array([1, 0])).tolist() == [0, 1, 1, 0]


def test_each_treated_unit_has_its_own_number_of_comparison_units():
    distance, treated = np.array([0.5, 0.6, 0.5, 0.6, 0.55, 0.1]), np.array([T, T, C, C, C, C])
    most = np.array([1, 2, 0, 0, 0, 0])

    for turns in (None, np.array([1, 0])):
        assert nearest_match(distance, treated, turns=turns, most=most).tolist() == [0, 1, 0, 1, 1, -1]


def test_nobody_seeking_matches_nobody():
    assert nearest_match(np.array([0.5, 0.6]), np.array([C, C]), turns=np.array([], dtype=int)).tolist() == [-1, -1]
