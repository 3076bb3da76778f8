"""Find where each table of the standard comes from: a file, a sheet of a workbook or a table of a database.

Looks at names only and reads no row. What it cannot place is listed, never guessed at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yoseval.errors import DataError
from yoseval.records.checking.faults import Fault
from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.readers import Source
from yoseval.records.reading.workbook import sheet_names
from yoseval.records.schema import TABLES

KINDS = ("csv", "xlsx", "parquet")
_OTHER_KINDS = ("xls", "xlsm", "xlsb", "ods", "txt", "tsv", "json", "sav", "dta", "rds")
DATABASE = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Found:
    """Sources, faults in finding them, and files that belong to no table."""

    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]
    unused: tuple[str, ...]


def find_sources(folder: Path | str, maps: Mapping[str, TableMap]) -> Found:
    """Find the source of each table.

    Parameters
    ----------
    folder : Path or str
        A folder, or the URL of a PostgreSQL database.
    maps : mapping of str to TableMap
        The column map.

    Returns
    -------
    Found
        A table that has no source is absent; a required one is a fault.

    Raises
    ------
    DataError
        If the folder is not there.
    """
    if isinstance(folder, str) and folder.startswith(DATABASE):
        return Found(tuple(Source(t, "database", folder, maps[t].file or t) for t in TABLES), (), ())
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"There is no folder {root.name or root}.", "Give the folder that holds the extracts.")
    files = [f for f in sorted(root.iterdir()) if f.is_file() and not f.name.startswith((".", "~$"))]
    faults: list[Fault] = []
    sheets = _sheets([f for f in files if _kind(f) == "xlsx"], faults)
    sources = [s for t in TABLES for s in _sources_of(t, root, files, sheets, maps[t], faults)]
    used = {Path(s.place).name for s in sources} | {f.source for f in faults}
    unused = tuple(f.name for f in files if f.name not in used and f.suffix.lower() not in (".toml", ".md"))
    return Found(tuple(sources), tuple(faults), unused)


def _kind(file: Path) -> str:
    return file.suffix.lower().lstrip(".")


def _sheets(workbooks: Sequence[Path], faults: list[Fault]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for file in workbooks:
        try:
            found[file.name] = sheet_names(file)
        except DataError as problem:
            faults.append(Fault("", file.name, problem.problem.rstrip("."), problem.remedy, droppable=False))
    return found


def _sources_of(
    table: str, root: Path, files: Sequence[Path], sheets: Mapping[str, tuple[str, ...]], spelled: TableMap, faults: list[Fault]
) -> list[Source]:
    candidates = _mapped(table, root, files, sheets, spelled, faults) if spelled.file else _named(table, files, sheets)
    if len(candidates) > 1:
        labels = " and ".join(c.label for c in candidates)
        faults.append(
            Fault(table, labels, "two sources of one table", "Keep one, or name it as 'file' in columns.toml.", droppable=False)
        )
        return []
    if not candidates:
        _note_absence(table, files, spelled, faults)
    return candidates


def _named(table: str, files: Sequence[Path], sheets: Mapping[str, tuple[str, ...]]) -> list[Source]:
    named = [f for f in files if f.stem == table and _kind(f) in KINDS and (_kind(f) != "xlsx" or f.name in sheets)]
    found = [Source(table, _kind(f), str(f), _only_sheet(table, sheets.get(f.name, ()))) for f in named]
    books = [f for f in files if f.stem not in TABLES and table in sheets.get(f.name, ())]
    return found + [Source(table, "xlsx", str(f), table) for f in books]


def _only_sheet(table: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return table if table in names else names[0] if len(names) == 1 else "?"


def _mapped(
    table: str, root: Path, files: Sequence[Path], sheets: Mapping[str, tuple[str, ...]], spelled: TableMap, faults: list[Fault]
) -> list[Source]:
    file = next((f for f in files if f.name == spelled.file), None)
    if file is None or _kind(file) not in KINDS:
        rule = f"columns.toml names this file for {table}, and it is not there as CSV, .xlsx or Parquet"
        faults.append(Fault(table, spelled.file, rule, f"Put it into {root.name}/.", droppable=False))
        return []
    if _kind(file) == "xlsx" and file.name not in sheets:
        return []
    return [Source(table, _kind(file), str(file), spelled.sheet or _only_sheet(table, sheets.get(file.name, ())))]


def _note_absence(table: str, files: Sequence[Path], spelled: TableMap, faults: list[Fault]) -> None:
    other = next((f.name for f in files if f.stem == table and _kind(f) in _OTHER_KINDS), "")
    if other:
        remedy = "Save it as CSV UTF-8 or .xlsx."
        faults.append(Fault(table, other, "neither CSV nor .xlsx nor Parquet", remedy, droppable=False))
    elif TABLES[table].required and not any(f.table == table or f.source.startswith(f"{table}.") for f in faults):
        remedy = f"Add {table}.csv, .xlsx or .parquet, or name its file in columns.toml."
        faults.append(Fault(table, table, "a required table that is not there", remedy, droppable=False))
