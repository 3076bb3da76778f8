"""Custody before time zero (15 June 2020; the index event is of 1 June 2020), solved by hand."""

from datetime import date, timedelta

import numpy as np
import pytest

T0 = date(2020, 6, 15)


def spell(days_before, days_to=None):
    end = None if days_to is None else T0 - timedelta(days_to)
    return {"start_date": T0 - timedelta(days_before), "end_date": end}


@pytest.mark.parametrize(
    ("row", "days"),
    [
        (spell(20, 10), 10),
        (spell(20), 20),  # still there
        (spell(20, -50), 20),  # released later
        (spell(20, 0), 20),
        (spell(0), 0),
        (spell(-1), 0),
        (spell(365, 300), 65),
        (spell(366, 300), 65),  # the day before the year does not count
        (spell(500), 365),
        (spell(500, 365), 0),
        (spell(500, 364), 1),
    ],
)
def test_days_in_custody_are_those_of_the_year_before_time_zero(value_of, row, days):
    assert value_of("days_in_custody_before", custody=[row]) == days


def test_days_of_several_spells_add_up(value_of):
    assert value_of("days_in_custody_before", custody=[spell(100, 90), spell(50, 45), spell(5)]) == 20


@pytest.mark.parametrize(("start", "n"), [(date(2020, 5, 31), 1), (date(2020, 6, 1), 0), (date(2020, 6, 14), 0)])
def test_prior_custody_began_before_the_index_event(value_of, start, n):
    assert value_of("prior_custody", custody=[{"start_date": start}]) == n


def test_the_spell_that_ends_with_a_release_is_counted(value_of):
    row = {"start_date": date(2020, 1, 1), "end_date": date(2020, 6, 1)}

    assert value_of("prior_custody", custody=[row], moment={"index_kind": "release"}) == 1


def test_a_child_never_in_custody_has_none_but_without_the_table_nobody_knows(value_of):
    assert value_of("prior_custody", custody=[]) == 0
    assert np.isnan(value_of("prior_custody"))
    assert np.isnan(value_of("days_in_custody_before"))
