"""Load the tables of an extract as texts: only declared columns, nothing guessed, no direct identifier.

Takes sources and a column map and gives, for each table, the loader's view ``text_<table>`` and a note of where it
came from. Faults are gathered, not raised.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yoseval.errors import DataError
from yoseval.records.checking.faults import Fault
from yoseval.records.engine import Engine
from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.columnar import DatabaseReader, ParquetReader
from yoseval.records.reading.delimited import DelimitedReader
from yoseval.records.reading.identifiers import identifier_in_header, identifier_in_values
from yoseval.records.reading.readers import Reader, Source, quoted
from yoseval.records.reading.sheet import SheetReader
from yoseval.records.reading.spelling import Applied, spell
from yoseval.records.schema import TABLES, Table

READERS: Mapping[str, Callable[[Engine, Source, TableMap], Reader]] = {
    "csv": lambda engine, source, m: DelimitedReader(engine.loader, source, m.encoding, m.delimiter, engine.folder),
    "xlsx": lambda engine, source, _: SheetReader(engine.loader, source),
    "parquet": lambda engine, source, _: ParquetReader(engine.loader, source),
    "database": lambda engine, source, _: DatabaseReader(engine.loader, source),
}
_WAY_OUT = "An evaluation needs none: delete the column; if it is the id, replace it first with 'yoseval pseudonymise'."


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """One table, loaded as texts.

    Parameters
    ----------
    source : Source
        Where it came from.
    reader : Reader
        Tells where a row stands in it.
    n_rows : int
        Rows that were loaded.
    absent : tuple of str
        Columns of the standard that the source does not have.
    undeclared : tuple of str
        Columns of the source that the standard does not have; they were not loaded.
    applied : tuple of Applied
        Mappings of the column map and how often each was applied.
    rejected : tuple of (int, str, str)
        Rows that do not fit the header: where, why and the text.
    faults : tuple of Fault
        What is wrong with the file and its columns.
    """

    source: Source
    reader: Reader
    n_rows: int
    absent: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    applied: tuple[Applied, ...] = ()
    rejected: tuple[tuple[int, str, str], ...] = ()
    faults: tuple[Fault, ...] = field(default=())


def extract(engine: Engine, source: Source, spelled: TableMap) -> Extracted | tuple[Fault, ...]:
    """Load one table as texts.

    Parameters
    ----------
    engine : Engine
        Whose loader gets the view ``text_<table>``.
    source : Source
        Where the table is.
    spelled : TableMap
        Its column map.

    Returns
    -------
    Extracted or tuple of Fault
        The faults alone where nothing can be loaded.
    """
    table = TABLES[source.table]
    try:
        reader = READERS[source.kind](engine, source, spelled)
        faults = (*_identifiers(reader, source, table, spelled), *_missing(reader, source, table, spelled))
        if faults:
            return faults
        return _loaded(engine, reader, source, spelled)
    except DataError as problem:
        # A database need not have the tables that are not required.
        if source.kind == "database" and not table.required and "has no table" in problem.problem:
            return ()
        return (Fault(source.table, source.label, problem.problem.rstrip("."), problem.remedy, droppable=False),)


def _loaded(engine: Engine, reader: Reader, source: Source, spelled: TableMap) -> Extracted:
    table = TABLES[source.table]
    given = {c: t for c in table.names if (t := spelled.columns.get(c, c)) in reader.header}
    loaded = reader.load(given, frozenset(spelled.dates))
    applied = spell(engine.loader, table, given, spelled) + _recoded(source, spelled)
    n_rows = engine.loader.execute(f"select count(*) from {quoted(f'raw_{table.name}')}").fetchall()[0][0]  # noqa: S608 - own name
    faults = list(loaded.faults)
    if not n_rows and table.required and not loaded.rejected:
        faults.append(Fault(table.name, source.label, "a header and no rows", "Export it again.", droppable=False))
    return Extracted(
        source,
        reader,
        int(n_rows),
        tuple(c for c in table.names if c not in given),
        tuple(h for h in reader.header if h not in given.values()),
        applied,
        loaded.rejected,
        tuple(faults),
    )


def _recoded(source: Source, spelled: TableMap) -> tuple[Applied, ...]:
    if source.kind != "csv" or spelled.encoding.lower() in ("utf-8", "utf8"):
        return ()
    size = Path(source.place).stat().st_size
    return (Applied(source.table, "", "encoding", spelled.encoding, "utf-8", size),)


def _identifiers(reader: Reader, source: Source, table: Table, spelled: TableMap) -> list[Fault]:
    sample = reader.sample()
    standard = {t for c in table.names if (t := spelled.columns.get(c, c)) == c}
    found = []
    for header in reader.header:
        kind = identifier_in_header(header) if header not in standard else ""
        kind = kind or identifier_in_values(sample.get(header, ()))
        if kind:
            rule = f"what looks like {kind}"
            found.append(Fault(table.name, source.label, rule, _WAY_OUT, _shown(header), droppable=False))
    return found


def _missing(reader: Reader, source: Source, table: Table, spelled: TableMap) -> list[Fault]:
    must = {c.name for c in table.columns if c.required or c.needed} | set(spelled.columns)
    absent = [c for c in table.names if c in must and spelled.columns.get(c, c) not in reader.header]
    rule = "a column that is not there"
    return [
        Fault(table.name, source.label, rule, _found(reader.header, spelled, c), _spelling(c, spelled), droppable=False)
        for c in absent
    ]


def _spelling(column: str, spelled: TableMap) -> str:
    theirs = spelled.columns.get(column, column)
    return column if theirs == column else f"{column} ({_shown(theirs)})"


def _found(header: Sequence[str], spelled: TableMap, column: str) -> str:
    known = {spelled.columns.get(c, c) for t in TABLES.values() for c in t.names}
    if known.isdisjoint(header) and any(ch.isdigit() for h in header for ch in h):
        # The cells of a child may stand where the names should be.
        return "The first row does not look like names of columns: add a header."
    shown = ", ".join(_shown(h) for h in header[:15]) + (", …" if len(header) > 15 else "")
    verb = "Correct" if column in spelled.columns else "Add the column, or name yours in"
    return f"The file has: {shown}. {verb} columns.{column} in columns.toml."


def _shown(header: str) -> str:
    return header if len(header) <= 40 and not any(ch.isdigit() for ch in header) else "(a name with digits)"
