"""A run as reports look at it: one programme's rows of any public frame, and which of them are confidential.

Takes an opened run (or anything like one) and gives slices of its frames. Nothing is computed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from yoseval.errors import ReportError
from yoseval.reporting.entered import Entered
from yoseval.reporting.wording import add_sentences
from yoseval.reporting.words import Words


class ProgrammeLike(Protocol):
    """A programme of a run."""

    @property
    def id(self) -> str:
        """Id in every frame."""
        ...

    @property
    def name(self) -> str:
        """Name as shown."""
        ...


class RunLike(Protocol):
    """An opened run: what ``open_run`` returns."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What ``manifest.json`` holds."""
        ...

    @property
    def programmes(self) -> Sequence[ProgrammeLike]:
        """The programmes of the run."""
        ...

    def frame(self, name: str) -> pd.DataFrame:
        """Return a public frame; confidential values are empty."""
        ...

    def hidden(self, name: str) -> pd.DataFrame:
        """Return booleans of the same shape: True where a value is confidential."""
        ...


@dataclass(frozen=True)
class View:
    """One programme of a run.

    Parameters
    ----------
    run : RunLike
        The opened run.
    programme : str
        Id of the programme.
    """

    run: RunLike
    programme: str

    @cached_property
    def words(self) -> Words:
        """What the study calls things."""
        return Words.from_manifest(self.run.manifest)

    @cached_property
    def finding(self) -> dict[str, Any]:
        """The programme's finding, with its sentence and next step."""
        found = self.frame("findings")
        if found.empty:
            raise ReportError(f"The run has no finding for the programme '{self.programme}'.", "Run 'yoseval evaluate' again.")
        row: dict[str, Any] = found.iloc[:1].to_dict("records")[0]
        if not row["sentence"]:
            row = add_sentences(found.iloc[:1], self.words).to_dict("records")[0]
        return row

    @property
    def name(self) -> str:
        """The programme's name as shown."""
        return str(self.finding["name"])

    @property
    def noun(self) -> str:
        """What the finding's outcome is called."""
        return self.words.outcome(self.finding["outcome"]).noun

    @property
    def entered(self) -> Entered:
        """What those in the programme group did."""
        return self.words.entered(self.programme)

    def frame(self, name: str) -> pd.DataFrame:
        """Return the programme's rows of a public frame."""
        whole = self.run.frame(name)
        return whole.loc[(whole["programme"] == self.programme).to_numpy()].reset_index(drop=True)

    def hidden(self, name: str) -> pd.DataFrame:
        """Return which values of ``frame(name)`` are confidential."""
        mine = (self.run.frame(name)["programme"] == self.programme).to_numpy()
        return self.run.hidden(name).loc[mine].reset_index(drop=True)


def views(run: RunLike, programme: str | None = None) -> list[View]:
    """Return a view of one programme, or of all in the order of their names.

    Raises
    ------
    ReportError
        If the run has no such programme.
    """
    if programme is None:
        return [View(run, p.id) for p in sorted(run.programmes, key=lambda p: (p.name.casefold(), p.id))]
    if programme not in [p.id for p in run.programmes]:
        known = ", ".join(p.id for p in run.programmes)
        raise ReportError(f"The run has no programme '{programme}'.", f"It has: {known}.")
    return [View(run, programme)]
