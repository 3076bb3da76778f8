"""Flows: limits on partners, units left out, and a missing library."""

import sys

import numpy as np
import pytest

from yoseval.design import flow
from yoseval.design.flow import cheapest_limited_edges, cheapest_limited_line
from yoseval.design.line import WIDE, Partners, cheapest_edges
from yoseval.errors import DesignError, EnvironmentFault

T, C = True, False


def every_pair(distance, treated):
    rows, columns = np.flatnonzero(treated), np.flatnonzero(~treated)
    first, second = np.repeat(rows, len(columns)), np.tile(columns, len(rows))
    return first, second, np.rint(np.abs(distance[first] - distance[second]) * 1e8).astype(np.int64)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("partners", [Partners((1, 3), (1, 2)), Partners((1, WIDE), (1, WIDE)), Partners((2, 4), (1, 1))])
def test_three_routes_to_one_total(seed, partners):
    rng = np.random.default_rng(seed)
    distance, treated = rng.integers(0, 30, 15) / 8, np.arange(15) < 5

    routes = (
        cheapest_limited_edges(*every_pair(distance, treated), treated, partners, (5, 10)),
        cheapest_limited_line(distance, treated, partners, (5, 10)),
        cheapest_edges(distance, treated, partners),
    )

    totals = [np.abs(distance[r.treated] - distance[r.comparison]).sum() for r in routes]
    assert totals[0] == totals[1] == totals[2]


@pytest.mark.parametrize("seed", range(20))
def test_leaving_out_costs_the_same_on_the_line_and_between_pairs(seed):
    rng = np.random.default_rng(seed)
    distance, treated = rng.integers(0, 30, 15) / 8, np.arange(15) < 5
    partners, used = Partners((1, 3), (1, 2)), (5, 7)

    line = cheapest_limited_line(distance, treated, partners, used)
    pairs = cheapest_limited_edges(*every_pair(distance, treated), treated, partners, used)

    assert np.abs(distance[line.treated] - distance[line.comparison]).sum() == pytest.approx(
        np.abs(distance[pairs.treated] - distance[pairs.comparison]).sum(), abs=1e-12
    )
    assert len(np.unique(line.comparison)) >= 7


def test_limits_that_nobody_can_meet_on_the_line_are_an_error():
    with pytest.raises(DesignError, match="The limits cannot all be met"):
        cheapest_limited_line(np.array([0.0, 1.0, 2.0]), np.array([T, C, C]), Partners((1, 1), (1, 1)), (1, 2))


def test_costs_that_cannot_be_added_up_are_an_error():
    cost = np.array([2**60, 2**60])

    with pytest.raises(DesignError, match="too large to be added up"):
        cheapest_limited_edges(np.array([0, 0]), np.array([1, 2]), cost, np.array([T, C, C]), Partners((1, 2), (1, 1)), (1, 2))


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(flow, "MOST_FLOW", 1)
    distance, treated = np.array([0.0, 1.0, 2.0]), np.array([T, C, C])

    with pytest.raises(DesignError, match="at most 1 go"):
        cheapest_limited_edges(*every_pair(distance, treated), treated, Partners((1, 2), (1, 1)), (1, 2))


def test_without_ortools_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.graph.python.min_cost_flow", None)

    with pytest.raises(EnvironmentFault, match=r"pip install 'yoseval\[match\]'"):
        cheapest_limited_line(np.array([0.0, 1.0]), np.array([T, C]), Partners((1, 1), (1, 1)), (1, 1))


def test_where_pairs_are_short_as_few_as_can_be_are_left_out():
    # Two comparison units have the same treated unit only, who may take one.
    edges = cheapest_limited_edges(
        np.array([0, 0, 1, 1]),
        np.array([2, 3, 4, 3]),
        np.array([5, 7, 9, 1]),
        np.array([T, T, C, C, C]),
        Partners((1, 1), (1, 1)),
        (2, 2),
    )

    assert sorted(zip(edges.treated.tolist(), edges.comparison.tolist(), strict=True)) == [(0, 2), (1, 3)]


def test_nobody_is_let_off_a_least_number_above_one():
    with pytest.raises(DesignError, match="The limits cannot all be met"):
        cheapest_limited_edges(
            np.array([0, 1]), np.array([2, 3]), np.array([1, 1]), np.array([T, T, C, C]), Partners((2, 2), (1, 1)), (2, 2)
        )
