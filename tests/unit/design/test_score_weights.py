"""Weights by the score are those of their definitions, and so are their derivatives."""

import numpy as np
import pytest

from yoseval.design.score_weights import TARGETS, score_estimation, score_slopes, score_weights
from yoseval.errors import DesignError, UsageError
from yoseval.models.glm import fit_logit

SCORE = np.array([0.1, 0.4, 0.5, 0.8, 0.1, 0.4, 0.5, 0.8])
TREATED = np.arange(8) < 4


@pytest.mark.parametrize(
    ("estimand", "target"),
    [
        ("ATT", lambda e: e),
        ("ATE", np.ones_like),
        ("ATC", lambda e: 1 - e),
        ("ATM", lambda e: np.minimum(e, 1 - e)),
    ],
)
def test_each_weight_is_the_target_over_the_probability_of_the_arm(estimand, target):
    wanted = target(SCORE) / np.where(TREATED, SCORE, 1 - SCORE)

    assert score_weights(SCORE, TREATED, estimand) == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("estimand", TARGETS)
def test_weights_are_positive(estimand):
    score = np.random.default_rng(1).uniform(1e-9, 1 - 1e-9, 500)

    assert (score_weights(score, score > 0.3, estimand) > 0).all()


def test_weights_of_the_treated_are_one_for_the_att_and_of_the_others_for_the_atc():
    assert (score_weights(SCORE, TREATED, "ATT")[TREATED] == 1).all()
    assert (score_weights(SCORE, TREATED, "ATC")[~TREATED] == 1).all()


def test_matching_weights_never_exceed_one():
    assert score_weights(SCORE, TREATED, "ATM").max() <= 1


@pytest.mark.parametrize("estimand", TARGETS)
def test_swapped_arms_swap_the_target(estimand):
    other = {"ATT": "ATC", "ATC": "ATT"}.get(estimand, estimand)

    assert score_weights(SCORE, TREATED, estimand) == pytest.approx(score_weights(1 - SCORE, ~TREATED, other), rel=1e-12)


@pytest.mark.parametrize("estimand", TARGETS)
def test_slopes_are_the_derivative_in_the_logit(estimand):
    logit, step = np.log(SCORE / (1 - SCORE)), 1e-6
    # At the corner of the matching weight the derivative is that on the right.
    left = 0.0 if estimand == "ATM" else step

    up, down = (score_weights(1 / (1 + np.exp(-(logit + s))), TREATED, estimand) for s in (step, -left))

    assert score_slopes(SCORE, TREATED, estimand) == pytest.approx((up - down) / (step + left), abs=2e-5)


def test_the_gradient_holds_the_intercept_and_the_columns():
    x = np.random.default_rng(2).normal(size=(40, 2))
    treated = x[:, 0] + np.random.default_rng(3).normal(size=40) > 0
    fit, slope = fit_logit(x, treated), np.arange(40.0)

    estimation = score_estimation(x, slope, fit)

    assert estimation.gradient == pytest.approx(slope[:, None] * np.column_stack([np.ones(40), x]), abs=1e-14)
    assert (estimation.influence == fit.influence).all()


def test_another_estimand_is_an_error():
    with pytest.raises(UsageError, match="'ATX'"):
        score_weights(SCORE, TREATED, "ATX")


@pytest.mark.parametrize("edge", [0.0, 1.0, np.nan])
def test_a_score_of_zero_or_one_is_an_error(edge):
    with pytest.raises(DesignError, match="1 of 2 propensity scores"):
        score_weights(np.array([0.5, edge]), np.array([True, False]), "ATE")


def test_an_empty_arm_is_an_error():
    with pytest.raises(DesignError, match="empty"):
        score_weights(np.array([0.5, 0.5]), np.array([True, True]), "ATE")
