"""The stratifying methods of the menu: exact matching, coarsened exact matching, subclasses of the score.

Each takes a cohort and gives a `Weighting`; the statistics are in the leaves.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.design.distances import POINTS
from yoseval.design.menu import Method, Rule, is_one_of, is_whole
from yoseval.design.nearest_lines import number_sets
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_search import search_matches
from yoseval.design.propensity import fit_propensity
from yoseval.design.strata import (
    coarsen,
    exact_strata,
    is_cutpoints,
    is_grouping,
    require_strata,
    weights_from_strata,
)
from yoseval.design.subclass import subclasses
from yoseval.design.types import Weighting

TARGETS = ("ATT", "ATC", "ATE")
QUANTILES_OF = {"ATT": "treated", "ATC": "comparison", "ATE": "all"}


def build_exact(cohort: Cohort, *, estimand: str) -> Weighting:
    """Keep the units that have an equal in the other arm on every covariate."""
    strata = exact_strata(cohort.units[list(cohort.covariates)], cohort.treated)
    require_strata(strata, "Coarsen the covariates: use the method 'cem'.")
    return _stratified(cohort, strata, estimand, "equal on every covariate")


def build_cem(
    cohort: Cohort,
    *,
    estimand: str,
    cutpoints: str | int | Mapping[str, Any],
    grouping: Mapping[str, Any],
    k2k: bool,
    k2k_method: str,
) -> Weighting:
    """Keep the units that have an equal in the other arm on every coarsened covariate."""
    table = coarsen(cohort.units[list(cohort.covariates)], cutpoints, grouping)
    strata = exact_strata(table, cohort.treated)
    require_strata(strata, "Use fewer cutpoints, or group values.")
    if k2k:
        return _paired(cohort, strata, estimand, k2k_method)
    return _stratified(cohort, strata, estimand, "in the same bins")


def build_subclass(cohort: Cohort, *, estimand: str, subclass: int, sub_by: str, min_n: int) -> Weighting:
    """Cut the propensity score into subclasses and weight within them."""
    score = np.round(fit_propensity(cohort.matrix(), cohort.treated).score, 8)
    by = QUANTILES_OF[estimand] if sub_by == "estimand" else sub_by
    strata = subclasses(score, cohort.treated, number=subclass, by=by, min_n=min_n)
    require_strata(strata, "Use fewer subclasses.")
    made = int(strata.max()) + 1
    notes = () if made == subclass else (f"Of {subclass} subclasses asked for, {made} could be told apart.",)
    return _stratified(cohort, strata, estimand, "in the same subclass", notes)


def strata_again(strata: Indices, treated: Flags, estimand: str, kept: Indices) -> Floats:
    """Weight the kept units again within the same strata, for a jackknife.

    Parameters
    ----------
    strata : (n,) integers
        Strata of all units, -1 outside.
    treated : (n,) booleans
        True where the unit started the programme.
    estimand : str
        ``ATT``, ``ATC`` or ``ATE``.
    kept : (m,) integers
        Positions of the units that are kept.

    Returns
    -------
    (m,) floats
        Their weights; 0 where a stratum has lost an arm.
    """
    return weights_from_strata(strata[kept], treated[kept], estimand)


def _stratified(cohort: Cohort, strata: Indices, estimand: str, alike: str, notes: tuple[str, ...] = ()) -> Weighting:
    propensity = fit_propensity(cohort.matrix(), cohort.treated)
    outside = strata < 0
    reasons = (
        (f"no comparison unit {alike}", outside & cohort.treated),
        (f"no treated unit {alike}", outside & ~cohort.treated),
    )
    return Weighting(
        weight=weights_from_strata(strata, cohort.treated, estimand),
        set_id=strata,
        score=propensity.score,
        estimand=estimand,
        left=tuple((reason, who) for reason, who in reasons if who.any()),
        notes=(*notes, *propensity.notes()),
        reweight=partial(strata_again, strata, cohort.treated, estimand),
        stratified=True,
    )


def _paired(cohort: Cohort, strata: Indices, estimand: str, method: str) -> Weighting:
    """Pair the units of each stratum one to one, the nearest on the covariates as they are."""
    leading = ~cohort.treated if estimand == "ATC" else cohort.treated
    inside = np.flatnonzero(strata >= 0)
    nothing = np.zeros((len(inside), 0))
    points = POINTS[method](cohort.matrix().values, cohort.treated)[inside]
    features = Features(points, strata[inside], nothing, np.zeros(0), nothing.astype(np.int64))
    turns = np.flatnonzero(leading[inside])
    pairs = search_matches(features, leading[inside], turns=turns, most=leading[inside].astype(np.int64))
    partner = np.full(len(strata), -1, dtype=np.int64)
    partner[inside[pairs[1]]] = inside[pairs[0]]
    set_id = number_sets(partner)
    outside, alone = strata < 0, (strata >= 0) & (set_id < 0)
    reasons = (
        ("no comparison unit in the same bins", outside & cohort.treated),
        ("no treated unit in the same bins", outside & ~cohort.treated),
        ("not needed: its bins hold more of its group than of the other", alone),
    )
    propensity = fit_propensity(cohort.matrix(), cohort.treated)
    return Weighting(
        weight=(set_id >= 0).astype(np.float64),
        set_id=set_id,
        score=propensity.score,
        estimand=estimand,
        left=tuple((reason, who) for reason, who in reasons if who.any()),
        notes=("Within each combination of bins units were paired one to one.", *propensity.notes()),
    )


EXACT = Method(
    build=build_exact,
    accepts=TARGETS,
    options=MappingProxyType({}),
    needs="for most of the treated, a comparison unit that is equal on every covariate",
    cite="stuart2010",
)
CEM = Method(
    build=build_cem,
    accepts=TARGETS,
    options=MappingProxyType({"cutpoints": "sturges", "grouping": {}, "k2k": False, "k2k_method": "mahalanobis"}),
    needs="for most of the treated, a comparison unit in the same bins of every covariate",
    cite="iacus2012",
    rules=MappingProxyType(
        {
            "cutpoints": Rule(
                is_cutpoints,
                "'sturges', 'scott', 'fd', such as 'q5' for fifths, a number of bins, or cutpoints, for all or by column",
            ),
            "grouping": Rule(is_grouping, "lists of lists of values by column"),
            "k2k": Rule(is_one_of(True, False), "true or false"),
            "k2k_method": Rule(is_one_of(*POINTS), f"one of {', '.join(POINTS)}", {"k2k": True}, "with k2k = true"),
        }
    ),
)
SUBCLASS = Method(
    build=build_subclass,
    accepts=TARGETS,
    options=MappingProxyType({"subclass": 6, "sub_by": "estimand", "min_n": 1}),
    needs="enough of both groups in every subclass of the propensity score",
    cite="rosenbaum1984",
    rules=MappingProxyType(
        {
            "subclass": Rule(is_whole(2), "a whole number, 2 or more"),
            "sub_by": Rule(is_one_of("estimand", *QUANTILES_OF.values()), "one of estimand, treated, comparison, all"),
            "min_n": Rule(is_whole(0), "a whole number, 0 or more"),
        }
    ),
)
