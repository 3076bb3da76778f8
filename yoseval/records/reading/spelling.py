"""Turn an extract's spellings into the standard's: blanks, declared dates, mapped codes, each mapping counted.

Takes a loaded table of texts (``raw_<table>``) and makes ``text_<table>``, which typing reads. A cell that does not
fit its declared format keeps a mark that no rule of typing accepts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.readers import DATE_MARK, literal, quoted
from yoseval.records.schema import Table

#: Stands before a cell that is not in the declared format of its column.
OFF_FORMAT = "\x01"
_BLANKS = " \t\r\n\u00a0\ufeff\u200b"


@dataclass(frozen=True, slots=True)
class Applied:
    """One mapping of a column map and how often it was applied.

    Parameters
    ----------
    table, column : str
        Where.
    kind : str
        ``column``, ``date``, ``code``, ``encoding`` or ``file``.
    given, meant : str
        The extract's spelling and the standard's.
    n : int
        How many cells.
    """

    table: str
    column: str
    kind: str
    given: str
    meant: str
    n: int


def spell(loader: duckdb.DuckDBPyConnection, table: Table, given: Mapping[str, str], spelled: TableMap) -> tuple[Applied, ...]:
    """Make ``text_<table>`` of ``raw_<table>`` and count what the column map changed.

    Parameters
    ----------
    loader : DuckDB connection
        Holds the raw table, with columns named as in the standard and ``_row``.
    table : Table
        Table of the standard.
    given : mapping of str to str
        Its columns that were loaded, to their names in the source.
    spelled : TableMap
        The map.
    """
    picks = ", ".join(f"{_cell(c, spelled)} as {quoted(c)}" for c in given)
    raw, text = quoted(f"raw_{table.name}"), quoted(f"text_{table.name}")
    loader.execute(f"create or replace view {text} as select {picks}, _row from {raw}")  # noqa: S608 - quoted names
    return (
        *_renamed(loader, table, given),
        *(m for c in given for m in _coded(loader, table.name, c, spelled.codes.get(c, {}))),
        *(m for c in given if c in spelled.dates for m in _dated(loader, table.name, c, spelled)),
    )


def _cell(column: str, spelled: TableMap) -> str:
    cell = _trimmed(column)
    if codes := spelled.codes.get(column):
        cases = " ".join(f"when {literal(k)} then {literal(v)}" for k, v in codes.items())
        cell = f"nullif(case {cell} {cases} else {cell} end, '')"
    return _dates(cell, spelled.dates[column]) if column in spelled.dates else cell


def _trimmed(column: str) -> str:
    name = quoted(column)
    # Trimming letter by letter is the slowest step of all: a cell of plain letters without blanks is left alone.
    blank = " and ".join(f"not contains({name}, {literal(b)})" for b in " \t\r\n")
    plain = f"length({name}) = strlen({name}) and {blank}"
    return f"nullif(case when {plain} then {name} else trim({name}, {literal(_BLANKS)}) end, '')"


def _dates(cell: str, form: str) -> str:
    parsed = f"try_strptime({cell}, {literal(form)})"
    iso = literal("%Y-%m-%d" if "d" in form else "%Y-%m")
    # strptime is lenient (1/2/2024 for %d/%m/%Y): what is not written back as it was read is off its format.
    fits = f"lower(strftime({parsed}, {literal(form)})) = lower({cell})"
    marked = f"starts_with({cell}, {literal(DATE_MARK)})"
    return (
        f"case when {cell} is null then null when {marked} then substr({cell}, 2) "
        f"when {fits} then strftime({parsed}, {iso}) else {literal(OFF_FORMAT)} || {cell} end"
    )


def _renamed(loader: duckdb.DuckDBPyConnection, table: Table, given: Mapping[str, str]) -> tuple[Applied, ...]:
    renamed = {c: theirs for c, theirs in given.items() if c != theirs}
    n = _count(loader, f"select count(*) from {quoted(f'raw_{table.name}')}") if renamed else 0  # noqa: S608 - own name
    return tuple(Applied(table.name, c, "column", theirs, c, n) for c, theirs in renamed.items())


def _coded(loader: duckdb.DuckDBPyConnection, table: str, column: str, codes: Mapping[str, str]) -> tuple[Applied, ...]:
    if not codes:
        return ()
    cell = _trimmed(column)
    query = f"select {cell}, count(*) from {quoted(f'raw_{table}')} group by 1"  # noqa: S608 - quoted names
    counts = {str(k): int(n) for k, n in loader.execute(query).fetchall() if k in codes}
    return tuple(Applied(table, column, "code", k, v, counts.get(k, 0)) for k, v in codes.items())


def _dated(loader: duckdb.DuckDBPyConnection, table: str, column: str, spelled: TableMap) -> tuple[Applied, ...]:
    off = literal(OFF_FORMAT)
    text, name = quoted(f"text_{table}"), quoted(column)
    n = _count(loader, f"select count({name}) filter (where not starts_with({name}, {off})) from {text}")  # noqa: S608
    return (Applied(table, column, "date", spelled.dates[column], "%Y-%m-%d", n),)


def _count(loader: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(loader.execute(query).fetchall()[0][0])
