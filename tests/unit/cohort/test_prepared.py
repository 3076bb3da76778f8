"""A prepared file becomes cohorts; outcomes stay in their envelope."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from yoseval.cohort import prepared as prepared_module
from yoseval.cohort.build import starting_flow
from yoseval.cohort.prepared import flow_after_outcomes, programmes_of, read_cohort, read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.errors import DataError, DesignError, StudyError
from yoseval.evaluation.portfolio import design_portfolio
from yoseval.frames import check_frame

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
covariates = ["age", "area"]
exact = ["sex"]
[[outcomes]]
name = "again"
event = "reoffended"
days = "time"
horizon_days = 365
"""
PEOPLE = """person,programme,age,area,sex,reoffended,time
p1,a,14,1,f,1,10
p2,a,NA,2,m,0,365
p3,b,16,,m,0,365
p4,usual,15,1,f,1,20
p5,usual,,2,m,0,365
p6,usual,17,1,NA,1,30
"""


@pytest.fixture
def study_of(tmp_path, write_study):
    def build(people=PEOPLE, text=STUDY):
        return read_study(write_study(tmp_path / "study", people, text))

    return build


def test_units_carry_the_column_that_names_their_groups(study_of):
    people = (
        PEOPLE.replace("sex,", "sex,team,").replace(",f,", ",f,north,").replace(",m,", ",m,,").replace(",NA,1,", ",NA,south,1,")
    )
    study = study_of(people, STUDY.replace('exact = ["sex"]', 'cluster = "team"'))

    cohort = read_cohort(read_prepared(study), study.protocol("a"))

    assert cohort.cluster == "team"
    assert cohort.covariates == ("age", "area")
    assert sorted(cohort.units["team"].fillna("none")) == ["none", "none", "north", "north", "south"]


def test_a_file_gives_ids_programmes_and_typed_covariates(study_of):
    found = read_prepared(study_of())

    assert found.unit_id.tolist() == ["p1", "p2", "p3", "p4", "p5", "p6"]
    assert found.programme.tolist() == ["a", "a", "b", "usual", "usual", "usual"]
    np.testing.assert_array_equal(found.columns["age"], [14, np.nan, 16, 15, np.nan, 17])
    assert found.columns["sex"].where(found.columns["sex"].notna(), None).tolist() == ["f", "m", "m", "f", "m", None]


def test_what_is_not_recorded_is_counted(study_of):
    assert read_prepared(study_of()).not_recorded == {"age": 2, "area": 1, "sex": 1}


def test_codes_are_numbers_unless_declared_categories(study_of):
    codes = read_prepared(study_of()).columns["area"]
    declared = read_prepared(study_of(text=STUDY.replace("[design]", 'categories = ["area"]\n[design]'))).columns["area"]

    assert codes.dtype == np.float64
    assert declared.where(declared.notna(), None).tolist() == ["1", "2", None, "1", "2", "1"]


def test_without_an_id_each_row_is_a_unit(study_of):
    found = read_prepared(study_of(text=STUDY.replace('id = "person"\n', "")))

    assert found.unit_id.tolist() == [f"{i:09d}" for i in range(1, 7)]


def test_programmes_are_all_values_but_the_comparison(study_of):
    study = study_of()

    assert programmes_of(read_prepared(study), study) == ("a", "b")


def test_programmes_that_are_named_come_in_their_order(study_of):
    study = study_of(text=f'{STUDY}[programmes]\ninclude = ["b", "absent"]\n')

    assert programmes_of(read_prepared(study), study) == ("b", "absent")


def test_no_outcome_column_is_read_for_a_design(study_of, monkeypatch):
    asked = []
    real = prepared_module.read_columns

    def spy(file, columns):
        asked.extend(columns)
        return real(file, columns)

    monkeypatch.setattr(prepared_module, "read_columns", spy)

    read_prepared(study_of())

    assert sorted(asked) == ["age", "area", "person", "programme", "sex"]


