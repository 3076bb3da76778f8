"""Optimal and full matching, as the menu offers them: from a cohort and options to a `Weighting`.

They fit the score, turn options into arrays for the exact leaves, and say who left and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.design.full import SetLimits, full_match, gap_to_other_arm
from yoseval.design.menu import (
    Method,
    Rule,
    is_names,
    is_not_negative,
    is_number,
    is_one_of,
    is_optional,
    is_whole,
)
from yoseval.design.nearest_request import DISTANCES, SCORES, exact_cells, points_of, read_calipers, score_on_scale
from yoseval.design.optimal import optimal_match
from yoseval.design.propensity import Propensity, fit_propensity
from yoseval.design.reasons import reasons_outside
from yoseval.design.strata import weights_from_strata
from yoseval.design.types import Weighting
from yoseval.errors import DesignError, UsageError


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Where n units stand, and which pairs are allowed; ``width`` None = no caliper on ``limit``."""

    propensity: Propensity
    place: Floats
    limit: Floats
    width: float | None
    cells: Indices
    notes: tuple[str, ...]


def build_optimal(
    cohort: Cohort,
    *,
    estimand: str,
    ratio: int,
    distance: str,
    caliper: float | None,
    caliper_scale: str,
    exact: Sequence[str] | str,
) -> Weighting:
    """Match pairs at the least total distance; options as in ``OPTIMAL``."""
    request, treated = _read_request(cohort, distance, caliper, caliper_scale, exact), cohort.treated
    set_id = optimal_match(
        request.place, treated, ratio=ratio, caliper=request.width, caliper_on=request.limit, cells=request.cells
    )
    outside = set_id < 0
    rule, spare = "within the caliper", "another comparison unit is closer"
    left = reasons_outside(outside, treated, request.cells, outside & ~treated, rule=rule, spare=spare)
    return _weighting(request, set_id, treated, estimand, left)


def build_full(
    cohort: Cohort,
    *,
    estimand: str,
    distance: str,
    min_controls: float | None,
    max_controls: float | None,
    omit_fraction: float | None,
    caliper: float | None,
    caliper_scale: str,
    exact: Sequence[str] | str,
) -> Weighting:
    """Put everybody into a set at the least total distance; options as in ``FULL``."""
    limits = read_limits(min_controls, max_controls, omit_fraction)
    request, treated = _read_request(cohort, distance, caliper, caliper_scale, exact), cohort.treated
    set_id = full_match(
        request.place, treated, limits=limits, caliper=request.width, caliper_on=request.limit, cells=request.cells
    )
    return _weighting(request, set_id, treated, estimand, _who_left(set_id, treated, request))


def read_limits(min_controls: float | None, max_controls: float | None, omit_fraction: float | None) -> SetLimits:
    """Fill the limits that are absent and refuse those that contradict each other.

    Raises
    ------
    UsageError
        Naming the option that contradicts another.
    """
    low, high = min_controls or 0.0, float("inf") if max_controls is None else max_controls
    if low > high:
        raise UsageError(f"'max_controls' is {max_controls!r}.", "It must be min_controls or more.")
    share = omit_fraction or 0.0
    limits = SetLimits(float(low), float(high), float(share))
    if share and limits.partners.comparison[0] > 1:
        raise UsageError(f"'omit_fraction' is {omit_fraction!r}.", "It must be 0 or None where max_controls is below 1.")
    return limits


def _read_request(
    cohort: Cohort, distance: str, caliper: float | None, caliper_scale: str, exact: Sequence[str] | str
) -> _Request:
    propensity = fit_propensity(cohort.matrix(), cohort.treated)
    calipers = read_calipers(cohort, propensity, caliper, caliper_scale, standardised=True)
    score = score_on_scale(propensity, "score" if distance == "score" else "logit")
    return _Request(
        propensity=propensity,
        place=score if distance in SCORES else points_of(cohort, distance, (), score),
        limit=score_on_scale(propensity, caliper_scale),
        width=calipers.score,
        cells=exact_cells(cohort, exact),
        notes=(*calipers.notes, *propensity.notes()),
    )


def _weighting(
    request: _Request, set_id: Indices, treated: Flags, estimand: str, left: tuple[tuple[str, Flags], ...]
) -> Weighting:
    if not (set_id >= 0).any():
        raise DesignError("Not one treated unit has a comparison unit that is close enough.", "Widen the caliper.")
    return Weighting(
        weight=weights_from_strata(set_id, treated, estimand),
        set_id=set_id,
        score=request.propensity.score,
        estimand=estimand,
        left=left,
        notes=request.notes,
    )


def _who_left(set_id: Indices, treated: Flags, request: _Request) -> tuple[tuple[str, Flags], ...]:
    """Give every unit outside the sets one reason."""
    outside, has_others, near = set_id < 0, np.zeros(len(treated), dtype=bool), np.zeros(len(treated), dtype=bool)
    for cell in np.unique(request.cells[outside]):
        rows = np.flatnonzero(request.cells == cell)
        has_others[rows] = treated[rows].any() and not treated[rows].all()
        if has_others[rows].all():
            gap = gap_to_other_arm(request.limit[rows], treated[rows])
            near[rows] = request.width is None or gap <= request.width
    reasons = []
    for arm, other in ((treated, "comparison"), (~treated, "treated")):
        reasons += [
            (f"no {other} unit in the same exact cell", outside & arm & ~has_others),
            (f"no {other} unit within the caliper", outside & arm & has_others & ~near),
        ]
    reasons.append(("left out by the limits on the sets", outside & has_others & near))
    return tuple((reason, who) for reason, who in reasons if who.any())


def _is_whole_or_inverse(value: Any) -> bool:
    if not (is_number(value) and float(value) > 0):
        return False
    number = float(value)
    number = 1 / number if number < 1 else number
    return abs(number - round(number)) < 1e-9 * number


_LIMIT = Rule(is_optional(_is_whole_or_inverse), "a whole number, one over a whole number such as 1/5, or None")
_SHARED = {
    "distance": Rule(is_one_of(*DISTANCES), f"one of {', '.join(DISTANCES)}"),
    "caliper": Rule(is_optional(is_not_negative), "a number, zero or more, or None"),
    # Without a caliper it has no say; it is not refused, so that candidates with and without one can share it.
    "caliper_scale": Rule(is_one_of(*SCORES), "'logit' or 'score'"),
    "exact": Rule(is_names, "the name of a column, or several"),
}
OPTIMAL = Method(
    build=build_optimal,
    accepts=("ATT",),
    options=MappingProxyType({"ratio": 1, "distance": "logit", "caliper": 0.2, "caliper_scale": "logit", "exact": ()}),
    needs="comparison units that are close to each treated unit",
    cite="rosenbaum1989",
    rules=MappingProxyType({"ratio": Rule(is_whole(1), "a whole number, 1 or more"), **_SHARED}),
)
FULL = Method(
    build=build_full,
    accepts=("ATT", "ATC", "ATE"),
    options=MappingProxyType(
        {
            "distance": "logit",
            "min_controls": None,
            "max_controls": None,
            "omit_fraction": None,
            "caliper": None,
            "caliper_scale": "logit",
            "exact": (),
        }
    ),
    needs="somebody of the other arm who is close, for every unit",
    cite="hansen2006",
    rules=MappingProxyType(
        {
            "min_controls": _LIMIT,
            "max_controls": _LIMIT,
            "omit_fraction": Rule(is_optional(lambda v: is_not_negative(v) and v < 1), "zero or more and below 1, or None"),
            **_SHARED,
        }
    ),
)
