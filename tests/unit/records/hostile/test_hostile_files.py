"""Files that are no texts: other encodings, workbooks made to harm, damaged Parquet; each is refused in words."""

import shutil
import zipfile
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from yoseval.errors import DataError
from yoseval.records.reading import workbook
from yoseval.records.records import read_records

BASE = Path(__file__).parent / "base"
EXTRACT = date(2021, 6, 30)
HEADER = ["person_id", "date_of_birth", "sex"]


def sheet(folder, rows, name="people.xlsx", sheet_name="people"):
    (folder / "people.csv").unlink()
    with xlsxwriter.Workbook(folder / name) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        page = book.add_worksheet(sheet_name)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                page.write(i, j, value, *([day] if isinstance(value, date) else []))


def text(folder, content, encoding):
    (folder / "people.csv").write_bytes(content.encode(encoding) if isinstance(content, str) else content)


def latin(folder):
    text(folder, "person_id,date_of_birth,sex,service\nSECRET,2004-03-05,male,Café\n", "windows-1252")


def utf16(folder):
    text(folder, "person_id,date_of_birth,sex\nSECRET,2004-03-05,male\n", "utf-16")


def two_line_endings(folder):
    text(folder, b"person_id,date_of_birth,sex\r\nSECRET,2004-03-05,male\r\nSECRET2,2004-03-05,male\n", "")


def zeros(folder):
    text(folder, b"person_id,date_of_birth,sex\nSECRET,2004-03-05,ma\x00le\n", "")


def long_line(folder):
    text(folder, "person_id,date_of_birth,sex\nSECRET,2004-03-05," + "x" * 3_000_000 + "\n", "utf-8")


def pictures(folder):
    text(folder, b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "")


