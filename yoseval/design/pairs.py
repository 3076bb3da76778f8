"""Which pairs an exact matching has to look at, and the matching among them.

Takes where units stand, the caliper and how many partners a treated unit may have; gives the pairs that some optimum
is made of, never all of them when fewer do, and the least total distance among them.
"""

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.assignment import (
    MOST_DENSE,
    MOST_SPARSE,
    Candidates,
    assign_dense,
    assign_sparse,
    require_room,
)
from yoseval.design.line import Edges, whole_units

NEAREST = 200  # comparison units first looked at for each treated unit in space
TOO_LARGE = "Narrow the caliper, match exactly on a column, or choose 'nearest'."
_EDGE = 1e-12


def match_in_caliper(place: Floats, limit: Floats, treated: Flags, *, ratio: int, caliper: float) -> Edges:
    r"""Match on a line within a caliper: most treated, then most pairs, then the least total distance.

    Some optimum crosses no pairs and leaves no free comparison unit between a pair. Then the comparison units between
    a pair and on to the next free one are taken by treated units from the same stretch: going up from :math:`i` no
    more of them need a look than :math:`\max_z\, \#\{\text{treated slots in } (z, i]\} - \#\{\text{comparison units in
    } (z, i]\}`, and likewise going down.

    Parameters
    ----------
    place : (n,) floats
        A score.
    limit : (n,) floats
        An increasing function of it that the caliper is measured on.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Most comparison units for one treated unit.
    caliper : float
        Largest gap of a pair, in units of ``limit``.

    Returns
    -------
    Edges
        The pairs.

    Raises
    ------
    DesignError
        If there are more pairs to look at than go.
    """
    order = np.lexsort((~treated, limit, place))
    arm = treated[order]
    seekers, free = order[arm], order[~arm]
    low, high = _windows(arm, limit[seekers], limit[free], ratio, caliper)
    row, column = _spread(low, high)
    fits = np.abs(limit[seekers[row]] - limit[free[column]]) <= caliper
    row, column = row[fits], column[fits]
    units = whole_units(place)
    cost = np.abs(units[seekers[row]] - units[free[column]]).astype(np.float64)
    slot, taken = _assign(len(seekers), len(free), row, column, cost, ratio)
    # The same units taken in the order of the line are no farther apart, and ties no longer matter.
    return Edges(seekers[np.sort(slot // ratio)], free[np.sort(taken)])


def within_need(place: Floats, treated: Flags, ratio: int) -> Indices:
    """Return the units that some optimum without a caliper is made of, where comparison units are enough for all.

    Parameters
    ----------
    place : (n,) floats
        A score.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Comparison units for every treated unit.

    Returns
    -------
    (m,) integers
        Positions, ascending: all treated units and the comparison units within the bound of `match_in_caliper`.
    """
    order = np.lexsort((~treated, place))
    arm = treated[order]
    low, high = _windows(arm, place[order[arm]], place[order[~arm]], ratio, np.inf)
    ends = np.bincount(low, minlength=len(arm) + 1) - np.bincount(high, minlength=len(arm) + 1)
    needed = np.cumsum(ends)[: int((~arm).sum())] > 0
    kept: Indices = np.sort(np.concatenate([order[arm], order[~arm][needed]]))
    return kept


def match_in_space(
    place: Floats, limit: Floats, treated: Flags, *, ratio: int, caliper: float | None, most_dense: int = MOST_DENSE
) -> Edges:
    """Match on coordinates: most treated, then most pairs, then the least total distance.

    Up to ``most_dense`` pairs all of them are looked at. Beyond that each treated unit sees its nearest 200
    comparison units and, in their place, a spare one as far away as the last of them: no matching can be cheaper
    than the one found so. Where it uses no such spare it is the optimum; else twice as many are looked at.

    Parameters
    ----------
    place : (n, p) floats
        Coordinates.
    limit : (n,) floats
        What the caliper is measured on.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Most comparison units for one treated unit.
    caliper : float, optional
        Largest gap of a pair, in units of ``limit``.
    most_dense : int
        Most pairs for which all are held at once.

    Returns
    -------
    Edges
        The pairs.

    Raises
    ------
    DesignError
        If even the nearest are more pairs than go.
    """
    seekers, free = np.flatnonzero(treated), np.flatnonzero(~treated)
    if ratio * len(seekers) * len(free) <= most_dense:
        slot, taken = _match_all(place[seekers], place[free], limit[seekers], limit[free], ratio, caliper)
    else:
        slot, taken = _match_nearest(place[seekers], place[free], limit[seekers], limit[free], ratio, caliper)
    return Edges(seekers[slot // ratio], free[taken])


def _windows(arm: Flags, seeking: Floats, offered: Floats, ratio: int, caliper: float) -> tuple[Indices, Indices]:
    """Bound, for each treated unit, the comparison units that it may take: from ``low`` to before ``high``."""
    before = np.cumsum(~arm)[arm]
    step = np.where(arm, ratio, -1)
    above, below = _excess(step)[arm], _excess(step[::-1])[::-1][arm]
    # Rounding must not lose a pair exactly as wide as the caliper; such are checked one by one afterwards.
    reach = caliper + _EDGE * (1.0 + caliper + np.abs(seeking))
    low = np.maximum(np.searchsorted(offered, seeking - reach, side="left"), before - below)
    high = np.minimum(np.searchsorted(offered, seeking + reach, side="right"), before + above)
    return low.astype(np.int64), np.maximum(low, high).astype(np.int64)


def _excess(step: Indices) -> Indices:
    """Return the largest sum of consecutive steps that ends at each place."""
    total = np.cumsum(step)
    excess: Indices = total - np.minimum(np.minimum.accumulate(total), 0)
    return excess


def _spread(low: Indices, high: Indices) -> tuple[Indices, Indices]:
    """List every row with every column of its window."""
    size = high - low
    require_room(int(size.sum()), MOST_SPARSE, TOO_LARGE)
    row = np.repeat(np.arange(len(low)), size)
    return row, np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size - low, size)


def _assign(n_rows: int, n_columns: int, row: Indices, column: Indices, cost: Floats, ratio: int) -> tuple[Indices, Indices]:
    """Match slots, ``ratio`` of each row, with columns; ``row`` ascends. Return slots and columns."""
    require_room(ratio * len(row), MOST_SPARSE, TOO_LARGE)
    size = np.bincount(row, minlength=n_rows)
    start = np.append(0, np.cumsum(size))
    again = np.repeat(start[:-1], ratio), np.repeat(size, ratio)
    _, place = _spread(again[0], again[0] + again[1])
    spare = _cost_of_nobody(n_rows, ratio, cost.max(initial=0.0))
    found = assign_sparse(Candidates(n_columns, np.append(0, np.cumsum(again[1])), column[place], cost[place], spare))
    slot = np.flatnonzero(found >= 0)
    return slot, found[slot]


def _cost_of_nobody(n_rows: int, ratio: int, largest: float) -> Floats:
    """Price an empty slot above any sum of distances, and a row's first slot twice as high."""
    price = (n_rows * ratio + 1.0) * (largest + 1.0)
    return np.tile(np.where(np.arange(ratio) == 0, 2.0 * price, price), n_rows)


def _match_all(
    seeking: Floats, offered: Floats, limit: Floats, limit_offered: Floats, ratio: int, caliper: float | None
) -> tuple[Indices, Indices]:
    cost = np.repeat(_whole(cdist(seeking, offered)), ratio, axis=0)
    cost -= _cost_of_nobody(len(seeking), ratio, cost.max(initial=0.0))[:, None]
    if caliper is not None:
        cost[np.abs(np.repeat(limit, ratio)[:, None] - limit_offered) > caliper] = 0.0
    slot, taken = assign_dense(cost)
    used = cost[slot, taken] < 0.0
    return slot[used], taken[used]


def _match_nearest(
    seeking: Floats, offered: Floats, limit: Floats, limit_offered: Floats, ratio: int, caliper: float | None
) -> tuple[Indices, Indices]:
    tree = cKDTree(offered)
    reachable = _count_within(limit, limit_offered, caliper)
    nearest = NEAREST
    while True:
        nearest = min(nearest, len(offered))
        require_room(ratio * nearest * len(seeking), MOST_SPARSE, TOO_LARGE)
        away, column = tree.query(seeking, k=np.arange(1, nearest + 1))
        cost = _whole(away)
        fits = np.ones(cost.shape, dtype=bool)
        if caliper is not None:
            fits = np.abs(limit[:, None] - limit_offered[column]) <= caliper
        size = fits.sum(axis=1)
        is_cut = size < reachable
        spare = _cost_of_nobody(len(seeking), ratio, cost.max())
        spare = np.where(np.repeat(is_cut, ratio), np.repeat(cost[:, -1], ratio), spare)
        again = np.repeat(fits, ratio, axis=0)
        candidates = Candidates(
            len(offered),
            np.append(0, np.cumsum(np.repeat(size, ratio))),
            np.repeat(column, ratio, axis=0)[again].astype(np.int64),
            np.repeat(cost, ratio, axis=0)[again],
            spare,
        )
        found = assign_sparse(candidates)
        if not (is_cut & (found.reshape(-1, ratio) < 0).any(axis=1)).any():
            slot = np.flatnonzero(found >= 0)
            return slot, found[slot]
        nearest *= 2


def _count_within(limit: Floats, offered: Floats, caliper: float | None) -> Indices:
    if caliper is None:
        return np.full(len(limit), len(offered), dtype=np.int64)
    line = np.sort(offered)
    reach = caliper + _EDGE * (1.0 + caliper + np.abs(limit))
    found = np.searchsorted(line, limit + reach, side="right") - np.searchsorted(line, limit - reach, side="left")
    return found.astype(np.int64)


def _whole(distance: Floats) -> Floats:
    return whole_units(distance).astype(np.float64)
