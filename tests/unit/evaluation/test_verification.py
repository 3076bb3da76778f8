"""A run can be made again, or it is said what differs."""

import shutil

import pytest

from yoseval.evaluation.verification import verify_study, verify_versions


@pytest.fixture
def copied(service_folder, tmp_path):
    return shutil.copytree(service_folder, tmp_path / "study")


@pytest.fixture(scope="module")
def manifest(service_portfolio):
    return service_portfolio.manifest()


def test_the_same_libraries_give_no_note(manifest):
    assert verify_versions(manifest) == []


def test_another_version_is_a_note(manifest):
    other = {"versions": {**manifest["versions"], "numpy": "1.0.0", "python": "2.7.18", "not-a-library": "3"}}

    notes = verify_versions(other)

    assert len(notes) == 3
    assert notes[-1] == "note: not-a-library was 3 and is not installed here."
    assert any(n.startswith("note: numpy was 1.0.0 and is ") for n in notes)


def test_a_manifest_without_versions_gives_no_note():
    assert verify_versions({}) == []


def test_the_same_study_verifies(copied, manifest):
    assert verify_study(copied, manifest) == []


def test_a_changed_outcome_changes_the_input_but_not_the_lock(copied, manifest, service_people):
    service_people.assign(days_to_reoffence=9).to_csv(copied / "people.csv", index=False, lineterminator="\n")

    assert verify_study(copied, manifest) == ["people.csv has changed since the run."]


def test_a_changed_covariate_changes_the_input_and_the_lock(copied, manifest, service_people):
    changed = service_people.assign(age=lambda d: d["age"].where(d["programme"] != "art", 14.0))
    changed.to_csv(copied / "people.csv", index=False, lineterminator="\n")

    assert verify_study(copied, manifest) == [
        "people.csv has changed since the run.",
        "The design of programme 'art' is not the one that was locked.",
    ]


def test_a_changed_protocol_changes_every_lock(copied, manifest):
    file = copied / "study.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("horizon_days = 365", "horizon_days = 300"), encoding="utf-8")

    faults = verify_study(copied, manifest)

    assert faults[0] == "study.toml has changed since the run."
    assert len(faults) == 1 + len(manifest["programmes"])


def test_an_input_that_has_another_name_now_is_missed(copied, manifest):
    other = {**manifest, "inputs": [*manifest["inputs"], {"file": "gone.csv", "sha256": "0"}]}

    assert verify_study(copied, other) == ["gone.csv is not in the study folder."]
