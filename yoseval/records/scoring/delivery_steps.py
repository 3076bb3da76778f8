"""The steps of every referral, in the engine: what was reached, what was not, and what nobody recorded.

Takes validated tables and gives Ibis tables of one row a referral, or of sums for a programme. Three rules decide: a later
step never proves an earlier one, but that an offer came before a start; an empty cell is 'not recorded' unless another column
says that the step was not reached; and a session that the log does not mention is not recorded, whatever was planned.
"""

from collections.abc import Mapping
from datetime import date

import ibis
from ibis.expr import types as ir

from yoseval.records.scoring.tables import count_if

REACHED, NOT_REACHED, UNDER_WAY, NOT_RECORDED = "reached", "not_reached", "under_way", "not_recorded"
RESULTS = (REACHED, NOT_REACHED, UNDER_WAY, NOT_RECORDED)
STAGES = ("referred", "offered", "started", "session_held", "session_attended", "completed")
SESSION_STAGES = ("planned", "held", "attended")
WAITS = ("order_to_referral", "referral_to_offer", "offer_to_start", "order_to_start", "start_to_session")

_PAIR = ["person_id", "programme_id"]


def referrals(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    """Return one row a referral: its programme, suitability and the result at each of ``STAGES``.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Complete tables; ``sessions`` may be missing.
    extract_date : date
        Sessions after it have not been yet.

    Returns
    -------
    ibis.Table
        ``programme_id``, ``suitability`` and a column a stage, each with one of ``RESULTS``.
    """
    starts = _with_log(tables, extract_date)
    offers = starts.group_by("programme_id").aggregate(offers_kept=count_if(starts.offer_date.notnull()))
    starts = starts.left_join(offers, "programme_id").drop("programme_id_right")
    started = _started(starts)
    return starts.select(
        programme_id=starts.programme_id,
        suitability=starts.suitability.fill_null(NOT_RECORDED),
        referred=ibis.literal(REACHED),
        offered=_offered(starts),
        started=started,
        session_held=_in_session(starts, starts.n_held, started),
        session_attended=_in_session(starts, starts.n_attended, started),
        completed=_completed(starts),
    )


def session_sums(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    """Return for each programme how many sessions were planned, held and attended, and how many nobody recorded.

    A child's sessions number as many as were planned or as are in the log, whichever is more. Of a child who stopped, what
    is left of the plan was not held; of one still on the programme it is under way; of any other it is not recorded.

    Returns
    -------
    ibis.Table
        ``programme_id`` and the sums ``planned``, ``held``, ``attended``, ``logged``, ``dropped``, ``ahead``, ``unlogged``,
        with planned = logged + dropped + ahead + unlogged.
    """
    pairs = _planned_pairs(tables, extract_date)
    left = ibis.greatest(pairs.planned - pairs.logged, 0)
    dropped = pairs.is_stopped & (pairs.logged > 0)
    split = pairs.mutate(
        total=pairs.logged + left,
        dropped=ibis.ifelse(dropped, left, 0),
        ahead=ibis.ifelse(pairs.is_ongoing & ~dropped, left, 0),
        unlogged=ibis.ifelse(pairs.is_ongoing | dropped, 0, left),
    )
    return split.group_by("programme_id").aggregate(
        planned=split.total.sum(),
        held=split.n_held.sum(),
        attended=split.n_attended.sum(),
        logged=split.logged.sum(),
        dropped=split.dropped.sum(),
        ahead=split.ahead.sum(),
        unlogged=split.unlogged.sum(),
    )


def dated_steps(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    """Return one row a referral with its dates: of the order before the referral and before the start, and of every step.

    The order is the child's last disposal dated no later than the step; ``has_order`` tells a child who had one later
    only from a child who had none.
    """
    starts = _with_log(tables, extract_date)
    orders = tables["disposals"].select("person_id", "disposal_date")
    joined = starts.inner_join(orders, "person_id")
    dates = joined.group_by("start_id").aggregate(
        order_before_referral=joined.disposal_date.max(where=joined.disposal_date <= joined.referral_date),
        order_before_start=joined.disposal_date.max(where=joined.disposal_date <= joined.start_date),
        has_order=joined.count() > 0,
    )
    return starts.left_join(dates, "start_id").drop("start_id_right")


def wait_days(steps: ir.Table, wait: str) -> ir.Table:
    """Return how many referrals of each programme waited each number of days.

    Parameters
    ----------
    steps : ibis.Table
        What ``dated_steps`` gives.
    wait : str
        One of ``WAITS``.

    Returns
    -------
    ibis.Table
        ``programme_id``, ``days`` (empty where a date is not recorded), ``is_reversed`` and ``n``.
    """
    first, later, concerned = _WAIT_DATES[wait]
    mine = steps.filter(_is_concerned(steps, concerned))
    days = mine[later].delta(mine[first], unit="day")
    # An order is looked for before the step only: where there are later ones alone, the order of the two is reversed.
    late_order = mine[first].isnull() & mine[later].notnull() & mine.has_order.fill_null(False)
    is_reversed = late_order if first.startswith("order") else (days < 0).fill_null(False)
    counted = mine.select(programme_id=mine.programme_id, days=days, is_reversed=is_reversed)
    return counted.group_by(["programme_id", "days", "is_reversed"]).aggregate(n=counted.count())


_WAIT_DATES = {
    "order_to_referral": ("order_before_referral", "referral_date", "all"),
    "referral_to_offer": ("referral_date", "offer_date", "offered"),
    "offer_to_start": ("offer_date", "start_date", "started"),
    "order_to_start": ("order_before_start", "start_date", "started"),
    "start_to_session": ("start_date", "first_held", "started"),
}


def session_log(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    """Return for each child on each programme how many sessions the log has, up to the extract, and what came of them."""
    if "sessions" not in tables:
        empty = tables["starts"].filter(ibis.literal(False))
        return empty.select(
            *_PAIR, logged=ibis.literal(0), n_held=ibis.literal(0), n_attended=ibis.literal(0), first_held=empty.start_date
        )
    sessions = tables["sessions"].filter(lambda t: t.session_date <= ibis.literal(extract_date))
    held = sessions.held.fill_null(False)
    return sessions.group_by(_PAIR).aggregate(
        logged=sessions.count(),
        n_held=count_if(held),
        n_attended=count_if(held & sessions.attended),
        first_held=sessions.session_date.min(where=held),
    )


def is_given(cell: ir.Value) -> ir.BooleanValue:
    """Tell whether a cell holds anything."""
    return cell.notnull()


def _with_log(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    log = session_log(tables, extract_date)
    joined = tables["starts"].left_join(log, _PAIR)
    return joined.drop("person_id_right", "programme_id_right").mutate(
        logged=joined.logged.fill_null(0), n_held=joined.n_held.fill_null(0), n_attended=joined.n_attended.fill_null(0)
    )


def _offered(starts: ir.Table) -> ir.StringValue:
    return ibis.cases(
        (starts.offer_date.notnull() | starts.start_date.notnull(), REACHED),
        # Only where a programme records offers at all does an empty date say that there was none.
        ((starts.status == "never_started") & (starts.offers_kept > 0), NOT_REACHED),
        else_=NOT_RECORDED,
    )


def _started(starts: ir.Table) -> ir.StringValue:
    return ibis.cases(
        (starts.start_date.notnull(), REACHED), (starts.status == "never_started", NOT_REACHED), else_=NOT_RECORDED
    )


def _in_session(starts: ir.Table, seen: ir.IntegerColumn, started: ir.StringValue) -> ir.StringValue:
    return ibis.cases((seen > 0, REACHED), ((started == NOT_REACHED) | (starts.logged > 0), NOT_REACHED), else_=NOT_RECORDED)


def _completed(starts: ir.Table) -> ir.StringValue:
    return ibis.cases(
        (starts.status == "completed", REACHED),
        (starts.status.isin(("stopped", "never_started")), NOT_REACHED),
        (starts.status == "ongoing", UNDER_WAY),
        else_=NOT_RECORDED,
    )


def _planned_pairs(tables: Mapping[str, ir.Table], extract_date: date) -> ir.Table:
    """Return one row a child on a programme: planned and logged sessions, and whether the child stopped or goes on."""
    starts = _with_plan(tables)
    begun = starts.filter(starts.start_date.notnull())
    pairs = begun.group_by(_PAIR).aggregate(
        planned=begun.plan.sum().fill_null(0),
        is_stopped=count_if(begun.status == "stopped") > 0,
        is_ongoing=count_if(begun.status == "ongoing") > 0,
    )
    joined = pairs.left_join(session_log(tables, extract_date), _PAIR).drop("person_id_right", "programme_id_right")
    return joined.mutate(
        logged=joined.logged.fill_null(0), n_held=joined.n_held.fill_null(0), n_attended=joined.n_attended.fill_null(0)
    )


def _with_plan(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Return the starts with ``plan``: the child's own planned sessions, or else those of the programme."""
    starts = tables["starts"]
    if "programmes" not in tables:
        return starts.mutate(plan=starts.planned_sessions)
    menu = tables["programmes"].group_by("programme_id").aggregate(usual=lambda t: t.planned_sessions.max())
    joined = starts.left_join(menu, "programme_id").drop("programme_id_right")
    return joined.mutate(plan=ibis.coalesce(joined.planned_sessions, joined.usual))


def _is_concerned(steps: ir.Table, concerned: str) -> ir.BooleanValue:
    if concerned == "started":
        return steps.start_date.notnull()
    if concerned == "offered":
        return steps.offer_date.notnull() | steps.start_date.notnull()
    return ibis.literal(True)
