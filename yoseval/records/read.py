"""Read a table of any file as text, exactly as it stands, and nothing but the columns asked for.

Takes the path of a CSV, Excel or Parquet file and gives texts: an id of eighteen digits, a leading zero and a
programme called `NA` survive. A row that does not fit its header is an error with its line, never a guess. The
readers are those of records (`records.reading`); typing is strict and separate (`records.validate`).
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from yoseval.errors import DataError, listed
from yoseval.records.reading.columnar import ParquetReader
from yoseval.records.reading.delimited import DelimitedReader
from yoseval.records.reading.readers import Reader, Source
from yoseval.records.reading.sheet import SheetReader
from yoseval.records.reading.workbook import sheet_names

_TABLE = "given"
_PLAIN_CSV = "In Excel, use Save As and choose 'CSV UTF-8'."


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """Columns of a file as text.

    Parameters
    ----------
    file : Path
        Where it was read from.
    columns : DataFrame
        Texts, ``None`` where the cell is empty; the index is the row of the file, the header being row 1.
    """

    file: Path
    columns: pd.DataFrame


def read_header(file: Path) -> tuple[str, ...]:
    """Return the names of the columns of a CSV, Excel or Parquet file.

    Raises
    ------
    DataError
        If the file does not exist, is empty, is of another kind, or names a column twice or not at all.

    Examples
    --------
    >>> read_header(Path("people.csv"))  # doctest: +SKIP
    ('person', 'programme', 'age')
    """
    with _opened(file) as (_, reader):
        return reader.header


def read_columns(file: Path, columns: Sequence[str]) -> TextTable:
    """Read the named columns of a CSV (UTF-8, comma), Excel (its only sheet) or Parquet file as text.

    Parameters
    ----------
    file : Path
        The file.
    columns : sequence of str
        The columns wanted; no other column is loaded.

    Returns
    -------
    TextTable
        In the order of the file.

    Raises
    ------
    DataError
        If a column is absent, a row does not fit the header or the file is not UTF-8; all places at once.
    """
    with _opened(file) as (loader, reader):
        absent = [c for c in columns if c not in reader.header]
        if absent:
            raise DataError(
                f"{file.name} has no column {', '.join(repr(c) for c in absent)}.",
                f"It has: {', '.join(reader.header)}. Correct study.toml or the file.",
            )
        # Names of its own keep columns apart that differ in what an engine ignores.
        wanted = {f"c{i}": c for i, c in enumerate(dict.fromkeys(columns))}
        with _named(file):
            faults = reader.load(wanted, frozenset()).faults
        if faults:
            raise DataError(f"Rows of {file.name} do not fit its header.\n{listed([str(f) for f in faults])}")
        frame = loader.execute(f'select * from "raw_{_TABLE}" order by _row').fetchdf()  # noqa: S608 - own name
    if frame.empty:
        raise DataError(f"{file.name} has a header and no rows.", "Give one row a child.")
    frame = frame.set_index(frame["_row"].astype("int64").rename(None)).drop(columns="_row").rename(columns=wanted)
    return TextTable(file, frame.astype(object).where(frame.notna(), None))


@contextmanager
def _opened(file: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, Reader]]:
    """Open a file with the reader of its kind; what the reader finds wrong is said with the name of the file."""
    kind = _kind(file)
    with duckdb.connect() as loader, tempfile.TemporaryDirectory() as folder:
        with _named(file):
            reader = _reader(loader, file, kind, Path(folder))
        yield loader, reader


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Say what a reader finds wrong with the name of the file; a prepared file has no column map to declare things in."""
    try:
        yield
    except DataError as problem:
        remedy = _PLAIN_CSV if "columns.toml" in problem.remedy else problem.remedy
        raise DataError(f"{file.name}: {problem.problem}", remedy) from None


def _reader(loader: duckdb.DuckDBPyConnection, file: Path, kind: str, folder: Path) -> Reader:
    if kind == "csv":
        return DelimitedReader(loader, Source(_TABLE, kind, str(file)), "utf-8", ",", folder)
    if kind == "parquet":
        return ParquetReader(loader, Source(_TABLE, kind, str(file)))
    sheets = sheet_names(file)
    if len(sheets) > 1:
        raise DataError(f"{len(sheets)} sheets.", "Give a workbook with one sheet, or save the sheet as 'CSV UTF-8'.")
    return SheetReader(loader, Source(_TABLE, kind, str(file), sheets[0]))


def _kind(file: Path) -> str:
    if not file.is_file():
        raise DataError(
            f"There is no file {file.name} in {file.parent.name or '.'}/.", "Put it there, or correct its name in study.toml."
        )
    kind = file.suffix.lower().lstrip(".")
    if kind not in ("csv", "parquet", "xlsx"):
        raise DataError(f"{file.name} is neither CSV, Excel nor Parquet.", "In Excel, use Save As and choose 'CSV UTF-8'.")
    return kind
