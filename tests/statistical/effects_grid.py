"""Do intervals hold what they promise, and what is refused? A grid of simulated studies whose true effect is known.

Run the grid, with thousands of replicates a cell, and print its table::

    python tests/statistical/effects_grid.py 2000
    python tests/statistical/effects_grid.py 1000 --sizes 300 800 --designs nearest overlap

Cells cross the number of children, the overlap of both groups and a trait of the study: how common the outcome is, whether
children leave early or come several times, and whether the model of the score or of the outcome is wrong. The effect is the
same for every child, on the scale of risks, so that every estimand has one truth. Every child is simulated.
"""

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
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
class Tally:
    """What some studies gave: how many, the share of intervals with the truth, the share without zero, the mean gap, its error.

    The error is Monte Carlo's, of the mean gap.
    """

    n: int
    coverage: float
    rejected: float
    bias: float
    error: float


@dataclass(frozen=True)
class Result:
    """What the replicates of one cell gave under one effect.

    Parameters
    ----------
    cell : Cell
    effect : float
        The truth.
    drawn : int
        Studies drawn.
    treated : float
        Mean number of treated children.
    passed : Tally
        Of the studies that passed every gate.
    every : Tally
        Of these and of those that only the gate on events and non-events refused: that gate looks at outcomes, so that what it
        lets through is a choice among studies.
    refused : Counter
        Reasons of those that did not pass.
    """

    cell: Cell
    effect: float
    drawn: int
    treated: float
    passed: Tally
    every: Tally
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
    found, passed, treated, refused = [], [], [], Counter()
    for k in range(replicates):
        rng = np.random.default_rng([seed, k, *str(cell).encode()])
        try:
            cohort, followup = simulate(cell, effect, rng)
            treated.append(int(cohort.treated.sum()))
            estimate, reasons = _estimated(cohort, followup, cell.method)
        except NotEvaluableError as problem:
            refused[type(problem).__name__] += 1
            continue
        refused.update(reasons[:1])
        if estimate is not None:
            found.append(estimate)
            passed.append(not reasons)
    rows = np.array([(e.estimate, e.conf_low, e.conf_high) for e in found]).reshape(-1, 3)
    kept = np.array(passed, dtype=bool)
    return Result(cell, effect, replicates, float(np.mean(treated)), _tally(rows[kept], effect), _tally(rows, effect), refused)


def _tally(rows: np.ndarray, effect: float) -> Tally:
    """Count estimates with their limits, (k, 3)."""
    if not len(rows):
        return Tally(0, math.nan, math.nan, math.nan, math.nan)
    estimate, low, high = rows.T
    covered, rejected = (low <= effect) & (effect <= high), (low > 0) | (high < 0)
    error = float(estimate.std()) / math.sqrt(len(rows))
    return Tally(len(rows), float(covered.mean()), float(rejected.mean()), float(estimate.mean()) - effect, error)


def _estimated(cohort, followup, method):
    """Return the estimate, None where a gate comes before it, and the codes of the gates that failed."""
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


def run_grid(cells: Sequence[Cell], replicates: int, jobs: int) -> Iterator[tuple[Result, Result]]:
    """Run cells with an effect and without; give both results as they come."""
    tasks = {f"{c}, {e}": (c, e, replicates) for c in cells for e in (EFFECT, 0.0)}
    found = map_tasks(_task, tasks, jobs=jobs)
    for _, with_effect in found:
        yield with_effect, next(found)[1]


def as_line(with_effect: Result, none: Result) -> str:
    """Return one line of the table."""
    cell, refused = with_effect.cell, with_effect.refused + none.refused
    share = refused.total() / (with_effect.drawn + none.drawn)
    every = "as passed" if "too_few_events" not in refused else _figures(with_effect.every, none.every)
    why = f" ({refused.most_common(1)[0][0]})" if refused else ""
    return (
        f"| {cell.method} | {cell.n} | {with_effect.treated:.0f} | {cell.overlap} | {cell.trait} | "
        f"{_figures(with_effect.passed, none.passed)} | {every} | {100 * share:.0f}{why} |"
    )


def _figures(with_effect: Tally, none: Tally) -> str:
    if not with_effect.n or not none.n:
        return "–"
    bias = f"{100 * with_effect.bias:+.1f} ({100 * with_effect.error:.1f})"
    return f"{100 * with_effect.coverage:.1f}; {100 * none.rejected:.1f}; {bias}"


HEAD = (
    "| design | children | treated | overlap | trait | passed: coverage, %; type I error, %; bias, points (error) "
    "| without the gate on events | refused, % |\n|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "replicates", type=int, nargs="?", default=2000, help="studies with an effect a cell, and as many without"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of children")
    parser.add_argument("--designs", nargs="+", default=(METHOD,))
    asked = parser.parse_args()
    cells = [replace(c, method=m) for m in asked.designs for c in CELLS if c.n in asked.sizes]
    print(
        f"{asked.replicates:,} studies with an effect and as many without in each of {len(cells)} cells.\n\n{HEAD}", flush=True
    )
    for pair in run_grid(cells, asked.replicates, asked.jobs):
        print(as_line(*pair), flush=True)


if __name__ == "__main__":
    main()
