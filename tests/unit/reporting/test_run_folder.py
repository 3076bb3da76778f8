"""The run folder is written whole or not at all, and read again as it was written."""

import csv
import json
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field

import pandas as pd
import pytest
from filelock import FileLock

from yoseval.errors import EnvironmentFault, ReportError
from yoseval.frames import check_frame, make_frame
from yoseval.reporting.disclosure import protect
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES
from yoseval.reporting.policies import HIDDEN_MARK, find_policy
from yoseval.reporting.run_folder import (
    PUBLIC_FRAMES,
    fill_run,
    lock_history,
    open_run,
    save_run,
    seal_run,
    slugs,
    staged,
    verify_outputs,
)

NASTY = [
    "=1+1",
    "-1",
    "+cmd",
    "@x",
    "'quoted",
    "\ttab",
    'comma, quote " and\nline',
    "carriage\rreturn",
    "NA",
    "Åsa – ü",
    " space ",
]


@dataclass
class Fake:
    """The least a run folder is written from: programmes by id, with a flow each."""

    ids: list = field(default_factory=lambda: ["a"])
    digest: str = "d1"
    policy: str = "tre_10"

    def frames(self):
        empty = {name: make_frame(name, {}) for name in PUBLIC_FRAMES}
        rows = [
            {"programme": p, "step": 1, "stage": "file", "reason": p, "arm": "treated", "n_lost": 0, "n_left": 40}
            for p in self.ids
        ]
        return {**empty, "attrition": make_frame("attrition", pd.DataFrame(rows))}

    def private_frames(self):
        return {"design_01": make_frame("design_units", {"unit_id": ["=x", "007"], "weight": [0.5, 1.0]})}

    def manifest(self):
        programmes = [{"id": p, "name": p} for p in self.ids]
        return {"programmes": programmes, "lock": {"digests": dict.fromkeys(self.ids, self.digest)}, "study": {"title": "T"}}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "reports" / "run"


def titles(folder):
    return sorted(f.name for f in folder.parent.iterdir() if f.suffix != ".lock")


# ---- round trip


def test_a_run_is_read_as_it_was_written(service_run, effect_frames):
    run = open_run(service_run)
    policy = find_policy("tre_10")

    safe = protect(effect_frames, policy)

    for name in PUBLIC_FRAMES:
        expected = safe.frames[name]
        if name == "findings":
            # Sentences are added when it is written.
            expected = expected.drop(columns=["sentence", "next_step"])
        found = check_frame(run.frame(name), name)[expected.columns]
        # Twelve significant digits are written.
        pd.testing.assert_frame_equal(found, expected, rtol=1e-11, atol=0)
        pd.testing.assert_frame_equal(run.hidden(name)[expected.columns], safe.hidden[name][expected.columns])


def test_every_finding_has_its_sentence(service_run):
    findings = open_run(service_run).to_frame()

    assert (findings["sentence"] != "").all()
    assert (findings["next_step"] != "").all()


def test_confidential_values_are_marked_on_disk_and_empty_when_read(service_run):
    with (service_run / "attrition.csv").open(encoding="utf-8", newline="") as lines:
        cells = [row["n_lost"] for row in csv.DictReader(lines)]
    run = open_run(service_run)

    assert HIDDEN_MARK in cells
    assert [c == HIDDEN_MARK for c in cells] == run.hidden("attrition")["n_lost"].tolist()
    assert run.frame("attrition").loc[run.hidden("attrition")["n_lost"], "n_lost"].isna().all()


def test_texts_that_a_spreadsheet_would_run_survive(folder):
    save_run(Fake(NASTY), folder)
    run = open_run(folder)

    assert run.frame("attrition")["programme"].tolist() == NASTY
    assert [p.id for p in run.programmes] == NASTY


def test_texts_that_a_spreadsheet_would_run_are_quoted_on_disk(folder):
    save_run(Fake(NASTY), folder)

    with (folder / "attrition.csv").open(encoding="utf-8", newline="") as lines:
        cells = [c for row in csv.reader(lines) for c in row]
    assert [c for c in cells if c.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert "'=1+1" in cells
    assert "''quoted" in cells


def test_numbers_are_not_quoted(service_run):
    with (service_run / "estimates.csv").open(encoding="utf-8", newline="") as lines:
        estimates = [row["estimate"] for row in csv.DictReader(lines)]

    assert any(e.startswith("-0.") for e in estimates)


def test_private_units_are_quoted_too(folder):
    save_run(Fake(), folder)

    assert "'=x" in (folder / "private" / "design_01.csv").read_text(encoding="utf-8")


def test_the_private_folder_is_for_its_owner_alone(folder):
    save_run(Fake(), folder)
    private = folder / "private"

    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in private.iterdir()} == {0o600}


