"""The bias adjustment of matching with replacement, reached through ``estimate_effect``."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import UsageError
from yoseval.models.matching_variance import equal_shares, matched_difference, neighbour_variance, predict_untreated
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp


def study(n=400, *, censored=False):
    rng = np.random.default_rng(5)
    age, prior = rng.uniform(10, 18, n), rng.poisson(2, n)
    treated = rng.random(n) < 1 / (1 + np.exp(4 - 0.2 * age - 0.2 * prior))
    event = rng.random(n) < np.clip(0.02 * age + 0.05 * prior, 0, 1)
    time = np.where(event, np.ceil(rng.uniform(0, 365, n)), 365.0)
    if censored:
        event, time = event & (np.arange(n) % 9 > 0), np.where(np.arange(n) % 9 > 0, time, time * 0.7)
    frame = pd.DataFrame({"treated": treated * 1, "age": age, "prior": prior, "event": event * 1, "time": time})
    frame = frame.assign(id=[f"c{i:03d}" for i in range(n)], count=event * (1 + prior), end=365.0)
    cohort = Cohort.from_frame(frame, treated="treated", id="id", covariates=["age", "prior"])
    columns = {"event": "event", "time": "time", "id": "id", "count": "count", "horizon": 365}
    followup = FollowUp.from_frame(frame, **columns, followed=None if censored else "end")
    return followup, cohort, frame


@pytest.mark.parametrize("measure", ["risk_difference", "mean_count_difference"])
def test_it_is_the_estimator_of_abadie_and_imbens_on_the_outcomes_themselves(measure):
    followup, cohort, frame = study()
    design = build_design(cohort, "nearest", replace=True, distance="mahalanobis", caliper=None, ratio=2)

    found = estimate_effect(followup, design, measure, adjust=("age", "prior"))

    column = "event" if measure == "risk_difference" else "count"
    units = design.cohort.units
    outcome = frame.set_index("id")[column].loc[units["unit_id"]].to_numpy(dtype=float)
    lead, partner = design.weighting.pairs
    x = units[["age", "prior"]].to_numpy(dtype=float)
    predicted = predict_untreated(outcome, x, lead, partner, equal_shares(lead))
    residual, used = np.zeros(len(outcome)), np.unique(partner)
    # The variance given the covariates, of what is left after the prediction.
    residual[used] = neighbour_variance((outcome - predicted)[used], design.weighting.matched_on[used])
    wanted = matched_difference(outcome, lead, partner, predicted=predicted, residual=residual)
    assert (found.estimate, found.std_error) == pytest.approx((wanted.value, wanted.std_error), rel=1e-9)
    assert found.treated_value - found.comparison_value == pytest.approx(found.estimate, rel=1e-12)
    plain = estimate_effect(followup, design, measure)
    assert found.treated_value == plain.treated_value
    assert abs(found.estimate - plain.estimate) > 1e-4


def test_follow_up_that_was_cut_short_is_adjusted_by_pseudo_values():
    followup, cohort, _ = study(censored=True)
    design = build_design(cohort, "nearest", replace=True, distance="mahalanobis", caliper=None)

    found = estimate_effect(followup, design, "risk_difference", adjust=("age", "prior"))

    plain = estimate_effect(followup, design, "risk_difference")
    assert abs(found.estimate - plain.estimate) < plain.std_error
    assert found.influence[design.treated].sum() == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be_adjusted_is_refused_with_what_can():
    followup, cohort, _ = study()
    pairs = build_design(cohort, "nearest", replace=True, caliper=None)

    with pytest.raises(UsageError, match="bias adjustment of matching with replacement; this design of 'nearest'"):
        estimate_effect(followup, build_design(cohort, "nearest"), "risk_difference", adjust=("age",))
    with pytest.raises(UsageError, match=r"not for 'hazard_ratio'.*risk_difference, mean_count_difference"):
        estimate_effect(followup, pairs, "hazard_ratio", adjust=("age",))
    with pytest.raises(UsageError, match=r"no covariate 'size'.*age, prior"):
        estimate_effect(followup, pairs, "risk_difference", adjust=("size",))
