"""Match each treated unit with its nearest comparison units on one distance, without replacement.

Takes a score, who was treated and, if wanted, a caliper and cells; gives set numbers and the weights they imply.
Own code: on one score no search is needed, so that a million units take a fraction of a second without a compiler,
and ties are broken by a rule that is written down.
"""

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.nearest_lines import Line, line_up, number_sets
from yoseval.design.nearest_sweep import sweep_down
from yoseval.design.nearest_turns import take_turns
from yoseval.errors import DesignError


def nearest_match(
    distance: Floats,
    treated: Flags,
    *,
    ratio: int = 1,
    caliper: float | None = None,
    caliper_on: Floats | None = None,
    cells: Indices | None = None,
    turns: Indices | None = None,
    most: Indices | None = None,
) -> Indices:
    r"""Match greedily on one distance, without replacement, in descending order of the treated.

    In each of ``ratio`` rounds every treated unit, the highest distance first, takes
    :math:`\arg\min_j |d_i - d_j|` over the comparison units still free in its cell and within the caliper. Ties
    among treated, and among equally close comparison units, go to the unit that stands first.

    Parameters
    ----------
    distance : (n,) floats
        A score or its logit. Its negative lets the lowest choose first.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Most comparison units for one treated unit, 1 or more.
    caliper : float, optional
        Largest distance allowed in a pair, zero or more, in units of ``caliper_on``.
    caliper_on : (n,) floats, optional
        What the caliper is measured on, a monotone function of ``distance``; ``distance`` itself if absent.
    cells : (n,) integers, optional
        Pairs are formed only within a cell; numbers of zero or more.
    turns : (t,) integers, optional
        Positions of all the treated in the order in which they choose, instead of the highest first.
    most : (n,) integers, optional
        Most comparison units of each treated unit, for a variable ratio; ``ratio`` for all if absent.

    Returns
    -------
    (n,) integers
        Number of the matched set, counted in the order of the treated units, -1 for a unit without one.

    Raises
    ------
    DesignError
        If a distance is not finite, ``ratio`` is below 1 or the caliper is negative.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 3.1; as in MatchIt, ``m.order = "largest"``.

    Examples
    --------
    >>> nearest_match(np.array([0.9, 0.5, 0.8, 0.4]), np.array([True, True, False, False]))
    array([0, 1, 0, 1])
    """
    _require_usable(distance, ratio, caliper)
    cell = np.zeros(len(distance), dtype=np.int64) if cells is None else cells
    limit = distance if caliper_on is None else caliper_on
    widest = float("inf") if caliper is None else caliper
    seekers = _seekers(distance, limit, treated, cell)
    free = line_up(np.flatnonzero(~treated), distance, limit, cell)
    # The sweep measures the caliper on the distance itself; on another scale the same order is taken in turns.
    order = seekers.units if turns is None and caliper_on is not None and caliper is not None else turns
    partner = np.full(len(distance), -1, dtype=np.int64)
    rounds = ratio if most is None else int(most[treated].max(initial=0))
    for number in range(rounds):
        if most is not None:
            seekers = seekers.keep(most[seekers.units] > number)
        chosen = sweep_down(seekers, free, widest) if order is None else _in_turn(seekers, free, order, widest)
        found = chosen >= 0
        partner[free.units[chosen[found]]] = seekers.units[found]
        if number + 1 < rounds:
            seekers = seekers.keep(found)
            free = free.keep(partner[free.units] < 0)
    return number_sets(partner)


def _require_usable(distance: Floats, ratio: int, caliper: float | None) -> None:
    if not np.isfinite(distance).all():
        raise DesignError("A distance is not finite.", "Check the covariates.")
    if ratio < 1:
        raise DesignError(f"A ratio of {ratio} was asked for, and it must be 1 or more.")
    if caliper is not None and not caliper >= 0:
        raise DesignError(f"A caliper of {caliper} was asked for, and it must be zero or more.")


def _seekers(distance: Floats, limit: Floats, treated: Flags, cell: Indices) -> Line:
    """Line the treated up by cell, the highest distance first within each."""
    falling = line_up(np.flatnonzero(treated), -distance, -distance, cell)
    units = falling.units
    own = distance[units]
    return Line(units, own, own if limit is distance else limit[units], falling.cell)


def _in_turn(seekers: Line, free: Line, turns: Indices, widest: float) -> Indices:
    place = np.full(int(turns.max(initial=0)) + 1, -1, dtype=np.int64)
    place[seekers.units] = np.arange(len(seekers.units))
    index = place[turns]
    return take_turns(seekers, free, index[index >= 0], widest)
