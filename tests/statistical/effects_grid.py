"""Do intervals hold what they promise, and what is refused? A grid of simulated studies whose true effect is known.

Run the grid, with thousands of replicates a cell, and print its table::

    python tests/statistical/effects_grid.py 2000

Cells cross the number of children, the overlap of both groups and a trait of the study: how common the outcome is, whether
children leave early or come several times, and whether the model of the score or of the outcome is wrong. The effect is the
same for every child, on the scale of risks, so that every estimand has one truth. Every child is simulated.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import NotEvaluableError
from yoseval.evaluation.evaluability import design_reasons, event_reasons, size_reasons
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp
from yoseval.parallel import map_tasks

SIZES = (90, 150, 300, 800)
OVERLAP = {"good": 0.6, "poor": 1.6}
TRAITS = ("base 15", "base 35", "base 60", "leave early", "come twice", "score wrong", "outcome wrong")
METHOD = "entropy"
EFFECT = -0.10
YEAR = 365


@dataclass(frozen=True)
class Cell:
    """One place of the grid."""

    n: int
    overlap: str
    trait: str
    method: str = METHOD

    @property
    def base(self) -> float:
        """Risk of a child of average covariates without the programme."""
        return {"base 15": 0.20, "base 60": 0.60}.get(self.trait, 0.40)

    def __str__(self) -> str:
        return f"n={self.n}, {self.overlap} overlap, {self.trait}, {self.method}"


@dataclass(frozen=True)
class Result:
    """What the replicates of one cell gave under one effect.

    Parameters
    ----------
    cell : Cell
    effect : float
        The truth.
    drawn, estimated : int
        Studies drawn, and those that passed every gate of size and could be estimated.
    treated : float
        Mean number of treated children.
    coverage, rejected, bias, error : float
        Of those estimated: share of intervals with the truth, share without zero, mean gap, its Monte Carlo error.
    refused : Counter
        Reasons of the others.
    """

    cell: Cell
    effect: float
    drawn: int
    estimated: int
    treated: float
    coverage: float
    rejected: float
    bias: float
    error: float
    refused: Counter[str]


CELLS = tuple(Cell(n, overlap, trait) for n in SIZES for overlap in OVERLAP for trait in TRAITS)


def simulate(cell: Cell, effect: float, rng: np.random.Generator) -> tuple[Cohort, FollowUp]:
    """Draw one study: its cohort, and what happened to its units."""
    units = cell.n // 2 if cell.trait == "come twice" else cell.n
    child = np.repeat(np.arange(units), 2) if cell.trait == "come twice" else np.arange(units)
    prior = np.minimum(rng.poisson(2.0, units), 6).astype(float)[child]
    age = rng.uniform(12, 18, units)[child]
    girl = (rng.random(units) < 0.3).astype(float)[child]
    bent = ((age - 15) ** 2 - 3.0) / 9.0
    drive = 0.3 * (prior - 2) - 0.12 * (age - 15) - 0.3 * (girl - 0.3)
    logit = -0.75 + OVERLAP[cell.overlap] * (drive + (1.2 * bent if cell.trait == "score wrong" else 0.0))
    treated = rng.random(child.size) < 1 / (1 + np.exp(-logit))
    scale = min(cell.base, 1 - cell.base) / 0.4
    risk = cell.base + scale * (0.03 * (prior - 2) - 0.012 * (age - 15) - 0.04 * (girl - 0.3))
    risk = risk + (0.10 * bent if cell.trait == "outcome wrong" else 0.0) + effect * treated
    # Units of one child share most of their luck.
    luck = rng.random(units)[child]
    own = np.where(rng.random(child.size) < 0.5, luck, rng.random(child.size)) if cell.trait == "come twice" else luck
    event = own < risk
    days = np.where(event, rng.integers(1, YEAR + 1, child.size), YEAR)
    leaves = rng.integers(30, 3 * YEAR, child.size) if cell.trait == "leave early" else np.full(child.size, YEAR + 1)
    frame = pd.DataFrame({"started": treated.astype(int), "prior": prior, "age": age, "girl": girl})
    frame = frame.assign(id=[f"{i:05d}" for i in range(child.size)], again=(event & (days <= leaves)).astype(int))
    frame = frame.assign(days=np.minimum(np.minimum(days, leaves), YEAR).astype(float), child=[f"{c:05d}" for c in child])
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["prior", "age", "girl"])
    person = frame.set_index("id")["child"].reindex(cohort.units["unit_id"]).to_numpy(dtype=object)
    followup = FollowUp.from_frame(frame, event="again", time="days", id="id", horizon=YEAR)
    return replace(cohort, units=cohort.units.assign(person_id=person)), followup


def run_cell(cell: Cell, effect: float, replicates: int, seed: int = 20261127) -> Result:
    """Draw and estimate the studies of one cell; a study that fails a gate of size is refused, as in an evaluation."""
    # An outcome that is rare cannot fall by a tenth of all children.
    effect = effect / 2 if cell.trait == "base 15" else effect
    gaps, covered, rejected, treated, refused = [], 0, 0, [], Counter()
    for k in range(replicates):
        rng = np.random.default_rng([seed, k, *str(cell).encode()])
        try:
            cohort, followup = simulate(cell, effect, rng)
            treated.append(int(cohort.treated.sum()))
            found, reasons = _estimated(cohort, followup, cell.method)
        except NotEvaluableError as problem:
            refused[type(problem).__name__] += 1
            continue
        if reasons:
            refused[reasons[0]] += 1
            continue
        gaps.append(found.estimate - effect)
        covered += found.conf_low <= effect <= found.conf_high
        rejected += found.conf_low > 0 or found.conf_high < 0
    done = max(len(gaps), 1)
    spread = float(np.std(gaps)) if gaps else math.nan
    bias = float(np.mean(gaps)) if gaps else math.nan
    return Result(
        cell, effect, replicates, len(gaps), float(np.mean(treated)), covered / done, rejected / done, bias,
        spread / math.sqrt(done), refused,
    )  # fmt: skip


def _estimated(cohort, followup, method):
    few = size_reasons(int(cohort.treated.sum()), float((~cohort.treated).sum()))
    if few:
        return None, few
    design = build_design(cohort, method)
    few = design_reasons(design)
    if few:
        return None, few
    estimate = estimate_effect(followup, design, "risk_difference")
    return estimate, event_reasons(estimate)


def _task(argument, _):
    return run_cell(*argument)


def run_grid(replicates: int, jobs: int, methods: tuple[str, ...] = (METHOD,)) -> Iterator[tuple[Result, Result]]:
    """Run every cell with an effect and without; give both results as they come."""
    cells = [replace(c, method=m) for m in methods for c in CELLS]
    tasks = {f"{c}, {e}": (c, e, replicates) for c in cells for e in (EFFECT, 0.0)}
    found = map_tasks(_task, tasks, jobs=jobs)
    for _, with_effect in found:
        yield with_effect, next(found)[1]


def as_line(with_effect: Result, none: Result) -> str:
    """Return one line of the table."""
    cell, refused = with_effect.cell, with_effect.refused + none.refused
    share = refused.total() / (with_effect.drawn + none.drawn)
    if not with_effect.estimated or not none.estimated:
        figures = "– | – | –"
    else:
        figures = (
            f"{100 * with_effect.coverage:.1f} | {100 * none.rejected:.1f} | "
            f"{100 * with_effect.bias:+.1f} ({100 * with_effect.error:.1f})"
        )
    return (
        f"| {cell.method} | {cell.n} | {with_effect.treated:.0f} | {cell.overlap} | {cell.trait} | {figures} | "
        f"{100 * share:.0f} {'(' + refused.most_common(1)[0][0] + ')' if refused else ''} |"
    )


HEAD = (
    "| design | children | treated | overlap | trait | coverage, % | type I error, % | bias, points (error) | refused, % |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main(replicates: int = 2000, jobs: int = 2, *methods: str) -> None:
    """Print the table."""
    print(
        f"{len(CELLS)} cells a design, {replicates:,} studies with an effect and as many without in each.\n\n{HEAD}", flush=True
    )
    for pair in run_grid(replicates, jobs, methods or (METHOD,)):
        print(as_line(*pair), flush=True)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]), *sys.argv[3:])
