"""The sections ``[[outcomes]]`` of a study file: an event, how long people were followed, and the measure.

Takes what TOML gave and gives frozen sections.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from yoseval.cohort.adjustments import ADJUSTMENTS_OF, AdjustmentName
from yoseval.cohort.strict_section import StrictSection

TimeUnit = Literal["days", "weeks", "months"]
# The keys of outcomes.measures.MEASURES, which this floor must not import; a test compares the two.
MeasureName = Literal[
    "risk_difference",
    "risk_ratio",
    "odds_ratio",
    "survival_difference",
    "restricted_mean_difference",
    "restricted_mean_ratio",
    "hazard_ratio",
    "incidence_difference",
    "cause_specific_ratio",
    "subdistribution_ratio",
    "mean_count_difference",
    "mean_count_ratio",
    "rate_ratio",
    "lwyy",
    "ag",
    "pwp_total",
    "pwp_gap",
    "severity_odds",
    "win_ratio",
    "cure_fraction_difference",
    "instrument",
]


#: What a measure needs of a cohort file besides the event and its time; a test compares it with what measures take.
COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("incidence_difference", "cause_specific_ratio", "subdistribution_ratio"), ("competing",)),
    **dict.fromkeys(("mean_count_difference", "mean_count_ratio"), ("count",)),
    "rate_ratio": ("count", "exposure"),
    **dict.fromkeys(("severity_odds", "win_ratio"), ("severity",)),
}
#: Measures that need the time of every event, which a row a child cannot hold.
ONLY_OF_RECORDS = ("lwyy", "ag", "pwp_total", "pwp_gap")

#: Fewer replicates of a bootstrap make no interval.
LEAST_REPLICATES = 100

_COLUMNS = ("event", "censored", "days", "weeks", "months")
EXTRA_COLUMNS = ("competing", "count", "exposure", "severity")

#: Outcomes of records that have the first reoffence as their event.
_SAME_EVENT = dict.fromkeys(("time_to_first", "frequency", "mean_count"), "reoffended")


class OutcomeSection(StrictSection):
    """One of ``[[outcomes]]``: an event, how long people were followed, and the measure."""

    name: str
    measure: MeasureName = "risk_difference"
    adjustment: AdjustmentName = "none"
    event: str | None = None
    censored: str | None = None
    days: str | None = None
    weeks: str | None = None
    months: str | None = None
    competing: str | None = None
    count: str | None = None
    exposure: str | None = None
    severity: str | None = None
    horizon_days: Annotated[float, Field(gt=0)] | None = None
    horizon_weeks: Annotated[float, Field(gt=0)] | None = None
    horizon_months: Annotated[float, Field(gt=0)] | None = None
    label: str = "reoffended"
    noun: str = "reoffending"
    confirmatory: bool = False
    worthwhile: Annotated[float, Field(gt=0)] | None = None
    bootstrap: Annotated[int, Field(ge=0, le=100_000)] = 0

    @field_validator("bootstrap")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < LEAST_REPLICATES:
            raise ValueError(f"bootstrap is a number of replicates: {LEAST_REPLICATES} or more, or 0 for none")
        return value

    @property
    def has_columns(self) -> bool:
        """True where columns of a prepared file are named; a study of records names none."""
        return any(getattr(self, name) is not None for name in (*_COLUMNS, *EXTRA_COLUMNS))

    @property
    def extra_columns(self) -> dict[str, str]:
        """Columns besides the event and its time, by what they hold: ``competing``, ``count``, ``exposure``, ``severity``."""
        return {name: column for name in EXTRA_COLUMNS if (column := getattr(self, name)) is not None}

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a prepared file that the outcome is read from."""
        return (self.event_column, self.time_column, *self.extra_columns.values())

    @model_validator(mode="after")
    def _adjustable(self) -> "OutcomeSection":
        if self.adjustment not in ADJUSTMENTS_OF.get(self.measure, ("none",)):
            raise ValueError(f"{self.measure} cannot be adjusted by {self.adjustment}: choose 'none' or another measure")
        return self

    @model_validator(mode="after")
    def _coherent(self) -> "OutcomeSection":
        if not self.has_columns:
            return self
        if self.measure in ONLY_OF_RECORDS:
            raise ValueError(f"{self.measure} needs the time of every event, and a cohort file has only the first: use records")
        absent = [name for name in COLUMNS_OF.get(self.measure, ()) if getattr(self, name) is None]
        if absent:
            raise ValueError(f"{self.measure} needs a column of the cohort file: give {' and '.join(absent)}")
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
    def competes(self) -> bool:
        """True where the measure takes other events as competing with the outcome."""
        return "competing" in COLUMNS_OF.get(self.measure, ())

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
