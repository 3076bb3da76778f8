"""Age and the register, solved by hand."""

from datetime import date

import numpy as np
import pytest


@pytest.mark.parametrize(
    ("born", "time_zero", "age"),
    [
        (date(2005, 6, 15), date(2020, 6, 15), 15),  # the birthday itself
        (date(2005, 6, 15), date(2020, 6, 14), 14),  # the day before
        (date(2005, 12, 31), date(2020, 1, 1), 14),
        (date(2004, 2, 29), date(2019, 2, 28), 14),  # no 29 February: the birthday is 1 March
        (date(2004, 2, 29), date(2019, 3, 1), 15),
        (date(2004, 2, 29), date(2020, 2, 28), 15),
        (date(2004, 2, 29), date(2020, 2, 29), 16),
    ],
)
def test_age_is_in_completed_years(value_of, born, time_zero, age):
    assert value_of("age", people=[{"date_of_birth": born}], moment={"time_zero": time_zero}) == age


def test_the_register_is_taken_as_it_is(frame_of):
    row = {"sex": "female", "ethnicity": "mixed", "service": "EAST", "resident": False, "send": "ehcp"}

    frame = frame_of(["sex", "ethnicity", "area", "resident", "send"], {"people": [row]})

    assert frame.iloc[0, 1:].tolist() == ["female", "mixed", "EAST", "no", "ehcp"]


@pytest.mark.parametrize("name", ["sex", "ethnicity", "send"])
def test_unknown_is_not_recorded(value_of, name):
    assert value_of(name, people=[{name: "unknown"}]) is None


@pytest.mark.parametrize("name", ["ethnicity", "area", "resident", "send"])
def test_an_empty_cell_is_not_recorded(value_of, name):
    assert value_of(name) is None


def test_a_child_who_is_not_in_people_has_no_age(value_of):
    assert np.isnan(value_of("age", moment={"person_id": "nobody"}))
