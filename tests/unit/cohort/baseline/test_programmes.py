"""Programmes at time zero (15 June 2020; the index event is of 1 June 2020), solved by hand."""

from datetime import date, timedelta

import pytest

from yoseval.cohort.baseline.programmes import open_programmes

T0, INDEX = date(2020, 6, 15), date(2020, 6, 1)


def start(days_before, days_to=None, **more):
    end = None if days_to is None else T0 - timedelta(days_to)
    return {"start_date": T0 - timedelta(days_before), "end_date": end, **more}


@pytest.mark.parametrize(
    ("row", "earlier", "concurrent"),
    [
        (start(50, 20), 1, 0),
        (start(50, 1), 1, 0),
        (start(50, 0), 0, 1),  # ends on the day
        (start(50), 0, 1),
        (start(50, -9), 0, 1),
        (start(0), 0, 1),
        (start(-1), 0, 0),
        (start(14, 5), 0, 0),  # begun with the index event
        (start(15, 5), 1, 0),
        ({"referral_date": T0}, 0, 0),  # never started
    ],
)
def test_a_programme_is_earlier_or_concurrent_by_its_dates(frame_of, row, earlier, concurrent):
    frame = frame_of(["earlier_programmes", "concurrent_programmes"], {"starts": [row]})

    assert frame.iloc[0, 1:].tolist() == [earlier, concurrent]


def test_a_programme_started_twice_counts_once(value_of):
    rows = [start(90, 80), start(70, 60), start(70, 60, programme_id="cadets")]

    assert value_of("earlier_programmes", starts=rows) == 2


def referral(days_before, answer):
    return {"referral_date": T0 - timedelta(days_before), "suitability": answer}


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([referral(10, "met")], "met"),
        ([referral(0, "met")], "met"),
        ([referral(-1, "met")], None),
        ([referral(365, "met")], "met"),
        ([referral(366, "met")], None),
        ([referral(10, "met"), referral(5, "not_met"), referral(1, None), referral(-3, "met")], "not_met"),
        ([referral(5, "met"), referral(5, "not_assessed"), referral(5, "not_met")], "not_met"),
    ],
)
def test_suitability_is_the_last_one_recorded_by_a_referral(value_of, rows, answer):
    assert value_of("suitability", starts=rows) == answer


def test_open_programmes_are_started_by_time_zero_and_not_ended_before(engine, stored):
    rows = [
        start(50, 20, programme_id="ended"),
        start(50, 0, programme_id="last_day"),
        start(30, programme_id="twice"),
        start(60, -5, programme_id="twice"),
        start(-1, programme_id="later"),
        start(9, person_id="b", programme_id="other_child"),
    ]
    tables, moments = stored({"starts": rows}, [{}, {"time_zero": T0 - timedelta(40), "index_date": T0 - timedelta(40)}])

    found = engine.frame(open_programmes(tables, moments)).sort_values(["moment", "programme_id"])

    assert [(m, p, (T0 - s.date()).days) for m, p, s in found.itertuples(index=False)] == [
        (0, "last_day", 50),
        (0, "twice", 60),
        (1, "ended", 50),
        (1, "last_day", 50),
        (1, "twice", 60),
    ]
