"""Nearest matching, as the menu offers it: from a cohort and options to a `Weighting`.

It fits the score, turns options into arrays, chooses the leaf that is fast enough for what was asked, and says who
left and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.design.menu import Method, Rule, is_names, is_not_negative, is_number, is_one_of, is_optional, is_whole, names_in
from yoseval.design.nearest import nearest_match
from yoseval.design.nearest_lines import number_sets
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_replacement import match_with_replacement, weights_from_pairs
from yoseval.design.nearest_request import (
    DISTANCES,
    SCORES,
    Calipers,
    antiexact_codes,
    exact_cells,
    points_of,
    read_calipers,
    score_on_scale,
    turns_of,
    wanted_ratios,
)
from yoseval.design.nearest_search import search_matches
from yoseval.design.propensity import fit_propensity
from yoseval.design.reasons import reasons_outside
from yoseval.design.strata import weights_from_strata
from yoseval.design.types import Weighting
from yoseval.errors import DesignError, UsageError

ORDERS = ("largest", "smallest", "closest", "random", "data")
REPLACEMENT_NOTE = "With replacement: a comparison unit may stand in for several treated units, and counts as often."


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """What was asked, as arrays: see ``nearest_request``. ``reuse`` is None where there is no limit."""

    treated: Flags
    score: Floats
    limit: Floats
    points: Floats
    cells: Indices
    calipers: Calipers
    antiexact: Indices
    most: Indices
    m_order: str
    seed: int | None
    reuse: int | None
    on_score: bool

    @property
    def replaces(self) -> bool:
        """True where a comparison unit may be in several pairs."""
        return self.reuse is None or self.reuse > 1

    @property
    def is_plain(self) -> bool:
        """True where one score, its caliper and cells are all that counts, so that the fast leaves will do."""
        bare = self.on_score and not self.calipers.any_covariate and not self.antiexact.shape[1]
        return bare and (self.reuse is None or (self.reuse == 1 and self.m_order != "closest"))


def build_nearest(cohort: Cohort, *, estimand: str, **options: Any) -> Weighting:
    """Match each treated unit with its nearest comparison units; options as in ``NEAREST``."""
    propensity = fit_propensity(cohort.matrix(), cohort.treated)
    _require_coherent(options)
    score = score_on_scale(propensity, "score" if options["distance"] == "score" else "logit")
    calipers = read_calipers(
        cohort, propensity, options["caliper"], options["caliper_scale"], standardised=options["std_caliper"]
    )
    mahvars = names_in(options["mahvars"])
    request = _Request(
        treated=cohort.treated,
        score=score,
        limit=score_on_scale(propensity, options["caliper_scale"]),
        points=points_of(cohort, options["distance"], mahvars, score),
        cells=exact_cells(cohort, options["exact"], calipers.missing),
        calipers=calipers,
        antiexact=antiexact_codes(cohort, options["antiexact"]),
        most=wanted_ratios(score, cohort.treated, options["ratio"], options["min_controls"], options["max_controls"]),
        m_order=options["m_order"],
        seed=options["seed"],
        reuse=options["reuse_max"] if options["replace"] else 1,
        on_score=options["distance"] in SCORES and not mahvars,
    )
    return _weighting(request, propensity.score, (*calipers.notes, *propensity.notes()))


def _weighting(request: _Request, score: Floats, notes: tuple[str, ...]) -> Weighting:
    pairs = _pairs(request)
    if not len(pairs[0]):
        raise DesignError("Not one treated unit has a comparison unit that is close enough.", "Widen the caliper.")
    treated = request.treated
    if request.replaces:
        return Weighting(
            weight=weights_from_pairs(pairs, treated),
            set_id=np.full(len(treated), -1, dtype=np.int64),
            score=score,
            estimand="ATT",
            left=_who_left(request, pairs),
            notes=(*notes, REPLACEMENT_NOTE),
            pairs=pairs,
            matched_on=request.points,
        )
    partner = np.full(len(treated), -1, dtype=np.int64)
    partner[pairs[1]] = pairs[0]
    set_id = number_sets(partner)
    return Weighting(
        weight=weights_from_strata(set_id, treated),
        set_id=set_id,
        score=score,
        estimand="ATT",
        left=_who_left(request, pairs),
        notes=notes,
    )


def _pairs(request: _Request) -> tuple[Indices, Indices]:
    if not request.is_plain:
        return _search(request)
    # A caliper on the distance itself lets the fastest leaf be used.
    limit = None if request.limit is request.score else request.limit
    if request.reuse is None:
        pairs = match_with_replacement(
            request.score,
            request.treated,
            ratio=int(request.most.max()),
            caliper=request.calipers.score,
            caliper_on=limit,
            cells=request.cells,
        )
        return _first_of_each(pairs, request.most)
    sign = -1.0 if request.m_order == "smallest" else 1.0
    set_id = nearest_match(
        sign * request.score,
        request.treated,
        caliper=request.calipers.score,
        caliper_on=None if limit is None else sign * limit,
        cells=request.cells,
        turns=None if request.m_order in {"largest", "smallest"} else _turns(request),
        most=request.most,
    )
    return _pairs_of_sets(set_id, request.treated)


def _search(request: _Request) -> tuple[Indices, Indices]:
    calipers = request.calipers
    values, widths = calipers.values, calipers.widths
    if calipers.score is not None:
        values, widths = np.column_stack([request.limit, values]), np.append(calipers.score, widths)
    features = Features(request.points, request.cells, values, widths, request.antiexact)
    return search_matches(features, request.treated, turns=_turns(request), most=request.most, reuse=request.reuse)


def _turns(request: _Request) -> Indices | None:
    return turns_of(request.score, request.treated, request.m_order, request.seed)


def _first_of_each(pairs: tuple[Indices, Indices], most: Indices) -> tuple[Indices, Indices]:
    """Keep of each treated unit's pairs, which stand together, as many as it wants."""
    place = np.arange(len(pairs[0]))
    begins = np.append(True, pairs[0][1:] != pairs[0][:-1])[: len(place)]
    rank = place - np.maximum.accumulate(np.where(begins, place, 0))
    kept = rank < most[pairs[0]]
    return pairs[0][kept], pairs[1][kept]


