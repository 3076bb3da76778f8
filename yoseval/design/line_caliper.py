"""Match pairs on one score within a caliper exactly, in one walk along the line.

Takes a score, a caliper and who was treated; gives the pairs. Own code: a solver would look at all pairs within the
caliper, millions where the caliper leaves people unmatched; on a line there is one candidate stretch a unit.
"""

from itertools import accumulate

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.line import Edges, whole_units

_NOTHING = -(2**62)  # what a stretch without units asks of its level


def pair_within_caliper(place: Floats, limit: Floats, treated: Flags, caliper: float) -> Edges:
    r"""Match one to one on a line within a caliper: most pairs, then the least total distance.

    Among the best matchings take one in the order of the line whose pairs span the fewest units. A free unit between
    a pair could replace the one of its arm at no cost, so that there is none: the line falls into free units and
    stretches that are matched whole. With :math:`S_t` treated less comparison units among the first t, the stretch
    that ends at e began at the last visit :math:`p < e` with :math:`S_p = S_e`. Its k-th treated and k-th comparison
    unit are a pair, it costs :math:`|\sum_{p < t \le e} \pm x_t|`, and with c for leaving a unit free

    .. math:: V_e = \min\{V_{e-1} + c_e,\; V_p + |X_e - X_p| \text{ if no pair of it is too wide}\} .

    Parameters
    ----------
    place : (n,) floats
        A score, told apart to 8 decimals.
    limit : (n,) floats
        An increasing function of it that the caliper is measured on.
    treated : (n,) booleans
        True where the unit started the programme.
    caliper : float
        Largest gap of a pair, in units of ``limit``.

    Returns
    -------
    Edges
        The pairs. Of units alike in place and arm the first rows are matched; of equally good matchings the one
        that frees the units furthest up.

    Raises
    ------
    DesignError
        If a distance is not finite, or too large to be told apart to 8 decimals.

    Examples
    --------
    >>> far = np.array([0.0, 1.0, 1.5, 9.0])
    >>> pair_within_caliper(far, far, np.array([True, True, False, False]), 1.0).treated
    array([1])
    """
    order = np.lexsort((~treated, limit, place))
    arm = treated[order]
    level = np.append(0, np.cumsum(np.where(arm, 1, -1)))
    earlier = _last_visits(level)
    signed = np.where(arm, 1, -1) * whole_units(place[order])
    total = list(accumulate(signed.tolist(), initial=0))
    ends = _best_stretches(arm, level, earlier, _demands(arm, limit[order], caliper), total)
    taken = np.zeros(len(order) + 1, dtype=np.int64)
    taken[earlier[ends]] += 1
    taken[ends] -= 1
    matched = _first_of_equals(np.cumsum(taken[:-1]) > 0, arm, place[order], limit[order])
    return Edges(order[matched & arm], order[matched & ~arm])


def _last_visits(level: Indices) -> Indices:
    """Return for each entry where its value stood last, -1 where never."""
    order = np.argsort(level, kind="stable")
    visits = np.full(len(level), -1, dtype=np.int64)
    again = level[order[1:]] == level[order[:-1]]
    visits[order[1:][again]] = order[:-1][again]
    return visits


def _demands(arm: Flags, limit: Floats, caliper: float) -> list[int]:
    """Return the number in its arm of each unit, less how many of the other arm stand up to a caliper above it.

    In a stretch that begins at level L a treated unit a has the comparison unit a - L; that it is not too far up
    means that L exceeds this number. For the stretches that a comparison unit begins it is -L.
    """
    demand = np.empty(len(arm), dtype=np.int64)
    for own in (arm, ~arm):
        demand[own] = np.arange(int(own.sum())) - _count_up_to(limit[own], limit[~own], caliper)
    return demand.tolist()


def _count_up_to(seeking: Floats, offered: Floats, caliper: float) -> Indices:
    """Count the offered whose difference from each seeker, as it is rounded, is at most the caliper; both ascend."""
    values = np.unique(offered)
    if not len(values):
        return np.zeros(len(seeking), dtype=np.int64)
    at = np.searchsorted(values, seeking + caliper, side="right")
    while (more := (at < len(values)) & (values[np.minimum(at, len(values) - 1)] - seeking <= caliper)).any():
        at += more
    while (fewer := (at > 0) & (values[at - 1] - seeking > caliper)).any():
        at -= fewer
    count: Indices = np.append(0, np.searchsorted(offered, values, side="right"))[at]
    return count


def _best_stretches(arm: Flags, level: Indices, earlier: Indices, demand: list[int], total: list[int]) -> list[int]:
    """Return where the stretches of the best matching end, counted in units before the end."""
    n = len(arm)
    visits, levels = earlier.tolist(), level.tolist()
    alone = 1 + n * (max(total) - min(total))
    best, asked = [0] * (n + 1), [_NOTHING] * (n + 1)
    # What the stretches inside one that a comparison (a treated) unit began ask of its level, up to each place.
    inside = ([_NOTHING] * (n + 1), [_NOTHING] * (n + 1))
    is_end = [False] * (n + 1)
    for e, is_treated in enumerate(arm.tolist(), start=1):
        best[e] = best[e - 1] + alone * is_treated
        p = visits[e]
        if p < 0:
            continue
        begun_by = inside[not is_treated]
        asked[e] = max(demand[p], begun_by[e - 1])
        begun_by[e] = max(begun_by[p], asked[e])
        if (-levels[e] if is_treated else levels[e]) > asked[e]:
            with_stretch = best[p] + abs(total[e] - total[p])
            if with_stretch < best[e]:
                best[e], is_end[e] = with_stretch, True
    return _walk_back(is_end, visits)


def _walk_back(is_end: list[bool], visits: list[int]) -> list[int]:
    ends, e = [], len(is_end) - 1
    while e > 0:
        if is_end[e]:
            ends.append(e)
            e = visits[e]
        else:
            e -= 1
    return ends


def _first_of_equals(matched: Flags, arm: Flags, place: Floats, limit: Floats) -> Flags:
    """Take as many units of each arm and place as were matched, the first rows."""
    differs = (place[1:] != place[:-1]) | (limit[1:] != limit[:-1]) | (arm[1:] != arm[:-1])
    group = np.cumsum(np.append(False, differs))
    first = np.flatnonzero(np.append(True, differs))
    rank = np.arange(len(arm)) - first[group]
    firsts: Flags = rank < np.bincount(group, matched)[group]
    return firsts
