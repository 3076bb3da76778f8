"""Contrasts of the worst outcome, against every pair gone through."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import EstimationError
from yoseval.models.ordinal import fit_proportional_odds
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.severity import severity_odds, win_ratio
from yoseval.outcomes.types import FollowUp


def draw(seed=0, n=70):
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    severity = np.where(rng.random(n) < 0.4, 0.0, rng.integers(1, 5, n))
    time = rng.integers(1, 9, n).astype(float)
    return severity, time, rng.random(n) < 0.7, treated, rng.uniform(0.3, 3.0, n)


def by_pairs(severity, time, event, treated, weight, horizon):
    until = np.where(event & (time <= horizon), time, np.inf)
    i, j = (np.flatnonzero(arm) for arm in (treated, ~treated))
    milder = np.sign(severity[j] - severity[i][:, None])
    later = np.where(until[i][:, None] > until[j], 1, np.where(until[i][:, None] < until[j], -1, 0))
    result, both = np.where(milder != 0, milder, later), weight[i][:, None] * weight[j]
    return (both * (result > 0)).sum(), (both * (result < 0)).sum(), both.sum()


@pytest.mark.parametrize("horizon", [4.0, 8.0])
@pytest.mark.parametrize("seed", range(4))
def test_wins_and_losses_are_those_of_every_pair(seed, horizon):
    drawn = draw(seed)

    found = win_ratio(*drawn, horizon)

    wins, losses, pairs = by_pairs(*drawn, horizon)
    assert found.value == pytest.approx(np.log(wins / losses), abs=1e-12)
    assert (found.treated_value, found.comparison_value) == pytest.approx((wins / pairs, losses / pairs), rel=1e-12)


def test_the_error_of_a_win_ratio_is_that_of_the_two_sample_projection():
    severity, time, event, treated, _ = draw(n=60)
    i, j = (np.flatnonzero(arm) for arm in (treated, ~treated))
    columns = (severity, time, event, treated, np.ones(60))
    each = np.array([[by_pairs(*(column[[a, b]] for column in columns), 9.0) for b in j] for a in i])
    won, lost = each[:, :, 0], each[:, :, 1]

    found = win_ratio(severity, time, event, treated, np.ones(60), 9.0)

    # Bebu and Lachin: variances of the projections of log W - log L, by arm.
    kernel = won / won.mean() - lost / lost.mean()
    expected = kernel.mean(axis=1).var() / i.size + kernel.mean(axis=0).var() / j.size
    assert (found.influence**2).sum() == pytest.approx(expected, rel=1e-10)


def test_the_simulated_error_of_a_win_ratio_is_the_estimated_one():
    found = [win_ratio(*draw(seed, 200)[:4], np.ones(200), 9.0) for seed in range(400)]

    # Monte Carlo error of a standard deviation of 400: 3.5 %.
    assert np.std([c.value for c in found]) == pytest.approx(np.mean([(c.influence**2).sum() ** 0.5 for c in found]), rel=0.1)


def test_a_milder_outcome_in_the_treated_arm_is_below_one_in_odds_and_above_one_in_wins():
    severity, time, event, treated, weight = draw()
    severity = np.where(treated & (severity > 1), severity - 1, severity)

    assert (
        severity_odds(severity, treated, weight, 9.0).value < 0 < win_ratio(severity, time, event, treated, weight, 9.0).value
    )


def test_the_odds_are_those_of_the_model():
    severity, _, _, treated, weight = draw()

    found = severity_odds(severity, treated, weight, 9.0)

    assert found.value == fit_proportional_odds(severity, treated, weight).log_odds_ratio
    assert np.isnan([found.treated_value, found.comparison_value]).all()


def test_leaves_refuse_what_was_not_recorded():
    severity, time, event, treated, weight = draw()
    severity[3] = np.nan

    with pytest.raises(EstimationError, match="not recorded"):
        severity_odds(severity, treated, weight, 9.0)
    with pytest.raises(EstimationError, match="not recorded"):
        win_ratio(severity, time, event, treated, weight, 9.0)


def test_an_arm_that_wins_no_pair_has_no_ratio():
    _, time, event, treated, weight = draw()

    with pytest.raises(EstimationError, match="wins no pair"):
        win_ratio(np.where(treated, 1.0, 2.0), time, event, treated, weight, 9.0)


@pytest.mark.parametrize("measure", ["severity_odds", "win_ratio"])
def test_whoever_has_no_recorded_severity_is_left_out_and_it_is_said(measure):
    severity, time, event, treated, _ = draw(n=200)
    frame = pd.DataFrame({"treated": treated, "x": np.arange(200) % 7, "severity": severity, "time": time, "event": event})
    frame.loc[[3, 8], "severity"] = np.nan
    kept = frame.drop(index=[3, 8]).reset_index(drop=True)

    def estimate(frame):
        cohort = Cohort.from_frame(frame, treated="treated", covariates=["x"])
        followup = FollowUp.from_frame(frame, event="event", time="time", severity="severity", horizon=8.0)
        return estimate_effect(followup, build_design(cohort, "cem", cutpoints={"x": [100.0]}, estimand="ATE"), measure)

    found, without = estimate(frame), estimate(kept)
    assert any("was not recorded were left out" in note for note in found.notes)
    assert not any("not recorded" in note for note in without.notes)
    assert found.n_treated + found.n_comparison == 198


def test_a_million_units_take_no_square_of_them():
    severity, time, event, treated, weight = (np.tile(column, 3000) for column in draw())

    few, many = win_ratio(*draw(), 9.0), win_ratio(severity, time, event, treated, weight, 9.0)

    assert many.value == pytest.approx(few.value, abs=1e-9)
