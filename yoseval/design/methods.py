"""The menu of designs: which methods there are, what each can be asked for, and the function that builds one.

Takes a cohort and the name of a method; gives a `Design` whose digest locks it before any outcome is seen.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort, next_step
from yoseval.design.entropy import entropy_weighting
from yoseval.design.nearest import nearest_match, weights_from_sets
from yoseval.design.propensity import Propensity, fit_propensity
from yoseval.design.randomised import randomised_weighting
from yoseval.design.support import build_on_support
from yoseval.design.types import Design, Weighting
from yoseval.design.weighting import overlap_weighting
from yoseval.errors import DesignError, UsageError

LOST_TOO_MANY = 0.10  # share of the treated whose loss renames the estimand
OVERLAP_NOTE = (
    "Overlap weights are about those who could have gone either way (ATO), not about all of the treated: "
    "those whose start was nearly certain count for little."
)


@dataclass(frozen=True, slots=True)
class Method:
    """What a method can do.

    Parameters
    ----------
    build : callable
        From a cohort and the options, the `Weighting`.
    accepts : tuple of str
        Estimands it may be asked for.
    options : mapping
        Its options with their defaults.
    needs : str
        What must hold, in words.
    cite : str
        Key of the reference.
    """

    build: Callable[..., Weighting]
    accepts: tuple[str, ...]
    options: Mapping[str, Any]
    needs: str
    cite: str


def build_design(cohort: Cohort, method: str = "nearest", *, estimand: str = "ATT", **options: Any) -> Design:
    """Match or weight a fair comparison, without sight of outcomes.

    Parameters
    ----------
    cohort : Cohort
        The units at time zero.
    method : str
        A name of ``METHODS``.
    estimand : str
        Whom the effect should be about. ``nearest`` and ``entropy`` give the ATT. ``overlap`` always gives the
        ATO and ``randomised`` always the ATE; asked for the ATT they say so in the notes.
    **options
        Of ``nearest``: ``ratio`` (1), ``caliper`` (0.2, in SDs; None for none), ``link`` (``logit`` or ``score``:
        what is matched on), ``caliper_scale`` (the same words: whose SD, over all units, the caliper is in) and
        ``exact`` (columns of the cohort). The other methods have none.

    Returns
    -------
    Design
        Weights, sets, scores and the flow continued; ``estimand`` is ``ATM`` where more than a tenth of the
        treated had no acceptable comparison.

    Raises
    ------
    UsageError
        If the method, an option or the estimand is not one there is.
    DesignError
        If no fair comparison can be built.

    Examples
    --------
    >>> design = build_design(cohort, "nearest", caliper=0.1, exact=("sex",))  # doctest: +SKIP
    """
    chosen = _chosen(cohort, method, estimand, options)
    used = {**chosen.options, **options}
    build = partial(chosen.build, **used)
    weighting = build(cohort) if cohort.randomised else build_on_support(cohort, build)
    lost = 1.0 - float((weighting.weight[cohort.treated] > 0).mean())
    renamed = weighting.estimand == "ATT" and lost > LOST_TOO_MANY
    notes = weighting.notes
    if renamed:
        notes = (*notes, "More than a tenth of the treated had no acceptable comparison: the effect is about the others (ATM).")
    attrition = _continued(cohort, weighting)
    return Design(cohort, method, used, weighting, "ATM" if renamed else weighting.estimand, attrition, notes)


def design_digest(design: Design) -> str:
    """Return a fingerprint of a design: the lock that outcomes open for.

    Parameters
    ----------
    design : Design
        A design.

    Returns
    -------
    str
        SHA-256 over method, options, estimand, covariates and every unit's id, arm, weight, score and set. A
        shuffled file gives the same digest; any other set of units, weights or options gives another.
    """
    declared = {
        "method": design.method,
        "options": dict(design.options),
        "estimand": design.estimand,
        "covariates": list(design.cohort.covariates),
    }
    ids = design.cohort.units["unit_id"].to_numpy(dtype=str)
    order = np.argsort(ids, kind="stable")
    numbers = np.round(np.column_stack([design.treated, design.weight, design.weighting.score])[order], 10) + 0.0
    digest = hashlib.sha256(json.dumps(declared, sort_keys=True, default=str).encode())
    digest.update(json.dumps(ids[order].tolist()).encode())
    digest.update(numbers.astype("<f8").tobytes())
    digest.update(_numbered_as_met(design.weighting.set_id[order]).astype("<i8").tobytes())
    return digest.hexdigest()


def _chosen(cohort: Cohort, method: str, estimand: str, options: Mapping[str, Any]) -> Method:
    """Return the method if it is there, fits the cohort and can be asked for this."""
    if method not in METHODS:
        raise UsageError(f"There is no method '{method}'.", f"Choose one of: {', '.join(METHODS)}.")
    chosen = METHODS[method]
    unknown = [o for o in options if o not in chosen.options]
    if unknown:
        known = ", ".join(chosen.options) or "none"
        raise UsageError(f"'{method}' has no option '{unknown[0]}'.", f"Its options: {known}.")
    if estimand not in chosen.accepts:
        able = [name for name, m in METHODS.items() if estimand in m.accepts]
        remedy = f"Methods that can: {', '.join(able)}." if able else "Known estimands: ATT, ATO, ATE."
        raise UsageError(f"'{method}' cannot be asked for the estimand '{estimand}'.", remedy)
    if cohort.randomised != (method == "randomised"):
        way = "was" if cohort.randomised else "was not"
        remedy = (
            "Use the method 'randomised'." if cohort.randomised else "Use another method, or declare the allocation as random."
        )
        raise DesignError(f"'{method}' does not fit: the programme {way} allocated at random.", remedy)
    return chosen


def _build_nearest(
    cohort: Cohort, *, ratio: int, caliper: float | None, link: str, caliper_scale: str, exact: tuple[str, ...] | str
) -> Weighting:
    _require_numbers(ratio, caliper)
    propensity = fit_propensity(cohort.matrix(), cohort.treated)
    distance, limit = _on_scale(propensity, link, "link"), _on_scale(propensity, caliper_scale, "caliper_scale")
    width = None if caliper is None else caliper * float(limit.std(ddof=1))
    cells = _cells(cohort, exact)
    set_id = nearest_match(distance, cohort.treated, ratio=ratio, caliper=width, caliper_on=limit, cells=cells)
    if not (set_id >= 0).any():
        raise DesignError("Not one treated unit has a comparison unit that is close enough.", "Widen the caliper.")
    return Weighting(
        weight=weights_from_sets(set_id, cohort.treated),
        set_id=set_id,
        score=propensity.score,
        estimand="ATT",
        left=_who_left(set_id, cohort.treated, cells, caliper=width, exact=bool(exact)),
        notes=(*_caliper_note(caliper, caliper_scale, width), *propensity.notes()),
    )


def _build_overlap(cohort: Cohort) -> Weighting:
    weighting = overlap_weighting(cohort.matrix(), cohort.treated)
    return replace(weighting, notes=(OVERLAP_NOTE, *weighting.notes))


def _build_entropy(cohort: Cohort) -> Weighting:
    return entropy_weighting(cohort.matrix(), cohort.treated)


def _build_randomised(cohort: Cohort) -> Weighting:
    return randomised_weighting(cohort.matrix(), cohort.treated)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "nearest": Method(
            build=_build_nearest,
            accepts=("ATT",),
            options=MappingProxyType({"ratio": 1, "caliper": 0.2, "link": "logit", "caliper_scale": "logit", "exact": ()}),
            needs="comparison units whose score is close to that of each treated unit",
            cite="stuart2010",
        ),
        "overlap": Method(
            build=_build_overlap,
            accepts=("ATT", "ATO"),
            options=MappingProxyType({}),
            needs="no covariate that tells the arms apart without fail",
            cite="li2018",
        ),
        "entropy": Method(
            build=_build_entropy,
            accepts=("ATT",),
            options=MappingProxyType({}),
            needs="means of the treated within the reach of the comparison units",
            cite="hainmueller2012",
        ),
        "randomised": Method(
            build=_build_randomised,
            accepts=("ATT", "ATE"),
            options=MappingProxyType({}),
            needs="a programme that was allocated at random",
            cite="zeng2021",
        ),
    }
)


def _require_numbers(ratio: object, caliper: object) -> None:
    if not (isinstance(ratio, Integral) and int(ratio) >= 1):
        raise UsageError(f"'ratio' is {ratio!r}.", "It must be a whole number, 1 or more.")
    if caliper is not None and not (isinstance(caliper, Real) and float(caliper) >= 0):
        raise UsageError(f"'caliper' is {caliper!r}.", "It must be a number, zero or more, or None.")


def _on_scale(propensity: Propensity, scale: str, option: str) -> Floats:
    if scale not in {"logit", "score"}:
        raise UsageError(f"'{option}' is '{scale}'.", "It must be 'logit' or 'score'.")
    return propensity.linear if scale == "logit" else np.round(propensity.score, 8)


def _cells(cohort: Cohort, exact: tuple[str, ...] | str) -> Indices:
    """Give each combination of the exact columns a number; an empty cell of the table is a value of its own."""
    columns = [exact] if isinstance(exact, str) else list(exact)
    absent = [c for c in columns if c not in cohort.units.columns]
    if absent:
        raise UsageError(f"Not a column to match exactly on: {', '.join(absent)}.", "Correct its name.")
    if not columns:
        return np.zeros(len(cohort.units), dtype=np.int64)
    numbered = cohort.units.groupby(columns, dropna=False, sort=False, observed=True).ngroup()
    cells: Indices = numbered.to_numpy().astype(np.int64)
    return cells


def _caliper_note(caliper: float | None, scale: str, width: float | None) -> tuple[str, ...]:
    if caliper is None:
        return ("No caliper: a pair may be of any distance.",)
    of = "the logit of the propensity score" if scale == "logit" else "the propensity score"
    return (f"Caliper: {caliper:g} SD of {of}, over all units ({width:.4f}).",)


def _who_left(
    set_id: Indices, treated: Flags, cells: Indices, *, caliper: float | None, exact: bool
) -> tuple[tuple[str, Flags], ...]:
    """Give every unit outside the sets one reason."""
    outside = set_id < 0
    spare = np.bincount(cells[outside & ~treated], minlength=int(cells.max()) + 1) > 0
    # Where comparison units of the cell are left over, these were too far away; else the cell ran out.
    ran_out = outside & treated & (~spare[cells] if exact or caliper is None else False)
    where = "left in the same exact cell" if exact else "left"
    reasons = (
        (f"no comparison unit {where}", ran_out),
        ("no comparison unit within the caliper", outside & treated & ~ran_out),
        ("not needed: not the closest to anybody", outside & ~treated),
    )
    return tuple((reason, who) for reason, who in reasons if who.any())


def _continued(cohort: Cohort, weighting: Weighting) -> pd.DataFrame:
    flow = cohort.attrition
    for reason, who in weighting.left:
        lost = [int((who & arm).sum()) for arm in (cohort.treated, ~cohort.treated)]
        flow = next_step(flow, stage="design", reason=reason, lost_treated=lost[0], lost_comparison=lost[1])
    return flow


def _numbered_as_met(set_id: Indices) -> Indices:
    """Give sets new numbers, in the order in which their first unit comes."""
    found, first, member = np.unique(set_id, return_index=True, return_inverse=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    numbered: Indices = np.where(set_id < 0, -1, rank[member]).astype(np.int64)
    return numbered
