"""The section ``[design]`` of a study file: how a fair comparison is made, every option of every method.

Takes what TOML gave and gives a frozen section.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from yoseval.cohort.strict_section import StrictSection, did_you_mean

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
# The keys of outcomes.variances.VARIANCES, likewise.
VarianceName = Literal["auto", "sandwich", "jackknife", "cr2", "abadie_imbens"]


#: The instrument that records hold by themselves.
CALENDAR = "calendar"


class DesignSection(StrictSection):
    """``[design]``: how the comparison is made, and within which ``subgroups`` of the covariates its balance is shown."""

    method: Literal["auto", CandidateName, "randomised"] = "auto"
    candidates: tuple[CandidateName, ...] = ("entropy", "nearest", "overlap")
    estimand: Literal["ATT", "ATC", "ATE", "ATO", "ATM"] | None = None
    covariates: tuple[str, ...] = ()
    history: str = ""
    # The column of taught groups or areas within which children are dependent, and the variance of effects.
    cluster: str = ""
    # The column of an instrument for who starts; of records "calendar", the days on which the programme could be started.
    instrument: str = ""
    variance: VarianceName = "auto"
    max_smd: Annotated[float, Field(gt=0, le=0.25)] = 0.10
    missing: Literal["category", "multiple_imputation"] = "category"
    imputations: Annotated[int, Field(ge=2, le=200)] = 20
    imputation_seed: Annotated[int, Field(ge=0)] = 0
    # Covariates within each of whose values balance is shown besides; the gate does not look there.
    subgroups: tuple[str, ...] = ()
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
        """Every column of the cohort file that is needed: covariates, those that only matching looks at, and groups."""
        calipers = self.caliper if isinstance(self.caliper, Mapping) else {}
        named = (*self.covariates, *self.carried, *self.antiexact, *self.mahvars, *calipers)
        return tuple(c for c in dict.fromkeys(named) if c != "propensity score")

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns that units have beside the covariates: those matched exactly, that of groups and that of an instrument."""
        of_calendar = self.instrument in ("", CALENDAR)
        return (*self.exact, *([self.cluster] if self.cluster else []), *([] if of_calendar else [self.instrument]))

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
        for name in self.subgroups:
            if name not in self.covariates:
                raise ValueError(f"subgroups: '{name}' is none of the covariates{did_you_mean(name, self.covariates)}")
        return self

    @model_validator(mode="after")
    def _a_variance_that_is_valid(self) -> "DesignSection":
        if self.variance == "abadie_imbens" and not (self.method == "nearest" and self.replace):
            raise ValueError("variance = 'abadie_imbens' is for matching with replacement: method = 'nearest', replace = true")
        if self.variance == "jackknife" and self.replace:
            raise ValueError("variance = 'jackknife' is not valid for matching with replacement: leave it out")
        return self

    @model_validator(mode="after")
    def _imputation_that_is_heard(self) -> "DesignSection":
        defaults = type(self).model_fields
        unheard = [k for k in ("imputations", "imputation_seed") if getattr(self, k) != defaults[k].default]
        if unheard and self.missing == "category":
            raise ValueError(f"{unheard[0]} has no effect without missing = 'multiple_imputation'")
        if self.missing == "multiple_imputation" and not self.covariates:
            raise ValueError("missing = 'multiple_imputation' has no effect without covariates")
        return self
