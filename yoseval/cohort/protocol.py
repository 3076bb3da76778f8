"""The study file: what is evaluated, how, and what counts, fixed before any outcome is opened.

Takes a study folder and gives a frozen `Study` and, for every programme, its `TrialProtocol`. An unknown key
is an error that names the nearest known key.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from yoseval.errors import StudyError, listed
from yoseval.frames import make_frame

STUDY_FILE = "study.toml"
TimeUnit = Literal["days", "weeks", "months"]
# The keys of outcomes.measures.MEASURES, which this floor must not import; a test compares the two.
MeasureName = Literal["risk_difference", "risk_ratio", "survival_difference", "restricted_mean_difference", "hazard_ratio"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class StudySection(_Section):
    """``[study]``: what the study is and where its data are."""

    title: str
    cohort: str
    extract_date: date | None = None
    profile: str = "as prepared"
    people: str = "children"
    comparison_name: str = "usual supervision"
    source: str = ""
    about: str = ""
    simulated: bool = False


class EngineSection(_Section):
    """``[engine]``: how many programmes are worked on at once."""

    jobs: Annotated[int, Field(ge=1, le=64)] = 1


class CohortSection(_Section):
    """``[cohort]``: the roles of the columns of a prepared file."""

    programme: str
    comparison: str
    id: str | None = None
    names: Mapping[str, str] = Field(default_factory=dict)
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class DesignSection(_Section):
    """``[design]``: how the comparison is made."""

    method: Literal["auto", "nearest", "overlap", "entropy", "randomised"] = "auto"
    candidates: tuple[Literal["nearest", "overlap", "entropy"], ...] = ("entropy", "nearest", "overlap")
    estimand: Literal["ATT", "ATE", "ATO"] | None = None
    covariates: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    history: str = ""
    ratio: Annotated[int, Field(ge=1, le=20)] = 1
    caliper: Annotated[float, Field(gt=0)] | None = 0.2
    caliper_scale: Literal["logit", "score"] = "logit"
    max_smd: Annotated[float, Field(gt=0, le=0.25)] = 0.10

    @field_validator("caliper", mode="before")
    @classmethod
    def _no_caliper(cls, value: Any) -> Any:
        # TOML has no null.
        return None if value == "none" else value

    @model_validator(mode="after")
    def _coherent(self) -> "DesignSection":
        if self.history and self.history not in self.covariates:
            raise ValueError(f"history = '{self.history}' must be one of the covariates")
        if self.method != "randomised" and not self.covariates:
            raise ValueError("covariates are needed, unless method = 'randomised'")
        return self


class OutcomeSection(_Section):
    """One of ``[[outcomes]]``: an event, how long people were followed, and the measure."""

    name: str
    measure: MeasureName = "risk_difference"
    event: str | None = None
    censored: str | None = None
    days: str | None = None
    weeks: str | None = None
    months: str | None = None
    horizon_days: Annotated[float, Field(gt=0)] | None = None
    horizon_weeks: Annotated[float, Field(gt=0)] | None = None
    horizon_months: Annotated[float, Field(gt=0)] | None = None
    label: str = "reoffended"
    noun: str = "reoffending"
    confirmatory: bool = False
    worthwhile: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> "OutcomeSection":
        if (self.event is None) == (self.censored is None):
            raise ValueError("give either event (1 = it happened) or censored (1 = it did not), not both")
        units = [u for u in ("days", "weeks", "months") if getattr(self, u) is not None]
        horizons = [u for u in ("days", "weeks", "months") if getattr(self, f"horizon_{u}") is not None]
        if len(units) != 1 or horizons != units:
            raise ValueError(
                "give one column of times (days, weeks or months) and the horizon in the same unit, such as horizon_days"
            )
        return self

    @property
    def time_unit(self) -> TimeUnit:
        """The unit of times and of the horizon."""
        return "days" if self.days is not None else "weeks" if self.weeks is not None else "months"

    @property
    def time_column(self) -> str:
        """The column of times."""
        return str(getattr(self, self.time_unit))

    @property
    def event_column(self) -> str:
        """The column of 0/1 that tells the event, or its absence."""
        return str(self.event if self.event is not None else self.censored)

    @property
    def horizon(self) -> float:
        """Length of follow-up, in ``time_unit``."""
        return float(getattr(self, f"horizon_{self.time_unit}"))


class PortfolioSection(_Section):
    """``[portfolio]``: what would matter."""

    worthwhile: Annotated[float, Field(gt=0, le=100)] = 5.0


class DisclosureSection(_Section):
    """``[disclosure]``: the policy by name."""

    policy: Literal["local", "tre_10", "opensafely", "dfe"] = "tre_10"


class StudyFile(_Section):
    """All of ``study.toml``."""

    study: StudySection
    cohort: CohortSection
    design: DesignSection
    outcomes: Annotated[tuple[OutcomeSection, ...], Field(min_length=1)]
    engine: EngineSection = EngineSection()
    portfolio: PortfolioSection = PortfolioSection()
    disclosure: DisclosureSection = DisclosureSection()
    programmes: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("outcomes")
    @classmethod
    def _distinct(cls, outcomes: tuple[OutcomeSection, ...]) -> tuple[OutcomeSection, ...]:
        keys = [(o.name, o.measure) for o in outcomes]
        if len(set(keys)) < len(keys):
            raise ValueError("two outcomes have the same name and measure")
        return outcomes


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
    """

    programme: str
    name: str
    cohort: CohortSection
    design: DesignSection
    outcomes: tuple[OutcomeSection, ...]
    worthwhile: float


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
    def cohort_file(self) -> Path:
        """The prepared cohort file."""
        return self.folder / self.file.study.cohort

    @property
    def include(self) -> tuple[str, ...]:
        """The programmes that are named, in order; empty = all there are."""
        return tuple(str(p) for p in self.file.programmes.get("include", ()))

    def protocol(self, programme: str) -> TrialProtocol:
        """Return the protocol of one programme, its own table laid over the study's sections.

        Raises
        ------
        StudyError
            If its own table breaks a rule.
        """
        own = self.file.programmes.get(programme, {})
        design = _overlaid(DesignSection, self.file.design, own.get("design", {}), f"programmes.{programme}.design")
        portfolio = _overlaid(
            PortfolioSection, self.file.portfolio, own.get("portfolio", {}), f"programmes.{programme}.portfolio"
        )
        name = self.file.cohort.names.get(programme, programme)
        return TrialProtocol(programme, name, self.file.cohort, design, self.file.outcomes, portfolio.worthwhile)

    def to_frame(self) -> pd.DataFrame:
        """Return every setting of the study file: the public frame ``protocol``."""
        rows = [
            {"programme": "", "section": section, "item": item, "value": str(value)}
            for section, content in self.file.model_dump(mode="json").items()
            for item, value in (content.items() if isinstance(content, dict) else enumerate(content, start=1))
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
    _refuse_records(content)
    study = Study(file.parent, _validated(StudyFile, content, file.name))
    _check_include(study.file)
    for programme, own in study.file.programmes.items():
        if programme != "include":
            _check_own_table(programme, own)
            study.protocol(programme)
    return study


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise StudyError(f"{file.name} is not valid TOML: {problem}.", "Texts stand in double quotes, lists in [ ].") from None


def _refuse_records(content: dict[str, Any]) -> None:
    if "records" in content.get("study", {}):
        raise StudyError(
            "This study names a folder of records.",
            'This version reads prepared cohort files: give cohort = "people.csv" instead.',
        )


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
        "disclosure": DisclosureSection,
    }
    inner: type[BaseModel] = sections[path[0]] if path and path[0] in sections else model
    return inner.model_fields


def _check_include(file: StudyFile) -> None:
    include = file.programmes.get("include", [])
    if not isinstance(include, list) or not all(isinstance(p, str) and p for p in include):
        raise StudyError("'programmes.include' must be a list of programmes in quotes.", 'Write include = ["mentoring"].')
    if file.cohort.comparison in include:
        raise StudyError(f"'{file.cohort.comparison}' is the comparison and cannot be a programme.", "Take it out of include.")


def _check_own_table(programme: str, own: Any) -> None:
    if not isinstance(own, dict):
        raise StudyError(
            f"'programmes.{programme}' must be a table.", f"Write [programmes.{programme}.design] and its keys below."
        )
    unknown = [k for k in own if k not in ("design", "portfolio")]
    if unknown:
        raise StudyError(
            f"'programmes.{programme}.{unknown[0]}' is not a known key.", "A programme may override design and portfolio."
        )


def _overlaid(model: type[Any], section: BaseModel, own: Mapping[str, Any], where: str) -> Any:
    if not isinstance(own, Mapping):
        raise StudyError(f"'{where}' must be a table.")
    given = section.model_dump(exclude_unset=True)
    return _validated(model, {**given, **own}, where)
