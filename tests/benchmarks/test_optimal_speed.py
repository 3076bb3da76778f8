"""How long exact matching takes; small in the default run, large steps with a limit."""

import time

import numpy as np
import pytest

from yoseval.design.cardinality import largest_profile
from yoseval.design.full import SetLimits, full_match
from yoseval.design.optimal import optimal_match


def arms(n_treated, n_comparison):
    rng = np.random.default_rng(1)
    treated = np.arange(n_treated + n_comparison) < n_treated
    return np.round(rng.normal(size=len(treated)) + 0.5 * treated, 8), treated


@pytest.mark.parametrize("options", [{}, {"caliper": 0.2}, {"ratio": 3}])
def test_optimal_pairs(benchmark, options):
    set_id = benchmark(optimal_match, *arms(500, 2000), **options)

    assert (set_id >= 0).sum() >= 900


@pytest.mark.parametrize("limits", [None, SetLimits(0.2, 5.0), SetLimits(0.2, 5.0, 0.1)], ids=["free", "limited", "omitting"])
def test_full_sets(benchmark, limits):
    set_id = benchmark(full_match, *arms(500, 2000), limits=limits)

    assert (set_id >= 0).sum() >= 2250


# Limits are several times what was measured: they catch a step of a higher order, not a slow machine.
@pytest.mark.parametrize(
    ("work", "size", "limit_seconds"),
    [(optimal_match, (1_000, 9_000), 0.6), (optimal_match, (20_000, 60_000), 4.0), (full_match, (3_000, 7_000), 0.5)],
    ids=["pairs of 10,000", "pairs of 80,000", "sets of 10,000"],
)
def test_on_one_score_exact_matching_grows_hardly_faster_than_the_sample(work, size, limit_seconds):
    score, treated = arms(*size)

    began = time.process_time()
    set_id = work(score, treated)
    taken = time.process_time() - began

    assert (set_id[treated] >= 0).all()
    assert taken < limit_seconds


def test_a_caliper_that_leaves_thousands_takes_no_longer():
    rng = np.random.default_rng(1)
    treated = np.arange(42_000) < 20_000
    score = np.round(rng.normal(size=42_000) + treated, 8)

    began = time.process_time()
    set_id = optimal_match(score, treated, caliper=0.2)
    taken = time.process_time() - began

    assert (set_id[treated] < 0).sum() > 5_000
    # Measured 0.5 s; all pairs within the caliper are 25 million.
    assert taken < 4.0


def test_a_profile_of_twenty_thousand_takes_a_few_seconds():
    values = np.random.default_rng(3).normal(size=(20_000, 20))

    began = time.process_time()
    kept = largest_profile(values, np.full(20, 0.2), np.full(20, 0.05))
    taken = time.process_time() - began

    assert kept.bound - kept.units.sum() <= 0.001 * kept.bound
    # Measured about 1 s.
    assert taken < 6.0
