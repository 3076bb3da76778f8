"""Other programmes: at time zero, and started in the days in which a start counts; counted by hand."""

import pandas as pd
import pytest

from yoseval.cohort.sections import TimeZeroSection
from yoseval.evaluation.coexposure import AT_TIME_ZERO, IN_THE_DAYS, coexposure_frame
from yoseval.frames import check_frame

NAMES = {"mentoring": "Mentoring", "health": "Health", "first_aid": "First aid"}


@pytest.fixture
def trial(make_trial, kind):
    # P0000 and P0001 started, P0002 to P0005 did not.
    others = [("P0000", True, "health"), ("P0002", False, "health"), ("P0003", False, "health")]
    return make_trial(kind(2, "treated", "2024-01-01"), kind(4, "comparison", "2024-01-01"), others=others)


def starts(trial, *rows):
    zero = int(trial.units["time_zero"].iloc[0])
    return pd.DataFrame([(p, o, zero + d) for p, o, d in rows], columns=["person_id", "programme_id", "entry"])


def test_those_on_another_programme_at_time_zero_are_counted_in_each_arm(trial):
    frame = check_frame(coexposure_frame(trial, NAMES, starts(trial)), "coexposure")

    assert frame[["other", "arm", "when", "n", "n_of", "share"]].to_numpy().tolist() == [
        ["health", "treated", AT_TIME_ZERO, 1, 2, 0.5],
        ["health", "comparison", AT_TIME_ZERO, 2, 4, 0.5],
    ]
    assert frame["other_name"].unique().tolist() == ["Health"]


def test_starts_count_from_the_day_after_time_zero_to_the_last_day_of_grace(trial):
    begun = starts(
        trial,
        ("P0000", "first_aid", 0),
        ("P0001", "first_aid", 60),
        ("P0002", "first_aid", 1),
        ("P0002", "first_aid", 5),
        ("P0003", "first_aid", 61),
        ("P0001", "mentoring", 3),
    )
    frame = coexposure_frame(trial, NAMES, begun)
    then = frame[frame["when"] == IN_THE_DAYS]

    assert then[["other", "arm", "n"]].to_numpy().tolist() == [["first_aid", "treated", 1], ["first_aid", "comparison", 1]]


@pytest.mark.parametrize("rule", ["landmark", "nested"])
def test_a_rule_without_licence_reads_no_day_after_time_zero(make_trial, kind, rule):
    trial = make_trial(
        kind(2, "treated", "2024-01-01"), kind(2, "comparison", "2024-01-01"), time_zero=TimeZeroSection(rule=rule)
    )

    assert coexposure_frame(trial, NAMES, starts(trial, ("P0000", "health", 5))).empty
