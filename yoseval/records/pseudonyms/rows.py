"""Read the rows of CSV, Excel and Parquet files one after another, as texts, without holding a whole CSV in memory.

Gives tables with their header and an iterator of rows; a row that does not fit its header is an error with its line.
"""

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from yoseval.errors import DataError, UsageError
from yoseval.records.reading.readers import checked_header
from yoseval.records.reading.workbook import cell_text, open_workbook, sheet_names

KINDS = (".csv", ".parquet", ".xlsx")
_SAMPLE_ROWS = 200
Row = list[str]


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a folder: a file, or one sheet of a workbook.

    Parameters
    ----------
    file : Path
        The file.
    sheet : str
        The sheet, empty where the file is no workbook.
    name : str
        Name of the table that is written.
    encoding : str
        Of a CSV file.
    """

    file: Path
    sheet: str
    name: str
    encoding: str = "utf-8-sig"

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.file.name + (f", sheet '{self.sheet}'" if self.sheet else "")


def parts_of(folder: Path, encoding: str) -> list[Part]:
    """Return the tables of a folder, by name; a workbook of one sheet is called as its file.

    Raises
    ------
    DataError
        If there is none, two would have the same name, or a workbook cannot be opened.
    UsageError
        If the encoding is not known.
    """
    parts: list[Part] = []
    encoding = _without_mark(encoding)
    for file in sorted(f for f in folder.iterdir() if f.is_file() and f.suffix.lower() in KINDS):
        # Excel keeps a hidden file of this name while a workbook is open.
        if not file.name.startswith(("~$", ".")):
            sheets = _sheets(file)
            parts += [Part(file, s, file.stem if len(sheets) == 1 else s, encoding) for s in sheets]
    if not parts:
        raise DataError(f"There is no CSV, Excel or Parquet file in {folder.name}.", "Name the folder of the extract.")
    names = [p.name.casefold() for p in parts]
    if len(set(names)) < len(names):
        twice = next(p.label for p in parts if names.count(p.name.casefold()) > 1)
        raise DataError(f"Two tables have the same name; one is {twice}.", "Rename one of them.")
    return parts


@contextmanager
def opened(part: Part) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[int, Row]]]]:
    """Open a table: its header, and its rows with their lines; empty cells are empty texts.

    Raises
    ------
    DataError
        If it cannot be read, or a row has more or fewer cells than the header.
    """
    kind = part.file.suffix.lower()
    if kind == ".csv":
        with part.file.open(encoding=part.encoding, newline="") as lines:
            rows = _csv_rows(part, lines)
            yield _header(part, next(rows, (1, []))[1]), rows
        return
    rows = _sheet_rows(part) if kind == ".xlsx" else _parquet_rows(part)
    yield _header(part, next(rows, (1, []))[1]), rows


def sample_of(part: Part) -> tuple[tuple[str, ...], list[Row]]:
    """Return the header and the first rows of a table."""
    with opened(part) as (header, rows):
        return header, [row for (_, row), _ in zip(rows, range(_SAMPLE_ROWS), strict=False)]


def _without_mark(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise UsageError(f"'{encoding}' is no encoding.", "Give utf-8 or cp1252, for example.") from None
    # A byte order mark is no part of the first column's name.
    return "utf-8-sig" if name == "utf-8" else name


def _sheets(file: Path) -> tuple[str, ...]:
    if file.suffix.lower() != ".xlsx":
        return ("",)
    try:
        return sheet_names(file)
    except DataError as problem:
        raise DataError(f"{file.name}: {problem.problem}", problem.remedy) from None


def _header(part: Part, names: Row) -> tuple[str, ...]:
    try:
        return checked_header(names)
    except DataError as problem:
        raise DataError(f"{part.label}: {problem.problem}", problem.remedy) from None


def _csv_rows(part: Part, lines: IO[str]) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(lines, strict=True)
    width = 0
    try:
        for row in reader:
            if not row:
                continue
            width = width or len(row)
            _require_width(part, row, width, reader.line_num)
            yield reader.line_num, row
    except csv.Error:
        raise DataError(f"{part.label}, line {reader.line_num}: not valid CSV.", "Export it again as CSV UTF-8.") from None
    except UnicodeDecodeError:
        raise DataError(
            f"{part.label}, after line {reader.line_num}: not {part.encoding.removesuffix('-sig')}.",
            "Save it as CSV UTF-8, or name its encoding.",
        ) from None


def _sheet_rows(part: Part) -> Iterator[tuple[int, Row]]:
    rows = open_workbook(part.file).get_sheet_by_name(part.sheet).to_python(skip_empty_area=False)
    for line, row in enumerate(rows, start=1):
        texts = [cell_text(cell) or "" for cell in row]
        if line == 1 or any(texts):
            yield line, texts


def _parquet_rows(part: Part) -> Iterator[tuple[int, Row]]:
    try:
        file = parquet.ParquetFile(part.file)
    except (pa.ArrowException, OSError):
        raise DataError(f"{part.label} is not a Parquet file.", "Write it again, or give a CSV.") from None
    yield 1, list(file.schema_arrow.names)
    line = 1
    for batch in file.iter_batches():
        columns = [_texts(part, batch.schema.names[i], column) for i, column in enumerate(batch.columns)]
        for row in zip(*columns, strict=True):
            line += 1
            yield line, list(row)


def _texts(part: Part, name: str, column: Any) -> list[str]:
    """Return a column as the texts that a CSV file of the same data would hold."""
    kind = column.type
    try:
        if pa.types.is_floating(kind) and pc.all(pc.equal(pc.floor(column), column)).as_py() is not False:
            column = pc.cast(column, pa.int64())
        elif pa.types.is_timestamp(kind):
            column = pc.cast(column, pa.date32())
        elif pa.types.is_boolean(kind):
            column = pc.if_else(column, "yes", "no")
        return [text or "" for text in pc.cast(column, pa.string()).to_pylist()]
    except pa.ArrowException:
        raise DataError(
            f"{part.label}: column '{name}' holds {kind}, which cannot be written as text.",
            "Store it as text, or leave it out.",
        ) from None


def _require_width(part: Part, row: Row, width: int, line: int) -> None:
    if len(row) != width:
        raise DataError(
            f"{part.label}, line {line}: {len(row)} cells, but the header names {width}.",
            "Put texts that hold a comma or a line break in double quotes, and export again.",
        )
