"""Match pairs so that the total distance is the least there is: optimal matching.

Takes a score or coordinates, who was treated and, if wanted, a caliper and cells; gives set numbers. Exact: nobody
is dropped that need not be, and no other choice of pairs is closer in total. It holds whole multiples of 1e-8 only,
so that sums are exact and the same on every machine. Own code around scipy: on one score without a caliper a walk
along the line replaces the table of all pairs.
"""

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.cells import match_within_cells
from yoseval.design.line import Edges, Partners, cheapest_edges
from yoseval.design.line_caliper import pair_within_caliper
from yoseval.design.pairs import match_in_caliper, match_in_space, within_need
from yoseval.errors import DesignError


def optimal_match(
    place: Floats,
    treated: Flags,
    *,
    ratio: int = 1,
    caliper: float | None = None,
    caliper_on: Floats | None = None,
    cells: Indices | None = None,
) -> Indices:
    r"""Match each treated unit with ``ratio`` comparison units at the least total distance.

    Of all matchings without replacement it takes those with the most treated units matched; of these, those with
    the most pairs; of these, one that minimises :math:`\sum_{(i,j)} \lVert x_i - x_j \rVert`. Where comparison
    units are short, a treated unit has fewer than ``ratio``, and one at least before another has two.

    Parameters
    ----------
    place : (n,) or (n, p) floats
        A score, or coordinates whose Euclidean distance counts.
    treated : (n,) booleans
        True where the unit started the programme.
    ratio : int
        Most comparison units for one treated unit, 1 or more.
    caliper : float, optional
        Largest gap allowed in a pair, zero or more, in units of ``caliper_on``.
    caliper_on : (n,) floats, optional
        What the caliper is measured on. Beside one score it must be an increasing function of it; it is the score
        itself if absent. Beside coordinates it is needed.
    cells : (n,) integers, optional
        Pairs are formed only within a cell.

    Returns
    -------
    (n,) integers
        Number of the matched set, counted in the order of the treated units, -1 for a unit without one.

    Raises
    ------
    DesignError
        If a distance is not finite, ``ratio`` is below 1, the caliper is negative, or there are more pairs within
        the caliper (of coordinates: pairs to be told apart) than go; the message gives both numbers.

    References
    ----------
    rosenbaum1989 : Rosenbaum (1989), JASA 84(408), 1024-1032.

    Examples
    --------
    >>> optimal_match(np.array([0.9, 0.5, 0.8, 0.4]), np.array([True, True, False, False]))
    array([0, 1, 0, 1])
    >>> optimal_match(np.array([0.5, 0.8, 0.6, 0.1]), np.array([True, True, False, False]))  # not 0.5 with 0.6
    array([0, 1, 1, 0])
    """
    if ratio < 1:
        raise DesignError(f"A ratio of {ratio} was asked for, and it must be 1 or more.")
    if caliper is not None and not caliper >= 0:
        raise DesignError(f"A caliper of {caliper} was asked for, and it must be zero or more.")
    limit = place if caliper_on is None else caliper_on
    if caliper is not None and limit.ndim > 1:
        raise DesignError("A caliper beside coordinates needs what it is measured on.")
    cell = np.zeros(len(treated), dtype=np.int64) if cells is None else cells
    return match_within_cells(
        cell, treated, lambda rows: _match_one_cell(place[rows], limit[rows], treated[rows], ratio=ratio, caliper=caliper)
    )


def _match_one_cell(place: Floats, limit: Floats, treated: Flags, *, ratio: int, caliper: float | None) -> Indices:
    if place.ndim > 1:
        edges = match_in_space(place, limit, treated, ratio=ratio, caliper=caliper)
    else:
        edges = _match_on_line(place, treated, ratio)
        # Where the caliper does not bind, the optimum without it is the optimum.
        if caliper is not None and not (np.abs(limit[edges.treated] - limit[edges.comparison]) <= caliper).all():
            edges = _match_in_caliper(place, limit, treated, ratio, caliper)
    return _sets_of(edges, len(treated))


def _match_in_caliper(place: Floats, limit: Floats, treated: Flags, ratio: int, caliper: float) -> Edges:
    if ratio == 1:
        return pair_within_caliper(place, limit, treated, caliper)
    return match_in_caliper(place, limit, treated, ratio=ratio, caliper=caliper)


def _match_on_line(place: Floats, treated: Flags, ratio: int) -> Edges:
    partners = _partners(int(treated.sum()), int((~treated).sum()), ratio)
    if partners.treated[0] < ratio:
        return cheapest_edges(place, treated, partners)
    kept = within_need(place, treated, ratio)
    edges = cheapest_edges(place[kept], treated[kept], partners)
    return Edges(kept[edges.treated], kept[edges.comparison])


def _partners(n_treated: int, n_comparison: int, ratio: int) -> Partners:
    if n_comparison >= ratio * n_treated:
        return Partners(treated=(ratio, ratio), comparison=(0, 1))
    if n_comparison >= n_treated:
        return Partners(treated=(1, ratio), comparison=(1, 1))
    return Partners(treated=(0, 1), comparison=(1, 1))


def _sets_of(edges: Edges, n: int) -> Indices:
    set_id = np.full(n, -1, dtype=np.int64)
    matched, number = np.unique(edges.treated, return_inverse=True)
    set_id[matched] = np.arange(len(matched))
    set_id[edges.comparison] = number
    return set_id
