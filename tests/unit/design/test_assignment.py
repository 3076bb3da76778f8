"""Rows and columns: the cheapest assignment, with spare columns."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from yoseval.design.assignment import Candidates, assign_dense, assign_sparse, require_room
from yoseval.errors import DesignError


def test_a_row_that_costs_more_than_it_saves_gets_its_spare():
    one_column = Candidates(1, np.array([0, 1, 2]), np.array([0, 0]), np.array([3.0, 2.0]), np.array([9.0, 9.0]))

    assert assign_sparse(one_column).tolist() == [-1, 0]


def test_a_cost_of_zero_is_a_pair_like_others():
    free = Candidates(2, np.array([0, 2]), np.array([0, 1]), np.array([1.0, 0.0]), np.array([5.0]))

    assert assign_sparse(free).tolist() == [1]


def test_a_row_without_pairs_gets_its_spare():
    alone = Candidates(1, np.array([0, 0, 1]), np.array([0]), np.array([4.0]), np.array([9.0, 9.0]))

    assert assign_sparse(alone).tolist() == [-1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_sparse_and_dense_cost_the_same(seed):
    cost = np.random.default_rng(seed).integers(0, 50, (6, 8)).astype(float)
    every = Candidates(8, np.arange(0, 49, 8), np.tile(np.arange(8), 6), cost.ravel(), np.full(6, 1000.0))

    row, column = assign_dense(cost)

    assert cost[np.arange(6), assign_sparse(every)].sum() == cost[row, column].sum()
    assert cost[row, column].sum() == cost[linear_sum_assignment(cost)].sum()


def test_too_many_pairs_say_how_many_go():
    with pytest.raises(DesignError, match=r"1,001 pairs would have to be compared, and at most 1,000 go\. Do less\."):
        require_room(1001, 1000, "Do less.")
