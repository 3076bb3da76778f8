"""The door of the follow-up: its shape, tables that were not given, several moments of one child, and what is refused."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.profiles import find_profile
from yoseval.errors import DataError, StudyError
from yoseval.outcomes.events import OBSERVED, observe_moments, recurrent_times, reoffence_days
from yoseval.records.engine import open_engine

EXTRACT = date(2022, 6, 30)
MOJ = find_profile("moj_proven_1y")
TEXTS = {"first_tier", "worst_tier", "exit_reason"}
KINDS = {"moment": "int64", "n_reoffences": "int64", "n_pseudo": "int64", "is_mature": "bool", "first_custodial": "bool"}
ROWS = {
    "people": [{"person_id": "a", "date_of_birth": date(2004, 1, 1)}, {"person_id": "b", "date_of_birth": date(2005, 1, 1)}],
    "offences": [
        {
            "offence_id": f"o{i}", "person_id": "a", "offence_date": on, "proof_date": date(2020, 12, 1), "result": "convicted",
            "offence_group": "other", "seriousness": 5, "tier": "summary", "custodial": True,
        }
        for i, on in enumerate((date(2020, 2, 10), date(2020, 8, 10)))
    ],
    "custody": [
        {"person_id": "a", "_file": "c", "start_date": date(2020, 3, 10), "end_date": date(2020, 3, 20), "kind": "sentence"}
    ],
    "exits": [{"person_id": "b", "exit_date": date(2020, 4, 1), "reason": "died"}],
    "moments": [
        {"moment": 7, "person_id": "b", "time_zero": date(2020, 1, 10)},
        {"moment": 5, "person_id": "a", "time_zero": date(2020, 1, 10)},
        {"moment": 6, "person_id": "a", "time_zero": date(2020, 3, 10)},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


@pytest.fixture
def observe(engine, put_tables):
    """Return a function that observes the rows, changed, by the moj profile."""

    def observed(*, without=(), look=observe_moments, profile=MOJ, **changes):
        tables = put_tables(engine, {name: rows for name, rows in {**ROWS, **changes}.items() if name not in without})
        return look(engine, tables, tables.pop("moments"), profile, EXTRACT)

    return observed


def test_the_columns_are_those_documented_in_their_order_and_types(observe):
    found = observe()

    assert list(found.columns) == list(OBSERVED)
    expected = {c: KINDS.get(c, "object" if c in TEXTS else "float64") for c in OBSERVED} | {"mature_on": "datetime64[s]"}
    assert {c: str(t) for c, t in found.dtypes.items()} == expected


def test_no_moment_gives_no_row_and_the_same_types(observe):
    full, empty = observe(), observe(moments=[])

    assert len(empty) == 0
    assert empty.dtypes.tolist() == full.dtypes.tolist()


def test_rows_are_sorted_by_moment(observe):
    assert observe()["moment"].tolist() == [5, 6, 7]


def test_each_moment_of_a_child_is_followed_on_its_own(observe):
    found = observe().set_index("moment")

    assert found["reoffence_days"].tolist()[:2] == [31.0, 153.0]
    assert found["n_reoffences"].tolist() == [2, 1, 0]


def test_days_are_never_negative_and_follow_up_is_always_known(observe):
    found = observe()

    days = found[[c for c in OBSERVED if c.endswith("_days") or c.startswith("days_")]]
    assert not (days < 0).any(axis=None)
    assert found[["days_followed", "days_in_f", "days_at_risk"]].notna().all(axis=None)


def test_without_the_table_of_custody_days_at_risk_are_not_known(observe):
    with_table, without = observe(custody=[]), observe(without=["custody"])

    unknown = ["days_in_custody_for_reoffence", "days_not_at_risk", "days_at_risk"]
    assert without[unknown].isna().all(axis=None)
    assert with_table[unknown].notna().all(axis=None)
    pd.testing.assert_frame_equal(without.drop(columns=unknown), with_table.drop(columns=unknown))


def test_without_the_table_of_exits_nobody_left(observe):
    found = observe(without=["exits"])

    assert found["exit_reason"].tolist() == [""] * 3
    assert found["exit_days"].isna().all()
    assert found["days_followed"].tolist() == found["days_in_f"].tolist()


def test_a_child_who_is_not_in_people_has_no_birthday(observe):
    assert observe(people=[])["turned_18_days"].isna().all()


def test_columns_that_were_not_given_are_empty(engine, put_tables):
    tables = put_tables(engine, ROWS)
    bare = tables["offences"].drop("seriousness", "tier", "custodial")

    found = observe_moments(engine, {**tables, "offences": bare}, tables["moments"], MOJ, EXTRACT)

    assert found["n_reoffences"].tolist() == [2, 1, 0]
    assert found[["worst_seriousness", "serious_days", "custodial_days", "tier_summary_days"]].isna().all(axis=None)
    assert found["first_tier"].tolist() == [""] * 3


def test_every_reoffence_of_a_moment_is_listed_in_order(observe):
    found = observe(look=recurrent_times)

    assert list(found.columns) == ["moment", "days", "seriousness", "tier", "custodial", "offence_group"]
    assert found[["moment", "days"]].to_numpy().tolist() == [[5, 31], [5, 213], [6, 153]]
    assert [str(t) for t in found.dtypes] == ["int64", "float64", "float64", "object", "bool", "object"]


def test_no_reoffence_gives_an_empty_list_of_the_same_types(observe):
    full, empty = observe(look=recurrent_times), observe(look=recurrent_times, offences=[])

    assert len(empty) == 0
    assert empty.dtypes.tolist() == full.dtypes.tolist()


def test_a_moment_that_stands_twice_is_refused(observe):
    with pytest.raises(DataError, match="1 of 2 moments stand twice"):
        observe(moments=[ROWS["moments"][0]] * 2)


def test_a_moment_without_time_zero_is_refused(observe):
    with pytest.raises(DataError, match="0 of 1 moments stand twice and 1 have no time zero"):
        observe(moments=[{"moment": 1, "person_id": "a", "time_zero": None}])


@pytest.mark.parametrize("look", [observe_moments, recurrent_times])
def test_a_profile_that_only_monitors_is_refused(observe, look):
    with pytest.raises(StudyError, match="monitoring only"):
        observe(look=look, profile=find_profile("live_local"))


def test_the_profile_s_own_lag_is_used_unless_another_is_given(engine, put_tables):
    tables = put_tables(engine, ROWS)
    profile = type(MOJ)(MOJ.name, MOJ.meaning, 12, 6, MOJ.index_events, lag_days=40)

    own = observe_moments(engine, tables, tables["moments"], profile, EXTRACT)
    given = observe_moments(engine, tables, tables["moments"], profile, EXTRACT, lag_days=0)

    assert own["n_reoffences"].tolist() == [1, 1, 0]
    assert given["n_reoffences"].tolist() == [2, 1, 0]


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_the_time_zone_of_the_engine_has_no_say_in_a_date(engine, observe, zone):
    plain = observe()
    engine.loader.execute(f"set timezone = '{zone}'")
    try:
        moved = observe()
    finally:
        engine.loader.execute("reset timezone")

    pd.testing.assert_frame_equal(moved, plain)


def test_custody_follows_each_moment_s_own_time_zero(observe):
    found = observe().set_index("moment")

    # The sentence of 10 March follows the offence of 10 February only where that lies after time zero; its proof came later.
    assert found["days_not_at_risk"].tolist() == [10.0, 10.0, 0.0]
    assert found["days_in_custody_for_reoffence"].tolist() == [0.0] * 3
    np.testing.assert_array_equal(found["days_at_risk"], found["days_followed"] - found["days_not_at_risk"])


def test_days_of_reoffences_are_those_of_the_full_list(observe):
    full = observe(look=recurrent_times)

    assert len(full)
    pd.testing.assert_frame_equal(observe(look=reoffence_days), full[["moment", "days"]])
