"""Look for near comparison units among many covariates: a k-d tree over profiles, and a scan where it is not enough.

Comparison units that are alike in all that counts form one profile, so that ties are met once. Distances are rounded
to 8 decimals before they are compared: whether two are equal must not depend on the order of a sum.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from yoseval.arrays import Flags, Floats, Indices

DECIMALS = 8
_LEAF = 32  # points of a leaf of the tree; half as many, or many more, are slower in ten dimensions


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What counts about n units when they are matched.

    Parameters
    ----------
    points : (n, d) floats
        Coordinates whose plain distance is what is matched on.
    cells : (n,) integers
        Pairs are formed only within a cell.
    calipers : (n, c) floats
        What calipers are measured on.
    widths : (c,) floats
        Widest difference allowed on each; a negative one is the least difference allowed, as in MatchIt.
    antiexact : (n, q) integers
        Codes that must differ within a pair.
    """

    points: Floats
    cells: Indices
    calipers: Floats
    widths: Floats
    antiexact: Indices

    def rows(self, which: Indices) -> "Features":
        """Return the features of some units."""
        return Features(self.points[which], self.cells[which], self.calipers[which], self.widths, self.antiexact[which])

    def allowed(self, place: Indices, other: "Features", candidates: Indices) -> Flags:
        """Tell which candidates, indices of ``other``, may be paired with each unit: (m, k) booleans."""
        good: Flags = self.cells[place][:, None] == other.cells[candidates]
        for j, width in enumerate(self.widths.tolist()):
            apart = np.abs(self.calipers[place, j][:, None] - other.calipers[candidates, j])
            good &= apart <= width if width >= 0 else apart >= -width
        for j in range(self.antiexact.shape[1]):
            good &= self.antiexact[place, j][:, None] != other.antiexact[candidates, j]
        return good


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Units grouped by equal features.

    Parameters
    ----------
    features : Features
        One row a profile.
    units : (m,) integers
        Positions, profile by profile, rising within each.
    first, end : (p,) integers
        Where each profile begins and ends in ``units``.
    """

    features: Features
    units: Indices
    first: Indices
    end: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Candidates of m seekers, the nearest first.

    Parameters
    ----------
    distance : (m, k) floats
        Rounded.
    profile : (m, k) integers
        -1 where the candidate is not allowed.
    horizon : (m,) floats
        Every candidate nearer than this is listed; infinite where all are.
    """

    distance: Floats
    profile: Indices
    horizon: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """A k-d tree over some profiles, the cells far apart from each other."""

    tree: cKDTree
    which: Indices
    spacing: float


def group_profiles(features: Features, units: Indices) -> Profiles:
    """Group some units, given by rising positions, by equal features."""
    own = features.rows(units)
    columns = [*own.points.T, own.cells, *own.calipers.T, *own.antiexact.T]
    order = np.lexsort(columns[::-1])
    differs = np.zeros(max(len(units) - 1, 0), dtype=bool)
    for column in columns:
        ordered = column[order]
        differs |= ordered[1:] != ordered[:-1]
    first = np.flatnonzero(np.append(True, differs))[: len(units)]
    return Profiles(own.rows(order[first]), units[order], first, np.append(first[1:], len(units)))


def build_index(profiles: Profiles, which: Indices, seekers: Profiles) -> Index:
    """Build a tree over some profiles."""
    points, other = profiles.features.points, seekers.features.points
    spread = np.maximum(points.max(axis=0), other.max(axis=0)) - np.minimum(points.min(axis=0), other.min(axis=0))
    cells = np.concatenate([profiles.features.cells, seekers.features.cells])
    # Cells lie further apart than any two points of one cell; a single cell needs no axis of its own.
    spacing = 2.0 * float(np.sqrt((spread**2).sum())) + 1.0 if cells.min() != cells.max() else 0.0
    return Index(cKDTree(_placed(profiles.features, which, spacing), leafsize=_LEAF), which, spacing)


def look(index: Index, profiles: Profiles, seekers: Profiles, place: Indices, k: int) -> Found:
    """Return the ``k`` nearest profiles of each seeker in a tree, allowed or not."""
    near, found = index.tree.query(_placed(seekers.features, place, index.spacing), k=np.arange(1, k + 1))
    missing = found == len(index.which)
    profile = index.which[np.where(missing, 0, found)]
    good = ~missing & seekers.features.allowed(place, profiles.features, profile)
    # Once another cell comes up, or nothing, the whole cell is listed.
    own_cell = ~missing & (profiles.features.cells[profile] == seekers.features.cells[place][:, None])
    distance = np.round(near, DECIMALS)
    horizon = np.where(own_cell[:, -1], distance[:, -1], np.inf)
    return Found(distance, np.where(good, profile, -1), horizon)


def scan(profiles: Profiles, seekers: Profiles, place: int, which: Indices) -> Found:
    """Return all allowed ones among some profiles for one seeker, the nearest first."""
    one = np.array([place])
    own = which[seekers.features.allowed(one, profiles.features, which[None, :])[0]]
    apart = profiles.features.points[own] - seekers.features.points[place]
    distance = np.round(np.sqrt((apart**2).sum(axis=1)), DECIMALS)
    order = np.argsort(distance, kind="stable")
    return Found(distance[order][None, :], own[order][None, :], np.array([np.inf]))


def _placed(features: Features, which: Indices, spacing: float) -> Floats:
    points = features.points[which]
    placed: Floats = np.column_stack([points, features.cells[which] * spacing]) if spacing else points
    return placed
