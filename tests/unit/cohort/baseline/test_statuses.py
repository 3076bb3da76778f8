"""Circumstances at time zero (15 June 2020), solved by hand."""

from datetime import date, timedelta

import pytest

from yoseval.cohort.baseline.menu import by_order_frame

T0 = date(2020, 6, 15)


def episode(days_before, days_to=None, value=None, **more):
    end = None if days_to is None else T0 - timedelta(days_to)
    return {"start_date": T0 - timedelta(days_before), "end_date": end, "value": value, **more}


def ete(days_before, days_to=None, value=None, **more):
    return episode(days_before, days_to, value, status="ete", **more)


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (episode(10), "yes"),
        (episode(0), "yes"),  # begun on the day
        (episode(10, 0), "yes"),  # ends on the day
        (episode(10, 1), "no"),  # ended the day before
        (episode(10, -5), "yes"),  # ends later
        (episode(10, because_of_order=False), "yes"),
        (episode(10, because_of_order=True), "no"),
    ],
)
def test_a_status_without_values_is_open_or_not(value_of, row, answer):
    assert value_of("looked_after", statuses=[row]) == answer


def test_children_without_an_episode_are_no_where_the_status_is_kept(frame_of):
    frame = frame_of(["looked_after"], {"statuses": [episode(10)]}, [{}, {"person_id": "b"}])

    assert frame["looked_after"].tolist() == ["yes", "no"]


def test_a_status_never_recorded_by_any_moment_is_not_recorded_for_anybody(frame_of):
    frame = frame_of(
        ["child_in_need", "looked_after"], {"statuses": [episode(-1), episode(9, status="ete")]}, [{}, {"person_id": "b"}]
    )

    assert frame["child_in_need"].tolist() == [None, None]
    assert frame["looked_after"].tolist() == [None, None]  # begun after time zero only


def test_without_the_table_nothing_is_recorded(value_of):
    assert value_of("looked_after") is None


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([ete(10, value="full_time")], "full_time"),
        ([ete(10, -3, "full_time")], "full_time"),
        ([ete(100, value="none"), ete(10, value="full_time")], "full_time"),  # the one begun last
        ([ete(10, value="none"), ete(100, 1, "full_time")], "none"),  # an open one before one that ended
        ([ete(10, value="a"), ete(10, value="b"), ete(10)], "b"),  # one day: the last in the alphabet
        ([ete(500, 365, "full_time")], "full_time"),  # ended a year before
        ([ete(500, 366, "full_time")], None),
        ([ete(500, 200, "full_time"), ete(400, 100, "part_time")], "part_time"),  # the one ended last
        ([ete(100, value="full_time"), ete(10)], None),  # what the child did last was not recorded
        ([ete(100, value="full_time"), ete(-1, value="none")], "full_time"),
        ([ete(100, value="full_time"), ete(10, value="none", because_of_order=True)], "full_time"),
    ],
)
def test_a_status_with_values_says_the_last_one(frame_of, rows, answer):
    # The other child makes it a status with values in every case.
    records = {"statuses": [*rows, ete(5, value="none", person_id="b")]}

    assert frame_of(["ete"], records, [{}, {"person_id": "b"}])["ete"].tolist() == [answer, "none"]


def test_values_after_time_zero_make_no_status_with_values(value_of):
    rows = [episode(10, status="accommodation"), episode(-1, value="suitable", status="accommodation")]

    assert value_of("accommodation", statuses=rows) == "yes"


def test_values_that_are_all_numbers_are_numbers(value_of):
    assert value_of("ete", statuses=[ete(10, value="25")]) == 25.0


def test_a_status_of_the_service_s_own_is_known_by_its_name(value_of):
    assert value_of("gang.involved (yes)", statuses=[episode(10, status="gang.involved (yes)")]) == "yes"


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([episode(10, because_of_order=True)], "yes"),
        ([episode(10, 1, because_of_order=True)], "no"),
        ([episode(10)], "no"),
        ([episode(-1, because_of_order=True)], None),
        ([], None),
    ],
)
def test_episodes_because_of_the_order_are_there_for_reports(engine, stored, rows, answer):
    tables, moments = stored({"statuses": rows})

    assert by_order_frame(engine, tables, moments, ["looked_after_by_order"]).iloc[0].tolist() == [0, answer]
