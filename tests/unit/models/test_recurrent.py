"""Rows of recurrent events: hand-made cuts, and the laws they keep."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.recurrent import recurrent_rows

UNIT, TIME = np.array([0, 2, 0, 2, 2]), np.array([4.0, 2.0, 1.0, 2.0, 9.0])
FOLLOWED = np.array([4.0, 6.0, 10.0])


def as_table(rows):
    return list(
        zip(rows.unit.tolist(), rows.entry.tolist(), rows.time.tolist(), rows.event.tolist(), rows.number.tolist(), strict=True)
    )


def test_follow_up_is_cut_at_each_event_and_ends_at_the_horizon():
    rows = recurrent_rows(UNIT, TIME, FOLLOWED, 8.0)

    apart = 2.0 - 8e-7
    assert as_table(rows) == [
        (0, 0.0, 1.0, True, 1),
        (0, 1.0, 4.0, True, 2),  # followed to its last event: no row after it
        (1, 0.0, 6.0, False, 1),
        (2, 0.0, apart, True, 1),
        (2, apart, 2.0, True, 2),  # two on one day: each ends a row
        (2, 2.0, 8.0, False, 3),  # the event on day 9 lies beyond the horizon
    ]


def test_gap_time_begins_at_zero_after_each_event():
    rows = recurrent_rows(UNIT, TIME, FOLLOWED, 8.0, clock="gap")

    assert rows.entry.tolist() == [0.0] * 6
    assert rows.time == pytest.approx([1.0, 3.0, 6.0, 2.0, 8e-7, 6.0], abs=1e-6)


def test_rows_of_a_unit_cover_its_follow_up_once():
    rng = np.random.default_rng(5)
    followed = rng.integers(1, 30, 50).astype(float)
    unit = rng.integers(0, 50, 120)
    time = np.ceil(rng.random(120) * followed[unit])

    rows = recurrent_rows(unit, time, followed, 25.0)

    lengths = np.bincount(rows.unit, rows.time - rows.entry, 50)
    assert lengths == pytest.approx(np.minimum(followed, 25.0))
    assert rows.event.sum() == (time <= 25.0).sum()
    assert (rows.time > rows.entry).all()


def test_nobody_with_an_event_is_one_row_each():
    rows = recurrent_rows(np.array([], dtype=np.int64), np.array([]), np.array([3.0, 4.0]), 5.0)

    assert as_table(rows) == [(0, 0.0, 3.0, False, 1), (1, 0.0, 4.0, False, 1)]


@pytest.mark.parametrize("when", [0.0, 5.0])
def test_events_outside_follow_up_are_refused(when):
    with pytest.raises(EstimationError, match="within the unit's follow-up"):
        recurrent_rows(np.array([0]), np.array([when]), np.array([4.0]), 10.0)
