"""AIPW and TMLE: influence against the whole stack of estimating equations, laws, folds and learners."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from yoseval.errors import DesignError, EstimationError
from yoseval.models.glm import fit_logit
from yoseval.models.variance import clustered_variance, correct_for_estimated_weights
from yoseval.outcomes.arm_contrasts import difference
from yoseval.outcomes.doubly_robust import FOLDS, cross_fit, deal_children, doubly_robust, targeted_mean
from yoseval.outcomes.standardised import g_computation, target_population

METHODS = ["aipw", "tmle"]
ESTIMANDS = ["ATT", "ATC", "ATE", "ATO"]


def expit(v):
    return 1 / (1 + np.exp(-v))


def sample(n=120, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1))
    treated = rng.random(n) < expit(0.6 * x[:, 0])
    y = (rng.random(n) < expit(0.8 * x[:, 0] - 0.4 * treated)).astype(float)
    return y, treated, x, np.arange(n) % 2


def weights(estimand, e, treated):
    own = np.where(treated, e, 1 - e)
    return {"ATT": e, "ATC": 1 - e, "ATE": 1.0, "ATO": e * (1 - e)}[estimand] / own


def contrast(method, given, estimand, weight, **options):
    y, treated, x, fold = given
    one, nought = doubly_robust(method, y, treated, weight, x, fold, estimand=estimand, **options)
    return difference(one.arm, nought.arm)


def stack(theta, method, estimand, y, treated, x, fold):
    """Return every estimating equation of every unit, (n, q): score, models by arm and fold, shift or residual, means."""
    z = np.column_stack([np.ones(len(y)), x])
    e = expit(z @ theta[:2])
    w = weights(estimand, e, treated)
    columns, at = [z * (treated - e)[:, None]], 2
    share = {"ATT": w * treated, "ATC": w * ~treated, "ATE": np.ones(len(y)), "ATO": w}[estimand]
    for arm in (treated, ~treated):
        index = np.empty(len(y))
        for k in (0, 1):
            beta = theta[at : at + 2]
            seen = arm & (fold != k)
            columns.append(z * (seen * (y - expit(z @ beta)))[:, None])
            index[fold == k] = (z @ beta)[fold == k]
            at += 2
        extra, mean = theta[at : at + 2]
        at += 2
        if method == "tmle":
            m = expit(index + extra)
            columns += [(w * arm * (y - m))[:, None], (share * (m - mean))[:, None]]
        else:
            m = expit(index)
            # The mean is level + residual: `mean` holds the sum.
            columns += [(w * arm * (y - m - extra))[:, None], (share * (m + extra - mean))[:, None]]
    return np.hstack(columns)


def solution(method, estimand, y, treated, x, fold):
    score = fit_logit(x, treated)
    w = weights(estimand, score.fitted, treated)
    theta, population = list(score.coefficients), target_population(estimand, treated, w)
    for arm in (treated, ~treated):
        nuisance = cross_fit(y, arm, x, fold)
        for model, _ in nuisance.models:
            theta += list(model.coefficients)
        own = w * arm / (w @ arm)
        extra = own @ (y - expit(nuisance.index))
        level = population.share @ expit(nuisance.index) + extra
        if method == "tmle":
            level = targeted_mean(y, arm, w, nuisance, population).value
            low, high = -5.0, 5.0
            for _ in range(200):
                extra = (low + high) / 2
                low, high = (extra, high) if own @ (y - expit(nuisance.index + extra)) > 0 else (low, extra)
        theta += [extra, level]
    return np.array(theta), score, w


@pytest.mark.parametrize("estimand", ESTIMANDS)
@pytest.mark.parametrize("method", METHODS)
def test_influence_is_that_of_the_whole_stack_of_equations_with_score_and_models_estimated(method, estimand):
    given = sample()
    _, treated, x, _ = given
    theta, score, w = solution(method, estimand, *given)
    slope = np.empty((120, 2))
    for j in range(2):
        step = np.where(np.arange(2) == j, 1e-6, 0.0)
        up, down = (
            weights(estimand, expit(np.column_stack([np.ones(120), x]) @ (theta[:2] + s)), treated) for s in (step, -step)
        )
        slope[:, j] = (up - down) / 2e-6

    found = contrast(method, given, estimand, w)
    corrected = found.influence - found.by_weight
    corrected += correct_for_estimated_weights(found.by_weight, w, slope, score.influence)

    equations = stack(theta, method, estimand, *given)
    np.testing.assert_allclose(equations.sum(axis=0), 0.0, atol=1e-8)
    jacobian = np.empty((len(theta), len(theta)))
    for j in range(len(theta)):
        step = np.where(np.arange(len(theta)) == j, 1e-6, 0.0)
        up, down = (stack(theta + s, method, estimand, *given).sum(axis=0) for s in (step, -step))
        jacobian[:, j] = (up - down) / 2e-6
    influence = -np.linalg.solve(jacobian, equations.T)
    # Parameters: 2 of the score, then for each arm 4 of the models, one shift or residual, one mean.
    np.testing.assert_allclose(corrected, influence[7] - influence[13], atol=1e-6)
    assert found.value == pytest.approx(theta[7] - theta[13], abs=1e-10)


@pytest.mark.parametrize("estimand", ESTIMANDS)
@pytest.mark.parametrize("method", METHODS)
def test_the_part_by_weight_is_the_derivative_in_each_weight(method, estimand):
    given = sample()
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 120)

    found = contrast(method, given, estimand, weight)

    for i in range(0, 120, 17):
        step = np.where(np.arange(120) == i, 1e-5 * weight, 0.0)
        up, down = (contrast(method, given, estimand, weight + s).value for s in (step, -step))
        assert found.by_weight[i] == pytest.approx((up - down) / 2e-5, abs=1e-7)
    assert abs(found.influence.sum()) < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_laws_of_scale_of_swapped_arms_and_of_doubled_samples(method):
    given = sample()
    y, treated, x, fold = given
    weight, child = np.random.default_rng(2).uniform(0.5, 2.0, 120), np.arange(120)

    plain = contrast(method, given, "ATT", weight)
    scaled = contrast(method, given, "ATT", 1000 * weight)
    swapped = contrast(method, (y, ~treated, x, fold), "ATC", weight)
    doubled = contrast(method, tuple(np.concatenate([c, c]) for c in given), "ATT", np.tile(weight, 2))

    assert scaled.value == pytest.approx(plain.value, abs=1e-9)
    np.testing.assert_allclose(scaled.influence, plain.influence, atol=1e-9)
    assert swapped.value == pytest.approx(-plain.value, abs=1e-9)
    np.testing.assert_allclose(swapped.influence, -plain.influence, atol=1e-9)
    assert (doubled.influence**2).sum() == pytest.approx((plain.influence**2).sum() / 2, rel=1e-8)
    twice = clustered_variance(doubled.influence, np.tile(child, 2))
    assert twice == pytest.approx(clustered_variance(plain.influence, child), rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_without_folds_and_with_equal_weights_it_is_standardisation(method):
    y, treated, x, _ = sample()

    found = contrast(method, (y, treated, x, np.zeros(120, dtype=int)), "ATE", np.ones(120))

    one, nought = g_computation(y, treated, np.ones(120), x, estimand="ATE")
    assert found.value == pytest.approx(one.value - nought.value, abs=1e-9)
    np.testing.assert_allclose(found.influence, difference(one.arm, nought.arm).influence, atol=1e-8)


def test_targeted_means_stay_between_0_and_1_where_augmented_ones_need_not():
    rng = np.random.default_rng(4)
    x, treated = rng.normal(size=(60, 1)), np.arange(60) % 2 == 0
    y = (x[:, 0] + rng.normal(size=60) > -1.2).astype(float)
    weight = np.where(~treated & (y == 1) & (x[:, 0] < 0), 200.0, 1.0)

    means = {m: doubly_robust(m, y, treated, weight, x, np.arange(60) // 2 % 2, estimand="ATE")[1].value for m in METHODS}

    assert means["aipw"] > 1.0
    assert 0.0 < means["tmle"] < 1.0


@pytest.mark.parametrize("method", METHODS)
def test_a_learner_stands_in_for_the_model_and_tells_nothing_of_its_own_error(method):
    y, treated, x, fold = sample()
    weight = np.ones(120)

    own = contrast(method, (y, treated, x, fold), "ATE", weight)
    learnt = contrast(method, (y, treated, x, fold), "ATE", weight, learner=LogisticRegression(C=1e6))

    # Hardly penalised, the learner is our model; only the part of the influence that goes through coefficients is missing.
    assert learnt.value == pytest.approx(own.value, abs=1e-4)
    assert learnt.influence.std() == pytest.approx(own.influence.std(), rel=0.1)


def test_a_child_and_all_its_units_are_in_one_fold_whatever_the_order_of_rows():
    child = np.repeat(np.arange(30), 2)
    treated = child % 3 == 0

    fold = deal_children(child, treated)

    assert all(len(set(fold[child == c])) == 1 for c in range(30))
    assert set(fold[treated]) == set(fold[~treated]) == set(range(FOLDS))
    np.testing.assert_array_equal(deal_children(child, treated), fold)
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(deal_children(child[order], treated[order]), fold[order])


def test_too_few_children_for_the_folds_are_refused():
    with pytest.raises(EstimationError, match="fewer children"):
        deal_children(np.arange(20), np.arange(20) < 3)


def test_outcomes_that_do_not_vary_are_refused():
    y, treated, x, fold = sample()

    with pytest.raises(DesignError, match="one value only"):
        cross_fit(np.ones(120), treated, x, fold, learner=LogisticRegression())
    with pytest.raises(EstimationError, match="does not vary"):
        targeted_mean(
            np.ones(120), treated, np.ones(120), cross_fit(y, treated, x, fold), target_population("ATE", treated, np.ones(120))
        )
