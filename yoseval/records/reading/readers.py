"""What the readers of files have in common: a source, a reader of it, and what loading it found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from yoseval.errors import DataError
from yoseval.records.checking.faults import Fault

#: Stands before a date that the source itself holds as a date, so that no declared format applies to it.
DATE_MARK = "\x02"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one table comes from.

    Parameters
    ----------
    table : str
        Table of the standard.
    kind : str
        ``csv``, ``xlsx``, ``parquet`` or ``database``.
    place : str
        Path of the file, or URL of the database.
    part : str
        Sheet of a workbook, or table of a database.
    """

    table: str
    kind: str
    place: str
    part: str = ""

    @property
    def label(self) -> str:
        """What messages call it; the URL of a database is never shown."""
        if self.kind == "database":
            return f"database table {self.part}"
        return Path(self.place).name + (f", sheet '{self.part}'" if self.part else "")


class Reader(Protocol):
    """One source, opened: its header is known, its rows are not loaded yet."""

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns as they stand in the source."""

    @property
    def unit(self) -> str:
        """What `places` counts: ``line`` or ``row``."""

    def sample(self) -> Mapping[str, Sequence[str]]:
        """Return the first values of every column."""

    def load(self, columns: Mapping[str, str], formatted: frozenset[str]) -> "Loaded":
        """Load columns (name in the standard to name in the source) as texts, the loader's ``raw_<table>`` with ``_row``.

        In the ``formatted`` columns, those with a declared date format, a date of the source itself gets `DATE_MARK`.
        """

    def places(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Return where rows stand in the source."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a source found.

    Parameters
    ----------
    faults : tuple of Fault
        Rows that do not fit the header.
    rejected : tuple of (int, str, str)
        Of each of them the line, what is wrong and the text, for the file of rows set aside.
    """

    faults: tuple[Fault, ...] = ()
    rejected: tuple[tuple[int, str, str], ...] = ()


def checked_header(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns.

    Raises
    ------
    DataError
        If there is none, or one is empty or stands twice (upper and lower case alike).
    """
    if not names:
        raise DataError("no header.", "Give a file whose first row names the columns.")
    unnamed = [i for i, n in enumerate(names, start=1) if not n.strip()]
    if unnamed:
        raise DataError(f"column {unnamed[0]} has no name in the first row.", "Name it, or delete it.")
    folded = [n.strip().casefold() for n in names]
    if len(set(folded)) < len(folded):
        twice = [i for i, n in enumerate(folded, start=1) if n in folded[: i - 1]]
        raise DataError(f"column {twice[0]} has the name of an earlier one.", "Give each a name of its own.")
    return tuple(names)


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
