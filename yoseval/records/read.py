"""Read a table of a file as text, exactly as it stands, and nothing but the columns asked for.

Takes the path of a CSV or Parquet file and gives texts: an id of eighteen digits, a leading zero and a
programme called `NA` survive. A row that does not fit its header is an error with its line, never a guess.
DuckDB does the reading; typing is strict and separate (`records.validate`).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from yoseval.errors import DataError, listed

_MOST = 20
_ZERO_DECIMALS = r"^(-?\d+)\.0$"


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
    """Return the names of the columns of a CSV or Parquet file.

    Raises
    ------
    DataError
        If the file does not exist, is empty, is of another kind, or names a column twice or not at all.

    Examples
    --------
    >>> read_header(Path("people.csv"))  # doctest: +SKIP
    ('person', 'programme', 'age')
    """
    kind = _kind(file)
    names = _parquet_header(file) if kind == "parquet" else _csv_header(file)
    if not names:
        raise DataError(f"{file.name} is empty.", "Give a file whose first row names the columns.")
    unnamed = [i for i, n in enumerate(names, start=1) if not n.strip()]
    if unnamed:
        raise DataError(f"{file.name}: column {unnamed[0]} has no name in the first row.", "Name it, or delete it.")
    # Engines do not tell 'Age' from 'age'.
    folded = [n.casefold() for n in names]
    repeated = sorted({n for n in names if folded.count(n.casefold()) > 1})
    if repeated:
        raise DataError(f"{file.name} has more than one column called {', '.join(repeated)}.", "Give each a name of its own.")
    return names


def read_columns(file: Path, columns: Sequence[str]) -> TextTable:
    """Read the named columns of a CSV (UTF-8, comma) or Parquet file as text.

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
    names = read_header(file)
    absent = [c for c in columns if c not in names]
    if absent:
        raise DataError(
            f"{file.name} has no column {', '.join(repr(c) for c in absent)}.",
            f"It has: {', '.join(names)}. Correct study.toml or the file.",
        )
    wanted = list(dict.fromkeys(columns))
    frame = _query_parquet(file, wanted) if _kind(file) == "parquet" else _query_csv(file, names, wanted)
    if frame.empty:
        raise DataError(f"{file.name} has a header and no rows.", "Give one row a child.")
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    return TextTable(file, frame.astype(object).where(frame.notna(), None))


def _kind(file: Path) -> str:
    if not file.is_file():
        raise DataError(
            f"There is no file {file.name} in {file.parent.name or '.'}/.", "Put it there, or correct its name in study.toml."
        )
    kind = file.suffix.lower().lstrip(".")
    if kind not in ("csv", "parquet"):
        raise DataError(f"{file.name} is neither CSV nor Parquet.", "In Excel, use Save As and choose 'CSV UTF-8'.")
    return kind


def _csv_header(file: Path) -> tuple[str, ...]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return tuple(next(csv.reader(lines, strict=True), []))
    except UnicodeDecodeError:
        raise _encoding_error(file) from None
    except csv.Error as problem:
        raise DataError(f"{file.name}, line 1: {problem}.", "Save it as CSV UTF-8.") from None


def _parquet_header(file: Path) -> tuple[str, ...]:
    with duckdb.connect() as engine:
        try:
            rows = engine.execute("select column_name from (describe select * from read_parquet(?))", [str(file)]).fetchall()
        except duckdb.Error:
            raise DataError(f"{file.name} is not a Parquet file.", "Write it again, or give a CSV.") from None
    return tuple(str(r[0]) for r in rows)


def _query_parquet(file: Path, wanted: list[str]) -> pd.DataFrame:
    with duckdb.connect() as engine:
        picks = ", ".join(f"{_number_text(_quoted(c))} as {_quoted(c)}" for c in wanted)
        return engine.execute(f"select {picks} from read_parquet(?)", [str(file)]).fetchdf()  # noqa: S608 - quoted names


def _number_text(column: str) -> str:
    # A whole number that went through pandas is often stored as 1.0; as text it is 1. A text stays as it stands.
    plain = f"cast({column} as varchar)"
    trimmed = f"regexp_replace({plain}, '{_ZERO_DECIMALS}', '\\1')"
    return f"case when typeof({column}) in ('DOUBLE', 'FLOAT') then {trimmed} else {plain} end"


def _query_csv(file: Path, names: tuple[str, ...], wanted: list[str]) -> pd.DataFrame:
    # Nothing is left to be guessed. With parallel=false DuckDB loses the rows after an unclosed quotation mark.
    options = "auto_detect=false, header=true, delim=',', quote='\"', escape='\"', nullstr='', store_rejects=true"
    types = ", ".join(f"{_literal(n)}: 'VARCHAR'" for n in names)
    with duckdb.connect() as engine:
        engine.execute("set preserve_insertion_order=true")
        query = f"select {', '.join(map(_quoted, names))} from read_csv(?, columns={{{types}}}, {options})"  # noqa: S608 - quoted
        try:
            frame = engine.execute(query, [str(file)]).fetchdf()
        except duckdb.Error as problem:
            first = str(problem).splitlines()[0]
            raise DataError(f"{file.name} cannot be read as CSV: {first}", "Save it as CSV UTF-8 with commas.") from None
        rejects = engine.execute(
            "select line, error_type, error_message from reject_errors order by line, column_idx"
        ).fetchall()
    if rejects:
        raise _rejects_error(file, rejects)
    return frame[wanted]


def _rejects_error(file: Path, rejects: list[tuple[int, str, str]]) -> DataError:
    # DuckDB's own message may hold the row itself; only its kind and its counts are passed on.
    if any(kind == "INVALID ENCODING" for _, kind, _ in rejects):
        return _encoding_error(file)
    lines = sorted({line for line, _, _ in rejects})
    faults = dict.fromkeys(f"line {line}: {_fault(kind)}" for line, kind, _ in rejects)
    return DataError(
        f"{file.name}: {len(lines)} rows do not fit the header.\n{listed(list(faults), most=_MOST)}\n",
        "Put texts that hold a comma or a line break in double quotes, and export again.",
    )


def _fault(kind: str) -> str:
    words = {
        "MISSING COLUMNS": "fewer cells than the header names",
        "TOO MANY COLUMNS": "more cells than the header names",
        "UNQUOTED VALUE": "a quotation mark that is not closed",
    }
    return words.get(kind, kind.lower())


def _encoding_error(file: Path) -> DataError:
    with file.open("rb") as lines:
        first = next((i for i, line in enumerate(lines, start=1) if not _is_utf8(line)), 1)
    return DataError(f"{file.name}, line {first}: not UTF-8.", "In Excel, use Save As and choose 'CSV UTF-8'.")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
