"""G-computation: closed forms, laws, and influence against numerical derivatives with the model fitted again."""

import numpy as np
import pytest

from yoseval.models.variance import clustered_variance
from yoseval.outcomes.arm_contrasts import difference, log_odds_ratio, log_ratio
from yoseval.outcomes.standardised import g_computation, observed_mean, target_population

ESTIMANDS = ["ATT", "ATC", "ATE", "ATO", "ATM"]
CONTRASTS = [difference, log_ratio, log_odds_ratio]


def sample(n=80, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    y = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0] - 0.3 * treated))).astype(float)
    return y, treated, rng.uniform(0.5, 2.0, n), x


def contrast(of_means, given, estimand, **options):
    one, nought = g_computation(*given, estimand=estimand, **options)
    return of_means(one.arm, nought.arm)


@pytest.mark.parametrize("interactions", [True, False])
@pytest.mark.parametrize("family", ["logistic", "linear"])
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_is_the_derivative_in_each_weight_with_the_model_fitted_again(estimand, family, interactions):
    y, treated, weight, x = sample()
    options = {"family": family, "interactions": interactions}

    found = contrast(difference, (y, treated, weight, x), estimand, **options)

    moved = np.zeros(80)
    for i in range(80):
        step = np.where(np.arange(80) == i, 1e-5 * weight, 0.0)
        up, down = (contrast(difference, (y, treated, weight + s, x), estimand, **options).value for s in (step, -step))
        moved[i] = (up - down) / 2e-5
    np.testing.assert_allclose(found.by_weight, moved, atol=1e-7)
    if estimand != "ATE":
        np.testing.assert_allclose(found.influence, moved, atol=1e-7)


def test_of_everybody_a_unit_also_counts_by_being_there():
    given = sample()

    one, nought = g_computation(*given, estimand="ATE")

    # Writing a unit twice, with its weight split, moves the value by what is not through the weight.
    doubled = [np.concatenate([column, column[:1]]) for column in given]
    doubled[2][[0, -1]] /= 2
    again, _ = g_computation(*doubled, estimand="ATE")
    assert again.value - one.value == pytest.approx(one.population[0] * 80 / 81, abs=1e-12)
    np.testing.assert_allclose(one.by_weight, one.model)
    assert abs(nought.population.sum()) < 1e-12


@pytest.mark.parametrize("of_means", CONTRASTS)
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_influence_sums_to_zero_and_the_scale_of_weights_changes_nothing(estimand, of_means):
    y, treated, weight, x = sample()

    plain, scaled = (contrast(of_means, (y, treated, w, x), estimand) for w in (weight, 1000.0 * weight))

    assert abs(plain.influence.sum()) < 1e-10
    assert scaled.value == pytest.approx(plain.value, abs=1e-9)
    np.testing.assert_allclose(scaled.influence, plain.influence, atol=1e-9)


@pytest.mark.parametrize("of_means", CONTRASTS)
@pytest.mark.parametrize(("estimand", "other"), [("ATT", "ATC"), ("ATE", "ATE"), ("ATO", "ATO")])
def test_swapped_arms_flip_the_sign(estimand, other, of_means):
    y, treated, weight, x = sample()

    plain, swapped = contrast(of_means, (y, treated, weight, x), estimand), contrast(of_means, (y, ~treated, weight, x), other)

    assert swapped.value == pytest.approx(-plain.value, abs=1e-9)
    np.testing.assert_allclose(swapped.influence, -plain.influence, atol=1e-9)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_a_doubled_sample_has_a_smaller_error_unless_clustered_on_the_child(estimand):
    given, child = sample(), np.arange(80)

    plain = contrast(log_ratio, given, estimand)
    doubled = contrast(log_ratio, tuple(np.concatenate([column, column]) for column in given), estimand)

    assert (doubled.influence**2).sum() == pytest.approx((plain.influence**2).sum() / 2.0, rel=1e-8)
    twice = clustered_variance(doubled.influence, np.tile(child, 2))
    assert twice == pytest.approx(clustered_variance(plain.influence, child), rel=1e-8)


def test_an_arm_that_is_the_population_keeps_its_observed_mean():
    y, treated, weight, x = sample()

    one, _ = g_computation(y, treated, weight, x, estimand="ATT")
    by_model, _ = g_computation(y, treated, weight * treated + 1e-9 * ~treated, x, estimand="ATT")

    assert one.value == pytest.approx(np.average(y[treated], weights=weight[treated]), abs=1e-12)
    np.testing.assert_allclose(one.population, observed_mean(y, treated, weight).population)
    assert one.value == pytest.approx(by_model.value, abs=1e-9)


def test_without_covariates_it_is_the_plain_contrast():
    y, treated, weight, _ = sample()

    found = contrast(difference, (y, treated, weight, np.empty((80, 0))), "ATE")

    means = [np.average(y[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert found.value == pytest.approx(means[0] - means[1], abs=1e-10)


@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_shares_of_a_population_sum_to_one(estimand):
    _, treated, weight, _ = sample()
    weight[:5] = 0.0

    found = target_population(estimand, treated, weight)

    assert found.share.sum() == pytest.approx(1.0)
    assert not found.share[:5].any()
    assert found.by_weight == (estimand != "ATE")
