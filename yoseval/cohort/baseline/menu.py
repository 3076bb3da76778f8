"""Covariates at time zero from the tables of the records, blind to everything dated after it.

The menu of what a protocol may name, and the function that fetches it for moments (one child at one time zero). Only
one row a moment comes to memory; everything else stays in the engine. A table that was not given leaves its covariates
not recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.baseline.asof import Leaf, Tables
from yoseval.cohort.baseline.assessments import ASSESSMENTS, is_assessment, recorded_items
from yoseval.cohort.baseline.calendar import CALENDAR
from yoseval.cohort.baseline.custody import CUSTODY
from yoseval.cohort.baseline.disposals import DISPOSALS
from yoseval.cohort.baseline.offending import OFFENDING
from yoseval.cohort.baseline.people import PEOPLE
from yoseval.cohort.baseline.programmes import PROGRAMMES
from yoseval.cohort.baseline.statuses import BY_ORDER, STATUSES, by_order_covariates, recorded_statuses
from yoseval.errors import StudyError, listed
from yoseval.records.engine import Engine
from yoseval.records.scoring.tables import complete

LEAVES: tuple[Leaf, ...] = (PEOPLE, OFFENDING, DISPOSALS, CUSTODY, ASSESSMENTS, STATUSES, PROGRAMMES, CALENDAR)
_FIXED: Mapping[str, Leaf] = {name: leaf for leaf in LEAVES for name in leaf.meanings}


def baseline_frame(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return covariates as they were known at each moment's time zero.

    Parameters
    ----------
    engine : Engine
        Where tables and moments are.
    tables : mapping of str to ibis Table
        Tables of the records, as `read_records` gives them; ``people``, ``disposals``, ``offences`` and ``starts`` are
        needed.
    moments : ibis Table
        One row a moment: ``moment`` (int64, unique), ``person_id`` (string), ``time_zero`` and ``index_date`` (dates,
        index_date <= time_zero), ``index_kind`` (caution, disposal or release), ``disposal_type`` and
        ``index_offence_id`` (strings, may be null). Each leaf reads it once: give a stored table, not a long expression.
    names : sequence of str
        Covariates of `known_covariates`, taken on trust: `check_names` is the door. It looks at all dates of the records;
        this function does not, so that what is dated after time zero cannot even make it fail.

    Returns
    -------
    DataFrame
        One row a moment, sorted by ``moment``; then one column a name, in the order asked. Numbers are float64 (NaN = not
        recorded), categories object (None = not recorded). A code or value that is a number for every moment is a number.

    Raises
    ------
    StudyError
        If a name asks for a status because of the order.

    Examples
    --------
    >>> baseline_frame(records.engine, records.tables, moments, ["age", "prior_offences"])  # doctest: +SKIP
    """
    refused = [_refusal(n) for n in names if n.endswith(BY_ORDER)]
    if refused:
        raise StudyError(listed(refused))
    whole = complete(tables)
    index = _moments(engine, moments)
    wanted = list(dict.fromkeys(names))
    columns: dict[str, pd.Series] = {}
    for leaf in LEAVES:
        mine = [n for n in wanted if _leaf_of(n) is leaf]
        if mine:
            answers = leaf.answer(engine, whole, moments, mine).reindex(index)
            columns |= {n: _with_none(answers[n]) for n in mine}
    return pd.DataFrame({n: columns[n] for n in wanted}, index=index).reset_index()


def by_order_frame(engine: Engine, tables: Tables, moments: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Return statuses because of the order or the remand at time zero: to be reported, never to be balanced.

    Parameters
    ----------
    engine, tables, moments
        As in `baseline_frame`.
    names : sequence of str
        ``<status>_by_order``, such as ``looked_after_by_order``.

    Returns
    -------
    DataFrame
        As `baseline_frame`, with ``yes``, ``no`` or None (never recorded).

    Raises
    ------
    StudyError
        If a name does not end in ``_by_order``.

    Examples
    --------
    >>> by_order_frame(records.engine, records.tables, moments, ["looked_after_by_order"])  # doctest: +SKIP
    """
    wrong = [n for n in names if not n.endswith(BY_ORDER)]
    if wrong:
        raise StudyError(f"'{wrong[0]}' is no status because of the order.", f"Such a name ends in {BY_ORDER}.")
    index = _moments(engine, moments)
    answers = by_order_covariates(engine, complete(tables), moments, list(dict.fromkeys(names))).reindex(index)
    return pd.DataFrame({n: _with_none(answers[n]) for n in answers}, index=index).reset_index()


def known_covariates(tables: Tables) -> dict[str, str]:
    """Return every covariate that a protocol may name, with its meaning.

    Those of the standard are always there; items of assessments and statuses join them where the records hold them, at
    any date.

    Examples
    --------
    >>> known_covariates(records.tables)["age"]  # doctest: +SKIP
    'completed years at time zero'
    """
    found = {**recorded_items(tables), **recorded_statuses(tables)}
    others = {n: m for n, m in found.items() if n not in _FIXED and not n.endswith(BY_ORDER)}
    return {**{n: leaf.meanings[n] for n, leaf in _FIXED.items()}, **others}


def check_names(names: Iterable[str], tables: Tables) -> None:
    """Raise an error if a protocol names something that is no baseline covariate of these records.

    Raises
    ------
    StudyError
        All of them in one message: a name that is unknown, with the nearest known one, or a status because of the order.

    Examples
    --------
    >>> check_names(["age", "prior_offences"], records.tables)  # doctest: +SKIP
    """
    known = known_covariates(tables)
    wrong = [n for n in dict.fromkeys(names) if n not in known]
    problems = [_refusal(n) if n.endswith(BY_ORDER) else _unknown(n, known) for n in wrong]
    if problems:
        raise StudyError(problems[0] if len(problems) == 1 else f"{len(problems)} covariates are off.\n{listed(problems)}")


def _moments(engine: Engine, moments: ir.Table) -> pd.Index:
    return pd.Index(engine.frame(moments.select("moment"))["moment"].to_numpy(), name="moment").sort_values()


def _refusal(name: str) -> str:
    status = name.removesuffix(BY_ORDER)
    return (
        f"'{name}' cannot be a covariate: care because of the order or the remand follows from it and is not a baseline "
        f"covariate. Name '{status}', which leaves such episodes out; reports show them."
    )


def _unknown(name: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"'{name}' is no covariate of these records." + (
        f" Did you mean '{near[0]}'?" if near else f" Known are: {', '.join(n for n in known if '.' not in n)}."
    )


def _leaf_of(name: str) -> Leaf:
    if name in _FIXED:
        return _FIXED[name]
    return ASSESSMENTS if is_assessment(name) else STATUSES


def _with_none(column: pd.Series) -> pd.Series:
    return column.where(column.notna(), None) if column.dtype == object else column
