"""What in the records of delivery contradicts itself or is simply not there, counted by programme.

Takes validated tables and gives one public frame: a code for each kind of trouble, how many there are, and of how many. The
words are reporting's; the counts pass disclosure control there.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeAlias

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.frames import make_frame
from yoseval.records.scoring.delivery import programme_names
from yoseval.records.scoring.delivery_steps import NOT_RECORDED, REACHED, is_given, referrals, session_log
from yoseval.records.scoring.tables import complete, count_if, fetched

Tables: TypeAlias = Mapping[str, ir.Table]

#: More than this share of referrals without a start or a refusal: the programme cannot be evaluated.
UNCLEAR_STARTS = 0.10
#: More than this share of starts without a session: what was delivered cannot be said.
UNCLEAR_SESSIONS = 0.20

_PAIR = ["person_id", "programme_id"]
_OWNERS_APART = r"\s*[;/|]\s*"


def delivery_notes(tables: Tables, extract_date: date) -> pd.DataFrame:
    """Return the contradictions and gaps in the records of delivery; none where there are none.

    ``starts_unclear`` (of ``n_of`` referrals, more than ``UNCLEAR_STARTS`` without a word on whether they led to a start) ·
    ``sessions_unclear`` (of ``n_of`` starts, more than ``UNCLEAR_SESSIONS`` without a session in a log there is) ·
    ``two_owners`` (``n`` owners of one programme) · ``nobody_referred`` (on the menu, in no referral) · ``nobody_started``
    (of ``n_of`` referrals) · ``no_session_log`` (``n`` starts of a programme of which the log has nothing) ·
    ``sessions_after_end``, ``sessions_before_start`` (of ``n_of`` sessions) · ``sessions_without_referral`` ·
    ``completed_without_session`` (of ``n_of`` completed, where there is a log) · ``started_unsuitable`` (of ``n_of`` starts)
    · ``started_while_closed`` (outside the programme's availability) · ``concurrent`` (starts that overlap a start on another
    programme) · ``contradictory_assessments`` (one child, day, instrument and item with several values; no programme).

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Validated tables.
    extract_date : date
        A start without an end goes on until then.

    Returns
    -------
    DataFrame
        The public frame ``delivery_notes``, by issue, then by name.

    Examples
    --------
    >>> delivery_notes(records.tables, records.extract_date)  # doctest: +SKIP
    """
    whole = complete(tables)
    names = programme_names(whole)
    counted = [(issue, *row) for issue, count in _ISSUES.items() for row in count(whole, extract_date)]
    rows = [
        {"programme": p, "name": names.get(p, p), "issue": issue, "n": n, "n_of": n_of}
        for issue, p, n, n_of in sorted(counted, key=lambda c: (_ORDER[c[0]], names.get(c[1], c[1]).casefold(), c[1]))
    ]
    return make_frame("delivery_notes", pd.DataFrame(rows))


Counted: TypeAlias = list[tuple[str, int, int]]


def _starts_unclear(tables: Tables, extract_date: date) -> Counted:
    steps = referrals(tables, extract_date)
    counted = steps.group_by("programme_id").aggregate(n=count_if(steps.started == NOT_RECORDED), n_of=steps.count())
    return _rows(counted.filter(counted.n > UNCLEAR_STARTS * counted.n_of))


def _sessions_unclear(tables: Tables, extract_date: date) -> Counted:
    log = session_log(tables, extract_date).select("programme_id").distinct()
    steps = referrals(tables, extract_date).semi_join(log, "programme_id")
    begun = steps.filter(steps.started == REACHED)
    counted = begun.group_by("programme_id").aggregate(n=count_if(begun.session_held == NOT_RECORDED), n_of=begun.count())
    return _rows(counted.filter(counted.n > UNCLEAR_SESSIONS * counted.n_of))


def _two_owners(tables: Tables, extract_date: date) -> Counted:
    """Find programmes, by id or by name, with several owners: in several rows, or in one cell apart by ; / or |."""
    if "programmes" not in tables:
        return []
    menu = fetched(tables["programmes"].select("programme_id", "name", "owner")).dropna(subset=["owner"])
    owners = menu.assign(owner=menu["owner"].str.split(_OWNERS_APART, regex=True)).explode("owner")
    owners = owners.assign(owner=owners["owner"].str.strip().str.casefold(), name=owners["name"].str.strip().str.casefold())
    owners = owners[owners["owner"] != ""]
    found: dict[str, int] = {}
    for key in ("programme_id", "name"):
        several = owners.groupby(key)["owner"].nunique()
        for value, n in several[several > 1].items():
            first = str(owners.loc[owners[key] == value, "programme_id"].min())
            found[first] = max(int(n), found.get(first, 0))
    return [(p, n, n) for p, n in found.items()]


def _nobody_referred(tables: Tables, extract_date: date) -> Counted:
    if "programmes" not in tables:
        return []
    unused = fetched(tables["programmes"].anti_join(tables["starts"], "programme_id").select("programme_id").distinct())
    return [(str(p), 0, 0) for p in unused["programme_id"].dropna()]


def _nobody_started(tables: Tables, extract_date: date) -> Counted:
    starts = tables["starts"]
    counted = starts.group_by("programme_id").aggregate(n=count_if(is_given(starts.start_date)), n_of=starts.count())
    return _rows(counted.filter(counted.n == 0))


def _no_session_log(tables: Tables, extract_date: date) -> Counted:
    starts = tables["starts"].filter(lambda t: is_given(t.start_date))
    log = session_log(tables, extract_date).select("programme_id").distinct()
    silent = starts.anti_join(log, "programme_id")
    return _rows(silent.group_by("programme_id").aggregate(n=silent.count(), n_of=silent.count()))


def _sessions_after_end(tables: Tables, extract_date: date) -> Counted:
    """Count held sessions later than the last end, where every start of the child on the programme has one."""
    joined = _sessions_with_spell(tables)
    if joined is None:
        return []
    ended = joined.filter(joined.n_open == 0)
    counted = ended.group_by("programme_id").aggregate(n=count_if(ended.session_date > ended.last_end), n_of=ended.count())
    return _rows(counted.filter(counted.n > 0))


def _sessions_before_start(tables: Tables, extract_date: date) -> Counted:
    joined = _sessions_with_spell(tables)
    if joined is None:
        return []
    begun = joined.filter(joined.n_unbegun == 0)
    counted = begun.group_by("programme_id").aggregate(n=count_if(begun.session_date < begun.first_start), n_of=begun.count())
    return _rows(counted.filter(counted.n > 0))


def _sessions_with_spell(tables: Tables) -> ir.Table | None:
    """Return held sessions with the spell of their child on their programme; None where there is no log."""
    if "sessions" not in tables:
        return None
    starts = tables["starts"]
    spells = starts.group_by(_PAIR).aggregate(
        first_start=starts.start_date.min(),
        last_end=starts.end_date.max(),
        n_open=count_if(~is_given(starts.end_date)),
        n_unbegun=count_if(~is_given(starts.start_date)),
    )
    held = tables["sessions"].filter(lambda t: t.held.fill_null(False))
    return held.inner_join(spells, _PAIR)


def _sessions_without_referral(tables: Tables, extract_date: date) -> Counted:
    if "sessions" not in tables:
        return []
    known = tables["starts"].select(*_PAIR).distinct().mutate(is_known=ibis.literal(1))
    joined = tables["sessions"].left_join(known, _PAIR)
    counted = joined.group_by("programme_id").aggregate(n=count_if(~is_given(joined.is_known)), n_of=joined.count())
    return _rows(counted.filter(counted.n > 0))


def _completed_without_session(tables: Tables, extract_date: date) -> Counted:
    log = session_log(tables, extract_date)
    logged = tables["starts"].semi_join(log.select("programme_id").distinct(), "programme_id")
    completed = logged.filter(logged.status == "completed").left_join(log, _PAIR)
    counted = completed.group_by("programme_id").aggregate(
        n=count_if(completed.n_attended.fill_null(0) == 0), n_of=completed.count()
    )
    return _rows(counted.filter(counted.n > 0))


def _started_unsuitable(tables: Tables, extract_date: date) -> Counted:
    begun = tables["starts"].filter(lambda t: is_given(t.start_date))
    counted = begun.group_by("programme_id").aggregate(n=count_if(begun.suitability == "not_met"), n_of=begun.count())
    return _rows(counted.filter(counted.n > 0))


def _started_while_closed(tables: Tables, extract_date: date) -> Counted:
    """Count starts outside the spells of availability, of programmes that have any."""
    if "availability" not in tables:
        return []
    spells = tables["availability"].select("programme_id", opened="start_date", closed="end_date")
    begun = tables["starts"].filter(lambda t: is_given(t.start_date))
    joined = begun.inner_join(spells, "programme_id")
    inside = (joined.start_date >= joined.opened) & (joined.start_date <= joined.closed)
    each = joined.group_by(["programme_id", "start_id"]).aggregate(n_inside=count_if(inside))
    counted = each.group_by("programme_id").aggregate(n=count_if(each.n_inside == 0), n_of=each.count())
    return _rows(counted.filter(counted.n > 0))


def _concurrent(tables: Tables, extract_date: date) -> Counted:
    today = ibis.literal(extract_date)
    begun = tables["starts"].filter(lambda t: is_given(t.start_date))
    spells = begun.select("start_id", "person_id", "programme_id", "start_date", until=begun.end_date.fill_null(today))
    others = spells.select("person_id", other="programme_id", other_start="start_date", other_until="until")
    joined = spells.left_join(others, "person_id")
    meets = (
        (joined.other != joined.programme_id) & (joined.other_start <= joined.until) & (joined.other_until >= joined.start_date)
    )
    each = joined.group_by(["programme_id", "start_id"]).aggregate(n_meets=count_if(meets))
    counted = each.group_by("programme_id").aggregate(n=count_if(each.n_meets > 0), n_of=each.count())
    return _rows(counted.filter(counted.n > 0))


def _contradictory_assessments(tables: Tables, extract_date: date) -> Counted:
    if "assessments" not in tables:
        return []
    keys = ["person_id", "assessment_date", "instrument", "item"]
    answers = tables["assessments"].group_by(keys).aggregate(n_values=lambda t: t.value.nunique())
    counted = fetched(answers.aggregate(n=count_if(answers.n_values > 1), n_of=answers.count()))
    n, n_of = int(counted["n"].iloc[0]), int(counted["n_of"].iloc[0])
    return [("", n, n_of)] if n else []


def _rows(counted: ir.Table) -> Counted:
    found = fetched(counted)
    return [(str(p), int(n), int(n_of)) for p, n, n_of in zip(found["programme_id"], found["n"], found["n_of"], strict=True)]


_ISSUES: Mapping[str, Callable[[Tables, date], Counted]] = {
    "nobody_referred": _nobody_referred,
    "nobody_started": _nobody_started,
    "starts_unclear": _starts_unclear,
    "no_session_log": _no_session_log,
    "sessions_unclear": _sessions_unclear,
    "two_owners": _two_owners,
    "sessions_without_referral": _sessions_without_referral,
    "sessions_before_start": _sessions_before_start,
    "sessions_after_end": _sessions_after_end,
    "completed_without_session": _completed_without_session,
    "started_unsuitable": _started_unsuitable,
    "started_while_closed": _started_while_closed,
    "concurrent": _concurrent,
    "contradictory_assessments": _contradictory_assessments,
}
_ORDER = {issue: place for place, issue in enumerate(_ISSUES)}
