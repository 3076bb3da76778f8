"""The door: extracts of any kind become the same validated tables, on any backend, and what was done is told."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pytest
import xlsxwriter

from yoseval.errors import DataError, StudyError, UsageError
from yoseval.records.records import read_records
from yoseval.records.schema import TABLES
from yoseval.records.simulation.simulate import simulate_records, write_simulation

BASE = Path(__file__).parent / "hostile" / "base"
EXTRACT = date(2021, 6, 30)


@pytest.fixture
def base(tmp_path):
    return Path(shutil.copytree(BASE, tmp_path / "records"))


@pytest.fixture
def read():
    """Read records; every engine is closed at the end."""
    opened = []

    def read_and_keep(folder, **options):
        records = read_records(folder, **({"extract_date": EXTRACT} | options))
        opened.append(records.engine)
        return records

    yield read_and_keep
    for engine in opened:
        engine.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A simulated service of 60 children with all eleven tables."""
    folder = tmp_path_factory.mktemp("service")
    write_simulation(simulate_records(60, seed=3), folder)
    return folder / "records"


def frame_of(records, name, *, without=("_file",)):
    """A table in the order of its source."""
    frame = records.engine.frame(records.tables[name])
    return frame.drop(columns=list(without)).sort_values("_row").reset_index(drop=True)


def rows_of(records, name, *columns):
    frame = frame_of(records, name)
    return frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None).to_numpy().tolist()


def write(folder, name, text):
    (folder / f"{name}.csv").write_text(text, encoding="utf-8")


def latest_of(folder):
    return date(2030, 1, 1) if folder else EXTRACT


# --- types ---------------------------------------------------------------------------------------------------------
def test_ids_keep_leading_zeros_eighteen_digits_and_the_programme_called_na(base, read):
    records = read(base)

    assert rows_of(records, "people", "person_id") == [["000123"], ["123456789012345678"], ["123456789012345679"]]
    assert rows_of(records, "starts", "programme_id") == [["NA"], ["boxing"]]


def test_every_column_has_the_type_of_its_kind(service, read):
    kinds = {"date": "date", "integer": "int64", "number": "float64", "flag": "boolean"}
    records = read(service, extract_date=latest_of(service))

    for name, table in records.tables.items():
        schema = table.schema()
        assert {c.name: str(schema[c.name]) for c in TABLES[name].columns} == {
            c.name: kinds.get(c.kind, "string") for c in TABLES[name].columns
        }
        assert (str(schema["_row"]), str(schema["_file"])) == ("int64", "string")


def test_a_birth_of_a_month_is_its_fifteenth_and_says_so(base, read):
    records = read(base)

    assert rows_of(records, "people", "date_of_birth", "birth_precision") == [
        [pd.Timestamp(2004, 3, 5), "day"],
        [pd.Timestamp(2005, 7, 15), "month"],
        [pd.Timestamp(2003, 1, 2), "day"],
    ]


def test_a_child_born_some_time_in_a_month_may_offend_from_its_first_day_ten_years_on(base, read):
    text = (base / "offences.csv").read_text()
    write(base, "offences", text.replace("2019-12-24", "2015-07-01"))

    assert len(rows_of(read(base), "offences", "offence_id")) == 3


def test_the_day_before_the_first_possible_tenth_birthday_is_too_early(base):
    text = (base / "offences.csv").read_text()
    write(base, "offences", text.replace("2019-12-24", "2015-06-30"))

    with pytest.raises(DataError, match="tenth birthday in 1 of 3"):
        read_records(base, extract_date=EXTRACT)


def born_on_29_february(base, day):
    write(base, "people", (base / "people.csv").read_text().replace("2003-01-02", "2004-02-29"))
    write(base, "offences", (base / "offences.csv").read_text().replace("2019-11-30", day))
    return base


def test_a_child_born_on_29_february_may_offend_from_1_march_ten_years_on(base, read):
    assert len(rows_of(read(born_on_29_february(base, "2014-03-01")), "offences", "offence_id")) == 3