def test_changing_every_outcome_changes_no_lock(tmp_path, write_study, service_people, service_portfolio):
    other = service_people.assign(reoffended=lambda d: (d["reoffended"] != 1).astype(int), days_to_reoffence=7)

    digests = design_portfolio(read_study(write_study(tmp_path / "other", other))).digests()

    assert digests == service_portfolio.digests()


def test_the_order_of_the_file_changes_no_lock(tmp_path, write_study, service_people, service_portfolio):
    shuffled = service_people.sample(frac=1, random_state=5)

    digests = design_portfolio(read_study(write_study(tmp_path / "shuffled", shuffled))).digests()

    assert digests == service_portfolio.digests()


def test_changing_a_covariate_changes_the_lock(tmp_path, write_study, service_people, service_portfolio):
    older = service_people.assign(age=lambda d: d["age"].where(d["programme"] != "art", d["age"] + 0.1))

    digests = design_portfolio(read_study(write_study(tmp_path / "older", older))).digests()

    changed = [p for p, d in service_portfolio.digests().items() if d != digests[p]]
    assert changed == ["art"]


@pytest.mark.parametrize(
    ("key", "column"), [("covariates", "reoffended"), ("covariates", "time"), ("exact", "time"), ("programme", "reoffended")]
)
def test_an_outcome_cannot_be_a_covariate(study_of, key, column):
    changes = {
        "covariates": ('["age", "area"]', f'["age", "{column}"]'),
        "exact": ('exact = ["sex"]', f'exact = ["{column}"]'),
        "programme": ('programme = "programme"', f'programme = "{column}"'),
    }
    study = study_of(text=STUDY.replace(*changes[key]))

    with pytest.raises(StudyError, match=f"'{column}' is an outcome and cannot be a covariate"):
        read_prepared(study)


def test_an_outcome_cannot_be_a_covariate_of_one_programme_either(study_of):
    study = study_of(text=f'{STUDY}[programmes.a.design]\ncovariates = ["age", "time"]\n')

    with pytest.raises(StudyError, match="'time' is an outcome"):
        read_prepared(study)


def test_a_covariate_of_one_programme_is_read_though_no_programme_is_included_by_name(study_of):
    study = study_of(text=f'{STUDY}[programmes.a.design]\ncovariates = ["age", "sex"]\nexact = []\n')

    cohort = read_cohort(read_prepared(study), study.protocol("a"))

    assert cohort.covariates == ("age", "sex")


def test_a_missing_outcome_column_is_known_before_any_work(study_of):
    with pytest.raises(DataError, match=r"has no column 'reoffended', named in \[\[outcomes\]\]"):
        read_prepared(study_of(PEOPLE.replace("reoffended", "again")))


def test_a_missing_covariate_is_named(study_of):
    with pytest.raises(DataError, match="has no column 'area'"):
        read_prepared(study_of(PEOPLE.replace("area", "place")))


def test_a_comparison_that_is_in_no_row_is_refused(study_of):
    with pytest.raises(DataError, match=r"No row of people\.csv has 'usual' in the column 'programme'"):
        read_prepared(study_of(PEOPLE.replace("usual", "ordinary")))


@pytest.mark.parametrize("empty", ["", " ", '""'])
def test_an_empty_programme_is_a_fault_with_its_row(study_of, empty):
    with pytest.raises(DataError, match=r"column 'programme': no programme in 1 of 6 rows \(row 4\). Write 'usual'"):
        read_prepared(study_of(PEOPLE.replace("p3,b,", f"p3,{empty},")))


def test_faults_of_ids_and_programmes_are_reported_together(study_of):
    with pytest.raises(DataError, match="break 2 rule") as caught:
        read_prepared(study_of(PEOPLE.replace("p3,b,", "p2,,")))

    assert "p2" not in str(caught.value)


def test_a_cohort_is_those_who_started_and_the_comparison(study_of):
    study = study_of()

    cohort = read_cohort(read_prepared(study), study.protocol("a"))

    assert sorted(cohort.units["unit_id"]) == ["p1", "p2", "p4", "p5", "p6"]
    assert sorted(cohort.units.loc[cohort.treated, "unit_id"]) == ["p1", "p2"]
    assert cohort.units.columns.tolist() == ["unit_id", "person_id", "treated", "age", "area", "sex"]


