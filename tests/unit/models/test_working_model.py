"""Working models of an outcome: influence against numerical derivatives, and columns that cannot be told apart."""

import numpy as np
import pytest

from yoseval.errors import DesignError
from yoseval.models.glm import fit_logit
from yoseval.models.working_model import fit_working_model, inverse_link


def sample(n=60, seed=0, *, separated=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    if separated:
        x[:, 1] = np.arange(n) % 4 == 0
    y = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    y[x[:, 1] == 1] = 1.0
    return x, y, rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize(
    ("family", "separated"), [("logistic", False), ("logistic", True), ("linear", False)], ids=["logit", "firth", "line"]
)
def test_influence_is_the_derivative_in_each_weight(family, separated):
    x, y, weight = sample(separated=separated)

    found = fit_working_model(family, x, y, weight)

    assert found.penalised == separated
    for i in range(0, 60, 13):
        step = np.where(np.arange(60) == i, 1e-5 * weight, 0.0)
        up, down = (fit_working_model(family, x, y, weight + s).coefficients for s in (step, -step))
        np.testing.assert_allclose(found.influence[i], (up - down) / 2e-5, atol=1e-6)


@pytest.mark.parametrize("separated", [False, True])
def test_the_scale_of_weights_changes_nothing(separated):
    x, y, weight = sample(separated=separated)

    plain, scaled = (fit_working_model("logistic", x, y, w) for w in (weight, 1000 * weight))

    np.testing.assert_allclose(scaled.coefficients, plain.coefficients, atol=1e-9)
    np.testing.assert_allclose(scaled.influence, plain.influence, atol=1e-9)
    np.testing.assert_allclose(plain.influence.sum(axis=0), 0.0, atol=1e-10)


def test_units_without_weight_are_not_fitted_to_and_columns_without_variation_get_zero():
    x, y, weight = sample()
    weight[:30] = 0.0
    x[30:, 1] = 5.0

    found = fit_working_model("logistic", x, y, weight)

    assert found.coefficients[2] == 0.0
    assert not found.influence[:30].any()
    expected = fit_logit(x[30:, :1], y[30:] == 1, weight[30:]).coefficients
    np.testing.assert_allclose(found.coefficients[:2], expected, atol=1e-8)


def test_through_is_the_influence_on_a_sum_of_predictions():
    x, y, weight = sample()
    model, slope = fit_working_model("logistic", x, y, weight), np.linspace(-1, 1, 60)

    found = model.through(slope, x)

    step = np.where(np.arange(60) == 7, 1e-5 * weight, 0.0)
    up, down = (slope @ fit_working_model("logistic", x, y, weight + s).index(x) for s in (step, -step))
    assert found[7] == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_the_slope_of_the_inverse_link_is_its_derivative():
    index = np.array([-800.0, -2.0, 0.0, 3.0, 800.0])

    mean, slope = inverse_link("logistic", index)

    up, down = (inverse_link("logistic", index + s)[0] for s in (1e-6, -1e-6))
    np.testing.assert_allclose(slope, (up - down) / 2e-6, atol=1e-9)
    assert (mean[0], mean[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(("y", "weight"), [(np.ones(60), np.ones(60)), (np.arange(60) % 2, np.zeros(60))])
def test_nothing_to_fit_is_refused(y, weight):
    with pytest.raises(DesignError, match=r"one value only|Nobody"):
        fit_working_model("logistic", sample()[0], y.astype(float), weight)
