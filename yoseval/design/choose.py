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
from yoseval.frames import make_frame

#: Upper ends of the steps in which differences are compared: within a step none is smaller than another, so that a third
#: decimal nobody could see does not outrank a comparison group of twice the effective size.
STEPS = (0.01, 0.02, 0.05, 0.10, 0.20, 0.50)
RULE = (
    "Three steps are about the question: designs that pass the balance gate come first, then those that are about the people "
    "the protocol names, then those that leave out the fewest of the programme group beyond a tenth of it. "
    "Of those that are equal so far, the one with the smaller difference of the prognostic score, where there is one, comes "
    "first, then the one with the smaller largest difference of a covariate (both in steps that end at "
    f"{', '.join(f'{s:.2f}' for s in STEPS[:-1])} and {STEPS[-1]:.2f} standard deviations), then the one with the larger "
    "effective comparison group, then the one declared first."
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
        The public frame ``candidates``, the best first; then those that could not be built, with ``reason``.
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


@dataclass(frozen=True, slots=True)
class Score:
    """What the rule looks at of one design.

    Parameters
    ----------
    method : str
        A name of ``METHODS``.
    balanced : bool
        True where the gate is passed.
    keeps_estimand : bool
        True where the design is about whom the protocol names.
    lost_treated : float
        Share of the treated that is not used.
    prognostic_smd : float
        Absolute difference of the prognostic score, not a number where there is none.
    max_smd : float
        Largest absolute difference of a covariate, not a number where one cannot be standardised.
    effective_n : float
        Effective size of the comparison group.
    """

    method: str
    balanced: bool
    keeps_estimand: bool
    lost_treated: float
    prognostic_smd: float
    max_smd: float
    effective_n: float


def rank(scores: Sequence[Score]) -> list[int]:
    """Return the places of the scores in the order of ``RULE``, the best first.

    Parameters
    ----------
    scores : sequence of Score
        In the order in which the designs were declared. Where one has no prognostic score, that step is left out for all.

    Returns
    -------
    list of int

    References
    ----------
    stuart2013 : Stuart, Lee and Leacy (2013), Journal of Clinical Epidemiology 66(8), S84-S90: balance of the prognostic
        score foretells bias better than that of any covariate.

    Examples
    --------
    >>> near, large = Score("nearest", True, True, 0, 0.004, 0.03, 90), Score("entropy", True, True, 0, 0.001, 0.04, 180)
    >>> rank([near, large])
    [1, 0]
    """
    has_prognostic = all(np.isfinite(s.prognostic_smd) for s in scores)

    def key(place: int) -> tuple[bool, bool, float, int, int, float]:
        s = scores[place]
        # Below rounding, sizes and differences are equal.
        beyond = round(max(0.0, s.lost_treated - LOST_TOO_MANY), 9)
        prognostic = _step(s.prognostic_smd) if has_prognostic else 0
        return (not s.balanced, not s.keeps_estimand, beyond, prognostic, _step(s.max_smd), -round(s.effective_n, 6))

    return sorted(range(len(scores)), key=key)


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
    built: list[Choice] = []
    failed: dict[str, str] = {}
    for method in dict.fromkeys(candidates):
        own = {k: v for k, v in options.items() if k in METHODS[method].options}
        try:
            built.append(only_choice(build_design(cohort, method, estimand=estimand, **own), max_smd=max_smd))
        # Also where the machine lacks what a method needs: the others can be built.
        except YosevalError as error:
            failed[method] = str(error)
    if not built:
        raise DesignError(
            f"None of the candidates could be built.\n{listed([f'{m}: {e}' for m, e in failed.items()])}\n",
            "Declare another candidate, or change the covariates.",
        )
    scores = [_score(c.design, c.balance, estimand) for c in built]
    order = rank(scores)
    first = built[order[0]]
    return Choice(first.design, first.balance, _ranking(cohort.programme, [scores[i] for i in order], failed))


def only_choice(design: Design, *, max_smd: float = 0.10) -> Choice:
    """Return the choice of a design that was named, so that there was nothing else to choose from.

    Parameters
    ----------
    design : Design
        As it was built.
    max_smd : float
        The balance gate.

    Examples
    --------
    >>> only_choice(build_design(cohort, "overlap")).ranking["method"].tolist()  # doctest: +SKIP
    ['overlap']
    """
    balance = assess_balance(design, max_smd=max_smd)
    return Choice(design, balance, _ranking(design.cohort.programme, [_score(design, balance, design.estimand)], {}))


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


def _score(design: Design, balance: Balance, estimand: str) -> Score:
    after = balance.sizes[(balance.sizes["sample"] == "after") & (balance.sizes["arm"] == "comparison")]
    return Score(
        method=design.method,
        balanced=balance.balanced,
        keeps_estimand=design.estimand == estimand,
        lost_treated=1.0 - float((design.weight[design.treated] > 0).mean()),
        prognostic_smd=balance.prognostic_smd,
        max_smd=balance.max_smd,
        effective_n=float(after["effective_n"].iloc[0]),
    )


def _step(smd: float) -> int:
    """Return the number of the step in which a difference lies; what cannot be standardised is beyond them all."""
    return int(np.searchsorted(STEPS, round(smd, 9), side="left")) if np.isfinite(smd) else len(STEPS) + 1


def _ranking(programme: str, ranked: list[Score], failed: dict[str, str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "method": s.method,
            "place": place,
            "chosen": place == 1,
            "balanced": s.balanced,
            "prognostic_smd": s.prognostic_smd,
            "max_smd": s.max_smd,
            "effective_n": s.effective_n,
            "lost_treated": s.lost_treated,
        }
        for place, s in enumerate(ranked, start=1)
    ]
    rows += [{"method": method, "chosen": False, "reason": reason} for method, reason in failed.items()]
    return make_frame("candidates", pd.DataFrame(rows).assign(programme=programme))
