"""Contradictions and gaps: each is found where it was put, and nowhere else."""

import datetime as dt

import ibis
import pandas as pd
import pytest

from yoseval.frames import check_frame
from yoseval.records.schema import TABLES
from yoseval.records.scoring.delivery_notes import UNCLEAR_SESSIONS, UNCLEAR_STARTS, delivery_notes
from yoseval.records.scoring.tables import TYPES

EXTRACT = dt.date(2026, 3, 31)
D = dt.date


def table(name, rows):
    columns = [c for c in TABLES[name].columns if any(c.name in r for r in rows)]
    frame = pd.DataFrame([{c.name: r.get(c.name) for c in columns} for r in rows], dtype=object)
    return ibis.memtable(frame, schema=ibis.schema({c.name: TYPES[c.kind] for c in columns}))


def child(id, programme="m", **cells):
    usual = {"start_date": D(2025, 1, 1), "end_date": D(2025, 2, 1), "status": "completed", "suitability": "met"}
    return {"start_id": f"{id}-{programme}", "person_id": id, "programme_id": programme, **usual, **cells}


def session(id, day, programme="m", **cells):
    return {"person_id": id, "programme_id": programme, "session_date": day, "held": True, "attended": True, **cells}


def clean():
    """Two children, two sessions each: nothing to remark on."""
    return {
        "starts": [child("a"), child("b")],
        "sessions": [session(c, D(2025, 1, d)) for c in "ab" for d in (1, 8)],
        "programmes": [{"programme_id": "m", "name": "Mentoring", "owner": "Service"}],
        "availability": [{"programme_id": "m", "start_date": D(2024, 1, 1), "end_date": D(2025, 12, 31)}],
        "assessments": [
            {"person_id": "a", "assessment_date": D(2025, 1, 1), "instrument": "asset_plus", "item": "total", "value": "7"}
        ],
    }


def notes(records):
    frame = delivery_notes({name: table(name, rows) for name, rows in records.items()}, EXTRACT)
    return [tuple(r) for r in frame[["issue", "programme", "n", "n_of"]].itertuples(index=False)]


def test_clean_records_have_none():
    frame = delivery_notes({name: table(name, rows) for name, rows in clean().items()}, EXTRACT)

    assert check_frame(frame, "delivery_notes").empty


def nobody(r):
    r["programmes"].append({"programme_id": "n", "name": "New", "owner": "Service"})


def none_began(r):
    r["starts"].append(child("c", "n", start_date=None, end_date=None, status="never_started"))
    r["programmes"].append({"programme_id": "n", "name": "New", "owner": "Service"})


def unsaid(r):
    r["starts"].append(child("c", start_date=None, end_date=None, status=None))


def owners_in_rows(r):
    r["programmes"].append({"programme_id": "m", "name": "Mentoring", "owner": "Police"})


def owners_in_a_cell(r):
    r["programmes"][0]["owner"] = "Service; Police"


def silent(r):
    r["starts"].append(child("c", status="stopped"))


def no_log(r):
    r["starts"].append(child("c", "n", start_date=D(2025, 3, 1), end_date=D(2025, 4, 1)))
    r["programmes"].append({"programme_id": "n", "name": "New", "owner": "Service"})


def stray(r):
    r["sessions"].append(session("z", D(2025, 1, 2)))


def early(r):
    r["sessions"].append(session("a", D(2024, 12, 31)))


def late(r):
    r["sessions"].append(session("a", D(2025, 2, 2)))


def never_attended(r):
    r["sessions"] = [s | {"attended": False} if s["person_id"] == "a" else s for s in r["sessions"]]


def unsuitable(r):
    r["starts"][0]["suitability"] = "not_met"


def closed(r):
    r["availability"][0]["end_date"] = D(2024, 6, 1)


def two_at_once(r):
    r["starts"].append(child("a", "n", start_date=D(2025, 2, 1)))
    r["sessions"].append(session("a", D(2025, 2, 1), "n"))
    r["programmes"].append({"programme_id": "n", "name": "New", "owner": "Service"})


def two_answers(r):
    r["assessments"].append(r["assessments"][0] | {"value": "9"})


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (nobody, [("nobody_referred", "n", 0, 0)]),
        (none_began, [("nobody_started", "n", 0, 1)]),
        (unsaid, [("starts_unclear", "m", 1, 3)]),
        (owners_in_rows, [("two_owners", "m", 2, 2)]),
        (owners_in_a_cell, [("two_owners", "m", 2, 2)]),
        (silent, [("sessions_unclear", "m", 1, 3)]),
        (no_log, [("no_session_log", "n", 1, 1)]),
        (stray, [("sessions_without_referral", "m", 1, 5)]),
        (early, [("sessions_before_start", "m", 1, 5)]),
        (late, [("sessions_after_end", "m", 1, 5)]),
        (never_attended, [("completed_without_session", "m", 1, 2)]),
        (unsuitable, [("started_unsuitable", "m", 1, 2)]),
        (closed, [("started_while_closed", "m", 2, 2)]),
        # The last day of one programme is the first of the other.
        (two_at_once, [("concurrent", "m", 1, 2), ("concurrent", "n", 1, 1)]),
        (two_answers, [("contradictory_assessments", "", 1, 1)]),
    ],
    ids=lambda v: v.__name__ if callable(v) else "",
)
def test_each_trouble_is_found_alone(change, found):
    records = clean()

    change(records)

    assert notes(records) == found


def test_the_same_answer_twice_is_no_contradiction():
    records = clean()
    records["assessments"].append(dict(records["assessments"][0]))

    assert notes(records) == []


def test_a_share_at_the_limit_is_not_too_many():
    few = [child(f"p{i}") for i in range(9)] + [child("q", start_date=None, end_date=None, status=None)]
    log = [session(f"p{i}", D(2025, 1, 8)) for i in range(9)]

    assert UNCLEAR_STARTS == 0.1
    assert notes({"starts": few, "sessions": log}) == []


def test_sessions_are_unclear_above_a_fifth_of_starts():
    begun = [child(f"p{i}", status="stopped") for i in range(10)]

    assert UNCLEAR_SESSIONS == 0.2
    assert notes({"starts": begun, "sessions": [session(f"p{i}", D(2025, 1, 8)) for i in range(8)]}) == []
    assert notes({"starts": begun, "sessions": [session(f"p{i}", D(2025, 1, 8)) for i in range(7)]}) == [
        ("sessions_unclear", "m", 3, 10)
    ]


def test_no_note_shows_a_child():
    records = clean()
    unsuitable(records)
    late(records)
    frame = delivery_notes({name: table(name, rows) for name, rows in records.items()}, EXTRACT)

    assert set(frame.columns) == {"programme", "name", "issue", "n", "n_of"}
