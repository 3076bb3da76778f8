"""Pairs on a line within a caliper: as good as the solver's among all pairs, and ties by the first row."""

import numpy as np
import pytest

from yoseval.design.line import whole_units
from yoseval.design.line_caliper import pair_within_caliper
from yoseval.design.optimal import optimal_match
from yoseval.design.pairs import match_in_caliper

T, C = True, False


def worth(edges, place):
    """How many pairs, and their total distance in whole multiples of 1e-8."""
    units = whole_units(place)
    return len(edges.treated), int(np.abs(units[edges.treated] - units[edges.comparison]).sum())


@pytest.mark.parametrize("seed", range(400))
def test_no_matching_by_the_solver_is_better(seed):
    rng = np.random.default_rng(seed)
    treated = np.append([T, C], rng.random(rng.integers(0, 25)) < rng.uniform(0.2, 0.8))
    place = np.round(rng.normal(size=len(treated)), seed % 4)
    limit, caliper = (place, round(rng.random(), 2)) if seed % 2 else (1 / (1 + np.exp(-place)), 0.2 * rng.random())

    found = pair_within_caliper(place, limit, treated, caliper)

    assert worth(found, place) == worth(match_in_caliper(place, limit, treated, ratio=1, caliper=caliper), place)
    assert (np.abs(limit[found.treated] - limit[found.comparison]) <= caliper).all()
    assert treated[found.treated].all()
    assert not treated[found.comparison].any()
    assert len(set(found.treated) | set(found.comparison)) == 2 * len(found.treated)


def test_a_caliper_that_leaves_many_unmatched_needs_no_table_of_pairs():
    rng = np.random.default_rng(1)
    treated = np.arange(4_500) < 2_500
    place = np.round(rng.normal(size=4_500) + treated, 8)

    found = pair_within_caliper(place, place, treated, 0.2)

    assert worth(found, place) == worth(match_in_caliper(place, place, treated, ratio=1, caliper=0.2), place)


def test_a_pair_exactly_as_wide_as_the_caliper_as_rounded_is_allowed():
    x = np.array([0.1, 0.3])

    assert len(pair_within_caliper(x, x, np.array([T, C]), abs(x[0] - x[1])).treated) == 1
    assert len(pair_within_caliper(x, x, np.array([T, C]), 0.19).treated) == 0


@pytest.mark.parametrize("treated", [[T, T], [C, C], [T], [C]])
def test_an_empty_arm_gives_no_pairs(treated):
    x = np.zeros(len(treated))

    assert len(pair_within_caliper(x, x, np.array(treated), 1.0).treated) == 0


@pytest.mark.parametrize("at", [0.4, 0.6])
def test_of_units_alike_the_first_rows_are_matched(at):
    place = np.array([0.5, 0.5, 0.5, at, at])

    assert pair_within_caliper(place, place, np.array([C, C, C, T, T]), 0.2).comparison.tolist() == [0, 1]
    assert pair_within_caliper(place, place, np.array([T, T, T, C, C]), 0.2).treated.tolist() == [0, 1]


def test_the_order_of_the_rows_does_not_choose_among_places():
    rng = np.random.default_rng(7)
    treated = rng.random(60) < 0.5
    place = np.round(rng.normal(size=60), 1)
    shuffled = rng.permutation(60)

    found, again = (pair_within_caliper(place[rows], place[rows], treated[rows], 0.1) for rows in (np.arange(60), shuffled))

    assert place[found.treated].tolist() == place[shuffled][again.treated].tolist()
    assert place[found.comparison].tolist() == place[shuffled][again.comparison].tolist()


def test_totals_beyond_sixty_four_bits_are_exact():
    place = np.array([-9e8, -9e8, -9e8, 9e8, 9e8, 9e8] * 40)

    found = pair_within_caliper(place, place, place < 0, 2e9)

    assert len(found.treated) == 120


def test_optimal_matching_takes_this_path_for_pairs():
    rng = np.random.default_rng(3)
    treated = np.arange(400) < 200
    place = np.round(rng.normal(size=400) + treated, 8)

    set_id = optimal_match(place, treated, caliper=0.05)

    assert (set_id[treated] >= 0).sum() == len(pair_within_caliper(place, place, treated, 0.05).treated)
