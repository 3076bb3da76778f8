"""Match each treated unit with its nearest comparison units on any distance, under any rule about pairs.

Takes features (points, cells, calipers, columns that must differ), how often a comparison unit may be used and the
order in which the treated choose; gives pairs. For one score without such rules `nearest.py` is faster.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

from yoseval.arrays import Flags, Indices
from yoseval.design.nearest_profiles import (
    Features,
    Found,
    Index,
    Profiles,
    build_index,
    group_profiles,
    look,
    scan,
)

FIRST_LOOK = 5  # profiles that a tree is asked for at first
BATCH = 4096  # treated units that are looked up at once
STALE = 0.9  # share of a tree's profiles still free, below which it is built again
_ROW = tuple[list[float], list[int], float]


@dataclass(slots=True, eq=False)
class _Pool:
    """The state of one matching: what is still free, and the candidates of each treated unit."""

    profiles: Profiles
    seekers: Profiles
    units: list[int]
    head: list[int]
    end: list[int]
    left: list[float]
    index: Index
    rows: dict[int, _ROW] = field(default_factory=dict)


def search_matches(
    features: Features,
    treated: Flags,
    *,
    turns: Indices | None,
    most: Indices,
    reuse: int | None = 1,
) -> tuple[Indices, Indices]:
    r"""Match greedily: each treated unit in its turn takes the nearest comparison unit it may have.

    In round r every treated unit that wants r or more, and found one in each round before, takes
    :math:`\arg\min_j d(x_i, x_j)` over the comparison units that are still free and allowed; of equally near ones
    the one that stands first. Without ``turns`` the closest pair of all is formed first, and so on; of equally close
    pairs the one whose treated unit stands first.

    Parameters
    ----------
    features : Features
        What counts about the n units.
    treated : (n,) booleans
        True where the unit started the programme.
    turns : (t,) integers or None
        Positions of the treated in the order in which they choose; None = the closest pair first.
    most : (n,) integers
        Most comparison units of each treated unit.
    reuse : int or None
        How many treated units may have one comparison unit; None = any number.

    Returns
    -------
    tuple of two (m,) integers
        Positions of the treated and of the comparison unit of each pair, by treated unit, then by round.

    References
    ----------
    rubin1980 : Rubin (1980), Biometrics 36(2), 293-298.
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21.

    Examples
    --------
    >>> points = np.array([[0.9], [0.5], [0.8], [0.4]])
    >>> nothing = np.zeros((4, 0))
    >>> features = Features(points, np.zeros(4, dtype=int), nothing, np.zeros(0), nothing.astype(int))
    >>> search_matches(features, np.array([True, True, False, False]), turns=np.array([0, 1]), most=np.ones(4, dtype=int))
    (array([0, 1]), array([2, 3]))
    """
    lead = np.flatnonzero(treated)
    if len(lead) in {0, len(treated)}:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    seekers = group_profiles(features, lead)
    pool = _pool(group_profiles(features, np.flatnonzero(~treated)), seekers, reuse)
    profile_of = np.empty(len(treated), dtype=np.int64)
    profile_of[seekers.units] = np.repeat(np.arange(len(seekers.first)), seekers.end - seekers.first)
    own = profile_of.tolist()
    chosen: dict[int, list[int]] = {int(i): [] for i in lead}
    searching = lead if turns is None else turns
    for number in range(int(most[treated].max(initial=0))):
        searching = searching[most[searching] > number]
        one_round = _closest_first if turns is None else _in_turn
        one_round(pool, searching.tolist(), own, chosen)
        searching = np.array([i for i in searching.tolist() if len(chosen[i]) > number], dtype=np.int64)
    pairs = [(i, j) for i in lead.tolist() for j in chosen[i]]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _pool(profiles: Profiles, seekers: Profiles, reuse: int | None) -> _Pool:
    everything = np.arange(len(profiles.first))
    return _Pool(
        profiles=profiles,
        seekers=seekers,
        units=profiles.units.tolist(),
        head=profiles.first.tolist(),
        end=profiles.end.tolist(),
        left=[float("inf") if reuse is None else float(reuse)] * len(profiles.units),
        index=build_index(profiles, everything, seekers),
    )


def _in_turn(pool: _Pool, turns: list[int], own: list[int], chosen: dict[int, list[int]]) -> None:
    for start in range(0, len(turns), BATCH):
        batch = turns[start : start + BATCH]
        _look_up(pool, [own[i] for i in batch])
        for i in batch:
            best = _best(pool, own[i], chosen[i])
            if best is not None:
                _take(pool, best[1], best[2])
                chosen[i].append(pool.units[best[1]])


def _closest_first(pool: _Pool, searching: list[int], own: list[int], chosen: dict[int, list[int]]) -> None:
    _look_up(pool, [own[i] for i in searching])
    heap = []
    for i in searching:
        best = _best(pool, own[i], chosen[i])
        if best is not None:
            heap.append((best[0], i, pool.units[best[1]], best[1], best[2]))
    heapq.heapify(heap)
    while heap:
        _, i, unit, place, profile = heapq.heappop(heap)
        # What is offered can only become worse, so that a pair that still stands is the closest of all.
        best = _best(pool, own[i], chosen[i])
        if best is None:
            continue
        if best[1] == place:
            _take(pool, place, profile)
            chosen[i].append(unit)
        else:
            heapq.heappush(heap, (best[0], i, pool.units[best[1]], best[1], best[2]))


def _look_up(pool: _Pool, seekers: list[int]) -> None:
    """Ask the tree for the candidates of some treated profiles, after building it again where much was taken."""
    free = _free(pool, pool.index.which)
    if len(free) < STALE * len(pool.index.which) and len(free):
        pool.index = build_index(pool.profiles, free, pool.seekers)
    place = np.unique(np.array(seekers, dtype=np.int64))
    pool.rows = dict(zip(place.tolist(), _rows(look(pool.index, pool.profiles, pool.seekers, place, FIRST_LOOK)), strict=True))


def _rows(found: Found) -> list[_ROW]:
    return list(zip(found.distance.tolist(), found.profile.tolist(), found.horizon.tolist(), strict=True))


def _best(pool: _Pool, seeker: int, had: list[int]) -> tuple[float, int, int] | None:
    """Return distance, place in ``units`` and profile of the nearest that is free; None where there is none."""
    k = FIRST_LOOK
    while True:
        distances, profiles, horizon = pool.rows[seeker]
        best = _nearest_listed(pool, distances, profiles, had)
        if horizon == float("inf") or (best is not None and best[0] < horizon):
            return best
        k *= 4
        one = np.array([seeker])
        if k <= FIRST_LOOK * 16:
            wider = look(pool.index, pool.profiles, pool.seekers, one, k)
        else:
            wider = scan(pool.profiles, pool.seekers, seeker, _free(pool, pool.index.which))
        pool.rows[seeker] = _rows(wider)[0]


def _nearest_listed(pool: _Pool, distances: list[float], profiles: list[int], had: list[int]) -> tuple[float, int, int] | None:
    best: tuple[float, int, int] | None = None
    for distance, profile in zip(distances, profiles, strict=True):
        if profile < 0:
            continue
        if best is not None and distance > best[0]:
            break
        place = _next_unit(pool, profile, had)
        if place >= 0 and (best is None or pool.units[place] < pool.units[best[1]]):
            best = (distance, place, profile)
    return best


def _next_unit(pool: _Pool, profile: int, had: list[int]) -> int:
    """Return the place of the first unit of a profile that is free and not yet had; -1 where there is none."""
    for place in range(pool.head[profile], pool.end[profile]):
        if pool.left[place] > 0 and pool.units[place] not in had:
            return place
    return -1


def _take(pool: _Pool, place: int, profile: int) -> None:
    pool.left[place] -= 1
    while pool.head[profile] < pool.end[profile] and pool.left[pool.head[profile]] <= 0:
        pool.head[profile] += 1


def _free(pool: _Pool, which: Indices) -> Indices:
    head, end = np.array(pool.head), np.array(pool.end)
    return which[head[which] < end[which]]
