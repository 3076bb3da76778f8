"""Write the rows that were set aside, with the reasons, where only their owner can read them."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from yoseval.errors import EnvironmentFault
from yoseval.records.engine import Engine
from yoseval.records.reading.readers import literal, quoted


def set_aside(
    engine: Engine, table: str, broken: pd.DataFrame, reasons: Sequence[str], folder: Path, *, more: bool = False
) -> int:
    """Write the texts of broken rows and why they were set aside.

    Parameters
    ----------
    engine : Engine
        Its loader holds ``text_<table>``.
    table : str
        Table of the standard.
    broken : DataFrame
        ``_row`` and ``_faults``; a row may stand in several lines.
    reasons : sequence of str
        What bit ``i`` of ``_faults`` means.
    folder : Path
        ``set_aside_<table>.csv`` is written there, for its owner alone.
    more : bool
        True to add to what the file holds.

    Returns
    -------
    int
        How many rows.

    Raises
    ------
    EnvironmentFault
        If the file cannot be written.
    """
    if broken.empty:
        return 0
    cases = ", ".join(f"case when _faults & {1 << i} != 0 then {literal(r)} end" for i, r in enumerate(reasons))
    engine.loader.register("given", broken)
    text = quoted(f"text_{table}")
    query = (
        "with whole as (select _row, bit_or(_faults) as _faults from given group by _row) "  # noqa: S608 - own names
        f"select whole._row as row, concat_ws('; ', {cases}) as reason, {text}.* exclude (_row) "
        f"from whole join {text} using (_row) order by whole._row"
    )
    found = engine.loader.execute(query).fetchall()
    names = [d[0] for d in engine.loader.description or ()]
    engine.loader.unregister("given")
    _write(_private_file(folder, f"set_aside_{table}.csv"), names, found, more=more)
    return len(found)


def set_aside_rejected(table: str, rejected: Sequence[tuple[int, str, str]], folder: Path) -> None:
    """Write the lines that did not fit their header, as they stand in the file.

    Raises
    ------
    EnvironmentFault
        If the file cannot be written.
    """
    if rejected:
        _write(_private_file(folder, f"rejected_{table}.csv"), ["row", "reason", "text"], rejected)


def clear(folder: Path, tables: Iterable[str]) -> None:
    """Remove what an earlier reading set aside in a folder."""
    for table in tables:
        for kind in ("set_aside", "rejected"):
            (folder / f"{kind}_{table}.csv").unlink(missing_ok=True)


def _write(file: Path, names: Sequence[str], rows: Sequence[Sequence[object]], *, more: bool = False) -> None:
    added = more and file.stat().st_size > 0
    with file.open("a" if added else "w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        if not added:
            writer.writerow(names)
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: object) -> object:
    # A cell that begins like a formula would be run by the program that opens the file.
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _private_file(folder: Path, name: str) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        file = folder / name
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        file.chmod(0o600)
    except OSError as problem:
        raise EnvironmentFault(
            f"{folder.name}/{name} cannot be written: {problem.strerror}.", "Give another 'private'."
        ) from None
    return file
