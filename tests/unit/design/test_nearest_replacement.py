"""Matching with replacement: who is taken, how often, and with what weight."""

import numpy as np
import pytest

from yoseval.design.nearest_replacement import match_with_replacement, weights_from_pairs
from yoseval.errors import DesignError

T, C = True, False


def test_several_treated_may_have_the_same_comparison_unit():
    lead, partner = match_with_replacement(np.array([0.9, 0.8, 0.85, 0.1]), np.array([T, T, C, C]))

    assert (lead.tolist(), partner.tolist()) == ([0, 1], [2, 2])


def test_the_nearest_come_first_and_ties_by_row():
    distance = np.array([2.0, 3.0, 1.0, 1.0, 2.5])

    assert match_with_replacement(distance, np.array([T, C, C, C, C]), ratio=4)[1].tolist() == [4, 1, 2, 3]


def test_beyond_the_caliper_there_are_fewer():
    distance = np.array([2.0, 3.0, 1.5])

    assert match_with_replacement(distance, np.array([T, C, C]), ratio=2, caliper=0.5)[1].tolist() == [2]


@pytest.mark.parametrize("treated", [[T, T], [C, C]])
def test_an_empty_arm_gives_no_pairs(treated):
    assert [len(p) for p in match_with_replacement(np.array([0.1, 0.2]), np.array(treated))] == [0, 0]


def test_a_distance_that_is_not_finite_is_an_error():
    with pytest.raises(DesignError, match="not finite"):
        match_with_replacement(np.array([0.1, np.nan]), np.array([T, C]))


def test_weights_count_uses_by_their_shares():
    pairs = (np.array([0, 0, 1]), np.array([2, 3, 3]))

    # Shares 1/2 and 1/2 + 1 add up to 2 treated; two comparison units are used, so they stay.
    assert weights_from_pairs(pairs, np.array([T, T, C, C, C])).tolist() == [1, 1, 0.5, 1.5, 0]


def test_no_pairs_have_no_weight():
    nobody = np.array([], dtype=int)

    assert weights_from_pairs((nobody, nobody), np.array([T, C])).tolist() == [0, 0]
