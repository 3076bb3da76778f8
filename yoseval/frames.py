"""The vocabulary: every public column, its type and its meaning, and the frames made of them.

A frame that leaves a package, reaches a run folder or feeds a report has exactly the columns
listed here, in this order. A column that does not apply is empty, never missing.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from yoseval.errors import DataError
from yoseval.layouts import FRAMES
from yoseval.vocabulary import COLUMNS

_DTYPES = {"text": "object", "float": "float64", "integer": "Int64", "flag": "boolean"}


class Tidy(Protocol):
    """Anything that can be shown as a tidy frame."""

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a frame of public columns."""
        ...


def tidy(result: Tidy) -> pd.DataFrame:
    """Return any result of yoseval as a tidy frame with public columns.

    Examples
    --------
    >>> tidy(estimate).columns  # doctest: +SKIP
    """
    return result.to_frame()


def make_frame(name: str, columns: Mapping[str, Any] | pd.DataFrame) -> pd.DataFrame:
    """Build the public frame ``name`` from what is given; what does not apply is left empty.

    Parameters
    ----------
    name : str
        A key of ``FRAMES``.
    columns : mapping or DataFrame
        Some or all of its columns; scalars are repeated.

    Raises
    ------
    DataError
        If a column is not part of the frame.
    """
    unknown = [c for c in columns if c not in FRAMES[name]]
    if unknown:
        raise DataError(f"{', '.join(unknown)}: not a column of the frame '{name}'.")
    given = pd.DataFrame(_as_columns(columns))
    empty = {c: pd.Series([None] * len(given), index=given.index, dtype=object) for c in FRAMES[name] if c not in given}
    return _typed(given.assign(**empty)[list(FRAMES[name])])


def check_frame(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return ``frame`` if it has exactly the columns and types of the public frame ``name``.

    Raises
    ------
    DataError
        If a column is missing, unknown, out of order or of another type.
    """
    if tuple(frame.columns) != FRAMES[name]:
        missing = [c for c in FRAMES[name] if c not in frame.columns]
        unknown = [c for c in frame.columns if c not in FRAMES[name]]
        raise DataError(f"The frame '{name}' does not have its columns: missing {missing}, unknown {unknown}.")
    wrong = [c for c in FRAMES[name] if str(frame[c].dtype) != _DTYPES[COLUMNS[c].kind]]
    if wrong:
        raise DataError(f"The frame '{name}' has columns of another type than the vocabulary says: {wrong}.")
    return frame


def join_frames(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Stack frames of one name; an empty list gives the empty frame."""
    if not frames:
        return make_frame(name, {})
    return _typed(pd.concat([f.astype(object) for f in frames], ignore_index=True))


def _as_columns(columns: Mapping[str, Any] | pd.DataFrame) -> dict[str, Any]:
    """Repeat scalars so that a mapping of scalars only is a frame of one row."""
    given = dict(columns.items())
    if given and all(np.isscalar(v) or v is None for v in given.values()):
        return {k: [v] for k, v in given.items()}
    return given


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    out = {}
    for c in frame.columns:
        kind = COLUMNS[c].kind
        if kind == "text":
            out[c] = frame[c].astype(object).where(frame[c].notna(), "").map(str).astype(object)
        elif kind == "float":
            out[c] = pd.to_numeric(frame[c], errors="raise").astype("float64")
        else:
            out[c] = frame[c].astype(object).where(frame[c].notna(), pd.NA).astype(_DTYPES[kind])
    return pd.DataFrame(out, index=frame.index).reset_index(drop=True)