def test_a_child_born_on_29_february_is_still_nine_on_28_february(base):
    with pytest.raises(DataError, match="tenth birthday in 1 of 3"):
        read_records(born_on_29_february(base, "2014-02-28"), extract_date=EXTRACT)


def test_an_empty_cell_is_not_recorded_and_a_whole_number_with_a_point_is_whole(base, read):
    write(base, "offences", (base / "offences.csv").read_text().replace("robbery,6", "robbery,6.0"))

    seriousness = rows_of(read(base), "offences", "seriousness")

    assert seriousness == [[6], [None], [3]]


def test_a_placeholder_in_an_optional_id_is_not_recorded(base, read):
    write(base, "sessions", "person_id,programme_id,session_date,held,attended,group_id\n000123,NA,2019-06-01,yes,no,N/A\n")

    assert rows_of(read(base), "sessions", "held", "attended", "group_id") == [[True, False, None]]


def test_blanks_around_a_cell_are_no_part_of_it(base, read):
    write(base, "people", (base / "people.csv").read_text().replace("000123,", " 000123\u00a0,"))

    assert rows_of(read(base), "people", "person_id")[0] == ["000123"]


def test_an_order_may_be_planned_to_end_after_the_extract(base, read):
    assert rows_of(read(base), "disposals", "end_date")[2] == [pd.Timestamp(2022, 2, 9)]


# --- kinds of files --------------------------------------------------------------------------------------------------
def as_workbook(folder, target, *, typed):
    """Write CSV tables as sheets of one workbook, as texts or with numbers and dates of Excel's own."""
    kinds = {"date": date.fromisoformat, "integer": int, "number": float}
    with xlsxwriter.Workbook(target / "service.xlsx") as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for file in sorted(folder.glob("*.csv")):
            table, sheet = pd.read_csv(file, dtype=str, keep_default_na=False), book.add_worksheet(file.stem)
            for j, column in enumerate(table.columns):
                sheet.write_string(0, j, column)
                kind = kinds.get(TABLES[file.stem].column(column).kind)
                for i, text in enumerate(table[column], start=1):
                    if typed and kind and text and not (kind is date.fromisoformat and len(text) != 10):
                        value = kind(text)
                        sheet.write(i, j, value, *([day] if isinstance(value, date) else []))
                    elif text:
                        sheet.write_string(i, j, text)


def as_parquet(folder, target, *, typed):
    """Write CSV tables as Parquet files, as texts or with types of their own."""
    for file in sorted(folder.glob("*.csv")):
        rule = TABLES[file.stem]
        with duckdb.connect() as engine:
            names = [r[0] for r in engine.execute(f"describe select * from read_csv('{file}', all_varchar=true)").fetchall()]
            types = {"date": "date", "integer": "bigint", "number": "double", "flag": "boolean"}
            picks = [
                f"{n}::{types[rule.column(n).kind]} as {n}"
                if typed and rule.column(n).kind in types and n != "date_of_birth"
                else n
                for n in names
            ]
            source = f"read_csv('{file}', all_varchar=true, nullstr='')"
            engine.execute(f"copy (select {', '.join(picks)} from {source}) to '{target / file.stem}.parquet'").fetchall()


@pytest.mark.parametrize("typed", [False, True], ids=["texts", "own types"])
@pytest.mark.parametrize("write_as", [as_workbook, as_parquet])
def test_excel_csv_and_parquet_of_the_same_data_give_identical_tables(service, tmp_path, read, write_as, typed):
    write_as(service, tmp_path, typed=typed)

    expected = read(service, extract_date=latest_of(service))
    found = read(tmp_path, extract_date=latest_of(service))

    assert set(found.tables) == set(expected.tables) == set(TABLES)
    for name in TABLES:
        pd.testing.assert_frame_equal(frame_of(found, name), frame_of(expected, name), check_exact=True)


