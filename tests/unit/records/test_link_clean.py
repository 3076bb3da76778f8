"""Identities come to one spelling, and what cannot be read is empty."""

from datetime import date

import pandas as pd
import pytest

from yoseval.errors import DataError
from yoseval.records.linkage.clean import IDENTIFIERS, clean_identities

COLUMNS = {name: name for name in IDENTIFIERS}


def cleaned(**cells):
    """Clean one row with these cells; return it."""
    row = {"key": "K1"} | dict.fromkeys(IDENTIFIERS) | cells
    return clean_identities(pd.DataFrame([row]).astype(object), COLUMNS, "key", "left").iloc[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("O'Brien", "obrien"),
        ("  SMITH-JONES ", "smithjones"),
        ("Zoë", "zoe"),
        ("De La Cruz", "delacruz"),
        ("Unknown", None),
        ("", None),
    ],
)
def test_names_are_letters_in_lower_case(given, expected):
    assert cleaned(surname=given)["surname"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2008-03-04", "2008-03-04"),
        ("2008-03-04 00:00:00", "2008-03-04"),
        (date(2008, 3, 4), "2008-03-04"),
        (pd.Timestamp(2008, 3, 4), "2008-03-04"),
        ("04/03/2008", None),
        ("2008-13-04", None),
        ("1900-01-01", None),
        ("", None),
    ],
)
def test_dates_of_birth_are_iso_or_empty(given, expected):
    assert cleaned(date_of_birth=given)["date_of_birth"] == expected


def test_a_column_of_timestamps_is_read():
    frame = pd.DataFrame({"key": ["1", "2"], "born": pd.to_datetime(["2008-03-04", None])})

    clean = clean_identities(frame, {"date_of_birth": "born"}, "key", "left")

    assert clean["date_of_birth"].tolist() == ["2008-03-04", None]


def test_the_swapped_date_has_day_and_month_exchanged():
    row = cleaned(date_of_birth="2008-03-14")

    assert (row["date_of_birth_swapped"], row["birth_year"]) == ("2008-14-03", "2008")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("za1 4tq", ("ZA14TQ", "ZA14", "ZA1")),
        ("ZA12 4TQ", ("ZA124TQ", "ZA124", "ZA12")),
        ("Z1A4TQ", ("Z1A4TQ", "Z1A4", "Z1A")),
        ("no fixed abode", (None, None, None)),
        ("ZA1", (None, None, None)),
    ],
)
def test_postcodes_split_into_sector_and_district(given, expected):
    row = cleaned(postcode=given)

    assert (row["postcode"], row["sector"], row["district"]) == expected


@pytest.mark.parametrize(("given", "expected"), [("F", "female"), ("Male", "male"), ("other", None), ("unknown", None)])
def test_sex_is_compared_where_it_is_female_or_male(given, expected):
    assert cleaned(sex=given)["sex"] == expected


def test_an_identifier_without_a_column_is_empty():
    frame = pd.DataFrame({"key": ["1"], "first": ["Ann"], "last": ["Lee"]})

    clean = clean_identities(frame, {"forename": "first", "surname": "last"}, "key", "left")

    assert clean["forename"].tolist() == ["ann"]
    assert clean[["date_of_birth", "postcode", "sex"]].isna().all(axis=None)


def test_a_key_of_eighteen_digits_survives():
    assert cleaned(key="000123456789012345")["unique_id"] == "000123456789012345"


def test_an_absent_column_is_named():
    with pytest.raises(DataError, match="The left extract has no column 'postcode'"):
        clean_identities(pd.DataFrame({"key": ["1"]}), {"postcode": "postcode"}, "key", "left")


def test_an_empty_extract_is_refused():
    with pytest.raises(DataError, match="The right extract has no rows"):
        clean_identities(pd.DataFrame({"key": []}), {}, "key", "right")


def test_empty_and_repeated_keys_are_counted_together_and_never_shown():
    frame = pd.DataFrame({"key": ["K77", "N/A", None, "K77", "K78", " "]})

    with pytest.raises(DataError) as caught:
        clean_identities(frame, {}, "key", "left")

    assert "3 of 6 keys are empty or a placeholder (first in row 2)" in str(caught.value)
    assert "1 of 6 keys are given to an earlier row too (first in row 4)" in str(caught.value)
    assert "K77" not in str(caught.value)


def test_the_frame_given_is_not_changed():
    frame = pd.DataFrame({"key": ["1"], **{name: ["A"] for name in IDENTIFIERS}})
    before = frame.copy()

    clean_identities(frame, COLUMNS, "key", "left")

    pd.testing.assert_frame_equal(frame, before)
