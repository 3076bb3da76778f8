"""Laws of nearest matching: every leaf equals a search by hand, and no rule about pairs is ever broken."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.design.nearest import nearest_match
from yoseval.design.nearest_lines import number_sets
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_replacement import match_with_replacement, weights_from_pairs
from yoseval.design.nearest_search import search_matches
from yoseval.design.strata import weights_from_strata

LAWS = settings(max_examples=150, deadline=None, derandomize=True)


def draw_array(draw, values, n):
    return np.array(draw(st.lists(st.sampled_from(values), min_size=n, max_size=n)))


@st.composite
def problems(draw, most_units=18):
    """Few distinct values everywhere, so that ties and exhausted pools are the rule."""
    n = draw(st.integers(2, most_units))
    treated = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    points = np.column_stack([draw_array(draw, range(4), n) / 2 for _ in range(draw(st.integers(1, 3)))])
    calipers = np.column_stack([draw_array(draw, range(4), n).astype(float) for _ in range(2)])
    widths = np.array([draw(st.sampled_from([0.0, 1.0, 9.0])), draw(st.sampled_from([9.0, 1.0, -1.0]))])
    antiexact = draw_array(draw, range(3), n)[:, None] if draw(st.booleans()) else np.zeros((n, 0), dtype=int)
    features = Features(points, draw_array(draw, range(2), n), calipers, widths, antiexact)
    lead = np.flatnonzero(treated)
    turns = np.array(draw(st.permutations(lead.tolist())), dtype=int) if draw(st.booleans()) else None
    wanted = np.where(treated, draw_array(draw, [1, 1, 2, 3], n), 0)
    return features, treated, turns, wanted, draw(st.sampled_from([1, 1, 2, None]))


def may_pair(features, i, j):
    apart = np.abs(features.calipers[i] - features.calipers[j])
    held = all(a <= w if w >= 0 else a >= -w for a, w in zip(apart, features.widths, strict=True))
    return features.cells[i] == features.cells[j] and held and (features.antiexact[i] != features.antiexact[j]).all()


def distance(features, i, j):
    return round(float(np.sqrt(((features.points[i] - features.points[j]) ** 2).sum())), 8)


def by_hand(features, treated, turns, wanted, reuse):
    """Look at every comparison unit for every treated unit in every round."""
    left = {int(j): np.inf if reuse is None else reuse for j in np.flatnonzero(~treated)}
    had = {int(i): [] for i in np.flatnonzero(treated)}

    def offers(i):
        return [
            (distance(features, i, j), i if turns is None else 0, j)
            for j in left
            if left[j] > 0 and j not in had[i] and may_pair(features, i, j)
        ]

    def take(offer, i):
        had[i].append(offer[2])
        left[offer[2]] -= 1

    for number in range(max(wanted, default=0)):
        searching = [i for i in had if wanted[i] > number and len(had[i]) == number]
        if turns is not None:
            for i in (i for i in turns.tolist() if i in searching):
                if offers(i):
                    take(min(offers(i)), i)
        while turns is None and (found := [o for i in searching for o in offers(i)]):
            best = min(found)
            take(best, best[1])
            searching.remove(best[1])
    return sorted((i, j) for i, taken in had.items() for j in taken)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(problems())
def test_the_search_equals_looking_at_every_pair(problem):
    features, treated, turns, wanted, reuse = problem

    lead, partner = search_matches(features, treated, turns=turns, most=wanted, reuse=reuse)

    assert sorted(zip(lead.tolist(), partner.tolist(), strict=True)) == by_hand(features, treated, turns, wanted, reuse)


@LAWS
@given(problems(60))
def test_no_pair_breaks_a_caliper_a_cell_or_a_column_that_must_differ(problem):
    features, treated, turns, wanted, reuse = problem

    lead, partner = search_matches(features, treated, turns=turns, most=wanted, reuse=reuse)

    assert treated[lead].all()
    assert not treated[partner].any()
    assert all(may_pair(features, i, j) for i, j in zip(lead, partner, strict=True))


@LAWS
@given(problems(60))
def test_nobody_is_used_more_often_than_allowed_or_twice_for_one(problem):
    features, treated, turns, wanted, reuse = problem

    lead, partner = search_matches(features, treated, turns=turns, most=wanted, reuse=reuse)

    assert len(set(zip(lead.tolist(), partner.tolist(), strict=True))) == len(lead)
    assert (np.bincount(lead, minlength=len(treated)) <= wanted).all()
    assert reuse is None or np.bincount(partner, minlength=1).max() <= reuse


@LAWS
@given(problems(60))
def test_weights_of_pairs_are_those_of_sets(problem):
    features, treated, turns, wanted, _ = problem
    pairs = search_matches(features, treated, turns=turns, most=wanted, reuse=1)
    partner = np.full(len(treated), -1)
    partner[pairs[1]] = pairs[0]

    weight = weights_from_strata(number_sets(partner), treated)

    assert weights_from_pairs(pairs, treated) == pytest.approx(weight, abs=1e-12)


def features_of_score(score, cells, caliper):
    n = len(score)
    widths = np.array([1e9 if caliper is None else caliper])
    return Features(score[:, None], cells, score[:, None], widths, np.zeros((n, 0), dtype=int))


@st.composite
def scores(draw):
    n = draw(st.integers(2, 30))
    score, treated = draw_array(draw, range(12), n) / 4, draw_array(draw, [True, False, False], n)
    wanted = np.where(treated, draw_array(draw, [1, 2, 3], n), 0)
    return score, treated, draw_array(draw, range(3), n), wanted, draw(st.sampled_from([None, 0.0, 0.25, 0.6]))


@LAWS
@given(scores(), st.sampled_from(["largest", "smallest", "given"]), st.integers(0, 99))
def test_matching_on_a_score_equals_the_search_in_any_order(problem, order, seed):
    score, treated, cells, wanted, caliper = problem
    lead = np.flatnonzero(treated)
    sign = -1.0 if order == "largest" else 1.0
    turns = lead[np.argsort(sign * score[lead], kind="stable")]
    if order == "given":
        turns = np.random.default_rng(seed).permutation(lead)

    own = None if order != "given" else turns
    set_id = nearest_match(-sign * score, treated, caliper=caliper, cells=cells, turns=own, most=wanted)

    pairs = search_matches(features_of_score(score, cells, caliper), treated, turns=turns, most=wanted)
    partner = np.full(len(treated), -1)
    partner[pairs[1]] = pairs[0]
    assert set_id.tolist() == number_sets(partner).tolist()


@LAWS
@given(scores())
def test_a_caliper_on_another_scale_of_the_same_order_is_the_sweep_with_that_scale(problem):
    score, treated, cells, wanted, caliper = problem

    twice = None if caliper is None else 2 * caliper
    other = nearest_match(score, treated, caliper=twice, caliper_on=2 * score, cells=cells, most=wanted)

    assert other.tolist() == nearest_match(score, treated, caliper=caliper, cells=cells, most=wanted).tolist()


@LAWS
@given(scores(), st.integers(1, 4))
def test_matching_with_replacement_equals_the_search_without_limit(problem, ratio):
    score, treated, cells, _, caliper = problem

    lead, partner = match_with_replacement(score, treated, ratio=ratio, caliper=caliper, cells=cells)

    wanted = np.where(treated, ratio, 0)
    turns = np.flatnonzero(treated)
    found = search_matches(features_of_score(score, cells, caliper), treated, turns=turns, most=wanted, reuse=None)
    assert (lead.tolist(), partner.tolist()) == (found[0].tolist(), found[1].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_the_search_equals_looking_at_every_pair_among_hundreds_of_continuous_points(seed):
    rng = np.random.default_rng(seed)
    n = 400
    treated = rng.random(n) < 0.45
    points = rng.normal(size=(n, 4))
    features = Features(points, rng.integers(0, 2, n), points[:, :1], np.array([1.5]), np.zeros((n, 0), dtype=int))
    wanted, turns = treated.astype(int), np.flatnonzero(treated)

    lead, partner = search_matches(features, treated, turns=turns, most=wanted)

    assert sorted(zip(lead.tolist(), partner.tolist(), strict=True)) == by_hand(features, treated, turns, wanted, 1)
