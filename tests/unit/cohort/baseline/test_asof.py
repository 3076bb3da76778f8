"""Where the future is cut off, and how values become columns."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.baseline.asof import number_or_code, placed, seen_from


@pytest.mark.parametrize(("how", "n"), [("left", [2, 0]), ("inner", [2])])
def test_no_event_after_time_zero_is_seen(engine, stored, how, n):
    rows = [{"exit_date": date(2020, 6, day), "reason": "died"} for day in (14, 15, 16)]
    tables, moments = stored({"exits": rows}, [{}, {"person_id": "b"}])

    seen = seen_from(moments, tables["exits"].select("person_id", "exit_date"), "exit_date", how=how)

    found = engine.frame(seen.group_by("moment").aggregate(n=seen["exit_date"].count())).sort_values("moment")
    assert found["n"].tolist() == n
    assert engine.frame(seen.aggregate(d=seen["exit_date"].max()))["d"].iloc[0] == pd.Timestamp(2020, 6, 15)


def test_values_are_numbers_only_if_all_recorded_ones_are():
    numbers, codes = pd.Series(["1", None, "-2.5"], dtype=object), pd.Series(["1", None, "2 "], dtype=object)

    np.testing.assert_array_equal(number_or_code(numbers).to_numpy(), [1.0, np.nan, -2.5])
    assert number_or_code(codes) is codes


def test_a_column_without_values_stays_a_category():
    empty = pd.Series([None, None], dtype=object)

    assert number_or_code(empty) is empty


def test_places_do_not_depend_on_names(stored):
    _, moments = stored({})

    assert list(placed([moments["person_id"], moments["moment"]])) == ["c0", "c1"]
    assert str(placed([moments["moment"]])["c0"].type()) == "float64"
