"""Read one sheet of an Excel workbook as texts; calamine does the reading."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from python_calamine import CalamineError

from yoseval.errors import DataError
from yoseval.records.checking.faults import PLACES, Fault
from yoseval.records.reading.readers import DATE_MARK, Loaded, Source, checked_header
from yoseval.records.reading.workbook import cell_text, open_workbook

_SAMPLE = 1_000
_WIDE = "a cell beyond the last column that has a name"


class SheetReader:
    """One sheet, opened.

    Parameters
    ----------
    loader : DuckDB connection
        Where the texts go.
    source : Source
        The sheet.

    Raises
    ------
    DataError
        If the workbook or its sheet cannot be read.
    """

    unit = "row"

    def __init__(self, loader: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.loader, self.source = loader, source
        book, sheet, table = open_workbook(Path(source.place)), source.part, source.table
        if sheet not in book.sheet_names:
            known = ", ".join(book.sheet_names[:8])
            raise DataError(f"no sheet for {table}; the workbook has: {known}.", "Name it as 'sheet' in columns.toml.")
        try:
            self._rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except CalamineError:
            raise DataError("a sheet that cannot be read.", "Open it in Excel and save it again.") from None
        first = self._rows[0] if self._rows else []
        while first and first[-1] == "":
            first.pop()
        self.header = checked_header([str(c) for c in first])

    def sample(self) -> Mapping[str, Sequence[str]]:
        """Return the first values of every column."""
        rows = list(islice(self._numbered(), _SAMPLE))
        return {name: [t for _, r in rows if (t := cell_text(_at(r, i)))] for i, name in enumerate(self.header)}

    def load(self, columns: Mapping[str, str], formatted: frozenset[str]) -> Loaded:
        """Load columns as ``raw_<table>``; a row with a cell beyond the last named column is left out and named."""
        width = len(self.header)
        every = list(self._numbered())
        wide = [n for n, r in every if any(c != "" for c in r[width:])]
        rows = [(n, r) for n, r in every if n not in set(wide)] if wide else every
        arrays = {
            name: pa.array(self._texts(rows, self.header.index(theirs), marked=name in formatted), pa.string())
            for name, theirs in columns.items()
        }
        given = pa.table({**arrays, "_row": pa.array([n for n, _ in rows], pa.int64())})
        self.loader.register("given", given)
        self.loader.execute(f'create or replace table "raw_{self.source.table}" as select * from given')  # noqa: S608 - own name
        self.loader.unregister("given")
        if not wide:
            return Loaded()
        remedy = "Name the column in the first row, or delete the cell."
        fault = Fault(
            self.source.table, self.source.label, _WIDE, remedy, "", len(wide), len(every), tuple(wide[:PLACES]), self.unit
        )
        return Loaded((fault,), tuple((n, _WIDE, "") for n in wide))

    def places(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the rows: they are those of the sheet."""
        return tuple(rows)

    def _numbered(self) -> Iterator[tuple[int, list[Any]]]:
        return ((n, r) for n, r in enumerate(self._rows[1:], start=2) if any(c != "" for c in r))

    @staticmethod
    def _texts(rows: Sequence[tuple[int, list[Any]]], place: int, *, marked: bool) -> list[str | None]:
        values = (_at(r, place) for _, r in rows)
        if not marked:
            return [cell_text(v) for v in values]
        return [f"{DATE_MARK}{cell_text(v)}" if isinstance(v, date) else cell_text(v) for v in values]


def _at(row: Sequence[Any], place: int) -> Any:
    return row[place] if place < len(row) else ""
