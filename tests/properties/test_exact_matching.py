"""Laws of exact matching: no other choice is closer, held against brute force and whole-number programmes."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from yoseval.design.builders_optimal import read_limits
from yoseval.design.full import full_match
from yoseval.design.nearest import nearest_match
from yoseval.design.optimal import optimal_match
from yoseval.design.strata import weights_from_strata

MANY = settings(max_examples=300, deadline=None, derandomize=True)
LIMITS = (
    (None, None, None),
    (1 / 5, 5, None),
    (1 / 2, 2, None),
    (1 / 3, None, 0.2),
    (1, 3, 0.5),
    (None, 2, None),
    (2, 2, None),
)


@st.composite
def problems(draw, most=9):
    """Few distinct places, so that ties are the rule; on a line or in a plane, with and without a caliper and cells."""
    n = draw(st.integers(2, most))
    places = np.array(draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=n, max_size=n))) / 4
    treated = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    cells = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    place = places[:, 0] if draw(st.booleans()) else places
    options = {"caliper": draw(st.sampled_from([None, 0.0, 0.25, 0.5, 1.0])), "caliper_on": places[:, 0]}
    return place, treated, {**options, "cells": draw(st.sampled_from([None, cells]))}


def allowed_distances(place, treated, caliper, caliper_on, cells):
    """Distances of all pairs, infinite where a pair is not allowed."""
    flat = place if place.ndim > 1 else place[:, None]
    away = np.linalg.norm(flat[treated][:, None] - flat[~treated][None], axis=2)
    ok = np.ones(away.shape, dtype=bool)
    if caliper is not None:
        ok &= np.abs(caliper_on[treated][:, None] - caliper_on[~treated]) <= caliper
    if cells is not None:
        ok &= cells[treated][:, None] == cells[~treated]
    return np.where(ok, away, np.inf)


def pairs_by_brute_force(away, ratio):
    """Try every way to give each treated unit in turn any set of up to ``ratio`` free comparison units."""
    n_rows, n_columns = away.shape

    @cache
    def best(row, taken):
        if row == n_rows:
            return (0, 0, 0.0)
        options = [best(row + 1, taken)]
        free = [j for j in range(n_columns) if not taken >> j & 1 and np.isfinite(away[row, j])]
        for subset in range(1, 2 ** len(free)):
            chosen = [j for k, j in enumerate(free) if subset >> k & 1]
            if len(chosen) <= ratio:
                treated, pairs, cost = best(row + 1, taken | sum(1 << j for j in chosen))
                options.append((treated - 1, pairs - len(chosen), cost + sum(away[row, j] for j in chosen)))
        return min((t, p, round(c, 9)) for t, p, c in options)

    treated, pairs, cost = best(0, 0)
    return -treated, -pairs, cost


def reached(place, treated, set_id):
    """Treated matched, pairs, and the total distance of treated and comparison units of one set."""
    away = allowed_distances(place, treated, None, None, None)
    same = (set_id[treated][:, None] == set_id[~treated]) & (set_id[treated] >= 0)[:, None]
    return int(same.any(axis=1).sum()), int(same.sum()), away[same].sum()


@MANY
@given(problems(), st.integers(1, 2))
def test_optimal_pairs_are_those_of_brute_force(problem, ratio):
    place, treated, options = problem

    set_id = optimal_match(place, treated, ratio=ratio, **options)

    wanted = pairs_by_brute_force(allowed_distances(place, treated, **options), ratio)
    found = reached(place, treated, set_id)
    assert found[:2] == wanted[:2]
    assert found[2] == pytest.approx(wanted[2], abs=1e-6)


@MANY
@given(problems(40), st.integers(1, 3))
def test_optimal_matches_no_fewer_than_greedy_and_as_many_no_farther(problem, ratio):
    _place, treated, options = problem
    line = options["caliper_on"]

    best = reached(line, treated, optimal_match(line, treated, ratio=ratio, **options))
    greedy = reached(line, treated, nearest_match(line, treated, ratio=ratio, **options))

    assert (best[0], best[1]) >= (greedy[0], greedy[1])
    assert best[:2] != greedy[:2] or best[2] <= greedy[2] + 1e-9


@MANY
@given(problems(40), st.integers(1, 3))
def test_every_pair_is_allowed_and_every_set_has_one_treated(problem, ratio):
    place, treated, options = problem

    set_id = optimal_match(place, treated, ratio=ratio, **options)

    away = allowed_distances(place, treated, **options)
    same = (set_id[treated][:, None] == set_id[~treated]) & (set_id[treated] >= 0)[:, None]
    assert np.isfinite(away[same]).all()
    assert same.sum(axis=1).max(initial=0) <= ratio
    assert same.sum() == (set_id[~treated] >= 0).sum()


def cover_by_programme(away, limits, used):
    """The cheapest sets within limits by a whole-number programme; None where there are none."""
    (row, column), (n_rows, n_columns) = np.nonzero(np.isfinite(away)), away.shape
    n_pairs = len(row)
    blocks, low, high = [], [], []
    for u in range(n_rows + n_columns):
        mine = (row == u) | (column + n_rows == u)
        least, most = limits.partners.treated if u < n_rows else limits.partners.comparison
        for bound, sense in ((least, 1), (min(most, n_pairs), -1)):
            line = np.zeros(n_pairs + n_rows + n_columns)
            line[:n_pairs], line[n_pairs + u] = sense * mine, -sense * bound
            blocks.append(line)
            low.append(0.0)
            high.append(np.inf)
    for arm, fewest in ((range(n_rows), used[0]), (range(n_rows, n_rows + n_columns), used[1])):
        line = np.zeros(n_pairs + n_rows + n_columns)
        line[n_pairs + np.array(arm)] = 1.0
        blocks.append(line)
        low.append(fewest)
        high.append(np.inf)
    cost = np.concatenate([away[row, column], np.zeros(n_rows + n_columns)])
    limit = LinearConstraint(np.array(blocks), low, high)
    found = milp(cost, constraints=limit, bounds=Bounds(0, 1), integrality=np.ones(len(cost)))
    return found.fun if found.status == 0 else None


@MANY
@given(problems(12), st.sampled_from(LIMITS))
def test_full_matching_is_the_cheapest_cover_by_stars(problem, given_limits):
    place, treated, options = problem
    options = {**options, "caliper": None, "cells": None}
    limits = read_limits(*given_limits)
    sizes = int(treated.sum()), int((~treated).sum())
    wanted = sizes[0], sizes[1] - int(limits.omit_fraction * sizes[1] + 1e-9)
    best = cover_by_programme(allowed_distances(place, treated, **options), limits, wanted) if min(sizes) else None
    if best is None:  # not everybody can be in a set: another law
        return

    set_id = full_match(place, treated, limits=limits, **options)

    assert reached(place, treated, set_id)[2] == pytest.approx(best, abs=1e-6)
    require_stars(set_id, treated, limits)
    assert (set_id[treated] >= 0).all()
    assert (set_id[~treated] >= 0).sum() >= wanted[1]


@MANY
@given(problems(12))
def test_full_matching_within_a_caliper_joins_whoever_can_be(problem):
    place, treated, options = problem
    away = allowed_distances(place, treated, **options)
    rows, columns = np.isfinite(away).any(axis=1), np.isfinite(away).any(axis=0)

    set_id = full_match(place, treated, **options)

    assert ((set_id[treated] >= 0) == rows).all()
    assert ((set_id[~treated] >= 0) == columns).all()
    require_stars(set_id, treated, read_limits(None, None, None))
    if rows.any():
        inner = away[np.ix_(rows, columns)]
        best = cover_by_programme(inner, read_limits(None, None, None), inner.shape)
        assert reached(place, treated, set_id)[2] == pytest.approx(best, abs=1e-6)


def require_stars(set_id, treated, limits):
    for number in range(set_id.max() + 1):
        arms = [int(((set_id == number) & arm).sum()) for arm in (treated, ~treated)]
        assert min(arms) == 1
        assert arms[1] <= limits.partners.treated[1]
        assert arms[0] <= limits.partners.comparison[1]
        assert arms[0] > 1 or arms[1] >= limits.partners.treated[0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems(40), st.sampled_from(["ATT", "ATE", "ATC"]))
def test_weights_give_both_arms_of_a_set_the_same_share(problem, estimand):
    place, treated, options = problem
    set_id = full_match(place, treated, **options)

    weight = weights_from_strata(set_id, treated, estimand)

    shares = []
    for arm in (treated, ~treated):
        inside = arm & (set_id >= 0)
        total = np.bincount(set_id[inside], weights=weight[inside], minlength=set_id.max() + 1)
        assert weight[arm].sum() == pytest.approx(inside.sum(), abs=1e-9)
        shares.append(total / max(total.sum(), 1e-300))
    assert shares[0] == pytest.approx(shares[1], abs=1e-12)
    target = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(treated), dtype=bool)}[estimand] & (set_id >= 0)
    if target.any():
        assert shares[0] == pytest.approx(np.bincount(set_id[target], minlength=set_id.max() + 1) / target.sum(), abs=1e-12)
