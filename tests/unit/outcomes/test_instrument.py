"""Effects by an instrument against statsmodels, matrices by hand, a grid of tests and simulated truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.sandbox.regression.gmm import IV2SLS

from yoseval.cohort.build import Cohort
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError, EstimationError, TooFewEventsError, UsageError
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.bootstrap import resampler
from yoseval.outcomes.instrument import ASSUMPTIONS, instrument, two_stage_least_squares
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.quotient import robust_set
from yoseval.outcomes.types import FollowUp


def draw(seed=0, n=300, *, strength=0.5, effect=-0.2):
    """Return outcome, who started, instrument and two covariates; something unmeasured drives both of the first."""
    rng = np.random.default_rng(seed)
    hidden, x = rng.normal(size=n), rng.normal(size=(n, 2))
    z = (rng.random(n) < 0.5).astype(float)
    treated = strength * (z - 0.5) * 2 + hidden + 0.3 * x[:, 0] > 0
    return effect * treated + 0.3 * hidden + 0.2 * x[:, 1] + 0.3 * rng.normal(size=n), treated, z, x


def build(seed=0, n=400, **changes):
    outcome, treated, z, x = draw(seed, n, **changes)
    frame = pd.DataFrame({"treated": treated, "open": z, "age": x[:, 0], "prior": x[:, 1], "event": outcome > 0, "time": 365.0})
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["age", "prior"], instrument="open")
    followup = FollowUp.from_frame(frame, event="event", time="time", horizon=365.0)
    return followup, unadjusted_design(cohort), frame


def robust(fit, clusters, reach, n_parameters):
    """Return the robust set with clustered variances, by polarisation."""
    above, below = fit.reduced_influence, fit.first_influence
    one, other, sum_of = (
        clustered_variance(v, clusters, kind="HC1", n_parameters=n_parameters) for v in (above, below, above + below)
    )
    both = (sum_of - one - other) / 2
    return robust_set(fit.reduced, fit.first_stage, np.array([[one, both], [both, other]]), reach)


def test_the_point_is_that_of_statsmodels():
    outcome, treated, z, x = draw()

    found = two_stage_least_squares(outcome, treated, z, np.ones(300), x)

    plain = np.column_stack([np.ones(300), x])
    peer = IV2SLS(outcome, np.column_stack([plain, treated]), np.column_stack([plain, z])).fit()
    assert found.value == pytest.approx(peer.params[-1], rel=1e-10)


def test_without_covariates_it_is_walds_ratio():
    outcome, treated, z, _ = draw()
    weight = np.random.default_rng(5).uniform(0.3, 3.0, 300)

    found = two_stage_least_squares(outcome, treated, z, weight)

    means = [[np.average(v[z == k], weights=weight[z == k]) for k in (1, 0)] for v in (outcome, treated)]
    assert found.value == pytest.approx((means[0][0] - means[0][1]) / (means[1][0] - means[1][1]), rel=1e-10)
    assert found.first_stage == pytest.approx(means[1][0] - means[1][1], rel=1e-10)


def test_the_sum_of_squared_influence_is_the_sandwich_of_matrices():
    outcome, treated, z, x = draw()
    weight = np.random.default_rng(5).uniform(0.3, 3.0, 300)

    found = two_stage_least_squares(outcome, treated, z, weight, x)

    regressors, instruments = (np.column_stack([np.ones(300), x, last]) for last in (treated, z))
    bread = np.linalg.inv(instruments.T @ (weight[:, None] * regressors))
    rest = outcome - regressors @ bread @ (instruments.T @ (weight * outcome))
    scores = (weight * rest)[:, None] * instruments
    assert (found.influence**2).sum() == pytest.approx((bread @ scores.T @ scores @ bread.T)[-1, -1], rel=1e-9)


def test_influence_sums_to_nothing_and_is_the_derivative_in_each_weight():
    outcome, treated, z, x = draw(n=40)
    weight = np.random.default_rng(5).uniform(0.3, 3.0, 40)

    def value(w):
        return two_stage_least_squares(outcome, treated, z, w, x).value

    found = two_stage_least_squares(outcome, treated, z, weight, x).influence

    derivative = [(value(weight + h) - value(weight - h)) / 2e-5 for h in 1e-5 * weight * np.eye(40)]
    assert abs(found.sum()) < 1e-10
    np.testing.assert_allclose(found, derivative, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.03, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_the_robust_set_is_what_a_grid_of_tests_does_not_reject(seed, strength):
    outcome, treated, z, x = draw(seed, strength=strength)
    fit = two_stage_least_squares(outcome, treated, z, np.ones(300), x)
    clusters = np.arange(300) // 2

    found = robust(fit, clusters, 1.96, 4)

    inside = {
        "interval": lambda b: found.low <= b <= found.high,
        "two rays": lambda b: b <= found.low or b >= found.high,
        "whole line": lambda b: True,
    }[found.shape]
    plain = np.column_stack([np.ones(300), x])
    z_left = z - plain @ np.linalg.lstsq(plain, z, rcond=None)[0]
    for effect in np.concatenate([np.linspace(-20, 20, 401) + 0.0123, [fit.value]]):
        whole = np.column_stack([plain, z])
        rest = outcome - effect * treated
        coefficient, *_ = np.linalg.lstsq(whole, rest, rcond=None)
        score = z_left * (rest - whole @ coefficient) / (z_left @ z_left)
        squared = (np.bincount(clusters, score) ** 2).sum() * 150 / 149 * 299 / 296
        assert inside(effect) == (coefficient[-1] ** 2 <= 1.96**2 * squared)


def test_every_shape_of_the_robust_set_has_words():
    shapes = {}
    for seed in range(12):
        for strength in (0.0, 0.05, 0.6):
            outcome, treated, z, x = draw(seed, strength=strength)
            fit = two_stage_least_squares(outcome, treated, z, np.ones(300), x)
            found = robust(fit, np.arange(300), 1.96, 4)
            shapes[found.shape] = str(found)

    assert set(shapes) == {"interval", "two rays", "whole line"}
    assert "or from" in shapes["two rays"]
    assert "too weak" in shapes["whole line"]


def covered(n_replicates, strength):
    """Return how often the robust set and the plain interval hold the truth."""
    hits = []
    for seed in range(n_replicates):
        outcome, treated, z, _ = draw(seed, strength=strength)
        if treated[z == 1].mean() == treated[z == 0].mean():
            continue  # No start depends on it at all: refused, and nothing is said.
        fit = two_stage_least_squares(outcome, treated, z, np.ones(300))
        found = robust(fit, np.arange(300), stats.t.ppf(0.975, 299), 2)
        inside = {
            "interval": found.low <= -0.2 <= found.high,
            "two rays": not found.low < -0.2 < found.high,
            "whole line": True,
        }[found.shape]
        hits.append((inside, abs(fit.value + 0.2) <= 1.97 * np.sqrt((fit.influence**2).sum())))
    return np.mean(hits, axis=0)


def test_with_a_weak_instrument_the_robust_set_still_covers():
    robust, _ = covered(200, 0.05)

    # Monte Carlo error of 200: 1.5 points.
    assert robust >= 0.95 - 3 * 0.0154


@pytest.mark.grid
@pytest.mark.parametrize("strength", [0.02, 0.05, 0.1, 0.5])
def test_the_robust_set_covers_as_often_as_it_says(strength):
    assert covered(2000, strength)[0] == pytest.approx(0.95, abs=3 * 0.0049)


def test_the_estimate_of_a_cohort_is_that_of_its_columns():
    followup, design, frame = build()

    found = estimate_effect(followup, design, "instrument")

    z, started, x = frame["open"].to_numpy(), frame["treated"].to_numpy(), frame[["age", "prior"]].to_numpy()
    by_hand = two_stage_least_squares(frame["event"].to_numpy(float), started, z, np.ones(400), x)
    assert found.estimate == pytest.approx(by_hand.value, rel=1e-9)
    assert found.std_error == pytest.approx(((by_hand.influence**2).sum() * 400 / 399 * 399 / 396) ** 0.5, rel=1e-9)
    df = started.sum() - 1 if started.sum() < (~started).sum() else (~started).sum() - 1
    limits = robust(by_hand, np.arange(400), stats.t.ppf(0.975, df), 4)
    assert limits.shape == "interval"
    assert (found.conf_low, found.conf_high) == pytest.approx((limits.low, limits.high), rel=1e-9)
    assert found.interval == f"Anderson-Rubin, t, {df} df; sandwich, clustered on child"
    assert found.notes[-5:] == ASSUMPTIONS
    effective_f = by_hand.first_stage**2 / ((by_hand.first_influence**2).sum() * 400 / 399 * 399 / 396)
    assert f"effective F {effective_f:.0f}" in found.notes[1]


@pytest.mark.parametrize("seed", range(6))
def test_the_p_value_is_small_exactly_where_the_limits_leave_out_no_effect(seed):
    followup, design, _ = build(seed, effect=-0.4)
    found = estimate_effect(followup, design, "instrument")

    again = [estimate_effect(followup, design, "instrument", conf_level=1 - found.p_value * k) for k in (0.99, 1.01)]

    assert [a.conf_low <= 0 <= a.conf_high for a in again] == [True, False]


def test_weights_of_a_design_do_not_matter():
    followup, design, _ = build()
    other = replace(design, weighting=replace(design.weighting, weight=np.linspace(0.1, 2, 400)), method="entropy")

    plain, asked = (estimate_effect(followup, d, "instrument") for d in (design, other))

    assert (asked.estimate, asked.conf_high, asked.method) == (plain.estimate, plain.conf_high, "two_stage_least_squares")


def test_groups_widen_the_limits_by_their_own_variance():
    followup, design, _ = build()
    group = design.cohort.units["unit_id"].astype(int) % 20
    grouped = replace(design, cohort=replace(design.cohort, units=design.cohort.units.assign(group=group), cluster="group"))

    found = estimate_effect(followup, grouped, "instrument")

    wanted = clustered_variance(found.influence, group.to_numpy(), kind="HC1", n_parameters=4) ** 0.5
    assert found.std_error == pytest.approx(wanted, rel=1e-9)
    assert found.df == 19


def test_a_weak_instrument_has_limits_that_exclude_little_and_says_so():
    followup, design, _ = build(3, strength=0.02)

    found = estimate_effect(followup, design, "instrument")

    assert (found.conf_low, found.conf_high) == (-1.0, 1.0)
    assert "weak" in found.notes[2]
    assert "exclude" in found.notes[2]


def test_an_estimate_beyond_what_there_can_be_is_set_to_it_with_a_note():
    found = next(e for e in (estimate_effect(*build(s, strength=0.02)[:2], "instrument") for s in range(9)) if e.estimate == 1)

    assert any("beyond what a difference of risks can be, and is set to +1." in note for note in found.notes)


def test_those_who_left_are_stood_for_with_a_note():
    _, design, frame = build()
    time = np.where(np.arange(400) % 5 == 0, 100.0, 365.0)
    frame = frame.assign(event=frame["event"] & (time > 100), time=time)

    found = estimate_effect(FollowUp.from_frame(frame, event="event", time="time", horizon=365.0), design, "instrument")

    # All leave at one time: whom they stand for is one number in each group.
    own = frame[frame["time"] > 100]
    share = frame.groupby("treated")["time"].apply(lambda t: (t > 100).mean())
    weight = 1 / own["treated"].map(share).to_numpy()
    y, started, z, x = own["event"].to_numpy(float), own["treated"].to_numpy(), own["open"].to_numpy(), own[["age", "prior"]]
    wanted = two_stage_least_squares(y, started, z, weight, x.to_numpy())
    assert found.estimate == pytest.approx(wanted.value, rel=1e-9)
    assert found.n_treated + found.n_comparison == 400
    assert any("stood for by others" in note for note in found.notes)
    assert abs(found.influence.sum()) < 1e-12


def test_influence_is_the_derivative_in_each_weight_where_some_left():
    outcome, treated, z, x = draw(n=60)
    rng, weight = np.random.default_rng(8), np.random.default_rng(5).uniform(0.3, 3.0, 60)
    time, event = rng.integers(1, 9, 60).astype(float), outcome > 0

    def both(w):
        found = instrument(time, event, z, x, treated, w, 6.0)
        return np.array([found.value, found.quotient.numerator, found.quotient.divisor]), found

    _, found = both(weight)

    derivative = np.array([(both(weight + h)[0] - both(weight - h)[0]) / 2e-5 for h in 1e-5 * weight * np.eye(60)])
    parts = (found.influence, found.quotient.numerator_influence, found.quotient.divisor_influence)
    np.testing.assert_allclose(np.column_stack(parts), derivative, atol=1e-6)


def test_what_is_no_instrument_is_refused():
    followup, design, _ = build()

    def by(values):
        cohort = design.cohort
        cohort = replace(cohort, units=cohort.units.assign(open=values))
        return estimate_effect(followup, replace(design, cohort=cohort), "instrument")

    with pytest.raises(EstimationError, match="declares no instrument"):
        estimate_effect(followup, replace(design, cohort=replace(design.cohort, instrument="")), "instrument")
    with pytest.raises(DataError, match="1 of 400 values of the instrument 'open' are not numbers"):
        by(np.where(np.arange(400) == 7, np.nan, 1.0))
    with pytest.raises(EstimationError, match="does not vary"):
        by(np.ones(400))
    with pytest.raises(EstimationError, match="does not depend"):
        two_stage_least_squares(np.arange(4.0), np.array([True, False] * 2), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
    with pytest.raises(UsageError, match="no design"):
        resampler(followup, design, "instrument")


@pytest.mark.parametrize("n", [14, 40, 60])
def test_an_instrument_that_all_follow_gives_the_difference_of_risks(n):
    z = np.arange(n) % 2
    event = np.random.default_rng(1).random(n) < 0.5
    frame = pd.DataFrame({"treated": z, "open": z, "event": event})
    cohort = Cohort.from_frame(frame, treated="treated", covariates=[], instrument="open")

    found = estimate_effect(FollowUp.from_frame(frame, event="event"), unadjusted_design(cohort), "instrument")

    assert found.estimate == pytest.approx(event[z == 1].mean() - event[z == 0].mean())
    assert found.notes[0] == "The instrument is 'open'."
    assert "(effective F above 10000)" in found.notes[1]


@pytest.mark.parametrize("happens", [False, True])
def test_an_outcome_that_nobody_or_everybody_has_gives_no_effect_of_nothing(happens):
    followup, design, _ = build()

    with pytest.raises(TooFewEventsError, match="does not vary"):
        estimate_effect(replace(followup, event=np.full(400, happens)), design, "instrument")


def test_an_instrument_that_is_the_same_for_everybody_is_refused_with_what_a_calendar_needs():
    followup, design, _ = build()
    closed = replace(design.cohort, units=design.cohort.units.assign(open=1.0))

    with pytest.raises(EstimationError, match=r"'open' does not vary.*'availability'"):
        estimate_effect(followup, unadjusted_design(closed), "instrument")
