"""Digests of inputs and versions of libraries, as the manifest tells them."""

import hashlib
from importlib.metadata import version

from yoseval.evaluation.provenance import file_digest, input_entries, installed_version, library_versions


def test_inputs_are_named_within_their_study_folder(tmp_path):
    inside, outside = tmp_path / "study" / "records" / "people.csv", tmp_path / "elsewhere.csv"
    inside.parent.mkdir(parents=True)
    for file in (inside, outside):
        file.write_text("x\n", encoding="utf-8")

    entries = input_entries(tmp_path / "study", [inside, outside])

    digest = hashlib.sha256(b"x\n").hexdigest()
    assert entries == [{"file": "records/people.csv", "sha256": digest}, {"file": "elsewhere.csv", "sha256": digest}]
    assert file_digest(inside) == digest


def test_versions_are_those_installed_and_empty_where_there_is_none():
    found = library_versions(["pandas", "no-such-library"])

    assert found["pandas"] == version("pandas")
    assert found["no-such-library"] == installed_version("no-such-library") == ""
    assert found["python"].count(".") == 2
