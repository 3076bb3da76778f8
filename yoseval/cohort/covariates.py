"""Code covariates as numbers: what a design, a balance table and a model see.

Takes the covariates of a cohort as they were read and gives one matrix: numbers as they are, each level
of a category as a 0/1 term, and an indicator where something was not recorded. Missing is never zero.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.errors import DataError

NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True, eq=False)
class CovariateMatrix:
    """The coded covariates of n units in k terms.

    Parameters
    ----------
    terms : tuple of k str
        Names as shown, such as ``age``, ``race: black`` or ``age: not recorded``.
    kinds : tuple of k str
        ``numeric``, ``binary`` or ``missing`` (the indicator of a numeric covariate).
    covariates : tuple of k str
        The covariate each term comes from.
    reference : (k,) booleans
        True for the level of a category that models leave out (its first in sorted order).
    values : (n, k) floats
        Column-major. Where a number is missing it holds the mean of those recorded: with its indicator
        beside it, any constant gives the same fit.
    """

    terms: tuple[str, ...]
    kinds: tuple[str, ...]
    covariates: tuple[str, ...]
    reference: Flags
    values: Floats

    def for_models(self) -> Floats:
        """Return the columns without the reference level of each category, (n, k') floats."""
        return self.values[:, ~self.reference]

    def term_names_for_models(self) -> tuple[str, ...]:
        """Return the names of the columns of ``for_models``."""
        return tuple(t for t, out in zip(self.terms, self.reference, strict=True) if not out)


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    terms: list[str]
    kinds: list[str]
    reference: list[bool]
    columns: list[Floats]


def code_covariates(frame: pd.DataFrame, covariates: tuple[str, ...]) -> CovariateMatrix:
    """Code the named columns of ``frame`` as one numeric matrix.

    Numbers and booleans are taken as they are; anything else is a category, of which each level becomes a
    0/1 term. A missing category is the level ``not recorded``; a missing number adds the indicator
    ``<name>: not recorded``.

    Parameters
    ----------
    frame : DataFrame of n rows
        The units.
    covariates : tuple of str
        Columns of ``frame``, in the order of the protocol.

    Returns
    -------
    CovariateMatrix
        The coded terms.

    Raises
    ------
    DataError
        If a column is absent.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [14.0, None], "sex": ["female", "male"]})
    >>> code_covariates(frame, ("age", "sex")).terms
    ('age', 'age: not recorded', 'sex: female', 'sex: male')
    """
    absent = [c for c in covariates if c not in frame.columns]
    if absent:
        raise DataError(f"Covariates not in the data: {', '.join(absent)}.", "Correct their names.")
    coded = [_code_one(frame[c], c) for c in covariates]
    columns = [v for c in coded for v in c.columns]
    values = np.asfortranarray(np.column_stack(columns)) if columns else np.empty((len(frame), 0), order="F")
    return CovariateMatrix(
        terms=tuple(t for c in coded for t in c.terms),
        kinds=tuple(k for c in coded for k in c.kinds),
        covariates=tuple(name for name, c in zip(covariates, coded, strict=True) for _ in c.terms),
        reference=np.array([r for c in coded for r in c.reference], dtype=bool),
        values=values,
    )


def is_category(column: pd.Series) -> bool:
    """Tell whether a column is coded as a category: anything but numbers and booleans."""
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def _code_one(column: pd.Series, name: str) -> _Coded:
    return _code_category(column, name) if is_category(column) else _code_number(column, name)


def _code_category(column: pd.Series, name: str) -> _Coded:
    # A level called 'not recorded' and an empty cell mean the same.
    texts = column.astype(object).where(column.notna(), NOT_RECORDED).astype(str).to_numpy(dtype=object)
    levels = sorted(set(texts.tolist()))
    return _Coded(
        terms=[f"{name}: {level}" for level in levels],
        kinds=["binary"] * len(levels),
        reference=[i == 0 for i in range(len(levels))],
        columns=[(texts == level).astype(np.float64) for level in levels],
    )


def _code_number(column: pd.Series, name: str) -> _Coded:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        raise DataError(
            f"The covariate '{name}' is infinite in {int(np.isinf(numbers).sum())} of {len(numbers)} rows.", "Correct it."
        )
    missing = np.isnan(numbers)
    recorded = numbers[~missing]
    kind = "binary" if recorded.size and np.isin(recorded, (0.0, 1.0)).all() else "numeric"
    if not missing.any():
        return _Coded([name], [kind], [False], [numbers])
    filled = np.where(missing, recorded.mean() if recorded.size else 0.0, numbers)
    return _Coded([name, f"{name}: {NOT_RECORDED}"], [kind, "missing"], [False, False], [filled, missing.astype(np.float64)])
