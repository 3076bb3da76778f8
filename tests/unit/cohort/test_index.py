"""Index events solved by hand: one child a case, what was recorded of it, and the event that opens its evaluation."""

from dataclasses import dataclass, field
from datetime import date

import pandas as pd
import pytest

from yoseval.cohort.index import CHILD_COLUMNS, children_frame, index_events
from yoseval.cohort.sections import EligibilitySection

NONE = None
FIRST, LAST = date(2022, 1, 1), date(2022, 12, 31)
AT_LIBERTY = ("youth_caution", "community_resolution", "referral_order", "youth_rehabilitation_order")
EVERYTHING = (*AT_LIBERTY, "detention_and_training_order", "section_250")


def on(month, day, year=2022):
    return date(year, month, day)


def given(kind, day, id=None, offence=None):
    return {"disposal_type": kind, "disposal_date": day, "index_offence_id": offence} | ({"disposal_id": id} if id else {})


def spell(begun, ended, kind="sentence"):
    return {"start_date": begun, "end_date": ended, "kind": kind}


@dataclass(frozen=True)
class Case:
    """What was recorded of one child, and its index event: (day, kind, disposal, how many there were); None = no event."""

    name: str
    disposals: list
    expect: tuple | None
    custody: list = field(default_factory=list)
    index: str = "first"
    disposals_counted: tuple = EVERYTHING
    months: tuple = ()


