"""Adjusted effects through a design: interval, notes, covariates, folds and what is refused."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.design.types import Design, Weighting
from yoseval.errors import EstimationError, UsageError
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.standardised import g_computation
from yoseval.outcomes.types import FollowUp

MODELS = ["g_computation", "aipw", "tmle"]


def study(n=500, seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    treated = rng.random(n) < 1 / (1 + np.exp(-0.7 * x))
    risk = 1 / (1 + np.exp(-x - z + 0.5 * treated))
    time = np.ceil(np.minimum(rng.exponential(-52 / np.log1p(-risk)), 53.0))
    event = time <= 52
    frame = pd.DataFrame({"id": [f"c{i:04d}" for i in range(n)], "t": treated.astype(int), "x": x, "z": z})
    frame = frame.assign(event=event.astype(int), time=np.minimum(time, 52.0), end=52.0)
    frame["count"] = np.where(event, 1 + (52 - frame["time"]) // 20, 0)
    cohort = Cohort.from_frame(frame, treated="t", id="id", covariates=["x"], exact=["z"])
    columns = {"event": "event", "time": "time", "id": "id", "count": "count", "followed": "end"}
    return FollowUp.from_frame(frame, **columns, horizon=52), cohort, frame


@pytest.mark.parametrize(("method", "options"), [("overlap", {}), ("ipw", {"estimand": "ATE"}), ("ipw", {"estimand": "ATT"})])
@pytest.mark.parametrize("adjustment", MODELS)
def test_an_adjusted_effect_agrees_with_the_plain_one_and_says_how_it_was_made(adjustment, method, options):
    followup, cohort, _ = study()
    design = build_design(cohort, method, **options)

    plain = estimate_effect(followup, design, "risk_difference")
    found = estimate_effect(followup, design, "risk_difference", adjustment=adjustment, adjust=("x", "z"))

    assert abs(found.estimate - plain.estimate) < plain.std_error
    # A strong predictor of the outcome makes it more precise.
    assert found.std_error < plain.std_error
    assert "corrected for estimated weights" in found.interval
    assert "x, z" in found.notes[-1]
    assert (found.adjustment, plain.adjustment) == (adjustment, "none")


@pytest.mark.parametrize(
    ("measure", "adjustment"),
    [(m, a) for m in ("risk_ratio", "odds_ratio") for a in MODELS]
    + [(m, a) for m in ("mean_count_difference", "mean_count_ratio") for a in MODELS[:2]],
)
def test_measures_that_can_be_adjusted_are(measure, adjustment):
    followup, cohort, _ = study()
    design = build_design(cohort, "overlap")

    plain, found = (estimate_effect(followup, design, measure, adjustment=a) for a in ("none", adjustment))

    assert found.conf_low < plain.estimate < found.conf_high
    assert np.isfinite(found.std_error)


def test_a_matched_design_clusters_on_the_set_and_standardises_to_the_matched_treated():
    followup, cohort, frame = study()
    design = build_design(cohort, "nearest", caliper=0.2)

    found = estimate_effect(followup, design, "risk_difference", adjustment="g_computation")

    used = design.weight > 0
    rows = frame.set_index("id").loc[cohort.units["unit_id"]][used]
    one, nought = g_computation(
        rows["event"].to_numpy(float), design.treated[used], design.weight[used], rows[["x"]].to_numpy(), estimand="ATT"
    )
    assert found.estimate == pytest.approx(one.value - nought.value, abs=1e-10)
    sets = design.weighting.set_id[used]
    variance = clustered_variance(one.arm.influence - nought.arm.influence, sets, kind="HC1")
    assert found.std_error == pytest.approx(variance**0.5, rel=1e-8)
    assert "clustered on matched set" in found.interval


@pytest.mark.parametrize("adjustment", MODELS)
def test_strata_allow_for_their_estimated_weights(adjustment):
    followup, cohort, _ = study()
    design = build_design(cohort, "subclass", subclass=5)

    found = estimate_effect(followup, design, "risk_difference", adjustment=adjustment)

    assert "corrected for estimated weights" in found.interval
    assert abs(found.influence.sum()) < 1e-9


@pytest.mark.parametrize("adjustment", ["g_computation", "aipw"])
def test_a_small_group_has_the_jackknife_with_folds_that_stay(adjustment):
    followup, cohort, _ = study(70)
    design = build_design(cohort, "overlap")

    found = estimate_effect(followup, design, "risk_difference", adjustment=adjustment)

    assert found.interval.endswith("jackknife over children, weights fitted again")
    # Both estimate one variance; with 70 units they differ by some per cent.
    sandwich = clustered_variance(found.influence, np.arange(70), kind="HC1") ** 0.5
    assert found.std_error == pytest.approx(sandwich, rel=0.25)


def test_units_without_follow_up_are_left_out_of_the_model():
    _, cohort, frame = study()
    design = build_design(cohort, "overlap")
    seen = FollowUp.from_frame(frame.iloc[:-40], event="event", time="time", id="id", horizon=52)

    found = estimate_effect(seen, design, "risk_difference", adjustment="aipw")

    assert found.n_treated + found.n_comparison == 460
    assert found.notes[0].startswith("Units without follow-up")


@pytest.mark.parametrize(
    ("measure", "options", "fault"),
    [
        ("risk_difference", {"adjustment": "magic"}, "not an adjustment"),
        ("hazard_ratio", {"adjustment": "aipw"}, "cannot be adjusted"),
        ("mean_count_difference", {"adjustment": "tmle"}, "cannot be adjusted"),
        ("risk_difference", {"adjust": ("x",)}, "bias adjustment of matching with replacement"),
        ("risk_difference", {"adjustment": "aipw", "adjust": ("y",)}, "has no y"),
        ("risk_difference", {"adjustment": "g_computation", "learner": object()}, "goes with 'aipw' or 'tmle'"),
    ],
)
def test_what_does_not_go_together_is_refused(measure, options, fault):
    followup, cohort, _ = study(60)

    with pytest.raises(UsageError, match=fault):
        estimate_effect(followup, build_design(cohort, "overlap"), measure, **options)


@pytest.mark.parametrize("adjustment", MODELS)
def test_those_who_left_are_stood_for_with_a_note(adjustment):
    _, cohort, frame = study()
    frame.loc[frame.index[frame["event"] == 0][:30], "time"] = 20.0
    followup = FollowUp.from_frame(frame, event="event", time="time", id="id", horizon=52)
    design = build_design(cohort, "overlap")

    plain = estimate_effect(followup, design, "risk_difference")
    found = estimate_effect(followup, design, "risk_difference", adjustment=adjustment)

    assert any("stood for by others" in note for note in found.notes)
    # An overlap design has the covariates balanced already: a model changes little.
    assert found.estimate == pytest.approx(plain.estimate, abs=0.2 * plain.std_error)


def test_counts_of_those_who_died_are_known_and_nobody_stands_for_them():
    _, cohort, frame = study()
    died = frame.index[frame["event"] == 0][:30]
    frame.loc[died, "time"] = 20.0
    columns = {"event": "event", "time": "time", "id": "id", "count": "count", "followed": "end"}
    followup = FollowUp.from_frame(frame, **columns, horizon=52)

    found = estimate_effect(followup, build_design(cohort, "overlap"), "mean_count_difference", adjustment="g_computation")

    assert not any("stood for by others" in note for note in found.notes)


def test_matching_with_replacement_and_outcomes_that_do_not_vary_are_refused():
    followup, cohort, frame = study()
    n = len(frame)
    constant = FollowUp.from_frame(frame.assign(event=frame["t"]), event="event", id="id")
    pairs = (np.zeros(1, dtype=int), np.ones(1, dtype=int))
    weighting = Weighting(np.ones(n), np.full(n, -1), np.full(n, 0.5), "ATT", pairs=pairs, matched_on=np.zeros((n, 1)))
    replaced = Design(cohort, "nearest", {}, weighting, "ATT", cohort.attrition)

    with pytest.raises(EstimationError, match="with replacement"):
        estimate_effect(followup, replaced, "risk_difference", adjustment="aipw")
    with pytest.raises(EstimationError, match="one value only"):
        estimate_effect(constant, build_design(cohort, "overlap"), "risk_difference", adjustment="g_computation")