def test_one_file_a_table_may_be_a_workbook_with_one_sheet_of_any_name(base, read):
    people = pd.read_csv(base / "people.csv", dtype=str)
    (base / "people.csv").unlink()
    with xlsxwriter.Workbook(base / "people.xlsx") as book:
        sheet = book.add_worksheet("Sheet1")
        for i, row in enumerate([list(people.columns), *people.fillna("").to_numpy().tolist()]):
            sheet.write_row(i, 0, row)

    records = read(base)

    assert records.report.sources["people"] == "people.xlsx, sheet 'Sheet1'"
    assert rows_of(records, "people", "person_id")[0] == ["000123"]


# --- the column map --------------------------------------------------------------------------------------------------
MAP = """
[people]
file = "Young people.csv"
encoding = "windows-1252"
delimiter = ";"
[people.columns]
person_id = "YP ref"
sex = "Gender"
date_of_birth = "DOB"
service = "Équipe"
[people.dates]
date_of_birth = "%d/%m/%Y"
[people.codes.sex]
M = "male"
F = "female"
9 = ""
"""


def mapped(base, sexes=("M", "F", "M")):
    (base / "people.csv").unlink()
    ids = ("000123", "123456789012345678", "123456789012345679")
    rows = [f"{i};05/03/2004;{s};Café" for i, s in zip(ids, sexes, strict=True)]
    text = "\r\n".join(["YP ref;DOB;Gender;Équipe", *rows, ""])
    (base / "Young people.csv").write_bytes(text.encode("windows-1252"))
    (base / "columns.toml").write_text(MAP, encoding="utf-8")
    return base


def test_a_column_map_renames_columns_dates_codes_and_encoding(base, read):
    records = read(mapped(base))

    assert rows_of(records, "people", "person_id", "date_of_birth", "sex", "service")[1] == [
        "123456789012345678",
        pd.Timestamp(2004, 3, 5),
        "female",
        "Café",
    ]


def test_every_mapping_is_counted(base, read):
    applied = read(mapped(base)).report.applied

    assert {(a.kind, a.column, a.given, a.meant): a.n for a in applied if a.kind in ("code", "date")} == {
        ("code", "sex", "M", "male"): 2,
        ("code", "sex", "F", "female"): 1,
        ("code", "sex", "9", ""): 0,
        ("date", "date_of_birth", "%d/%m/%Y", "%Y-%m-%d"): 3,
    }
    assert {a.given: a.n for a in applied if a.kind == "column"} == {"YP ref": 3, "DOB": 3, "Gender": 3, "Équipe": 3}


def test_a_code_mapped_to_nothing_is_not_recorded(base):
    with pytest.raises(DataError, match="column 'sex': nothing recorded in 1 of 3 rows"):
        read_records(mapped(base, ("M", "F", "9")), extract_date=EXTRACT)


def test_a_mapped_column_that_is_not_there_is_a_fault_even_if_it_is_optional(base):
    columns = {"people": {"columns": {"ethnicity": "Ethnic origin"}}}

    with pytest.raises(DataError, match=r"column 'ethnicity \(Ethnic origin\)': a column that is not there"):
        read_records(base, extract_date=EXTRACT, columns=columns)


def test_an_unknown_key_of_the_map_names_the_nearest(base):
    with pytest.raises(StudyError, match="did you mean person_id"):
        read_records(base, columns={"people": {"columns": {"personid": "ref"}}})


# --- only declared columns -------------------------------------------------------------------------------------------
def test_undeclared_columns_are_listed_and_not_loaded(base, read):
    text = (base / "people.csv").read_text().splitlines()
    write(base, "people", "\n".join([text[0] + ",worker_team", *(t + ",x" for t in text[1:])]) + "\n")

    records = read(base)

    assert records.report.undeclared["people"] == ("worker_team",)
    assert "worker_team" not in records.tables["people"].columns


def test_files_that_belong_to_no_table_are_listed(base, read):
    (base / "notes.docx").write_text("x")

    assert read(base).report.unused == ("notes.docx",)


