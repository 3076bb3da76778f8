"""Rates with honest intervals: MEASURES 2, statsmodels and closed forms."""

import math

import pytest
from scipy.stats import poisson
from statsmodels.stats.proportion import proportion_confint

from yoseval.errors import DataError
from yoseval.indicators.rates import rate, share


def test_the_custody_rate_of_the_definitions():
    found = rate(18, 30_000)

    # MEASURES 2 prints two decimals.
    assert (round(found.rate, 2), round(found.conf_low, 2), round(found.conf_high, 2)) == (0.60, 0.36, 0.95)


def test_the_case_audit_of_the_definitions():
    found = share(0.39 * 34, 34)

    assert (round(100 * found.rate), round(100 * found.conf_low), round(100 * found.conf_high)) == (39, 25, 56)


@pytest.mark.parametrize(("events", "n"), [(0, 10), (1, 10), (15, 34), (10, 10), (500, 1000), (3, 100_000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_a_share_has_the_wilson_interval(events, n, level):
    low, high = proportion_confint(events, n, alpha=1 - level, method="wilson")

    found = share(events, n, conf_level=level)

    # Closed forms; the limits of nobody and everybody are exact here and rounded there.
    assert found.rate == events / n
    assert found.conf_low == pytest.approx(low, abs=1e-14)
    assert found.conf_high == pytest.approx(high, abs=1e-14)


def test_the_share_of_nobody_and_of_everybody_keeps_within_0_and_1():
    assert share(0, 12).conf_low == 0.0
    assert share(12, 12).conf_high == 1.0


def test_a_share_and_its_complement_mirror_each_other():
    some, others = share(7, 30), share(23, 30)

    assert some.conf_low == pytest.approx(1 - others.conf_high, abs=1e-14)
    assert some.conf_high == pytest.approx(1 - others.conf_low, abs=1e-14)


@pytest.mark.parametrize(("events", "n"), [(-1, 10), (11, 10), (0, 0), (math.nan, 5)])
def test_a_share_of_more_than_all_or_of_nobody_is_refused(events, n):
    with pytest.raises(DataError, match="A share needs"):
        share(events, n)


def test_the_interval_of_no_events_is_a_closed_form():
    # P(0; m) = exp(-m) = 0.025.
    found = rate(0, 1000.0)

    assert found.conf_low == 0.0
    assert found.conf_high == pytest.approx(-math.log(0.025), rel=1e-12)


@pytest.mark.parametrize("events", [1, 5, 18, 200])
def test_each_limit_makes_what_was_seen_exactly_so_unlikely(events):
    found = rate(events, 1.0, per=1.0)

    # Garwood: P(X >= events; low) = P(X <= events; high) = 2.5 %.
    assert poisson.sf(events - 1, found.conf_low) == pytest.approx(0.025, rel=1e-9)
    assert poisson.cdf(events, found.conf_high) == pytest.approx(0.025, rel=1e-9)


def test_a_rate_is_per_what_was_asked_for():
    per_thousand, per_hundred_thousand = rate(30, 20_000), rate(30, 20_000, per=100_000)

    assert per_thousand.rate == pytest.approx(1.5, rel=1e-12)
    assert per_hundred_thousand.conf_high == pytest.approx(100 * per_thousand.conf_high, rel=1e-12)


@pytest.mark.parametrize(("events", "population"), [(-1, 10.0), (3, 0.0), (3, -5.0)])
def test_a_rate_of_nobody_is_refused(events, population):
    with pytest.raises(DataError, match="A rate needs"):
        rate(events, population)
