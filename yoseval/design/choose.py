"""Choose among declared designs by how well they balance, never by what they would show.

Takes a cohort and the names of candidates; gives the design that a written rule puts first, and the ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.design.balance import Balance, assess_balance
from yoseval.design.methods import LOST_TOO_MANY, METHODS, build_design
from yoseval.design.types import Design
from yoseval.errors import DesignError, UsageError, YosevalError, listed

RULE = (
    "Candidates that pass the balance gate come first; then those that are about whom the protocol names; then those that "
    "lose the fewest of the treated beyond a tenth; then the larger effective comparison group; then the smaller largest "
    "difference; then the order in which they were declared."
)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The design that was chosen blind, and what it was chosen from.

    Parameters
    ----------
    design : Design
        The first of the ranking.
    balance : Balance
        Its balance.
    ranking : DataFrame
        ``method``, ``balanced``, ``prognostic`` (|SMD|), ``max_smd``, ``effective_n``, ``lost_treated`` (a share)
        and ``error`` (why a candidate could not be built), the best first.
    """

    design: Design
    balance: Balance
    ranking: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the ranking."""
        return self.ranking

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        others = ", ".join(self.ranking["method"].iloc[1:]) or "nothing else"
        return f"Choice: {self.design.method}\nbalanced: {'yes' if self.balance.balanced else 'no'}\nchosen from: {others}"


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    method: str
    design: Design
    balance: Balance
    effective_n: float
    lost_treated: float
    keeps_estimand: bool

    @property
    def rank(self) -> tuple[bool, bool, float, float, float]:
        worst = self.balance.max_smd if np.isfinite(self.balance.max_smd) else float("inf")
        # Below rounding, sizes and differences are equal.
        beyond = round(max(0.0, self.lost_treated - LOST_TOO_MANY), 9)
        return (not self.balance.balanced, not self.keeps_estimand, beyond, -round(self.effective_n, 6), round(worst, 9))


def choose_design(
    cohort: Cohort, candidates: Sequence[str], *, estimand: str = "ATT", max_smd: float = 0.10, **options: Any
) -> Choice:
    """Build every candidate without sight of outcomes and choose by ``RULE``.

    Parameters
    ----------
    cohort : Cohort
        The units at time zero.
    candidates : sequence of str
        Names of ``METHODS``, in the order of the protocol.
    estimand : str
        Whom the effect should be about.
    max_smd : float
        The balance gate.
    **options
        Options of the methods; each candidate takes those it has.

    Returns
    -------
    Choice
        Design, balance and ranking.

    Raises
    ------
    UsageError
        If a name is unknown, there are no candidates, or an option belongs to none of them.
    DesignError
        If no candidate could be built, with the reason of each.

    References
    ----------
    rubin2008 : Rubin (2008), Annals of Applied Statistics 2(3), 808-840: design trumps analysis.
    """
    _require_known(candidates, options)
    built: list[_Candidate] = []
    failed: dict[str, str] = {}
    for method in dict.fromkeys(candidates):
        own = {k: v for k, v in options.items() if k in METHODS[method].options}
        try:
            built.append(_candidate(build_design(cohort, method, estimand=estimand, **own), estimand, max_smd))
        except YosevalError as error:
            failed[method] = str(error)
    if not built:
        raise DesignError(
            f"None of the candidates could be built.\n{listed([f'{m}: {e}' for m, e in failed.items()])}\n",
            "Declare another candidate, or change the covariates.",
        )
    ranked = sorted(built, key=lambda c: c.rank)
    return Choice(ranked[0].design, ranked[0].balance, _ranking(ranked, failed))


def _require_known(candidates: Sequence[str], options: dict[str, Any]) -> None:
    unknown = [m for m in candidates if m not in METHODS]
    if unknown or not candidates:
        problem = f"There is no method '{unknown[0]}'." if unknown else "No candidate was declared."
        raise UsageError(problem, f"Choose from: {', '.join(METHODS)}.")
    known = {o for m in candidates for o in METHODS[m].options}
    stray = [o for o in options if o not in known]
    if stray:
        raise UsageError(
            f"None of the candidates has an option '{stray[0]}'.", f"Options: {', '.join(sorted(known)) or 'none'}."
        )


def _candidate(design: Design, estimand: str, max_smd: float) -> _Candidate:
    balance = assess_balance(design, max_smd=max_smd)
    after = balance.sizes[(balance.sizes["sample"] == "after") & (balance.sizes["arm"] == "comparison")]
    lost = 1.0 - float((design.weight[design.treated] > 0).mean())
    return _Candidate(design.method, design, balance, float(after["effective_n"].iloc[0]), lost, design.estimand == estimand)


def _ranking(ranked: list[_Candidate], failed: dict[str, str]) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = [
        (c.method, c.balance.balanced, c.balance.prognostic_smd, c.balance.max_smd, c.effective_n, c.lost_treated, "")
        for c in ranked
    ]
    rows += [(method, False, np.nan, np.nan, np.nan, np.nan, reason) for method, reason in failed.items()]
    names = ["method", "balanced", "prognostic", "max_smd", "effective_n", "lost_treated", "error"]
    return pd.DataFrame(rows, columns=names)
