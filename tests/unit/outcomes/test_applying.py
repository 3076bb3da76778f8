"""Values under many weights at once, and values alone: each is the leaf's, and errors are the leaf's."""

from dataclasses import replace

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.outcomes.applying import value_on, values_on_many
from yoseval.outcomes.contrast import Sample
from yoseval.outcomes.measures import MEASURES

QUICK = [name for name, measure in MEASURES.items() if measure.of_arm is not None]


def by_leaf(measure, sample, treated, rows, weight):
    return value_on(replace(measure, of_arm=None), sample, treated, rows, weight)


def or_error(work):
    """Return what a piece of work gives, or the error in its place."""
    try:
        return work()
    except EstimationError as problem:
        return f"{type(problem).__name__}: {problem}"


def drawn(seed, n=60):
    """Return a sample with ties, units that leave early or are followed beyond the horizon, arms, and 30 sets of weights."""
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 14, n).astype(float), rng.random(n) < 0.5
    weights = rng.exponential(size=(30, n)) * (rng.random((30, n)) < np.linspace(0.02, 1.0, 30)[:, None])
    return Sample(time, event, np.ones(n), np.ones(n, dtype=bool), 12.0), rng.random(n) < 0.4, weights


def test_measures_of_shares_and_mean_times_are_quick():
    assert QUICK == [
        "risk_difference",
        "risk_ratio",
        "odds_ratio",
        "survival_difference",
        "restricted_mean_difference",
        "restricted_mean_ratio",
    ]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("seed", range(3))
def test_values_under_many_weights_are_those_of_the_leaf_and_no_numbers_where_it_refuses(name, seed):
    sample, treated, weights = drawn(seed)
    everybody, refused = np.arange(60), 0

    found = values_on_many(MEASURES[name], sample, treated, weights)

    for weight, value in zip(weights, found, strict=True):
        try:
            assert value == pytest.approx(by_leaf(MEASURES[name], sample, treated, everybody, weight), rel=1e-10, abs=1e-13)
        except EstimationError:
            assert np.isnan(value)
            refused += 1
    assert 0 < refused < 30


@pytest.mark.parametrize("name", QUICK)
def test_a_value_alone_is_that_of_the_leaf_with_its_errors(name):
    sample, treated, weights = drawn(9)
    rows = np.random.default_rng(1).integers(60, size=60)

    for weight in weights:
        wanted, found = (
            or_error(lambda of=of, weight=weight: of(MEASURES[name], sample, treated, rows, weight))
            for of in (by_leaf, value_on)
        )
        assert found == (wanted if isinstance(wanted, str) else pytest.approx(wanted, rel=1e-10, abs=1e-13))


def test_a_measure_that_only_its_leaf_knows_has_no_value_at_once():
    sample, treated, weights = drawn(2)

    assert np.isnan(values_on_many(MEASURES["hazard_ratio"], sample, treated, weights)).all()
