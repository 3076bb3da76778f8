"""Rules across rows and tables, each on a table just large enough to break it."""

from datetime import date

import ibis
import pytest

from yoseval.records.checking.rules import across_people, across_programmes, children, latest_event, repeated_rows
from yoseval.records.engine import open_engine
from yoseval.records.schema import TABLES


@pytest.fixture(scope="module")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


def people(*rows):
    names = {"person_id": "string", "date_of_birth": "date", "birth_precision": "string", "_row": "int64"}
    filled = [(p, date.fromisoformat(b), precision, i) for i, (p, b, precision) in enumerate(rows, start=2)]
    return ibis.memtable(filled, schema=ibis.schema(names))


def table(names, *rows):
    return ibis.memtable([(*r, i) for i, r in enumerate(rows, start=2)], schema=ibis.schema(names | {"_row": "int64"}))


@pytest.mark.parametrize(
    ("birth", "precision", "earliest", "ten"),
    [
        ("2004-03-05", "day", date(2004, 3, 5), date(2014, 3, 5)),
        ("2004-02-29", "day", date(2004, 2, 29), date(2014, 3, 1)),
        ("2004-03-15", "month", date(2004, 3, 1), date(2014, 3, 1)),
        ("2004-12-31", "day", date(2004, 12, 31), date(2014, 12, 31)),
    ],
)
def test_the_earliest_birth_and_tenth_birthday(engine, birth, precision, earliest, ten):
    found = engine.frame(children(people(("a", birth, precision))))

    assert [found["_born"][0].date(), found["_ten"][0].date()] == [earliest, ten]


def test_a_child_twice_in_people_does_not_double_the_rows_of_others(engine):
    known = children(people(("a", "2004-03-05", "day"), ("a", "2003-03-05", "day")))
    exits = table({"person_id": "string", "exit_date": "date", "reason": "string"}, ("a", date(2000, 1, 1), "died"))

    broken, rules = across_people(exits, TABLES["exits"], known)

    assert engine.frame(broken)["_row"].tolist() == [2]
    assert [r.column for r in rules] == ["person_id", "exit_date"]


def test_rows_without_an_id_are_not_joined_to_anybody(engine):
    known = children(people(("a", "2004-03-05", "day"), (None, "2004-03-05", "day")))
    exits = table({"person_id": "string", "exit_date": "date", "reason": "string"}, (None, date(2020, 1, 1), "died"))

    broken, _ = across_people(exits, TABLES["exits"], known)

    assert engine.frame(broken).empty


def test_a_placeholder_is_not_told_again_as_an_unknown_child(engine):
    known = children(people(("a", "2004-03-05", "day")))
    exits = table({"person_id": "string", "exit_date": "date", "reason": "string"}, ("N/A", None, "died"), ("b", None, "died"))

    broken, _ = across_people(exits, TABLES["exits"], known)

    assert engine.frame(broken)["_row"].tolist() == [3]


def test_a_start_on_a_programme_off_the_menu_is_found(engine):
    starts = table({"programme_id": "string"}, ("a",), ("b",), (None,), ("a",))
    menu = table({"programme_id": "string"}, ("a",), ("a",), (None,))

    broken, _ = across_programmes(starts, menu)

    assert engine.frame(broken)["_row"].tolist() == [3]


def test_rows_whose_key_stands_earlier_are_found_and_the_first_is_not(engine):
    rows = table({"disposal_id": "string"}, ("a",), ("b",), ("a",), (None,), (None,), ("a",))

    found = engine.frame(repeated_rows(rows, TABLES["disposals"]))

    assert sorted(found["_row"]) == [4, 7]


def test_tables_without_a_key_and_offences_have_no_repeated_rows():
    assert repeated_rows(None, TABLES["sessions"]) is None
    assert repeated_rows(None, TABLES["offences"]) is None


def test_the_latest_event_leaves_planned_ends_out(engine):
    names = {"disposal_date": "date", "start_date": "date", "end_date": "date"}
    disposals = table(names, (date(2020, 1, 1), date(2020, 2, 1), date(2021, 2, 1)))
    starts = table(
        dict.fromkeys(("referral_date", "offer_date", "start_date", "end_date"), "date"), (date(2020, 3, 1), None, None, None)
    )

    found = engine.frame(latest_event({"disposals": disposals, "starts": starts}))

    assert found["latest"][0].date() == date(2020, 3, 1)
