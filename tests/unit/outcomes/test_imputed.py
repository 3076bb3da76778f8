"""Effects are pooled over imputed designs by Rubin's rules."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.imputed import build_imputed_designs
from yoseval.design.methods import build_design
from yoseval.models.pooling import pool_estimates
from yoseval.outcomes.imputed import estimate_designs, estimate_imputed_effect
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp


def study(n=500, seed=3, effect=-0.15, lost=0.3):
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    started = (rng.random(n) < 1 / (1 + np.exp(0.6 - risk))).astype(int)
    event = rng.random(n) < np.clip(0.5 + 0.15 * risk + effect * started, 0.02, 0.98)
    frame = pd.DataFrame({"id": [f"c{i}" for i in range(n)], "started": started, "age": rng.normal(size=n) + risk / 2})
    frame["risk"] = np.where(rng.random(n) < lost, np.nan, risk)
    outcome = pd.DataFrame({"id": frame["id"], "event": event.astype(int), "days": np.where(event, 100.0, 365.0)})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "risk"])
    return cohort, FollowUp.from_frame(outcome, id="id", event="event", time="days", horizon=365.0)


@pytest.mark.parametrize("measure", ["risk_difference", "risk_ratio"])
def test_the_estimate_is_pooled_on_the_scale_of_the_measure(measure):
    cohort, followup = study()
    imputed = build_imputed_designs(cohort, "overlap", imputations=4)

    found = estimate_imputed_effect(followup, imputed, measure)

    each = [estimate_effect(followup, d, measure) for d in imputed.designs]
    values = np.array([np.log(e.estimate) if measure == "risk_ratio" else e.estimate for e in each])
    pooled = pool_estimates(values, np.array([e.std_error for e in each]), complete_df=min(e.df for e in each))
    wanted = np.exp(pooled.estimate) if measure == "risk_ratio" else pooled.estimate
    assert (found.estimate, found.std_error, found.df) == pytest.approx((wanted, pooled.std_error, pooled.df))
    assert found.conf_low < found.estimate < found.conf_high
    assert "Rubin's rules over 4 imputations" in found.interval


@pytest.mark.parametrize("adjustment", ["g_computation", "aipw"])
@pytest.mark.parametrize("measure", ["risk_difference", "risk_ratio"])
def test_an_adjusted_effect_is_pooled_from_the_adjusted_effects_of_the_imputations(measure, adjustment):
    cohort, followup = study()
    imputed = build_imputed_designs(cohort, "overlap", imputations=3)

    found = estimate_designs(followup, imputed, measure, adjustment=adjustment, adjust=["age", "risk"])

    each = [estimate_effect(followup, d, measure, adjustment=adjustment, adjust=["age", "risk"]) for d in imputed.designs]
    log = np.log if measure == "risk_ratio" else np.asarray
    values, variances = log(np.array([e.estimate for e in each])), np.array([e.std_error**2 for e in each])
    # Rubin (1987), equations 3.1.2 to 3.1.5.
    total = variances.mean() + (1 + 1 / 3) * values.var(ddof=1)
    assert (float(log(found.estimate)), found.std_error) == pytest.approx((values.mean(), np.sqrt(total)), rel=1e-12)
    assert (found.adjustment, found.adjust) == (adjustment, ("age", "risk"))
    plain = estimate_designs(followup, imputed, measure)
    assert abs(found.estimate - plain.estimate) > 1e-6


def test_with_nothing_missing_it_is_the_estimate_itself():
    cohort, followup = study(lost=0.0)

    found = estimate_imputed_effect(followup, build_imputed_designs(cohort, "overlap", imputations=2), "risk_difference")

    alone = estimate_effect(followup, build_design(cohort, "overlap"), "risk_difference")
    assert (found.estimate, found.std_error) == pytest.approx((alone.estimate, alone.std_error), rel=1e-12)
    assert found.influence == pytest.approx(alone.influence, abs=1e-15)


def test_influence_is_averaged_unit_by_unit():
    cohort, followup = study()
    imputed = build_imputed_designs(cohort, "overlap", imputations=2)

    found = estimate_imputed_effect(followup, imputed, "risk_difference")

    unit = imputed.designs[0].cohort.units["unit_id"].iloc[7]
    own = [
        estimate_effect(followup, d, "risk_difference").influence[np.flatnonzero(d.cohort.units["unit_id"] == unit)[0]]
        for d in imputed.designs
    ]
    assert found.influence[7] == pytest.approx(np.mean(own), abs=1e-15)


def test_confounding_by_a_covariate_missing_at_random_is_removed():
    biases = []
    for seed in range(8):
        cohort, followup = study(n=1500, seed=seed, effect=0.0)
        imputed = build_imputed_designs(cohort, "overlap", imputations=3, seed=seed)
        biases.append(estimate_imputed_effect(followup, imputed, "risk_difference").estimate)

    # The naive difference is 0.11 on average; the standard error of a mean of eight is 0.011.
    assert np.mean(biases) == pytest.approx(0.0, abs=0.035)
