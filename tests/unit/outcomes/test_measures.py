"""The menu of measures and the estimate that comes out of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.errors import EstimationError, UsageError
from yoseval.frames import check_frame
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import FollowUp


def build(n=300, seed=0, *, rows=None):
    """Return a follow-up, a design and the frame they come from; the covariate keeps the order of rows."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 2 == 0
    # Some never have the outcome, and the others all but soon: the curves have a plateau.
    time = np.where(
        rng.random(n) < np.where(treated, 0.5, 0.8), np.ceil(rng.exponential(np.where(treated, 12.0, 8.0), n)), 99.0
    )
    event = time <= 52
    frame = pd.DataFrame({"id": [f"c{i:04d}" for i in range(n)], "treated": treated.astype(int), "x": np.arange(n)})
    frame = frame.assign(event=event.astype(int), time=np.minimum(time, 52.0), weight=rng.uniform(0.5, 1.5, n))
    # Whoever has the outcome sooner has it more often by the end, to which everybody was followed.
    frame = frame.assign(count=np.where(event, 1 + (52 - frame["time"]) // 20, 0), end=52.0, days=52.0)
    frame = frame.assign(severity=np.where(event, 8 - frame["time"] // 8, 0), cause=event.astype(int))
    frame = frame.assign(offered=np.where(rng.random(n) < 0.1, 1 - frame["treated"], frame["treated"]))
    roles = {"treated": "treated", "id": "id", "covariates": ["x"], "instrument": "offered"}
    cohort = Cohort.from_frame(frame, **roles, programme="mentoring")
    weighting = Weighting(frame["weight"].to_numpy(), np.full(n, -1), np.full(n, 0.5), "ATO")
    design = Design(cohort, "overlap", {}, weighting, "ATO", cohort.attrition)
    seen = frame if rows is None else frame.iloc[rows]
    columns = {"event": "event", "time": "time", "id": "id", "count": "count", "followed": "end", "severity": "severity"}
    columns |= {"exposure": "days", "cause": "cause"}
    followup = FollowUp.from_frame(seen, **columns, horizon=52, time_unit="weeks")
    return followup.with_recurrences(*events_of(seen)), design, frame


def events_of(frame):
    """Return whose every event is, and when: the first as in the frame, and then another every twenty weeks."""
    rows = frame.loc[frame.index.repeat(frame["count"].astype(int))]
    later = rows.groupby("id", sort=False).cumcount().to_numpy()
    return rows["id"].to_numpy(dtype=object), rows["time"].to_numpy() + 20.0 * later * (rows["time"] + 20.0 * later <= 52)


def test_the_menu_holds_each_measure_under_its_own_name():
    assert list(MEASURES) == [
        "risk_difference",
        "risk_ratio",
        "odds_ratio",
        "survival_difference",
        "restricted_mean_difference",
        "restricted_mean_ratio",
        "hazard_ratio",
        "incidence_difference",
        "cause_specific_ratio",
        "subdistribution_ratio",
        "mean_count_difference",
        "mean_count_ratio",
        "rate_ratio",
        "lwyy",
        "ag",
        "pwp_total",
        "pwp_gap",
        "severity_odds",
        "win_ratio",
        "cure_fraction_difference",
        "instrument",
    ]
    assert all(name == measure.name for name, measure in MEASURES.items())


@pytest.mark.parametrize("name", MEASURES)
def test_null_and_scale_of_a_measure_belong_together(name):
    measure = MEASURES[name]

    assert (measure.scale == "log") == (measure.null == 1.0)


@pytest.mark.parametrize("name", MEASURES)
def test_the_sign_of_benefit_is_right_for_a_programme_that_delays_the_outcome(name):
    followup, design, _ = build()

    found = estimate_effect(followup, design, name)

    assert np.sign(found.estimate - MEASURES[name].null) == MEASURES[name].benefit


@pytest.mark.parametrize("name", MEASURES)
def test_an_estimate_is_a_row_of_the_public_frame(name):
    followup, design, _ = build()

    row = check_frame(estimate_effect(followup, design, name, role="secondary").to_frame(), "estimates").iloc[0]

    made = ("two_stage_least_squares", "LATE") if MEASURES[name].everybody else ("overlap", "ATO")
    assert row[["programme", "outcome", "measure", "method", "estimand", "role", "time_unit"]].tolist() == [
        "mentoring", "event", name, *made, "secondary", "weeks",
    ]  # fmt: skip
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_sizes_and_events_are_counts_of_the_units_used():
    followup, design, frame = build()

    found = estimate_effect(followup, design, "risk_difference")

    treated, weight = frame["treated"] == 1, frame["weight"]
    assert (found.n_treated, found.n_comparison) == (150, 150)
    assert found.events_treated == frame.loc[treated, "event"].sum()
    assert found.events_comparison == frame.loc[~treated, "event"].sum()
    assert found.effective_n == pytest.approx(weight[~treated].sum() ** 2 / (weight[~treated] ** 2).sum())
    assert found.horizon == 52.0


def test_a_ratio_is_reported_as_a_ratio_with_the_standard_error_of_its_logarithm():
    followup, design, frame = build()

    found = estimate_effect(followup, design, "risk_ratio")

    risks = [np.average(part["event"], weights=part["weight"]) for _, part in frame.groupby("treated")]
    assert found.estimate == pytest.approx(risks[1] / risks[0], rel=1e-12)
    assert (found.treated_value, found.comparison_value) == pytest.approx((risks[1], risks[0]), rel=1e-12)
    assert np.log(found.conf_high / found.estimate) == pytest.approx(np.log(found.estimate / found.conf_low), rel=1e-9)


def test_influence_comes_in_the_order_of_the_design_and_explains_the_standard_error():
    followup, design, _ = build()

    found = estimate_effect(followup, design, "restricted_mean_difference")

    assert found.influence.shape == (300,)
    expected = (found.influence**2).sum() * (300 / 299) * (299 / 298)
    assert found.std_error == pytest.approx(expected**0.5, rel=1e-12)


def test_follow_up_in_another_order_and_of_other_children_changes_nothing():
    shuffled, design, _ = build(rows=np.random.default_rng(1).permutation(300))
    followup, _, _ = build()

    found, plain = estimate_effect(shuffled, design, "hazard_ratio"), estimate_effect(followup, design, "hazard_ratio")

    assert found.estimate == plain.estimate
    assert (found.influence == plain.influence).all()


def test_children_without_follow_up_leave_the_estimate_and_are_counted_in_its_notes():
    rows = np.arange(4, 300)
    followup, design, frame = build(rows=rows)

    found = estimate_effect(followup, design, "risk_difference")

    kept = frame.iloc[rows]
    risks = [np.average(part["event"], weights=part["weight"]) for _, part in kept.groupby("treated")]
    assert found.estimate == pytest.approx(risks[1] - risks[0], rel=1e-12)
    assert (found.n_treated, found.n_comparison) == (148, 148)
    assert not found.influence[:4].any()
    assert found.notes == ("Units without follow-up were left out; the flow counts them.",)


def test_a_small_sample_is_jackknifed_by_its_own_measure():
    followup, design, frame = build(n=60, seed=3)

    found = estimate_effect(followup, design, "hazard_ratio")

    measure = MEASURES["hazard_ratio"].leaf
    columns = (
        frame["time"].to_numpy(),
        frame["event"].to_numpy() == 1,
        frame["treated"].to_numpy() == 1,
        frame["weight"].to_numpy(),
    )
    replicates = np.array([measure(*(np.delete(column, i) for column in columns), 52.0).value for i in range(60)])
    assert found.std_error == pytest.approx((59 * replicates.var()) ** 0.5, rel=1e-10)
    assert "jackknife over children" in found.interval


def test_a_wider_confidence_level_widens_the_interval_alone():
    followup, design, _ = build()

    narrow, wide = (estimate_effect(followup, design, "risk_difference", conf_level=level) for level in (0.8, 0.99))

    assert narrow.estimate == wide.estimate
    assert wide.conf_low < narrow.conf_low < narrow.conf_high < wide.conf_high


def test_an_unknown_measure_is_refused_with_the_known_ones():
    followup, design, _ = build()

    with pytest.raises(UsageError, match="risk_difference, risk_ratio"):
        estimate_effect(followup, design, "odds")


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_confidence_level_outside_zero_and_one_is_refused(level):
    followup, design, _ = build()

    with pytest.raises(UsageError, match="between 0 and 1"):
        estimate_effect(followup, design, "risk_difference", conf_level=level)


def test_an_arm_without_follow_up_is_refused():
    followup, design, _ = build(rows=np.arange(0, 300, 2))

    with pytest.raises(EstimationError, match="No comparison unit with follow-up"):
        estimate_effect(followup, design, "risk_difference")


def test_events_after_the_horizon_are_not_counted():
    followup, design, frame = build()

    found = estimate_effect(replace(followup, horizon=20.0), design, "risk_difference")

    treated, by_then = frame["treated"] == 1, (frame["event"] == 1) & (frame["time"] <= 20)
    assert (found.events_treated, found.events_comparison) == (by_then[treated].sum(), by_then[~treated].sum())
    assert found.events_treated < frame.loc[treated, "event"].sum()
