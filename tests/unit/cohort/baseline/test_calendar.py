"""The calendar of time zero."""

from datetime import date

import pytest


@pytest.mark.parametrize(
    ("time_zero", "season"),
    [
        (date(2019, 12, 1), "winter"),
        (date(2020, 2, 29), "winter"),
        (date(2020, 3, 1), "spring"),
        (date(2020, 8, 31), "summer"),
        (date(2020, 11, 30), "autumn"),
    ],
)
def test_seasons_begin_with_their_month(value_of, time_zero, season):
    assert value_of("season", moment={"time_zero": time_zero}) == season


def test_month_and_year_are_numbers(frame_of):
    frame = frame_of(["month", "year"], {})

    assert frame.iloc[0].tolist() == [0, 6.0, 2020.0]
    assert [str(t) for t in frame.dtypes] == ["int64", "float64", "float64"]