def test_no_child_is_in_a_public_file(service_run, service_people):
    ids = set(service_people["person"])
    public = "\n".join(f.read_text(encoding="utf-8") for f in service_run.iterdir() if f.is_file())

    assert not ids & set(re.findall(r"S\d{6}", public))
    assert ids & set(
        re.findall(r"S\d{6}", "\n".join(f.read_text(encoding="utf-8") for f in (service_run / "private").iterdir()))
    )


def test_the_same_portfolio_gives_the_same_bytes(service_portfolio, service_run, tmp_path):
    again = save_run(service_portfolio, tmp_path / "again")

    for file in (*service_run.glob("*.csv"), *service_run.glob("private/*.csv"), service_run / "manifest.json"):
        assert (again / file.relative_to(service_run)).read_bytes() == file.read_bytes()


def test_the_manifest_says_what_disclosure_did(service_run):
    disclosure = open_run(service_run).manifest["disclosure"]

    assert (disclosure["policy"], disclosure["threshold"]) == ("tre_10", 10)
    assert disclosure["hidden"]["attrition"] > 0


# ---- opening


def test_a_folder_without_manifest_is_no_run(tmp_path):
    with pytest.raises(ReportError, match=r"is not a run folder: it has no manifest\.json"):
        open_run(tmp_path)


def test_a_table_that_is_gone_is_named(folder):
    save_run(Fake(), folder)
    (folder / "balance.csv").unlink()

    with pytest.raises(ReportError, match=r"no balance\.csv"):
        open_run(folder).frame("balance")


# ---- whole or not at all


def test_a_run_takes_the_place_of_the_one_before(folder):
    save_run(Fake(["a"]), folder)
    save_run(Fake(["b"]), folder)

    assert [p.id for p in open_run(folder).programmes] == ["b"]
    assert titles(folder) == ["run"]


def test_an_exception_leaves_the_old_run_whole(folder):
    save_run(Fake(["old"]), folder)

    def write_half():
        with staged(folder) as stage:
            (stage / "findings.csv").write_text("half", encoding="utf-8")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write_half()

    assert verify_outputs(open_run(folder)) == []
    assert [p.id for p in open_run(folder).programmes] == ["old"]
    assert titles(folder) == ["run"]


def test_an_exception_leaves_nothing_where_nothing_was(folder):
    with pytest.raises(KeyError, match="half way"), staged(folder):
        raise KeyError("half way")

    assert titles(folder) == []


