"""Which units of a design are dependent: the child, the matched set, and the taught group or area.

Takes a design and gives the levels on which an error clusters, the coarsest first. A level within which another lies whole
speaks for it; two levels that cross are both needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import EstimationError, UsageError
from yoseval.models.variance import effective_size

CHILD = "child"
MATCHED_SET = "matched set"
_PLURALS = {CHILD: "children", MATCHED_SET: "matched sets"}


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of dependence.

    Parameters
    ----------
    name : str
        ``child``, ``matched set``, or the column that names groups.
    codes : (n,) integers
        Number of each unit's cluster, from 0.
    """

    name: str
    codes: Indices

    @property
    def is_declared(self) -> bool:
        """True where the study names the level: a taught group or an area."""
        return self.name not in _PLURALS

    @property
    def plural(self) -> str:
        """Its clusters in words."""
        return _PLURALS.get(self.name, f"clusters of '{self.name}'")

    def fewest(self, treated: Flags, weight: Floats) -> int:
        """Return the number of clusters that have any weight in the arm that has fewer of them."""
        return min(np.unique(self.codes[(weight > 0) & arm]).size for arm in (treated, ~treated))


def cluster_levels(design: Design, clusters: str | None = None) -> tuple[Level, ...]:
    """Return the levels on which the units of a design are dependent.

    Parameters
    ----------
    design : Design
        Its matched sets and children are levels of their own.
    clusters : str, optional
        Column of the cohort's units that names groups; the cohort's own ``cluster`` if absent. A unit that is in no group is
        a cluster of its own, and so is one outside the matched sets.

    Returns
    -------
    tuple of Level
        One level; or several that are not nested, the one with fewest clusters first. In a matched design without groups, and
        where each child lies in one set, that is the set; without sets it is the child.

    Raises
    ------
    UsageError
        If the cohort has no such column, or it has fewer than two groups.
    """
    found = [Level(CHILD, _codes(design.person_id))]
    if design.is_matched:
        found.append(Level(MATCHED_SET, _alone_outside(design.weighting.set_id)))
    column = clusters or design.cohort.cluster
    if column:
        found.append(Level(column, _group_codes(design, column)))
    used = design.weight > 0
    kept: list[Level] = []
    for level in sorted(found, key=lambda level: np.unique(level.codes[used]).size):
        if not any(_is_nested(level.codes[used], coarser.codes[used]) for coarser in kept):
            kept.append(level)
    return tuple(kept)


def crossed(levels: Sequence[Level]) -> Indices:
    """Give units that are alike in every level one number, (n,) integers."""
    codes = levels[0].codes
    for level in levels[1:]:
        codes = _codes(codes * (int(level.codes.max()) + 1) + level.codes)
    return codes


def cluster_codes(design: Design) -> Indices:
    """Give each unit the number of its cluster on the coarsest level, (n,) integers from 0: see ``cluster_levels``."""
    return cluster_levels(design)[0].codes


def degrees_of_freedom(weight: Floats, treated: Flags) -> float:
    """Return min(effective comparison size, number of treated units) - 1, the df of the t quantile.

    Raises
    ------
    EstimationError
        If that leaves less than one.
    """
    used = weight > 0
    df = min(effective_size(weight[~treated]), float((used & treated).sum())) - 1.0
    if df < 1.0 - 1e-9:
        raise EstimationError(
            f"An interval needs two units in each arm; there are {int((used & treated).sum())} treated and "
            f"{effective_size(weight[~treated]):.1f} (effective) comparison units.",
            "Use a larger group or another design.",
        )
    return df


def _group_codes(design: Design, column: str) -> Indices:
    units = design.cohort.units
    if column not in units.columns:
        raise UsageError(
            f"The cohort has no column '{column}' to cluster on.",
            f"Declare it as the cluster of the cohort; it has: {', '.join(map(str, units.columns[3:]))}.",
        )
    labels = pd.factorize(units[column])[0]
    if labels.max() < 1:
        raise UsageError(f"'{column}' has {labels.max() + 1} group(s); dependence between groups needs two.", "Leave it out.")
    return _alone_outside(np.asarray(labels, dtype=np.int64))


def _alone_outside(labels: Indices) -> Indices:
    """Make a unit without a label, -1, a cluster of its own."""
    return _codes(np.where(labels >= 0, labels, labels.max() + 1 + np.arange(labels.size)))


def _codes(labels: AnyArray) -> Indices:
    return np.asarray(pd.factorize(labels)[0], dtype=np.int64)


def _is_nested(inner: Indices, outer: Indices) -> bool:
    """Tell whether each inner cluster lies whole in one outer cluster."""
    return np.unique(inner * (int(outer.max()) + 1) + outer).size == np.unique(inner).size
