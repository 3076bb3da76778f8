"""Which pairs are looked at: within a caliper, and in space."""

import numpy as np
import pytest

from yoseval.design import pairs
from yoseval.design.line import Partners, cheapest_edges
from yoseval.design.pairs import match_in_caliper, match_in_space
from yoseval.errors import DesignError

T, C = True, False


def test_a_pair_exactly_as_wide_as_the_caliper_is_allowed():
    x = np.array([0.1, 0.3])

    # 0.3 - 0.1 is a little less than 0.2 in floating point, and 0.1 + 0.2 a little more than 0.3.
    assert len(match_in_caliper(x, x, np.array([T, C]), ratio=1, caliper=abs(x[0] - x[1])).treated) == 1
    assert len(match_in_caliper(x, x, np.array([T, C]), ratio=1, caliper=0.19).treated) == 0


def test_more_treated_are_matched_rather_than_closer():
    # The pair at 1.0 costs nothing, but leaves 1.5 without anybody.
    x = np.array([1.0, 1.5, 1.0, 0.5])

    found = match_in_caliper(x, x, np.array([T, T, C, C]), ratio=1, caliper=0.5)

    assert sorted(zip(found.treated.tolist(), found.comparison.tolist(), strict=True)) == [(0, 3), (1, 2)]


def test_pairs_beyond_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(pairs, "MOST_SPARSE", 10)
    x = np.arange(20.0)

    with pytest.raises(DesignError, match="at most 10 go"):
        match_in_caliper(x, x, np.arange(20) < 10, ratio=1, caliper=20.0)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("caliper", [None, 0.6])
def test_looking_at_the_nearest_first_finds_what_looking_at_all_finds(seed, caliper, monkeypatch):
    monkeypatch.setattr(pairs, "NEAREST", 2)
    rng = np.random.default_rng(seed)
    place, limit, treated = rng.normal(size=(24, 2)), rng.normal(size=24), np.arange(24) < 9
    options = {"ratio": 1 + seed % 2, "caliper": caliper}

    totals = []
    for most_dense in (0, 10_000):
        found = match_in_space(place, limit, treated, most_dense=most_dense, **options)
        away = np.linalg.norm(place[found.treated] - place[found.comparison], axis=1)
        totals.append((len(np.unique(found.treated)), len(away), round(away.sum(), 6)))

    assert totals[0] == totals[1]


def test_nearest_pairs_beyond_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(pairs, "MOST_SPARSE", 10)

    with pytest.raises(DesignError, match="at most 10 go"):
        match_in_space(np.ones((20, 2)), np.ones(20), np.arange(20) < 5, ratio=1, caliper=None, most_dense=0)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("ratio", [1, 2])
def test_units_beyond_need_change_no_total(seed, ratio):
    rng = np.random.default_rng(seed)
    place, treated = rng.integers(0, 60, 60) / 8, np.arange(60) < 12

    kept = pairs.within_need(place, treated, ratio)

    totals = []
    for rows in (np.arange(60), kept):
        found = cheapest_edges(place[rows], treated[rows], Partners((ratio, ratio), (0, 1)))
        totals.append(np.abs(place[rows][found.treated] - place[rows][found.comparison]).sum())
    assert len(kept) < 60
    assert totals[0] == totals[1]
