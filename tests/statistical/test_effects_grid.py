"""A slice of the grid of effects in every run; ``pytest -m grid`` runs all its cells."""

import importlib.util
import math
import sys
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("effects_grid", Path(__file__).with_name("effects_grid.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
grid = importlib.util.module_from_spec(_SPEC)
sys.modules["effects_grid"] = grid
_SPEC.loader.exec_module(grid)

SLICE = 200
FULL = 2000
# Large studies of every trait, and small ones of those that are hardest.
SLICE_CELLS = [grid.Cell(800, "poor", trait) for trait in grid.TRAITS] + [
    grid.Cell(800, "good", "base 35"),
    grid.Cell(800, "good", "base 35", "nearest"),
    grid.Cell(800, "good", "leave early", "overlap"),
    grid.Cell(150, "good", "base 60"),
    grid.Cell(150, "poor", "base 35", "overlap"),
]


def reach(share: float, replicates: int, errors: float = 3.0) -> float:
    """Return so many Monte Carlo standard errors of a share."""
    return errors * math.sqrt(share * (1 - share) / max(replicates, 1))


def require_honest(result, null) -> None:
    """Hold a cell to its promise, within Monte Carlo error, without the gate on events: what it chooses is not chance."""
    most = 0.97 if result.treated >= 100 else 0.985
    of, no = result.every, null.every
    assert of.coverage >= 0.93 - reach(0.93, of.n)
    assert of.coverage <= most + reach(most, of.n)
    assert no.rejected <= 0.06 + reach(0.06, no.n)
    assert null.passed.rejected <= 0.06 + reach(0.06, null.passed.n)


def test_the_grid_has_at_least_48_cells():
    assert len(set(grid.CELLS)) == len(grid.CELLS) >= 48


@pytest.mark.parametrize("cell", SLICE_CELLS, ids=str)
def test_intervals_of_the_slice_are_honest(cell):
    result, null = grid.run_cell(cell, grid.EFFECT, SLICE), grid.run_cell(cell, 0.0, SLICE)

    require_honest(result, null)
    assert abs(result.every.bias) <= 3.5 * result.every.error + 0.01
    assert result.refused.total() + null.refused.total() <= (0.02 if cell.n >= 300 else 0.25) * 2 * SLICE


def test_a_study_too_small_for_an_interval_is_refused():
    result = grid.run_cell(grid.Cell(60, "good", "base 35"), grid.EFFECT, 20)

    assert result.refused["too_few_treated"] > 10
    assert result.passed.n + result.refused.total() == 20


@pytest.mark.grid
@pytest.mark.parametrize("cell", grid.CELLS, ids=str)
def test_every_cell_is_honest(cell, capsys):
    result, null = grid.run_cell(cell, grid.EFFECT, FULL), grid.run_cell(cell, 0.0, FULL)

    with capsys.disabled():
        print(f"\n{grid.as_line(result, null)}")
    if min(result.passed.n, null.passed.n) >= FULL // 10:
        require_honest(result, null)
