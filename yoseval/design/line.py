"""Match on one score exactly: everybody stands on a line, and pairs are walks along it.

Takes positions on the line and how many partners each unit may have; gives the edges of least total length. Own
code: the packaged solvers build every pair; on a line the cheapest flow is found in n log n with two heaps, in whole
numbers, so that nothing is lost to rounding.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import DesignError

WIDE = 2**62  # stands for "no limit" on the number of partners
DECIMALS = 8  # distances are told apart to this many decimals
_WALL = 2**200


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Who is matched with whom: m pairs of positions among the n units.

    Parameters
    ----------
    treated, comparison : (m,) integers
        Position of the treated and of the comparison unit of each pair; a unit may be in several.
    """

    treated: Indices
    comparison: Indices


@dataclass(frozen=True, slots=True)
class Partners:
    """Fewest and most partners of every treated and of every comparison unit; ``WIDE`` = no limit."""

    treated: tuple[int, int]
    comparison: tuple[int, int]


@dataclass(slots=True)
class _Slopes:
    """A convex function of a whole number, as the places where its slope changes, with by how much.

    ``left`` and ``right`` hold those below and above its minimum; each side moves as a whole by its shift.
    """

    left: list[tuple[int, int]] = field(default_factory=lambda: [(0, _WALL)])
    right: list[tuple[int, int]] = field(default_factory=lambda: [(0, _WALL)])
    shift_left: int = 0
    shift_right: int = 0

    def lowest(self) -> tuple[int, int]:
        """Return the first and the last place of the minimum."""
        first = self.shift_left - self.left[0][0] if self.left else -WIDE
        return first, (self.shift_right + self.right[0][0] if self.right else WIDE)

    def widen(self, low: int, high: int) -> None:
        """Let the number rise by anything from ``low`` to ``high``, at no cost."""
        if low <= -WIDE:
            self.left.clear()
        else:
            self.shift_left += low
        if high >= WIDE:
            self.right.clear()
        else:
            self.shift_right += high

    def add_distance(self, gap: int) -> None:
        """Add ``gap`` times the absolute value of the number."""
        heappush(self.left, (self.shift_left, gap))
        self._pour(self.left, self.right, gap)
        heappush(self.right, (-self.shift_right, gap))
        self._pour(self.right, self.left, gap)

    def _pour(self, source: list[tuple[int, int]], target: list[tuple[int, int]], amount: int) -> None:
        turn = self.shift_left - self.shift_right
        while amount:
            key, weight = source[0]
            moved = min(weight, amount)
            if moved == weight:
                heappop(source)
            else:
                heapreplace(source, (key, weight - moved))
            heappush(target, (turn - key, moved))
            amount -= moved


