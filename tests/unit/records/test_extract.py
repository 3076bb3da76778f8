"""A source becomes texts: only declared columns, as they stand, with rows numbered as in the file."""

from datetime import date, datetime, time

import pytest

from yoseval.records.engine import open_engine
from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.extract import Extracted, extract
from yoseval.records.reading.readers import Source
from yoseval.records.reading.workbook import cell_text

HEADER = "person_id,date_of_birth,sex,team\n"


@pytest.fixture
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


@pytest.fixture
def people(engine, tmp_path):
    """Write people.csv, extract it, and return what was found and the texts."""

    def make(content, **spelled):
        file = tmp_path / "people.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        found = extract(engine, Source("people", "csv", str(file)), TableMap(**spelled))
        if not isinstance(found, Extracted):
            return found, []
        return found, engine.loader.execute("select * from text_people order by _row").fetchall()

    return make


def test_only_columns_of_the_standard_are_loaded(people):
    found, rows = people(HEADER + "a,2004-03-05,male,x\n")

    assert rows == [("a", "2004-03-05", "male", 2)]
    assert found.undeclared == ("team",)
    assert found.absent == ("ethnicity", "service", "resident", "send")


def test_texts_that_pandas_would_change_stay_as_they_stand(people):
    ids = ["NA", "null", "nan", "1e5", "007", "123456789012345678", "#1", "True", "-0"]

    _, rows = people(HEADER + "".join(f"{i},2004-03-05,male,\n" for i in ids))

    assert [r[0] for r in rows] == ids


def test_commas_quotation_marks_and_line_breaks_inside_cells_survive(people):
    _, rows = people(HEADER + '"a,b",2004-03-05,male,\n"say ""a""",2004-03-05,male,\n"a\nb",2004-03-05,male,\n')

    assert [r[0] for r in rows] == ["a,b", 'say "a"', "a\nb"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(people):
    found, rows = people(b"\xef\xbb\xbf" + HEADER.encode() + b"a,2004-03-05,male,\n")

    assert found.n_rows == len(rows) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252", "iso-8859-1", "utf-8-sig"])
def test_a_declared_encoding_is_read_strictly_and_told(people, encoding):
    found, rows = people((HEADER + "Zoë,2004-03-05,male,\n").encode(encoding), encoding=encoding)

    assert rows[0][0] == "Zoë"
    assert [a.given for a in found.applied if a.kind == "encoding"] == [encoding]


def test_a_line_break_inside_a_cell_of_a_windows_file_is_read(people):
    _, rows = people((HEADER + '"a\nb",2004-03-05,male,\n').replace("\n", "\r\n").replace("a\r\nb", "a\nb"))

    assert rows[0][0] == "a\nb"


def test_a_byte_that_is_not_utf_8_far_down_is_named_by_its_line(people):
    rows = b"".join(b"p%d,2004-03-05,male,%s\n" % (i, b"x" * 60) for i in range(500))
    faults, _ = people(HEADER.encode() + rows + b"q,2004-03-05,\xe9,\n")

    assert "line 502: not UTF-8" in str(faults[0])


@pytest.mark.parametrize("n_rejected", [1, 3, 300])
def test_rows_are_numbered_as_in_the_file_also_after_rows_that_do_not_fit(people, n_rejected):
    lines = [line for i in range(n_rejected) for line in (f"a{i},2004-03-05,male,", "short")]

    found, rows = people(HEADER + "\n".join([*lines, "last,2004-03-05,male,"]) + "\n")

    assert [(r[0], r[-1]) for r in rows] == [*((f"a{i}", 2 + 2 * i) for i in range(n_rejected)), ("last", 2 + 2 * n_rejected)]
    assert [line for line, _, _ in found.rejected] == [3 + 2 * i for i in range(n_rejected)]
    assert found.faults[0].places == tuple(3 + 2 * i for i in range(n_rejected))[:20]


@pytest.mark.parametrize(
    ("form", "cell", "text"),
    [
        ("%d/%m/%Y", "05/03/2004", "2004-03-05"),
        ("%-d/%-m/%Y", "5/3/2004", "2004-03-05"),
        ("%d %b %Y", "05 Mar 2004", "2004-03-05"),
        ("%d-%b-%Y", "05-MAR-2004", "2004-03-05"),
        ("%Y%m%d", "20040305", "2004-03-05"),
        ("%m/%d/%Y", "05/03/2004", "2004-05-03"),
        ("%Y-%m-%d 00:00:00", "2004-03-05 00:00:00", "2004-03-05"),
        ("%m/%Y", "03/2004", "2004-03"),
        ("%d/%m/%Y", "31/02/2004", "\x0131/02/2004"),
        ("%d/%m/%Y", "2004-03-05", "\x012004-03-05"),
        ("%d/%m/%Y", "5/3/2004", "\x015/3/2004"),
    ],
)
def test_a_declared_format_is_held_to_the_letter(people, form, cell, text):
    _, rows = people(HEADER + f"a,{cell},male,\n", dates={"date_of_birth": form})

    assert rows[0][1] == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("000123", "000123"),
        (3.0, "3"),
        (120.5, "120.5"),
        (-2, "-2"),
        (True, "yes"),
        (False, "no"),
        (date(2024, 3, 31), "2024-03-31"),
        (datetime(2024, 3, 31), "2024-03-31"),
        (datetime(2024, 3, 31, 9, 5), "2024-03-31 09:05:00"),
        (time(9, 5), "09:05:00"),
        ("", None),
        (123456789012345678.0, "1.23457E+17"),
    ],
)
def test_a_cell_of_a_workbook_becomes_the_text_that_a_csv_would_hold(value, text):
    assert cell_text(value) == text
