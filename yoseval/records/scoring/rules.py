"""The rules that quality is scored by: which rows each concerns, and which of those do not pass.

Takes nothing; gives `RULES`, each a pair of Ibis expressions on a complete table that `quality_links` has joined to what it
needs of the others. Emptiness is a weakness only where there was something to record: an offence that is not proven has no
proof date, and that is no gap.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

import ibis
from ibis.expr import types as ir

from yoseval.records.schema import DISPOSAL_GROUP, DISPOSALS, PROOF_RESULTS, TABLES, ColumnRule
from yoseval.records.scoring.words import COLUMN_MEANINGS, OPTIONAL, REQUIRED, Meaning

Dimension = Literal["completeness", "validity", "uniqueness", "timeliness", "consistency"]
DIMENSIONS: tuple[Dimension, ...] = ("completeness", "validity", "uniqueness", "timeliness", "consistency")
Condition: TypeAlias = Callable[[ir.Table], ir.BooleanValue]

YEAR_DAYS = 365
LOOK_BACK_DAYS = 180  # MEASURES 3: assessments
LONGEST_SESSION_MINUTES = 480.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on the rows of one table.

    Parameters
    ----------
    table, column : str
        What it is about; no column where it is about the row.
    dimension : str
        One of ``DIMENSIONS``.
    words : str
        What a row looks like that passes.
    meaning : Meaning
        What the weakness means for an evaluation.
    applies : callable
        Which rows it concerns.
    fails : callable
        Which of those do not pass; one that cannot be told passes.
    needs : tuple of str
        Other tables without which the rule says nothing.
    """

    table: str
    column: str
    dimension: Dimension
    words: str
    meaning: Meaning
    applies: Condition
    fails: Condition
    needs: tuple[str, ...] = ()


def rules(extract_date: date) -> tuple[Rule, ...]:
    """Return every rule, in the order of the standard.

    Parameters
    ----------
    extract_date : date
        The day the extract was taken: what is old is old by then.
    """
    return (*_completeness(), *_consistency(), *_by_date(extract_date), _session_length())


def _always(table: ir.Table) -> ir.BooleanValue:
    return table._file.notnull()


def _began(table: ir.Table) -> ir.BooleanValue:
    return table.start_date.notnull()


def _ended(table: ir.Table) -> ir.BooleanValue:
    return table.status.isin(("completed", "stopped"))


def _proven(table: ir.Table) -> ir.BooleanValue:
    return table.result.isin(PROOF_RESULTS)


def _has_term(table: ir.Table) -> ir.BooleanValue:
    return table.disposal_type.isin(_ORDERS)


def _maybe_begun(table: ir.Table) -> ir.BooleanValue:
    """Tell a referral of which nobody knows whether it led to a start."""
    return table.start_date.isnull() & (table.status != "never_started").fill_null(True)


_ORDERS = (*(d for d in DISPOSALS if DISPOSAL_GROUP[d] in ("community", "custody")), "referral_order", "reparation_order")

#: Where a cell may be empty because there was nothing to record.
_APPLIES: Mapping[str, Condition] = {
    "offences.proof_date": _proven,
    "offences.custodial": _proven,
    "disposals.start_date": _has_term,
    "disposals.end_date": _has_term,
    "starts.offer_date": _began,
    "starts.end_date": _ended,
    "starts.planned_sessions": _began,
    "starts.reason": lambda t: t.status.isin(("stopped", "never_started")),
    "sessions.minutes": lambda t: t.held.fill_null(False),
    "sessions.reason_missed": lambda t: t.held.fill_null(False) & ~t.attended.fill_null(True),
    "sessions.group_id": lambda t: t._mode.isin(("group", "mixed")).fill_null(False),
    "statuses.because_of_order": lambda t: t.status == "looked_after",
}
_FAILS: Mapping[str, Condition] = {"starts.start_date": _maybe_begun}
_NEEDS: Mapping[str, tuple[str, ...]] = {"sessions.group_id": ("programmes",)}
#: Empty means that it goes on, or that there is nothing more to say.
_MAY_BE_EMPTY = ("custody.end_date", "statuses.end_date", "statuses.value")


def _completeness() -> Iterator[Rule]:
    for table in TABLES.values():
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            if name not in _MAY_BE_EMPTY:
                meaning = COLUMN_MEANINGS.get(name, REQUIRED if column.required else OPTIONAL)
                fails = _FAILS.get(name) or _is_empty(column)
                words = "recorded, where there was something to record" if name in _APPLIES else "recorded"
                yield Rule(
                    table.name,
                    column.name,
                    "completeness",
                    words,
                    meaning,
                    _APPLIES.get(name, _always),
                    fails,
                    _NEEDS.get(name, ()),
                )


def _is_empty(column: ColumnRule) -> Condition:
    """Tell an empty cell; the code 'unknown' is empty too."""
    if "unknown" in column.codes:
        return lambda t: t[column.name].isnull() | (t[column.name] == "unknown")
    return lambda t: t[column.name].isnull()


def _consistency() -> Iterator[Rule]:
    for table, column, words, need, consequence, remedy, applies, fails, needs in _CONSISTENCY:
        yield Rule(table, column, "consistency", words, Meaning(need, consequence, remedy), applies, fails, needs)


