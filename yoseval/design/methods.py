"""The menu of designs: which methods there are, what each can be asked for, and the function that builds one.

Takes a cohort and the name of a method; gives a `Design` whose digest locks it before any outcome is seen.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Indices
from yoseval.cohort.build import Cohort, next_step
from yoseval.design.builders_balanced import CARDINALITY, PROFILE
from yoseval.design.builders_nearest import NEAREST
from yoseval.design.builders_optimal import FULL, OPTIMAL
from yoseval.design.builders_strata import CEM, EXACT, SUBCLASS
from yoseval.design.builders_weighting import CBPS, ENTROPY, IPW, MATCHING_WEIGHTS, OVERLAP, RANDOMISED
from yoseval.design.menu import Method, require_options
from yoseval.design.support import build_on_support
from yoseval.design.types import Design, Weighting
from yoseval.errors import DesignError, UsageError

LOST_TOO_MANY = 0.10  # share of the treated whose loss renames the estimand

MATCHED_ONLY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ATT": ("ATM", "the treated had no acceptable comparison"),
        "ATC": ("ATCM", "the comparison units had nobody acceptable among the treated"),
        "ATE": ("ATEM", "all units had nobody acceptable in the other group"),
    }
)
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "nearest": NEAREST,
        "optimal": OPTIMAL,
        "full": FULL,
        "cardinality": CARDINALITY,
        "profile": PROFILE,
        "exact": EXACT,
        "cem": CEM,
        "subclass": SUBCLASS,
        "overlap": OVERLAP,
        "entropy": ENTROPY,
        "ipw": IPW,
        "matching_weights": MATCHING_WEIGHTS,
        "cbps": CBPS,
        "randomised": RANDOMISED,
    }
)


def build_design(cohort: Cohort, method: str = "nearest", *, estimand: str = "ATT", **options: Any) -> Design:
    """Match or weight a fair comparison, without sight of outcomes.

    Parameters
    ----------
    cohort : Cohort
        The units at time zero.
    method : str
        A name of ``METHODS``.
    estimand : str
        Whom the effect should be about: see ``capabilities()``. ``overlap`` always gives the ATO,
        ``matching_weights`` the ATM and ``randomised`` the ATE; asked for the ATT they say so in the notes.
    **options
        Options of the method, as listed with their defaults and rules by ``capabilities()``. Names and meaning are
        MatchIt's, with these differences: ``distance`` is ``logit`` (the default) or ``score`` for the propensity
        score, or a distance on covariates; ``caliper`` is 0.2 SD of the score's logit unless said otherwise, or a
        mapping by column; ``caliper_scale`` says whether that SD is of the ``logit`` or the ``score``.

    Returns
    -------
    Design
        Weights, sets, scores and the flow continued; ``estimand`` is ``ATM`` where more than a tenth of the
        treated had no acceptable comparison (``ATCM`` and ``ATEM`` where the ATC or the ATE was asked for).

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
    chosen = _chosen(cohort, method, estimand)
    used = require_options(method, chosen, options)
    weighting = _weighting(cohort, chosen, estimand, used)
    estimand_name, note = _about_whom(weighting, cohort.treated)
    notes = (*weighting.notes, note) if note else weighting.notes
    attrition = _continued(cohort, weighting)
    return Design(cohort, method, used, weighting, estimand_name, attrition, notes)


def weigh_again(design: Design, cohort: Cohort) -> Weighting:
    """Weigh another cohort by the same design, such as a sample of its children drawn with replacement.

    Parameters
    ----------
    design : Design
        Whose method, options and estimand are used.
    cohort : Cohort
        Other units with the same columns.

    Returns
    -------
    Weighting
        Weights and sets of the other cohort's units.

    Raises
    ------
    DesignError
        If no fair comparison can be built on it.

    Examples
    --------
    >>> weigh_again(design, design.cohort.resampled(rows)).weight  # doctest: +SKIP
    """
    return _weighting(cohort, METHODS[design.method], design.weighting.estimand, design.options)


