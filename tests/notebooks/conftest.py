"""A run folder on disk, made of the invented, disclosure-safe run that the unit tests of reporting use."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from yoseval.reporting.policies import HIDDEN_MARK
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES
from yoseval.reporting.disclosure_outcomes import OUTCOME_FRAMES
from yoseval.reporting.run_folder import PUBLIC_FRAMES

TESTS = Path(__file__).parents[1]


def load(name, path):
    """Import a file of the tests by its path: tests are no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def support():
    """The checks of finished pages."""
    return load("yoseval_accessibility_support", TESTS / "accessibility" / "support.py")


@pytest.fixture(scope="session")
def example_run(tmp_path_factory):
    """Three programmes with three verdicts; one of them bears a hostile name."""
    made = load("yoseval_reporting_conftest", TESTS / "unit" / "reporting" / "conftest.py")
    hostile = {"programme": "b", "name": made.INJECTION, "verdict": "cannot_tell"}
    findings = [made.finding(), made.finding(**hostile), made.finding(programme="c", name="Sport", verdict="not_evaluable")]
    run = made.safe_run(findings=findings)
    folder = tmp_path_factory.mktemp("run")
    for name in (*PUBLIC_FRAMES, *OUTCOME_FRAMES, *BALANCE_FRAMES):
        cells = run.frame(name).astype(object)
        cells = cells.where(cells.notna(), "").mask(run.hidden(name).to_numpy(dtype=bool), HIDDEN_MARK)
        cells.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    (folder / "manifest.json").write_text(json.dumps(run.manifest), encoding="utf-8")
    return folder
