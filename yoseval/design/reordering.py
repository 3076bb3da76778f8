"""How far apart matched units are, and the same design with its ties broken otherwise.

Takes a matched design; gives the distances of its pairs, and what the same request gives with the rows in another order.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.design.distances import POINTS
from yoseval.design.menu import names_in
from yoseval.design.methods import build_design
from yoseval.design.nearest_request import points_of
from yoseval.design.types import Design, Weighting
from yoseval.errors import UsageError

#: Methods that depend on the order of rows where units tie, and are quick enough to be built many times.
REORDERED = ("nearest", "optimal", "full", "cem")
#: A range over fewer re-orderings says too little.
LEAST = 5
# A design takes some 20 ms, and 3 to 7 microseconds a unit on the score, or 10 nanoseconds a pair of units on covariates.
_LIMITS = ("min_controls", "max_controls", "omit_fraction")
_ROOM_ON_LINE = 50 * 3_000
_ROOM_IN_SPACE = 50 * 800**2


def matched_pairs(design: Design) -> tuple[Indices, Indices]:
    """Return the positions of the treated and the comparison unit of every pair within a set, or of every match.

    Raises
    ------
    UsageError
        If the design is not one of matched sets or pairs.
    """
    if design.weighting.pairs is not None:
        return design.weighting.pairs
    if not design.is_matched:
        raise UsageError(f"'{design.method}' has no matched pairs.", "Ask this of a matched design.")
    inside = np.flatnonzero(design.weighting.set_id >= 0)
    lead, partner = inside[design.treated[inside]], inside[~design.treated[inside]]
    sets = design.weighting.set_id
    lead, partner = lead[np.argsort(sets[lead], kind="stable")], partner[np.argsort(sets[partner], kind="stable")]
    # Every treated unit of a set meets every comparison unit of it.
    low, high = np.searchsorted(sets[partner], sets[lead]), np.searchsorted(sets[partner], sets[lead], side="right")
    times = high - low
    offset = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    return np.repeat(lead, times), partner[np.repeat(low, times) + offset]


def pair_distances(design: Design) -> Floats:
    """Return the distance of every matched pair, in the units of what the design matched on.

    Parameters
    ----------
    design : Design
        Of matched sets or pairs.

    Returns
    -------
    (m,) floats
        Differences of the score or its logit, or distances on covariates.

    Raises
    ------
    UsageError
        If the design is not one of matched sets or pairs.
    """
    lead, partner = matched_pairs(design)
    points = _points(design)
    distances: Floats = np.sqrt(((points[lead] - points[partner]) ** 2).sum(axis=1))
    return distances


def reorderings_within(design: Design, *, most: int = 50) -> int:
    """Return how many re-orderings of a design take about two seconds, from its method and number of units alone.

    Parameters
    ----------
    design : Design
        Any design.
    most : int
        Never more than this.

    Returns
    -------
    int
        0 where the design has no pairs, or would take so long that fewer than ``LEAST`` could be tried. Matching on the
        score: all 50 up to 3,000 units, then in proportion fewer, 5 at 30,000. Matching on covariates, on what must
        differ, or full matching with limits takes a time that grows with the square: all 50 up to 800 units, 5 at 2,500.

    Examples
    --------
    >>> reorderings_within(design)  # doctest: +SKIP
    """
    if design.method not in REORDERED or not (design.is_matched or design.weighting.pairs is not None):
        return 0
    n = len(design.cohort.units)
    options = design.options
    in_space = any(options.get(name) for name in ("mahvars", "antiexact", *(_LIMITS if design.method == "full" else ())))
    on_line = not in_space and options.get("distance", "score") in ("logit", "score")
    room = _ROOM_ON_LINE // n if on_line else _ROOM_IN_SPACE // n**2
    found = min(most, room)
    return found if found >= LEAST else 0


def reordered_designs(design: Design, *, reorderings: int, seed: int | np.random.SeedSequence) -> Iterator[Design]:
    """Build a matched design again on its units in random orders, so that ties are broken otherwise.

    Parameters
    ----------
    design : Design
        Of matched sets or pairs. With ``m_order = 'data'`` the turns of the treated change with the order of rows.
    reorderings : int
        How many designs.
    seed : int or SeedSequence
        Of the orders.

    Yields
    ------
    Design
        The same method, options and cohort, its units in the design's own order: only weights, sets and pairs may differ.

    Raises
    ------
    UsageError
        If the design is not one of matched sets or pairs.
    """
    matched_pairs(design)
    rng = np.random.default_rng(seed)
    units = design.cohort.units
    for _ in range(reorderings):
        order = rng.permutation(len(units))
        shuffled = replace(design.cohort, units=units.iloc[order].reset_index(drop=True))
        built = build_design(shuffled, design.method, estimand=design.weighting.estimand, **design.options)
        yield replace(built, cohort=design.cohort, weighting=_put_back(built.weighting, order))


def _put_back(weighting: Weighting, order: Indices) -> Weighting:
    """Return a weighting of units in a random order as one of the same units in the order they had."""
    place = np.argsort(order)
    pairs, points = weighting.pairs, weighting.matched_on
    return replace(
        weighting,
        weight=weighting.weight[place],
        set_id=weighting.set_id[place],
        score=weighting.score[place],
        left=tuple((reason, who[place]) for reason, who in weighting.left),
        pairs=None if pairs is None else (order[pairs[0]], order[pairs[1]]),
        matched_on=None if points is None else points[place],
    )


def _points(design: Design) -> Floats:
    if design.weighting.matched_on is not None:
        return design.weighting.matched_on
    options = design.options
    if options.get("k2k"):
        return POINTS[options["k2k_method"]](design.cohort.matrix().values, design.treated)
    score = design.weighting.score
    inside = (score > 0) & (score < 1)
    logit = np.where(inside, np.log(np.where(inside, score, 0.5) / np.where(inside, 1.0 - score, 0.5)), 0.0)
    own = score if options.get("distance") == "score" else logit
    return points_of(design.cohort, options.get("distance", "logit"), names_in(options.get("mahvars", ())), np.round(own, 8))
