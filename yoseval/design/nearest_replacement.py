"""Match each treated unit with its nearest comparison units on one distance, with replacement.

Takes a score, who was treated and, if wanted, a caliper and cells; gives pairs. Nobody has to wait for anybody, so
that everything is done at once by binary search.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.nearest_lines import Line, line_up, places_among
from yoseval.errors import DesignError


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """For each of t treated units the next candidate on one side, walking away from it.

    ``group`` is the group of equal distances, ``member`` the next unit of it; ``step`` is -1 downwards, +1 upwards.
    """

    group: Indices
    member: Indices
    bound: Indices
    step: int


def match_with_replacement(
    distance: Floats,
    treated: Flags,
    *,
    ratio: int = 1,
    caliper: float | None = None,
    caliper_on: Floats | None = None,
    cells: Indices | None = None,
) -> tuple[Indices, Indices]:
    r"""Give every treated unit its ``ratio`` nearest comparison units, whoever else has them.

    Parameters
    ----------
    distance : (n,) floats
        A score or its logit.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Comparison units for one treated unit, 1 or more; fewer where no more are within the caliper.
    caliper : float, optional
        Largest difference allowed in a pair, in units of ``caliper_on``.
    caliper_on : (n,) floats, optional
        What the caliper is measured on, a monotone function of ``distance``; ``distance`` itself if absent.
    cells : (n,) integers, optional
        Pairs are formed only within a cell; numbers of zero or more.

    Returns
    -------
    tuple of two (m,) integers
        Positions of the treated and of the comparison unit of each pair, by treated unit, the nearest first; of
        equally near comparison units the one that stands first.

    Raises
    ------
    DesignError
        If a distance is not finite.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267.

    Examples
    --------
    >>> match_with_replacement(np.array([0.9, 0.7, 0.8, 0.1]), np.array([True, True, False, False]))
    (array([0, 1]), array([2, 2]))
    """
    if not np.isfinite(distance).all():
        raise DesignError("A distance is not finite.", "Check the covariates.")
    if treated.all() or not treated.any():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    cell = np.zeros(len(distance), dtype=np.int64) if cells is None else cells
    limit = distance if caliper_on is None else caliper_on
    seekers = line_up(np.flatnonzero(treated), distance, limit, cell)
    free = line_up(np.flatnonzero(~treated), distance, limit, cell)
    widest = float("inf") if caliper is None else caliper
    found = _walk(seekers, free, ratio, widest)
    own, rank = np.nonzero(found >= 0)
    leads, partners = seekers.units[own], free.units[found[own, rank]]
    order = np.argsort(leads, kind="stable")
    return leads[order], partners[order]


def weights_from_pairs(pairs: tuple[Indices, Indices], treated: Flags) -> Floats:
    r"""Turn pairs into weights for the average effect in the treated who were matched.

    A treated unit has weight 1; a comparison unit the sum over its pairs of 1 / (pairs of that treated unit),
    scaled so that comparison weights add up to the number of comparison units used.

    Parameters
    ----------
    pairs : tuple of two (m,) integers
        Positions of the treated and of the comparison unit of each pair.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    (n,) floats
        Weights, 0 where a unit is in no pair.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 4; as in MatchIt.

    Examples
    --------
    >>> weights_from_pairs((np.array([0, 1]), np.array([2, 2])), np.array([True, True, False, False]))
    array([1., 1., 1., 0.])
    """
    n = len(treated)
    per_treated = np.bincount(pairs[0], minlength=n)
    weight: Floats = np.bincount(pairs[1], weights=1.0 / per_treated[pairs[0]], minlength=n).astype(np.float64)
    used = int((weight > 0).sum())
    if used:
        weight *= used / weight.sum()
    weight[per_treated > 0] = 1.0
    return weight


def _walk(seekers: Line, free: Line, ratio: int, widest: float) -> Indices:
    """Return the indices in ``free`` of each treated unit's nearest, (t, ratio), -1 where there are no more."""
    starts = free.group_starts()
    n = len(free.units)
    first = np.arange(n) if starts is None else np.flatnonzero(starts == np.arange(n))
    end = np.append(first[1:], n)
    down, up = _sides(seekers, free, first)
    found = np.full((len(seekers.units), ratio), -1, dtype=np.int64)
    for k in range(ratio):
        one, gap_one = _offer(seekers, free, first, down, widest)
        other, gap_other = _offer(seekers, free, first, up, widest)
        is_tie = (gap_one == gap_other) & np.isfinite(gap_one)
        lower_first = free.units[one] < free.units[other]
        is_down = (gap_one < gap_other) | (is_tie & lower_first)
        exists = np.isfinite(np.minimum(gap_one, gap_other))
        found[:, k] = np.where(exists, np.where(is_down, one, other), -1)
        if k + 1 < ratio:
            down = _next(down, is_down & exists, first, end)
            up = _next(up, ~is_down & exists, first, end)
    return found


def _sides(seekers: Line, free: Line, first: Indices) -> tuple[_Side, _Side]:
    place, low, high = places_among(seekers, free.distance[first], free.cell[first])
    zero = np.zeros(len(place), dtype=np.int64)
    return _Side(place - 1, zero, low, -1), _Side(place, zero, high - 1, 1)


def _offer(seekers: Line, free: Line, first: Indices, side: _Side, widest: float) -> tuple[Indices, Floats]:
    """Return each treated unit's next candidate on one side and its distance, infinite where there is none."""
    inside = side.group >= side.bound if side.step < 0 else side.group <= side.bound
    group = np.clip(side.group, 0, len(first) - 1)
    index = np.where(inside, first[group] + side.member, 0)
    inside &= np.abs(seekers.limit - free.limit[index]) <= widest
    return index, np.where(inside, np.abs(seekers.distance - free.distance[index]), np.inf)


def _next(side: _Side, moved: Flags, first: Indices, end: Indices) -> _Side:
    group = np.clip(side.group, 0, len(first) - 1)
    is_last = moved & (first[group] + side.member + 1 >= end[group])
    member = np.where(is_last, 0, side.member + moved)
    return _Side(side.group + side.step * is_last, member, side.bound, side.step)
