"""What may be named, what is refused, and the shape of what comes back."""

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.baseline.menu import LEAVES, baseline_frame, by_order_frame, check_names, known_covariates
from yoseval.errors import StudyError
from yoseval.records.schema import BREACH_GROUPS, OFFENCE_GROUPS

EXAMPLE = Path(__file__).parents[4] / "data" / "example" / "study.toml"
RECORDED = {
    "assessments": [{"assessment_date": date(2030, 1, 1), "item": "family", "value": "3"}],
    "statuses": [{"start_date": date(2030, 1, 1), "status": "gang"}, {"start_date": date(2030, 1, 1), "status": "x_by_order"}],
}


def test_every_covariate_of_the_standard_is_known_and_has_a_meaning(stored):
    known = known_covariates(stored({})[0])

    assert {n for leaf in LEAVES for n in leaf.meanings} == set(known)
    assert all(meaning.strip() for meaning in known.values())
    assert {f"prior_offences.{g}" for g in OFFENCE_GROUPS if g not in BREACH_GROUPS} <= set(known)


def test_no_two_leaves_know_one_name():
    assert sum(len(leaf.meanings) for leaf in LEAVES) == len({n for leaf in LEAVES for n in leaf.meanings})


def test_items_and_statuses_of_the_records_are_known_too(stored):
    tables, _ = stored(RECORDED)

    assert set(known_covariates(tables)) - set(known_covariates({})) == {"asset_plus.family", "gang"}


def test_every_known_covariate_can_be_fetched(frame_of, stored):
    names = list(known_covariates(stored(RECORDED)[0]))

    frame = frame_of(names, RECORDED)

    assert list(frame.columns) == ["moment", *names]
    assert {str(t) for t in frame.dtypes.iloc[1:]} == {"float64", "object"}


def test_the_covariates_of_the_example_are_known(stored):
    check_names(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["design"]["covariates"], stored({})[0])


@pytest.mark.parametrize(
    ("name", "near"),
    [("prior_offence", "prior_offences"), ("asset_plus.totel", "asset_plus.total"), ("lookedafter", "looked_after")],
)
def test_an_unknown_name_is_told_with_the_nearest_known(stored, name, near):
    with pytest.raises(StudyError, match=rf"'{name}' is no covariate of these records. Did you mean '{near}'\?"):
        check_names(["age", name], stored({})[0])


def test_a_name_like_no_other_is_told_with_all_known(stored):
    with pytest.raises(StudyError, match="Known are: age, sex, "):
        check_names(["qqqqqqqq"], stored({})[0])


def test_all_that_is_off_is_told_at_once(stored):
    with pytest.raises(StudyError, match=r"(?s)2 covariates are off.*1\. 'agee'.*2\. 'looked_after_by_order'"):
        check_names(["agee", "sex", "looked_after_by_order"], stored({})[0])


@pytest.mark.parametrize("name", ["looked_after_by_order", "ete_by_order", "x_by_order"])
def test_a_status_because_of_the_order_is_refused_with_the_reason(engine, stored, name):
    tables, moments = stored(RECORDED)

    with pytest.raises(StudyError, match="because of the order or the remand follows from it and is not a baseline"):
        check_names([name], tables)
    with pytest.raises(StudyError, match="is not a baseline"):
        baseline_frame(engine, tables, moments, ["age", name])


def test_the_report_takes_nothing_but_statuses_because_of_the_order(engine, stored):
    with pytest.raises(StudyError, match="'looked_after' is no status because of the order"):
        by_order_frame(engine, *stored({}), ["looked_after"])


def test_rows_are_sorted_by_moment_and_each_moment_has_its_own_time_zero(frame_of):
    moments = [{"moment": m, "time_zero": date(y, 6, 15)} for m, y in ((30, 2020), (-4, 2018), (7, 2019))]

    frame = frame_of(
        ["age", "prior_offences"], {"offences": [{"offence_date": date(2018, 9, 1), "proof_date": date(2019, 1, 1)}]}, moments
    )

    assert frame.to_numpy().tolist() == [[-4, 13, 0], [7, 14, 1], [30, 15, 1]]
    assert str(frame["moment"].dtype) == "int64"


def test_columns_stand_in_the_order_asked_and_once(frame_of):
    assert list(frame_of(["year", "age", "ete", "age"], {}).columns) == ["moment", "year", "age", "ete"]


def test_without_moments_there_are_no_rows(frame_of, stored):
    names = list(known_covariates(stored({})[0]))

    assert frame_of(names, {"statuses": [], "assessments": [], "custody": []}, []).shape == (0, 1 + len(names))


def test_absent_columns_are_not_recorded(engine, stored):
    tables, moments = stored({"statuses": [{"start_date": date(2020, 1, 1)}]})
    narrow = {
        **tables,
        "people": tables["people"].select("person_id", "date_of_birth", "sex"),
        "statuses": tables["statuses"].select("person_id", "status", "start_date"),
    }

    frame = baseline_frame(engine, narrow, moments, ["area", "send", "looked_after"])

    assert frame.iloc[0, 1:].tolist() == [None, None, "yes"]


def test_empty_numbers_are_not_a_number_and_empty_categories_none(frame_of):
    frame = frame_of(["seriousness", "ethnicity"], {})

    assert frame["seriousness"].dtype == np.float64
    assert frame["ethnicity"].tolist() == [None]
    assert pd.isna(frame["seriousness"].iloc[0])
