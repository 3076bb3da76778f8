"""How far apart matched units are, and the same design with its ties broken otherwise.

Takes a matched design; gives the distances of its pairs, and designs on the same units in another order.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.design.distances import POINTS
from yoseval.design.menu import names_in
from yoseval.design.methods import build_design
from yoseval.design.nearest_request import points_of
from yoseval.design.types import Design
from yoseval.errors import UsageError


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


def reordered_designs(design: Design, *, reorderings: int, seed: int) -> Iterator[Design]:
    """Build a matched design again on its units in random orders, so that ties are broken otherwise.

    Parameters
    ----------
    design : Design
        Of matched sets or pairs. With ``m_order = 'data'`` the turns of the treated change with the order of rows.
    reorderings : int
        How many designs.
    seed : int
        Of the orders.

    Yields
    ------
    Design
        The same method, options and units; rows in another order.

    Raises
    ------
    UsageError
        If the design is not one of matched sets or pairs.
    """
    matched_pairs(design)
    rng = np.random.default_rng(seed)
    units = design.cohort.units
    for _ in range(reorderings):
        shuffled = units.iloc[rng.permutation(len(units))].reset_index(drop=True)
        cohort = replace(design.cohort, units=shuffled)
        yield build_design(cohort, design.method, estimand=_asked(design), **design.options)


def _asked(design: Design) -> str:
    return design.weighting.estimand


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
