"""Delays seen only once they are over: against the likelihood itself, reversed time by hand, a library, and known truth."""

import numpy as np
import pytest
from scipy.optimize import minimize

from yoseval.errors import EstimationError
from yoseval.models.delay import fit_delay, share_by


def seen(rng, n, *, longest=900, mean=230.0):
    """Draw whole-day delays of a gamma distribution and keep those that are over within a uniform time."""
    delay = np.floor(rng.gamma(2.0, mean / 2.0, n))
    truncation = np.floor(rng.uniform(0, longest, n))
    kept = delay <= truncation
    return delay[kept], truncation[kept]


def by_likelihood(delay, truncation):
    """Maximise prod_i p(x_i) / P(X <= t_i) over all distributions on the delays seen, by brute force."""
    values, place = np.unique(delay, return_inverse=True)
    visible = values[None, :] <= truncation[:, None]

    def minus(theta):
        logits = np.append(theta, 0.0)
        p = np.exp(logits - logits.max())
        p /= p.sum()
        return -(np.log(p[place]) - np.log(visible @ p)).sum()

    found = minimize(minus, np.zeros(values.size - 1), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    p = np.exp(np.append(found.x, 0.0))
    return values, np.cumsum(p / p.sum())


def by_reversed_time(delay, truncation):
    """Estimate Kaplan-Meier with delayed entry, by loops, on time counted back from the longest truncation."""
    far = truncation.max()
    time, entry = far - delay, far - truncation
    survival, levels = 1.0, {}
    for moment in np.unique(time):
        at_risk = sum(1 for e, s in zip(entry, time, strict=True) if e <= moment <= s)
        levels[far - moment] = survival
        survival *= 1 - (time == moment).sum() / at_risk
    # Just before a reversed moment, survival is the share of delays up to it.
    return np.array([levels[x] for x in np.unique(delay)])


@pytest.fixture
def small():
    rng = np.random.default_rng(11)
    delay = rng.integers(0, 9, 60).astype(float)
    truncation = rng.integers(0, 12, 60).astype(float)
    kept = delay <= truncation
    return delay[kept], truncation[kept]


def test_it_maximises_the_conditional_likelihood(small):
    values, expected = by_likelihood(*small)

    fit = fit_delay(*small)

    np.testing.assert_array_equal(fit.days, values)
    # Limited by the optimiser, not by the closed form.
    np.testing.assert_allclose(fit.share_proven, expected, atol=1e-6)


def test_it_is_kaplan_meier_with_delayed_entry_in_reversed_time():
    delay, truncation = seen(np.random.default_rng(3), 300)

    fit = fit_delay(delay, truncation)

    full = by_reversed_time(delay, truncation)
    np.testing.assert_allclose(fit.share_proven, full[np.isin(np.unique(delay), fit.days)], rtol=1e-12)


def test_lifelines_agrees_on_shares_and_their_standard_errors():
    from lifelines import KaplanMeierFitter

    delay, truncation = seen(np.random.default_rng(5), 600)
    far = truncation.max() + 1.0

    # It takes a unit in just after its entry, so entries are moved half a day before whole-numbered times.
    other = KaplanMeierFitter().fit(far - delay, entry=far - truncation - 0.5)
    fit = fit_delay(delay, truncation)

    before = far - fit.days - 0.5
    np.testing.assert_allclose(fit.share_proven, other.survival_function_at_times(before), rtol=1e-10)
    # Its Greenwood sums: minus log limits are on the log-log scale, so compare the sums themselves.
    sums = other._cumulative_sq_.reindex(before, method="ffill").to_numpy().ravel()
    np.testing.assert_allclose(fit.std_error, fit.share_proven * np.sqrt(np.nan_to_num(sums)), rtol=1e-10)


def test_without_truncation_it_is_the_share_of_delays_and_its_binomial_error():
    delay = np.repeat([10.0, 20.0, 50.0], [5, 3, 2])

    fit = fit_delay(delay, np.full(10, 100.0))

    np.testing.assert_allclose(fit.share_proven, [0.5, 0.8, 1.0])
    np.testing.assert_allclose(fit.std_error, np.sqrt(np.array([0.25, 0.16, 0.0]) / 10))


def test_known_shares_are_found_without_bias_and_with_the_error_they_say():
    rng = np.random.default_rng(20)
    points = np.array([30.0, 100.0, 182.0, 300.0, 500.0])
    truth = (np.floor(rng.gamma(2.0, 115.0, 2_000_000))[:, None] <= np.append(points, 650.0)).mean(axis=0)
    expected = truth[:-1] / truth[-1]
    replicates, variances = [], []
    for _ in range(400):
        delay, truncation = seen(rng, 1500, longest=651)
        # All truncations end by 650, the longest delay that can be seen, and some are there in every replicate.
        fit = fit_delay(delay, truncation, min_at_risk=3)
        replicates.append(share_by(fit, points))
        variances.append(np.concatenate(([0.0], fit.std_error))[np.searchsorted(fit.days, points, side="right")] ** 2)

    mean, spread = np.mean(replicates, axis=0), np.std(replicates, axis=0, ddof=1)

    # The longest delay seen differs a little between replicates: by less than this on a curve so flat at its end.
    slack = 0.002
    assert (np.abs(mean - expected) <= 3.5 * spread / np.sqrt(400) + slack).all()
    np.testing.assert_allclose(np.sqrt(np.mean(variances, axis=0)), spread, rtol=0.15)


def test_ignoring_truncation_would_have_been_wrong():
    rng = np.random.default_rng(8)
    delay, truncation = seen(rng, 20_000, longest=651)
    truth = np.floor(rng.gamma(2.0, 115.0, 1_000_000))

    naive, ours = (delay <= 182).mean(), share_by(fit_delay(delay, truncation, min_at_risk=20), np.array([182.0]))[0]

    right = (truth <= 182).mean() / (truth <= 650).mean()
    assert naive - right > 0.08
    assert abs(ours - right) < 0.015


def test_weights_stand_for_cases(small):
    delay, truncation = small
    times = np.random.default_rng(0).integers(1, 4, delay.size)

    weighted = fit_delay(delay, truncation, times.astype(float))
    repeated = fit_delay(np.repeat(delay, times), np.repeat(truncation, times))

    np.testing.assert_allclose(weighted.share_proven, repeated.share_proven, rtol=1e-12)
    np.testing.assert_allclose(weighted.std_error, repeated.std_error, rtol=1e-12)


def test_rows_of_weight_zero_are_as_if_absent(small):
    delay, truncation = small
    weight = np.ones(delay.size)
    weight[:5] = 0.0

    np.testing.assert_array_equal(
        fit_delay(delay, truncation, weight).share_proven, fit_delay(delay[5:], truncation[5:]).share_proven
    )


def test_the_order_of_rows_does_not_matter(small):
    delay, truncation = small
    order = np.random.default_rng(1).permutation(delay.size)

    assert fit_delay(delay[order], truncation[order]).share_proven.tolist() == fit_delay(*small).share_proven.tolist()


def test_a_far_delay_that_nothing_joins_to_the_rest_is_beyond_the_longest():
    # Only the last row could have shown 90, and it is the only one there.
    delay, truncation = np.array([1.0, 2.0, 2.0, 5.0, 90.0]), np.array([9.0, 8.0, 9.0, 8.0, 95.0])

    fit = fit_delay(delay, truncation)

    assert fit.longest == 9.0
    assert fit.n == 4
    assert fit.days.tolist() == [1.0, 2.0, 5.0]
    np.testing.assert_allclose(fit.share_proven, [0.25, 0.75, 1.0])


def test_short_delays_that_nothing_joins_to_the_rest_are_left_out():
    # The delay of 1 could not have been longer than 2; all others are longer than 2.
    delay, truncation = np.array([1.0, 3.0, 4.0, 4.0]), np.array([2.0, 9.0, 9.0, 9.0])

    fit = fit_delay(delay, truncation)

    assert fit.days.tolist() == [3.0, 4.0]
    assert share_by(fit, np.array([1.0, 3.0])).tolist() == pytest.approx([0.0, 1 / 3])


def test_the_longest_delay_is_one_at_which_enough_are_at_risk():
    delay, truncation = np.array([1.0, 2.0, 2.0, 3.0, 8.0]), np.array([4.0, 5.0, 6.0, 7.0, 9.0])

    assert [fit_delay(delay, truncation, min_at_risk=m).longest for m in (1, 2, 3, 4)] == [7.0, 6.0, 5.0, 4.0]


def test_shares_rise_to_one_and_are_zero_before_the_first():
    fit = fit_delay(*seen(np.random.default_rng(2), 400))

    assert (np.diff(fit.share_proven) > 0).all()
    assert fit.share_proven[-1] == 1.0
    assert fit.std_error[-1] == 0.0
    assert share_by(fit, np.array([fit.days[0] - 1, fit.longest, fit.longest + 1e6])).tolist() == [0.0, 1.0, 1.0]


def test_a_delay_longer_than_could_be_seen_is_refused():
    with pytest.raises(EstimationError, match=r"1 of 2 delays are negative or longer .* \(first in place 1\)"):
        fit_delay(np.array([1.0, 4.0]), np.array([2.0, 3.0]))


def test_too_few_at_risk_are_refused():
    with pytest.raises(EstimationError, match="needs 20 that are at risk together; there are 2 in all"):
        fit_delay(np.array([1.0, 2.0]), np.array([2.0, 3.0]), min_at_risk=20)
    with pytest.raises(EstimationError, match="there are none"):
        fit_delay(np.array([]), np.array([]))


def test_whole_days_give_the_fit_of_the_same_delays_in_another_unit():
    rng = np.random.default_rng(4)
    truncation = rng.integers(50, 400, 3000).astype(float)
    delay = np.floor(rng.random(3000) * (truncation + 1))

    days, others = fit_delay(delay, truncation, min_at_risk=20), fit_delay(delay / 7, truncation / 7, min_at_risk=20)

    # Days are counted in bins, sevenths of weeks are sorted.
    np.testing.assert_array_equal(days.share_proven, others.share_proven)
    np.testing.assert_array_equal(days.std_error, others.std_error)
    np.testing.assert_array_equal(days.days / 7, others.days)
