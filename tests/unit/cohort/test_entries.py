"""When children entered programmes: each exposure, starts before the index event, joint strategies and the register."""

from datetime import date

import pandas as pd
import pytest

from yoseval.cohort.eligibility import Menu, days_of
from yoseval.cohort.entries import STARTED, entries_frame, make_entries, menu_frame
from yoseval.cohort.exposure import NEVER
from yoseval.cohort.sections import TimeZeroSection
from yoseval.errors import DataError


def days_after(frame, index_day):
    start = (index_day - date(1970, 1, 1)).days
    return sorted((p, q, int(d) - start) for p, q, d in frame[["person_id", "programme_id", "entry"]].itertuples(index=False))


@pytest.fixture
def entries(table_engine, tables_of, index_day):
    """Return a function that gives (child, programme, days after the index event) of every entry of some rows."""

    def find(section=STARTED, programmes=("mentoring",), **rows):
        return days_after(entries_frame(table_engine, tables_of(**rows), programmes, section), index_day)

    return find


def test_a_start_is_an_entry_on_its_day_and_a_start_without_a_date_is_none(entries, after):
    starts = [{"person_id": "a", "start_date": after(9)}, {"person_id": "b", "referral_date": after(1)}]

    assert entries(starts=starts) == [("a", "mentoring", 9)]


def test_other_programmes_are_not_entries(entries, after):
    assert entries(starts=[{"person_id": "a", "programme_id": "cadets", "start_date": after(9)}]) == []


def test_an_offer_is_an_entry_whether_or_not_it_was_taken_up(entries, after):
    offered = TimeZeroSection(exposure="offered")
    starts = [
        {"person_id": "a", "offer_date": after(3), "start_date": after(9)},
        {"person_id": "b", "offer_date": after(4)},
        {"person_id": "c", "start_date": after(5)},
        {"person_id": "d", "referral_date": after(1)},
    ]

    # The offer that nobody wrote down is no later than the start.
    assert entries(offered, starts=starts) == [("a", "mentoring", 3), ("b", "mentoring", 4), ("c", "mentoring", 5)]


def test_completion_is_an_entry_on_the_last_day(entries, after):
    completed = TimeZeroSection(exposure="completed")
    starts = [
        {"person_id": "a", "start_date": after(3), "end_date": after(50), "status": "completed"},
        {"person_id": "b", "start_date": after(3), "end_date": after(50), "status": "stopped"},
        {"person_id": "c", "start_date": after(3), "end_date": after(50)},
        {"person_id": "d", "start_date": after(3), "status": "completed"},
    ]

    assert entries(completed, starts=starts) == [("a", "mentoring", 50)]


def test_so_many_sessions_received_are_an_entry_on_the_day_of_the_last_of_them(entries, after):
    received = TimeZeroSection(exposure="received", sessions=3)

    def attended(child, *days, **more):
        return [{"person_id": child, "session_date": after(d), **more} for d in days]

    sessions = [
        *attended("a", 30, 2, 9, 16),
        *attended("b", 2, 9),
        *attended("c", 2, 9),
        *attended("c", 16, attended=False),
        *attended("d", 2, 9),
        *attended("d", 16, held=False),
        *attended("e", 5, 5, 5),
        *attended("f", 1, 2),
        *attended("f", 3, programme_id="cadets"),
    ]

    assert entries(received, sessions=sessions) == [("a", "mentoring", 16), ("e", "mentoring", 5)]


def test_sessions_without_a_log_are_refused(entries):
    with pytest.raises(DataError, match="needs the table sessions"):
        entries(TimeZeroSection(exposure="received", sessions=3))


def children(index_day, *ids):
    return pd.DataFrame(
        {
            "person_id": list(ids),
            "index_date": [pd.Timestamp(index_day)] * len(ids),
            "date_of_birth": [pd.Timestamp(2007, 1, 15)] * len(ids),
            "disposal_type": "referral_order",
            "sex": "male",
        }
    )


def rows_on(index_day, *rows):
    """Return entries (child, programme, days after the index event)."""
    start = (index_day - date(1970, 1, 1)).days
    return pd.DataFrame([(c, p, start + d) for c, p, d in rows], columns=["person_id", "programme_id", "entry"])


def as_days(values, index_day):
    start = (index_day - date(1970, 1, 1)).days
    return [None if v == NEVER else int(v) - start for v in values]


