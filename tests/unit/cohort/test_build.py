"""A cohort: roles, content order, and the flow of units."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort, next_step, starting_flow
from yoseval.errors import DataError
from yoseval.frames import check_frame


@pytest.fixture
def frame():
    return pd.DataFrame({"who": ["d", "a", "c", "b"], "started": [0, 1, 1, 0], "age": [15, 14, 15, 14], "area": list("xyxy")})


def build(frame, **changes):
    return Cohort.from_frame(frame, **{"treated": "started", "id": "who", "covariates": ["age", "area"], **changes})


def test_units_have_roles_then_covariates_then_exact_columns(frame):
    cohort = build(frame.assign(sex="f"), exact=["sex"])

    assert cohort.units.columns.tolist() == ["unit_id", "person_id", "treated", "age", "area", "sex"]
    assert cohort.covariates == ("age", "area")


def test_rows_are_in_content_order_then_by_arm(frame):
    cohort = build(frame)

    assert cohort.units["unit_id"].tolist() == ["b", "a", "d", "c"]
    assert cohort.treated.tolist() == [False, True, False, True]


def test_units_alike_in_everything_are_in_the_order_of_their_ids():
    frame = pd.DataFrame({"who": ["z", "m", "a"], "started": [0, 0, 1], "age": [14, 14, 14]})

    assert build(frame, covariates=["age"]).units["unit_id"].tolist() == ["m", "z", "a"]


def test_a_shuffled_file_gives_the_same_cohort(frame):
    pd.testing.assert_frame_equal(build(frame).units, build(frame.iloc[::-1]).units)


def test_columns_in_another_order_in_the_file_give_the_same_cohort(frame):
    pd.testing.assert_frame_equal(build(frame).units, build(frame[frame.columns[::-1]]).units)


def test_without_an_id_each_row_is_a_unit(frame):
    cohort = build(frame, id=None)

    assert sorted(cohort.units["unit_id"]) == ["000000001", "000000002", "000000003", "000000004"]


def test_the_given_frame_is_not_changed(frame):
    before = frame.copy()

    build(frame)

    pd.testing.assert_frame_equal(frame, before)


def test_the_flow_begins_with_everybody(frame):
    flow = build(frame, programme="mentoring").attrition

    check_frame(flow, "attrition")
    assert flow["n_left"].tolist() == [2, 2]
    assert set(flow["programme"]) == {"mentoring"}


def test_a_step_of_the_flow_takes_from_each_arm():
    flow = starting_flow("p", np.array([True, True, False, False, False]))

    flow = next_step(flow, stage="design", reason="too far", lost_treated=1, lost_comparison=2)

    check_frame(flow, "attrition")
    last = flow[flow["step"] == 2].set_index("arm")
    assert last["n_left"].to_dict() == {"treated": 1, "comparison": 1}
    assert last["n_lost"].to_dict() == {"treated": 1, "comparison": 2}


def test_the_matrix_follows_the_order_of_the_units(frame):
    cohort = build(frame)

    assert cohort.matrix().values[:, 0].tolist() == cohort.units["age"].tolist()


def test_booleans_may_say_who_was_treated(frame):
    assert build(frame.assign(started=frame["started"] == 1)).treated.sum() == 2


def test_absent_columns_are_named_with_those_there_are(frame):
    with pytest.raises(DataError, match="Columns not in the data: prior") as caught:
        build(frame, covariates=["prior"])

    assert "started" in caught.value.remedy


def test_repeated_ids_are_an_error_that_shows_none_of_them(frame):
    with pytest.raises(DataError, match="1 of 4 rows repeat an id of the column 'who'") as caught:
        build(frame.assign(who=["kim", "kim", "lee", "sam"]))

    assert "kim" not in str(caught.value)


@pytest.mark.parametrize("values", [[0, 1, 2, 0], [0, 1, np.nan, 0]])
def test_anything_but_zero_and_one_is_an_error_with_its_row(frame, values):
    with pytest.raises(DataError, match=r"1 of 4 rows of 'started' are not 0 or 1 \(first at row 3\)"):
        build(frame.assign(started=values))


def test_an_empty_arm_is_an_error(frame):
    with pytest.raises(DataError, match="only one value"):
        build(frame.assign(started=1))


def test_a_summary_is_short(frame):
    assert len(str(build(frame)).splitlines()) <= 8


def test_a_resampled_cohort_keeps_the_coding_of_its_covariates():
    frame = pd.DataFrame({"started": [1, 0, 0, 1], "age": [14.0, 15.0, 16.0, 17.0], "area": ["a", "b", "c", "a"]})
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age", "area"])

    drawn = cohort.resampled(np.array([0, 0, 3]))

    assert drawn.matrix().terms == cohort.matrix().terms
    assert np.array_equal(drawn.matrix().values, cohort.matrix().values[[0, 0, 3]])
    assert drawn.units["unit_id"].is_unique
    assert drawn.treated.tolist() == cohort.treated[[0, 0, 3]].tolist()


def test_other_units_are_coded_anew():
    frame = pd.DataFrame({"started": [1, 0, 0], "area": ["a", "b", "c"]})
    cohort = Cohort.from_frame(frame, treated="started", covariates=["area"]).coded()

    fewer = replace(cohort, units=cohort.units.iloc[:2].reset_index(drop=True))

    assert len(fewer.matrix().terms) == 2
