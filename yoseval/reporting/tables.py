"""Tables as blocks: caption, header cells with scope, units in headers, no empty cell.

Takes a tidy frame, which of its values are confidential, and the columns to show; gives one block.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from yoseval.reporting.amounts import is_known, number
from yoseval.reporting.blocks import Block, text

HIDDEN = "[c]"
HIDDEN_NOTE = (
    "[c] means confidential: the number rests on so few people that showing it, or working it out from the others, "
    "could tell something about one of them."
)
NOT_APPLICABLE = "not applicable"
_SHORT = 10  # rows


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        Column of the frame.
    header : str
        Header as shown, with the unit.
    kind : str
        ``text``, ``printed`` (a number that is a text already), ``count``, ``number`` or ``p_value``.
    decimals : int
        Decimals of a number.
    signed : bool
        Print a plus sign too.
    factor : float
        What a number is multiplied by: 100 for shares shown per 100.
    """

    name: str
    header: str
    kind: str = "text"
    decimals: int = 1
    signed: bool = False
    factor: float = 1.0


def table_block(
    frame: pd.DataFrame,
    *,
    caption: str,
    columns: Sequence[Column],
    hidden: pd.DataFrame | None = None,
    note: str | None = None,
    wide: bool = False,
) -> Block:
    """Return a frame as an accessible table.

    Parameters
    ----------
    frame : DataFrame of n rows
        Rows to show; the first of ``columns`` heads each row.
    caption : str
        What the table shows.
    columns : sequence of Column
        What to show, in order.
    hidden : DataFrame of n rows of booleans, optional
        True where a value is confidential: shown as ``[c]`` and explained under the table. Columns it lacks are open.
    note : str, optional
        A sentence under the table.
    wide : bool
        Put the table in a region of its own that scrolls on small screens.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": ["x"], "b": [-1.0]})
    >>> block = table_block(frame, caption="C", columns=[Column("a", "A"), Column("b", "B", "number")])
    >>> '<td class="num">−1.0</td>' in block.html
    True
    """
    masks = [_mask(frame, hidden, c.name) for c in columns]
    cells = [
        [_cell(v, is_hidden, c) for v, is_hidden in zip(frame[c.name].tolist(), mask, strict=True)]
        for c, mask in zip(columns, masks, strict=True)
    ]
    head = "".join(f'<th scope="col"{_class(c)}>{text(c.header)}</th>' for c in columns)
    body = "\n".join(_row(list(row), columns) for row in zip(*cells, strict=True))
    table = f"<table>\n<caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    notes = [note] if note else []
    if any(any(mask) for mask in masks):
        notes.append(HIDDEN_NOTE)
    under = "".join(f'\n<p class="muted">{text(n)}</p>' for n in notes)
    return Block(_framed(table, caption, wide=wide, is_short=len(frame) <= _SHORT) + under)


def cell_text(value: Any, column: Column) -> str:
    """Return an open value as it is printed in a column; never empty.

    Examples
    --------
    >>> cell_text(-0.084, Column("estimate", "Change, per 100", "number", factor=100))
    '−8.4'
    """
    if column.kind in ("text", "printed"):
        shown = "" if value is None or pd.isna(value) else str(value).strip()
        return shown or NOT_APPLICABLE
    if not is_known(value):
        return NOT_APPLICABLE
    return _printed(float(value), column)


def _framed(table: str, caption: str, *, wide: bool, is_short: bool) -> str:
    """Put a table in its division; a short one does not break over two pages, a long one repeats its header."""
    keep = " keep" if is_short else ""
    if wide:
        label = text(f"Table: {caption}")
        return f'<div class="table-scroll{keep}" role="region" tabindex="0" aria-label="{label}">\n{table}\n</div>'
    return f'<div class="keep">\n{table}\n</div>' if keep else table


def _printed(value: float, column: Column) -> str:
    if column.kind == "count":
        return number(value, 0)
    if column.kind == "p_value":
        return "< 0.001" if value < 0.001 else number(value, 3)
    return number(value * column.factor, column.decimals, signed=column.signed)


def _mask(frame: pd.DataFrame, hidden: pd.DataFrame | None, name: str) -> list[bool]:
    if hidden is None or name not in hidden.columns:
        return [False] * len(frame)
    return [bool(h) for h in hidden[name].tolist()]


def _cell(value: Any, is_hidden: bool, column: Column) -> str:
    return HIDDEN if is_hidden else cell_text(value, column)


def _row(cells: list[str], columns: Sequence[Column]) -> str:
    first = f'<th scope="row"{_class(columns[0])}>{text(cells[0])}</th>'
    rest = "".join(f"<td{_class(c)}>{text(v)}</td>" for v, c in zip(cells[1:], columns[1:], strict=True))
    return f"<tr>{first}{rest}</tr>"


def _class(column: Column) -> str:
    return "" if column.kind == "text" else ' class="num"'
