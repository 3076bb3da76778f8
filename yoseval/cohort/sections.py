"""The sections of a study file: every key, its type and its rule.

Takes what TOML gave and gives frozen sections. An unknown key is a fault.
"""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from yoseval.records.schema import DISPOSALS

TimeUnit = Literal["days", "weeks", "months"]
# The keys of outcomes.measures.MEASURES, which this floor must not import; a test compares the two.
MeasureName = Literal[
    "risk_difference",
    "risk_ratio",
    "survival_difference",
    "restricted_mean_difference",
    "hazard_ratio",
    "mean_count_difference",
]


#: Outcomes of records that have the first reoffence as their event.
_SAME_EVENT = dict.fromkeys(("time_to_first", "frequency", "mean_count"), "reoffended")


#: What results of a prepared file say of the definition of their outcome, unless the study names it.
AS_PREPARED = "as prepared"

# The keys of design.methods.METHODS, likewise; 'randomised' is no candidate.
CandidateName = Literal[
    "nearest",
    "optimal",
    "full",
    "cardinality",
    "profile",
    "exact",
    "cem",
    "subclass",
    "overlap",
    "entropy",
    "ipw",
    "matching_weights",
    "cbps",
]
# The keys of design.propensity.PROPENSITY, likewise.
PropensityName = Literal["logit", "firth", "ridge", "boosting"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class StudySection(_Section):
    """``[study]``: what the study is and where its data are."""

    title: str
    cohort: str | None = None
    records: str | None = None
    extract_date: date | None = None
    profile: str = AS_PREPARED
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
    disposals: Annotated[tuple[str, ...], Field(min_length=1)]
    index_dates: tuple[date, date]
    index: Literal["first", "last", "most_severe"] = "first"
    residents_only: bool = True
    offence_free_days: Annotated[int, Field(ge=0, le=366)] = 0

    @field_validator("disposals")
    @classmethod
    def _known(cls, disposals: tuple[str, ...]) -> tuple[str, ...]:
        for code in disposals:
            if code not in DISPOSALS:
                near = get_close_matches(code, DISPOSALS, n=1, cutoff=0.5)
                raise ValueError(f"'{code}' is no disposal" + (f"; did you mean '{near[0]}'?" if near else ""))
        return disposals

    @model_validator(mode="after")
    def _in_order(self) -> "EligibilitySection":
        if self.ages[0] > self.ages[1]:
            raise ValueError(f"ages must run from the lower to the higher; they are {self.ages[0]} to {self.ages[1]}")
        if self.index_dates[0] > self.index_dates[1]:
            first, last = self.index_dates
            raise ValueError(f"index_dates must run from the earlier to the later; they are {first} to {last}")
        return self


class TimeZeroSection(_Section):
    """``[time_zero]`` of a study of records: when follow-up begins, and who counts as having started."""

    rule: Literal["grace", "landmark", "nested", "clone_censor"] = "grace"
    days: Annotated[int, Field(ge=1, le=366)] = 60
    within_days: Annotated[int, Field(ge=1, le=731)] = 180
    exposure: Literal["started", "offered", "received", "completed"] = "started"
    sessions: Annotated[int, Field(ge=1)] | None = None
    new_offence: Literal["exclude", "adjust"] = "exclude"
    later_starts: Literal["censor", "keep"] = "censor"
    concurrent: Literal["adjust", "exclude", "ignore"] = "adjust"

    @model_validator(mode="after")
    def _coherent(self) -> "TimeZeroSection":
        if (self.exposure == "received") != (self.sessions is not None):
            raise ValueError("exposure = 'received' and sessions = the least number attended go together")
        return self


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

    method: Literal["auto", CandidateName, "randomised"] = "auto"
    candidates: tuple[CandidateName, ...] = ("entropy", "nearest", "overlap")
    estimand: Literal["ATT", "ATC", "ATE", "ATO", "ATM"] | None = None
    covariates: tuple[str, ...] = ()
    history: str = ""
    max_smd: Annotated[float, Field(gt=0, le=0.25)] = 0.10
    # Options of methods, with the names of design.methods.METHODS, whose rules say what each method takes: matching
    ratio: Annotated[float, Field(ge=1, le=20)] = 1
    min_controls: Annotated[float, Field(gt=0)] | None = None
    max_controls: Annotated[float, Field(gt=0)] | None = None
    omit_fraction: Annotated[float, Field(ge=0, lt=1)] | None = None
    replace: bool = False
    reuse_max: Annotated[int, Field(ge=1)] | None = None
    distance: Literal["logit", "score", "mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "logit"
    mahvars: tuple[str, ...] = ()
    caliper: float | Mapping[str, float] | None = 0.2
    caliper_scale: Literal["logit", "score"] = "logit"
    std_caliper: bool = True
    exact: tuple[str, ...] = ()
    antiexact: tuple[str, ...] = ()
    m_order: Literal["largest", "smallest", "closest", "random", "data"] = "largest"
    seed: Annotated[int, Field(ge=0)] | None = None
    # cardinality, profile
    tols: Annotated[float, Field(ge=0)] = 0.05
    std_tols: bool = True
    # cem
    cutpoints: str | int | Mapping[str, str | int | tuple[float, ...]] = "sturges"
    grouping: Mapping[str, tuple[tuple[str, ...], ...]] = Field(default_factory=dict)
    k2k: bool = False
    k2k_method: Literal["mahalanobis", "robust_mahalanobis", "scaled_euclidean"] = "mahalanobis"
    # subclass
    subclass: Annotated[int, Field(ge=2, le=50)] = 6
    sub_by: Literal["estimand", "treated", "comparison", "all"] = "estimand"
    min_n: Annotated[int, Field(ge=0)] = 1
    # entropy
    moments: Literal[1, 2] = 1
    # ipw, overlap, matching_weights, cbps
    propensity: PropensityName = "logit"
    stabilize: bool = False
    trim: str | float | None = None
    truncate: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    over: bool = False

    @field_validator("caliper", "trim", "truncate", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        # TOML has no null.
        return None if value == "none" else value

    @field_validator("caliper", mode="before")
    @classmethod
    def _wide_enough(cls, value: Any) -> Any:
        is_width = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        if value in (None, "none") or isinstance(value, Mapping) or is_width:
            return value
        raise ValueError('input should be a number greater than 0, a table of numbers by column, or "none"')

    @field_validator("ratio")
    @classmethod
    def _whole_where_it_is(cls, value: float) -> float:
        return int(value) if value == int(value) else value

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the cohort file that the design needs: covariates, and those that only matching looks at."""
        calipers = self.caliper if isinstance(self.caliper, Mapping) else {}
        named = (*self.covariates, *self.exact, *self.antiexact, *self.mahvars, *calipers)
        return tuple(c for c in dict.fromkeys(named) if c != "propensity score")

    @field_validator("min_controls", "max_controls")
    @classmethod
    def _countable(cls, value: float | None) -> float | None:
        if value is not None:
            times = value if value >= 1 else 1 / value
            if abs(times - round(times)) > 1e-9 * times:
                raise ValueError("must be a whole number, or one over a whole number such as 0.2")
            return value if value < 1 else round(value)
        return value

    @field_validator("trim")
    @classmethod
    def _known_rule(cls, value: str | float | None) -> str | float | None:
        if value is None or value == "crump" or (not isinstance(value, str) and 0 < value < 0.5):
            return value
        raise ValueError("trim must be 'crump', a share between 0 and 0.5 such as 0.05, or 'none'")

    @model_validator(mode="after")
    def _coherent(self) -> "DesignSection":
        if self.min_controls is not None and self.max_controls is not None and self.min_controls > self.max_controls:
            raise ValueError("min_controls must not be above max_controls")
        if self.omit_fraction and self.max_controls is not None and self.max_controls < 1:
            raise ValueError("omit_fraction must be left out where max_controls is below 1")
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
        if self.measure == "mean_count_difference":
            raise ValueError("mean_count_difference counts every event, and a cohort file has only the first: use records")
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
        return "weeks" if self.weeks is not None else "months" if self.months is not None else "days"

    @property
    def time_column(self) -> str:
        """The column of times."""
        return str(getattr(self, self.time_unit))

    @property
    def event_column(self) -> str:
        """The column of 0/1 that tells the event, or its absence."""
        return str(self.event if self.event is not None else self.censored)

    @property
    def event_key(self) -> tuple[str, str]:
        """What tells two outcomes apart whose curves would be the same."""
        return (self.event_column, self.time_column) if self.has_columns else (_SAME_EVENT.get(self.name, self.name), "records")

    @property
    def horizon(self) -> float:
        """Length of follow-up, in ``time_unit``; not a number where the profile of records has yet to give it."""
        given = getattr(self, f"horizon_{self.time_unit}")
        return float("nan") if given is None else float(given)

    @property
    def needs_mature(self) -> bool:
        """True where only children count whose follow-up and wait for proof are over; these two may be censored instead."""
        return self.name not in ("time_to_first", "mean_count")


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
