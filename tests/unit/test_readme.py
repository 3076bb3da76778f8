"""The README keeps its promises: its Python runs, its study file is valid, its commands exist."""

import re
import tomllib
from pathlib import Path

import pytest

from yoseval.cli import app
from yoseval.cohort.licence import require_licence
from yoseval.cohort.protocol import read_study
from yoseval.cohort.sections import StudyFile

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, place: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[place]


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    code = block("python").replace('"reports/rossi"', repr(str(tmp_path / "rossi")))

    exec(compile(code, "README.md", "exec"), {})

    said = capsys.readouterr().out
    assert "verdict: cannot_tell" in said
    assert "Balance: yes" in said
    assert (tmp_path / "rossi" / "findings.csv").is_file()


def test_the_records_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)

    exec(compile(block("python", 1), "README.md", "exec"), {})

    assert "people 2,000" in capsys.readouterr().out


def test_the_study_file_is_valid() -> None:
    study = StudyFile.model_validate(tomllib.loads(block("toml")))

    assert study.outcomes[0].horizon == 365


def test_the_study_of_records_is_valid_and_reads_no_future(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(block("toml", 1).replace("[study]", '[study]\ntitle = "Service"'), encoding="utf-8")

    study = read_study(tmp_path)

    for programme in ("mentoring", "mentoring_and_health"):
        require_licence(study.protocol(programme))


def test_every_command_named_is_there_and_every_command_is_named() -> None:
    named = set(re.findall(r"^\| `yoseval (\w+)", README, re.MULTILINE))

    assert named == {command.callback.__name__ for command in app.registered_commands if command.callback}


def test_every_file_that_is_linked_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
