"""What else happened during follow-up, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import check_frame
from yoseval.outcomes.during_follow_up import during_follow_up

TREATED = np.array([True, True, True, False, False, False])
WEIGHT = np.array([1.0, 1.0, 0.0, 3.0, 1.0, 0.0])
COUNTS = ["n", "n_pseudo", "n_turned_18", "n_died", "n_moved", "n_custody"]
DAYS = ["mean_days_at_risk", "mean_days_not_at_risk"]


def observed(**changes):
    """Six units, the third and the last of weight 0: whatever happened to these is not counted."""
    return pd.DataFrame(
        {
            "n_pseudo": [2, 0, 5, 1, 1, 9],
            "turned_18_days": [np.nan, 100.0, 50.0, np.nan, np.nan, 1.0],
            "exit_reason": ["died", "", "died", "moved_away", "emigrated", "transferred"],
            "days_not_at_risk": [0.0, 40.0, 99.0, 10.0, 0.0, 99.0],
            "days_at_risk": [200.0, 325.0, 1.0, 90.0, 50.0, 1.0],
            **changes,
        }
    )


def made(seen=None, **given):
    frame = during_follow_up(observed() if seen is None else seen, TREATED, WEIGHT, programme="m", **given)
    assert check_frame(frame, "follow_up") is frame
    assert frame["programme"].tolist() == ["m", "m"]
    return frame.set_index("arm")


def test_units_of_positive_weight_are_counted_once_each():
    frame = made()

    assert frame.loc["treated", COUNTS].tolist() == [2, 1, 1, 1, 0, 1]
    assert frame.loc["comparison", COUNTS].tolist() == [2, 2, 0, 0, 2, 1]


def test_means_are_weighted():
    frame = made()

    assert frame.loc["treated", DAYS].tolist() == [262.5, 20.0]
    # (3 x 90 + 50) / 4 and (3 x 10 + 0) / 4
    assert frame.loc["comparison", DAYS].tolist() == [80.0, 7.5]


def test_without_the_table_of_custody_nobody_knows_who_was_in_it():
    frame = made(observed(days_not_at_risk=np.nan, days_at_risk=np.nan))

    assert frame[["n_custody", *DAYS]].isna().all(axis=None)
    assert frame["n_pseudo"].tolist() == [1, 2]


def test_without_the_table_of_exits_nobody_knows_who_died_or_left():
    frame = made(observed(exit_reason=""), has_exits=False)

    assert frame[["n_died", "n_moved"]].isna().all(axis=None)
    assert frame["n_custody"].tolist() == [1, 1]


@pytest.mark.parametrize("arm", [True, False])
def test_an_arm_without_units_has_zeros_and_no_means(arm):
    frame = during_follow_up(observed(), np.full(6, arm), WEIGHT, programme="m").set_index("arm")
    empty = frame.loc["comparison" if arm else "treated"]

    assert empty[COUNTS].tolist() == [0] * 6
    assert empty[DAYS].isna().all()
