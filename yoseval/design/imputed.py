"""Match or weight within every imputation of the missing covariates, and say how the arms balance across them.

Takes a cohort; gives one design an imputation and one frame of balance. It never averages scores over imputations:
each design stands alone, and effects are pooled afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.design.balance import Balance, assess_balance
from yoseval.design.cloning import METHOD as CLONES
from yoseval.design.cloning import clone_design
from yoseval.design.imputation import impute_covariates
from yoseval.design.methods import build_design
from yoseval.design.types import Design
from yoseval.frames import make_frame


@dataclass(frozen=True, slots=True, eq=False)
class ImputedDesigns:
    """One design an imputation.

    Parameters
    ----------
    designs : tuple of Design
        In the order of the imputations; their units may be in different orders.
    balances : tuple of Balance
        Of each.
    """

    designs: tuple[Design, ...]
    balances: tuple[Balance, ...]

    @property
    def first(self) -> Design:
        """The design of the first imputation."""
        return self.designs[0]

    @property
    def cohort(self) -> Cohort:
        """The cohort of the first imputation: units and arms are those of all."""
        return self.first.cohort

    @property
    def balanced(self) -> bool:
        """True where the gate is passed in every imputation."""
        return all(b.balanced for b in self.balances)

    @property
    def max_smd(self) -> float:
        """Largest absolute standardised mean difference of any imputation."""
        return float(max(b.max_smd for b in self.balances))

    def to_frame(self) -> pd.DataFrame:
        """Return balance across imputations as the frame ``imputed_balance``: mean SMD, largest |SMD| and largest KS."""
        rows = pd.concat([b.statistics for b in self.balances], ignore_index=True)
        rows = rows.assign(size=rows["std_mean_diff"].abs())
        grouped = rows.groupby(["programme", "sample", "term", "kind"], sort=False)
        found = grouped.agg(std_mean_diff=("std_mean_diff", "mean"), max_smd=("size", "max"), ks=("ks", "max")).reset_index()
        return make_frame("imputed_balance", found.assign(imputations=len(self.designs)))

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        passed = int(np.sum([b.balanced for b in self.balances]))
        return (
            f"Imputed designs: {self.designs[0].method}\nimputations: {len(self.designs)}\n"
            f"balanced: {passed} of {len(self.designs)}\nlargest |SMD|: {self.max_smd:.4f}"
        )


Designs: TypeAlias = Design | ImputedDesigns


def first_of(designs: Designs) -> Design:
    """Return a design, or that of the first imputation."""
    return designs if isinstance(designs, Design) else designs.first


def each_of(designs: Designs) -> tuple[Design, ...]:
    """Return a design, or those of all imputations."""
    return (designs,) if isinstance(designs, Design) else designs.designs


def build_again(design: Design, cohort: Cohort) -> Design:
    """Build the same request on another cohort: the same method, options and estimand.

    Raises
    ------
    DesignError
        If no fair comparison can be built there.
    """
    asked = design.weighting.estimand
    if design.method == CLONES:
        return clone_design(cohort, estimand=asked)
    return build_design(cohort, design.method, estimand=asked, **design.options)


def build_likewise(first: Design, cohorts: Sequence[Cohort], *, max_smd: float = 0.10) -> ImputedDesigns:
    """Build in every imputation what was built in the first.

    Parameters
    ----------
    first : Design
        Built on the first of ``cohorts``.
    cohorts : sequence of Cohort
        From ``impute_covariates``.
    max_smd : float
        The balance gate of each.

    Raises
    ------
    DesignError
        If no fair comparison can be built in one of them.
    """
    designs = (first, *(build_again(first, c) for c in cohorts[1:]))
    return ImputedDesigns(designs, tuple(assess_balance(d, max_smd=max_smd) for d in designs))


def build_imputed_designs(
    cohort: Cohort,
    method: str = "overlap",
    *,
    imputations: int = 20,
    seed: int = 0,
    estimand: str = "ATT",
    max_smd: float = 0.10,
    **options: Any,
) -> ImputedDesigns:
    """Impute missing covariates several times and build the design within each.

    Parameters
    ----------
    cohort : Cohort
        The units at time zero, with empty cells.
    method : str
        A name of ``METHODS``.
    imputations, seed : int
        As in ``impute_covariates``.
    estimand : str
        Whom the effect should be about.
    max_smd : float
        The balance gate of each.
    **options
        Of the method.

    Returns
    -------
    ImputedDesigns
        Designs and balance.

    Raises
    ------
    UsageError
        If the method, an option or the number of imputations is not one there is.
    DesignError
        If no fair comparison can be built in one of them.

    References
    ----------
    leyrat2019 : Leyrat et al. (2019), Statistical Methods in Medical Research 28(1), 3-19: within, not across.

    Examples
    --------
    >>> build_imputed_designs(cohort, "entropy", imputations=10).balanced  # doctest: +SKIP
    """
    cohorts = impute_covariates(cohort, imputations=imputations, seed=seed)
    first = build_design(cohorts[0], method, estimand=estimand, **options)
    return build_likewise(first, cohorts, max_smd=max_smd)