# --- what is mended --------------------------------------------------------------------------------------------------
HEADER = "offence_id,person_id,offence_date,offence_group,seriousness,proof_date,result\n"


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (["3,2020-02-01,convicted", "5,2020-01-01,cautioned"], [5]),
        (["5,2020-01-01,cautioned", "3,2020-02-01,convicted"], [5]),
        (["5,2020-01-01,cautioned", "5,2020-02-01,convicted"], [pd.Timestamp(2020, 2, 1)]),
        (["5,,pending", "5,2020-02-01,convicted"], [pd.Timestamp(2020, 2, 1)]),
        ([",2020-02-01,convicted", "1,,pending"], [1]),
        (["5,2020-01-01,convicted", "5,2020-02-01,overturned"], []),
        (["5,2020-01-01,convicted", "5,,overturned"], []),
        (["5,,overturned", "5,2020-01-01,convicted"], []),
    ],
)
def test_of_an_offence_recorded_twice_the_most_serious_then_the_latest_result_is_kept(base, read, rows, kept):
    write(base, "offences", HEADER + "".join(f"o1,000123,2019-12-01,drugs,{r}\n" for r in rows))

    found = rows_of(read(base), "offences", "seriousness", "proof_date")

    assert len(found) == len(kept)
    assert all(k in found[0] for k in kept)


def test_repeated_and_overturned_offences_are_counted(base, read):
    row = "{},000123,2019-12-01,drugs,3,2020-01-01,{}\n".format
    rows = [("o1", "convicted"), ("o1", "convicted"), ("o2", "overturned"), ("o3", "convicted")]
    write(base, "offences", HEADER + "".join(row(*r) for r in rows))

    counts = {n.text: n.n for n in read(base).report.notices if n.table == "offences"}

    assert list(counts.values()) == [1, 1]


def test_overlapping_custody_is_joined_and_a_gap_of_a_day_is_not(base, read):
    rows = [
        "000123,2020-01-01,2020-02-01,remand",
        "000123,2020-01-05,2020-01-10,remand",
        "000123,2020-02-01,2020-03-01,sentence",
        "000123,2020-03-02,2020-04-01,remand",
        "123456789012345678,2020-01-15,,remand",
        "123456789012345678,2020-05-01,2020-06-01,remand",
    ]
    write(base, "custody", "person_id,start_date,end_date,kind\n" + "\n".join(rows) + "\n")

    records = read(base)

    day = pd.Timestamp
    assert rows_of(records, "custody", "start_date", "end_date", "kind") == [
        [day(2020, 1, 1), day(2020, 3, 1), "sentence"],
        [day(2020, 3, 2), day(2020, 4, 1), "remand"],
        [day(2020, 1, 15), None, "remand"],
    ]
    assert [n.n for n in records.report.notices if n.table == "custody"] == [3]


def test_overlapping_orders_are_kept(base, read):
    text = (base / "disposals.csv").read_text()
    write(base, "disposals", text + "d4,000123,2019-06-01,youth_rehabilitation_order,2019-06-01,2020-06-01,\n")

    assert len(rows_of(read(base), "disposals", "disposal_id")) == 4


def test_children_who_look_like_one_are_counted_and_kept(base, read):
    write(base, "people", (base / "people.csv").read_text() + "other,2004-03-05,male,white,leeds,yes,none\n")
    write(base, "disposals", (base / "disposals.csv").read_text() + "d9,other,2019-05-01,referral_order,,,\n")

    records = read(base)

    assert [n.n for n in records.report.notices if n.table == "people"] == [2]
    assert len(rows_of(records, "people", "person_id")) == 4


# --- setting aside ---------------------------------------------------------------------------------------------------
def spoiled(base):
    write(base, "people", (base / "people.csv").read_text().replace("2003-01-02,male", "2003-01-02,boy") + "short,row\n")
    write(base, "offences", (base / "offences.csv").read_text().replace("robbery,6", "robbery,60"))
    return base


