"""Read a CSV file as texts, with every row that does not fit its header named by line.

DuckDB reads, nothing is left for it to guess. Another declared encoding is turned into UTF-8 first, strictly.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import duckdb

from yoseval.errors import DataError
from yoseval.records.checking.faults import PLACES, Fault
from yoseval.records.reading.readers import Loaded, Source, checked_header, literal, quoted

_SAMPLE = 1_000
_CHUNK = 1 << 20
_KINDS = {
    "MISSING COLUMNS": "fewer cells than the header names",
    "TOO MANY COLUMNS": "more cells than the header names",
    "UNQUOTED VALUE": "a quotation mark that is not closed",
    "LINE SIZE OVER MAXIMUM": "a line of more than two million characters",
}


class DelimitedReader:
    """One CSV file, opened.

    Parameters
    ----------
    loader : DuckDB connection
        Where the texts go.
    source : Source
        The file.
    encoding, delimiter : str
        As declared in the column map.
    folder : Path
        Where a file of another encoding is turned into UTF-8.

    Raises
    ------
    DataError
        If the file is empty or not of its encoding, or its header is off.
    """

    unit = "line"

    def __init__(self, loader: duckdb.DuckDBPyConnection, source: Source, encoding: str, delimiter: str, folder: Path) -> None:
        self.loader, self.source, self.delimiter = loader, source, delimiter
        self.file = _as_utf8(Path(source.place), encoding, folder)
        self.header = checked_header(self._first_row())
        self._rejected: frozenset[int] = frozenset()

    def sample(self) -> Mapping[str, Sequence[str]]:
        """Return the first values of every column."""
        rows: list[list[str]] = []
        # What cannot be parsed here is found, and named by its line, when DuckDB loads the file.
        with suppress(csv.Error):
            rows.extend(r for _, _, r in islice(self._records(), 1, _SAMPLE + 1))
        return {name: [r[i] for r in rows if i < len(r) and r[i].strip()] for i, name in enumerate(self.header)}

    def load(self, columns: Mapping[str, str], formatted: frozenset[str]) -> Loaded:
        """Load columns as ``raw_<table>``; rows that do not fit the header are left out and named."""
        name = self.source.table
        picks = ", ".join(f"{quoted(theirs)} as {quoted(c)}" for c, theirs in columns.items())
        types = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in self.header)
        # With parallel=false DuckDB loses the rows after an unclosed quotation mark.
        options = (
            f"auto_detect=false, header=true, delim={literal(self.delimiter)}, quote='\"', escape='\"', nullstr='', "
            f"store_rejects=true, rejects_table='rejects_{name}', rejects_scan='scans_{name}'"
        )
        read = f"read_csv(?, columns={{{types}}}, {options})"
        query = f'create or replace table "cells_{name}" as select {picks} from {read}'  # noqa: S608 - quoted names
        try:
            self.loader.execute(query, [str(self.file)])
        except duckdb.Error as problem:
            raise _unreadable(str(problem)) from None
        rejected = self._rejects()
        self._number_rows([line for line, _, _ in rejected])
        return Loaded(tuple(self._faults(rejected)), tuple(rejected))

    def places(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the physical lines of rows (the header is row 1; a cell may hold line breaks)."""
        wanted, found = set(rows), {}
        try:
            for row, line, _ in self._records():
                if row in wanted:
                    found[row] = line
                if len(found) == len(wanted):
                    break
        except csv.Error:
            return tuple(rows)
        return tuple(found.get(r, r) for r in rows)

    def _first_row(self) -> tuple[str, ...]:
        try:
            names = next((tuple(r) for _, _, r in self._records()), ())
        except csv.Error as problem:
            raise DataError(f"line 1: {problem}.", "Save it as CSV UTF-8.") from None
        if any("\n" in n for n in names):
            raise DataError("line 1: a quotation mark that is not closed.", "Give a first row that names the columns.")
        other = next((d for d in (";", "\t", "|", ",") if d in names[0]), "") if len(names) == 1 else ""
        if other:
            shown = {"\t": "tabs"}.get(other, f"'{other}'")
            raise DataError(f"cells are separated by {shown}.", f"Declare it in columns.toml: delimiter = {other!r}.")
        return names

    def _records(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield number (blank lines do not count), physical line and cells of each row, the header being row 1."""
        # A byte that is not UTF-8 is found, and named by its line, when DuckDB loads the file.
        with self.file.open(encoding="utf-8-sig", newline="", errors="replace") as lines:
            reader = csv.reader(lines, delimiter=self.delimiter)
            row, start = 0, 1
            for cells in reader:
                if cells:
                    row += 1
                    yield row, start, cells
                start = reader.line_num + 1

    def _rejects(self) -> list[tuple[int, str, str]]:
        """Return row number, kind and text of the rows that do not fit."""
        query = f'select line, error_type, any_value(csv_line) from "rejects_{self.source.table}" group by all order by 1'  # noqa: S608
        found = self.loader.execute(query).fetchall()
        if any(kind == "INVALID ENCODING" for _, kind, _ in found):
            raise not_encoded(self.file, "utf-8")
        numbers = self._numbers_of([line for line, _, _ in found])
        first: dict[int, tuple[int, str, str]] = {}
        for line, kind, text in found:
            first.setdefault(line, (numbers.get(line, line), _KINDS.get(kind, kind.lower()), text or ""))
        return list(first.values())

    def _numbers_of(self, lines: Sequence[int]) -> dict[int, int]:
        # DuckDB counts rows and blank lines; rows here are counted without the blank ones.
        wanted, found, blank = set(lines), {}, 0
        if not wanted:
            return {}
        with self.file.open(encoding="utf-8-sig", newline="") as text:
            try:
                for line, cells in enumerate(csv.reader(text, delimiter=self.delimiter), start=1):
                    blank += not cells
                    if line in wanted:
                        found[line] = line - blank
            except csv.Error:
                return found
        return found

    def _number_rows(self, rejected: Sequence[int]) -> None:
        # The k-th row kept stands after as many rejected rows r as have r - (rejected before r) <= k.
        name = self.source.table
        thresholds = [row - i for i, row in enumerate(sorted(rejected))]
        shift = f" + len(list_filter({thresholds}::bigint[], lambda t: t <= rowid + 2))" if thresholds else ""
        self.loader.execute(f'create or replace view "raw_{name}" as select *, rowid + 2{shift} as _row from "cells_{name}"')  # noqa: S608

    def _faults(self, rejected: Sequence[tuple[int, str, str]]) -> Iterator[Fault]:
        kept = self.loader.execute(f'select count(*) from "cells_{self.source.table}"').fetchall()  # noqa: S608 - own name
        total = int(kept[0][0]) + len(rejected)
        for kind in dict.fromkeys(k for _, k, _ in rejected):
            rows = [row for row, k, _ in rejected if k == kind]
            remedy = "Put texts that hold a comma, quotation mark or line break in double quotes, and export again."
            shown = self.places(rows[:PLACES])
            yield Fault(self.source.table, self.source.label, kind, remedy, "", len(rows), total, shown, self.unit)


def not_encoded(file: Path, encoding: str) -> DataError:
    """Return the error for a file that is not of its declared encoding, with the first line that shows it."""
    with file.open("rb") as lines:
        start = lines.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            return DataError("UTF-16 and not UTF-8.", 'Save it as CSV UTF-8, or declare encoding = "utf-16" in columns.toml.')
        lines.seek(0)
        first = next((i for i, line in enumerate(lines, start=1) if not _fits(line, encoding)), 1)
    remedy = "In Excel choose 'CSV UTF-8', or declare the encoding in columns.toml (often encoding = \"windows-1252\")."
    return DataError(f"line {first}: not {encoding.upper()}.", remedy)


def _as_utf8(file: Path, encoding: str, folder: Path) -> Path:
    if file.stat().st_size == 0:
        raise DataError("an empty file.", "Export it again, with a first row that names the columns.")
    plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
    target = file if plain else folder / f"utf8_{file.name}"
    try:
        with file.open(encoding="utf-8-sig" if plain else encoding, newline="") as given:
            if plain:
                given.readline(_CHUNK)
                return file
            with target.open("w", encoding="utf-8", newline="") as copy:
                while chunk := given.read(_CHUNK):
                    copy.write(chunk)
    except UnicodeError:
        raise not_encoded(file, encoding) from None
    return target


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeError:
        return False
    return True


def _unreadable(problem: str) -> DataError:
    # DuckDB's own message may hold the row itself; only known kinds are passed on.
    if "state machine" in problem:
        return DataError("line endings of two kinds.", "Open it in a text editor and save it with one kind.")
    if "maximum line size" in problem.lower() or "max_line_size" in problem:
        return DataError("a line of more than two million characters.", "Look for a quotation mark that is not closed.")
    if "encod" in problem.lower() or "utf-8" in problem.lower():
        return DataError("bytes that are not UTF-8.", "Save it as CSV UTF-8, or declare its encoding in columns.toml.")
    return DataError("cells that cannot be read as CSV.", "Save it as CSV UTF-8 with commas.")
