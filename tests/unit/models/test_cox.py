"""The Cox model: likelihood written out, exact influence, and errors that say what to do."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.cox import fit_cox


def sample(n=40, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n).astype(float), rng.normal(size=n)])
    time = rng.exponential(np.exp(-0.5 * x[:, 0]) * 4.0)
    time = np.ceil(time) if ties else time
    event = rng.random(n) < 0.7
    return time, event, x, rng.uniform(0.3, 2.0, n)


def log_likelihood(beta, time, event, x, weight, ties):
    """Return the weighted partial likelihood term by term, as the papers print it."""
    total = 0.0
    risk = weight * np.exp(x @ beta)
    for t in np.unique(time[event]):
        dead = (time == t) & event
        m = int(dead.sum())
        total += weight[dead] @ (x[dead] @ beta)
        for k in range(m):
            share = k / m if ties == "efron" else 0.0
            total -= weight[dead].mean() * np.log(risk[time >= t].sum() - share * risk[dead].sum())
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_likelihood_equals_the_sum_written_out(ties):
    time, event, x, weight = sample()

    fit = fit_cox(time, event, x, weight, ties=ties)

    assert fit.loglik == pytest.approx(log_likelihood(fit.coefficients, time, event, x, weight, ties), rel=1e-12)
    assert fit.loglik_null == pytest.approx(log_likelihood(np.zeros(2), time, event, x, weight, ties), rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_covariance_inverts_the_curvature_of_the_likelihood_at_its_maximum(ties):
    time, event, x, weight = sample(seed=1)

    fit = fit_cox(time, event, x, weight, ties=ties)

    def value(a, b):
        return log_likelihood(fit.coefficients + np.array([a, b]), time, event, x, weight, ties)

    h = 1e-4
    slope = [(value(h, 0) - value(-h, 0)) / (2 * h), (value(0, h) - value(0, -h)) / (2 * h)]
    mixed = (value(h, h) - value(h, -h) - value(-h, h) + value(-h, -h)) / (4 * h * h)
    first = (value(h, 0) - 2 * value(0, 0) + value(-h, 0)) / h**2
    second = (value(0, h) - 2 * value(0, 0) + value(0, -h)) / h**2
    # Differences of a likelihood near 100 at steps of 1e-4 are good to about 1e-6.
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), [[-first, -mixed], [-mixed, -second]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_influence_is_the_derivative_of_the_coefficients_in_the_weights(ties):
    time, event, x, weight = sample(n=20, seed=2)

    fit = fit_cox(time, event, x, weight, ties=ties)

    expected = np.zeros((20, 2))
    for i in range(20):
        step = np.where(np.arange(20) == i, 1e-5 * weight[i], 0.0)
        up = fit_cox(time, event, x, weight + step, ties=ties).coefficients
        down = fit_cox(time, event, x, weight - step, ties=ties).coefficients
        expected[i] = (up - down) / 2e-5
    np.testing.assert_allclose(fit.influence, expected, atol=1e-8)


def test_influence_sums_to_zero():
    fit = fit_cox(*sample(seed=3))

    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-12)


def test_methods_for_ties_agree_where_there_are_none():
    time, event, x, weight = sample(seed=4, ties=False)

    efron, breslow = fit_cox(time, event, x, weight), fit_cox(time, event, x, weight, ties="breslow")

    np.testing.assert_allclose(efron.coefficients, breslow.coefficients, rtol=1e-12)
    np.testing.assert_allclose(efron.influence, breslow.influence, atol=1e-12)


def test_whole_weights_equal_repeated_rows_with_breslow():
    time, event, x, _ = sample(seed=5)
    repeats = np.arange(40) % 3 + 1
    again = np.repeat(np.arange(40), repeats)

    weighted = fit_cox(time, event, x, repeats.astype(float), ties="breslow")
    repeated = fit_cox(time[again], event[again], x[again], np.ones(again.size), ties="breslow")

    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-10)
    np.testing.assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-10)


def test_a_unit_of_weight_zero_is_as_if_absent():
    time, event, x, weight = sample(seed=6)
    weight = np.where(np.arange(40) % 5 == 0, 0.0, weight)
    kept = weight > 0

    with_them, without = fit_cox(time, event, x, weight), fit_cox(time[kept], event[kept], x[kept], weight[kept])

    np.testing.assert_allclose(with_them.coefficients, without.coefficients, rtol=1e-12)
    np.testing.assert_allclose(with_them.influence[kept], without.influence, atol=1e-13)
    assert not with_them.influence[~kept].any()
    assert with_them.n == 32


def test_shifted_and_stretched_columns_give_the_same_fit():
    time, event, x, weight = sample(seed=7)

    plain, moved = fit_cox(time, event, x, weight), fit_cox(time, event, 1e6 + 1e3 * x, weight)

    # Centring a column near 1e6 costs six digits.
    np.testing.assert_allclose(moved.coefficients * 1e3, plain.coefficients, rtol=1e-7)
    assert moved.loglik == pytest.approx(plain.loglik, rel=1e-9)


def test_arguments_are_left_as_they_were():
    given = sample(seed=8)
    before = [a.copy() for a in given]

    fit_cox(*given)

    assert all((a == b).all() for a, b in zip(given, before, strict=True))


def test_three_units_have_the_closed_form():
    # Risk sets {a, b, c} then {b, c}: events of treated a and comparison b give beta = log of a root of a quadratic.
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    x = np.array([[1.0], [0.0], [1.0]])

    fit = fit_cox(time, event, x, np.ones(3))

    # L = e^b/(2e^b + 1) * 1/(1 + e^b); its maximum is at e^b = 1/sqrt(2).
    assert fit.coefficients[0] == pytest.approx(-0.5 * np.log(2.0), rel=1e-10)
    assert fit.converged
    assert fit.n_events == 2


def test_a_sample_without_events_is_refused():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="needs events; there are none"):
        fit_cox(time, np.zeros_like(event), x, weight)


def test_an_arm_without_events_is_refused_because_there_is_no_maximum():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="no finite maximum") as caught:
        fit_cox(time, event & (x[:, 0] == 0), x[:, :1], weight)

    assert "risk difference" in caught.value.remedy


def test_a_constant_column_is_refused_by_its_place():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="first: column 3"):
        fit_cox(time, event, np.column_stack([x, np.ones(40)]), weight)


def test_a_column_made_of_others_is_refused():
    time, event, x, weight = sample()

    with pytest.raises(EstimationError, match="combination of the others"):
        fit_cox(time, event, np.column_stack([x, x[:, 0] + x[:, 1]]), weight)


def test_a_strong_effect_still_converges():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(500, 1))
    time = rng.exponential(np.exp(-3.0 * x[:, 0]))

    fit = fit_cox(time, np.ones(500, dtype=bool), x, np.ones(500))

    # The truth is 3; the standard error is near 0.12.
    assert fit.coefficients[0] == pytest.approx(3.0, abs=4 * fit.covariance[0, 0] ** 0.5)
