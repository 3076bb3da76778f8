"""A fault of the records: where it stands, which rule it breaks, how often, and what to do.

Faults are gathered and told together; none shows a cell of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from yoseval.errors import DataError, listed

PLACES = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of one table that break one rule, or a table that cannot be read at all.

    Parameters
    ----------
    table : str
        Table of the standard.
    source : str
        File, and sheet where there is one.
    rule : str
        What is wrong.
    remedy : str
        What the user can do.
    column : str
        Column, empty where the fault is one of the whole table.
    n_wrong, n_rows : int
        How many rows of how many; 0 where the fault is one of the whole table.
    places : tuple of int
        The first of them, at most twenty.
    unit : str
        ``line`` or ``row``: what the places count.
    droppable : bool
        True where the rows can be set aside and the rest read.
    """

    table: str
    source: str
    rule: str
    remedy: str
    column: str = ""
    n_wrong: int = 0
    n_rows: int = 0
    places: tuple[int, ...] = ()
    unit: str = "row"
    droppable: bool = True

    def __str__(self) -> str:
        """Say it in one line."""
        column = f", column '{self.column}'" if self.column else ""
        return f"{self.source}{column}: {self.rule}{self._count()}. {self.remedy}".rstrip()

    def _count(self) -> str:
        if not self.n_wrong:
            return ""
        shown = ", ".join(f"{p:,}" for p in self.places)
        more = ", …" if self.n_wrong > len(self.places) else ""
        first = f" ({self.unit} {shown}{more})" if shown else ""
        return f" in {self.n_wrong:,} of {self.n_rows:,} rows{first}"


def raise_faults(faults: Sequence[Fault], *, droppable: bool) -> None:
    """Raise one error that tells all faults, if there are any.

    Parameters
    ----------
    faults : sequence of Fault
        What was found.
    droppable : bool
        True where the user may be told that rows can be set aside instead.

    Raises
    ------
    DataError
        If there is a fault.
    """
    if not faults:
        return
    remedy = ""
    if droppable and all(f.droppable for f in faults):
        remedy = "\nCorrect the extract, or read with on_invalid='drop' to set these rows aside."
    raise DataError(f"The records break {len(faults)} rule(s).\n{listed([str(f) for f in faults], most=60)}", remedy)
