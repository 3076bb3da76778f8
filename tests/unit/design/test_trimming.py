"""Trimming keeps whom its rule keeps."""

import numpy as np
import pytest

from yoseval.design.trimming import crump_bounds, quantile_bounds, trim_scores
from yoseval.errors import DesignError, UsageError


def scores(seed, n=60, spread=2.5):
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-rng.normal(0, spread, n)))
    return score, rng.random(n) < score


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC"])
@pytest.mark.parametrize("seed", range(30))
def test_crumps_range_has_the_least_variance_of_all_ranges(seed, estimand):
    score, treated = scores(seed)
    population, k = {
        "ATE": (score, 1 / (score * (1 - score))),
        "ATT": (score[treated], 1 / (1 - score[treated])),
        "ATC": (score[~treated], 1 / score[~treated]),
    }[estimand]

    low, high = crump_bounds(score, treated, estimand)

    inside = (population >= low) & (population <= high)
    variances = [k[k <= bound].sum() / (k <= bound).sum() ** 2 for bound in k]
    assert k[inside].sum() / inside.sum() ** 2 == pytest.approx(min(variances), rel=1e-12)


def test_in_a_large_sample_crumps_bound_is_twice_the_mean_of_what_lies_below_it():
    score, treated = scores(1, n=200_000)

    low, high = crump_bounds(score, treated, "ATE")

    k = 1 / (score * (1 - score))
    gamma = 1 / (low * (1 - low))
    assert high == pytest.approx(1 - low, abs=1e-12)
    assert gamma == pytest.approx(2 * k[k <= gamma].mean(), rel=1e-3)


def test_crumps_rule_keeps_everybody_where_scores_are_moderate():
    score, treated = scores(2, spread=0.3)

    assert trim_scores(score, treated, "crump", "ATE").kept.all()


def test_the_quantile_rule_cuts_the_low_treated_and_the_high_comparison_scores():
    score, treated = scores(3, n=400)

    low, high = quantile_bounds(score, treated, 0.05)

    assert (score[treated] < low).mean() == pytest.approx(0.05, abs=0.01)
    assert (score[~treated] > high).mean() == pytest.approx(0.05, abs=0.01)


def test_swapped_arms_mirror_the_edges():
    score, treated = scores(4)

    for rule in ("crump", 0.05):
        here, there = trim_scores(score, treated, rule, "ATE"), trim_scores(1 - score, ~treated, rule, "ATE")
        assert (here.low, here.high) == pytest.approx((1 - there.high, 1 - there.low), abs=1e-9)


def test_the_reason_gives_edges_to_two_decimals():
    score, treated = scores(5)

    assert trim_scores(score, treated, "crump", "ATE").reason.count(".") == 2


def test_without_a_rule_everybody_stays():
    assert trim_scores(*scores(6), None, "ATE").kept.all()


@pytest.mark.parametrize("rule", ["fixed", 0.5, 0.0, -0.1, True, 1])
def test_another_rule_is_an_error(rule):
    with pytest.raises(UsageError, match="'trim' is"):
        trim_scores(*scores(7), rule, "ATE")


def test_a_rule_that_empties_an_arm_is_an_error():
    score = np.array([0.9, 0.91, 0.1, 0.11])

    with pytest.raises(DesignError, match="empty"):
        trim_scores(score, np.array([True, True, False, False]), 0.4, "ATE")