def test_rows_that_break_a_rule_are_set_aside_with_those_that_depend_on_them(base, read):
    records = read(spoiled(base), on_invalid="drop")

    assert rows_of(records, "people", "person_id") == [["000123"], ["123456789012345678"]]
    assert rows_of(records, "offences", "offence_id") == [["o2"]]
    assert rows_of(records, "disposals", "disposal_id") == [["d1"], ["d2"]]
    assert records.report.rows_aside == {"people": 2, "disposals": 1, "offences": 2, "starts": 1}
    assert records.report.rows_read["people"] == 4


def test_the_file_of_rows_set_aside_gives_row_text_and_reason_to_its_owner_alone(base, read):
    read(spoiled(base), on_invalid="drop")

    file = base / "private" / "set_aside_offences.csv"
    found = pd.read_csv(file, dtype=str)
    assert found[["row", "offence_id", "reason"]].to_numpy().tolist() == [
        ["2", "o1", "seriousness: a whole number outside 1 to 8"],
        ["4", "o3", "person_id: a child who is not in people"],
    ]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert pd.read_csv(base / "private" / "rejected_people.csv")["text"].tolist() == ["short,row"]


def test_what_was_set_aside_before_is_not_added_to(base, read):
    read(spoiled(base), on_invalid="drop")
    before = (base / "private" / "set_aside_offences.csv").read_text()

    read(base, on_invalid="drop")

    assert (base / "private" / "set_aside_offences.csv").read_text() == before


def test_rows_keep_their_number_in_the_file_when_an_earlier_one_does_not_fit(base, read):
    lines = (base / "people.csv").read_text().splitlines()
    write(base, "people", "\n".join([lines[0], "short,row", lines[1], "also,short", *lines[2:]]) + "\n")

    records = read(base, on_invalid="drop")

    assert [r[0] for r in rows_of(records, "people", "_row")] == [3, 5, 6]


def test_what_cannot_be_dropped_stops_the_reading_all_the_same(base):
    spoiled(base)
    (base / "offences.csv").unlink()

    with pytest.raises(DataError, match="offences: a required table that is not there"):
        read_records(base, extract_date=EXTRACT, on_invalid="drop")


def test_a_cell_that_begins_like_a_formula_is_made_harmless_where_it_is_set_aside(base, read):
    write(base, "people", (base / "people.csv").read_text() + "=cmd(),2004-03-05,boy,,,,\n")

    read(base, on_invalid="drop")

    assert pd.read_csv(base / "private" / "set_aside_people.csv")["person_id"].tolist() == ["'=cmd()"]


# --- the rest --------------------------------------------------------------------------------------------------------
def test_without_an_extract_date_the_latest_thing_that_happened_is_taken_and_told(base, read):
    records = read(base, extract_date=None)

    assert records.extract_date == date(2020, 2, 12)
    assert any("no extract date given" in n.text for n in records.report.notices)


def test_the_words_for_records_are_at_most_eight_lines_and_hold_no_id(base, read):
    text = str(read(base))

    assert len(text.splitlines()) <= 8
    assert "000123" not in text


def test_the_frame_of_records_has_a_row_a_table_of_the_standard(base, read):
    frame = read(base).to_frame()

    assert frame["table"].tolist() == list(TABLES)
    assert frame.set_index("table").loc["offences", ["rows_read", "rows_kept", "given"]].tolist() == [3, 3, True]


def test_an_unknown_way_with_invalid_rows_is_refused(base):
    with pytest.raises(UsageError, match="'raise' or 'drop'"):
        read_records(base, on_invalid="ignore")


def test_the_temporary_folder_goes_when_reading_fails(base, tmp_path):
    (base / "offences.csv").unlink()
    place = tmp_path / "temporary"
    place.mkdir()

    with pytest.raises(DataError):
        read_records(base, extract_date=EXTRACT, temp_folder=place)

    assert list(place.iterdir()) == []


def test_tables_are_ibis_tables(base, read):
    assert all(isinstance(t, ibis.Table) for t in read(base).tables.values())
