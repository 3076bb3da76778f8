"""The command line as a user meets it: verbs, messages, exit codes, files; no traceback, no child's id."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from yoseval.cohort.starter import write_starter

ROOT = Path(__file__).parents[2]


def yoseval(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yoseval", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("starter") / "study"
    write_starter(where)
    return where


@pytest.fixture
def study(starter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(starter, tmp_path / "study"))


def rewrite(study: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    people = pd.read_csv(study / "people.csv", dtype=str, keep_default_na=False)
    change(people).to_csv(study / "people.csv", index=False)


def settings(study: Path, old: str, new: str) -> None:
    text = (study / "study.toml").read_text(encoding="utf-8")
    assert old in text
    (study / "study.toml").write_text(text.replace(old, new), encoding="utf-8")


def put(column: str, rows: list[int], value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(people: pd.DataFrame) -> pd.DataFrame:
        people.loc[rows, column] = value
        return people

    return change


def never_overlaps(people: pd.DataFrame) -> pd.DataFrame:
    ages = people["programme"].map({"mentoring": "17", "weapons_awareness": "17", "usual_supervision": "13"})
    return people.assign(age=ages)


BROKEN_SETTINGS = [
    ("covariates = ", "covariate = ", 11, "Did you mean 'covariates'?"),
    ("people.csv", "peeple.csv", 10, "There is no file peeple.csv"),
    ('"age", ', '"agee", ', 10, "has no column 'agee'"),
    ('comparison = "usual_supervision"', 'comparison = "usual"', 10, "No row of people.csv has 'usual'"),
    ('days         = "days_to_reoffence"', 'days         = "days_to_offence"', 10, "no column 'days_to_offence'"),
    ('"looked_after", ', '"looked_after", "reoffended", ', 11, "is an outcome and cannot be a covariate"),
    ("worthwhile = 5 ", "worthwhile = -5 ", 11, "'portfolio.worthwhile'"),
    ('policy = "tre_10"', 'policy = "none"', 11, "'disclosure.policy'"),
    ("[portfolio]", "[portfolio", 11, "is not valid TOML"),
]
BROKEN_DATA = [
    (put("days_to_reoffence", [3], "soon"), "column 'days_to_reoffence': not a number in 1 of 1340 rows (row 5)"),
    (put("days_to_reoffence", [3], "-4"), "column 'days_to_reoffence': a negative time in 1 of 1340 rows (row 5)"),
    (put("reoffended", [3, 9], "2"), "column 'reoffended': a value other than 0 and 1 in 2 of 1340 rows (row 5, 11)"),
    (put("person", [3, 4], "S000001"), "column 'person': an id that stands in an earlier row"),
    (put("person", [3], ""), "column 'person': no id in 1 of 1340 rows (row 5)"),
    (put("programme", [3], ""), "column 'programme': no programme in 1 of 1340 rows (row 5)"),
]


@pytest.mark.parametrize(("old", "new", "code", "message"), BROKEN_SETTINGS)
def test_a_broken_study_file_says_what_and_how_to_mend_it(study: Path, old: str, new: str, code: int, message: str) -> None:
    settings(study, old, new)

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    assert ended.returncode == code
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (study.parent / "reports" / "study").exists()


@pytest.mark.parametrize(("change", "message"), BROKEN_DATA, ids=[m[:40] for _, m in BROKEN_DATA])
def test_broken_data_are_named_by_file_column_and_row_never_by_child(
    study: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    rewrite(study, change)

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    assert ended.returncode == 10
    assert message in ended.stderr
    assert "people.csv" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not re.search(r"S\d{6}", ended.stderr)


def findings(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "findings.csv", dtype=str, keep_default_na=False).set_index("programme")


def test_a_programme_without_rows_is_a_finding_and_the_other_is_finished(study: Path) -> None:
    settings(study, "# [programmes]", '[programmes]\ninclude = ["mentoring", "absent"]\n#')

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    found = findings(study.parent / "reports" / "study")
    assert ended.returncode == 0
    assert found.loc["absent", "verdict"] == "not_evaluable"
    assert found.loc["mentoring", "verdict"] == "likely_reduced"


def test_perfect_separation_is_a_finding_that_names_the_covariate(study: Path) -> None:
    rewrite(study, never_overlaps)

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    found = findings(study.parent / "reports" / "study")
    assert ended.returncode == 0
    assert set(found["verdict"]) == {"not_comparable"}
    assert "age" in found.loc["mentoring", "notes"]


def test_without_any_event_nothing_can_be_evaluated_and_that_is_exit_12(study: Path) -> None:
    rewrite(study, lambda people: people.assign(reoffended="0"))

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    found = findings(study.parent / "reports" / "study")
    assert ended.returncode == 12
    assert set(found["verdict"]) == {"not_evaluable"}
    assert found.loc["mentoring", "reasons"] == "too_few_events"


def test_a_follow_up_shorter_than_the_horizon_is_said_to_be_that(study: Path) -> None:
    rewrite(
        study, lambda people: people.assign(days_to_reoffence=people["days_to_reoffence"].map(lambda d: str(min(int(d), 200))))
    )

    yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    found = findings(study.parent / "reports" / "study")
    assert found.loc["mentoring", "reasons"] == "follow_up_too_short"
    assert "nobody in one arm was followed beyond 200" in found.loc["mentoring", "notes"]


def test_constant_and_aliased_covariates_are_left_out_and_named(study: Path) -> None:
    rewrite(study, lambda people: people.assign(age="15", seriousness=people["prior_offences"]))

    ended = yoseval("evaluate", study, "--no-reports", cwd=study.parent)

    found = findings(study.parent / "reports" / "study")
    assert ended.returncode == 0
    assert "age" in found.loc["mentoring", "notes"]
    assert "seriousness" in found.loc["mentoring", "notes"]


def test_missing_covariate_values_are_counted_and_balanced(starter: Path, tmp_path: Path) -> None:
    yoseval("evaluate", starter, "--no-reports", "--out", tmp_path / "run")

    found = findings(tmp_path / "run")
    balance = pd.read_csv(tmp_path / "run" / "balance.csv")
    assert re.search(r"school_hours \(about \d+ %\)", found.loc["mentoring", "notes"])
    assert "school_hours: not recorded" in set(balance["term"])


def test_a_study_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    ended = yoseval("evaluate", "nowhere", cwd=tmp_path)

    assert ended.returncode == 11
    assert "yoseval init nowhere" in ended.stderr


@pytest.mark.parametrize("arguments", [("evaluate",), ("evaluate", "x", "--nope"), ("unknown",)])
def test_misuse_is_exit_2_without_a_traceback(arguments: tuple[str, ...], tmp_path: Path) -> None:
    ended = yoseval(*arguments, cwd=tmp_path)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_init_writes_a_study_that_runs_and_never_overwrites(tmp_path: Path) -> None:
    first = yoseval("init", "mine", cwd=tmp_path)
    again = yoseval("init", "mine", cwd=tmp_path)
    run = yoseval("evaluate", "mine", "--no-reports", cwd=tmp_path)

    assert (first.returncode, again.returncode, run.returncode) == (0, 2, 0)
    assert "likely_reduced" in (tmp_path / "reports" / "mine" / "findings.csv").read_text(encoding="utf-8")


def test_check_says_what_could_be_evaluated_without_estimating(starter: Path) -> None:
    ended = yoseval("check", starter)

    assert ended.returncode == 0
    assert "people.csv are sound: 1,340 rows" in ended.stdout
    assert "Mentoring: can be evaluated now" in ended.stdout


def test_check_names_faults_in_outcomes_too(study: Path) -> None:
    rewrite(study, put("reoffended", [0], "yes"))

    ended = yoseval("check", study)

    assert ended.returncode == 10
    assert "column 'reoffended'" in ended.stderr


def test_a_design_that_changed_after_its_lock_is_on_record(study: Path) -> None:
    out = study.parent / "run"
    yoseval("design", study, "--out", out)
    locked = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["lock"]
    same = yoseval("evaluate", study, "--no-reports", "--out", out)
    unchanged = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["lock"]
    settings(study, '"school_hours"]', "]")

    yoseval("evaluate", study, "--no-reports", "--out", out)

    changed = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["lock"]
    assert same.returncode == 0
    assert unchanged["digests"] == locked["digests"]
    assert not unchanged["changed"]
    assert changed["changed"]
    assert changed["history"][0]["digests"] == locked["digests"]


def test_verify_finds_changed_files_inputs_and_designs(study: Path) -> None:
    out = study.parent / "run"
    yoseval("evaluate", study, "--no-reports", "--out", out)

    good = yoseval("verify", out, "--study", study)
    rewrite(study, put("age", [0, 1, 2], "12.5"))
    moved = yoseval("verify", out, "--study", study)
    (out / "findings.csv").write_text("x\n", encoding="utf-8")
    changed = yoseval("verify", out)

    assert good.returncode == 0
    assert moved.returncode == 13
    assert "people.csv has changed since the run" in moved.stdout
    assert "is not the one that was locked" in moved.stdout
    assert changed.returncode == 13
    assert "findings.csv has changed" in changed.stdout


def test_the_same_seed_gives_the_same_bytes_in_every_csv(starter: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        yoseval("evaluate", starter, "--no-reports", "--seed", "5", "--out", tmp_path / name)

    files = sorted(f.name for f in (tmp_path / "first").glob("*.csv"))
    assert len(files) >= 9
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize(("kill", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_run_leaves_the_last_good_one_whole(
    starter: Path, tmp_path: Path, kill: signal.Signals, code: int
) -> None:
    out = tmp_path / "run"
    yoseval("evaluate", starter, "--no-reports", "--out", out)
    before = {f.name: f.read_bytes() for f in out.iterdir() if f.is_file()}
    running = subprocess.Popen(
        [sys.executable, "-m", "yoseval", "evaluate", str(starter), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stage = out.parent / ".run.new"
    deadline = time.monotonic() + 120
    while not (stage / "manifest.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)

    running.send_signal(kill)
    _, said = running.communicate(timeout=120)

    assert running.returncode == code
    assert b"Traceback" not in said
    assert {f.name: f.read_bytes() for f in out.iterdir() if f.is_file()} == before


def test_what_is_private_is_closed_to_others(starter: Path, tmp_path: Path) -> None:
    yoseval("evaluate", starter, "--no-reports", "--out", tmp_path / "run")

    private = tmp_path / "run" / "private"
    assert private.stat().st_mode & 0o777 == 0o700
    public = "".join(f.read_text(encoding="utf-8") for f in (tmp_path / "run").glob("*.*"))
    assert "S000001" in "".join(f.read_text(encoding="utf-8") for f in private.iterdir())
    assert not re.search(r"S\d{6}", public)


@pytest.mark.parametrize("name", ["recid", "rossi"])
def test_the_real_studies_do_not_claim_what_their_intervals_do_not_carry(name: str, tmp_path: Path) -> None:
    ended = yoseval("evaluate", ROOT / "data" / name, "--no-reports", "--out", tmp_path / name)

    row = findings(tmp_path / name).iloc[0]
    assert ended.returncode == 0
    assert row["verdict"] == "cannot_tell"
    assert float(row["conf_low"]) < 0 < float(row["conf_high"])
    assert row["naive_estimate"] != ""
    assert "We cannot tell" in ended.stdout
    assert ("randomised comparison" in row["sentence"]) == (name == "rossi")
