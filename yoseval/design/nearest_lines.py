"""Line units up on one distance within cells, for every way of nearest matching on a score.

Takes positions, a distance and cells; gives sorted lines. Equal distances stand together, so that the rule for
ties (the unit that stands first in the content order) costs nothing later.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices

_SMALL = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """m units sorted by cell, then by distance.

    Parameters
    ----------
    units : (m,) integers
        Positions of the units.
    distance : (m,) floats
        What is matched on.
    limit : (m,) floats
        What the caliper is measured on.
    cell : (m,) integers
        Their cells, rising.
    """

    units: Indices
    distance: Floats
    limit: Floats
    cell: Indices

    def keep(self, mask: Flags) -> "Line":
        """Return the units of a mask, in the same order."""
        limit = self.limit[mask]
        distance = limit if self.limit is self.distance else self.distance[mask]
        return Line(self.units[mask], distance, limit, self.cell[mask])

    def cell_bounds(self, cells: Indices) -> tuple[Indices, Indices]:
        """Return where each of some cells begins and ends."""
        return np.searchsorted(self.cell, cells), np.searchsorted(self.cell, cells, side="right")

    def group_starts(self) -> Indices | None:
        """Return for each unit where its group of equal cell and distance begins; None where all differ."""
        tied = (self.distance[1:] == self.distance[:-1]) & (self.cell[1:] == self.cell[:-1])
        if not tied.any():
            return None
        index = np.arange(len(self.units))
        index[1:][tied] = 0
        starts: Indices = np.maximum.accumulate(index)
        return starts


def line_up(units: Indices, distance: Floats, limit: Floats, cell: Indices) -> Line:
    """Sort units by cell, then by rising distance; ties by position.

    Parameters
    ----------
    units : (m,) integers
        Rising positions.
    distance, limit : (n,) floats
        By position.
    cell : (n,) integers
        By position, zero or more.

    Returns
    -------
    Line
        The sorted units.
    """
    own = units[_order(distance[units])]
    by_cell = cell[own]
    if len(own) and by_cell.min() != by_cell.max():
        small = by_cell.astype(np.uint16) if by_cell.max() <= _SMALL else by_cell
        own = own[np.argsort(small, kind="stable")]
        by_cell = cell[own]
    sorted_distance = distance[own]
    return Line(own, sorted_distance, sorted_distance if limit is distance else limit[own], by_cell)


def _order(values: Floats) -> Indices:
    """Sort stably: quickly where values differ, and ties again by their place."""
    order = np.argsort(values)
    ordered = values[order]
    equal = ordered[1:] == ordered[:-1]
    if equal.any():
        tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
        order[tied] = order[tied][np.lexsort((order[tied], ordered[tied]))]
    sorted_order: Indices = order.astype(np.int64, copy=False)
    return sorted_order


def places_among(seekers: Line, distance: Floats, cell: Indices) -> tuple[Indices, Indices, Indices]:
    """Find the place of each unit of a line among sorted groups: how many groups come before it, within its cell.

    Parameters
    ----------
    seekers : Line
        The m units.
    distance, cell : (g,) arrays
        Of the groups, sorted by cell, then by distance.

    Returns
    -------
    tuple of three (m,) integers
        The place, and where the groups of the unit's cell begin and end.
    """
    low, high = np.searchsorted(cell, seekers.cell), np.searchsorted(cell, seekers.cell, side="right")
    place = low.astype(np.int64)
    begins = np.flatnonzero(np.append(True, seekers.cell[1:] != seekers.cell[:-1])[: len(low)])
    for i, j in zip(begins.tolist(), [*begins[1:].tolist(), len(low)], strict=False):
        place[i:j] += np.searchsorted(distance[low[i] : high[i]], seekers.distance[i:j])
    return place, low, high


def number_sets(partner: Indices) -> Indices:
    """Give matched sets numbers, in the order of their treated unit.

    Parameters
    ----------
    partner : (n,) integers
        For each comparison unit the position of its treated unit, -1 for any other unit.

    Returns
    -------
    (n,) integers
        The number of the set, -1 outside.
    """
    taken = np.flatnonzero(partner >= 0)
    leads = np.zeros(len(partner), dtype=bool)
    leads[partner[taken]] = True
    lead = np.flatnonzero(leads)
    set_id = np.full(len(partner), -1, dtype=np.int64)
    set_id[lead] = np.arange(len(lead))
    set_id[taken] = set_id[partner[taken]]
    return set_id