RO, YRO, YC, CR, DTO, S250 = (
    "referral_order", "youth_rehabilitation_order", "youth_caution", "community_resolution", "detention_and_training_order",
    "section_250",
)  # fmt: skip
CASES = [
    Case("a disposal counts on its day", [given(RO, on(3, 1))], (on(3, 1), "disposal", RO, 1)),
    Case("a caution is one", [given(YC, on(3, 1))], (on(3, 1), "caution", YC, 1)),
    Case("a diversion is one", [given(CR, on(3, 1))], (on(3, 1), "diversion", CR, 1)),
    Case("a community order is a disposal", [given(YRO, on(3, 1))], (on(3, 1), "disposal", YRO, 1)),
    Case("nothing recorded, no event", [], NONE),
    Case("a disposal of another kind is none", [given("fine", on(3, 1))], NONE),
    Case("a kind that the study leaves out is none", [given(YC, on(3, 1))], NONE, disposals_counted=(RO,)),
    Case("the first day of the index dates counts", [given(RO, FIRST)], (FIRST, "disposal", RO, 1)),
    Case("the day before does not", [given(RO, date(2021, 12, 31))], NONE),
    Case("the last day counts", [given(RO, LAST)], (LAST, "disposal", RO, 1)),
    Case("the day after does not", [given(RO, date(2023, 1, 1))], NONE),
    Case("the first of two", [given(RO, on(5, 1)), given(YC, on(3, 1))], (on(3, 1), "caution", YC, 2)),
    Case("an event before the dates is not counted", [given(RO, on(5, 1)), given(YC, on(12, 1, 2021))],
         (on(5, 1), "disposal", RO, 1)),
    Case("an event after the dates is not counted", [given(RO, on(5, 1)), given(YC, on(1, 1, 2023))],
         (on(5, 1), "disposal", RO, 1)),
    Case("the last of two", [given(RO, on(5, 1)), given(YC, on(3, 1))], (on(5, 1), "disposal", RO, 2), index="last"),
    Case("the most severe of three", [given(YC, on(3, 1)), given(YRO, on(6, 1)), given(RO, on(9, 1))],
         (on(6, 1), "disposal", YRO, 3), index="most_severe"),
    Case("of two as severe the first", [given(RO, on(6, 1)), given(RO, on(4, 1)), given(YC, on(3, 1))],
         (on(4, 1), "disposal", RO, 3), index="most_severe"),
    Case("of two on one day the more severe", [given(YC, on(3, 1)), given(RO, on(3, 1))], (on(3, 1), "disposal", RO, 2)),
    Case("so too for the last", [given(RO, on(3, 1)), given(YC, on(3, 1))], (on(3, 1), "disposal", RO, 2), index="last"),
    Case("a custodial sentence is no event while it is served", [given(DTO, on(3, 1))], NONE, [spell(on(3, 1), None)]),
    Case("without a spell there is no release", [given(DTO, on(3, 1))], NONE),
    Case("the release is the event", [given(DTO, on(3, 1))], (on(7, 1), "release", DTO, 1), [spell(on(3, 1), on(7, 1))]),
    Case("a release from remand is none", [given(DTO, on(3, 1))], NONE, [spell(on(3, 1), on(7, 1), "remand")]),
    Case("a release without a custodial disposal is none", [], NONE, [spell(on(3, 1), on(7, 1))]),
    Case("a custodial disposal after the release does not belong to it", [given(DTO, on(7, 2))], NONE,
         [spell(on(3, 1), on(7, 1))]),
    Case("one on the day of the release does", [given(DTO, on(7, 1))], (on(7, 1), "release", DTO, 1),
         [spell(on(3, 1), on(7, 1))]),
    Case("sentenced before the dates, released within", [given(DTO, on(11, 1, 2021))], (on(2, 1), "release", DTO, 1),
         [spell(on(11, 1, 2021), on(2, 1))]),
    Case("sentenced within the dates, released after", [given(DTO, on(11, 1))], NONE, [spell(on(11, 1), on(2, 1, 2023))]),
    Case("the last sentence before the release is what it is of", [given(S250, on(2, 1)), given(DTO, on(3, 1))],
         (on(7, 1), "release", DTO, 1), [spell(on(3, 1), on(7, 1))]),
    Case("two spells are two releases", [given(DTO, on(3, 1))], (on(5, 1), "release", DTO, 2),
         [spell(on(3, 1), on(5, 1)), spell(on(6, 1), on(8, 1))]),
    Case("the last release", [given(DTO, on(3, 1))], (on(8, 1), "release", DTO, 2),
         [spell(on(3, 1), on(5, 1)), spell(on(6, 1), on(8, 1))], index="last"),
    Case("a disposal before a release is first", [given(RO, on(2, 1)), given(DTO, on(3, 1))], (on(2, 1), "disposal", RO, 2),
         [spell(on(3, 1), on(7, 1))]),
    Case("a release before a disposal is first", [given(RO, on(9, 1)), given(DTO, on(3, 1))], (on(7, 1), "release", DTO, 2),
         [spell(on(3, 1), on(7, 1))]),
    Case("of a release and a disposal on one day the release", [given(RO, on(7, 1)), given(DTO, on(3, 1))],
         (on(7, 1), "release", DTO, 2), [spell(on(3, 1), on(7, 1))]),
    Case("custody that the study leaves out opens nothing", [given(DTO, on(3, 1))], NONE, [spell(on(3, 1), on(7, 1))],
         disposals_counted=AT_LIBERTY),
    Case("a study of custody alone", [given(RO, on(2, 1)), given(DTO, on(3, 1))], (on(7, 1), "release", DTO, 1),
         [spell(on(3, 1), on(7, 1))], disposals_counted=(DTO,)),
    Case("a month that the profile leaves out is none", [given(RO, on(4, 1))], NONE, months=(1, 2, 3)),
    Case("the first in the months of the profile", [given(RO, on(4, 1)), given(YC, on(5, 1)), given(YC, on(3, 31))],
         (on(3, 31), "caution", YC, 1), months=(1, 2, 3)),
    Case("a release in the months of the profile", [given(DTO, on(1, 1))], (on(2, 1), "release", DTO, 1),
         [spell(on(1, 1), on(2, 1))], months=(1, 2, 3)),
    Case("five events of one kind", [given(RO, on(m, 1)) for m in (8, 4, 9, 5, 7)], (on(4, 1), "disposal", RO, 5)),
]  # fmt: skip


