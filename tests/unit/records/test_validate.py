"""Texts become numbers, flags, categories and ids, or faults that name their place and no child."""

import math

import numpy as np
import pandas as pd
import pytest

from yoseval.errors import DataError
from yoseval.records.read import TextTable
from yoseval.records.validate import Faults, covariate, flags, identities, numbers, parse_numbers


@pytest.fixture
def faults_of(tmp_path):
    def build(**columns):
        frame = pd.DataFrame(columns, dtype=object)
        frame.index = pd.RangeIndex(2, len(frame) + 2)
        return Faults(TextTable(tmp_path / "people.csv", frame))

    return build


def message(faults):
    with pytest.raises(DataError) as caught:
        faults.raise_if_any()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("14", 14.0), (" 3.5 ", 3.5), ("-2", -2.0), ("+7", 7.0), ("1e3", 1000.0), (".5", 0.5), ("007", 7.0)],
)
def test_a_decimal_number_is_a_number(text, number):
    parsed, wrong = parse_numbers(pd.Series([text]), frozenset())

    assert parsed.tolist() == [number]
    assert not wrong.any()


@pytest.mark.parametrize("text", [None, "", "  ", "NA", " NA "])
def test_what_is_not_recorded_is_no_fault(text):
    parsed, wrong = parse_numbers(pd.Series([text], dtype=object), frozenset({"NA"}))

    assert math.isnan(parsed[0])
    assert not wrong.any()


@pytest.mark.parametrize(
    "text",
    ["ten", "1e999", "-1e999", "nan", "-NaN", "inf", "Infinity", "1_000", "1,000", "0x10", "١٢", "１２", "½", "12 days", "NA"],
)
def test_any_other_text_is_no_number(text):
    parsed, wrong = parse_numbers(pd.Series([text]), frozenset())

    assert wrong.tolist() == [True]
    assert math.isnan(parsed[0])


def test_a_text_among_numbers_is_a_fault_with_its_row(faults_of):
    faults = faults_of(days=["3", "soon", None, "1e999"])

    values = numbers(faults, "days")

    assert values[0] == 3.0
    assert np.isnan(values[1:]).all()
    found = message(faults)
    assert "people.csv, column 'days': not a number in 2 of 4 rows (row 3, 5)" in found
    assert "[cohort] missing" in found


def test_a_declared_sign_for_not_recorded_is_no_fault(faults_of):
    faults = faults_of(days=["3", "NA"])

    numbers(faults, "days", missing=frozenset({"NA"}))

    assert faults.found == []
    faults.raise_if_any()


def test_an_event_other_than_0_and_1_is_a_fault(faults_of):
    faults = faults_of(event=["0", "1", "2", "0.5", None, "-1"])

    values = flags(faults, "event")

    assert values[:2].tolist() == [0.0, 1.0]
    assert math.isnan(values[4])
    assert "a value other than 0 and 1 in 3 of 6 rows (row 4, 5, 7)" in message(faults)


def test_ids_are_kept_as_texts(faults_of):
    faults = faults_of(id=["001", "A-9", "123456789012345678"])

    assert identities(faults, "id").tolist() == ["001", "A-9", "123456789012345678"]
    assert faults.found == []


@pytest.mark.parametrize("empty", [None, "", "   "])
def test_an_empty_id_is_a_fault(faults_of, empty):
    faults = faults_of(id=["a", empty, "b"])

    identities(faults, "id")

    assert "no id in 1 of 3 rows (row 3)" in message(faults)


@pytest.mark.parametrize("placeholder", ["N/A", "unknown", "0", " TBC ", "None", "-"])
def test_a_placeholder_is_no_id(faults_of, placeholder):
    faults = faults_of(id=["a", placeholder])

    identities(faults, "id")

    assert "a placeholder instead of an id in 1 of 2 rows (row 3)" in message(faults)


def test_a_repeated_id_is_a_fault_at_its_later_rows(faults_of):
    faults = faults_of(id=["a", "b", "a", "a"])

    identities(faults, "id")

    assert "an id that stands in an earlier row in 2 of 4 rows (row 4, 5)" in message(faults)


def test_two_empty_ids_are_not_also_repeated(faults_of):
    faults = faults_of(id=[None, None, "a"])

    identities(faults, "id")

    assert len(faults.found) == 1


def test_every_fault_of_a_table_is_reported_at_once(faults_of):
    faults = faults_of(id=["a", "a"], days=["x", "1"], event=["1", "3"])

    identities(faults, "id")
    numbers(faults, "days")
    flags(faults, "event")

    found = message(faults)
    assert found.startswith("The data break 3 rule(s).\n1. ")
    assert [c for c in ("'id'", "'days'", "'event'") if c not in found] == []


def test_of_25_faulty_rows_20_are_shown_and_all_are_counted(faults_of):
    faults = faults_of(days=["x"] * 25)

    numbers(faults, "days")

    found = message(faults)
    assert "in 25 of 25 rows" in found
    assert "20, 21, …)" in found
    assert "22" not in found


def test_no_message_shows_an_id(faults_of):
    faults = faults_of(id=["SECRET77", "SECRET77", None, "unknown"])

    identities(faults, "id")

    assert "SECRET77" not in message(faults)


def test_a_covariate_of_numbers_is_numeric():
    values = covariate(pd.Series(["14", None, "15.5"]), category=False, missing=frozenset())

    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [14.0, np.nan, 15.5])


def test_a_covariate_with_any_text_is_a_category():
    values = covariate(pd.Series(["14", None, "older "]), category=False, missing=frozenset())

    assert values.tolist() == ["14", None, "older"]


def test_a_declared_category_stays_a_category_whatever_its_codes():
    values = covariate(pd.Series(["1", "2", "9"]), category=True, missing=frozenset({"9"}))

    assert values.tolist() == ["1", "2", None]


def test_a_sign_for_not_recorded_does_not_make_a_number_a_category():
    values = covariate(pd.Series(["14", "NA"]), category=False, missing=frozenset({"NA"}))

    np.testing.assert_array_equal(values, [14.0, np.nan])