def design_digest(design: Design) -> str:
    """Return a fingerprint of a design: the lock that outcomes open for.

    Parameters
    ----------
    design : Design
        A design.

    Returns
    -------
    str
        SHA-256 over method, options, estimand, covariates and every unit's id, arm, weight, score, set and instrument.
        A shuffled file gives the same digest; any other set of units, weights, options or instruments gives another.
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
    instrument = design.cohort.instrument
    if instrument:
        values = design.cohort.units[instrument].astype(str).to_numpy(dtype=object)[order]
        digest.update(json.dumps([instrument, values.tolist()]).encode())
    digest.update(_numbered_as_met(design.weighting.set_id[order]).astype("<i8").tobytes())
    if design.weighting.pairs is not None:
        digest.update(_pairs_in_order(design.weighting.pairs, order).astype("<i8").tobytes())
    return digest.hexdigest()


def capabilities() -> pd.DataFrame:
    """Return the menu as a table: what each method can be asked for.

    Returns
    -------
    DataFrame
        One row an option (one row for a method without options): ``method``, ``estimands``, ``option``,
        ``default``, ``must_be``, ``applies`` (when the option has a say; empty = always), ``needs`` and ``cite``.
        Requests are checked against the same entries.

    Examples
    --------
    >>> capabilities().query("method == 'overlap'")["estimands"].item()
    'ATT, ATO'
    """
    rows = [
        (name, ", ".join(m.accepts), option, default, *_ruled(m, option), m.needs, m.cite)
        for name, m in METHODS.items()
        for option, default in (m.options or {"": None}).items()
    ]
    names = ["method", "estimands", "option", "default", "must_be", "applies", "needs", "cite"]
    return pd.DataFrame(rows, columns=names)


def _weighting(cohort: Cohort, method: Method, estimand: str, options: Mapping[str, Any]) -> Weighting:
    build = partial(method.build, estimand=estimand, **options)
    return build(cohort) if cohort.randomised else build_on_support(cohort, build)


def _ruled(method: Method, option: str) -> tuple[str, str]:
    rule = method.rules.get(option)
    return (rule.must_be, rule.condition) if rule else ("", "")


def _chosen(cohort: Cohort, method: str, estimand: str) -> Method:
    """Return the method if it is there, fits the cohort and can be asked for this."""
    if method not in METHODS:
        raise UsageError(f"There is no method '{method}'.", f"Choose one of: {', '.join(METHODS)}.")
    chosen = METHODS[method]
    if estimand not in chosen.accepts:
        able = [name for name, m in METHODS.items() if estimand in m.accepts]
        remedy = f"Methods that can: {', '.join(able)}." if able else "Known estimands: ATT, ATC, ATE, ATO, ATM."
        raise UsageError(f"'{method}' cannot be asked for the estimand '{estimand}'.", remedy)
    if cohort.randomised != (method == "randomised"):
        way = "was" if cohort.randomised else "was not"
        remedy = (
            "Use the method 'randomised'." if cohort.randomised else "Use another method, or declare the allocation as random."
        )
        raise DesignError(f"'{method}' does not fit: the programme {way} allocated at random.", remedy)
    return chosen


def _about_whom(weighting: Weighting, treated: Flags) -> tuple[str, str]:
    """Return the estimand, renamed with a note where more than a tenth of those it is about were lost."""
    if weighting.estimand not in MATCHED_ONLY:
        return weighting.estimand, ""
    renamed, whom = MATCHED_ONLY[weighting.estimand]
    about = {"ATT": treated, "ATC": ~treated}.get(weighting.estimand, np.ones_like(treated))
    if 1.0 - float((weighting.weight[about] > 0).mean()) <= LOST_TOO_MANY:
        return weighting.estimand, ""
    return renamed, f"More than a tenth of {whom}: the effect is about the others ({renamed})."


def _continued(cohort: Cohort, weighting: Weighting) -> pd.DataFrame:
    flow = cohort.attrition
    for reason, who in weighting.left:
        lost = [int((who & arm).sum()) for arm in (cohort.treated, ~cohort.treated)]
        flow = next_step(flow, stage="design", reason=reason, lost_treated=lost[0], lost_comparison=lost[1])
    return flow


def _pairs_in_order(pairs: tuple[Indices, Indices], order: Indices) -> Indices:
    """Return pairs, (m, 2), by the places of their units in the order of ids."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    lead, partner = place[pairs[0]], place[pairs[1]]
    return np.column_stack([lead, partner])[np.lexsort((partner, lead))]


def _numbered_as_met(set_id: Indices) -> Indices:
    """Give sets new numbers, in the order in which their first unit comes."""
    found, first, member = np.unique(set_id, return_index=True, return_inverse=True)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(found))
    numbered: Indices = np.where(set_id < 0, -1, rank[member]).astype(np.int64)
    return numbered
