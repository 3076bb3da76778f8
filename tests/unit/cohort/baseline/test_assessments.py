"""The last assessment before time zero (15 June 2020), solved by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

T0 = date(2020, 6, 15)


def made(days_before, value, **more):
    return {"assessment_date": T0 - timedelta(days_before), "value": value, **more}


@pytest.mark.parametrize(("days_before", "recorded"), [(0, True), (1, True), (180, True), (181, False), (-1, False)])
def test_a_value_counts_from_180_days_before_to_time_zero(value_of, days_before, recorded):
    value = value_of("asset_plus.total", assessments=[made(days_before, "12")])

    assert value == 12 if recorded else value is None


def test_the_last_value_counts_and_never_the_nearest_after(value_of):
    assert value_of("asset_plus.total", assessments=[made(100, "12"), made(50, "9"), made(-1, "30")]) == 9


def test_of_several_on_one_day_the_highest_number_counts(value_of):
    rows = [made(5, "9"), made(5, "10"), made(5, "high"), made(6, "40")]

    assert value_of("asset_plus.total", assessments=rows) == 10
    assert value_of("asset_plus.total", assessments=rows[::-1]) == 10


def test_items_and_instruments_are_kept_apart(frame_of):
    rows = [
        made(5, "1"),
        made(5, "2", item="x"),
        made(5, "3", instrument="asset"),
        made(5, "4", instrument="yogrs", item="score"),
    ]

    frame = frame_of(["asset_plus.total", "asset_plus.x", "asset.total", "yogrs.score", "asset.x"], {"assessments": rows})

    assert frame.iloc[0, 1:5].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert frame["asset.x"].iloc[0] is None


def test_one_code_among_the_selected_values_makes_a_category(frame_of):
    rows = [made(5, "12"), made(5, "high", person_id="b")]

    frame = frame_of(["asset_plus.total"], {"assessments": rows}, [{}, {"person_id": "b"}, {"person_id": "c"}])

    assert frame["asset_plus.total"].tolist() == ["12", "high", None]


def test_a_code_that_was_not_selected_makes_no_category(frame_of):
    rows = [made(5, "12"), made(6, "high"), made(-1, "low"), made(181, "low", person_id="b")]

    frame = frame_of(["asset_plus.total"], {"assessments": rows}, [{}, {"person_id": "b"}])

    assert frame["asset_plus.total"].dtype == np.float64
    assert frame["asset_plus.total"].iloc[0] == 12
    assert np.isnan(frame["asset_plus.total"].iloc[1])


@pytest.mark.parametrize("value", ["nan", "inf", "1e5", "0x1", " 1", "1,5", "-"])
def test_what_the_standard_calls_no_number_is_a_code(value_of, value):
    assert value_of("asset_plus.total", assessments=[made(5, value)]) == value


@pytest.mark.parametrize(("value", "number"), [("0", 0.0), ("-3", -3.0), ("2.50", 2.5)])
def test_numbers_are_numbers(value_of, value, number):
    assert value_of("asset_plus.total", assessments=[made(5, value)]) == number


def test_without_the_table_nothing_is_recorded(value_of):
    assert value_of("asset_plus.total") is None