def old_excel(folder):
    (folder / "people.csv").unlink()
    (folder / "people.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"SECRET" * 100)


def a_zip_of_something_else(folder):
    (folder / "people.csv").unlink()
    with zipfile.ZipFile(folder / "people.xlsx", "w") as archive:
        archive.writestr("readme.txt", "SECRET")


def bomb(folder):
    (folder / "people.csv").unlink()
    with zipfile.ZipFile(folder / "people.xlsx", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/a.xml", "w") as part:
        for _ in range(60):
            part.write(b"0" * 1_000_000)


def many_parts(folder):
    (folder / "people.csv").unlink()
    with zipfile.ZipFile(folder / "people.xlsx", "w") as archive:
        for i in range(2_100):
            archive.writestr(f"{i}.xml", "")


def rounded_id(folder):
    sheet(folder, [HEADER, [123456789012345678, date(2004, 3, 5), "male"], ["SECRET", date(2004, 3, 5), "male"]])


def clock(folder):
    sheet(folder, [HEADER, ["SECRET", datetime(2004, 3, 5, 10, 30), "male"]])


def wide_row(folder):
    sheet(folder, [HEADER, ["SECRET", date(2004, 3, 5), "male", "SECRET"]])


def title_above_the_header(folder):
    sheet(folder, [["Young people"], HEADER, ["SECRET", date(2004, 3, 5), "male"]])


def empty_sheet(folder):
    sheet(folder, [])


def wrong_sheet(folder):
    (folder / "people.csv").unlink()
    with xlsxwriter.Workbook(folder / "people.xlsx") as book:
        book.add_worksheet("One")
        book.add_worksheet("Two")


def sheet_and_file(folder):
    with xlsxwriter.Workbook(folder / "service.xlsx") as book:
        book.add_worksheet("people").write_row(0, 0, HEADER)


def error_cells(folder):
    (folder / "people.csv").unlink()
    with xlsxwriter.Workbook(folder / "people.xlsx") as book:
        page = book.add_worksheet("people")
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, ["SECRET", "2004-03-05"])
        page.write_formula(1, 2, "=NA()", None, "#N/A")


def damaged_parquet(folder):
    (folder / "people.csv").unlink()
    (folder / "people.parquet").write_bytes(b"PAR1SECRETPAR1")


def parquet_of_numbers(folder):
    (folder / "people.csv").unlink()
    with duckdb.connect() as engine:
        query = "select 1.2345678901234568e17::double as person_id, date '2004-03-05' as date_of_birth, 'male' as sex"
        engine.execute(f"copy ({query}) to '{folder / 'people.parquet'}'").fetchall()


def parquet_with_clock(folder):
    (folder / "people.csv").unlink()
    with duckdb.connect() as engine:
        query = "select 'SECRET' as person_id, timestamp '2004-03-05 10:30:00' as date_of_birth, 'male' as sex"
        engine.execute(f"copy ({query}) to '{folder / 'people.parquet'}'").fetchall()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (latin, "people.csv: line 2: not UTF-8. In Excel choose 'CSV UTF-8'"),
        (utf16, 'people.csv: UTF-16 and not UTF-8. Save it as CSV UTF-8, or declare encoding = "utf-16"'),
        (two_line_endings, "people.csv: line endings of two kinds"),
        (zeros, "people.csv, column 'sex': none of the codes"),
        (long_line, "people.csv: a line of more than two million characters"),
        (pictures, "people.csv: line 1: not UTF-8"),
        (old_excel, "people.xlsx: not an Excel workbook (.xlsx), or locked by a password"),
        (a_zip_of_something_else, "people.xlsx: not an Excel workbook (.xlsx), or a damaged one"),
        (bomb, "people.xlsx: the workbook holds 60,000,000 bytes when unpacked"),
        (many_parts, "people.xlsx: the workbook holds 2,100 parts, more than 2,000"),
        (rounded_id, "people.xlsx, sheet 'people', column 'person_id': an id that a spreadsheet has rounded to a form"),
        (clock, "sheet 'people', column 'date_of_birth': not a date of the form YYYY-MM-DD in 1 of 1 rows (row 2)"),
        (wide_row, "sheet 'people': a cell beyond the last column that has a name in 1 of 1 rows (row 2)"),
        (title_above_the_header, "sheet 'people', column 'person_id': a column that is not there. The file has: Young people."),
        (empty_sheet, "people.xlsx, sheet 'people': no header"),
        (wrong_sheet, "no sheet for people; the workbook has: One, Two. Name it as 'sheet' in columns.toml."),
        (sheet_and_file, "people.csv and service.xlsx, sheet 'people': two sources of one table"),
        (error_cells, "sheet 'people', column 'sex': "),
        (damaged_parquet, "people.parquet: not a Parquet file"),
        (parquet_of_numbers, "people.parquet, column 'person_id': an id that a spreadsheet has rounded"),
        (parquet_with_clock, "people.parquet, column 'date_of_birth': not a date of the form YYYY-MM-DD"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_it_is_refused_in_words_that_show_no_child(tmp_path, spoil, says):
    folder = Path(shutil.copytree(BASE, tmp_path / "records"))
    spoil(folder)

    with pytest.raises(DataError) as refused:
        read_records(folder, extract_date=EXTRACT)

    assert says in str(refused.value)
    assert "SECRET" not in str(refused.value)


def test_a_bomb_is_refused_before_anything_of_it_is_unpacked(tmp_path, monkeypatch):
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    bomb(tmp_path)
    opened = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: opened.append("part"))

    with pytest.raises(DataError, match="200 times"):
        workbook.guard(tmp_path / "people.xlsx")

    assert opened == []


def test_a_declared_encoding_that_the_file_is_not_names_the_line(tmp_path):
    folder = Path(shutil.copytree(BASE, tmp_path / "records"))
    text(folder, b"person_id,date_of_birth,sex\nSECRET,2004-03-05,\x81\n", "")

    with pytest.raises(DataError, match="line 2: not WINDOWS-1252"):
        read_records(folder, extract_date=EXTRACT, columns={"people": {"encoding": "windows-1252"}})
