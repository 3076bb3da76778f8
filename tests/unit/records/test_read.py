"""Files are read as texts, exactly as they stand, and a file that is off is refused with its place."""

import duckdb
import pandas as pd
import pytest
import xlsxwriter

from yoseval.errors import DataError
from yoseval.records.read import read_columns, read_header


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="people.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return file

    return write_file


def cells(file, *columns):
    return read_columns(file, columns or read_header(file)).columns.to_dict("list")


def test_texts_survive_as_they_stand(write):
    file = write("id,programme\n123456789012345678,NA\n000123,null\n1e5,None\n+1,nan\n")

    assert cells(file) == {
        "id": ["123456789012345678", "000123", "1e5", "+1"],
        "programme": ["NA", "null", "None", "nan"],
    }


def test_commas_quotes_and_line_breaks_in_cells_survive(write):
    file = write('a,b\n"x, y","he said ""no"""\n"line\nbreak",\'quoted\'\n')

    assert cells(file) == {"a": ["x, y", "line\nbreak"], "b": ['he said "no"', "'quoted'"]}


def test_an_empty_cell_is_none_and_a_space_is_a_space(write):
    assert cells(write('a,b\n,1\n"",2\n ,3\n')) == {"a": [None, None, " "], "b": ["1", "2", "3"]}


def test_rows_are_numbered_as_in_the_file_the_header_being_row_1(write):
    assert read_columns(write("a\nx\ny\nz\n"), ["a"]).columns.index.tolist() == [2, 3, 4]


def test_only_the_columns_asked_for_are_loaded_in_the_order_asked(write):
    table = read_columns(write("a,b,c\n1,2,3\n"), ["c", "a", "c"])

    assert table.columns.columns.tolist() == ["c", "a"]


def test_a_row_that_begins_with_a_hash_is_a_row(write):
    assert cells(write("a,b\n#1,2\n3,4\n")) == {"a": ["#1", "3"], "b": ["2", "4"]}


def test_a_header_that_looks_like_data_is_the_header(write):
    assert cells(write("1,2\n3,4\n")) == {"1": ["3"], "2": ["4"]}


