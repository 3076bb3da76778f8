"""The run folder: written whole or not at all, and opened again years later.

Takes public frames that passed disclosure control and gives files; takes a folder and gives a `Run`, which is
all that reports may read. Nothing here sees a child.
"""

import csv
import hashlib
import json
import math
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from filelock import FileLock, Timeout

from yoseval.errors import EnvironmentFault, ReportError
from yoseval.frames import check_frame, make_frame
from yoseval.layouts import FRAMES
from yoseval.reporting.disclosure import PORTFOLIO_FRAMES, protect
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES, IMPUTED, protect_balance
from yoseval.reporting.disclosure_outcomes import OUTCOME_FRAMES, protect_outcomes
from yoseval.reporting.disclosure_records import RECORD_FRAMES, protect_records
from yoseval.reporting.disclosure_ties import TIE_FRAMES, protect_ties
from yoseval.reporting.disclosure_trials import TRIAL_FRAMES, protect_trials
from yoseval.reporting.policies import HIDDEN_MARK, SafeFrames, find_policy
from yoseval.reporting.wording import add_sentences
from yoseval.reporting.words import Words
from yoseval.vocabulary import COLUMNS

PUBLIC_FRAMES = (
    *("findings", "estimates", "balance", "sizes", "attrition", "overlap", "curves", "checks", "protocol"),
    *("candidates", "kept_and_dropped", *PORTFOLIO_FRAMES),
)
_PROTECTED_APART = (*RECORD_FRAMES, *TRIAL_FRAMES, *OUTCOME_FRAMES, *TIE_FRAMES, *BALANCE_FRAMES, IMPUTED)
OPTIONAL_FRAMES = (*_PROTECTED_APART, *PORTFOLIO_FRAMES)
MANIFEST = "manifest.json"
PRIVATE = "private"
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "'")


class Saveable(Protocol):
    """What a run folder is written from."""

    @property
    def policy(self) -> str:
        """Name of the disclosure policy."""
        ...

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Raw public frames by name."""
        ...

    def private_frames(self) -> Mapping[str, pd.DataFrame]:
        """Unit-level frames that never leave."""
        ...

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says of the study."""
        ...


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme of a run: its id, the name shown, and the part of file names that stands for it."""

    id: str
    name: str
    slug: str


@dataclass(frozen=True)
class Run:
    """A run folder that has been opened.

    Parameters
    ----------
    folder : Path
        Where it is.
    manifest : dict
        What ``manifest.json`` holds.
    """

    folder: Path
    manifest: dict[str, Any]

    @cached_property
    def programmes(self) -> list[Programme]:
        """The programmes, in the order of the study."""
        return [Programme(p["id"], p["name"], p["slug"]) for p in self.manifest["programmes"]]

    @cached_property
    def _cells(self) -> dict[str, pd.DataFrame]:
        return {}

    def _texts(self, name: str) -> pd.DataFrame:
        if name not in self._cells:
            file = self.folder / f"{name}.csv"
            if not file.is_file() and name in OPTIONAL_FRAMES:
                # Not every run has these: elsewhere they are empty, as a file with a header alone would be.
                return pd.DataFrame(columns=list(FRAMES[name]), dtype=object)
            if not file.is_file():
                raise ReportError(f"The run folder has no {file.name}.", "Run 'yoseval evaluate' again.")
            self._cells[name] = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
        return self._cells[name]

    def frame(self, name: str) -> pd.DataFrame:
        """Return a public frame, typed; confidential values are empty."""
        texts = self._texts(name)
        typed = {c: _from_text(texts[c], COLUMNS[c].kind) for c in FRAMES[name]}
        return check_frame(make_frame(name, pd.DataFrame(typed)), name)

    def hidden(self, name: str) -> pd.DataFrame:
        """Return booleans of the frame's shape: True where a value is confidential."""
        return self._texts(name) == HIDDEN_MARK

    def to_frame(self) -> pd.DataFrame:
        """Return the findings."""
        return self.frame("findings")