_Spec: TypeAlias = tuple[
    str, str, str, Literal["essential", "important", "useful"], str, str, Condition, Condition, tuple[str, ...]
]
_CONSISTENCY: tuple[_Spec, ...] = (
    (
        "offences",
        "result",
        "an offence with a proof date is convicted or cautioned",
        "essential",
        "It is not clear whether these offences are proven; only those with a result that is proof are counted.",
        "Correct the result or the date.",
        lambda t: t.proof_date.notnull(),
        lambda t: ~t.result.isin((*PROOF_RESULTS, "overturned")),
        (),
    ),
    (
        "starts",
        "status",
        "a child who never started has no start date",
        "essential",
        "Whether these children were on the programme is not clear; they are counted as started.",
        "Correct the status or the date.",
        lambda t: t.status == "never_started",
        _began,
        (),
    ),
    (
        "starts",
        "offer_date",
        "the offer is not before the referral, nor after the start",
        "useful",
        "The way to the programme is not known for these children.",
        "Correct the dates.",
        lambda t: t.offer_date.notnull(),
        lambda t: (t.offer_date < t.referral_date).fill_null(False) | (t.offer_date > t.start_date).fill_null(False),
        (),
    ),
    (
        "starts",
        "start_date",
        "the child had a disposal no later than the start",
        "important",
        "These children started before any order that is recorded; they cannot be compared from the day of an order.",
        "Record the order the programme belongs to, or that there was none.",
        _began,
        lambda t: t._n_orders_before == 0,
        ("disposals",),
    ),
    (
        "starts",
        "suitability",
        "a child for whom suitability was not met did not start",
        "important",
        "The programme is judged on children it was not made for.",
        "Check the criteria before the start, or change them.",
        lambda t: t.suitability == "not_met",
        _began,
        (),
    ),
    (
        "starts",
        "planned_sessions",
        "a start is followed by entries in the session log",
        "important",
        "Whether these children received anything is not known; an effect of the start may be an effect of nothing.",
        "Log every planned session, also those not held.",
        _began,
        lambda t: t._n_logged == 0,
        (),
    ),
    (
        "starts",
        "status",
        "a child who completed attended a session",
        "important",
        "'Completed' does not mean that the programme was received, so completion says nothing about dose.",
        "Record 'completed' only after the last session.",
        lambda t: (t.status == "completed") & (t._n_logged > 0),
        lambda t: t._n_attended == 0,
        ("sessions",),
    ),
    (
        "sessions",
        "attended",
        "only a session that was held was attended",
        "important",
        "The dose is not clear.",
        "Correct held or attended.",
        lambda t: t.attended.fill_null(False),
        lambda t: ~t.held.fill_null(True),
        (),
    ),
    (
        "sessions",
        "person_id",
        "the child was referred to the programme of the session",
        "important",
        "These sessions belong to no referral, so they are counted for nobody: delivery looks worse than it was.",
        "Record the referral and the start.",
        _always,
        lambda t: t._n_referrals == 0,
        ("starts",),
    ),
    (
        "sessions",
        "session_date",
        "the session lies between the child's start and end",
        "useful",
        "The end of the programme, or the date of the session, is wrong: how long a child was on it is not known.",
        "Correct the dates.",
        lambda t: t._n_referrals > 0,
        lambda t: (
            (t.session_date < t._first_start).fill_null(False)
            | ((t._n_open == 0) & (t.session_date > t._last_end)).fill_null(False)
        ),
        ("starts",),
    ),
)
_LATE_PROOF = Meaning(
    "important",
    "Reoffences that are still undecided are counted as none; recent programmes look better than they are.",
    "Follow the cases up with the court, and extract again.",
)
_STALE = Meaning("important", "Whether these children are still on the programme is not known.", "Close what has ended.")
_NO_RECENT = Meaning(
    "important",
    "Risk and need at the order are not known from a recent assessment, so groups may differ in them unseen.",
    "Assess every child within 180 days before the order, and extract the items.",
)


def _by_date(extract_date: date) -> Iterator[Rule]:
    year_ago = ibis.literal(extract_date - timedelta(days=YEAR_DAYS))
    yield Rule(
        "offences",
        "result",
        "timeliness",
        "an offence more than 365 days old is decided",
        _LATE_PROOF,
        lambda t: t.offence_date < year_ago,
        lambda t: t.result == "pending",
    )
    yield Rule(
        "starts",
        "status",
        "timeliness",
        "a start more than 365 days old is no longer 'ongoing'",
        _STALE,
        lambda t: t.start_date < year_ago,
        lambda t: t.status == "ongoing",
    )
    yield Rule(
        "disposals",
        "disposal_date",
        "timeliness",
        f"at an order, the child was assessed in the {LOOK_BACK_DAYS} days up to it",
        _NO_RECENT,
        _has_term,
        lambda t: t._n_assessed == 0,
        ("assessments",),
    )


def _session_length() -> Rule:
    return Rule(
        "sessions",
        "minutes",
        "validity",
        f"a session lasts more than 0 and at most {LONGEST_SESSION_MINUTES:g} minutes",
        Meaning("useful", "The dose in minutes is not to be trusted.", "Check the minutes."),
        lambda t: t.minutes.notnull() & t.held.fill_null(False),
        lambda t: (t.minutes <= 0) | (t.minutes > LONGEST_SESSION_MINUTES),
    )
