"""One round of nearest matching in which the treated choose from the highest distance down, in linear time.

Going down, the free comparison units above the treated unit form a stack, the nearest on top, and those taken from
below are always the nearest below: a single place divides them. So no search is needed, only two looks a unit.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.design.nearest_lines import Line


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Free comparison units of one cell in groups of equal distance, rising; ``end`` counts in ``units``."""

    distance: Floats
    size: Indices
    end: Indices
    units: Indices


def sweep_down(seekers: Line, free: Line, widest: float) -> Indices:
    r"""Let each treated unit take the nearest free comparison unit of its cell, the highest distance first.

    A treated unit :math:`i` takes :math:`\arg\min_j |d_i - d_j|`, the first row among equals. Every unit is put on
    the stack and taken at most once: time and memory grow in proportion to their number.

    Parameters
    ----------
    seekers : Line
        Treated units in the order in which they choose: cells rising, distance falling within a cell.
    free : Line
        Comparison units, ties in the order of their positions.
    widest : float
        Largest distance that is allowed.

    Returns
    -------
    (m,) integers
        For each treated unit the index in ``free``, -1 where there is none.
    """
    starts = free.group_starts()
    n = len(free.units)
    if starts is None:
        first, size, distance, cell = np.arange(n), np.ones(n, dtype=np.int64), free.distance, free.cell
    else:
        first = np.flatnonzero(starts == np.arange(n))
        size, distance, cell = np.diff(np.append(first, n)), free.distance[first], free.cell[first]
    cells = seekers.cell[np.append(True, seekers.cell[1:] != seekers.cell[:-1])] if len(seekers.cell) else seekers.cell
    mine = seekers.cell_bounds(cells)
    theirs = np.searchsorted(cell, cells), np.searchsorted(cell, cells, side="right")
    chosen: list[int] = []
    for begin, end, bottom, top in zip(*(b.tolist() for b in (*mine, *theirs)), strict=True):
        own = seekers.distance[begin:end]
        here = slice(bottom, top)
        nearest = _sweep_cell(own, _Groups(distance[here], size[here], first[here] + size[here], free.units), widest)
        chosen += [g + bottom if g >= 0 else g for g in nearest] if bottom else nearest
    groups = np.array(chosen, dtype=np.int64)
    return groups if starts is None else _members(groups, first, size)


def _sweep_cell(seeking: Floats, groups: _Groups, widest: float) -> list[int]:
    """Return the group that each treated unit takes from, -1 for none."""
    place = np.searchsorted(groups.distance, seeking).tolist()
    several = np.flatnonzero(groups.size > 1)
    left = dict(zip(several.tolist(), groups.size[several].tolist(), strict=True))
    reach = min(widest, np.finfo(np.float64).max)
    # Beyond both ends stands 'nobody', endlessly far away; below the first is -1, which is the last entry.
    at_group = [*groups.distance.tolist(), float("inf"), float("-inf")]
    # The free groups above form runs of neighbours: the lowest from 'above' to before 'end', the others on the stack.
    above = len(at_group) - 2
    below, end = above - 1, above + 1
    runs: list[int] = []
    over, under = at_group[above], at_group[below]
    chosen = []
    for d, at in zip(seeking.tolist(), place, strict=True):
        if below >= at:
            if below + 1 != above:
                runs += (above, end)
                end = below + 1
            above, below = at, at - 1
            over, under = at_group[above], at_group[below]
        up, down = over - d, d - under
        if up > reach and down > reach:
            chosen.append(-1)
            continue
        is_below = down < up or (down == up and _stands_before(below, above, left, groups))
        group = below if is_below else above
        chosen.append(group)
        if group in left and left[group] > 1:
            left[group] -= 1
        elif is_below:
            below -= 1
            under = at_group[below]
        else:
            above += 1
            if above == end:
                end, above = runs.pop(), runs.pop()
            over = at_group[above]
    return chosen


def _stands_before(below: int, above: int, left: dict[int, int], groups: _Groups) -> bool:
    """Tell whether the next unit of a group stands before that of another group, equally far away."""
    one, other = (int(groups.units[groups.end[g] - left.get(g, 1)]) for g in (below, above))
    return one < other


def _members(groups: Indices, first: Indices, size: Indices) -> Indices:
    """Turn groups into units: who takes from a group first gets the unit of it that stands first."""
    out = np.where(groups >= 0, first[groups], -1)
    shared = np.flatnonzero((groups >= 0) & (size[groups] > 1))
    if len(shared):
        order = shared[np.argsort(groups[shared], kind="stable")]
        again = np.append(False, groups[order][1:] == groups[order][:-1])
        place = np.arange(len(order))
        out[order] += place - np.maximum.accumulate(np.where(again, 0, place))
    return out
