"""Who was lost against who was kept, by hand and by definition."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.evaluation.losses import AGE, EVENTS, lost_frame, standardised_difference
from yoseval.frames import check_frame

CUSTODY = "in custody at time zero"


@pytest.fixture
def trial(make_trial, kind):
    return make_trial(
        kind(2, "treated", "2024-01-01", born="2008-01-01", sex="male", area="east", events=1),
        kind(2, "treated", "2024-01-01", born="2010-01-01", sex="female", area="west", events=3),
        kind(1, "treated", "2024-01-01", CUSTODY, born="2007-01-01", sex="male", area="west"),
        kind(1, "treated", "2024-01-01", CUSTODY, born="2009-01-01", sex=None, area="west"),
        kind(5, "comparison", "2024-01-01"),
        kind(3, "comparison", 2**31, "no eligible caution", stage="index", events=0),
    )


@pytest.fixture
def rows(trial):
    frame = check_frame(lost_frame(trial), "lost")
    return frame.set_index(["arm", "reason", "term"]).sort_index()


def test_means_and_shares_are_those_of_the_lost_and_the_kept(rows):
    told = rows.loc[("treated", CUSTODY)]

    assert told["n_lost"].unique().tolist() == [2]
    assert told["n_kept"].unique().tolist() == [4]
    assert told.loc[AGE, ["mean_lost", "mean_kept"]].tolist() == [16.0, 15.0]
    assert told.loc["sex: male", ["mean_lost", "mean_kept"]].tolist() == [0.5, 0.5]
    assert told.loc["sex: not recorded", ["mean_lost", "mean_kept"]].tolist() == [0.5, 0.0]
    assert told.loc["area: west", ["mean_lost", "mean_kept"]].tolist() == [1.0, 0.5]
    assert told.loc[EVENTS, ["mean_lost", "mean_kept"]].tolist() == [1.0, 2.0]


def test_the_standardised_difference_divides_by_the_root_of_the_mean_variance(rows):
    # Ages 17 and 15 against 16, 16, 14, 14: variances 1 and 1, means 16 and 15.
    assert rows.loc[("treated", CUSTODY, AGE), "std_mean_diff"] == pytest.approx(1.0)
    # All of the lost in the west, half of the kept: variances 0 and 1/4.
    assert rows.loc[("treated", CUSTODY, "area: west"), "std_mean_diff"] == pytest.approx(0.5 / np.sqrt(0.125))


def test_levels_of_a_category_add_up_to_everybody(rows):
    told = rows.loc[("treated", CUSTODY)]

    for column in ("mean_lost", "mean_kept"):
        assert told[column][[t for t in told.index if t.startswith("area: ")]].sum() == pytest.approx(1.0)
        assert told[column][[t for t in told.index if t.startswith("sex: ")]].sum() == pytest.approx(1.0)


def test_without_an_index_event_neither_age_at_time_zero_nor_events_are_compared(rows):
    terms = rows.loc[("comparison", "no eligible caution")].index

    assert AGE not in terms
    assert EVENTS not in terms
    assert "sex: male" in terms


def test_no_difference_that_does_not_vary_is_zero_and_a_difference_without_spread_is_not_a_number():
    assert standardised_difference(np.ones(3), np.ones(2)) == 0.0
    assert np.isnan(standardised_difference(np.ones(3), np.zeros(2)))


def test_at_the_design_covariates_of_those_left_out_are_compared_with_those_used(trial):
    frame = pd.DataFrame({"started": [1, 1, 0, 0, 0], "age": [10.0, 14.0, 11.0, 13.0, 17.0]})
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age"])
    far = cohort.units["age"].to_numpy() == 17.0
    weighting = Weighting(np.where(far, 0.0, 1.0), np.full(5, -1), np.full(5, 0.5), "ATT", left=(("not the closest", far),))
    design = Design(cohort, "nearest", {}, weighting, "ATT", cohort.attrition)
    told = lost_frame(trial, design)
    told = told[told["stage"] == "design"]

    assert told[["arm", "reason", "term", "n_lost", "n_kept"]].to_numpy().tolist() == [
        ["comparison", "not the closest", "age", 1, 2]
    ]
    assert told[["mean_lost", "mean_kept"]].to_numpy().tolist() == [[17.0, 12.0]]


def test_where_nobody_was_lost_there_are_no_rows(make_trial, kind):
    whole = make_trial(kind(3, "treated", "2024-01-01"), kind(3, "comparison", "2024-01-01"))

    assert lost_frame(replace(whole, flow=whole.flow)).empty


def test_the_rounding_of_a_constant_is_no_difference():
    assert standardised_difference(np.full(3, 0.1), np.full(7, 0.1)) == 0.0
