"""Put everybody into a matched set at the least total distance: optimal full matching.

Takes a score or coordinates, who was treated, limits on the sets and, if wanted, a caliper and cells; gives set
numbers. Each set is one treated unit with comparison units, or one comparison unit with treated
units. Exact: optmatch, which most use, rounds distances and ends above the minimum. Own code around scipy and
ortools: on one score a walk along the line does it in n log n, limits included.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.assignment import require_room
from yoseval.design.cells import match_within_cells
from yoseval.design.cover import NEVER, cheapest_cover, cost_blocks, sets_of_stars
from yoseval.design.flow import MOST_FLOW, cheapest_limited_edges, cheapest_limited_line
from yoseval.design.line import WIDE, Edges, Partners, cheapest_edges
from yoseval.errors import DesignError

FEWER_PAIRS = "Narrow the caliper, match exactly on a column, or match on the score without a caliper."


@dataclass(frozen=True, slots=True)
class SetLimits:
    """How large sets may be.

    Parameters
    ----------
    min_controls : float
        Fewest comparison units a treated unit, a whole number or one over a whole number: 0.2 = five treated units
        may share one comparison unit; 0 = any number may.
    max_controls : float
        Most comparison units a treated unit, of the same kind; infinite = any number.
    omit_fraction : float
        Largest share of the comparison units, cell by cell, that may be left out; 0 = none, unless the limits
        leave no other way: then as few as they can.
    """

    min_controls: float = 0.0
    max_controls: float = float("inf")
    omit_fraction: float = 0.0

    @property
    def partners(self) -> Partners:
        """Fewest and most partners of a unit of each arm."""
        low, high = self.min_controls, self.max_controls
        most_treated = WIDE if low == 0 else max(1, round(1 / low))
        most_comparison = WIDE if high == float("inf") else max(1, round(high))
        return Partners((max(1, round(low)), most_comparison), (max(1, round(1 / high)) if high < 1 else 1, most_treated))


def full_match(
    place: Floats,
    treated: Flags,
    *,
    limits: SetLimits | None = None,
    caliper: float | None = None,
    caliper_on: Floats | None = None,
    cells: Indices | None = None,
) -> Indices:
    r"""Put every unit into a set of one against one or more, at the least total distance.

    Minimises :math:`\sum_{(i,j)} \lVert x_i - x_j \rVert` over all ways of joining every unit with one or more of the
    other arm. Whoever has nobody within the caliper or the cell stays outside; where limits beside a caliper cannot
    hold for everybody, as few units as can be stay outside.

    Parameters
    ----------
    place : (n,) or (n, p) floats
        A score, or coordinates whose Euclidean distance counts.
    treated : (n,) booleans
        True where the unit started the programme.
    limits : SetLimits, optional
        Limits on the sets; none if absent.
    caliper : float, optional
        Largest gap allowed in a pair, zero or more, in units of ``caliper_on``.
    caliper_on : (n,) floats, optional
        What the caliper is measured on; the score itself if absent. Beside coordinates it is needed.
    cells : (n,) integers, optional
        Sets are formed only within a cell.

    Returns
    -------
    (n,) integers
        Number of the set, counted in the order of the treated units, -1 for a unit without one.

    Raises
    ------
    DesignError
        If the limits cannot be met, or there are more pairs than go.
    EnvironmentFault
        If the limits need ortools (beside a caliper, coordinates or ``omit_fraction``) and it is not installed.

    References
    ----------
    hansen2006 : Hansen and Klopfer (2006), Journal of Computational and Graphical Statistics 15(3), 609-627.
    rosenbaum1991 : Rosenbaum (1991), JRSS B 53(3), 597-610: the optimum is a full matching.

    Examples
    --------
    >>> full_match(np.array([0.9, 0.2, 0.8, 0.3, 0.1]), np.array([True, True, False, False, False]))
    array([0, 1, 0, 1, 1])
    """
    if caliper is not None and not caliper >= 0:
        raise DesignError(f"A caliper of {caliper} was asked for, and it must be zero or more.")
    limit = place if caliper_on is None else caliper_on
    if caliper is not None and limit.ndim > 1:
        raise DesignError("A caliper beside coordinates needs what it is measured on.")
    cell = np.zeros(len(treated), dtype=np.int64) if cells is None else cells
    sizes = limits or SetLimits()
    return match_within_cells(
        cell, treated, lambda rows: _match_one_cell(place[rows], limit[rows], treated[rows], sizes, caliper)
    )


def _match_one_cell(place: Floats, limit: Floats, treated: Flags, limits: SetLimits, caliper: float | None) -> Indices:
    set_id = np.full(len(treated), -1, dtype=np.int64)
    # Whoever has nobody within the caliper is no part of the problem.
    kept = np.arange(len(treated)) if caliper is None else np.flatnonzero(gap_to_other_arm(limit, treated) <= caliper)
    if len(kept):
        edges = _join(place[kept], limit[kept], treated[kept], limits, caliper)
        set_id[kept] = sets_of_stars(edges, len(kept), (limits.partners.treated[0], limits.partners.comparison[0]))
    return set_id


def _join(place: Floats, limit: Floats, treated: Flags, limits: SetLimits, caliper: float | None) -> Edges:
    if place.ndim == 1:
        edges = _join_on_line(place, treated, limits)
        # Where the caliper does not bind, the optimum without it is the optimum.
        if caliper is None or (np.abs(limit[edges.treated] - limit[edges.comparison]) <= caliper).all():
            return edges
    flat = place if place.ndim > 1 else place[:, None]
    if limits == SetLimits():
        return cheapest_cover(flat, limit, treated, caliper=caliper)
    return _join_by_flow(flat, limit, treated, limits, caliper)


def _join_on_line(place: Floats, treated: Flags, limits: SetLimits) -> Edges:
    sizes = int(treated.sum()), int((~treated).sum())
    used, partners = _fewest_used(limits, *sizes), limits.partners
    if limits.omit_fraction > 0:
        return cheapest_limited_line(place, treated, partners, used)
    if used[1] < sizes[1]:
        partners = Partners((partners.treated[1],) * 2, (0, 1))
    elif used[0] < sizes[0]:
        partners = Partners((0, 1), (partners.comparison[1],) * 2)
    return cheapest_edges(place, treated, partners)


def _join_by_flow(place: Floats, limit: Floats, treated: Flags, limits: SetLimits, caliper: float | None) -> Edges:
    rows, columns = np.flatnonzero(treated), np.flatnonzero(~treated)
    if caliper is None:
        require_room(len(rows) * len(columns), MOST_FLOW, FEWER_PAIRS)
    found: list[tuple[Indices, Indices, Indices]] = []
    for block, cost in cost_blocks(place, limit, rows, columns, caliper):
        at = np.nonzero(cost < NEVER)
        found.append((rows[at[0] + block.start], columns[at[1]], cost[at]))
        require_room(sum(len(f[0]) for f in found), MOST_FLOW, FEWER_PAIRS)
    first, second, cost = (np.concatenate(part) for part in zip(*found, strict=True))
    used = _fewest_used(limits, len(rows), len(columns))
    return cheapest_limited_edges(first, second, cost, treated, limits.partners, used)


def gap_to_other_arm(limit: Floats, treated: Flags) -> Floats:
    """Return how far the nearest unit of the other arm is, (n,) floats; both arms must be there."""
    gap = np.empty(len(limit))
    for arm in (treated, ~treated):
        others = np.sort(limit[~arm])
        at = np.searchsorted(others, limit[arm])
        near = [others[np.clip(at + step, 0, len(others) - 1)] for step in (-1, 0)]
        gap[arm] = np.minimum(*(np.abs(limit[arm] - other) for other in near))
    return gap


def _fewest_used(limits: SetLimits, n_treated: int, n_comparison: int) -> tuple[int, int]:
    """Return how many of each arm have to be in the sets: everybody, unless the limits forbid it."""
    (least_treated, most_treated), (least_comparison, most_comparison) = limits.partners.treated, limits.partners.comparison
    wanted = n_comparison - int(limits.omit_fraction * n_comparison + 1e-9)
    if wanted * least_comparison > most_treated * n_treated:
        if least_comparison > 1:
            remedy = "Raise it, or leave it out."
            raise DesignError("'max_controls' asks for more treated units than there are to share.", remedy)
        wanted = most_treated * n_treated
    if n_treated * least_treated > most_comparison * n_comparison:
        if least_treated > 1:
            remedy = "Lower it, or leave it out."
            raise DesignError("'min_controls' asks for more comparison units than there are.", remedy)
        return most_comparison * n_comparison, wanted
    return n_treated, wanted
