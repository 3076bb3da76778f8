"""The envelope is opened for the units of a cohort, and what is off in it is named."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.prepared import read_cohort, read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.errors import DataError
from yoseval.outcomes.followup import OutcomeTable, observe_outcome, read_outcomes

STUDY = """
[study]
title = "A study"
cohort = "people.csv"
[cohort]
id = "person"
programme = "programme"
comparison = "usual"
missing = ["NA"]
[design]
covariates = ["age"]
[[outcomes]]
name = "again"
event = "reoffended"
days = "time"
horizon_days = 300
"""
PEOPLE = """person,programme,age,reoffended,time
p1,a,14,1,10
p2,a,13,0,365
p3,b,16,0,365
p4,usual,15,1,20.5
p5,usual,12,NA,
p6,usual,17,1,0
"""


@pytest.fixture
def study_of(tmp_path, write_study):
    def build(people=PEOPLE, text=STUDY):
        return read_study(write_study(tmp_path / "study", people, text))

    return build


def followup_of(study, programme="a"):
    cohort = read_cohort(read_prepared(study), study.protocol(programme))
    return observe_outcome(read_outcomes(study), cohort, study.file.outcomes[0])


def test_times_and_events_are_those_of_the_file(study_of):
    table = read_outcomes(study_of())

    assert table.unit_id.tolist() == ["p1", "p2", "p3", "p4", "p5", "p6"]
    np.testing.assert_array_equal(next(iter(table.times.values())), [10, 365, 365, 20.5, np.nan, 0])
    np.testing.assert_array_equal(next(iter(table.events.values())), [1, 0, 0, 1, np.nan, 1])


def test_a_follow_up_is_of_the_cohorts_units_in_its_order(study_of):
    followup = followup_of(study_of())

    found = pd.DataFrame({"time": followup.time, "event": followup.event}, index=followup.unit_id)
    # Sorted by age, the only covariate; p5 has no outcome and p3 is in another programme.
    assert found.index.tolist() == ["p2", "p1", "p4", "p6"]
    assert found["time"].tolist() == [365, 10, 20.5, 0]
    assert found["event"].tolist() == [False, True, True, True]


def test_a_follow_up_knows_its_outcome_and_horizon(study_of):
    followup = followup_of(study_of())

    assert (followup.outcome, followup.horizon, followup.time_unit) == ("again", 300.0, "days")


def test_a_column_of_the_censored_is_turned_round(study_of):
    followup = followup_of(study_of(text=STUDY.replace("event =", "censored =")))

    assert dict(zip(followup.unit_id, followup.event, strict=True)) == {"p1": False, "p2": True, "p4": False, "p6": False}


def test_without_an_id_rows_are_the_units(study_of):
    followup = followup_of(study_of(text=STUDY.replace('id = "person"\n', "")))

    assert sorted(followup.unit_id) == ["000000001", "000000002", "000000004", "000000006"]


def test_two_outcomes_on_one_name_keep_their_own_columns(study_of):
    second = '[[outcomes]]\nname = "again"\nevent = "other"\ndays = "time"\nhorizon_days = 300\nmeasure = "hazard_ratio"\n'
    people = PEOPLE.replace("time\n", "time,other\n").replace("10\n", "10,0\n").replace("365\n", "365,1\n")
    people = people.replace("20.5\n", "20.5,0\n").replace("NA,\n", "NA,,NA\n").replace("1,0\n", "1,0,0\n")
    study = study_of(people, f"{STUDY}{second}")
    cohort = read_cohort(read_prepared(study), study.protocol("a"))

    first, other = (observe_outcome(read_outcomes(study), cohort, o).event.tolist() for o in study.file.outcomes)

    assert first == [not e for e in other]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("p2,a,13,0,365", "p2,a,13,0,-1", r"column 'time': a negative time in 1 of 6 rows \(row 3\). Count from time zero"),
        ("p2,a,13,0,365", "p2,a,13,2,365", r"column 'reoffended': a value other than 0 and 1 in 1 of 6 rows \(row 3\)"),
        ("p2,a,13,0,365", "p2,a,13,0,", r"column 'time': no time although 'reoffended' is recorded in 1 of 6 rows \(row 3\)"),
        ("p2,a,13,0,365", "p2,a,13,1,", "no time although 'reoffended' is recorded"),
        ("p2,a,13,0,365", "p2,a,13,0,soon", r"column 'time': not a number in 1 of 6 rows \(row 3\)"),
        ("p2,a,13,0,365", "p2,a,13,yes,365", r"column 'reoffended': not a number in 1 of 6 rows \(row 3\)"),
    ],
)
def test_an_outcome_that_is_off_is_named_with_its_row(study_of, old, new, fault):
    with pytest.raises(DataError, match=fault):
        read_outcomes(study_of(PEOPLE.replace(old, new)))


def test_every_fault_is_reported_at_once_and_no_child_is_shown(study_of):
    with pytest.raises(DataError, match="break 2 rule") as caught:
        read_outcomes(study_of(PEOPLE.replace("p2,a,13,0,365", "p2,a,13,3,-4")))

    assert "p2" not in str(caught.value)


def test_a_time_without_event_is_not_recorded(study_of):
    followup = followup_of(study_of(PEOPLE.replace("p2,a,13,0,365", "p2,a,13,,365")))

    assert "p2" not in followup.unit_id.tolist()


def test_a_cohort_of_another_file_is_refused(study_of):
    study = study_of()
    cohort = read_cohort(read_prepared(study), study.protocol("a"))
    whole = read_outcomes(study)
    part = OutcomeTable(
        whole.unit_id[:3], {k: v[:3] for k, v in whole.times.items()}, {k: v[:3] for k, v in whole.events.items()}
    )

    with pytest.raises(DataError, match="units that are not in the outcome file"):
        observe_outcome(part, cohort, study.file.outcomes[0])


def test_those_without_an_outcome_leave_in_the_flow_of_the_programme(service_portfolio):
    flow = service_portfolio.frames()["attrition"]
    lost = flow[(flow["reason"] == "outcome not recorded") & (flow["programme"] == "mentoring")]

    assert lost.set_index("arm")["n_lost"].to_dict() == {"treated": 4, "comparison": 15}


def test_those_without_an_outcome_are_in_no_estimate(service_portfolio):
    estimate = next(f for f in service_portfolio.findings if f.programme == "mentoring").evidence.primary.estimate

    assert (estimate.n_treated, estimate.n_comparison) == (256, 885)


MORE = """person,programme,age,reoffended,time,died,offences,at_risk,worst
p1,a,14,1,10,0,3,200,5
p2,a,13,0,120,1,0,120,0
p3,a,16,0,300,0,0,300,0
p4,usual,15,1,20,0,1,280,NA
p5,usual,12,0,300,0,NA,300,0
"""
EXTRAS = STUDY.replace(
    'days = "time"', 'days = "time"\ncompeting = "died"\ncount = "offences"\nexposure = "at_risk"\nseverity = "worst"'
)


def test_further_columns_tell_cause_count_days_at_risk_and_severity(study_of):
    study = study_of(MORE, EXTRAS)
    cohort = read_cohort(read_prepared(study), study.protocol("a"))

    found = observe_outcome(read_outcomes(study), cohort, study.file.outcomes[0])

    rows = found.to_frame().set_index("unit_id").sort_index()
    # p5 has no count, so it is not seen; whoever offended or died was followed to the end.
    assert rows.index.tolist() == ["p1", "p2", "p3", "p4"]
    assert rows["cause"].tolist() == [1, 2, 0, 1]
    assert rows["count"].tolist() == [3, 0, 0, 1]
    assert rows["followed"].tolist() == [300, 300, 300, 300]
    assert rows["days_at_risk"].tolist() == [200, 120, 300, 280]
    assert rows["severity"].fillna(-1).tolist() == [5, 0, 0, -1]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("p1,a,14,1,10,0,3", "p1,a,14,1,10,1,3", "says that the outcome came"),
        ("p1,a,14,1,10,0,3", "p1,a,14,1,10,0,0", "at odds with 'reoffended'"),
        ("p1,a,14,1,10,0,3", "p1,a,14,1,10,0,2.5", "no whole number"),
        ("0,3,200,5", "0,3,-1,5", "a negative number"),
    ],
)
def test_what_is_off_in_further_columns_is_named(study_of, old, new, fault):
    with pytest.raises(DataError, match=fault):
        read_outcomes(study_of(MORE.replace(old, new), EXTRAS))