def open_run(folder: str | os.PathLike[str]) -> Run:
    """Open a run folder.

    Raises
    ------
    ReportError
        If the folder is not a run folder.

    Examples
    --------
    >>> open_run("reports/recid").frame("findings")  # doctest: +SKIP
    """
    where = Path(folder)
    _restore(where)
    file = where / MANIFEST
    if not file.is_file():
        raise ReportError(f"{where} is not a run folder: it has no {MANIFEST}.", "Name a folder that 'yoseval evaluate' wrote.")
    return Run(where, json.loads(file.read_text(encoding="utf-8")))


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write a run to, and put it in place of ``folder`` when all is done.

    A run that is killed half way leaves the last good one whole. Two runs never write to one folder at once.
    A folder that holds anything but a run is never replaced.

    Raises
    ------
    EnvironmentFault
        If another run is writing to the folder, it holds something else, or it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock", timeout=0):
            yield from _stage_and_publish(folder)
    except Timeout:
        raise EnvironmentFault(
            f"Another run is writing to {folder}.", "Wait for it, or choose another folder with --out."
        ) from None
    except OSError as problem:
        raise EnvironmentFault(
            f"{folder} cannot be written: {problem.strerror or problem}.", "Free the disk or choose another folder with --out."
        ) from problem


def save_run(portfolio: Saveable, folder: str | os.PathLike[str]) -> Path:
    """Write a run folder, whole or not at all, after disclosure control.

    Parameters
    ----------
    portfolio : Portfolio
        What ``evaluate_portfolio`` or ``design_portfolio`` gave.
    folder : path
        Where to; a run that is there is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    EnvironmentFault
        If it cannot be written.

    Examples
    --------
    >>> save_run(evaluate_portfolio(read_study("data/recid")), "reports/recid")  # doctest: +SKIP
    """
    where = Path(folder)
    with staged(where) as stage:
        fill_run(portfolio, stage, earlier=lock_history(where))
    return where


def fill_run(
    portfolio: Saveable, folder: Path, *, earlier: list[dict[str, Any]], extra: Mapping[str, Any] | None = None
) -> None:
    """Write frames that passed disclosure control, private units and the manifest to an empty folder.

    Parameters
    ----------
    portfolio : Saveable
        What is written.
    folder : Path
        An empty folder.
    earlier : list of dict
        Locks of the runs that were here before, from ``lock_history``.
    extra : mapping, optional
        Further parts of the manifest.
    """
    safe = _protected(portfolio)
    manifest = _completed(portfolio.manifest(), safe, earlier)
    if len(safe.frames.get("findings", ())):
        safe.frames["findings"] = add_sentences(safe.frames["findings"], Words.from_manifest(manifest))
    for name in safe.frames:
        _write_csv(safe.with_marks(name), folder / f"{name}.csv")
    vault = folder / PRIVATE
    vault.mkdir(mode=0o700, exist_ok=True)
    for name, frame in portfolio.private_frames().items():
        _write_csv(frame, vault / f"{name}.csv", mode=0o600)
    seal_run({**manifest, **(extra or {})}, folder)


def _protected(portfolio: Saveable) -> SafeFrames:
    """Apply disclosure control: sets of rules for effects, balance, records, and what trials and outcomes of them tell.

    A frame that no set knows goes to the first, which refuses it.
    """
    policy, frames = find_policy(portfolio.policy), portfolio.frames()
    about_records = {name: frames[name] for name in RECORD_FRAMES if name in frames}
    about_effects = protect({n: f for n, f in frames.items() if n not in _PROTECTED_APART}, policy, beside=frames)
    beside = [f(frames, about_effects, policy) for f in (protect_outcomes, protect_balance, protect_ties)]
    parts = [about_effects, *beside, protect_records(about_records, policy)]
    parts.append(protect_trials(frames, {n: h for p in parts for n, h in p.hidden.items()}, policy))
    return SafeFrames(
        policy, {n: f for p in parts for n, f in p.frames.items()}, {n: h for p in parts for n, h in p.hidden.items()}
    )


def lock_history(folder: Path) -> list[dict[str, Any]]:
    """Return the locks of the runs that were written to a folder before, oldest first."""
    _restore(folder)
    file = folder / MANIFEST
    if not file.is_file():
        return []
    lock = json.loads(file.read_text(encoding="utf-8")).get("lock", {})
    return [*lock.get("history", []), {"digests": lock.get("digests", {})}]


