"""Counts: closed forms, numerical derivatives, and counts that do not vary more than Poisson's."""

import numpy as np
import pytest
from scipy import optimize, stats

from yoseval.errors import EstimationError
from yoseval.models.overdispersion import compare_dispersion, fit_counts


def sample(n=400, seed=3, *, theta=1.5):
    rng = np.random.default_rng(seed)
    x, exposure = rng.normal(size=(n, 1)), rng.uniform(0.5, 2.0, n)
    mean = exposure * np.exp(0.2 + 0.4 * x[:, 0])
    shared = rng.gamma(theta, 1.0 / theta, n) if np.isfinite(theta) else 1.0
    return x, rng.poisson(mean * shared).astype(float), exposure, rng.uniform(0.5, 2.0, n)


def test_two_groups_have_the_rates_of_each():
    x, y = np.repeat([[0.0], [1.0]], 3, axis=0), np.array([1.0, 0, 2, 4, 1, 1])
    exposure = np.array([1.0, 2, 3, 1, 1, 1])

    found = fit_counts(x, y, exposure=exposure)

    np.testing.assert_allclose(np.exp(np.cumsum(found.coefficients)), [3 / 6, 6 / 3], rtol=1e-12)
    assert found.loglik == pytest.approx(stats.poisson.logpmf(y, found.fitted).sum(), rel=1e-12)


def test_influence_is_the_derivative_in_each_weight():
    x, y, exposure, weight = sample(60)

    found = fit_counts(x, y, weight, exposure=exposure)

    for i in range(0, 60, 11):
        step = np.where(np.arange(60) == i, 1e-5 * weight, 0.0)
        up, down = (fit_counts(x, y, weight + s, exposure=exposure).coefficients for s in (step, -step))
        np.testing.assert_allclose(found.influence[i], (up - down) / 2e-5, atol=1e-7)


def test_theta_is_the_maximum_that_a_minimiser_finds():
    x, y, exposure, weight = sample()

    found = compare_dispersion(x, y, weight, exposure=exposure)

    def loss(p):
        mean, size = exposure * np.exp(p[0] + p[1] * x[:, 0]), np.exp(p[2])
        return -weight @ stats.nbinom.logpmf(y, size, size / (size + mean))

    best = optimize.minimize(
        loss, [0.0, 0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    )
    assert found.negative_binomial.loglik == pytest.approx(-best.fun, rel=1e-10)
    assert found.theta == pytest.approx(np.exp(best.x[2]), rel=1e-5)
    np.testing.assert_allclose(found.negative_binomial.coefficients, best.x[:2], atol=1e-5)
    assert found.p_value == pytest.approx(0.5 * stats.chi2.sf(found.likelihood_ratio, 1), rel=1e-9)


def test_counts_that_vary_less_than_poisson_have_no_theta():
    found = compare_dispersion(np.empty((40, 0)), np.tile([1.0, 2.0], 20))

    assert (found.theta, found.likelihood_ratio, found.p_value) == (np.inf, 0.0, 1.0)
    assert found.pearson < 1.0


def test_poisson_is_seldom_refused_where_it_holds():
    refused = 0
    for seed in range(100):
        x, y, exposure, _ = sample(100, seed, theta=np.inf)
        refused += compare_dispersion(x, y, exposure=exposure).p_value < 0.05

    # Of 100 at 5 %: 12 or more have a probability of 0.4 %.
    assert refused < 12


def test_no_event_is_refused():
    with pytest.raises(EstimationError, match="no event"):
        fit_counts(np.empty((3, 0)), np.zeros(3))
