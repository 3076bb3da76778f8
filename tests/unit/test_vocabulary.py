"""The vocabulary and the frames agree, and what is made of real records obeys both."""

from pathlib import Path

import pytest

from yoseval.cohort.protocol import read_study
from yoseval.errors import DataError
from yoseval.evaluation.portfolio import evaluate_portfolio
from yoseval.frames import check_frame, make_frame
from yoseval.layouts import FRAMES
from yoseval.reporting.run_folder import PUBLIC_FRAMES, open_run, save_run
from yoseval.vocabulary import COLUMNS

ROSSI = Path(__file__).parents[2] / "data" / "rossi"
PRIVATE_FRAMES = {"design_units", "followup_units", "ledger_units"}
KINDS = {"text": "object", "float": "float64", "integer": "Int64", "flag": "boolean"}


@pytest.fixture(scope="module")
def rossi():
    return evaluate_portfolio(read_study(ROSSI))


def test_every_column_of_every_frame_is_in_the_vocabulary():
    assert {c for columns in FRAMES.values() for c in columns} <= set(COLUMNS)


def test_every_column_of_the_vocabulary_is_in_a_frame():
    assert set(COLUMNS) - {c for columns in FRAMES.values() for c in columns} == set()


def test_no_frame_names_a_column_twice():
    assert [name for name, columns in FRAMES.items() if len(set(columns)) < len(columns)] == []


def test_every_column_has_a_known_kind_and_a_meaning():
    assert {c.kind for c in COLUMNS.values()} == set(KINDS)
    assert [name for name, c in COLUMNS.items() if not c.meaning.strip()] == []


@pytest.mark.parametrize("name", FRAMES)
def test_an_empty_frame_has_all_columns_with_their_types(name):
    frame = make_frame(name, {})

    assert tuple(frame.columns) == FRAMES[name]
    assert [str(t) for t in frame.dtypes] == [KINDS[COLUMNS[c].kind] for c in FRAMES[name]]
    assert check_frame(frame, name) is frame


def test_the_run_folder_writes_frames_of_the_vocabulary_and_no_private_one():
    assert set(PUBLIC_FRAMES) <= set(FRAMES) - PRIVATE_FRAMES


def test_no_public_frame_has_a_column_of_persons():
    persons = {"unit_id", "person_id", "set_id", "event", "weight"}

    assert {name: persons.intersection(FRAMES[name]) for name in PUBLIC_FRAMES} == {name: set() for name in PUBLIC_FRAMES}


@pytest.mark.parametrize("name", PUBLIC_FRAMES)
def test_every_public_frame_of_real_records_obeys_the_vocabulary(rossi, name):
    frame = rossi.frames()[name]

    assert check_frame(frame, name) is frame
    assert len(frame) > 0


@pytest.mark.parametrize("name", PUBLIC_FRAMES)
def test_every_frame_of_a_service_obeys_the_vocabulary_when_it_is_opened_again(service_run, name):
    frame = open_run(service_run).frame(name)

    assert tuple(frame.columns) == FRAMES[name]
    assert [str(t) for t in frame.dtypes] == [KINDS[COLUMNS[c].kind] for c in FRAMES[name]]


def test_every_frame_of_real_records_is_opened_as_it_was_written(rossi, tmp_path):
    run = open_run(save_run(rossi, tmp_path / "run"))

    assert [check_frame(run.frame(name), name).shape[1] for name in PUBLIC_FRAMES] == [len(FRAMES[n]) for n in PUBLIC_FRAMES]


def test_private_units_obey_the_vocabulary(rossi):
    units = rossi.trials[0].design.to_frame()

    assert check_frame(units, "design_units") is units


def test_a_frame_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"missing \['effective_n'\]"):
        check_frame(make_frame("sizes", {}).drop(columns="effective_n"), "sizes")
