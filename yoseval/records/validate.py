"""Turn texts into numbers, flags and categories, strictly: a value either fits its type or is named as a fault.

Takes columns of a `TextTable` and gives arrays. Every fault of a table is collected and reported at once,
with file, column, rule, how many of how many, the first rows and the remedy; never the value of an id.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats, Texts
from yoseval.errors import DataError, listed
from yoseval.records.read import TextTable
from yoseval.records.schema import PERSON_PLACEHOLDERS

_PLACES = 20


@dataclass(slots=True)
class Faults:
    """The faults of one table, gathered so that all are reported together.

    Parameters
    ----------
    table : TextTable
        The table that is typed.
    """

    table: TextTable
    found: list[str] = field(default_factory=list)

    def note(self, column: str, rule: str, wrong: Flags, remedy: str) -> None:
        """Record that the rows marked ``wrong`` break ``rule``."""
        if not wrong.any():
            return
        rows = self.table.columns.index[wrong][:_PLACES]
        places = ", ".join(str(r) for r in rows)
        more = ", …" if wrong.sum() > _PLACES else ""
        self.found.append(
            f"{self.table.file.name}, column '{column}': {rule} in {int(wrong.sum())} of {len(wrong)} rows "
            f"(row {places}{more}). {remedy}"
        )

    def raise_if_any(self) -> None:
        """Raise a DataError that lists every fault.

        Raises
        ------
        DataError
            If there is a fault.
        """
        if self.found:
            raise DataError(f"The data break {len(self.found)} rule(s).\n{listed(self.found)}")


def identities(faults: Faults, column: str) -> Texts:
    """Return ids as text; an empty, placeholder or repeated id is a fault."""
    values = faults.table.columns[column]
    empty = (values.fillna("").str.strip() == "").to_numpy()
    faults.note(column, "no id", empty, "Give every row an id.")
    lowered = values.fillna("").str.strip().str.lower()
    faults.note(
        column,
        "a placeholder instead of an id",
        lowered.isin(PERSON_PLACEHOLDERS).to_numpy(),
        "Give every child an id of its own.",
    )
    repeated = (values.duplicated(keep="first") & values.notna()).to_numpy()
    faults.note(
        column, "an id that stands in an earlier row", repeated, "Keep one row a child: the row of the start that is evaluated."
    )
    ids: Texts = values.fillna("").to_numpy(dtype=object)
    return ids


def numbers(faults: Faults, column: str, *, missing: frozenset[str] = frozenset()) -> Floats:
    """Return numbers, not-a-number where nothing is recorded; any other text is a fault."""
    values = faults.table.columns[column]
    parsed, wrong = parse_numbers(values, missing)
    hint = "Correct the values" + (", or declare what stands for 'not recorded' in [cohort] missing." if wrong.any() else ".")
    faults.note(column, "not a number", wrong, hint)
    return parsed


def flags(faults: Faults, column: str, *, missing: frozenset[str] = frozenset()) -> Floats:
    """Return 0/1 as floats, not-a-number where nothing is recorded; any other value is a fault."""
    parsed = numbers(faults, column, missing=missing)
    wrong = np.isfinite(parsed) & ~np.isin(parsed, (0.0, 1.0))
    faults.note(column, "a value other than 0 and 1", wrong, "Code the event as 1 and its absence as 0.")
    return parsed


def covariate(values: pd.Series, *, category: bool, missing: frozenset[str]) -> AnyArray:
    """Return a covariate as numbers if every recorded value is a number, otherwise as texts.

    Parameters
    ----------
    values : Series of texts
        The column.
    category : bool
        True where the study declares the column a category, whatever its codes look like.
    missing : frozenset of str
        Texts that stand for 'not recorded' besides the empty cell.

    Examples
    --------
    >>> covariate(pd.Series(["14", None]), category=False, missing=frozenset())
    array([14., nan])
    """
    parsed, wrong = parse_numbers(values, missing)
    if not category and not wrong.any():
        return parsed
    kept = values.map(lambda v: None if v is None or v.strip() in missing or not v.strip() else v.strip())
    cleaned: AnyArray = kept.to_numpy(dtype=object)
    return cleaned


def parse_numbers(values: pd.Series, missing: frozenset[str]) -> tuple[Floats, Flags]:
    """Parse texts as finite decimal numbers.

    Returns
    -------
    (n,) floats, (n,) booleans
        The numbers (not-a-number where nothing is recorded) and where a text is no number.
    """
    parse = _parser(missing)
    parsed = np.fromiter((parse(v) for v in values), dtype=np.float64, count=len(values))
    # An infinite value marks a text that is no finite number: 'inf' and '1e999' are faults too.
    wrong: Flags = np.isinf(parsed)
    return np.where(wrong, np.nan, parsed), wrong


def _parser(missing: frozenset[str]) -> Callable[[str | None], float]:
    def parse(value: str | None) -> float:
        if value is None or not value.strip() or value.strip() in missing:
            return math.nan
        return _decimal(value.strip())

    return parse


def _decimal(value: str) -> float:
    # float() would also take 'nan', '1_000' and digits of other scripts.
    if not value.isascii() or value.lower().lstrip("+-") in ("nan", "inf", "infinity") or "_" in value:
        return math.inf
    try:
        return float(value)
    except ValueError:
        return math.inf
