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
        The raw public frames ``quality``, ``delivery``, ``suitability``, ``delays`` and ``delivery_notes``.
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
        about = self.study.file.study.model_dump(mode="json")
        if not isinstance(self.study.records_place, Path):
            # A URL may hold a password.
            about["records"] = "a database"
        named = self.scored["delivery"].drop_duplicates("programme")
        place = self.study.records_place
        tables = sorted(f for f in place.glob("*.*") if f.is_file()) if isinstance(place, Path) else []
        return {
            "yoseval": installed_version("yoseval"),
            "study": {**about, "folder": self.study.folder.resolve().name},
            "outcomes": [],
            "programmes": [{"id": r["programme"], "name": r["name"]} for r in named.to_dict("records") if r["programme"]],
            "lock": {"digests": {}},
            "inputs": input_entries(self.study.folder, [self.study.folder / STUDY_FILE, *tables]),
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
    about, engine = study.file.study, study.file.engine
    records = read_records(
        study.records_place,
        extract_date=about.extract_date,
        on_invalid=on_invalid,
        backend=engine.backend,
        private=private,
        jobs=engine.jobs,
    )
    try:
        return CheckedRecords(study, _scored(records), tuple(check_lines(records.tables, records.extract_date, records.report)))
    finally:
        records.engine.close()


def _scored(records: Records) -> dict[str, pd.DataFrame]:
    tables, until = records.tables, records.extract_date
    return {
        "quality": quality_frame(tables, until, records.report),
        "delivery": delivery_frame(tables, until),
        "suitability": suitability_frame(tables),
        "delays": delays_frame(tables, until),
        "delivery_notes": delivery_notes(tables, until),
    }
