"""Records that are checked: their frames, their manifest, and where they came from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from yoseval.cohort.protocol import read_study
from yoseval.evaluation.records_check import CheckedRecords, check_records
from yoseval.frames import check_frame
from yoseval.reporting.disclosure_records import RECORD_FRAMES
from yoseval.reporting.run_folder import open_run, save_run

EXAMPLE = Path(__file__).parents[3] / "data" / "example"


@pytest.fixture(scope="module")
def checked():
    return check_records(read_study(EXAMPLE))


def test_every_frame_about_records_is_given_and_of_the_vocabulary(checked):
    assert set(checked.frames()) == set(RECORD_FRAMES)
    for name, frame in checked.frames().items():
        check_frame(frame, name)


def test_under_half_of_the_sessions_planned_are_held_in_the_example(checked):
    sessions = checked.frames()["delivery"].query("unit == 'sessions'").groupby(["stage", "result"])["n"].sum()

    assert sessions["held", "reached"] < 0.5 * sessions["planned", "reached"]


def test_a_run_folder_is_written_from_it_like_from_a_portfolio(checked, tmp_path):
    run = open_run(save_run(checked, tmp_path / "run"))

    assert {f.stem for f in run.folder.glob("*.csv")} == set(RECORD_FRAMES)
    assert len(run.frame("delivery")) == len(checked.frames()["delivery"])
    assert run.manifest["disclosure"]["hidden"]["delivery"] == int(run.hidden("delivery").to_numpy().sum())
    assert {i["file"] for i in run.manifest["inputs"]} >= {"study.toml", "records/people.csv", "records/offences.csv"}


def test_the_url_of_a_database_is_not_told(checked):
    study = checked.study
    about = study.file.study.model_copy(update={"records": "postgresql://reader:secret@localhost/service"})
    moved = replace(study, file=study.file.model_copy(update={"study": about}))

    manifest = CheckedRecords(moved, checked.scored, checked.lines).manifest()

    assert manifest["study"]["records"] == "a database"
    assert "secret" not in json.dumps(manifest)
