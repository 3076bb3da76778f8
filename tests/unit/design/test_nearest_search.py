"""The search over any distance: what the first look cannot see, and the closest pair first."""

import numpy as np

from yoseval.design import nearest_search
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_search import search_matches

T, C = True, False


def features(points):
    x = np.array(points, dtype=float).reshape(len(points), -1)
    nothing = np.zeros((len(x), 0))
    return Features(x, np.zeros(len(x), dtype=int), nothing, np.zeros(0), nothing.astype(int))


def test_the_closest_pair_is_formed_first():
    treated = np.array([T, T, C, C])

    lead, partner = search_matches(features([0.0, 0.5, 0.6, 5.0]), treated, turns=None, most=treated.astype(int))

    assert (lead.tolist(), partner.tolist()) == ([0, 1], [3, 2])


def test_those_whose_candidates_are_all_taken_look_further(monkeypatch):
    monkeypatch.setattr(nearest_search, "FIRST_LOOK", 1)
    rng = np.random.default_rng(0)
    treated = np.arange(60) < 30
    points = np.where(treated, 0.0, np.round(rng.random(60), 3))

    lead, partner = search_matches(features(points), treated, turns=np.arange(30), most=treated.astype(int))

    assert partner.tolist() == (30 + np.argsort(points[30:], kind="stable")).tolist()
    assert lead.tolist() == list(range(30))


def test_a_tree_that_has_gone_stale_is_built_again(monkeypatch):
    monkeypatch.setattr(nearest_search, "BATCH", 5)
    treated = np.arange(40) < 20
    points = np.where(treated, 0.0, np.arange(40))

    _, partner = search_matches(features(points), treated, turns=np.arange(20), most=treated.astype(int))

    assert partner.tolist() == list(range(20, 40))


def test_a_comparison_unit_leaves_once_it_was_used_often_enough():
    treated = np.array([T, T, T, C, C])

    _, partner = search_matches(
        features([0.0, 0.0, 0.0, 0.1, 9.0]), treated, turns=np.array([2, 0, 1]), most=treated.astype(int), reuse=2
    )

    assert partner.tolist() == [3, 4, 3]


def test_an_empty_arm_gives_no_pairs():
    for treated in (np.array([T, T]), np.array([C, C])):
        assert len(search_matches(features([0, 1]), treated, turns=None, most=treated.astype(int))[0]) == 0
