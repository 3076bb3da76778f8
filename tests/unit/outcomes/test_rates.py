"""Rates per day at risk: closed forms, a Poisson regression, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.overdispersion import fit_counts
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.rates import count_dispersion_note, dispersion_note, rate_ratio


def drawn(n=80, seed=0):
    rng = np.random.default_rng(seed)
    days = rng.uniform(50.0, 365.0, n)
    return Counts(rng.poisson(days / 150.0).astype(float), days), days, np.arange(n) % 2 == 0, rng.uniform(0.5, 2.0, n)


def test_it_is_the_coefficient_of_the_arm_in_a_weighted_poisson_regression_with_its_robust_error():
    counts, days, treated, weight = drawn()

    found = rate_ratio(counts, days, treated, weight, 365.0)

    fit = fit_counts(treated[:, None].astype(float), counts.count, weight, exposure=days)
    assert found.value == pytest.approx(fit.coefficients[1], rel=1e-10)
    np.testing.assert_allclose(found.influence, fit.influence[:, 1], atol=1e-12)
    assert found.treated_value == pytest.approx(365.25 * np.exp(fit.coefficients.sum()), rel=1e-10)


def test_the_unit_of_time_changes_the_rates_and_not_their_ratio():
    counts, days, treated, weight = drawn()

    by_day, by_year = (rate_ratio(counts, days / unit, treated, weight, 365.0) for unit in (1.0, 365.25))

    assert by_year.value == pytest.approx(by_day.value, abs=1e-12)
    assert by_year.treated_value == pytest.approx(365.25 * by_day.treated_value, rel=1e-12)


def test_a_unit_without_a_day_and_without_an_event_changes_nothing():
    counts, days, treated, weight = drawn()
    days = days.copy()
    days[0], counts.count[0] = 0.0, 0.0

    found, without = (rate_ratio(counts, days, treated, w, 365.0) for w in (weight, np.where(np.arange(80) == 0, 0.0, weight)))

    assert found.value == pytest.approx(without.value, abs=1e-12)
    assert found.influence[0] == 0.0


@pytest.mark.parametrize(
    ("days", "horizon", "fault"),
    [
        (np.where(np.arange(80) == 3, np.nan, 10.0), 365.0, "missing or negative"),
        (np.zeros(80), 365.0, "events and no day"),
        (np.full(80, 10.0), 100.0, "reach beyond 100"),
    ],
)
def test_days_that_cannot_be_are_refused(days, horizon, fault):
    counts, _, treated, weight = drawn()

    with pytest.raises(EstimationError, match=fault):
        rate_ratio(counts, days, treated, weight, horizon)


def test_an_arm_without_a_day_or_without_an_event_is_refused():
    counts, days, treated, weight = drawn()
    none = replace(counts, count=counts.count * treated)

    with pytest.raises(EstimationError, match="no day at risk"):
        rate_ratio(none, days * treated, treated, weight, 365.0)
    with pytest.raises(EstimationError, match="the comparison arm has none"):
        rate_ratio(none, days, treated, weight, 365.0)


def test_a_note_says_where_counts_vary_more_than_poisson_s():
    counts, days, treated, _ = drawn(400)
    shared = np.random.default_rng(1).gamma(0.5, 2.0, 400)
    spread = Counts(np.random.default_rng(2).poisson(shared * days / 150.0).astype(float), days)

    assert dispersion_note(counts, days, treated) == ""
    assert "vary more between units than a Poisson model" in dispersion_note(spread, days, treated)
    assert count_dispersion_note(spread, treated) == dispersion_note(spread, days, treated)