def killed_while(folder, code):
    """Run code that stages a run and prints 'ready', kill it there, and give its return code."""
    script = f"""
        import time, shutil, sys
        from pathlib import Path
        from yoseval.reporting import run_folder
        folder = Path({str(folder)!r})
        def wait(*_):
            print("ready", flush=True)
            time.sleep(60)
        {code}
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    return process.wait()


def test_a_run_that_is_killed_in_the_middle_leaves_the_old_one(folder):
    save_run(Fake(["old"]), folder)

    code = killed_while(folder, "with run_folder.staged(folder) as stage: (stage / 'findings.csv').write_text('half'); wait()")

    assert code == -signal.SIGKILL
    assert verify_outputs(open_run(folder)) == []
    assert [p.id for p in open_run(folder).programmes] == ["old"]


def test_after_a_run_that_was_killed_the_next_one_can_write(folder):
    save_run(Fake(["old"]), folder)
    killed_while(folder, "with run_folder.staged(folder) as stage: (stage / 'findings.csv').write_text('half'); wait()")

    save_run(Fake(["new"]), folder)

    assert [p.id for p in open_run(folder).programmes] == ["new"]
    assert titles(folder) == ["run"]


BETWEEN = (
    "rename = Path.rename; Path.rename = lambda s, t: wait() if s.name.endswith('.new') else rename(s, t)\n"
    "        with run_folder.staged(folder) as stage: (stage / 'manifest.json').write_text('half')"
)


def test_a_run_that_is_killed_between_the_two_renames_is_restored_when_opened(folder):
    save_run(Fake(["old"]), folder)
    killed_while(folder, BETWEEN)
    assert not folder.exists()

    run = open_run(folder)

    assert [p.id for p in run.programmes] == ["old"]
    assert verify_outputs(run) == []


def test_a_run_that_is_killed_between_the_two_renames_is_in_the_history_of_the_next(folder):
    save_run(Fake(digest="d1"), folder)
    killed_while(folder, BETWEEN)

    save_run(Fake(digest="d2"), folder)

    assert open_run(folder).manifest["lock"]["history"] == [{"digests": {"a": "d1"}}]


def test_two_runs_never_write_to_one_folder_at_once(folder):
    with staged(folder), pytest.raises(EnvironmentFault, match="Another run is writing"):
        save_run(Fake(), folder)


def test_a_writer_of_another_process_is_seen(folder):
    folder.parent.mkdir(parents=True)

    with FileLock(folder.parent / ".run.lock"), pytest.raises(EnvironmentFault, match="Another run is writing"):
        save_run(Fake(), folder)


@pytest.mark.parametrize("name", ["thesis.txt", "findings.csv"])
def test_a_folder_that_holds_something_else_is_never_replaced(folder, name):
    folder.mkdir(parents=True)
    (folder / name).write_text("mine", encoding="utf-8")

    with pytest.raises(EnvironmentFault, match="holds something that is no run"):
        save_run(Fake(), folder)

    assert (folder / name).read_text(encoding="utf-8") == "mine"


def test_a_file_is_never_replaced_by_a_run(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("mine", encoding="utf-8")

    with pytest.raises(EnvironmentFault, match="holds something that is no run"):
        save_run(Fake(), folder)

    assert folder.read_text(encoding="utf-8") == "mine"


def test_an_empty_folder_can_be_written_to(folder):
    folder.mkdir(parents=True)

    save_run(Fake(), folder)

    assert (folder / "manifest.json").is_file()


def test_a_place_that_cannot_be_written_is_a_fault_of_the_environment(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(EnvironmentFault, match="cannot be written"):
        save_run(Fake(), tmp_path / "file" / "run")


# ---- lock, digests, names


def test_the_history_of_the_lock_is_kept(folder):
    for digest in ("d1", "d1", "d2"):
        save_run(Fake(digest=digest), folder)

    lock = open_run(folder).manifest["lock"]
    assert lock["digests"] == {"a": "d2"}
    assert [h["digests"]["a"] for h in lock["history"]] == ["d1", "d1"]
    assert lock["changed"]


def test_a_lock_that_stays_the_same_has_not_changed(folder):
    save_run(Fake(), folder)
    save_run(Fake(), folder)

    assert not open_run(folder).manifest["lock"]["changed"]


def test_without_a_run_there_is_no_history(folder):
    assert lock_history(folder) == []


def test_a_run_that_is_as_it_was_written_verifies(service_run):
    assert verify_outputs(open_run(service_run)) == []


def test_every_public_file_has_its_digest(service_run):
    outputs = json.loads((service_run / "manifest.json").read_text(encoding="utf-8"))["outputs"]

    assert set(outputs) == {f"{name}.csv" for name in {*PUBLIC_FRAMES, *BALANCE_FRAMES} - {"subgroup_balance"}}


def test_a_changed_and_a_missing_file_are_found(folder):
    save_run(Fake(), folder)
    with (folder / "sizes.csv").open("a", encoding="utf-8") as out:
        out.write("x")
    (folder / "curves.csv").unlink()

    assert verify_outputs(open_run(folder)) == ["curves.csv is gone.", "sizes.csv has changed since the run."]


def test_a_report_that_was_added_is_sealed_with_the_others(folder):
    save_run(Fake(), folder)
    (folder / "portfolio.html").write_text("<p>", encoding="utf-8")

    seal_run(open_run(folder).manifest, folder)

    assert "portfolio.html" in open_run(folder).manifest["outputs"]


def test_further_parts_of_the_manifest_are_kept(tmp_path):
    fill_run(Fake(), tmp_path, earlier=[], extra={"timings": 3})

    assert open_run(tmp_path).manifest["timings"] == 3


def test_file_names_are_plain_and_distinct():
    made = slugs(["Aim High!", "aim-high", "Åsa", "日本", "日本", "../../etc", "x" * 200, "aim_high_2"])

    assert made[:3] == ["aim_high", "aim_high_2", "asa"]
    assert made[3:6] == ["programme", "programme_2", "etc"]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[a-z0-9_]{1,70}", s) for s in made)


def test_a_run_does_not_depend_on_the_umask(folder):
    before = os.umask(0)
    try:
        save_run(Fake(), folder)
    finally:
        os.umask(before)

    assert stat.S_IMODE((folder / "private").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "findings.csv").stat().st_mode) == 0o644
