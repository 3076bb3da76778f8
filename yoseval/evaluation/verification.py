"""Tell whether a run can be made again: whether the libraries, the inputs and the lock still agree with its manifest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yoseval.cohort.protocol import read_study
from yoseval.evaluation.portfolio import design_portfolio
from yoseval.evaluation.provenance import file_digest, library_versions


def verify_versions(manifest: Mapping[str, Any]) -> list[str]:
    """Return which libraries differ from those of the run: a note, not a fault."""
    then = manifest.get("versions", {})
    now = library_versions([name for name in then if name != "python"])
    return [
        f"note: {name} was {before} and is {now[name] or 'not installed'} here."
        for name, before in then.items()
        if now[name] != before
    ]


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
        elif file_digest(file) != entry["sha256"]:
            faults.append(f"{entry['file']} has changed since the run.")
    locked = manifest.get("lock", {}).get("digests", {})
    # A check of records locks nothing: there is no design to build again.
    digests = design_portfolio(study, seed=int(manifest.get("seed", 0))).digests() if locked else {}
    faults += [
        f"The design of programme '{programme}' is not the one that was locked."
        for programme, digest in locked.items()
        if digests.get(programme) != digest
    ]
    return faults