def seal_run(manifest: Mapping[str, Any], folder: Path) -> None:
    """Write ``manifest.json`` with the digest of every public file that is in the folder."""
    outputs = {f.name: sha256(f) for f in sorted(folder.iterdir()) if f.is_file() and f.name != MANIFEST}
    content = json.dumps({**manifest, "outputs": outputs}, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(content + "\n", encoding="utf-8")


def verify_outputs(run: Run) -> list[str]:
    """Return what is wrong with the public files of a run: changed, or gone; nothing if all is as it was written."""
    faults = []
    for name, digest in run.manifest.get("outputs", {}).items():
        file = run.folder / name
        if not file.is_file():
            faults.append(f"{name} is gone.")
        elif sha256(file) != digest:
            faults.append(f"{name} has changed since the run.")
    return faults


def sha256(file: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def slugs(ids: list[str]) -> list[str]:
    """Return a part of a file name for each id: lower-case ASCII, distinct.

    Examples
    --------
    >>> slugs(["Aim High!", "aim-high"])
    ['aim_high', 'aim_high_2']
    """
    taken: list[str] = []
    for id in ids:
        plain = unicodedata.normalize("NFKD", id).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60] or "programme"
        number = 2
        slug = stem
        while slug in taken:
            slug, number = f"{stem}_{number}", number + 1
        taken.append(slug)
    return taken


def _completed(manifest: dict[str, Any], safe: SafeFrames, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest with file names, disclosure and the history of the lock."""
    programmes = manifest["programmes"]
    named = [{**p, "slug": slug} for p, slug in zip(programmes, slugs([p["name"] for p in programmes]), strict=True)]
    policy, lock = safe.policy, manifest["lock"]
    different = [e for e in earlier if e["digests"] != lock["digests"]]
    disclosure = {"policy": policy.name, "threshold": policy.threshold, "sentence": policy.sentence, "hidden": safe.counts()}
    history = {"history": earlier, "changed": bool(different)}
    return {**manifest, "programmes": named, "disclosure": disclosure, "lock": {**lock, **history}}


def _stage_and_publish(folder: Path) -> Iterator[Path]:
    _restore(folder)
    if folder.exists() and not (folder / MANIFEST).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise EnvironmentFault(
            f"{folder} holds something that is no run.", "Nothing was replaced: choose another folder with --out."
        )
    stage = folder.parent / f".{folder.name}.new"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    try:
        yield stage
        _swap(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(stage: Path, folder: Path) -> None:
    previous = _previous(folder)
    shutil.rmtree(previous, ignore_errors=True)
    if folder.exists():
        folder.rename(previous)
    stage.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _restore(folder: Path) -> None:
    """Bring the last good run back if a run was killed between the two renames of ``_swap``."""
    if not folder.exists() and _previous(folder).is_dir():
        _previous(folder).rename(folder)


def _previous(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.previous"


def _write_csv(frame: pd.DataFrame, file: Path, *, mode: int = 0o644) -> None:
    rows = [[_to_text(v) for v in row] for row in frame.itertuples(index=False, name=None)]
    # Left to itself the writer does not quote a carriage return, which readers take for the end of a row.
    telling = any("\r" in cell for row in rows for cell in row)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if telling else csv.QUOTE_MINIMAL)
        writer.writerow(frame.columns)
        writer.writerows(rows)


def _to_text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        # Twelve significant digits: the same on every machine, and more than any reader needs.
        return format(value, ".12g")
    text = str(value)
    # A spreadsheet runs what begins like this; a text from data must stay a text.
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def _from_text(texts: pd.Series, kind: str) -> pd.Series:
    values = texts.where(texts != HIDDEN_MARK, "")
    if kind == "text":
        return values.where(~values.str.startswith("'"), values.str[1:])
    blank = values == ""
    if kind == "flag":
        return (values == "True").astype(object).where(~blank, None)
    return pd.to_numeric(values.where(~blank, None))
