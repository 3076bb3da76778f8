"""Give each row one column, or a spare one of its own, at the least total cost: exact assignment.

Takes costs as whole numbers, all of them or the allowed pairs only; gives the column of each row. By scipy: dense
problems go to `linear_sum_assignment`, sparse ones to `min_weight_full_bipartite_matching`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from yoseval.arrays import Floats, Indices
from yoseval.errors import DesignError

MOST_DENSE = 25_000_000  # pairs held at once by the dense assignment: 200 MB a table, three tables at its peak
MOST_SPARSE = 20_000_000  # pairs held at once by the sparse assignment: about 500 MB at its peak


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The pairs a row may choose from, row by row.

    Parameters
    ----------
    n_columns : int
        How many columns there are.
    start : (r + 1,) integers
        Where the pairs of each row begin; the last entry is their number m.
    column : (m,) integers
        Column of each pair.
    cost : (m,) floats
        Whole numbers, zero or more: with them sums are exact.
    spare : (r,) floats
        Cost of leaving a row without a column.
    """

    n_columns: int
    start: Indices
    column: Indices
    cost: Floats
    spare: Floats


def assign_sparse(candidates: Candidates) -> Indices:
    """Return the column of each row at the least total cost, (r,) integers, -1 where the row got its spare.

    Parameters
    ----------
    candidates : Candidates
        The pairs allowed.

    Examples
    --------
    >>> one_column = Candidates(1, np.array([0, 1, 2]), np.array([0, 0]), np.array([3.0, 2.0]), np.array([9.0, 9.0]))
    >>> assign_sparse(one_column)
    array([-1,  0])
    """
    n_rows, n_pairs = len(candidates.spare), len(candidates.column)
    # Each row's spare column comes after its pairs. Zero would mean "no such pair": everything is moved up by one.
    at = candidates.start[1:] + np.arange(n_rows)
    inside = np.ones(n_pairs + n_rows, dtype=bool)
    inside[at] = False
    column = np.empty(n_pairs + n_rows, dtype=np.int32)
    cost = np.empty(n_pairs + n_rows)
    column[inside], cost[inside] = candidates.column, candidates.cost + 1.0
    column[at], cost[at] = candidates.n_columns + np.arange(n_rows), candidates.spare + 1.0
    start = (candidates.start + np.arange(n_rows + 1)).astype(np.int32)
    allowed = csr_matrix((cost, column, start), shape=(n_rows, candidates.n_columns + n_rows))
    row, found = min_weight_full_bipartite_matching(allowed)
    taken = np.full(n_rows, -1, dtype=np.int64)
    taken[row] = np.where(found < candidates.n_columns, found, -1)
    return taken


def assign_dense(cost: Floats) -> tuple[Indices, Indices]:
    """Return rows and columns of the cheapest assignment of as many as there are of the smaller side.

    Parameters
    ----------
    cost : (r, c) floats
        Cost of every pair.

    Returns
    -------
    tuple of two (min(r, c),) integers
        Rows, ascending, and their columns.
    """
    row, column = linear_sum_assignment(cost)
    return row.astype(np.int64), column.astype(np.int64)


def require_room(n_pairs: int, most: int, remedy: str) -> None:
    """Refuse a problem of more pairs than this machine's memory was planned for.

    Raises
    ------
    DesignError
        Saying how many pairs there are and how many go.
    """
    if n_pairs > most:
        raise DesignError(f"{n_pairs:,} pairs would have to be compared, and at most {most:,} go.", remedy)