def test_names_with_spaces_quotes_and_braces_can_be_read(write):
    assert cells(write('" a ","b ""q""",it\'s,{x}\n1,2,3,4\n')) == {" a ": ["1"], 'b "q"': ["2"], "it's": ["3"], "{x}": ["4"]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_line_end_will_do(write, end):
    assert cells(write(f"a,b{end}1,2{end}3,4{end}")) == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_byte_order_mark_is_no_part_of_the_first_name(write):
    assert cells(write(b"\xef\xbb\xbfa,b\n1,2\n")) == {"a": ["1"], "b": ["2"]}


def test_a_large_file_keeps_its_order(write):
    n = 60_000
    file = write("a,b\n" + "".join(f'{i},"x, {i}"\n' for i in range(n)))

    assert cells(file, "a")["a"] == [str(i) for i in range(n)]


def test_a_folder_with_signs_of_a_pattern_is_only_a_folder(tmp_path):
    folder = tmp_path / "run [1] *"
    folder.mkdir()
    (folder / "people.csv").write_text("a\n1\n", encoding="utf-8")

    assert cells(folder / "people.csv") == {"a": ["1"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", r"fewer cells than the header names in 1 of 3 rows \(line 3\)"),
        ("a,b\n1,2,3\n4,5\n", r"more cells than the header names in 1 of 2 rows \(line 2\)"),
        ('a,b\n1,2\n3,4\n"5,6\n7,8\n9,10\n', r"a quotation mark that is not closed in 1 of 3 rows \(line 4\)"),
        ('a,b\n1,2\n3,"4', r"a quotation mark that is not closed in 1 of 2 rows \(line 3\)"),
        ('a,b\n1,x\n2,"z"w\n', r"a quotation mark that is not closed in 1 of 2 rows \(line 3\)"),
        ("", "people.csv: an empty file"),
        ("a,b\n", "has a header and no rows"),
        ("a,b", "has a header and no rows"),
        ("a,b,a\n1,2,3\n", "column 3 has the name of an earlier one"),
        ("Age,b,age\n1,2,3\n", "column 3 has the name of an earlier one"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a, ,c\n1,2,3\n", "column 2 has no name"),
        ('"a,b\n1,2\n', "line 1: a quotation mark that is not closed"),
        (b"a,b\n1,2\n3,caf\xe9\n", "line 3: not UTF-8"),
        (b"\xe9,b\n1,2\n", "line 1: not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16 and not UTF-8. In Excel, use Save As"),
        ("a,b\n1,2\r\n3,4\n", "people.csv: line endings of two kinds"),
    ],
    ids=[
        "too few cells",
        "too many cells",
        "quotation mark not closed",
        "quotation mark not closed at the end",
        "text after a quotation mark",
        "empty",
        "header only",
        "header without line end",
        "column twice",
        "column twice but for case",
        "column without name",
        "column named by a space",
        "header not closed",
        "Latin 1",
        "Latin 1 in the header",
        "UTF-16",
        "two kinds of line ends",
    ],
)
def test_a_file_that_is_off_is_refused_with_its_place(write, content, message):
    file = write(content)

    with pytest.raises(DataError, match=message):
        cells(file)


def test_far_into_a_large_file_the_line_is_still_named(write):
    n = 30_000
    file = write("a,b\n" + "".join("1,2\n" if i != 20_000 else "1\n" for i in range(n)))

    with pytest.raises(DataError, match=r"fewer cells than the header names in 1 of 30,000 rows \(line 20,002\)"):
        cells(file)


def test_of_many_rows_that_do_not_fit_twenty_are_named_and_all_counted(write):
    file = write("a,b\n" + "1\n" * 25)

    with pytest.raises(DataError) as caught:
        cells(file)

    message = str(caught.value)
    assert "fewer cells than the header names in 25 of 25 rows" in message
    assert "(line 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, …)" in message


def test_a_message_about_a_row_never_shows_the_row(write):
    file = write("id,b\nSECRET77,2,3\nSECRET78\n")

    with pytest.raises(DataError) as caught:
        cells(file)

    assert "SECRET" not in str(caught.value)


def test_a_missing_column_is_named_with_those_there_are(write):
    with pytest.raises(DataError, match=r"has no column 'prior', 'x'. It has: age, sex"):
        read_columns(write("age,sex\n1,f\n"), ["age", "prior", "x"])


def test_a_missing_file_is_named_without_its_path(tmp_path):
    with pytest.raises(DataError, match=r"There is no file people\.csv") as caught:
        read_header(tmp_path / "people.csv")

    assert str(tmp_path) not in str(caught.value)


def test_another_kind_of_file_is_refused_with_a_way_out(write):
    with pytest.raises(DataError, match=r"neither CSV, Excel nor Parquet\. In Excel, use Save As and choose 'CSV UTF-8'"):
        read_header(write(b"x", "people.ods"))


def test_a_file_that_only_calls_itself_excel_is_refused(write):
    with pytest.raises(DataError, match=r"people\.xlsx: not an Excel workbook"):
        read_header(write(b"PK\x03\x04", "people.xlsx"))


def workbook(file, *names):
    with xlsxwriter.Workbook(file) as book:
        for name in names:
            sheet = book.add_worksheet(name)
            for row, values in enumerate((("id", "days", "note"), ("001", 3, "NA"), ("123456789012345678", 2.5, ""))):
                sheet.write_row(row, 0, values)
    return file


def test_a_workbook_of_one_sheet_reads_like_its_csv(write, tmp_path):
    file = workbook(tmp_path / "people.xlsx", "people")

    assert cells(file) == cells(write("id,days,note\n001,3,NA\n123456789012345678,2.5,\n"))


def test_of_a_workbook_with_several_sheets_none_is_guessed(tmp_path):
    with pytest.raises(DataError, match=r"people\.xlsx: 2 sheets\. Give a workbook with one sheet"):
        read_header(workbook(tmp_path / "people.xlsx", "people", "more"))


def test_a_file_that_only_calls_itself_parquet_is_refused(write):
    with pytest.raises(DataError, match="not a Parquet file"):
        read_header(write("a,b\n1,2\n", "people.parquet"))


def test_parquet_reads_like_the_csv_of_the_same_table(tmp_path):
    texts = pd.DataFrame({"id": ["001", "002", "1.0"], "note": ["NA", 'a "b", c', None], "days": ["3", "2.5", None]})
    texts.to_csv(tmp_path / "t.csv", index=False)
    with duckdb.connect() as engine:
        engine.register("texts", texts)
        query = (
            f"copy (select id, note, cast(days as double) as days from texts) to '{tmp_path / 't.parquet'}' (format parquet)"
        )
        engine.execute(query)

    assert read_header(tmp_path / "t.parquet") == read_header(tmp_path / "t.csv")
    assert cells(tmp_path / "t.parquet") == cells(tmp_path / "t.csv")


def test_parquet_keeps_whole_numbers_of_eighteen_digits(tmp_path):
    with duckdb.connect() as engine:
        engine.execute(f"copy (select 123456789012345678::bigint as id) to '{tmp_path / 't.parquet'}' (format parquet)")

    assert cells(tmp_path / "t.parquet") == {"id": ["123456789012345678"]}
