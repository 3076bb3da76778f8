"""Join every unit with somebody of the other arm at the least total distance: a cheapest edge cover.

Takes coordinates, arms and, if wanted, a caliper; gives pairs that fall into stars: one unit of an arm with one or
more of the other. Everybody may have the nearest, at cost m(i); a pair (i, j) is worth having for both at once only
where it costs less than m(i) + m(j). So the cover is an assignment among those few pairs.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.assignment import MOST_SPARSE, Candidates, assign_sparse, require_room
from yoseval.design.line import Edges, whole_units

MOST_COMPARED = 400_000_000  # pairs looked at one block after the other: half a minute
TOO_MANY = "Match exactly on a column, or match on the score without a caliper."
NEVER = 2**62  # the distance of a pair that is not allowed
_BLOCK = 2_000_000


def cheapest_cover(place: Floats, limit: Floats, treated: Flags, *, caliper: float | None) -> Edges:
    """Join everybody with somebody of the other arm at the least total distance.

    Parameters
    ----------
    place : (n, p) floats
        Coordinates.
    limit : (n,) floats
        What the caliper is measured on.
    treated : (n,) booleans
        True where the unit started the programme.
    caliper : float, optional
        Largest gap of a pair, in units of ``limit``; everybody has somebody within it.

    Returns
    -------
    Edges
        Pairs that fall into stars; one that both took for the nearest may come twice.

    Raises
    ------
    DesignError
        If there are more pairs to look at than go.

    References
    ----------
    schrijver2003 : Schrijver (2003), Combinatorial Optimization, section 19.3: cover by matching.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> cheapest_cover(x, x[:, 0], np.array([True, False, False, True]), caliper=None).treated
    array([0, 3])
    """
    rows, columns = np.flatnonzero(treated), np.flatnonzero(~treated)
    require_room(len(rows) * len(columns), MOST_COMPARED, TOO_MANY)
    nearest_row, nearest_column = np.full(len(rows), NEVER), np.full(len(columns), NEVER)
    to, back = np.zeros(len(rows), dtype=np.int64), np.zeros(len(columns), dtype=np.int64)
    for block, cost in cost_blocks(place, limit, rows, columns, caliper):
        to[block], nearest_row[block] = cost.argmin(axis=1), cost.min(axis=1)
        low = cost.min(axis=0)
        back = np.where(low < nearest_column, cost.argmin(axis=0) + block.start, back)
        nearest_column = np.minimum(low, nearest_column)
    pair = _worthwhile_pairs(place, limit, rows, columns, caliper, nearest_row, nearest_column)
    lone_rows = np.setdiff1d(np.arange(len(rows)), pair[0])
    lone_columns = np.setdiff1d(np.arange(len(columns)), pair[1])
    found = (np.concatenate([pair[0], lone_rows, back[lone_columns]]), np.concatenate([pair[1], to[lone_rows], lone_columns]))
    return Edges(rows[found[0]], columns[found[1]])


def cost_blocks(
    place: Floats, limit: Floats, rows: Indices, columns: Indices, caliper: float | None
) -> Iterator[tuple[slice, Indices]]:
    """Yield the distances of all pairs in blocks of rows, in whole multiples of 1e-8; ``2**62`` outside the caliper."""
    step = max(1, _BLOCK // max(1, len(columns)))
    for start in range(0, len(rows), step):
        block = slice(start, min(start + step, len(rows)))
        cost = whole_units(cdist(place[rows[block]], place[columns]))
        if caliper is not None:
            cost[np.abs(limit[rows[block], None] - limit[columns]) > caliper] = NEVER
        yield block, cost


def sets_of_stars(edges: Edges, n: int, fewest: tuple[int, int] = (1, 1)) -> Indices:
    """Turn the pairs of a cover into sets, without the pairs that nobody needs.

    Parameters
    ----------
    edges : Edges
        A cover of least cost; a pair of which both have another one as well costs nothing, and goes.
    n : int
        Number of units.
    fewest : (int, int)
        Partners that a treated and a comparison unit must keep.

    Returns
    -------
    (n,) integers
        Set of each unit, -1 for those in no pair.
    """
    pair = np.unique(np.column_stack([edges.treated, edges.comparison]), axis=0)
    degree = np.bincount(pair.ravel(), minlength=n)
    needed = np.ones(len(pair), dtype=bool)
    for k in np.flatnonzero((degree[pair[:, 0]] > fewest[0]) & (degree[pair[:, 1]] > fewest[1])):
        i, j = pair[k]
        if degree[i] > fewest[0] and degree[j] > fewest[1]:
            needed[k] = False
            degree[i] -= 1
            degree[j] -= 1
    pair = pair[needed]
    joined = coo_matrix((np.ones(len(pair)), (pair[:, 0], pair[:, 1])), shape=(n, n))
    _, number = connected_components(joined, directed=False)
    sets: Indices = np.where(degree > 0, number, -1).astype(np.int64)
    return sets


def _worthwhile_pairs(
    place: Floats,
    limit: Floats,
    rows: Indices,
    columns: Indices,
    caliper: float | None,
    nearest_row: Indices,
    nearest_column: Indices,
) -> tuple[Indices, Indices]:
    """Return the disjoint pairs that save the most against everybody's nearest."""
    found = []
    for block, cost in cost_blocks(place, limit, rows, columns, caliper):
        alone = nearest_row[block, None] + nearest_column
        at = np.nonzero(cost < alone)
        found.append((at[0] + block.start, at[1], (alone - cost)[at]))
        require_room(sum(len(f[0]) for f in found), MOST_SPARSE, TOO_MANY)
    row, column, gain = (np.concatenate(part) for part in zip(*found, strict=True))
    start = np.append(0, np.cumsum(np.bincount(row, minlength=len(rows))))
    most = float(gain.max(initial=0))
    taken = assign_sparse(Candidates(len(columns), start, column, most - gain, np.full(len(rows), most)))
    kept = np.flatnonzero(taken >= 0)
    return kept, taken[kept]
