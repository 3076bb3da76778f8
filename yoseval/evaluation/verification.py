"""Tell whether a run can be made again: whether the libraries, the inputs and the lock still agree with its manifest."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from yoseval.cohort.protocol import read_study
from yoseval.evaluation.portfolio import design_portfolio


def verify_versions(manifest: Mapping[str, Any]) -> list[str]:
    """Return which libraries differ from those of the run: a note, not a fault."""
    notes = []
    for name, then in manifest.get("versions", {}).items():
        now = _installed(name)
        if now != then:
            notes.append(f"note: {name} was {then} and is {now or 'not installed'} here.")
    return notes


def verify_study(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return where a study folder differs from the run's inputs, or gives another lock.

    Parameters
    ----------
    folder : Path
        The study folder.
    manifest : mapping
        The run's manifest.
    """
    study = read_study(folder)
    faults = []
    for entry in manifest.get("inputs", []):
        file = study.folder / entry["file"]
        if not file.is_file():
            faults.append(f"{entry['file']} is not in the study folder.")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]:
            faults.append(f"{entry['file']} has changed since the run.")
    digests = design_portfolio(study, seed=int(manifest.get("seed", 0))).digests()
    for programme, digest in manifest.get("lock", {}).get("digests", {}).items():
        if digests.get(programme) != digest:
            faults.append(f"The design of programme '{programme}' is not the one that was locked.")
    return faults


def _installed(name: str) -> str | None:
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return None