def _pairs_of_sets(set_id: Indices, treated: Flags) -> tuple[Indices, Indices]:
    lead = np.empty(int(set_id.max(initial=-1)) + 1, dtype=np.int64)
    inside = np.flatnonzero(treated & (set_id >= 0))
    lead[set_id[inside]] = inside
    partners = np.flatnonzero(~treated & (set_id >= 0))
    return lead[set_id[partners]], partners


def _who_left(request: _Request, pairs: tuple[Indices, Indices]) -> tuple[tuple[str, Flags], ...]:
    """Give every unit outside the pairs one reason."""
    treated, cells = request.treated, request.cells
    outside = np.ones(len(treated), dtype=bool)
    outside[pairs[0]] = outside[pairs[1]] = False
    times = np.bincount(pairs[1], minlength=len(treated))
    could = ~treated & (times < (np.inf if request.reuse is None else request.reuse))
    is_limited = request.calipers.score is not None or request.calipers.any_covariate
    rule = "within the caliper" if is_limited else "that differs as it must"
    return reasons_outside(outside, treated, cells, could, rule=rule, spare="not the closest to anybody")


def _require_coherent(options: Mapping[str, Any]) -> None:
    """Refuse a ratio that its bounds contradict."""
    ratio, least, most = options["ratio"], options["min_controls"] or 1, options["max_controls"]
    if most is None and not is_whole(1)(ratio):
        raise UsageError(f"'ratio' is {ratio!r}.", "It must be a whole number, 1 or more, unless max_controls is given.")
    if most is not None and not least < ratio < most:
        raise UsageError(
            f"'ratio' is {ratio!r}, 'min_controls' {least} and 'max_controls' {most}.",
            "A ratio that varies needs min_controls < ratio < max_controls.",
        )


def _is_caliper(value: Any) -> bool:
    if isinstance(value, Mapping):
        named = all(isinstance(k, str) and is_number(v) for k, v in value.items())
        return bool(value) and named and float(value.get("propensity score", 0.0)) >= 0
    return value is None or is_not_negative(value)


NEAREST = Method(
    build=build_nearest,
    accepts=("ATT",),
    options=MappingProxyType(
        {
            "ratio": 1,
            "min_controls": None,
            "max_controls": None,
            "replace": False,
            "reuse_max": None,
            "distance": "logit",
            "mahvars": (),
            "caliper": 0.2,
            "caliper_scale": "logit",
            "std_caliper": True,
            "exact": (),
            "antiexact": (),
            "m_order": "largest",
            "seed": None,
        }
    ),
    needs="comparison units that are close to each treated unit",
    cite="stuart2010",
    rules=MappingProxyType(
        {
            "ratio": Rule(lambda v: is_number(v) and v >= 1, "a whole number, 1 or more; any number with max_controls"),
            "min_controls": Rule(
                is_optional(is_whole(1)),
                "a whole number, 1 or more",
                {"max_controls": lambda v: v is not None},
                "with max_controls",
            ),
            "max_controls": Rule(is_optional(is_whole(2)), "a whole number, 2 or more"),
            "replace": Rule(is_one_of(True, False), "true or false"),
            "reuse_max": Rule(is_optional(is_whole(1)), "a whole number, 1 or more", {"replace": True}, "with replace = true"),
            "distance": Rule(is_one_of(*DISTANCES), f"one of {', '.join(DISTANCES)}"),
            "mahvars": Rule(
                is_names,
                "the name of a column, or several",
                {"distance": lambda v: v in SCORES},
                "with distance = 'logit' or 'score'",
            ),
            "caliper": Rule(_is_caliper, "a number, zero or more, or None, or such numbers by column"),
            "caliper_scale": Rule(
                is_one_of(*SCORES), "'logit' or 'score'", {"caliper": lambda v: v is not None}, "with a caliper"
            ),
            "std_caliper": Rule(
                is_one_of(True, False), "true or false", {"caliper": lambda v: v is not None}, "with a caliper"
            ),
            "exact": Rule(is_names, "the name of a column, or several"),
            "antiexact": Rule(is_names, "the name of a column, or several"),
            "m_order": Rule(is_one_of(*ORDERS), f"one of {', '.join(ORDERS)}"),
            "seed": Rule(
                is_optional(is_whole(0)), "a whole number, 0 or more", {"m_order": "random"}, "with m_order = 'random'"
            ),
        }
    ),
)
