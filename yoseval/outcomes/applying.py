"""What a measure is, and how it is applied to units: it gets the fields it takes, and gives a contrast.

Takes a measure, a follow-up in the order of a design, and weights. Intervals are not made here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.cohort.built_trial import OPEN
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError, EstimationError, TooFewEventsError
from yoseval.models.intervals import Scale
from yoseval.outcomes.censored import LEAVING_NOTE, left_before
from yoseval.outcomes.contrast import Sample, align_followup
from yoseval.outcomes.types import Contrast, FollowUp


@dataclass(frozen=True, slots=True)
class Measure:
    """A way to contrast two arms.

    Parameters
    ----------
    name : str
        Its key in ``MEASURES``.
    leaf : callable
        From what it takes, then ``treated``, ``weight`` and ``horizon``, to a contrast.
    scale : str
        ``identity``, or ``log`` where the value is the logarithm of a ratio.
    null : float
        The value of no effect: 0 for differences, 1 for ratios.
    benefit : int
        -1 where a lower value is good, +1 where a higher one is, for an outcome one wants less of.
    label : str
        Its name in words.
    unit : str
        ``proportion``, ``ratio``, ``time`` or ``count``.
    takes : tuple of str
        Fields of the sample that the leaf gets, in its order; keys of ``FIELDS``.
    shares : str
        Of whom the values of the arms are shares: ``with`` the outcome, ``without`` it; empty where they are none.
    everybody : bool
        True where all units of the cohort count alike, whatever the design: the effect is then about others (LATE).
    check : callable or None
        From what the leaf takes and ``treated`` to a note on how the data fit; empty where there is nothing to say.
    of_arm : callable or None
        From times, events, (r, n) weights and the horizon to what the leaf contrasts, of one arm under each set of weights:
        r numbers, NaN where the leaf would refuse. None where only the leaf knows, or it takes more.
    """

    name: str
    leaf: Callable[..., Contrast]
    scale: Scale
    null: float
    benefit: int
    label: str
    unit: str
    takes: tuple[str, ...] = ("time", "event")
    shares: Literal["", "with", "without"] = ""
    everybody: bool = False
    check: Callable[..., str] | None = None
    of_arm: Callable[[Floats, Flags, Floats, float], Floats] | None = None


FIELDS: Mapping[str, str] = {
    "time": "the time to the event or to censoring",
    "event": "whether the event happened",
    "counts": "the number of events of each unit",
    "cause": "what ended the follow-up of each unit",
    "days_at_risk": "the days at risk of each unit",
    "severity": "the worst event of each unit",
    "covariates": "the covariates of each unit",
    "fold": "the part of each child in cross-fitting",
    "instrument": "an instrument for who starts",
}
"""What a measure may take, in words."""


def sample_for(measure: Measure, followup: FollowUp, design: Design) -> Sample:
    """Bring a follow-up into the order of a design, without units whose worst event is not known where the measure takes it.

    Raises
    ------
    EstimationError
        If no unit of an arm has a follow-up, or the measure takes an instrument and the cohort declares none.
    """
    design = design_for(measure, design)
    sample = _known(measure, align_followup(followup, design))
    if "instrument" in measure.takes:
        sample = with_instrument(sample, design.cohort)
    used = sample.weight > 0
    for arm, name in ((design.treated, "treated"), (~design.treated, "comparison")):
        if not (used & arm).any():
            raise TooFewEventsError(f"No {name} unit with follow-up is left.", "Choose another design or outcome.")
    return sample


def design_for(measure: Measure, design: Design) -> Design:
    """Return the design that a measure weighs units by: for one about everybody, that which weighs all alike."""
    if not measure.everybody:
        return design
    return replace(unadjusted_design(design.cohort), method="two_stage_least_squares", estimand="LATE")


def with_instrument(sample: Sample, cohort: Cohort) -> Sample:
    """Return the sample with the cohort's instrument and covariates.

    Raises
    ------
    EstimationError
        If the cohort declares no instrument, or it is the same for everybody.
    DataError
        If the instrument is not a number of each unit.
    """
    if not cohort.instrument:
        raise EstimationError(
            "The cohort declares no instrument for who starts.",
            "Name one: instrument = in [design], or Cohort.from_frame(instrument=).",
        )
    column = cohort.units[cohort.instrument]
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum())} of {len(values)} values of the instrument '{cohort.instrument}' are not numbers.",
            "Give each unit a number, such as 0 and 1.",
        )
    if np.ptp(values) == 0:
        raise EstimationError(
            f"The instrument '{cohort.instrument}' does not vary.",
            "Choose another; of records, a calendar needs rows in 'availability', and a joint strategy has none.",
        )
    matrix = cohort.matrix()
    what = "how much of the time its calendar was open" if cohort.instrument == OPEN else f"'{cohort.instrument}'"
    left = sample.followed & left_before(sample.time, sample.event, sample.horizon)
    notes = (f"The instrument is {what}.", *((LEAVING_NOTE,) if left.any() else ()))
    return replace(
        sample,
        instrument=values,
        covariates=matrix.values[:, ~matrix.reference],
        notes=(*sample.notes, *notes),
    )


def contrast_of(measure: Measure, sample: Sample, treated: Flags) -> Contrast:
    """Compute the contrast on the units used; the influence of the others is 0."""
    used = np.flatnonzero(sample.weight > 0)
    found = _on_units(measure, sample, treated, used, sample.weight[used])
    n = sample.weight.size
    by_weight = None if found.by_weight is None else _among(found.by_weight, used, n)
    quotient = found.quotient
    if quotient is not None:
        above, below = (_among(v, used, n) for v in (quotient.numerator_influence, quotient.divisor_influence))
        quotient = replace(quotient, numerator_influence=above, divisor_influence=below)
    return replace(found, influence=_among(found.influence, used, n), by_weight=by_weight, quotient=quotient)


def value_on(measure: Measure, sample: Sample, treated: Flags, rows: Indices, weight: Floats) -> float:
    """Return the value of a contrast on some units alone, on its analysis scale.

    Parameters
    ----------
    measure : Measure
        Of what.
    sample : Sample
        The outcome of all n units.
    treated : (n,) booleans
        Arms of all units.
    rows : (k,) integers
        Positions of the units; one named twice counts twice.
    weight : (k,) floats
        Their weights; those of weight 0 are left out.

    Raises
    ------
    EstimationError
        If an arm has nothing to estimate from.
    """
    used = weight > 0
    rows, weight = rows[used], weight[used]
    if measure.of_arm is not None:
        value = _contrasts(measure, sample, treated, rows, weight[None])[0]
        if np.isfinite(value):
            return float(value)
    return _on_units(measure, sample, treated, rows, weight).value


def values_on_many(measure: Measure, sample: Sample, treated: Flags, weights: Floats) -> Floats:
    """Return the value of a contrast under many sets of weights, on its analysis scale, without influence.

    Parameters
    ----------
    measure, sample, treated
        As for ``value_on``.
    weights : (r, n) floats
        Of all n units; a row of NaN gives NaN.

    Returns
    -------
    (r,) floats
        NaN where ``value_on`` must be asked: it knows a way, or says why there is none.
    """
    if measure.of_arm is None:
        return np.full(len(weights), np.nan)
    return _contrasts(measure, sample, treated, np.arange(treated.size), weights)


def fit_notes(measure: Measure, sample: Sample, treated: Flags) -> tuple[str, ...]:
    """Return what the measure's own check has to say on how the data fit, if anything."""
    if measure.check is None:
        return ()
    used = np.flatnonzero(sample.weight > 0)
    note = measure.check(*_given(measure, sample, used), treated[used])
    return (note,) if note else ()


