"""The sections of a study file: every key, its type and its rule.

Takes what TOML gave and gives frozen sections. An unknown key is a fault.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

TimeUnit = Literal["days", "weeks", "months"]
# The keys of outcomes.measures.MEASURES, which this floor must not import; a test compares the two.
MeasureName = Literal["risk_difference", "risk_ratio", "survival_difference", "restricted_mean_difference", "hazard_ratio"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class StudySection(_Section):
    """``[study]``: what the study is and where its data are."""

    title: str
    cohort: str | None = None
    records: str | None = None
    extract_date: date | None = None
    profile: str = "as prepared"
    people: str = "children"
    comparison_name: str = "usual supervision"
    source: str = ""
    about: str = ""
    simulated: bool = False


class EngineSection(_Section):
    """``[engine]``: where tables live, and how many programmes are worked on at once."""

    backend: Literal["duckdb", "pyspark"] = "duckdb"
    jobs: Annotated[int, Field(ge=1, le=64)] = 1


class EligibilitySection(_Section):
    """``[eligibility]`` of a study of records: who could have started, at time zero."""

    ages: tuple[int, int]
    disposals: tuple[str, ...]
    index_dates: tuple[date, date]


class TimeZeroSection(_Section):
    """``[time_zero]`` of a study of records: when follow-up begins, and who counts as having started."""

    rule: Literal["grace", "landmark", "nested", "clone_censor"] = "grace"
    days: Annotated[int, Field(ge=0, le=366)] = 60


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

    @property
    def has_columns(self) -> bool:
        """True where columns of a prepared file are named; a study of records names none."""
        return any(getattr(self, name) is not None for name in ("event", "censored", "days", "weeks", "months"))

    @model_validator(mode="after")
    def _coherent(self) -> "OutcomeSection":
        if not self.has_columns:
            return self
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


class LinkageSection(_Section):
    """``[linkage]``: which share of each arm was found in the records that outcomes come from."""

    treated: Annotated[float, Field(gt=0, le=1)]
    comparison: Annotated[float, Field(gt=0, le=1)]
    ratio: Annotated[float, Field(ge=1)] | None = None


class PortfolioSection(_Section):
    """``[portfolio]``: what would matter."""

    worthwhile: Annotated[float, Field(gt=0, le=100)] = 5.0


class DisclosureSection(_Section):
    """``[disclosure]``: the policy by name."""

    policy: Literal["local", "tre_10", "opensafely", "dfe"] = "tre_10"


class StudyFile(_Section):
    """All of ``study.toml``."""

    study: StudySection
    design: DesignSection
    outcomes: Annotated[tuple[OutcomeSection, ...], Field(min_length=1)]
    cohort: CohortSection | None = None
    eligibility: EligibilitySection | None = None
    time_zero: TimeZeroSection | None = None
    engine: EngineSection = EngineSection()
    linkage: LinkageSection | None = None
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

    @model_validator(mode="after")
    def _one_source(self) -> "StudyFile":
        if (self.study.cohort is None) == (self.study.records is None):
            raise ValueError("[study] names either a cohort file or a folder of records")
        return self._of_records() if self.study.records is not None else self._of_a_cohort_file()

    def _of_a_cohort_file(self) -> "StudyFile":
        if self.cohort is None:
            raise ValueError("a cohort file needs the section [cohort], with the roles of its columns")
        if self.eligibility is not None or self.time_zero is not None:
            raise ValueError("[eligibility] and [time_zero] belong to studies of records: a cohort file was prepared with them")
        bare = [o.name for o in self.outcomes if not o.has_columns]
        if bare:
            raise ValueError(f"the outcome '{bare[0]}' names no columns: give event and days (or weeks, months) with a horizon")
        return self

    def _of_records(self) -> "StudyFile":
        if self.cohort is not None:
            raise ValueError("[cohort] gives roles to the columns of a cohort file; a study of records has none")
        if self.eligibility is None or self.time_zero is None:
            raise ValueError("a study of records needs the sections [eligibility] and [time_zero]")
        if self.study.extract_date is None:
            raise ValueError("a study of records needs extract_date in [study]: the day the extract was made")
        return self
