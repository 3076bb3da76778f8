"""The folder that ``yoseval init`` writes can be read and evaluated as it is."""

import pytest

from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.cohort.starter import write_starter
from yoseval.errors import UsageError
from yoseval.outcomes.followup import read_outcomes


@pytest.fixture(scope="module")
def starter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starter") / "new" / "study"
    return folder, write_starter(folder)


def test_it_writes_the_study_file_and_the_data(starter):
    folder, written = starter

    assert written == [folder / "study.toml", folder / "people.csv"]
    assert sorted(f.name for f in folder.iterdir()) == ["people.csv", "study.toml"]


def test_what_it_writes_is_a_sound_study(starter):
    study = read_study(starter[0])

    assert len(read_prepared(study).unit_id) == len(read_outcomes(study).unit_id) == 1340


def test_it_says_that_the_children_are_simulated(starter):
    assert read_study(starter[0]).file.study.simulated


def test_every_key_that_is_commented_out_is_a_known_key(starter, tmp_path):
    text = (starter[0] / "study.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") if line.startswith("# ") and " = " in line else line for line in text.splitlines()]
    tables = [line.removeprefix("# ") if line.startswith("# [") else line for line in lines]
    (tmp_path / "study.toml").write_text("\n".join(tables), encoding="utf-8")

    study = read_study(tmp_path)

    assert study.include == ("mentoring",)
    assert study.file.design.exact == ("sex",)
    assert study.protocol("mentoring").design.method == "nearest"


def test_it_is_the_same_every_time(starter, tmp_path):
    write_starter(tmp_path / "again")

    for name in ("study.toml", "people.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (starter[0] / name).read_bytes()


@pytest.mark.parametrize("name", ["study.toml", "people.csv"])
def test_nothing_is_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match=f"already has {name}"):
        write_starter(tmp_path)

    assert [(f.name, f.read_text(encoding="utf-8")) for f in tmp_path.iterdir()] == [(name, "mine")]
