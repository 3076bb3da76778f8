"""Where a study's children and outcomes come from: a prepared file or records, opened in two steps.

Takes a study and gives a source that first hands out what a design may see, and outcomes only when asked after the lock.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pandas as pd

from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.prepared import programmes_of, read_prepared
from yoseval.cohort.protocol import Study, TrialProtocol
from yoseval.cohort.trials import build_trials
from yoseval.design.types import Design
from yoseval.evaluation.blind_frames import blind_frames
from yoseval.evaluation.evaluate import OutcomeSource
from yoseval.evaluation.records_check import open_records, scored_frames
from yoseval.evaluation.trial import CohortSource
from yoseval.evaluation.worded import worded_outcomes, worded_protocol
from yoseval.outcomes.followup import read_outcomes
from yoseval.outcomes.recorded import observe_trials
from yoseval.records.records import OnInvalid, Records

Tell = Callable[[str, str], None]


class StudySource(Protocol):
    """A study that has been opened."""

    def cohorts(self) -> Mapping[str, tuple[CohortSource, TrialProtocol]]:
        """Return for each programme where its cohort comes from, and its protocol."""
        ...

    def outcomes(self) -> Mapping[str, OutcomeSource]:
        """Open the outcomes of every programme: only for locked designs."""
        ...

    def frames(self, designs: Mapping[str, Design]) -> Mapping[str, pd.DataFrame]:
        """Return public frames about the records and the trials built from them; none for a prepared file."""
        ...


class PreparedSource:
    """A prepared cohort file."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._programmes: tuple[str, ...] = ()

    def cohorts(self) -> Mapping[str, tuple[CohortSource, TrialProtocol]]:
        """Return the file without its outcomes, for every programme."""
        prepared = read_prepared(self._study)
        self._programmes = programmes_of(prepared, self._study)
        return {p: (prepared, self._study.protocol(p)) for p in self._programmes}

    def outcomes(self) -> Mapping[str, OutcomeSource]:
        """Read the outcome columns."""
        table = read_outcomes(self._study)
        return dict.fromkeys(self._programmes or self.cohorts(), table)

    def frames(self, designs: Mapping[str, Design]) -> Mapping[str, pd.DataFrame]:
        """Return nothing."""
        return {}


class RecordedSource:
    """Records, validated and open in their engine."""

    def __init__(self, study: Study, records: Records, on_progress: Tell) -> None:
        self._study, self._records, self._tell = study, records, on_progress
        self._trials: Sequence[BuiltTrial] = ()

    def trials(self) -> Sequence[BuiltTrial]:
        """Return the trials, built when first asked for."""
        if not self._trials:
            self._trials = build_trials(self._records, self._study, on_progress=self._tell)
        return self._trials

    def cohorts(self) -> Mapping[str, tuple[CohortSource, TrialProtocol]]:
        """Return the trial of every programme."""
        return {t.protocol.programme: (t, worded_protocol(t.protocol, self._study)) for t in self.trials()}

    def outcomes(self) -> Mapping[str, OutcomeSource]:
        """Observe what happened after time zero."""
        observed = observe_trials(self._records, self._study, self.trials())
        self._tell("Reading", "outcomes")
        return observed

    def frames(self, designs: Mapping[str, Design]) -> Mapping[str, pd.DataFrame]:
        """Return the quality of the records, what was delivered, when each programme can be evaluated and who was lost."""
        scored = scored_frames(self._records)
        return {**scored, **blind_frames(self._records, self._study, self.trials(), scored, designs)}


@contextmanager
def open_study(
    study: Study, *, on_invalid: OnInvalid = "raise", private: Path | None = None, on_progress: Tell | None = None
) -> Iterator[StudySource]:
    """Open a study: records are read and validated, a prepared file when its cohorts are asked for.

    Parameters
    ----------
    study : Study
        The study.
    on_invalid : {"raise", "drop"}
        What to do with faulty rows of records.
    private : Path, optional
        Folder for rows set aside.
    on_progress : callable, optional
        Called with a stage and a name.

    Raises
    ------
    DataError
        If the data break rules.
    """
    tell = on_progress or (lambda stage, name: None)
    if not study.is_of_records:
        yield PreparedSource(study)
        return
    worded_outcomes(study)  # an outcome that records do not have is known before they are read
    records = open_records(study, on_invalid=on_invalid, private=private)
    tell("Reading", "records")
    try:
        yield RecordedSource(study, records, tell)
    finally:
        records.engine.close()
