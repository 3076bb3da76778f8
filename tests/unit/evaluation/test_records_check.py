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
    assert set(checked.frames()) == {*RECORD_FRAMES, "evaluability", "attrition"}
    for name, frame in checked.frames().items():
        check_frame(frame, name)


def test_under_half_of_the_sessions_planned_are_held_in_the_example(checked):
    sessions = checked.frames()["delivery"].query("unit == 'sessions'").groupby(["stage", "result"])["n"].sum()

    assert sessions["held", "reached"] < 0.5 * sessions["planned", "reached"]


def test_a_run_folder_is_written_from_it_like_from_a_portfolio(checked, tmp_path):
    run = open_run(save_run(checked, tmp_path / "run"))

    assert {f.stem for f in run.folder.glob("*.csv")} == {*RECORD_FRAMES, "evaluability", "attrition"}
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


def test_the_screen_says_of_each_programme_whether_it_can_be_evaluated(checked):
    said = checked.lines[checked.lines.index("Which programmes can be evaluated, and when:") + 1 :]

    assert [x.strip().split(":")[0] for x in said] == checked.frames()["evaluability"]["name"].tolist()
    assert any(x.startswith("  Mentoring: can be evaluated now") for x in said)
    assert any(x.startswith("  Cadets: cannot be evaluated with these data") for x in said)


def test_records_that_do_not_go_with_the_study_are_a_finding_of_the_check(checked):
    study = checked.study
    programmes = {**study.file.programmes, "include": ["no_such_programme"]}
    strange = replace(study, file=study.file.model_copy(update={"programmes": programmes}))

    found = check_records(strange)

    assert "evaluability" not in found.frames()
    assert "no programme 'no_such_programme'" in found.lines[-1]
