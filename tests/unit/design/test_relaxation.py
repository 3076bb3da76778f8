"""The relaxation of the largest balanced sample: the same optimum as by one programme over everybody."""

import numpy as np
import pytest
from scipy.optimize import linprog

from yoseval.design import relaxation
from yoseval.design.relaxation import relax


def sums(seed, n_counted, n_others, shift):
    rng = np.random.default_rng(seed)
    counts = np.arange(n_counted + n_others) < n_counted
    values = rng.normal(size=(len(counts), 4)) + shift * counts[:, None]
    moment = np.where(counts, 1.0, -1.0) * values.T
    room = np.where(counts, 0.0, 0.05)
    return np.vstack([moment - room, -moment - room]), np.where(counts, 1.0, -1.0)[None, :], counts.astype(float)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_sifting_finds_the_optimum_over_everybody(monkeypatch, seed, shift):
    monkeypatch.setattr(relaxation, "FEWEST", 10)
    rows, equal, counted = sums(seed, 60, 400, shift)

    found = relax(rows, equal, counted)

    whole = linprog(-counted, A_ub=rows, b_ub=np.zeros(8), A_eq=equal, b_eq=[0.0], bounds=(0.0, 1.0))
    assert found.most == pytest.approx(-whole.fun, abs=1e-7)
    assert (rows @ found.share <= 1e-7).all()
    assert equal @ found.share == pytest.approx(0.0, abs=1e-7)


def test_choosing_otherwise_costs_the_price_or_more():
    rows, equal, counted = sums(1, 40, 60, 1.0)
    found = relax(rows, equal, counted)
    outside = np.flatnonzero((found.share < 1e-9) & (found.price > 1e-6))
    j = outside[np.argmin(found.price[outside])]

    least = np.where(np.arange(100) == j, 1.0, 0.0)
    forced = linprog(
        -counted, A_ub=rows, b_ub=np.zeros(8), A_eq=equal, b_eq=[0.0], bounds=np.column_stack([least, np.ones(100)])
    )

    assert -forced.fun <= found.most - found.price[j] + 1e-7


def test_where_all_count_nobody_is_left_out():
    rows = np.array([[1.0, 2.0, -1.0]])

    found = relax(rows, np.empty((0, 3)), np.ones(3))

    assert found.most == pytest.approx(2.0)
    assert found.share.tolist() == pytest.approx([1.0, 0.0, 1.0])
