"""Covers: everybody joined with somebody, and stars without pairs that nobody needs."""

import numpy as np
import pytest

from yoseval.design import cover
from yoseval.design.cover import cheapest_cover, sets_of_stars
from yoseval.design.line import Edges
from yoseval.errors import DesignError

T, C = True, False


def joined(place, treated, caliper=None):
    place = np.array(place, dtype=float)
    found = cheapest_cover(place, place[:, 0], np.array(treated), caliper=caliper)
    return sorted(set(zip(found.treated.tolist(), found.comparison.tolist(), strict=True)))


def test_a_pair_is_kept_where_both_need_it():
    # 0 and 9 both lie nearest to each other's neighbours; 9 joins 2, for nobody is nearer.
    assert joined([[0.0], [1.0], [2.0], [9.0]], [T, C, C, T]) == [(0, 1), (3, 2)]


def test_a_pair_for_both_replaces_two_pairs_for_one():
    # Nearest for each: 0-1, 1.9 with 1, 3 with 1.9. One pair less covers everybody too.
    assert joined([[0.0], [1.0], [1.9], [3.0]], [T, C, T, C]) == [(0, 1), (2, 3)]


def test_a_caliper_forbids_a_pair_that_would_be_cheaper():
    # 0 and 1.5 cost 1.5 as a pair, and 1.0 + 1.0 apart, with neighbours who have each other already.
    points, arms = [[0.0], [1.5], [-1.0], [2.5], [-1.0], [2.5]], [T, C, C, T, T, C]

    assert joined(points, arms) == [(0, 1), (3, 5), (4, 2)]
    assert joined(points, arms, caliper=1.0) == [(0, 2), (3, 1), (3, 5), (4, 2)]


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    place, treated = rng.normal(size=(40, 2)), np.arange(40) < 15
    whole = cheapest_cover(place, place[:, 0], treated, caliper=None)

    monkeypatch.setattr(cover, "_BLOCK", 60)
    parts = cheapest_cover(place, place[:, 0], treated, caliper=None)

    assert (whole.treated == parts.treated).all()
    assert (whole.comparison == parts.comparison).all()


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(cover, "MOST_COMPARED", 3)

    with pytest.raises(DesignError, match="4 pairs would have to be compared, and at most 3 go"):
        joined([[0.0], [1.0], [2.0], [3.0]], [T, T, C, C])


def test_a_pair_that_nobody_needs_goes():
    # 0 and 1 have others too: their own pair only ties two sets together.
    chain = Edges(np.array([0, 0, 2]), np.array([1, 3, 1]))

    assert sets_of_stars(chain, 5).tolist() == [0, 1, 1, 0, -1]


def test_a_pair_that_comes_twice_counts_once():
    twice = Edges(np.array([0, 0]), np.array([1, 1]))

    assert sets_of_stars(twice, 2).tolist() == [0, 0]
