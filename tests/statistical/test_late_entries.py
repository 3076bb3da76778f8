"""Does the model of Fine and Gray find the truth where many are followed only from a late entry on? Simulated children.

The slice runs in every test run; ``pytest -m grid tests/statistical/test_late_entries.py`` runs the full grid.
"""

import numpy as np
import pytest

from yoseval.models.fine_gray import fit_fine_gray

TRUTH = 0.5  # logarithm of the subdistribution hazard ratio


def draw(rng, n):
    """Return times, causes, arms and entries of n children followed: Fine and Gray (1999), section 5, half have the cause.

    A quarter are there from the start and the others enter evenly until 1.5, where half have had an event; whoever had one
    before their entry is never seen.
    """
    many = 4 * n
    arm = rng.integers(0, 2, many).astype(float)
    never = 0.5 ** np.exp(TRUTH * arm)
    first = rng.random(many) > never
    u = rng.random(many)
    of_cause = -np.log1p((np.power(1 - u * (1 - never), np.exp(-TRUTH * arm)) - 1) / 0.5)
    time = np.where(first, of_cause, rng.exponential(1.0, many))
    entry = np.maximum(rng.uniform(-0.5, 1.5, many), 0.0)
    censored = entry + rng.uniform(0.0, 3.0, many)
    cause = np.where(time <= censored, np.where(first, 1, 2), 0)
    seen = np.flatnonzero(time > entry)[:n]
    return np.minimum(time, censored)[seen], cause[seen], arm[seen], entry[seen]


def require_truth(n, replicates):
    estimates, errors = np.empty((2, replicates))
    for k in range(replicates):
        time, cause, arm, entry = draw(np.random.default_rng([n, k]), n)
        fit = fit_fine_gray(time, cause, arm[:, None], np.ones(n), entry=entry)
        estimates[k], errors[k] = fit.coefficients[0], np.sqrt((fit.influence[:, 0] ** 2).sum())
    spread = estimates.std(ddof=1)
    covered = (np.abs(estimates - TRUTH) < 1.96 * errors).mean()
    print(f"{n} children: mean {estimates.mean():.4f}, spread {spread:.4f}, error {errors.mean():.4f}, covered {covered:.3f}")
    assert abs(estimates.mean() - TRUTH) < 3 * spread / np.sqrt(replicates)
    assert errors.mean() == pytest.approx(spread, rel=0.1)
    assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / replicates)


def test_late_entries_are_no_bias_and_errors_are_right():
    require_truth(250, 600)


@pytest.mark.grid
@pytest.mark.parametrize("n", [400, 2000])
def test_the_grid_of_late_entries(n):
    require_truth(n, 2000)
