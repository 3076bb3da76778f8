"""Who could have started at time zero: each criterion at its edge, solved by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.eligibility import Known, Menu, completed_years, criteria, days_of, state_frame
from yoseval.cohort.exposure import NEVER, Candidates

ZERO = date(2022, 3, 1)
EXTRACT = date(2026, 3, 31)
ANYBODY = Menu()
AGE = "not aged 10 to 17 at time zero"
GONE = "moved, left or died before time zero, or the records end before it"


def day(value):
    return (value - date(1970, 1, 1)).days


def reasons_of(
    study_with, *, zero=ZERO, born=date(2007, 1, 15), resident=True, exit=None, menu=ANYBODY, fits=True, before=False,
    held=False, new=0, others=0, mature=None, extract=EXTRACT, **sections,
):  # fmt: skip
    """Return why one child fails, in order."""
    protocol = study_with(**sections).protocol("mentoring")
    child = pd.DataFrame({"date_of_birth": [pd.Timestamp(born)], "resident": [resident], "exit_date": [pd.Timestamp(exit)]})
    candidate = Candidates(
        np.array([0]), np.array([NEVER if zero is None else day(zero)]), np.array([True]), np.array([0]), np.array([fits])
    )
    found = criteria(
        protocol,
        child,
        candidate,
        Known(np.array([held]), np.array([new]), np.array([others])),
        before=np.array([before]),
        menu=menu,
        extract_day=day(extract),
        mature_day=None if mature is None else np.array([day(mature)]),
    )
    return [c.reason for c in found if c.fails[0]]


def test_a_plain_child_fails_nothing(study_with):
    assert reasons_of(study_with, mature=EXTRACT) == []


@pytest.mark.parametrize(
    ("born", "is_old_enough"),
    [(date(2012, 3, 1), True), (date(2012, 3, 2), False), (date(2012, 2, 28), True), (date(2012, 2, 29), True)],
)
def test_the_tenth_birthday_counts_on_its_day(study_with, born, is_old_enough):
    assert (AGE not in reasons_of(study_with, born=born)) == is_old_enough


@pytest.mark.parametrize(("born", "is_young_enough"), [(date(2004, 3, 2), True), (date(2004, 3, 1), False)])
def test_the_eighteenth_birthday_ends_eligibility(study_with, born, is_young_enough):
    assert (AGE not in reasons_of(study_with, born=born)) == is_young_enough


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(2008, 2, 29), date(2019, 2, 28), 10),
        (date(2008, 2, 29), date(2019, 3, 1), 11),
        (date(2008, 2, 29), date(2020, 2, 28), 11),
        (date(2008, 2, 29), date(2020, 2, 29), 12),
        (date(2008, 2, 28), date(2020, 2, 29), 12),
        (date(2008, 3, 1), date(2020, 2, 29), 11),
        (date(2008, 12, 31), date(2020, 12, 31), 12),
        (date(2008, 12, 31), date(2020, 12, 30), 11),
        (date(2008, 1, 1), date(2019, 12, 31), 11),
        (date(1969, 6, 15), date(1981, 6, 15), 12),
        (date(1969, 6, 15), date(1981, 6, 14), 11),
    ],
)
def test_completed_years(born, on, age):
    assert completed_years(np.array([born], dtype="datetime64[D]"), np.array([day(on)])).tolist() == [age]


@pytest.mark.parametrize(
    ("menu", "is_within"),
    [(Menu(15, 15), True), (Menu(16, None), False), (Menu(None, 14), False), (Menu(15, None), True), (Menu(None, 15), True)],
)
def test_a_child_of_fifteen_and_the_ages_of_the_programme(study_with, menu, is_within):
    assert reasons_of(study_with, menu=menu) == ([] if is_within else ["outside the ages of the programme"])


@pytest.mark.parametrize(("resident", "counts"), [(True, True), (False, False), (None, True)])
def test_a_child_hosted_for_another_service_is_out_and_one_of_whom_it_is_not_recorded_is_in(study_with, resident, counts):
    assert reasons_of(study_with, resident=resident) == ([] if counts else ["hosted for another service"])


def test_hosted_children_stay_where_the_study_says_so(study_with):
    assert reasons_of(study_with, resident=False, eligibility={"residents_only": False}) == []


@pytest.mark.parametrize(
    ("exit", "is_there"), [(date(2022, 3, 1), False), (date(2022, 2, 28), False), (date(2022, 3, 2), True)]
)
def test_who_leaves_on_time_zero_is_gone_and_who_leaves_the_day_after_is_there(study_with, exit, is_there):
    assert reasons_of(study_with, exit=exit) == ([] if is_there else [GONE])


@pytest.mark.parametrize(("extract", "is_there"), [(date(2022, 3, 1), True), (date(2022, 2, 28), False)])
def test_the_records_reach_time_zero(study_with, extract, is_there):
    assert reasons_of(study_with, extract=extract) == ([] if is_there else [GONE])


@pytest.mark.parametrize(("mature", "counts"), [(EXTRACT, True), (date(2026, 4, 1), False), (date(2026, 3, 30), True)])
def test_follow_up_and_wait_are_over_on_the_day_of_the_extract_and_not_a_day_short(study_with, mature, counts):
    late = "follow-up and the wait for proof were not over by the extract"

    assert reasons_of(study_with, mature=mature) == ([] if counts else [late])


def test_who_had_started_before_is_out(study_with):
    assert reasons_of(study_with, before=True) == ["had started the programme before"]


def test_custody_at_time_zero_is_out(study_with):
    assert reasons_of(study_with, held=True) == ["in custody at time zero"]


def test_without_an_index_event_that_is_the_first_reason(study_with):
    assert reasons_of(study_with, zero=None)[0] == "no eligible caution, disposal or release in the index dates"


@pytest.mark.parametrize(
    ("rule", "spell", "is_open"),
    [
        ("grace", (-50, -1), False),
        ("grace", (-50, 0), True),
        ("grace", (60, 90), True),
        ("grace", (61, 90), False),
        ("clone_censor", (60, 90), True),
        ("clone_censor", (61, 90), False),
        ("landmark", (-90, -61), False),
        ("landmark", (-90, -60), True),
        ("landmark", (0, 9), True),
        ("landmark", (1, 9), False),
        ("nested", (-9, -1), False),
        ("nested", (-9, 0), True),
        ("nested", (0, 9), True),
        ("nested", (1, 9), False),
    ],
)
def test_the_programme_could_be_started_in_the_days_of_the_rule(study_with, rule, spell, is_open):
    menu = Menu(spells=((day(ZERO) + spell[0], day(ZERO) + spell[1]),))

    found = reasons_of(study_with, menu=menu, time_zero={"rule": rule, "days": 60})

    assert found == ([] if is_open else ["the programme could not be started then"])


def test_any_of_several_spells_will_do(study_with):
    menu = Menu(spells=((0, 1), (day(ZERO), day(ZERO))))

    assert reasons_of(study_with, menu=menu) == []


@pytest.mark.parametrize(("choice", "new", "counts"), [("exclude", 1, False), ("exclude", 0, True), ("adjust", 1, True)])
def test_a_new_offence_before_time_zero(study_with, choice, new, counts):
    found = reasons_of(study_with, new=new, time_zero={"rule": "landmark", "new_offence": choice})

    assert found == ([] if counts else ["a new offence between the index event and time zero"])


def test_days_without_offences_exclude_whoever_offended_even_where_new_offences_are_adjusted_for(study_with):
    found = reasons_of(
        study_with, new=1, time_zero={"rule": "landmark", "new_offence": "adjust"}, eligibility={"offence_free_days": 30}
    )

    assert found == ["a new offence between the index event and time zero"]


@pytest.mark.parametrize(("choice", "counts"), [("exclude", False), ("adjust", True), ("ignore", True)])
def test_another_programme_at_time_zero(study_with, choice, counts):
    found = reasons_of(study_with, others=1, time_zero={"concurrent": choice})

    assert found == ([] if counts else ["on another programme of the study at time zero"])


def test_who_fits_neither_arm_is_told_why_by_what_was_to_be_started(study_with):
    alone = reasons_of(study_with, fits=False)
    joint = reasons_of(study_with, fits=False, programmes={"include": ["mentoring"], "mentoring": {"joint": ["a", "b"]}})

    assert alone == ["had started the programme by then"]
    assert joint == ["had started a part of the joint strategy by time zero"]


def test_dates_become_whole_days_and_a_missing_one_never():
    assert days_of(pd.Series([pd.Timestamp("1970-01-02"), pd.NaT])).tolist() == [1, NEVER]


STATES = [
    ("held since before", {"custody": [(-9, 19)]}, True, 0),
    ("taken in on time zero", {"custody": [(10, 20)]}, True, 0),
    ("taken in the day after", {"custody": [(11, 20)]}, False, 0),
    ("released on time zero", {"custody": [(-9, 10)]}, False, 0),
    ("released the day after", {"custody": [(-9, 11)]}, True, 0),
    ("not yet released", {"custody": [(-9, None)]}, True, 0),
    ("in and out on time zero", {"custody": [(10, 10)]}, False, 0),
    ("released once and held again", {"custody": [(-9, 10), (10, 12)]}, True, 0),
    ("an offence on the index day is not new", {"offences": [0]}, False, 0),
    ("an offence the day after is", {"offences": [1]}, False, 1),
    ("an offence on time zero is", {"offences": [10]}, False, 1),
    ("an offence the day after time zero is not yet", {"offences": [11]}, False, 0),
    ("each offence counts", {"offences": [-1, 1, 5, 5, 11]}, False, 3),
]


@pytest.mark.parametrize(("name", "rows", "held", "new"), STATES, ids=[s[0] for s in STATES])
def test_the_state_at_time_zero_ten_days_after_the_index_event(table_engine, tables_of, after, name, rows, held, new):
    tables = tables_of(
        people=[{"person_id": "a"}],
        offences=[{"person_id": "a", "offence_date": after(d)} for d in rows.get("offences", [])],
        custody=[
            {"person_id": "a", "start_date": after(a), "end_date": None if b is None else after(b)}
            for a, b in rows.get("custody", [])
        ],
    )
    frame = pd.DataFrame({"moment": [0], "person_id": ["a"], "time_zero": [after(10)], "index_date": [after(0)]})

    found = state_frame(table_engine, tables, table_engine.upload("asked", frame)).iloc[0]

    assert (bool(found["in_custody"]), int(found["new_offences"])) == (held, new)


def test_records_without_a_table_of_custody_hold_nobody(table_engine, tables_of, after):
    tables = tables_of(people=[{"person_id": "a"}])
    frame = pd.DataFrame({"moment": [0], "person_id": ["a"], "time_zero": [after(10)], "index_date": [after(0)]})

    assert not state_frame(table_engine, tables, table_engine.upload("asked", frame))["in_custody"].any()
