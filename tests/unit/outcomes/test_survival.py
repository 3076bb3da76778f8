"""Time-to-event contrasts and the frame of curves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, WeightEstimation, Weighting
from yoseval.errors import EstimationError
from yoseval.frames import check_frame
from yoseval.models.cox import fit_cox
from yoseval.models.curves import kaplan_meier, survival_at, survival_influence
from yoseval.models.incidence import incidence_influence
from yoseval.models.variance import correct_for_estimated_weights
from yoseval.outcomes.binary import risk_difference
from yoseval.outcomes.competing import incidence_difference
from yoseval.outcomes.survival import hazard_ratio, restricted_mean_difference, survival_curves, survival_difference
from yoseval.outcomes.types import FollowUp


def sample(n=60, seed=0, horizon=30):
    rng = np.random.default_rng(seed)
    treated = np.arange(n) % 3 == 0
    time = np.ceil(rng.exponential(np.where(treated, 40.0, 25.0)))
    event = (time <= horizon) & (rng.random(n) < 0.8)
    time = np.where(event, time, np.where(rng.random(n) < 0.2, np.minimum(time, horizon), horizon))
    return time, event, treated, rng.uniform(0.4, 2.0, n)


def build(time, event, treated, weight, *, set_id=None, estimation=None, horizon=30.0):
    """Return a follow-up and a design of the same rows; the covariate keeps the order of the rows."""
    n = len(time)
    frame = pd.DataFrame({"treated": treated.astype(int), "x": np.arange(n), "event": event.astype(int), "time": time})
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["x"], programme="mentoring")
    sets = np.full(n, -1) if set_id is None else set_id
    weighting = Weighting(weight, sets, np.full(n, 0.5), "ATT", estimation=estimation)
    design = Design(cohort, "overlap", {}, weighting, "ATT", cohort.attrition)
    return FollowUp.from_frame(frame, event="event", time="time", horizon=horizon, time_unit="days"), design


def test_survival_difference_is_the_risk_difference_with_the_other_sign():
    given = sample()

    survival, risk = survival_difference(*given, 20.0), risk_difference(*given, 20.0)

    assert survival.value == pytest.approx(-risk.value, rel=1e-12)
    np.testing.assert_allclose(survival.influence, -risk.influence, atol=1e-15)
    assert survival.treated_value == pytest.approx(1.0 - risk.treated_value, rel=1e-12)


def test_restricted_mean_difference_is_the_area_between_the_curves():
    time, event, treated, weight = sample(seed=1)

    found = restricted_mean_difference(time, event, treated, weight, 30.0)

    # Whole days: the area is the sum of the curve at 0, 1, ..., 29.
    days = np.arange(30.0)
    areas = [survival_at(kaplan_meier(time[a], event[a], weight[a]), days).sum() for a in (treated, ~treated)]
    assert found.value == pytest.approx(areas[0] - areas[1], rel=1e-12)
    assert found.treated_value == pytest.approx(areas[0], rel=1e-12)
    assert found.comparison_value == pytest.approx(areas[1], rel=1e-12)


def test_hazard_ratio_is_the_cox_model_of_the_arm():
    time, event, treated, weight = sample(seed=2)

    found = hazard_ratio(time, event, treated, weight, 30.0)

    assert found.value == fit_cox(time, event, treated[:, None].astype(float), weight).coefficients[0]
    assert np.isnan([found.treated_value, found.comparison_value]).all()


def test_hazard_ratio_censors_at_the_horizon_what_comes_after_it():
    time, event, treated, weight = sample(seed=3)

    found = hazard_ratio(time, event, treated, weight, 12.0)

    cut = hazard_ratio(np.minimum(time, 12.0), event & (time <= 12.0), treated, weight, 99.0)
    assert found.value == cut.value
    assert found.value != hazard_ratio(time, event, treated, weight, 30.0).value


@pytest.mark.parametrize("name", ["treated", "comparison"])
def test_a_hazard_ratio_with_an_arm_without_events_by_the_horizon_is_refused(name):
    time, event, treated, weight = sample()
    arm = treated if name == "treated" else ~treated

    with pytest.raises(EstimationError, match=f"the {name} arm has none"):
        hazard_ratio(time, event & ~arm, treated, weight, 30.0)


def test_curves_are_the_public_frame_with_named_rows():
    found = survival_curves(*build(*sample()))

    check_frame(found, "curves")
    assert set(found["programme"]) == {"mentoring"}
    assert set(found["time_unit"]) == {"days"}
    assert set(zip(found["kind"], found["arm"], strict=True)) == {
        (kind, arm) for kind in ("curve", "at_risk") for arm in ("treated", "comparison")
    }


def test_curve_rows_stand_at_zero_at_each_event_time_and_at_the_horizon():
    time, event, treated, weight = sample(seed=4)
    time, event = np.where(time == 30.0, 31.0, time), event & (time != 30.0)

    found = survival_curves(*build(time, event, treated, weight))

    rows = found[(found["kind"] == "curve") & (found["arm"] == "treated")]
    own = treated & event
    assert rows["time"].tolist() == sorted({0.0, 30.0, *time[own].tolist()})
    np.testing.assert_allclose(
        rows["incidence"], 1.0 - survival_at(kaplan_meier(time, event, weight * treated), rows["time"].to_numpy())
    )


def test_numbers_at_risk_and_of_events_are_unweighted_counts_of_the_units_used():
    time, event, treated, weight = sample(seed=5)
    weight = np.where(np.arange(60) % 7 == 0, 0.0, weight)

    found = survival_curves(*build(time, event, treated, weight))

    rows = found[(found["kind"] == "curve") & (found["arm"] == "comparison")]
    used = ~treated & (weight > 0)
    assert rows["n_at_risk"].tolist() == [int((time[used] >= t).sum()) for t in rows["time"]]
    assert rows["n_events"].tolist() == [int((event[used] & (time[used] == t)).sum()) for t in rows["time"]]


def test_at_risk_rows_stand_at_about_six_round_times():
    found = survival_curves(*build(*sample()))

    rows = found[(found["kind"] == "at_risk") & (found["arm"] == "treated")]
    assert rows["time"].tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
    assert rows["n_at_risk"].iloc[0] == 20
    assert rows[["incidence", "conf_low", "conf_high", "n_events"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("horizon", "times"),
    [
        (365.0, [0, 60, 120, 180, 240, 300, 360]),
        (52.0, [0, 10, 20, 30, 40, 50]),
        (12.0, [0, 2, 4, 6, 8, 10, 12]),
        (24.0, [0, 4, 8, 12, 16, 20, 24]),
    ],
)
def test_usual_lengths_of_follow_up_have_round_times(horizon, times):
    time, event, treated, weight = sample()

    found = survival_curves(
        *build(np.where(event, np.minimum(time, horizon), horizon), event, treated, weight, horizon=horizon)
    )

    assert found.loc[(found["kind"] == "at_risk") & (found["arm"] == "treated"), "time"].tolist() == times


def loglog(survival, std_error, df):
    centre, reach = np.log(-np.log(survival)), stats.t(df).ppf(0.975) * std_error / (survival * -np.log(survival))
    return 1.0 - np.exp(-np.exp(centre - reach)), 1.0 - np.exp(-np.exp(centre + reach))


def test_limits_of_the_curve_come_from_clustered_influence_on_the_loglog_scale():
    time, event, treated, weight = sample(seed=6)
    sets = np.arange(60) // 6
    followup, design = build(time, event, treated, weight, set_id=sets)

    row = survival_curves(followup, design).query("kind == 'curve' and arm == 'comparison' and time == 30").iloc[0]

    own = weight * ~treated
    by_set = np.bincount(sets, survival_influence(time, event, own, 30.0))
    std_error = np.sqrt(10 / 9 * (by_set**2).sum())
    df = min(own.sum() ** 2 / (own @ own), treated.sum()) - 1
    low, high = loglog(1.0 - row["incidence"], std_error, df)
    assert row["conf_low"] == pytest.approx(low, rel=1e-9)
    assert row["conf_high"] == pytest.approx(high, rel=1e-9)


def test_limits_of_the_curve_allow_for_estimated_weights():
    time, event, treated, weight = sample(seed=7)
    rng = np.random.default_rng(7)
    estimation = WeightEstimation(rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) / 60)
    followup, design = build(time, event, treated, weight, estimation=estimation)

    row = survival_curves(followup, design).query("kind == 'curve' and arm == 'treated' and time == 30").iloc[0]

    own = weight * treated
    influence = correct_for_estimated_weights(
        survival_influence(time, event, own, 30.0), own, estimation.gradient, estimation.influence
    )
    std_error = np.sqrt(20 / 19 * (influence**2).sum())
    other = weight * ~treated
    low, high = loglog(1.0 - row["incidence"], std_error, min(other.sum() ** 2 / (other @ other), 20) - 1)
    assert row["conf_low"] == pytest.approx(low, rel=1e-9)
    assert row["conf_high"] == pytest.approx(high, rel=1e-9)


def test_limits_of_the_curve_lie_around_it_and_are_equal_to_it_before_the_first_event():
    found = survival_curves(*build(*sample(seed=8)))

    rows = found[found["kind"] == "curve"]
    start = rows[rows["time"] == 0.0]
    later = rows[rows["incidence"] > 0]
    assert start[["incidence", "conf_low", "conf_high"]].eq(0.0).all(axis=None)
    assert ((later["conf_low"] > 0) & (later["conf_low"] < later["incidence"])).all()
    assert ((later["incidence"] < later["conf_high"]) & (later["conf_high"] < 1)).all()


def test_wider_confidence_gives_wider_limits():
    followup, design = build(*sample(seed=9))

    narrow, wide = (
        survival_curves(followup, design, conf_level=level).query("kind == 'curve' and time == 30") for level in (0.8, 0.99)
    )

    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (wide["conf_high"] > narrow["conf_high"]).all()


def competed(time, event, treated, weight, **more):
    """Return a follow-up in which every fourth of the events was another that came first, and its design."""
    cause = np.where(event, np.where(np.arange(len(time)) % 4 == 1, 2, 1), 0)
    followup, design = build(time, cause == 1, treated, weight, **more)
    return replace(followup, cause=cause), design


def test_where_others_compete_curves_end_at_the_incidence_that_is_contrasted():
    time, event, treated, weight = sample()
    followup, design = competed(time, event, treated, weight)

    found = survival_curves(followup, design, competing=True)

    contrast = incidence_difference(time, followup.cause, treated, weight, 30.0)
    last = found.query("kind == 'curve' and time == 30").set_index("arm")["incidence"]
    assert last.to_dict() == pytest.approx({"treated": contrast.treated_value, "comparison": contrast.comparison_value})
    # Whoever had the other event is not censored: the curve of the outcome alone lies above.
    alone = survival_curves(followup, design).query("kind == 'curve' and time == 30").set_index("arm")["incidence"]
    assert (last < alone).all()


def test_limits_where_others_compete_are_those_of_the_influence_values_corrected_for_estimated_weights():
    rng = np.random.default_rng(4)
    time, event, treated, weight = sample()
    estimation = WeightEstimation(0.1 * rng.normal(size=(60, 2)), 0.1 * rng.normal(size=(60, 2)))
    followup, design = competed(time, event, treated, weight, estimation=estimation)

    row = survival_curves(followup, design, competing=True).query("kind == 'curve' and arm == 'treated' and time == 30").iloc[0]

    plain = incidence_influence(time, followup.cause, weight * treated, 30.0)
    whole = correct_for_estimated_weights(plain, weight * treated, estimation.gradient, estimation.influence)
    n = int(treated.sum())
    error = np.sqrt((whole**2).sum() * n / (n - 1))
    df = min(weight[~treated].sum() ** 2 / (weight[~treated] ** 2).sum(), n) - 1
    free = 1.0 - row["incidence"]
    reach = stats.t.ppf(0.975, df) * error / (free * -np.log(free))
    assert 1.0 - row["conf_high"] == pytest.approx(np.exp(np.log(free) * np.exp(reach)), rel=1e-9)


def test_with_one_cause_both_curves_are_the_same():
    followup, design = build(*sample(seed=3))

    whole = survival_curves(replace(followup, cause=followup.event.astype(np.int64)), design, competing=True)

    pd.testing.assert_frame_equal(whole, survival_curves(followup, design), rtol=1e-10, atol=1e-12)


def test_without_causes_nothing_can_compete():
    with pytest.raises(EstimationError, match="what competes"):
        survival_curves(*build(*sample()), competing=True)
