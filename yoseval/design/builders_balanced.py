"""Cardinality and profile matching, as the menu offers them: from a cohort and options to a `Weighting`.

They turn tolerances into units of the covariates, and say how far the sample is from the largest there could be.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.arm_statistics import reference_spread, sort_columns
from yoseval.design.cardinality import Kept, largest_balanced, largest_profile
from yoseval.design.menu import Method, Rule, is_names, is_not_negative, is_one_of, is_optional, is_whole
from yoseval.design.nearest_request import exact_cells
from yoseval.design.propensity import fit_propensity
from yoseval.design.types import Weighting


def build_cardinality(
    cohort: Cohort, *, estimand: str, ratio: int | None, tols: float, std_tols: bool, exact: Sequence[str] | str
) -> Weighting:
    """Keep the largest balanced sample of both arms; options as in ``CARDINALITY``, ratio None = as ``PROFILE``."""
    if ratio is None:
        return build_profile(cohort, estimand=estimand, tols=tols, std_tols=std_tols)
    matrix, treated = cohort.matrix(), cohort.treated
    tolerance = _tolerance(matrix, treated, tols, pooled=False, standardised=std_tols)
    found = largest_balanced(matrix.values, treated, tolerance, ratio=ratio, cells=exact_cells(cohort, exact))
    return _weighting(matrix, treated, found, estimand)


def build_profile(cohort: Cohort, *, estimand: str, tols: float, std_tols: bool) -> Weighting:
    """Keep the largest sample of an arm that has the means of the target.

    For the ATT the target is the treated, all of whom are kept; for the ATC the comparison units; for the ATE it is
    everybody, and both arms are selected, each within ``tols`` of it. Tolerances are in standard deviations of the
    treated for the ATT, and of the arms pooled otherwise.
    """
    matrix, treated = cohort.matrix(), cohort.treated
    tolerance = _tolerance(matrix, treated, tols, pooled=estimand != "ATT", standardised=std_tols)
    aim = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(treated), dtype=bool)}[estimand]
    target, units, bound = matrix.values[aim].mean(axis=0), np.ones(len(treated), dtype=bool), 0
    for arm in (treated, ~treated):
        kept = Kept(np.ones(int(arm.sum()), dtype=bool), int(arm.sum()))
        if not np.array_equal(arm, aim):
            kept = largest_profile(matrix.values[arm], target, tolerance)
        units[arm] = kept.units
        bound += kept.bound
    return _weighting(matrix, treated, Kept(units, bound), estimand)


def _tolerance(matrix: CovariateMatrix, treated: Flags, tols: float, *, pooled: bool, standardised: bool) -> Floats:
    """Return the largest difference of means of each term in its own unit."""
    if not standardised:
        return np.full(len(matrix.terms), float(tols))
    is_flag = np.array([kind != "numeric" for kind in matrix.kinds], dtype=bool)
    spread = reference_spread(sort_columns(matrix.values, is_flag), treated, pooled=pooled)
    return tols * spread


def _weighting(matrix: CovariateMatrix, treated: Flags, kept: Kept, estimand: str) -> Weighting:
    propensity = fit_propensity(matrix, treated)
    size = "No larger sample is balanced within the tolerances."
    if not kept.is_largest:
        more = int(np.ceil(100.0 * (kept.bound / float(kept.units.sum()) - 1.0)))
        size = f"A balanced sample could be larger by {more} % at most."
    left = (("not in the largest balanced sample", ~kept.units),)
    return Weighting(
        weight=kept.units.astype(np.float64),
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=propensity.score,
        estimand=estimand,
        left=tuple((reason, who) for reason, who in left if who.any()),
        notes=(size, *propensity.notes()),
    )


_TOLERANCES = {
    "tols": Rule(is_not_negative, "a number, zero or more"),
    "std_tols": Rule(is_one_of(True, False), "true or false"),
}
CARDINALITY = Method(
    build=build_cardinality,
    accepts=("ATT",),
    options=MappingProxyType({"ratio": 1, "tols": 0.05, "std_tols": True, "exact": ()}),
    needs="means of the arms close enough for a sample of both to be balanced",
    cite="zubizarreta2014",
    rules=MappingProxyType(
        {
            "ratio": Rule(is_optional(is_whole(1)), "a whole number, 1 or more, or None"),
            **_TOLERANCES,
            "exact": Rule(is_names, "the name of a column, or several", {"ratio": lambda v: v is not None}, "with a ratio"),
        }
    ),
)
PROFILE = Method(
    build=build_profile,
    accepts=("ATT", "ATC", "ATE"),
    options=MappingProxyType({"tols": 0.05, "std_tols": True}),
    needs="means of the target within the reach of the units that are selected",
    cite="cohn2022",
    rules=MappingProxyType(_TOLERANCES),
)