def test_a_cohort_begins_its_flow_with_everybody_read(study_of):
    study = study_of()

    flow = read_cohort(read_prepared(study), study.protocol("b")).attrition

    assert check_frame(flow, "attrition")[["arm", "reason", "n_lost", "n_left"]].to_numpy().tolist() == [
        ["treated", "read", 0, 1],
        ["comparison", "read", 0, 3],
    ]


def test_a_programme_without_rows_cannot_be_designed(study_of):
    study = study_of()

    with pytest.raises(DesignError, match=r"No row of people\.csv belongs to the programme"):
        read_cohort(read_prepared(study), study.protocol("absent"))


def test_a_programme_called_na_is_a_programme(study_of):
    study = study_of(PEOPLE.replace(",a,", ",NA,"))

    assert programmes_of(read_prepared(study), study) == ("NA", "b")


def test_those_without_outcome_leave_the_flow_before_the_analysis():
    treated = np.array([True, True, False, False, False])
    lost = np.array([False, True, False, True, True])

    flow = flow_after_outcomes(starting_flow("a", treated), treated, lost)

    assert flow[["step", "stage", "reason", "arm", "n_lost", "n_left"]].to_numpy().tolist() == [
        [1, "file", "read", "treated", 0, 2],
        [1, "file", "read", "comparison", 0, 3],
        [2, "outcome", "outcome not recorded", "treated", 1, 1],
        [2, "outcome", "outcome not recorded", "comparison", 2, 1],
        [3, "analysis", "analysed", "treated", 0, 1],
        [3, "analysis", "analysed", "comparison", 0, 1],
    ]


def test_a_flow_in_which_nobody_is_lost_says_only_who_is_analysed():
    treated = np.array([True, False])

    flow = flow_after_outcomes(starting_flow("a", treated), treated, np.zeros(2, dtype=bool))

    assert flow["reason"].tolist() == ["read", "read", "analysed", "analysed"]


def test_a_parquet_file_gives_the_same_cohort(study_of, tmp_path):
    study = study_of()
    csv = read_prepared(study)
    parquet = tmp_path / "study" / "people.parquet"
    with duckdb.connect() as engine:
        engine.execute(
            f"copy (select * from read_csv('{study.cohort_file}', all_varchar=true)) to '{parquet}' (format parquet)"
        )

    again = read_prepared(study_of(text=STUDY.replace("people.csv", "people.parquet")))

    assert again.unit_id.tolist() == csv.unit_id.tolist()
    pd.testing.assert_frame_equal(again.columns, csv.columns)


INSTRUMENT = (
    STUDY.replace("[design]", '[design]\ninstrument = "offered"')
    + """
[[outcomes]]
name = "again"
measure = "instrument"
event = "reoffended"
days = "time"
horizon_days = 365
"""
)


@pytest.mark.parametrize(
    ("offered", "added", "rows"),
    [
        (["1", "0", "1", "0", "1", "0"], "", ""),
        (["1", "NA", "1", "0", "yes", "0"], "", "2 of 6 rows (row 3, 6)"),
        # Units of a programme that has another instrument, or is not evaluated, need not have this one.
        (["1", "0", "", "0", "1", "0"], '[programmes.b.design]\ninstrument = ""\n', ""),
        (["1", "0", "", "0", "1", "0"], '[programmes]\ninclude = ["a"]\n', ""),
        (["1", "0", "", "0", "1", "0"], "", "1 of 6 rows (row 4)"),
    ],
)
def test_an_instrument_is_a_number_of_each_unit_before_any_design_is_built(study_of, offered, added, rows):
    lines = PEOPLE.splitlines()
    people = "\n".join([f"{lines[0]},offered", *(f"{line},{value}" for line, value in zip(lines[1:], offered, strict=True))])
    study = study_of(people, INSTRUMENT + added)

    if not rows:
        assert "offered" in read_prepared(study).columns
        return
    with pytest.raises(DataError, match="an instrument that is not a number") as problem:
        read_prepared(study)
    assert rows in str(problem.value)