@pytest.fixture(scope="module")
def found(table_engine, tables_of):
    """Return the row of every case: all cases of one rule in one query, each with a child of its own."""
    rows = {}
    for rule in dict.fromkeys((c.index, c.disposals_counted, c.months) for c in CASES):
        own = {str(i): c for i, c in enumerate(CASES) if (c.index, c.disposals_counted, c.months) == rule}
        tables = tables_of(
            people=[{"person_id": child} for child in own],
            disposals=[{"person_id": child, **row} for child, c in own.items() for row in c.disposals],
            custody=[{"person_id": child, **row} for child, c in own.items() for row in c.custody],
        )
        section = EligibilitySection(ages=(10, 17), disposals=rule[1], index_dates=(FIRST, LAST), index=rule[0])
        rows |= children_frame(table_engine, tables, section, rule[2]).set_index("person_id").to_dict("index")
    return rows


@pytest.mark.parametrize("number", range(len(CASES)), ids=[c.name for c in CASES])
def test_a_case_comes_out_as_it_was_solved_by_hand(found, number):
    row, expect = found[str(number)], CASES[number].expect

    has_event = not pd.isna(row["index_date"])

    shown = (row["index_date"].date(), row["index_kind"], row["disposal_type"], row["n_events"]) if has_event else None
    assert shown == expect
    assert (row["n_events"] > 0) == has_event


@pytest.fixture(scope="module")
def plain():
    return EligibilitySection(ages=(10, 17), disposals=EVERYTHING, index_dates=(FIRST, LAST))


def test_every_child_of_the_extract_has_one_row_in_the_order_of_ids(table_engine, tables_of, plain):
    tables = tables_of(
        people=[{"person_id": p} for p in ("c", "a", "b")],
        disposals=[{"person_id": "b", **given(RO, on(3, 1))}, {"person_id": "b", **given(RO, on(4, 1))}],
    )

    frame = children_frame(table_engine, tables, plain)

    assert tuple(frame.columns) == CHILD_COLUMNS
    assert frame["person_id"].tolist() == ["a", "b", "c"]
    assert frame["n_events"].tolist() == [0, 2, 0]


def test_one_childs_events_do_not_count_for_another(table_engine, tables_of, plain):
    tables = tables_of(
        people=[{"person_id": "a"}, {"person_id": "b"}],
        disposals=[{"person_id": "a", **given(DTO, on(3, 1))}],
        custody=[{"person_id": "b", **spell(on(3, 1), on(7, 1))}],
    )

    assert children_frame(table_engine, tables, plain)["n_events"].tolist() == [0, 0]


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_alike_on_one_day_the_lower_id_is_chosen_whatever_the_order_of_rows(table_engine, tables_of, plain, turned):
    rows = [{"person_id": "a", **given(RO, on(3, 1), id=i, offence=f"of {i}")} for i in ("d1", "d2")]
    tables = tables_of(people=[{"person_id": "a"}], disposals=rows[::-1] if turned else rows)

    assert children_frame(table_engine, tables, plain)["index_offence_id"].tolist() == ["of d1"]


def test_the_first_exit_of_a_child_is_its_exit(table_engine, tables_of, plain):
    tables = tables_of(
        people=[{"person_id": "a"}, {"person_id": "b"}],
        exits=[{"person_id": "a", "exit_date": on(9, 1)}, {"person_id": "a", "exit_date": on(6, 1)}],
    )

    found = children_frame(table_engine, tables, plain)["exit_date"]

    assert found[0].date() == on(6, 1)
    assert pd.isna(found[1])


def test_records_without_a_table_of_custody_have_no_releases(table_engine, tables_of, plain):
    tables = tables_of(people=[{"person_id": "a"}], disposals=[{"person_id": "a", **given(DTO, on(3, 1))}])

    assert len(table_engine.frame(index_events(tables, plain))) == 0
