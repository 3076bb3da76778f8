"""The study file: what is evaluated, how, and what counts, fixed before any outcome is opened.

Takes a study folder and gives a frozen `Study` and, for every programme, its `TrialProtocol`. An unknown key
is an error that names the nearest known key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from yoseval.cohort.design_section import DesignSection
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.profiles import Profile, find_profile
from yoseval.cohort.sections import (
    AS_PREPARED,
    CohortSection,
    DisclosureSection,
    EligibilitySection,
    EngineSection,
    LinkageSection,
    PortfolioSection,
    StudyFile,
    StudySection,
    TimeZeroSection,
)
from yoseval.errors import StudyError, listed
from yoseval.frames import make_frame

STUDY_FILE = "study.toml"
USUAL_PROFILE = "moj_proven_1y"


@dataclass(frozen=True, slots=True)
class TrialProtocol:
    """Everything that is fixed about one programme's evaluation before outcomes are opened.

    Parameters
    ----------
    programme, name : str
        Id and name.
    cohort, design, outcomes : sections of the study file
        As they hold for this programme; the first outcome is the primary one.
    worthwhile : float
        Smallest worthwhile change per 100 people.
    linkage : LinkageSection, optional
        Which share of each arm was linked to the records of outcomes, where that is known.
    eligibility, time_zero : sections, optional
        Who could have started and when follow-up begins; absent for a prepared file.
    joint : tuple of str
        The programmes that a joint strategy starts together; empty for a programme by itself.
    """

    programme: str
    name: str
    cohort: CohortSection | None
    design: DesignSection
    outcomes: tuple[OutcomeSection, ...]
    worthwhile: float
    linkage: LinkageSection | None = None
    eligibility: EligibilitySection | None = None
    time_zero: TimeZeroSection | None = None
    joint: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A study folder that has been read.

    Parameters
    ----------
    folder : Path
        Where it is.
    file : StudyFile
        Its study file, validated.
    """

    folder: Path
    file: StudyFile

    @property
    def is_of_records(self) -> bool:
        """True where the study's data are a folder of records."""
        return self.file.study.records is not None

    @property
    def roles(self) -> CohortSection:
        """The roles of the columns of the cohort file.

        Raises
        ------
        StudyError
            If the study is one of records.
        """
        if self.file.cohort is None:
            raise StudyError("This study is one of records: no column of a prepared file has a role.", "Name a cohort file.")
        return self.file.cohort

    @property
    def cohort_file(self) -> Path:
        """The prepared cohort file."""
        return self.folder / (self.file.study.cohort or "")

    @property
    def records_place(self) -> Path | str:
        """The folder of records, or the URL of their database."""
        named = self.file.study.records or ""
        return named if "://" in named else self.folder / named

    @property
    def include(self) -> tuple[str, ...]:
        """The programmes that are named, in order; empty = all there are."""
        return tuple(str(p) for p in self.file.programmes.get("include", ()))

    def name_of(self, programme: str) -> str:
        """Return the name of a programme as the study file has it; of records, the register knows better."""
        return programme if self.file.cohort is None else str(self.file.cohort.names.get(programme, programme))

    @property
    def profile(self) -> Profile:
        """The profile of proven reoffending that a study of records names, ``moj_proven_1y`` where it names none.

        Raises
        ------
        StudyError
            If there is no such profile.
        """
        named = self.file.study.profile
        return find_profile(USUAL_PROFILE if named == AS_PREPARED else named)

    @property
    def outcomes(self) -> tuple[OutcomeSection, ...]:
        """The outcomes; of records, each with the length of follow-up that the profile gives it."""
        if not self.is_of_records:
            return self.file.outcomes
        days = float(self.profile.horizon_days)
        return tuple(o.model_copy(update={"horizon_days": o.horizon_days or days}) for o in self.file.outcomes)

    def protocol(self, programme: str) -> TrialProtocol:
        """Return the protocol of one programme, its own table laid over the study's sections.

        Raises
        ------
        StudyError
            If its own table breaks a rule, or the study is one of records.
        """
        own = self.file.programmes.get(programme, {})
        return TrialProtocol(
            programme,
            self.name_of(programme),
            self.file.cohort,
            self._section(programme, "design"),
            self.outcomes,
            self._section(programme, "portfolio").worthwhile,
            self.file.linkage,
            self._section(programme, "eligibility"),
            self._section(programme, "time_zero"),
            tuple(own.get("joint", ())),
        )

    def _section(self, programme: str, name: str) -> Any:
        """Return a section with the programme's own table laid over it; None where the study has none."""
        section = getattr(self.file, name)
        if section is None:
            return None
        own = self.file.programmes.get(programme, {})
        return _overlaid(type(section), section, own.get(name, {}), f"programmes.{programme}.{name}")

    def to_frame(self) -> pd.DataFrame:
        """Return every setting of the study file: the public frame ``protocol``."""
        rows = [
            {"programme": "", "section": section, "item": item, "value": str(value)}
            for section, content in self.file.model_dump(mode="json").items()
            for item, value in (content.items() if isinstance(content, dict) else enumerate(content or (), start=1))
        ]
        return make_frame("protocol", pd.DataFrame(rows))


