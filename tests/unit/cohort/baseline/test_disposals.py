"""The index event and the disposals before it (the index event is of 1 June 2020), solved by hand."""

from datetime import date

import numpy as np
import pytest


@pytest.mark.parametrize(("given", "n"), [(date(2020, 5, 31), 1), (date(2020, 6, 1), 0), (date(2020, 6, 10), 0)])
def test_prior_disposals_are_before_the_index_event(value_of, given, n):
    assert value_of("prior_disposals", disposals=[{"disposal_date": given}]) == n


def test_the_highest_prior_disposal_is_its_place_on_the_ladder(value_of):
    rows = [
        {"disposal_date": date(2019, 1, 1), "disposal_type": "community_resolution"},
        {"disposal_date": date(2019, 2, 1), "disposal_type": "youth_caution"},
        {"disposal_date": date(2020, 6, 1), "disposal_type": "detention_and_training_order"},
    ]

    # Five diversions stand below the youth caution.
    assert value_of("highest_prior_disposal", disposals=rows) == 6
    assert value_of("highest_prior_disposal", disposals=rows[2:]) == 0


def test_the_index_event_is_taken_from_the_moment(frame_of):
    frame = frame_of(["index_kind", "days_since_index", "disposal_type", "disposal_group"], {})

    assert frame.iloc[0, 1:].tolist() == ["disposal", 14.0, "referral_order", "first_tier"]


@pytest.mark.parametrize(
    ("disposal", "group"),
    [("outcome_22", "diversion"), ("reprimand", "pre_court"), ("yro_intensive", "community"), ("section_91", "custody")],
)
def test_every_disposal_has_its_group(value_of, disposal, group):
    assert value_of("disposal_group", moment={"disposal_type": disposal}) == group


def test_a_release_without_a_disposal_has_no_type_or_group(frame_of):
    frame = frame_of(["disposal_type", "disposal_group"], {}, [{"index_kind": "release", "disposal_type": None}])

    assert frame.iloc[0, 1:].tolist() == [None, None]


def test_names_keep_the_order_asked(frame_of):
    names = ["prior_disposals", "index_kind", "highest_prior_disposal"]

    assert list(frame_of(names, {}).columns) == ["moment", *names]
    assert not np.isnan(frame_of(names, {})["prior_disposals"].iloc[0])
