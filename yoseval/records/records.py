"""Read the extracts of a service: eleven tables, validated and typed, in an engine.

`read_records` is the door. It looks at everything before it says anything: all faults of all tables come in one
message, or the rows with faults are set aside with their reasons and the rest is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import ibis
import pandas as pd

from yoseval.errors import UsageError
from yoseval.records.checking.check import Checked, check_tables, mend_tables
from yoseval.records.checking.faults import Fault, raise_faults
from yoseval.records.checking.repairs import Notice
from yoseval.records.checking.rules import latest_event
from yoseval.records.engine import Engine, open_engine
from yoseval.records.reading.column_map import FILE, TableMap, make_column_map, read_column_map
from yoseval.records.reading.extract import Extracted, extract
from yoseval.records.reading.sources import DATABASE, find_sources
from yoseval.records.reading.spelling import Applied
from yoseval.records.schema import TABLES

OnInvalid = Literal["raise", "drop"]


@dataclass(frozen=True, slots=True, eq=False)
class ReadReport:
    """What reading found, mapped, mended and set aside.

    Parameters
    ----------
    sources : mapping of str to str
        Table to the file, sheet or database table it came from.
    rows_read, rows_kept, rows_aside : mapping of str to int
        Rows of each table: in the source, in the records, set aside.
    absent : mapping of str to tuple of str
        Columns of the standard that a source does not have.
    undeclared : mapping of str to tuple of str
        Columns that the standard does not have; they were not loaded.
    unused : tuple of str
        Files that belong to no table.
    applied : tuple of Applied
        Every mapping of the column map, with its count.
    notices : tuple of Notice
        What was mended or only counted.
    faults : tuple of Fault
        What the rows set aside broke.
    """

    sources: Mapping[str, str]
    rows_read: Mapping[str, int]
    rows_kept: Mapping[str, int]
    rows_aside: Mapping[str, int]
    absent: Mapping[str, tuple[str, ...]]
    undeclared: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    applied: tuple[Applied, ...]
    notices: tuple[Notice, ...]
    faults: tuple[Fault, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each thing to tell: ``table``, ``column``, ``kind``, ``found`` (words), ``n``."""
        rows = [(a.table, a.column, f"mapped {a.kind}", f"{a.given} → {a.meant}", a.n) for a in self.applied]
        rows += [(n.table, "", "notice", n.text, n.n) for n in self.notices]
        rows += [(f.table, f.column, "set aside", f.rule, f.n_wrong) for f in self.faults]
        rows += [(t, c, "absent column", "not in the source", 0) for t, cs in self.absent.items() for c in cs]
        rows += [(t, "", "undeclared columns", "not loaded", len(cs)) for t, cs in self.undeclared.items() if cs]
        rows += [("", "", "unused file", f, 0) for f in self.unused]
        frame = pd.DataFrame(rows, columns=["table", "column", "kind", "found", "n"])
        return frame.astype({"table": object, "column": object, "kind": object, "found": object, "n": "int64"})


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The validated tables of a service.

    Parameters
    ----------
    tables : mapping of str to ibis Table
        Only those that were given. Ids, codes, texts and values are ``string`` (null = not recorded), dates ``date``,
        whole numbers ``int64``, numbers ``float64``, yes/no ``boolean``; ``_row`` and ``_file`` say where a row stands,
        for messages only. People have ``birth_precision`` (``day`` or ``month``).
    extract_date : date
        Nothing happened after it.
    report : ReadReport
        What reading found.
    engine : Engine
        Where the tables live; bring small results to memory with ``records.engine.frame(expression)``.
    """

    tables: Mapping[str, ibis.Table]
    extract_date: date
    report: ReadReport
    engine: Engine

    def to_frame(self) -> pd.DataFrame:
        """Return one row a table of the standard: where it came from and how many rows were read, kept and set aside."""
        r = self.report
        rows = [
            (t, r.sources.get(t, ""), r.rows_read.get(t, 0), r.rows_kept.get(t, 0), r.rows_aside.get(t, 0), t in self.tables)
            for t in TABLES
        ]
        return pd.DataFrame(rows, columns=["table", "source", "rows_read", "rows_kept", "rows_aside", "given"])

    def __str__(self) -> str:
        kept = self.report.rows_kept
        rows = ", ".join(f"{t} {kept[t]:,}" for t in TABLES if t in kept)
        mended = sum(n.n for n in self.report.notices)
        return "\n".join(
            (
                f"records to: {self.extract_date.isoformat()}",
                f"rows: {rows}",
                f"tables not given: {', '.join(t for t in TABLES if t not in self.tables) or 'none'}",
                f"rows set aside: {sum(self.report.rows_aside.values()):,}",
                f"mappings applied: {sum(a.n for a in self.report.applied):,}",
                f"rows mended or noticed: {mended:,}",
                f"engine: {self.engine.backend}",
            )
        )

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, escape=True))


def read_records(
    folder: Path | str,
    *,
    extract_date: date | None = None,
    columns: Path | str | Mapping[str, Any] | None = None,
    on_invalid: OnInvalid = "raise",
    backend: str = "duckdb",
    private: Path | str | None = None,
    memory_limit: str | None = None,
    temp_folder: Path | None = None,
    jobs: int | None = None,
) -> Records:
    """Read, type and validate the extracts of a service.

    Parameters
    ----------
    folder : Path or str
        The folder of the extracts, or the URL of a PostgreSQL database (``postgresql://…``).
    extract_date : date, optional
        The day the extracts were taken. Without it the latest date of anything that happened is taken, and no date
        may lie in the future.
    columns : Path, str or mapping, optional
        The column map or its content; by default ``columns.toml`` in the folder, where there is one.
    on_invalid : {"raise", "drop"}
        What to do with rows that break a rule: stop, or set them aside in ``private`` with the reasons and go on.
    backend : {"duckdb", "pyspark"}
        Where the tables live.
    private : Path or str, optional
        Folder for rows set aside; by default ``private`` in ``folder``. A database needs one.
    memory_limit, temp_folder, jobs
        As in `open_engine`.

    Returns
    -------
    Records
        Close ``records.engine`` when they are no longer needed.

    Raises
    ------
    DataError
        If the data break rules: all of them in one message.
    StudyError
        If the column map is off.
    UsageError, EnvironmentFault
        If an argument or the machine stands in the way.

    Examples
    --------
    >>> records = read_records("data/example/records", extract_date=date(2022, 6, 30))  # doctest: +SKIP
    """
    if on_invalid not in ("raise", "drop"):
        raise UsageError(f"on_invalid is {on_invalid!r}.", "Use 'raise' or 'drop'.")
    maps = _maps(folder, columns)
    aside = _private(folder, private) if on_invalid == "drop" else None
    engine = open_engine(backend, memory_limit=memory_limit, folder=temp_folder, jobs=jobs)
    try:
        return _read(engine, folder, maps, extract_date, aside)
    except BaseException:
        engine.close()
        raise


def _read(
    engine: Engine, folder: Path | str, maps: Mapping[str, TableMap], extract_date: date | None, private: Path | None
) -> Records:
    found = find_sources(folder, maps)
    faults = list(found.faults)
    extracted: dict[str, Extracted] = {}
    for source in found.sources:
        one = extract(engine, source, maps[source.table])
        if isinstance(one, Extracted):
            extracted[source.table] = one
        else:
            faults += one
    checked = check_tables(engine, extracted, maps, extract_date or date.today(), private)
    faults += checked.faults
    raise_faults([f for f in faults if private is None or not f.droppable], droppable=private is None)
    mend_tables(engine, checked)
    until = extract_date or _latest(engine, checked)
    return Records(checked.tables, until, _report(engine, extracted, checked, found.unused), engine)


def _latest(engine: Engine, checked: Checked) -> date:
    latest: date = pd.Timestamp(engine.frame(latest_event(checked.tables))["latest"][0]).date()
    checked.notices.append(Notice("", f"no extract date given: the latest date recorded, {latest.isoformat()}, is taken", 0))
    return latest


def _report(engine: Engine, extracted: Mapping[str, Extracted], checked: Checked, unused: tuple[str, ...]) -> ReadReport:
    kept = {t: int(engine.frame(table.aggregate(n=table.count()))["n"][0]) for t, table in checked.tables.items()}
    return ReadReport(
        {t: e.source.label for t, e in extracted.items()},
        {t: e.n_rows + len(e.rejected) for t, e in extracted.items()},
        kept,
        dict(checked.aside),
        {t: e.absent for t, e in extracted.items()},
        {t: e.undeclared for t, e in extracted.items()},
        unused,
        tuple(a for e in extracted.values() for a in e.applied),
        tuple(checked.notices),
        tuple(checked.faults),
    )


def _maps(folder: Path | str, columns: Path | str | Mapping[str, Any] | None) -> Mapping[str, TableMap]:
    if isinstance(columns, Mapping):
        return make_column_map(columns)
    if columns is not None:
        return read_column_map(Path(columns))
    if str(folder).startswith(DATABASE) or not (Path(folder) / FILE).is_file():
        return {t: TableMap() for t in TABLES}
    return read_column_map(Path(folder) / FILE)


def _private(folder: Path | str, private: Path | str | None) -> Path:
    if private is not None:
        return Path(private)
    if str(folder).startswith(DATABASE):
        raise UsageError("Rows of a database are set aside in a folder, and none is given.", "Give private='…'.")
    return Path(folder) / "private"