def _among(values: Floats, used: Indices, n: int) -> Floats:
    """Put values of the units used in the order of all n; the others have 0."""
    every = np.zeros(n)
    every[used] = values
    return every


def _known(measure: Measure, sample: Sample) -> Sample:
    if "severity" not in measure.takes or sample.severity is None:
        return sample
    gaps = np.isnan(sample.severity) & (sample.weight > 0)
    if not gaps.any():
        return sample
    note = "Units whose worst event was not recorded were left out; an arm with more such gaps looks better than it is."
    return replace(
        sample, weight=np.where(gaps, 0.0, sample.weight), followed=sample.followed & ~gaps, notes=(*sample.notes, note)
    )


def _contrasts(measure: Measure, sample: Sample, treated: Flags, rows: Indices, weights: Floats) -> Floats:
    """Contrast the arms of the units at the positions ``rows`` under each set of their weights."""
    assert measure.of_arm is not None  # the caller looked
    arms = []
    for arm in (treated[rows], ~treated[rows]):
        own = rows[arm]
        arms.append(measure.of_arm(sample.time[own], sample.event[own], weights[:, arm], sample.horizon))
    if measure.scale == "identity":
        return arms[0] - arms[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.log(arms[0] / arms[1])
    return np.where(np.isfinite(found), found, np.nan)


def _on_units(measure: Measure, sample: Sample, treated: Flags, used: Indices, weight: Floats) -> Contrast:
    """Give the leaf what it takes, for the units at the positions ``used`` alone."""
    return measure.leaf(*_given(measure, sample, used), treated[used], weight, sample.horizon)


def _given(measure: Measure, sample: Sample, used: Indices) -> list[Any]:
    return [_field(measure, sample, name, used) for name in measure.takes]


def _field(measure: Measure, sample: Sample, name: str, used: Indices) -> Any:
    values = getattr(sample, name)
    if values is None:
        raise EstimationError(
            f"'{measure.name}' needs {FIELDS[name]}; the follow-up does not tell.",
            "Choose an outcome that does, or another measure.",
        )
    return values[used] if isinstance(values, np.ndarray) else values.take(used)
