"""Do intervals hold what they promise? Simulated studies with a known effect, confounded by risk.

The slice runs in every test run; ``pytest -m grid tests/statistical`` runs the full grid and prints a table.
Every child's risk is linear in the covariates and every child's effect is the same, so that all estimands
agree and the truth is known exactly.

Every method of ``METHODS`` is here. ``randomised`` adjusts for the covariates of these programmes, so that its intervals have
to hold here too, although nobody was allocated at random. Clones are built by a rule of time zero: ``test_time_zero.py``.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import METHODS as ALL_METHODS
from yoseval.design.methods import build_design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DesignError
from yoseval.outcomes.measures import effect_value, estimate_effect
from yoseval.outcomes.types import FollowUp

DESIGNS = {
    "entropy": ("entropy", "ATT", {}),
    "overlap": ("overlap", "ATO", {}),
    "nearest": ("nearest", "ATT", {}),
    "optimal": ("optimal", "ATT", {}),
    "full": ("full", "ATT", {}),
    "full ATE": ("full", "ATE", {}),
    "cardinality": ("cardinality", "ATT", {}),
    "profile": ("profile", "ATT", {}),
    "ipw": ("ipw", "ATT", {}),
    "ipw ATE": ("ipw", "ATE", {"stabilize": True}),
    "matching_weights": ("matching_weights", "ATM", {}),
    "cbps ATE": ("cbps", "ATE", {}),
    "firth": ("ipw", "ATT", {"propensity": "firth"}),
    "exact": ("exact", "ATT", {}),
    "cem": ("cem", "ATT", {}),
    "subclass": ("subclass", "ATT", {"subclass": 8}),
    "randomised": ("randomised", "ATE", {}),
}
# Exact matching needs columns with few values: full years differ within by 0.015 of risk at most, as good as nothing.
COLUMNS = {"exact": ["prior", "years", "girl"]}
METHODS = tuple(DESIGNS)
# Small studies of the usual designs; all of them run on demand.
SMALL_SLICE = ("nearest", "entropy", "overlap")
SLICE = 200
SEED = 20261123
# Strata of several columns and exact matching take twice as long as the others: the slice has half as many of them.
REPLICATES = dict.fromkeys(("exact", "cem", "profile", "cardinality", "optimal", "full", "full ATE"), 100)
GRID = 2000


@dataclass(frozen=True)
class Cell:
    """One place of the grid: size, effect and how strongly risk decides who starts."""

    n: int
    effect: float
    selection: float


@dataclass(frozen=True)
class Result:
    """What the replicates of one cell gave."""

    replicates: int
    coverage: float
    rejected: float
    bias: float
    naive_bias: float
    refused: int
    spread: float

    @property
    def bias_error(self) -> float:
        return self.spread / math.sqrt(self.replicates)


def simulate_study(cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    prior = np.minimum(rng.poisson(2.0, cell.n), 8).astype(float)
    age = rng.uniform(12, 18, cell.n)
    girl = (rng.random(cell.n) < 0.25).astype(float)
    risk = 0.42 + 0.035 * (prior - 2) - 0.015 * (age - 15) - 0.05 * (girl - 0.25)
    logit = -0.75 + cell.selection * (0.35 * (prior - 2) - 0.12 * (age - 15) - 0.4 * (girl - 0.25))
    started = rng.random(cell.n) < 1 / (1 + np.exp(-logit))
    event = rng.random(cell.n) < risk + cell.effect * started
    days = np.where(event, rng.integers(1, 366, cell.n), 365)
    # One in twelve leaves early, whoever they are: censored, not dropped.
    leaves = np.where(rng.random(cell.n) < 1 / 12, rng.integers(30, 365, cell.n), 366)
    seen = event & (days <= leaves)
    return pd.DataFrame(
        {
            "id": [str(i) for i in range(cell.n)],
            "started": started.astype(int),
            "prior": prior,
            "age": age,
            "years": np.floor(age),
            "girl": girl,
            "reoffended": seen.astype(int),
            "days": np.minimum(days, np.minimum(leaves, 365)).astype(float),
        }
    )


def cohort_of(frame: pd.DataFrame, method: str = "") -> Cohort:
    covariates = COLUMNS.get(method, ["prior", "age", "girl"])
    return Cohort.from_frame(frame, treated="started", id="id", covariates=covariates, randomised=method == "randomised")


def followup_of(frame: pd.DataFrame) -> FollowUp:
    return FollowUp.from_frame(frame, event="reoffended", time="days", id="id", horizon=365)


@cache
def naive_error(cell: Cell, seed: int, replicate: int) -> float:
    """Return the error without any adjustment: the same for every method."""
    frame = simulate_study(cell, np.random.default_rng([seed, replicate]))
    return effect_value(followup_of(frame), unadjusted_design(cohort_of(frame)), "risk_difference") - cell.effect


def run_cell(cell: Cell, method: str, replicates: int, seed: int) -> Result:
    covered, rejected, error, naive, refused = 0, 0, [], [], 0
    for replicate in range(replicates):
        frame = simulate_study(cell, np.random.default_rng([seed, replicate]))
        cohort, followup = cohort_of(frame, method), followup_of(frame)
        name, estimand, options = DESIGNS[method]
        try:
            estimate = estimate_effect(followup, build_design(cohort, name, estimand=estimand, **options), "risk_difference")
        except DesignError:
            refused += 1
            continue
        covered += estimate.conf_low <= cell.effect <= estimate.conf_high
        rejected += estimate.conf_low > 0 or estimate.conf_high < 0
        error.append(estimate.estimate - cell.effect)
        naive.append(naive_error(cell, seed, replicate))
    done = len(error)
    return Result(
        done, covered / done, rejected / done, float(np.mean(error)), float(np.mean(naive)), refused, float(np.std(error))
    )


SLICE_CELLS = [Cell(n, effect, 1.0) for n in (150, 600) for effect in (0.0, -0.15)]
SLICE_CASES = [(c, m) for m in METHODS for c in SLICE_CELLS if c.n >= 600 or m in SMALL_SLICE]
GRID_CELLS = [Cell(n, effect, selection) for n in (150, 300, 600) for effect in (0.0, -0.15) for selection in (0.0, 1.0, 1.6)]


def reach(share: float, replicates: int, *, errors: float = 3.0) -> float:
    """Return so many Monte Carlo standard errors of a share."""
    return errors * math.sqrt(share * (1 - share) / replicates)


def test_every_method_is_in_the_slice() -> None:
    assert {name for name, _, _ in DESIGNS.values()} == set(ALL_METHODS)
    assert {method for _, method in SLICE_CASES} == set(DESIGNS)


@pytest.mark.parametrize("cell", SLICE_CELLS, ids=lambda c: f"n{c.n}_effect{c.effect:g}")
def test_without_adjustment_the_effect_is_biased(cell: Cell) -> None:
    assert np.mean([naive_error(cell, SEED, replicate) for replicate in range(SLICE)]) > 0.03


@pytest.mark.parametrize(
    ("cell", "method"), SLICE_CASES, ids=lambda v: v if isinstance(v, str) else f"n{v.n}_effect{v.effect:g}"
)
def test_intervals_cover_and_nulls_are_not_rejected_too_often(cell: Cell, method: str) -> None:
    replicates = REPLICATES.get(method, SLICE)

    result = run_cell(cell, method, replicates, seed=SEED)

    assert result.refused <= 0.02 * replicates
    assert result.coverage >= 0.95 - reach(0.95, result.replicates)
    assert abs(result.bias) <= 3.5 * result.bias_error + 0.01 * (method == "nearest")
    if cell.effect == 0.0:
        assert result.rejected <= 0.05 + reach(0.05, result.replicates)


@pytest.mark.grid
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("cell", GRID_CELLS, ids=lambda c: f"n{c.n}_effect{c.effect:g}_selection{c.selection:g}")
def test_full_grid(cell: Cell, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_cell(cell, method, GRID, seed=7)

    with capsys.disabled():
        print(
            f"\n{method:16} n={cell.n} effect={cell.effect:+.2f} selection={cell.selection}: cover {result.coverage:.3f} "
            f"rejected {result.rejected:.3f} bias {result.bias:+.4f} ({result.bias_error:.4f}) naive {result.naive_bias:+.3f} "
            f"refused {result.refused}"
        )
    assert 0.93 - reach(0.95, result.replicates) <= result.coverage <= 0.985 + reach(0.985, result.replicates)