def cheapest_steps(position: Indices, low: Indices, high: Indices) -> list[int]:
    r"""Find the walk that is open as little as possible.

    With :math:`F_0 = F_m = 0` and steps :math:`l_t \le F_t - F_{t-1} \le h_t` it minimises
    :math:`\sum_t (x_{t+1} - x_t) |F_t|`, the total length of the edges when :math:`F_t` partners wait between
    :math:`x_t` and :math:`x_{t+1}`. The cost-to-come is convex in :math:`F_t`; it is kept as its changes of slope.

    Parameters
    ----------
    position : (m,) integers
        Places on the line, ascending.
    low, high : (m,) integers
        Limits of each step; ``-WIDE`` and ``WIDE`` = none.

    Returns
    -------
    list of m int
        The steps. Among equally good ones a step is as small as those after it allow.

    Examples
    --------
    >>> cheapest_steps(np.array([0, 3, 4]), np.array([1, -1, -1]), np.array([1, 0, 0]))
    [1, -1, 0]
    """
    slopes = _Slopes()
    before: list[tuple[int, int]] = []
    lows, highs = low.tolist(), high.tolist()
    for least, most, gap in zip(lows, highs, np.diff(position, append=position[-1:]).tolist(), strict=True):
        before.append(slopes.lowest())
        slopes.widen(least, most)
        if gap:
            slopes.add_distance(gap)
    steps, here = [0] * len(lows), 0
    for t in range(len(lows) - 1, -1, -1):
        first, last = before[t]
        earliest, latest = here - highs[t], here - lows[t]
        there = min(max(here, earliest, first), latest, max(last, earliest))
        steps[t], here = here - there, there
    assert here == 0
    return steps


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Units of one arm at one place, in the order of the line: m groups of n units.

    Parameters
    ----------
    order : (n,) integers
        Positions of the units, group by group, in each group as they came.
    first, size : (m,) integers
        Where each group begins in ``order`` and how many it holds.
    place : (m,) integers
        Where it stands, in whole multiples of 1e-8, ascending.
    of_treated : (m,) booleans
        True for groups of treated units.
    """

    order: Indices
    first: Indices
    size: Indices
    place: Indices
    of_treated: Flags


def cheapest_edges(distance: Floats, treated: Flags, partners: Partners) -> Edges:
    """Match on a line so that everybody has as many partners as asked and the total distance is least.

    Parameters
    ----------
    distance : (n,) floats
        Where each unit stands; told apart to 8 decimals.
    treated : (n,) booleans
        True where the unit started the programme.
    partners : Partners
        Fewest and most partners of a unit of each arm; some numbers must satisfy both arms.

    Returns
    -------
    Edges
        In the order of the line. Units that stand at the same place share partners as evenly as whole numbers
        allow; the first rows have the extra one.

    Raises
    ------
    DesignError
        If a distance is not finite, or too large to be told apart to 8 decimals.

    Examples
    --------
    >>> far = cheapest_edges(np.array([0.0, 3.0, 4.0]), np.array([True, False, False]), Partners((1, 1), (0, 1)))
    >>> far.comparison
    array([1])
    """
    groups = group_by_place(distance, treated)
    low = np.where(groups.of_treated, _times(groups.size, partners.treated[0]), -_times(groups.size, partners.comparison[1]))
    high = np.where(groups.of_treated, _times(groups.size, partners.treated[1]), -_times(groups.size, partners.comparison[0]))
    return edges_of_groups(groups, np.abs(np.array(cheapest_steps(groups.place, low, high), dtype=np.int64)))


def group_by_place(distance: Floats, treated: Flags) -> Groups:
    """Line up units and put those of one arm at one place into a group.

    Parameters
    ----------
    distance : (n,) floats
        Where each unit stands.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    Groups
        At one place the treated come first.
    """
    position = whole_units(distance)
    order = np.lexsort((~treated, position))
    arm, place = treated[order], position[order]
    first = np.flatnonzero(np.append(True, (place[1:] != place[:-1]) | (arm[1:] != arm[:-1])))
    return Groups(order, first, np.diff(first, append=len(order)), place[first], arm[first])


def edges_of_groups(groups: Groups, taken: Indices) -> Edges:
    """Share the partners of each group among its units and pair them off in the order of the line.

    Parameters
    ----------
    groups : Groups
        m groups.
    taken : (m,) integers
        Partners of each group, in each arm the same in total.

    Returns
    -------
    Edges
        Crossing pairs is never shorter, so this is the least total distance for these numbers.
    """
    group = np.repeat(np.arange(len(groups.size)), groups.size)
    rank = np.arange(len(group)) - groups.first[group]
    degree = taken[group] // groups.size[group] + (rank < taken[group] % groups.size[group])
    arm = groups.of_treated[group]
    return Edges(*(np.repeat(groups.order[side], degree[side]) for side in (arm, ~arm)))


def whole_units(distance: Floats) -> Indices:
    """Return distances as whole multiples of 1e-8, (n,) integers.

    Raises
    ------
    DesignError
        If a distance is not finite, or above 1e9.
    """
    if not (np.abs(distance) <= 1e9).all():
        raise DesignError("A distance is not finite, or too large to be told apart to 8 decimals.", "Check the covariates.")
    units: Indices = np.rint(distance * 10.0**DECIMALS).astype(np.int64)
    return units


def _times(size: Indices, partners: int) -> Indices:
    return np.full(len(size), WIDE) if partners >= WIDE else size * partners
