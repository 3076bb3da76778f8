"""Turn arrays into columns of texts in the canonical form, quickly: ids, ISO dates, codes, flags and whole numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from yoseval.arrays import AnyArray, Flags, Indices
from yoseval.records.schema import TABLES
from yoseval.records.simulation.calendar import MISSING

#: A column of texts in Arrow's form: a tenth of the memory of as many Python texts.
Texts: TypeAlias = Any


def ids(prefix: str, numbers: Indices, largest: int) -> Texts:
    """Return ids such as SIM000012: a prefix and as many digits as the largest number needs; empty below 0.

    Examples
    --------
    >>> list(ids("SIM", np.array([3, -1]), 12))
    ['SIM03', None]
    """
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width=len(str(largest)), padding="0")
    texts = pc.binary_join_element_wise(pa.scalar(prefix), digits, "")
    return pc.if_else(pa.array(numbers >= 0), texts, pa.scalar(None, pa.string()))


def dates(days: Indices) -> Texts:
    """Return days since 1970 as ISO dates, empty where MISSING."""
    known = days != MISSING
    first = int(days[known].min()) if known.any() else 0
    last = int(days[known].max()) if known.any() else 0
    calendar = np.arange(first, last + 1).astype("datetime64[D]").astype(str)
    return codes(np.where(known, days - first, -1), calendar)


def codes(places: Indices, names: Sequence[str] | AnyArray) -> Texts:
    """Return the names at the given places, empty where the place is -1."""
    positions = pa.array(places, mask=places < 0)
    return pc.take(pa.array(list(names), pa.string()), positions)


def flags(values: Flags) -> Texts:
    """Return yes and no."""
    return codes(values.astype(np.int64), ("no", "yes"))


def whole(numbers: Indices) -> Texts:
    """Return whole numbers as texts, empty where MISSING."""
    return pc.cast(pa.array(numbers, mask=numbers == MISSING), pa.string())


def repeated(text: str, n: int) -> Texts:
    """Return one text n times."""
    return codes(np.zeros(n, dtype=np.int64), (text,))


def frame(table: str, columns: Mapping[str, Texts]) -> pd.DataFrame:
    """Return a table of the standard as a frame of texts, its columns in the order of the standard.

    Parameters
    ----------
    table : str
        A key of TABLES.
    columns : mapping
        Every column of the table.
    """
    return pd.DataFrame({name: _texts(columns[name]) for name in TABLES[table].names})


def _texts(column: Texts) -> pd.Series:
    return pd.Series(pd.arrays.ArrowStringArray(pa.chunked_array([column])))
