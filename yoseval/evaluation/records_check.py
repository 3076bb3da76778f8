"""What a service's records can carry: read, validated, scored, before anything is evaluated.

Takes a study of records and gives the frames and the lines of ``yoseval check``; a run folder is written from it like
from a portfolio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from yoseval.cohort.protocol import STUDY_FILE, Study
from yoseval.cohort.trials import build_trials
from yoseval.errors import DataError
from yoseval.evaluation.blind_frames import outlook_frames
from yoseval.evaluation.outlook import outlook_lines
from yoseval.evaluation.provenance import RECORD_LIBRARIES, input_entries, installed_version, library_versions
from yoseval.records.records import OnInvalid, Records, read_records
from yoseval.records.scoring.delivery import delays_frame, delivery_frame, suitability_frame
from yoseval.records.scoring.delivery_notes import delivery_notes
from yoseval.records.scoring.lines import check_lines
from yoseval.records.scoring.quality import quality_frame


@dataclass(frozen=True, slots=True, eq=False)
class CheckedRecords:
    """The records of a study, scored.

    Parameters
    ----------
    study : Study
        A study of records.
    scored : mapping of DataFrame
        The raw public frames ``quality``, ``delivery``, ``suitability``, ``delays`` and ``delivery_notes``, and those of the
        trials: ``evaluability`` and ``attrition``, from the extract to the eligible.
    lines : tuple of str
        What the one who holds the records reads; counts as they are, for the screen only.
    """

    study: Study
    scored: Mapping[str, pd.DataFrame]
    lines: tuple[str, ...]

    @property
    def policy(self) -> str:
        """Name of the disclosure policy."""
        return self.study.file.disclosure.policy

    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return every public frame, before disclosure control."""
        return self.scored

    def private_frames(self) -> Mapping[str, pd.DataFrame]:
        """Return nothing: rows set aside are written when the records are read."""
        return {}

    def to_frame(self) -> pd.DataFrame:
        """Return the public frame ``quality``."""
        return self.scored["quality"]

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says of the study, its inputs and libraries."""
        named = self.scored["delivery"].drop_duplicates("programme")
        return {
            "yoseval": installed_version("yoseval"),
            "study": {**about_study(self.study), "folder": self.study.folder.resolve().name},
            "outcomes": [],
            "programmes": [{"id": r["programme"], "name": r["name"]} for r in named.to_dict("records") if r["programme"]],
            "lock": {"digests": {}},
            "inputs": input_entries(self.study.folder, record_files(self.study)),
            "versions": library_versions(RECORD_LIBRARIES),
            "conf_level": 0.95,
        }

    def __str__(self) -> str:
        """Return the first lines."""
        return "\n".join(self.lines[:8])


def check_records(study: Study, *, on_invalid: OnInvalid = "raise", private: Path | None = None) -> CheckedRecords:
    """Read, validate and score the records of a study.

    Parameters
    ----------
    study : Study
        A study of records.
    on_invalid : {"raise", "drop"}
        What to do with rows that break a rule: stop, or set them aside in ``private`` with the reasons and go on.
    private : Path, optional
        Folder for rows set aside.

    Returns
    -------
    CheckedRecords
        Frames and lines.

    Raises
    ------
    DataError
        If rows break rules and ``on_invalid`` is ``raise``: all of them in one message.

    Examples
    --------
    >>> print(check_records(read_study("data/example")))  # doctest: +SKIP
    """
    records = open_records(study, on_invalid=on_invalid, private=private)
    try:
        scored = scored_frames(records)
        lines = check_lines(records.tables, records.extract_date, records.report, scored=scored)
        found, said = _outlook(records, study, scored)
        return CheckedRecords(study, {**scored, **found}, (*lines, "", *said))
    finally:
        records.engine.close()


def _outlook(
    records: Records, study: Study, scored: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Return the frames and lines on which programmes can be evaluated; a sentence where no trial can be built.

    A study that breaks a rule is refused; records that do not go with it are a finding of the check.
    """
    try:
        trials = build_trials(records, study)
    except DataError as problem:
        return {}, (f"Which programmes can be evaluated could not be told. {problem}",)
    frames = outlook_frames(records, study, trials, scored)
    lines = outlook_lines(frames["evaluability"], trials)
    return frames, ("Which programmes can be evaluated, and when:", *(f"  {x}" for x in lines))


def open_records(study: Study, *, on_invalid: OnInvalid = "raise", private: Path | None = None) -> Records:
    """Read the records of a study as its file says; close their engine when they are no longer needed.

    Raises
    ------
    DataError
        If rows break rules and ``on_invalid`` is ``raise``.
    """
    about, engine = study.file.study, study.file.engine
    return read_records(
        study.records_place,
        extract_date=about.extract_date,
        on_invalid=on_invalid,
        backend=engine.backend,
        private=private,
        jobs=engine.jobs if engine.jobs > 1 else None,
    )


def record_files(study: Study) -> list[Path]:
    """Return the files that a study of records rests on; of a database only the study file."""
    place = study.records_place
    tables = sorted(f for f in place.glob("*.*") if f.is_file()) if isinstance(place, Path) else []
    return [study.folder / STUDY_FILE, *tables]


def about_study(study: Study) -> dict[str, Any]:
    """Return what a manifest says of a study of records; the URL of a database, which may hold a password, is left out."""
    about = study.file.study.model_dump(mode="json")
    return about if isinstance(study.records_place, Path) else {**about, "records": "a database"}


def scored_frames(records: Records) -> dict[str, pd.DataFrame]:
    """Return the raw public frames about records themselves: quality, delivery, suitability, delays and notes."""
    tables, until = records.tables, records.extract_date
    return {
        "quality": quality_frame(tables, until, records.report),
        "delivery": delivery_frame(tables, until),
        "suitability": suitability_frame(tables),
        "delays": delays_frame(tables, until),
        "delivery_notes": delivery_notes(tables, until),
    }
