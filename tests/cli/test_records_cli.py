"""The commands about records: check, simulate, pseudonymise."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def yoseval(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yoseval", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("simulated")
    ended = yoseval("simulate", "service", "--people", "400", "--seed", "5", cwd=where)
    assert ended.returncode == 0, ended.stderr
    return where / "service"


def test_the_example_is_checked_and_reported(tmp_path: Path) -> None:
    ended = yoseval("check", ROOT / "data" / "example", cwd=tmp_path)

    folder = tmp_path / "reports" / "example_check"
    assert ended.returncode == 0
    assert "only whether starting helps: no session log" in ended.stdout
    assert len(ended.stdout.split("Written:")[0].splitlines()) <= 45
    assert {"quality.csv", "delivery.csv", "data_quality.html", "manifest.json"} <= {f.name for f in folder.iterdir()}
    assert not re.search(r"SIM\w*\d{3}", "".join(f.read_text(encoding="utf-8") for f in folder.glob("*.*")))


def test_small_counts_of_the_funnel_are_confidential(tmp_path: Path) -> None:
    yoseval("check", ROOT / "data" / "example", cwd=tmp_path)

    shown = pd.read_csv(tmp_path / "reports" / "example_check" / "delivery.csv", dtype=str, keep_default_na=False)["n"]
    counts = pd.to_numeric(shown[~shown.isin(["[c]", ""])])
    assert (shown == "[c]").any()
    assert not counts.between(1, 9).any()


def test_records_with_faults_are_refused_all_at_once_and_without_an_id(simulated: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(simulated, tmp_path / "service"))
    offences = pd.read_csv(study / "records" / "offences.csv", dtype=str, keep_default_na=False)
    offences.loc[0, "offence_date"] = "31/12/2024"
    offences.loc[[1, 2], "result"] = "guilty"
    offences.to_csv(study / "records" / "offences.csv", index=False)

    ended = yoseval("check", study, cwd=tmp_path)
    dropped = yoseval("check", study, "--on-invalid", "drop", cwd=tmp_path)

    assert ended.returncode == 10
    assert "offences.csv, column 'offence_date'" in ended.stderr
    assert "offences.csv, column 'result'" in ended.stderr
    assert "in 2 of" in ended.stderr
    assert "SIM" not in ended.stderr
    assert dropped.returncode == 0
    private = tmp_path / "reports" / "service_check" / "private"
    assert private.stat().st_mode & 0o777 == 0o700
    assert len(pd.read_csv(private / "set_aside_offences.csv", dtype=str)) == 3


def test_records_are_evaluated_the_whole_way(simulated: Path, tmp_path: Path) -> None:
    ended = yoseval("evaluate", simulated, "--no-reports", cwd=tmp_path)

    folder = tmp_path / "reports" / "service"
    findings = pd.read_csv(folder / "findings.csv", dtype=str, keep_default_na=False)
    assert ended.returncode == 0, ended.stderr
    assert len(findings) == 8
    assert set(findings.loc[findings["programme"] == "cadets", "verdict"]) == {"not_evaluable"}
    assert {"evaluability.csv", "lost.csv", "coexposure.csv", "jdl.csv", "completeness.csv"} <= {
        f.name for f in folder.iterdir()
    }
    assert not re.search(r"SIM\d{3}", "".join(f.read_text(encoding="utf-8") for f in folder.glob("*.*")))


def test_the_lock_of_a_run_on_records_can_be_verified(simulated: Path, tmp_path: Path) -> None:
    yoseval("design", simulated, cwd=tmp_path)

    ended = yoseval("verify", "reports/service", "--study", simulated, cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Inputs and lock agree" in ended.stdout


def test_a_protocol_that_reads_the_future_is_refused(simulated: Path, tmp_path: Path) -> None:
    study = Path(shutil.copytree(simulated, tmp_path / "service"))
    text = (study / "study.toml").read_text(encoding="utf-8")
    (study / "study.toml").write_text(text.replace("days = 60", 'days = 60\nexposure = "completed"'), encoding="utf-8")

    ended = yoseval("evaluate", study, cwd=tmp_path)

    assert ended.returncode == 11
    assert "reads the future" in ended.stderr
    assert "rule = 'landmark'" in ended.stderr


def test_simulate_says_on_its_face_that_nothing_is_real_and_never_overwrites(simulated: Path) -> None:
    again = yoseval("simulate", "service", "--people", "10", cwd=simulated.parent)

    assert "SIMULATED" in (simulated / "README.txt").read_text(encoding="utf-8")
    assert (simulated / "truth.csv").is_file()
    assert again.returncode == 2


def test_pseudonymised_records_can_be_checked_and_hold_no_old_id(simulated: Path, tmp_path: Path) -> None:
    made = yoseval(
        "pseudonymise", simulated / "records", tmp_path / "out" / "records", "--key", tmp_path / "k", "--make-key", cwd=tmp_path
    )
    shutil.copy(simulated / "study.toml", tmp_path / "out" / "study.toml")

    ended = yoseval("check", tmp_path / "out", cwd=tmp_path)

    assert made.returncode == 0, made.stderr
    assert "ids replaced" in made.stdout
    assert ended.returncode == 0, ended.stderr
    people = (tmp_path / "out" / "records" / "people.csv").read_text(encoding="utf-8")
    assert not re.search(r"SIM-?P?\d", people)


def test_a_key_inside_the_study_is_refused(simulated: Path, tmp_path: Path) -> None:
    ended = yoseval(
        "pseudonymise", simulated / "records", tmp_path / "out", "--key", simulated / "k", "--make-key", cwd=tmp_path
    )

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert not (simulated / "k").exists()