def read_study(folder: str | Path) -> Study:
    """Read and validate the study file of a folder.

    Parameters
    ----------
    folder : path
        A folder with a ``study.toml``, or the file itself.

    Raises
    ------
    StudyError
        If there is none, it is no TOML, a key is unknown or a value breaks a rule; all at once.

    Examples
    --------
    >>> read_study("data/recid").file.study.title  # doctest: +SKIP
    """
    where = Path(folder)
    if where.suffix == ".toml" and where.name != STUDY_FILE:
        raise StudyError(f"A study file is called {STUDY_FILE}; this is {where.name}.", "Give each study a folder of its own.")
    file = where if where.suffix == ".toml" else where / STUDY_FILE
    if not file.is_file():
        raise StudyError(f"There is no {STUDY_FILE} in {where}.", f"Write one with 'yoseval init {where}'.")
    content = _load(file)
    study = Study(file.parent, _validated(StudyFile, content, file.name))
    if study.is_of_records:
        _ = study.profile  # an unknown one is an error here, not after an hour's work
    _check_include(study.file)
    for programme, own in study.file.programmes.items():
        if programme != "include":
            _check_own_table(programme, own, _OWN_OF_RECORDS if study.is_of_records else _OWN_OF_FILES)
            fault = study.file.fault_of_instrument(study.protocol(programme).design)
            if fault:
                raise StudyError(f"'programmes.{programme}.design': {fault}.")
    return study


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise StudyError(f"{file.name} is not valid TOML: {problem}.", "Texts stand in double quotes, lists in [ ].") from None


def _validated(model: type[Any], content: Mapping[str, Any], where: str) -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as problem:
        faults = [_fault(e, model, where) for e in problem.errors(include_url=False)]
        raise StudyError(f"{where} breaks {len(faults)} rule(s).\n{listed(faults)}") from None


def _fault(error: Any, model: type[BaseModel], where: str) -> str:
    path = [p for p in error["loc"] if isinstance(p, str)]
    place = ".".join(path) or where
    if error["type"] == "extra_forbidden":
        return f"'{place}' is not a known key.{_nearest(path, model)}"
    if error["type"] == "missing":
        return f"'{place}' is missing."
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"'{place}': {message[:1].lower()}{message[1:]}."


def _nearest(path: list[str], model: type[BaseModel]) -> str:
    known = list(_fields_at(path[:-1], model))
    near = get_close_matches(path[-1], known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else f" Known keys: {', '.join(known)}."


def _fields_at(path: list[str], model: type[BaseModel]) -> Mapping[str, Any]:
    sections: Mapping[str, type[BaseModel]] = {
        "study": StudySection,
        "engine": EngineSection,
        "cohort": CohortSection,
        "design": DesignSection,
        "outcomes": OutcomeSection,
        "portfolio": PortfolioSection,
        "linkage": LinkageSection,
        "eligibility": EligibilitySection,
        "time_zero": TimeZeroSection,
        "disclosure": DisclosureSection,
    }
    inner: type[BaseModel] = sections[path[0]] if path and path[0] in sections else model
    return inner.model_fields


def _check_include(file: StudyFile) -> None:
    include = file.programmes.get("include", [])
    if not isinstance(include, list) or not all(isinstance(p, str) and p for p in include):
        raise StudyError("'programmes.include' must be a list of programmes in quotes.", 'Write include = ["mentoring"].')
    if file.cohort is not None and file.cohort.comparison in include:
        raise StudyError(f"'{file.cohort.comparison}' is the comparison and cannot be a programme.", "Take it out of include.")


_OWN_OF_FILES = ("design", "portfolio")
_OWN_OF_RECORDS = (*_OWN_OF_FILES, "eligibility", "time_zero", "joint")


def _check_own_table(programme: str, own: Any, known: tuple[str, ...]) -> None:
    if not isinstance(own, dict):
        raise StudyError(
            f"'programmes.{programme}' must be a table.", f"Write [programmes.{programme}.design] and its keys below."
        )
    unknown = [k for k in own if k not in known]
    if unknown:
        raise StudyError(
            f"'programmes.{programme}.{unknown[0]}' is not a known key.", f"A programme may override {' and '.join(known)}."
        )
    joint = own.get("joint", [])
    if "joint" in own and not (isinstance(joint, list) and len(set(map(str, joint))) == len(joint) >= 2):
        raise StudyError(
            f"'programmes.{programme}.joint' must list two or more programmes.", 'Write joint = ["mentoring", "health"].'
        )


def _overlaid(model: type[Any], section: BaseModel, own: Mapping[str, Any], where: str) -> Any:
    if not isinstance(own, Mapping):
        raise StudyError(f"'{where}' must be a table.")
    given = section.model_dump(exclude_unset=True)
    return _validated(model, {**given, **own}, where)
