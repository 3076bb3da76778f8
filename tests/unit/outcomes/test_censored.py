"""Known outcomes that stand for those who left: Kaplan-Meier to the last influence value; exact derivatives with a model."""

import numpy as np
import pytest

from yoseval.errors import FollowUpTooShortError
from yoseval.outcomes.adjusted import AdjustedLeaf, Adjustment
from yoseval.outcomes.binary import odds_ratio, risk_difference, risk_ratio
from yoseval.outcomes.censored import known_outcomes

HORIZON = 6.0
LEAVES = {"risk_difference": risk_difference, "risk_ratio": risk_ratio, "odds_ratio": odds_ratio}


def sample(seed=0, n=60):
    """Return times full of ties between events and censorings, events, arms, weights (some 0), covariates and folds."""
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 9, n).astype(float), rng.random(n) < 0.5
    weight = rng.uniform(0.3, 2.0, n) * (rng.random(n) < 0.95)
    return time, event, np.arange(n) % 2 == 0, weight, rng.normal(size=(n, 2)), rng.integers(0, 2, n)


def adjusted(name, measure, estimand, given, weight=None):
    time, event, treated, own, x, fold = given
    leaf = AdjustedLeaf(measure, Adjustment(name), estimand)
    return leaf(time, event, x, fold, treated, own if weight is None else weight, HORIZON)


@pytest.mark.parametrize("measure", LEAVES)
@pytest.mark.parametrize("seed", range(3))
def test_without_covariates_it_is_kaplan_meier_with_all_its_influence(measure, seed):
    time, event, treated, weight, x, fold = sample(seed)
    given = (time, event, treated, weight, x[:, :0], fold)

    found = adjusted("g_computation", measure, "ATO", given)

    wanted = LEAVES[measure](time, event, treated, weight, HORIZON)
    assert found.value == pytest.approx(wanted.value, rel=1e-12)
    np.testing.assert_allclose(found.influence, wanted.influence, atol=1e-13)
    np.testing.assert_allclose(found.by_weight, wanted.influence, atol=1e-13)


def test_the_treated_keep_their_kaplan_meier_estimate_under_any_model():
    time, event, treated, weight, *_ = given = sample()

    found = adjusted("aipw", "risk_difference", "ATT", given)

    plain = risk_difference(time, event, treated, weight, HORIZON)
    assert found.treated_value == pytest.approx(plain.treated_value, rel=1e-12)
    assert found.comparison_value != pytest.approx(plain.comparison_value, rel=1e-3)


@pytest.mark.parametrize("name", ["g_computation", "aipw", "tmle"])
@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATO"])
def test_influence_is_the_derivative_in_each_weight(name, estimand):
    given = sample(2)
    weight = given[3]

    found = adjusted(name, "risk_difference", estimand, given)

    steps = [1e-5 * weight * (np.arange(weight.size) == i) for i in np.flatnonzero(weight)]
    up, down = ([adjusted(name, "risk_difference", estimand, given, weight + s * d).value for d in steps] for s in (1, -1))
    np.testing.assert_allclose(found.by_weight[weight > 0], (np.array(up) - down) / 2e-5, atol=1e-8)
    # Models of the outcome are fitted without the design's weights but in g-computation, where that is all.
    if name == "g_computation":
        np.testing.assert_allclose(found.influence, found.by_weight, atol=1e-12)


def test_whom_each_stands_for_by_hand():
    time, event = np.array([1.0, 2.0, 2.0, 3.0, 6.0, 7.0]), np.array([False, True, False, True, False, True])

    found = known_outcomes(time, event, np.ones(6, dtype=bool), np.array([1.0, 1, 2, 1, 1, 1]), HORIZON)

    # Of 7 by weight 1 leaves at 1; at 2 one has the event first, and of the 5 left 2 leave: 6/7 and 6/7 x 3/5 are followed.
    np.testing.assert_allclose(found.stands_for, [0, 7 / 6, 0, 35 / 18, 35 / 18, 35 / 18])
    assert found.outcome.tolist() == [0, 1, 0, 1, 0, 0]


def test_an_arm_that_nobody_is_left_of_is_refused_and_one_that_nobody_leaves_is_as_it_is():
    time, event, treated, weight, *_ = sample()

    with pytest.raises(FollowUpTooShortError, match="nobody in one arm was followed"):
        known_outcomes(np.minimum(time, 4.0), event, treated, weight, HORIZON)
    whole = known_outcomes(np.where(event, time, 9.0), event, treated, weight, HORIZON)
    assert whole.leaving == ()
    assert set(whole.stands_for) == {1.0}


def draw(seed, n=400):
    """Return a study whose confounder, and not its arms, decides the risk, and in which arms leave at different rates."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-x))
    event = rng.random(n) < 1 / (1 + np.exp(0.5 - 1.2 * x))
    time = np.where(event, np.ceil(rng.uniform(0, 6, n)), 7.0)
    leaves = np.ceil(rng.exponential(np.where(treated, 6.0, 12.0)))
    e = 1 / (1 + np.exp(-x))
    fold = rng.permutation(n) % 2
    return np.minimum(time, leaves), event & (time <= leaves), treated, np.where(treated, 1 - e, e), x[:, None], fold


@pytest.mark.parametrize(("name", "wrong"), [("g_computation", "weights"), ("aipw", "model"), ("tmle", "model")])
def test_where_many_leave_no_effect_is_found_and_errors_are_right_with_one_model_wrong(name, wrong):
    found = []
    for seed in range(150):
        time, event, treated, weight, x, fold = draw(seed)
        noise = np.random.default_rng(seed).normal(size=x.shape)
        given = (time, event, treated, np.ones(400) if wrong == "weights" else weight, noise if wrong == "model" else x, fold)
        effect = adjusted(name, "risk_difference", "ATE", given)
        found.append((effect.value, np.sqrt((effect.influence**2).sum())))
    value, error = np.array(found).T

    assert abs(value.mean()) < 3 * value.std() / 150**0.5
    # Weights are taken as known: errors are a little too large where weights are all that adjusts.
    assert error.mean() == pytest.approx(value.std(), rel=0.2)
