"""What every leaf of the baseline shares: events seen from a moment, ages, and answers brought to memory.

A *moment* is one child at one time zero. `seen_from` is where the future is cut off: what it gives holds no row dated
after the moment's time zero, so that nothing built on it can look there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.records.engine import Engine

Tables: TypeAlias = Mapping[str, ir.Table]
#: How far back a value may lie, both ends counted; what is older is not recorded.
LOOK_BACK_DAYS = 365
ASSESSMENT_LOOK_BACK_DAYS = 180
#: A value of the records that is a number; the same spelling that the records standard takes for one.
NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One family of covariates.

    Parameters
    ----------
    meanings : mapping of str to str
        The covariates that are known whatever the records hold, and what each means.
    answer : callable
        Takes the engine, complete tables, moments and names; gives a frame with the index ``moment`` and one column a
        name. A moment that is not in it has nothing recorded.
    """

    meanings: Mapping[str, str]
    answer: Callable[[Engine, Tables, ir.Table, Sequence[str]], pd.DataFrame]


def seen_from(moments: ir.Table, events: ir.Table, dated: str, *, how: str = "left") -> ir.Table:
    """Join to each moment the child's events dated on or before its time zero.

    Parameters
    ----------
    moments : ibis Table
        ``person_id``, ``time_zero`` and whatever else the events are compared with.
    events : ibis Table
        ``person_id``, the column ``dated`` and others, none of them called like a column of ``moments``.
    dated : str
        The day from which an event is known.
    how : {"left", "inner"}
        Whether a moment without events stays, with empty columns.
    """
    others = events.rename(_child="person_id")
    same = [moments["person_id"] == others["_child"], others[dated] <= moments["time_zero"]]
    return moments.join(others, same, how=how)


def completed_years(born: ir.DateValue, on: ir.DateValue) -> ir.IntegerValue:
    """Return the age in completed years.

    Month and day are compared as they are, so that a child born on 29 February has the birthday on 1 March of other
    years. A birth recorded to the month stands on its 15th in the records.
    """
    before = (on.month() * 100 + on.day()) < (born.month() * 100 + born.day())
    return on.year() - born.year() - before.cast("int64")


def fetch(engine: Engine, expression: ir.Table, names: Sequence[str]) -> pd.DataFrame:
    """Bring one row a moment to memory: numbers as float64, texts as objects with None where nothing is recorded.

    Parameters
    ----------
    engine : Engine
        Where the expression runs.
    expression : ibis Table
        ``moment``, then one column for each of ``names``, in their order and called `place_names`.
    names : sequence of str
        What the columns are called from here on.
    """
    schema = expression.schema()
    frame = engine.frame(expression).set_index("moment")
    columns = {
        name: _numbers(frame[place]) if schema[place].is_numeric() else _texts(frame[place])
        for name, place in zip(names, place_names(names), strict=True)
    }
    return pd.DataFrame(columns, index=frame.index)


def place_names(names: Sequence[str]) -> list[str]:
    """Return names that any engine takes for columns: a covariate may hold dots and whatever a service calls a status."""
    return [f"c{i}" for i in range(len(names))]


def placed(values: Sequence[ir.Value]) -> dict[str, ir.Value]:
    """Return expressions under their `place_names`; numbers become float64."""
    return {f"c{i}": v.cast("float64") if v.type().is_numeric() else v for i, v in enumerate(values)}


def number_or_code(column: pd.Series) -> pd.Series:
    """Return recorded values as numbers if each of them is one, else as they are.

    Only the values that were selected decide. A column without any stays a category, of which nobody has a level.
    """
    recorded = column[column.notna()]
    if recorded.empty or not recorded.str.match(NUMBER).all():
        return column
    return _numbers(pd.to_numeric(column))


def not_recorded(moments: pd.Index, names: Sequence[str]) -> pd.DataFrame:
    """Return a frame of categories in which nothing is recorded."""
    return pd.DataFrame({n: pd.Series(None, index=moments, dtype=object) for n in names}, index=moments)


def _numbers(column: pd.Series) -> pd.Series:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(values, index=column.index)


def _texts(column: pd.Series) -> pd.Series:
    texts = column.astype(object)
    return texts.where(texts.notna(), None)
