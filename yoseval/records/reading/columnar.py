"""Read Parquet files and tables of a PostgreSQL database as texts.

Both know types of their own: their dates, whole numbers and yes/no become the texts that a CSV file of the
same data would hold, so that one set of rules types them all.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from yoseval.errors import DataError, EnvironmentFault
from yoseval.records.reading.readers import DATE_MARK, Loaded, Source, checked_header, literal, quoted

_SAMPLE = 1_000
_FLOATS = ("DOUBLE", "FLOAT")


class ParquetReader:
    """One Parquet file, opened.

    Parameters
    ----------
    loader : DuckDB connection
        Where the texts go.
    source : Source
        The file.

    Raises
    ------
    DataError
        If it is not a Parquet file, or its columns are off.
    """

    unit = "row"

    def __init__(self, loader: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.loader, self.source = loader, source
        self._from = f"read_parquet({literal(str(Path(source.place)))})"
        self._kinds = _kinds(loader, self._from, "not a Parquet file.")
        self.header = checked_header(list(self._kinds))

    def sample(self) -> Mapping[str, Sequence[str]]:
        """Return the first values of every column."""
        return _sample(self.loader, self._from, self._kinds)

    def load(self, columns: Mapping[str, str], formatted: frozenset[str]) -> Loaded:
        """Load columns as ``raw_<table>``; its first row is row 2, as in a CSV file with a header."""
        _load(self.loader, self.source.table, self._from, columns, self._kinds, formatted)
        return Loaded()

    def places(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the rows as they are."""
        return tuple(rows)


class DatabaseReader:
    """One table of a PostgreSQL database, opened through ADBC (extra ``postgres``).

    Rows have no order in a database: they are numbered as they arrive.

    Parameters
    ----------
    loader : DuckDB connection
        Where the texts go.
    source : Source
        The table; its part may be ``schema.table``.

    Raises
    ------
    DataError
        If the database has no such table.
    EnvironmentFault
        If the driver is not installed or the database cannot be reached.
    """

    unit = "row"

    def __init__(self, loader: duckdb.DuckDBPyConnection, source: Source) -> None:
        self.loader, self.source = loader, source
        self._table = ".".join(quoted(p) for p in source.part.split("."))
        self._columns = self._fetch("*", limit=0).schema.names
        self.header = checked_header(self._columns)

    def sample(self) -> Mapping[str, Sequence[str]]:
        """Return the first values of every column."""
        self.loader.register("given", self._fetch("*", limit=_SAMPLE))
        found = _sample(self.loader, "given", _kinds(self.loader, "given", ""))
        self.loader.unregister("given")
        return found

    def load(self, columns: Mapping[str, str], formatted: frozenset[str]) -> Loaded:
        """Load columns as ``raw_<table>``, a batch at a time."""
        with _connection(self.source.place) as connection, connection.cursor() as cursor:
            cursor.execute(f"select {', '.join(map(quoted, columns.values()))} from {self._table}")  # noqa: S608 - quoted
            batches = cursor.fetch_record_batch()
            self.loader.register("given", batches)
            name = quoted(f"arrived_{self.source.table}")
            # A stream can be read once only, so it is stored before its types are looked at.
            self.loader.execute(f"create or replace table {name} as select * from given")  # noqa: S608 - quoted
            self.loader.unregister("given")
        _load(self.loader, self.source.table, name, columns, _kinds(self.loader, name, ""), formatted)
        self.loader.execute(f"drop table {name}")
        return Loaded()

    def places(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the rows as they arrived."""
        return tuple(rows)

    def _fetch(self, columns: str, *, limit: int) -> Any:
        from adbc_driver_manager import Error  # noqa: PLC0415 - an extra

        with _connection(self.source.place) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(f"select {columns} from {self._table} limit {limit}")  # noqa: S608 - quoted
            except Error:
                remedy = "Name it as 'file' in the column map ('schema.table'), or give the user the right to read it."
                raise DataError(f"the database has no table {self.source.part}, or it cannot be read.", remedy) from None
            return cursor.fetch_arrow_table()


def _connection(url: str) -> Any:
    try:
        from adbc_driver_manager import Error  # noqa: PLC0415 - an extra
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415
    except ImportError:
        raise EnvironmentFault("The PostgreSQL driver is not installed.", "Run: pip install 'yoseval[postgres]'.") from None
    try:
        return dbapi.connect(url)
    except Error:
        # The driver's message may repeat the URL with its password.
        raise EnvironmentFault("The database cannot be reached.", "Check the URL, the network and the password.") from None


def _kinds(loader: duckdb.DuckDBPyConnection, place: str, problem: str) -> dict[str, str]:
    try:
        rows = loader.execute(f"select column_name, column_type from (describe select * from {place})").fetchall()  # noqa: S608
    except duckdb.Error:
        raise DataError(problem, "Write it again, or give a CSV.") from None
    return {str(name): str(kind) for name, kind in rows}


def _sample(loader: duckdb.DuckDBPyConnection, place: str, kinds: Mapping[str, str]) -> dict[str, list[str]]:
    picks = ", ".join(f"{_text(c, k, marked=False)} as {quoted(c)}" for c, k in kinds.items())
    rows = loader.execute(f"select {picks} from {place} limit {_SAMPLE}").fetchall()  # noqa: S608 - quoted
    return {c: [r[i] for r in rows if r[i]] for i, c in enumerate(kinds)}


def _load(
    loader: duckdb.DuckDBPyConnection,
    table: str,
    place: str,
    columns: Mapping[str, str],
    kinds: Mapping[str, str],
    formatted: frozenset[str],
) -> None:
    picks = ", ".join(f"{_text(t, kinds[t], marked=c in formatted)} as {quoted(c)}" for c, t in columns.items())
    loader.execute(f'create or replace table "cells_{table}" as select {picks} from {place}')  # noqa: S608 - quoted
    loader.execute(f'create or replace view "raw_{table}" as select *, rowid + 2 as _row from "cells_{table}"')  # noqa: S608


def _text(column: str, kind: str, *, marked: bool) -> str:
    """Return SQL for a column of any type as the text a CSV file would hold."""
    name = quoted(column)
    plain = f"cast({name} as varchar)"
    mark = f"{literal(DATE_MARK)} || " if marked else ""
    if kind == "BOOLEAN":
        return f"case when {name} then 'yes' when not {name} then 'no' end"
    if kind in _FLOATS:
        # A whole number that went through pandas is often stored as 1.0, and an empty cell as not-a-number.
        whole = f"{name} = trunc({name}) and abs({name}) < 1e15"
        return f"case when isnan({name}) then null when {whole} then cast(cast({name} as bigint) as varchar) else {plain} end"
    if kind == "DATE":
        return mark + plain
    if kind.startswith("TIMESTAMP"):
        at = f"cast({name} as timestamp)"
        return f"case when {at} = date_trunc('day', {at}) then {mark}cast(cast({at} as date) as varchar) else {plain} end"
    return plain
