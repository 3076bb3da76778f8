"""Gates on sizes and events, and what a study of a size could see."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from yoseval.evaluation.evaluability import (
    design_reasons,
    event_reasons,
    minimum_detectable_difference,
    minimum_detectable_effect,
)

Z = norm.ppf(0.975) + norm.ppf(0.8)


def closed_form(base, n_treated, n_comparison, z=Z):
    """Solve the quadratic in the changed risk p: (base - p)^2 = z^2 (p (1 - p) / n1 + base (1 - base) / n0)."""
    a = 1 + z**2 / n_treated
    b = -(2 * base + z**2 / n_treated)
    c = base**2 - z**2 * base * (1 - base) / n_comparison
    return base - (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)


@pytest.mark.parametrize(("n", "points"), [(60, 17.0), (142, 11.6), (300, 8.1)])
def test_the_published_numbers_are_found(n, points):
    # MEASURES 5 prints one decimal.
    assert 100 * minimum_detectable_difference(0.436, n, 10 * n) == pytest.approx(points, abs=0.05)


@pytest.mark.parametrize("base", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize(("n1", "n0"), [(80, 80), (200, 1000), (5000, 300)])
def test_it_is_the_root_of_the_quadratic(base, n1, n0):
    assert minimum_detectable_difference(base, n1, n0) == pytest.approx(closed_form(base, n1, n0), abs=1e-10)


def test_another_power_and_level_change_the_quantiles_only():
    found = minimum_detectable_difference(0.4, 200, 300, power=0.9, alpha=0.01)

    assert found == pytest.approx(closed_form(0.4, 200, 300, norm.ppf(0.995) + norm.ppf(0.9)), abs=1e-10)


def test_a_simulated_trial_of_that_effect_is_significant_four_times_in_five():
    rng = np.random.default_rng(5)
    base, n1, n0, trials = 0.4, 150, 600, 20_000
    change = minimum_detectable_difference(base, n1, n0)
    p1, p0 = rng.binomial(n1, base - change, trials) / n1, rng.binomial(n0, base, trials) / n0

    found = (p1 - p0) / np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) < -norm.ppf(0.975)

    # Monte Carlo error 0.28 points; the normal approximation is good to a point or so at these sizes.
    assert found.mean() == pytest.approx(0.80, abs=0.015)


def test_larger_studies_see_smaller_effects():
    by_treated = [minimum_detectable_difference(0.436, n, 1000) for n in (40, 60, 100, 400, 2000)]
    by_comparison = [minimum_detectable_difference(0.436, 100, n) for n in (60, 100, 400, 2000)]

    assert by_treated == sorted(by_treated, reverse=True)
    assert by_comparison == sorted(by_comparison, reverse=True)


@pytest.mark.parametrize(("base", "n1", "n0"), [(0.0, 50, 50), (1.0, 50, 50), (math.nan, 50, 50), (0.4, 0, 50), (0.05, 20, 20)])
def test_where_nothing_could_be_seen_there_is_no_number(base, n1, n0):
    assert math.isnan(minimum_detectable_difference(base, n1, n0))


@pytest.mark.parametrize(("measure", "value"), [("risk_difference", 0.38), ("survival_difference", 0.62)])
def test_for_risks_it_is_the_closed_form_at_the_risk_of_the_comparison(make_evidence, measure, value):
    estimate = replace(make_evidence(measure=measure).primary.estimate, comparison_value=value)

    found = minimum_detectable_effect(estimate, 400, 380.0, scale="identity")

    assert found == pytest.approx(closed_form(0.38, 400, 380), abs=1e-10)


@pytest.mark.parametrize(
    ("measure", "scale", "expected"),
    [("restricted_mean_difference", "identity", 2.0 * Z), ("hazard_ratio", "log", math.exp(-2 * Z))],
)
def test_for_other_measures_it_is_what_the_standard_error_reaches(make_evidence, measure, scale, expected):
    estimate = replace(make_evidence(0.8, 1.1, measure=measure).primary.estimate, std_error=2.0)

    assert minimum_detectable_effect(estimate, 400, 400, scale=scale) == pytest.approx(expected, rel=1e-12)


def test_a_design_is_judged_by_the_units_it_uses(make_evidence):
    design = make_evidence(n=(40, 60)).trial.design
    unused = replace(design, weighting=replace(design.weighting, weight=np.where(design.treated, 1.0, 0.0)))
    one_heavy = np.where(design.treated, 1.0, 0.001)
    one_heavy[np.flatnonzero(~design.treated)[0]] = 50.0
    uneven = replace(design, weighting=replace(design.weighting, weight=one_heavy))

    assert design_reasons(design) == ()
    assert design_reasons(unused) == ("too_few_comparison",)
    assert design_reasons(uneven) == ("too_few_comparison",)


@pytest.mark.parametrize(
    ("treated", "comparison", "reasons"),
    [
        (10, 10, ()),
        (9, 50, ("too_few_events",)),
        (50, 9, ("too_few_events",)),
        (391, 50, ("too_few_events",)),
        (50, 391, ("too_few_events",)),
        (390, 390, ()),
    ],
)
def test_ten_with_and_ten_without_the_outcome_are_needed_in_each_arm(make_evidence, treated, comparison, reasons):
    estimate = replace(make_evidence().primary.estimate, events_treated=treated, events_comparison=comparison)

    assert event_reasons(estimate) == reasons
