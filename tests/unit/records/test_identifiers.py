"""Direct identifiers are known by their header and by their values; what a service needs is not mistaken for one."""

import pytest

from yoseval.records.reading.identifiers import identifier_in_header, identifier_in_values
from yoseval.records.schema import TABLES


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("Name", "a name"),
        ("YP Name", "a name"),
        ("firstName", "a name"),
        ("SURNAME", "a name"),
        ("Home Postcode", "a postcode"),
        ("address_line_1", "an address"),
        ("NHS Number", "an NHS number"),
        ("PNCID", "a PNC number"),
        ("upn", "a UPN (pupil number)"),
        ("E-mail", "an e-mail address"),
        ("Mobile", "a telephone number"),
        ("parents_telephone", "a telephone number"),
        ("NINO", "a national insurance number"),
    ],
)
def test_a_header_that_speaks_of_an_identifier_is_known(header, kind):
    assert identifier_in_header(header) == kind


@pytest.mark.parametrize("header", [c for t in TABLES.values() for c in t.names if c != "name"])
def test_no_column_of_the_standard_is_taken_for_an_identifier(header):
    assert identifier_in_header(header) == ""


@pytest.mark.parametrize("header", ["programme name", "status", "reason_code", "hotel", "team", "worker_team"])
def test_a_harmless_header_is_not_taken_for_an_identifier(header):
    assert identifier_in_header(header) == ""


@pytest.mark.parametrize(
    "values",
    [
        ["123456789012345678", "123456789012345679", "123456789012345680"],
        ["000123", "000124", "000125"],
        ["00000000123", "00000000124", "07000000125"],
        ["p000001", "p000002", "p000003"],
        ["a3f5c2e1b4", "b7d1e0c3a9", "c9e8f7a6b5"],
        ["2019-05-01", "2019-05-02", "2019-05-03"],
        ["LS1 4AP", "LS1 4AQ"],
        ["Motor project", "Boxing", "Mentoring"],
    ],
)
def test_ids_dates_and_names_of_programmes_are_not_taken_for_identifiers(values):
    assert identifier_in_values(values) == ""


def test_ten_digit_ids_that_pass_the_nhs_check_by_chance_are_not_nhs_numbers():
    assert identifier_in_values([f"{i:010d}" for i in range(1_000_000_000, 1_000_000_500)]) == ""


@pytest.mark.parametrize(("number", "is_valid"), [("9434765919", True), ("9434765918", False), ("943 476 5919", True)])
def test_the_check_digit_of_an_nhs_number_decides(number, is_valid):
    assert (identifier_in_values([number] * 3) == "an NHS number") is is_valid
