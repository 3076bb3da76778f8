"""Follow-ups from any data frame: what is optional, and what contradicts itself."""

import numpy as np
import pandas as pd
import pytest

from yoseval.errors import DataError
from yoseval.frames import check_frame
from yoseval.outcomes.types import FollowUp

FRAME = pd.DataFrame(
    {
        "event": [1, 0, 0],
        "time": [10.0, 30.0, 20.0],
        "count": [2, 0, 0],
        "cause": [1, 0, 2],
        "exposure": [25.0, 30.0, 20.0],
        "severity": [5.0, 0.0, np.nan],
        "end": [28.0, 30.0, 20.0],
    }
)
COLUMNS = {"count": "count", "exposure": "exposure", "cause": "cause", "severity": "severity", "followed": "end"}


def test_every_optional_column_is_taken_over():
    found = FollowUp.from_frame(FRAME, event="event", time="time", **COLUMNS)

    assert found.count.tolist() == [2.0, 0.0, 0.0]
    assert found.cause.tolist() == [1, 0, 2]
    assert found.days_at_risk.tolist() == [25.0, 30.0, 20.0]
    assert found.followed.tolist() == [28.0, 30.0, 20.0]
    np.testing.assert_array_equal(found.severity, [5.0, 0.0, np.nan])


def test_what_is_not_given_is_none():
    found = FollowUp.from_frame(FRAME, event="event", time="time")

    assert [found.cause, found.count, found.days_at_risk, found.severity, found.recurrences] == [None] * 5


def test_without_an_end_of_follow_up_whoever_had_the_event_is_followed_to_the_horizon():
    found = FollowUp.from_frame(FRAME, event="event", time="time", count="count", horizon=40)

    assert found.followed.tolist() == [40.0, 30.0, 20.0]


def test_units_are_the_private_frame_with_empty_columns_for_what_is_not_given():
    full = FollowUp.from_frame(FRAME, event="event", time="time", **COLUMNS).to_frame()
    bare = FollowUp.from_frame(FRAME, event="event", time="time").to_frame()

    assert check_frame(full, "followup_units")["count"].tolist() == [2, 0, 0]
    assert check_frame(bare, "followup_units")[["cause", "count", "days_at_risk", "severity"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        ("count", [1.5, 0, 0], "'count' must be a whole number"),
        ("count", [-1, 0, 0], "'count' must be zero or more"),
        ("count", [0, 0, 0], "'count' must be above 0 exactly where 'event' is 1"),
        ("count", [2, 0, 1], "'count' must be above 0 exactly where 'event' is 1"),
        ("cause", [2, 0, 0], "'cause' must be 1 exactly where 'event' is 1"),
        ("exposure", [np.nan, 1, 1], "'exposure' must be zero or more"),
        ("end", [9.0, 30.0, 20.0], "'end' must not end before 'time'"),
    ],
)
def test_a_contradiction_is_refused(column, values, fault):
    with pytest.raises(DataError, match=f"{fault}: 1 of 3 rows"):
        FollowUp.from_frame(FRAME.assign(**{column: values}), event="event", time="time", **COLUMNS)
