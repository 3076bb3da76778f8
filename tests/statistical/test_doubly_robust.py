"""Right if either model is: bias and coverage of adjusted risk differences with the score or the outcome modelled wrongly.

A wrong model has a column of noise in place of the confounder. The slice runs in every test run;
``pytest -m grid tests/statistical`` runs thousands. Everybody's true risks are known, so the truth is that of the whole
population.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from yoseval.models.glm import fit_logit
from yoseval.models.variance import clustered_variance, correct_for_estimated_weights
from yoseval.outcomes.arm_contrasts import difference
from yoseval.outcomes.doubly_robust import FOLDS, doubly_robust
from yoseval.outcomes.standardised import g_computation

# Replicates and units of each. Right in large samples: with 400 units and a wrong model of the outcome, weights that are
# estimated leave a bias of 2 % of a standard error, which 1,600 units do not show.
SLICE, GRID = (100, 400), (1500, 1600)
METHODS = ["g_computation", "aipw", "tmle"]
WRONG = ["score", "outcome", "neither"]


@dataclass(frozen=True)
class Result:
    """Bias of the estimate in its own Monte Carlo errors, and the share of intervals that hold the truth."""

    bias: float
    in_errors: float
    coverage: float


def expit(v):
    return 1 / (1 + np.exp(-v))


def risks(x):
    return expit(-0.5 + 1.2 * x), expit(1.2 * x)


def truth():
    nodes, shares = np.polynomial.hermite_e.hermegauss(60)
    one, nought = risks(nodes)
    return float(shares @ (one - nought) / shares.sum())


def draw(seed, n):
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, n))
    treated = rng.random(n) < expit(0.8 * x)
    y = (rng.random(n) < np.where(treated, *risks(x))).astype(float)
    return y, treated, x[:, None], noise[:, None], rng.permutation(n) % FOLDS


def estimate(method, wrong, seed, n):
    """Return the effect on all and its standard error, with weights and their correction as in a design."""
    y, treated, x, noise, fold = draw(seed, n)
    of_score, of_outcome = (noise if wrong == "score" else x), (noise if wrong == "outcome" else x)
    score = fit_logit(of_score, treated)
    e = score.fitted
    weight = np.where(treated, 1 / e, 1 / (1 - e))
    slope = np.where(treated, -(1 - e) / e, e / (1 - e))[:, None] * np.column_stack([np.ones(n), of_score])
    if method == "g_computation":
        one, nought = g_computation(y, treated, weight, of_outcome, estimand="ATE")
    else:
        one, nought = doubly_robust(method, y, treated, weight, of_outcome, fold, estimand="ATE")
    found = difference(one.arm, nought.arm)
    corrected = correct_for_estimated_weights(found.by_weight, weight, slope, score.influence)
    influence = found.influence - found.by_weight + corrected
    return found.value, clustered_variance(influence, np.arange(n), kind="HC1") ** 0.5


def simulate(method, wrong, replicates, n):
    found = np.array([estimate(method, wrong, seed, n) for seed in range(replicates)])
    gap = found[:, 0] - truth()
    holds = np.abs(gap) <= 1.96 * found[:, 1]
    return Result(gap.mean(), gap.mean() / (gap.std() / replicates**0.5), holds.mean())


def naive_bias(replicates, n):
    drawn = [draw(seed, n) for seed in range(replicates)]
    return np.mean([y[treated].mean() - y[~treated].mean() for y, treated, *_ in drawn]) - truth()


def test_the_confounder_matters():
    assert naive_bias(*SLICE) > 0.1


@pytest.mark.parametrize("wrong", ["score", "outcome"])
@pytest.mark.parametrize("method", METHODS)
def test_with_one_model_wrong_the_effect_is_right(method, wrong):
    found = simulate(method, wrong, *SLICE)

    # Of 100 intervals at 95 %, fewer than 88 hold the truth with a probability of 0.2 %.
    assert abs(found.in_errors) < 3.0
    assert found.coverage >= 0.88


@pytest.mark.grid
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("method", METHODS)
def test_bias_and_coverage_over_thousands(method, wrong):
    found = simulate(method, wrong, *GRID)
    print(f"{method:14s} {wrong:8s} bias {found.bias:+.5f} ({found.in_errors:+.1f} errors) coverage {found.coverage:.3f}")

    assert abs(found.in_errors) < 3.0
    assert 0.93 <= found.coverage <= 0.97
