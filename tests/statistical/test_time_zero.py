"""Does a programme that does nothing come out as doing nothing, whatever the rule of time zero?

Only children who stay out of trouble reach the programme of these studies. The slice runs in every test run;
``pytest -m grid tests/statistical/test_time_zero.py`` runs 2,000 studies a cell on two cores and prints a table. Every study
goes from records to an interval by the project's own code, the naive comparison included.
"""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from yoseval.parallel import map_tasks

SEED = 20261127
GRID = 2000
PART = 100  # studies that are drawn and built together
SIZES = (300, 800)
#: Studies of the slice: at n = 300 the jackknife fits the weights of three rules up to 100 times a study.
SLICE = {300: 10, 800: 80}
SLICE_NAIVE = 50


def load():
    """Import the simulation by its path: tests are no package. It is in no list of modules, so that workers get it by value."""
    spec = importlib.util.spec_from_file_location("immortal_time", Path(__file__).with_name("immortal_time.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


immortal_time = load()


@dataclass(frozen=True)
class Result:
    """What the replicates of one cell gave; ``wanted`` is how many studies were drawn."""

    wanted: int
    replicates: int
    rejected: float
    bias: float
    spread: float
    error: float

    @property
    def bias_error(self) -> float:
        return self.spread / math.sqrt(self.replicates)

    def __str__(self) -> str:
        own = math.sqrt(self.rejected * (1 - self.rejected) / self.replicates)
        return (
            f"{self.replicates:5} studies: rejected {self.rejected:.3f} ({own:.3f}) bias {self.bias:+.4f} "
            f"({self.bias_error:.4f}) SD {self.spread:.4f} mean SE {self.error:.4f}"
        )


def run_cell(rule: str, n: int, studies: int, *, jobs: int = 1) -> Result:
    """Estimate a cell, a part at a time; each part's seed depends on its name alone."""
    sizes = [PART] * (studies // PART) + ([studies % PART] if studies % PART else [])
    tasks = {f"{rule} n={n} part {k}": (rule, size, n) for k, size in enumerate(sizes)}
    parts = [found for _, found in map_tasks(immortal_time.estimate_part, tasks, seed=SEED, jobs=jobs)]
    frame = pd.concat(parts, ignore_index=True)
    return Result(
        studies,
        len(frame),
        float(immortal_time.rejects(frame).mean()),
        float(frame["estimate"].mean()),
        float(frame["estimate"].std()),
        float(frame["std_error"].mean()),
    )


def reach(share: float, replicates: int, *, errors: float) -> float:
    """Return so many Monte Carlo standard errors of a share."""
    return errors * math.sqrt(share * (1 - share) / replicates)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rule", immortal_time.RULES)
def test_a_true_null_is_not_rejected_too_often(rule: str, n: int) -> None:
    result = run_cell(rule, n, SLICE[n])

    assert result.replicates >= 0.95 * result.wanted
    assert result.rejected <= 0.05 + reach(0.05, result.replicates, errors=3)
    assert abs(result.bias) <= 0.005 + 3 * result.bias_error
    # The spread of a standard deviation is its value over the root of twice the replicates.
    assert abs(result.spread / result.error - 1) <= 0.1 + 3 / math.sqrt(2 * result.replicates)


@pytest.mark.parametrize("n", SIZES)
def test_ever_against_never_finds_what_is_not_there(n: int) -> None:
    result = run_cell(immortal_time.NAIVE, n, SLICE_NAIVE)

    # Flattering by more than ten in a hundred, with the same covariates balanced.
    assert result.bias < -0.10
    assert result.rejected > 0.40


@pytest.mark.grid
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rule", immortal_time.RULES)
def test_full_grid(rule: str, n: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_cell(rule, n, GRID, jobs=2)

    with capsys.disabled():
        print(f"\n{rule:13} n={n} {result}")
    assert result.replicates >= 0.98 * result.wanted
    assert result.rejected <= 0.06 + reach(0.06, result.replicates, errors=2)
    assert result.rejected >= 0.04 - reach(0.04, result.replicates, errors=2)
    assert abs(result.bias) <= 0.005 + 3 * result.bias_error


@pytest.mark.grid
@pytest.mark.parametrize("n", SIZES)
def test_full_grid_of_ever_against_never(n: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_cell(immortal_time.NAIVE, n, GRID, jobs=2)

    with capsys.disabled():
        print(f"\n{immortal_time.NAIVE:13} n={n} {result}")
    assert result.rejected > 0.40
