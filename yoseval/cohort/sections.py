"""The sections of a study file: every key, its type and its rule.

Takes what TOML gave and gives frozen sections. An unknown key is a fault.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from yoseval.cohort.design_section import CALENDAR, DesignSection
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.strict_section import StrictSection, did_you_mean
from yoseval.records.schema import DISPOSALS

#: What results of a prepared file say of the definition of their outcome, unless the study names it.
AS_PREPARED = "as prepared"


class StudySection(StrictSection):
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


class EngineSection(StrictSection):
    """``[engine]``: where tables live, and how many programmes are worked on at once."""

    backend: Literal["duckdb", "pyspark"] = "duckdb"
    jobs: Annotated[int, Field(ge=1, le=64)] = 1


class EligibilitySection(StrictSection):
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
                raise ValueError(f"'{code}' is no disposal{did_you_mean(code, DISPOSALS)}")
        return disposals

    @model_validator(mode="after")
    def _in_order(self) -> "EligibilitySection":
        if self.ages[0] > self.ages[1]:
            raise ValueError(f"ages must run from the lower to the higher; they are {self.ages[0]} to {self.ages[1]}")
        if self.index_dates[0] > self.index_dates[1]:
            first, last = self.index_dates
            raise ValueError(f"index_dates must run from the earlier to the later; they are {first} to {last}")
        return self


class TimeZeroSection(StrictSection):
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


class CohortSection(StrictSection):
    """``[cohort]``: the roles of the columns of a prepared file."""

    programme: str
    comparison: str
    id: str | None = None
    names: Mapping[str, str] = Field(default_factory=dict)
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class LinkageSection(StrictSection):
    """``[linkage]``: which share of each arm was found in the records that outcomes come from."""

    treated: Annotated[float, Field(gt=0, le=1)]
    comparison: Annotated[float, Field(gt=0, le=1)]
    ratio: Annotated[float, Field(ge=1)] | None = None


class PortfolioSection(StrictSection):
    """``[portfolio]``: what would matter."""

    worthwhile: Annotated[float, Field(gt=0, le=100)] = 5.0


class DisclosureSection(StrictSection):
    """``[disclosure]``: the policy by name."""

    policy: Literal["local", "tre_10", "opensafely", "dfe"] = "tre_10"


class StudyFile(StrictSection):
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
    def _instrument_that_is_heard(self) -> "StudyFile":
        asked = [o.measure == "instrument" for o in self.outcomes]
        if asked[0]:
            raise ValueError("measure = 'instrument' is about other children than any design: it cannot be the first outcome")
        if any(asked) and not self.design.instrument:
            raise ValueError("measure = 'instrument' needs the column of an instrument: give instrument in [design]")
        fault = self.fault_of_instrument(self.design)
        if fault:
            raise ValueError(fault)
        return self

    def fault_of_instrument(self, design: DesignSection) -> str:
        """Say what is wrong with the instrument of a design, the study's or a programme's own; empty where nothing is."""
        if not design.instrument:
            return ""
        if all(o.measure != "instrument" for o in self.outcomes):
            return "instrument in [design] has no effect without an outcome with measure = 'instrument'"
        if (design.instrument == CALENDAR) != (self.study.records is not None):
            return "instrument = 'calendar' belongs to studies of records, a column to those of a cohort file"
        return ""

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
