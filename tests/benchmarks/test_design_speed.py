"""How long the steps of a design take; small in the default run, one large step with a limit."""

import time

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.balance import assess_balance
from yoseval.design.distances import mahalanobis_points
from yoseval.design.methods import build_design
from yoseval.design.nearest import nearest_match
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_replacement import match_with_replacement
from yoseval.design.nearest_search import search_matches
from yoseval.models.glm import fit_logit


def people(n):
    rng = np.random.default_rng(9)
    x = np.column_stack([rng.normal(size=(n, 9)), rng.random((n, 18)) < 0.3])
    treated = rng.random(n) < 1 / (1 + np.exp(1.2 - 0.5 * x[:, 0] - x[:, 10]))
    return pd.DataFrame(x, columns=[f"x{j}" for j in range(27)]).assign(treated=treated.astype(int))


@pytest.fixture(scope="module")
def cohort():
    frame = people(5000)
    return Cohort.from_frame(frame, treated="treated", covariates=[c for c in frame if c != "treated"])


@pytest.mark.parametrize("method", ["nearest", "subclass", "overlap", "entropy"])
def test_build_design(benchmark, cohort, method):
    design = benchmark(build_design, cohort, method)

    assert (design.weight > 0).any()


def test_assess_balance(benchmark, cohort):
    design = build_design(cohort, "overlap")

    balance = benchmark(assess_balance, design)

    assert balance.balanced


def test_fit_logit(benchmark, cohort):
    x = cohort.matrix().for_models()

    fit = benchmark(fit_logit, x, cohort.treated)

    assert fit.fitted.mean() == pytest.approx(cohort.treated.mean(), abs=1e-12)


def test_one_refit_of_a_jackknife(benchmark, cohort):
    design = build_design(cohort, "overlap")

    weight = benchmark(design.weighting.reweight, np.arange(1, 5000))

    assert len(weight) == 4999


def test_nearest_matching_of_a_hundred_thousand_takes_less_than_a_second():
    rng = np.random.default_rng(10)
    score = np.round(rng.normal(size=100_000), 8)
    treated = rng.random(100_000) < 1 / (1 + np.exp(1.0 - score))

    began = time.process_time()
    set_id = nearest_match(score, treated, caliper=0.2)
    taken = time.process_time() - began

    assert (set_id >= 0).sum() > 50_000
    # Measured 0.06 to 0.1 s: the limit catches a quadratic step, not a slow machine.
    assert taken < 1.0


def seconds_of(work, repeats=3):
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def scores(n):
    rng = np.random.default_rng(10)
    score = np.round(rng.normal(size=n), 8)
    return score, rng.random(n) < 1 / (1 + np.exp(1.0 - score))


@pytest.mark.parametrize(
    "match",
    [
        lambda s, t: nearest_match(s, t, caliper=0.2),
        lambda s, t: nearest_match(s, t, caliper=0.2, ratio=3),
        match_with_replacement,
    ],
    ids=["one", "three", "replacement"],
)
def test_ten_times_the_children_take_about_ten_times_as_long(match):
    small, large = (seconds_of(lambda n=n: match(*scores(n))) for n in (20_000, 200_000))

    # n log n gives 12; a quadratic step would give 100. The margin is for caches and a busy machine.
    assert large / max(small, 1e-4) < 40


def test_matching_on_ten_covariates_is_far_from_looking_at_every_pair():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6000, 10))
    treated = rng.random(6000) < 0.3
    points = mahalanobis_points(x, treated)
    nothing = np.zeros((6000, 0))
    features = Features(points, np.zeros(6000, dtype=int), nothing, np.zeros(0), nothing.astype(int))

    tree = seconds_of(lambda: search_matches(features, treated, turns=np.flatnonzero(treated), most=treated.astype(int)), 1)
    pairs = seconds_of(lambda: [((points[~treated] - p) ** 2).sum(axis=1).argmin() for p in points[treated]], 1)

    # Measured a quarter of it.
    assert tree < 2 * pairs
