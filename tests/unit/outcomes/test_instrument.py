"""Effects by an instrument against statsmodels, matrices by hand, a grid of tests and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.sandbox.regression.gmm import IV2SLS

from yoseval.cohort.build import Cohort
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError, EstimationError, UsageError
from yoseval.outcomes.instrument import estimate_instrument, robust_set, two_stage_least_squares
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
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["age", "prior"], exact=["open"])
    followup = FollowUp.from_frame(frame, event="event", time="time", horizon=365.0)
    return followup, unadjusted_design(cohort), frame


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

    found = robust_set(fit, clusters, 1.96, 4)

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
            found = robust_set(fit, np.arange(300), 1.96, 4)
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
        found = robust_set(fit, np.arange(300), stats.t.ppf(0.975, 299), 2)
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

    found = estimate_instrument(followup, design, "open")

    by_hand = two_stage_least_squares(
        frame["event"].to_numpy(float), frame["treated"].to_numpy(), frame["open"].to_numpy(), np.ones(400),
        frame[["age", "prior"]].to_numpy(),
    )  # fmt: skip
    assert found.estimate == pytest.approx(by_hand.value, rel=1e-9)
    assert found.std_error == pytest.approx(((by_hand.influence**2).sum() * 400 / 399 * 399 / 396) ** 0.5, rel=1e-9)
    assert found.effective_f == pytest.approx(
        by_hand.first_stage**2 / ((by_hand.first_influence**2).sum() * 400 / 399 * 399 / 396), rel=1e-9
    )
    assert found.conf_low < found.estimate < found.conf_high
    assert (found.n, found.n_clusters, found.notes) == (400, 400, ())
    assert len(found.assumptions) == 5
    assert found.to_frame().loc[0, "robust_shape"] == "interval"
    assert len(str(found).splitlines()) <= 8


def test_an_array_does_as_well_as_a_column_and_a_design_does_not_matter():
    followup, design, _ = build()

    column = estimate_instrument(followup, design, "open", adjust=False)
    array = estimate_instrument(followup, design, design.cohort.units["open"].to_numpy(float), adjust=False)

    assert column.estimate == array.estimate


def test_a_weak_instrument_and_short_follow_up_are_said():
    _, design, frame = build(strength=0.05)
    time = np.where(np.arange(400) < 5, 100.0, 365.0)
    short = FollowUp.from_frame(
        frame.assign(event=frame["event"] & (time > 100), time=time), event="event", time="time", horizon=365.0
    )

    found = estimate_instrument(short, design, "open")

    assert found.n == 395
    assert "not followed to the horizon" in found.notes[0]
    assert "weak" in found.notes[1]


def test_what_is_no_instrument_is_refused():
    followup, design, _ = build()

    with pytest.raises(UsageError, match="'shut' is not a column"):
        estimate_instrument(followup, design, "shut")
    with pytest.raises(DataError, match="each of the 400 units"):
        estimate_instrument(followup, design, np.full(400, np.nan))
    with pytest.raises(EstimationError, match="does not vary"):
        estimate_instrument(followup, design, np.ones(400))
    with pytest.raises(EstimationError, match="does not depend"):
        two_stage_least_squares(np.arange(4.0), np.array([True, False] * 2), np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4))