def test_the_first_entry_from_the_index_day_on_counts(index_day):
    rows = rows_on(index_day, ("a", "m", 30), ("a", "m", 7), ("b", "m", 0), ("x", "m", 3))

    found = make_entries(children(index_day, "a", "b", "c"), rows, rows, ["m"])

    assert as_days(found.entry, index_day) == [7, 0, None]
    assert found.before.tolist() == [False, False, False]


def test_a_start_the_day_before_makes_a_child_a_former_starter_and_one_on_the_day_does_not(index_day):
    rows = rows_on(index_day, ("a", "m", -1), ("a", "m", 20), ("b", "m", 0))

    found = make_entries(children(index_day, "a", "b"), rows, rows, ["m"])

    assert found.before.tolist() == [True, False]
    assert as_days(found.entry, index_day) == [20, 0]


def test_a_former_start_counts_whatever_the_exposure_is(index_day):
    started, completed = rows_on(index_day, ("a", "m", -30)), rows_on(index_day, ("a", "m", 20))

    assert make_entries(children(index_day, "a"), completed, started, ["m"]).before.tolist() == [True]


def test_an_offer_before_the_index_event_makes_a_former_starter_though_the_start_came_after(index_day):
    started, offered = rows_on(index_day, ("a", "m", 5), ("b", "m", 5)), rows_on(index_day, ("a", "m", -3), ("b", "m", 0))

    found = make_entries(children(index_day, "a", "b"), offered, started, ["m"])

    assert found.before.tolist() == [True, False]
    assert as_days(found.entry, index_day) == [None, 0]


def test_a_joint_strategy_is_entered_with_its_last_part_and_begun_with_its_first(index_day):
    rows = rows_on(index_day, ("a", "m", 5), ("a", "h", 20), ("b", "m", 5), ("c", "h", -1), ("c", "m", 3))

    found = make_entries(children(index_day, "a", "b", "c"), rows, rows, ["m", "h"])

    assert as_days(found.entry, index_day) == [20, None, None]
    assert as_days(found.any_entry, index_day) == [5, 5, 3]
    assert found.before.tolist() == [False, False, True]


def test_without_an_index_event_there_is_no_entry_but_whether_it_ever_started(index_day):
    own = children(index_day, "a", "b").assign(index_date=pd.NaT)
    rows = rows_on(index_day, ("a", "m", 5))

    found = make_entries(own, rows, rows, ["m"])

    assert found.entry.tolist() == [NEVER, NEVER]
    assert found.before.tolist() == [True, False]


def test_the_number_by_which_start_dates_are_dealt_knows_neither_ids_nor_entries(index_day):
    rows, none = rows_on(index_day, ("a", "m", 5)), rows_on(index_day)

    one = make_entries(children(index_day, "a", "b"), rows, rows, ["m"]).content
    other = make_entries(children(index_day, "x", "y"), none, none, ["m"]).content

    assert one.tolist() == other.tolist()


def test_that_number_tells_children_apart_by_what_was_known(index_day):
    own = children(index_day, "a", "b", "c", "d")
    own.loc[1, "date_of_birth"] = pd.Timestamp(2007, 1, 16)
    own.loc[2, "sex"] = "female"
    own.loc[3, "index_date"] = pd.Timestamp(index_day) + pd.Timedelta(days=1)

    assert len(set(make_entries(own, rows_on(index_day), rows_on(index_day), ["m"]).content.tolist())) == 4


def test_programmes_that_were_started_but_are_in_no_register_go_by_their_ids(table_engine, tables_of, after):
    tables = tables_of(starts=[{"person_id": "a", "programme_id": "cadets", "start_date": after(1)}])

    assert menu_frame(table_engine, tables) == {"cadets": ("cadets", Menu())}


def test_the_register_gives_name_ages_and_the_calendar_its_spells_in_order(table_engine, tables_of, after):
    tables = tables_of(
        programmes=[{"programme_id": "mentoring", "min_age": 12}, {"programme_id": "cadets", "name": "Cadets", "max_age": 16}],
        availability=[{"start_date": after(50), "end_date": after(60)}, {"start_date": after(0), "end_date": after(9)}],
    )

    found = menu_frame(table_engine, tables)

    first = days_of(pd.Series([pd.Timestamp(after(0))]))[0]
    assert found["mentoring"] == ("Mentoring", Menu(12, None, ((first, first + 9), (first + 50, first + 60))))
    assert found["cadets"] == ("Cadets", Menu(None, 16, ()))
