"""One round of nearest matching in which the treated choose in any given order.

On one score the nearest free unit is found by following pointers to the next group with a free unit instead of by
a search, so that the time grows almost in proportion to the number of units.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Indices
from yoseval.design.nearest_lines import Line, places_among


@dataclass(frozen=True, slots=True)
class _Pool:
    """Free comparison units, in groups of equal distance within a cell.

    ``left[g + 1]`` and ``right[g]`` point towards the next group with a free unit at or below, at or above g.
    """

    units: list[int]
    first: list[int]
    end: list[int]
    distance: list[float]
    limit: list[float]
    left: list[int]
    right: list[int]


def take_turns(seekers: Line, free: Line, turns: Indices, widest: float) -> Indices:
    """Let each treated unit in its turn take the nearest free comparison unit of its cell.

    Parameters
    ----------
    seekers : Line
        Treated units.
    free : Line
        Comparison units, ties in the order of their positions.
    turns : (m,) integers
        Indices of ``seekers`` in the order in which they choose.
    widest : float
        Widest difference of ``limit`` that is allowed.

    Returns
    -------
    (m,) integers
        For each treated unit the index in ``free``, -1 where there is none; the first row among equals.
    """
    starts = free.group_starts()
    first = np.arange(len(free.units)) if starts is None else np.flatnonzero(starts == np.arange(len(starts)))
    pool = _pool(free, first)
    place, low, high = (a.tolist() for a in places_among(seekers, free.distance[first], free.cell[first]))
    distance, limit = seekers.distance.tolist(), seekers.limit.tolist()
    chosen = np.full(len(seekers.units), -1, dtype=np.int64)
    for i in turns.tolist():
        below, above = _root(pool.left, place[i]) - 1, _root(pool.right, place[i])
        options = []
        if below >= low[i] and abs(limit[i] - pool.limit[below]) <= widest:
            options.append((abs(distance[i] - pool.distance[below]), pool.units[pool.first[below]], below))
        if above < high[i] and abs(limit[i] - pool.limit[above]) <= widest:
            options.append((abs(distance[i] - pool.distance[above]), pool.units[pool.first[above]], above))
        if options:
            group = min(options)[2]
            chosen[i] = pool.first[group]
            _take_first(pool, group)
    return chosen


def _pool(free: Line, first: Indices) -> _Pool:
    n_groups = len(first)
    return _Pool(
        units=free.units.tolist(),
        first=first.tolist(),
        end=[*first[1:].tolist(), len(free.units)],
        distance=free.distance[first].tolist(),
        limit=free.limit[first].tolist(),
        left=list(range(n_groups + 1)),
        right=list(range(n_groups + 1)),
    )


def _root(pointer: list[int], start: int) -> int:
    """Follow pointers to the next free group, halving the path for those who come after."""
    i = start
    while pointer[i] != i:
        pointer[i] = pointer[pointer[i]]
        i = pointer[i]
    return i


def _take_first(pool: _Pool, group: int) -> None:
    pool.first[group] += 1
    if pool.first[group] == pool.end[group]:
        pool.left[group + 1] = group
        pool.right[group] = group + 1
