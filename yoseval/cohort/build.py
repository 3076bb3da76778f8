"""A cohort: one programme's children and the children they are compared with, as they were at time zero.

Takes units that were read and gives a frozen `Cohort` in an order that depends on the content of the rows
alone. It holds nothing that happened after time zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Indices
from yoseval.cohort.covariates import CovariateMatrix, code_covariates
from yoseval.errors import DataError
from yoseval.frames import make_frame

ROLES = ("unit_id", "person_id", "treated")


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """The coded covariates of certain units; they hold for that very frame and no other."""

    units: pd.DataFrame
    matrix: CovariateMatrix


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """The units of one emulated trial, before any outcome.

    Parameters
    ----------
    programme : str
        Id of the programme.
    units : DataFrame
        ``unit_id``, ``person_id``, ``treated``, then covariates and exact columns. Rows are sorted by the
        content of the covariates, then by id: shuffling the file changes nothing, and ties among scores
        are broken by this order.
    covariates : tuple of str
        Columns a design has to balance.
    attrition : DataFrame
        The public frame ``attrition``: who was read, who left and why.
    randomised : bool
        True where the programme was allocated at random.
    history : str
        A covariate that counts offending before time zero, on which the prognostic score is fitted;
        empty where none was declared.
    cluster : str
        A column of ``units`` that names the taught group or the area in which children are dependent; empty where none was
        declared. A unit without a value is in no group.
    instrument : str
        A column of ``units`` with numbers that change who starts, and the outcome by no other way; empty where none was
        declared. Only the measure of that name uses it.
    coding : Coding, optional
        The covariates of ``units`` as they were coded before, so that it is not done twice.
    """

    programme: str
    units: pd.DataFrame
    covariates: tuple[str, ...]
    attrition: pd.DataFrame
    randomised: bool = False
    history: str = ""
    cluster: str = ""
    instrument: str = ""
    coding: Coding | None = None

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        treated: str,
        id: str | None = None,
        covariates: Sequence[str],
        exact: Sequence[str] = (),
        programme: str = "programme",
        randomised: bool = False,
        history: str = "",
        cluster: str = "",
        instrument: str = "",
    ) -> "Cohort":
        """Build a cohort from any data frame.

        Parameters
        ----------
        frame : DataFrame
            One row a unit.
        treated : str
            Column of 0/1 or booleans: who started the programme.
        id : str, optional
            Column that names the child; without it each row is a unit of its own.
        covariates : sequence of str
            Columns to balance: numbers, booleans or categories, taken as they are.
        exact : sequence of str
            Further columns that a design may match exactly.
        programme : str
            Name of the programme.
        randomised : bool
            True where the programme was allocated at random.
        history : str
            A covariate on which the prognostic score is fitted.
        cluster : str
            Column that names taught groups or areas in which children are dependent.
        instrument : str
            Column of numbers for the measure ``instrument``, such as whether the programme could be started.

        Raises
        ------
        DataError
            If a column is absent, ``treated`` is not 0/1, an arm is empty or an id is repeated.

        Examples
        --------
        >>> frame = pd.DataFrame({"started": [1, 0, 0], "age": [14, 15, 16]})
        >>> Cohort.from_frame(frame, treated="started", covariates=["age"]).treated.sum()
        np.int64(1)
        """
        own = [*covariates, *exact, *(c for c in (cluster, instrument) if c)]
        _require_columns(frame, [c for c in (treated, id, *own) if c is not None])
        refuse_reserved(own)
        identities = _identities(frame, id)
        columns = {c: frame[c].to_numpy() for c in dict.fromkeys(own)}
        units = pd.DataFrame({"unit_id": identities, "person_id": identities, "treated": _as_flags(frame[treated]), **columns})
        flow = starting_flow(programme, units["treated"].to_numpy(dtype=bool))
        ordered = in_content_order(units, tuple(covariates))
        return cls(programme, ordered, tuple(covariates), flow, randomised, history, cluster, instrument)

    @property
    def treated(self) -> Flags:
        """(n,) booleans: who started the programme."""
        flags: Flags = self.units["treated"].to_numpy(dtype=bool)
        return flags

    def matrix(self) -> CovariateMatrix:
        """Return the covariates coded as numbers, in the order of ``units``."""
        if self.coding is not None and self.coding.units is self.units:
            return self.coding.matrix
        return code_covariates(self.units, self.covariates)

    def coded(self) -> "Cohort":
        """Return the same cohort with its covariates coded once and for all."""
        return replace(self, coding=Coding(self.units, self.matrix()))

    def resampled(self, rows: Indices) -> "Cohort":
        """Return the units at the positions ``rows``, (m,) rising integers, as often as they are named.

        Covariates stay coded as they are here, a level that was not drawn included. Ids are running numbers: a child drawn
        twice is two children.
        """
        matrix = self.matrix()
        ids = np.arange(1, len(rows) + 1)
        units = self.units.take(rows).reset_index(drop=True).assign(unit_id=ids, person_id=ids)
        values = np.asfortranarray(matrix.values[rows])
        return replace(self, units=units, coding=Coding(units, replace(matrix, values=values)))

    def to_frame(self) -> pd.DataFrame:
        """Return the flow of units as the public frame ``attrition``."""
        return self.attrition

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        treated = self.treated
        return (
            f"Cohort: {self.programme}\ntreated: {int(treated.sum())}\ncomparison: {int((~treated).sum())}\n"
            f"covariates: {', '.join(self.covariates)}\nrandomised: {'yes' if self.randomised else 'no'}"
        )


def in_content_order(units: pd.DataFrame, covariates: tuple[str, ...]) -> pd.DataFrame:
    """Sort units by their covariates, in the protocol's order, then by arm and id.

    The order of rows in the file, and the ids wherever two rows differ in content, have no say in a design.
    """
    values = code_covariates(units, covariates).values
    treated = units["treated"].to_numpy(dtype=bool)
    keys = (units["unit_id"].to_numpy(dtype=str), treated, *(values[:, j] for j in range(values.shape[1] - 1, -1, -1)))
    order: Indices = np.lexsort(keys)
    return units.iloc[order].reset_index(drop=True)


def starting_flow(programme: str, treated: Flags, *, stage: str = "file", reason: str = "read") -> pd.DataFrame:
    """Return the first step of the flow: everybody, nobody lost."""
    counts = [int(treated.sum()), int((~treated).sum())]
    rows = {"programme": programme, "step": 1, "stage": stage, "reason": reason}
    return make_frame("attrition", pd.DataFrame({**rows, "arm": ["treated", "comparison"], "n_lost": 0, "n_left": counts}))


def next_step(flow: pd.DataFrame, *, stage: str, reason: str, lost_treated: int, lost_comparison: int) -> pd.DataFrame:
    """Return the flow with one more step, in which so many units left for one reason."""
    last = flow["step"].max()
    left = flow.loc[flow["step"] == last].set_index("arm")["n_left"]
    lost = {"treated": lost_treated, "comparison": lost_comparison}
    rows = [
        {
            "programme": flow["programme"].iloc[0],
            "step": int(last) + 1,
            "stage": stage,
            "reason": reason,
            "arm": arm,
            "n_lost": n,
            "n_left": int(left[arm]) - n,
        }
        for arm, n in lost.items()
    ]
    return make_frame("attrition", pd.concat([flow.astype(object), pd.DataFrame(rows)], ignore_index=True))


def refuse_reserved(columns: Sequence[str]) -> None:
    """Raise a DataError if a covariate has the name of a role.

    Raises
    ------
    DataError
        If a column is called ``unit_id``, ``person_id`` or ``treated``.
    """
    taken = [c for c in columns if c in ROLES]
    if taken:
        raise DataError(f"A covariate cannot be called '{taken[0]}': the cohort has a column of that name.", "Rename it.")


def _require_columns(frame: pd.DataFrame, wanted: Sequence[str]) -> None:
    absent = [c for c in wanted if c not in frame.columns]
    if absent:
        raise DataError(f"Columns not in the data: {', '.join(absent)}.", f"It has: {', '.join(map(str, frame.columns))}.")


def _identities(frame: pd.DataFrame, id: str | None) -> AnyArray:
    if id is None:
        return np.array([f"{i:09d}" for i in range(1, len(frame) + 1)], dtype=object)
    empty = int(frame[id].isna().sum())
    if empty:
        raise DataError(f"{empty} of {len(frame)} rows have no id in the column '{id}'.", "Give every row an id.")
    identities: AnyArray = frame[id].astype(str).to_numpy(dtype=object)
    repeated = int(pd.Series(identities).duplicated().sum())
    if repeated:
        raise DataError(f"{repeated} of {len(frame)} rows repeat an id of the column '{id}'.", "Give one row a child.")
    return identities


def _as_flags(column: pd.Series) -> Flags:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0]) + 1
        raise DataError(f"{int(wrong.sum())} of {len(values)} rows of '{column.name}' are not 0 or 1 (first at row {first}).")
    flags: Flags = values == 1.0
    if flags.all() or not flags.any():
        raise DataError(f"'{column.name}' has only one value.", "An evaluation needs treated and comparison units.")
    return flags
