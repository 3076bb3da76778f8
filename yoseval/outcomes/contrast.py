"""From a contrast and a design to a standard error, limits and a p-value: once, for every measure.

Takes a follow-up in the order of a design, and influence values; the variance is one of the menu ``VARIANCES``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.types import Design
from yoseval.errors import DataError, EstimationError, TooFewEventsError, UsageError
from yoseval.models.intervals import Interval, Scale, interval
from yoseval.models.matching_variance import centre_within_strata
from yoseval.models.variance import correct_for_estimated_weights, effective_size
from yoseval.outcomes.clusters import cluster_levels, degrees_of_freedom
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.quotient import quotient_interval
from yoseval.outcomes.small_samples import variance_of_certainty
from yoseval.outcomes.types import Contrast, FollowUp, Recurrences
from yoseval.outcomes.variances import VARIANCES, Uncertain


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One outcome in the order of a design's n units.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring; 0 where the unit has no follow-up.
    event : (n,) booleans
        True where the event happened at ``time``.
    weight : (n,) floats
        The design's weight, 0 where the unit has no follow-up.
    followed : (n,) booleans
        True where the unit has a follow-up.
    horizon : float
        Length of follow-up.
    notes : tuple of str
        Who was left out.
    counts : Counts or None
        Numbers of events, where the follow-up has them.
    cause : (n,) integers or None
        What ended ``time``: 0 nothing, 1 the event, 2 and above what competes with it.
    days_at_risk, severity : (n,) floats or None
        As in the follow-up.
    covariates : (n, p) floats or None
        The design's covariates, for measures that adjust by them.
    fold : (n,) integers or None
        Part of each child's units in cross-fitting, for measures that adjust by it.
    instrument : (n,) floats or None
        The instrument that the cohort declares, for the measure that takes it.
    """

    time: Floats
    event: Flags
    weight: Floats
    followed: Flags
    horizon: float
    notes: tuple[str, ...] = ()
    counts: Counts | None = None
    cause: Indices | None = None
    days_at_risk: Floats | None = None
    severity: Floats | None = None
    covariates: Floats | None = None
    fold: Indices | None = None
    instrument: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """An interval, how it was made, and what a reader must know."""

    interval: Interval
    how: str
    notes: tuple[str, ...] = ()


def align_followup(followup: FollowUp, design: Design) -> Sample:
    """Bring a follow-up into the order of the design's units.

    A unit without follow-up is treated as having left: it gets weight 0 and is counted in the notes. A
    follow-up of a unit that the design does not know is ignored.

    Raises
    ------
    DataError
        If the follow-up names a unit twice.
    """
    known = pd.Index(followup.unit_id)
    if not known.is_unique:
        raise DataError(
            f"{int(known.duplicated().sum())} of {len(known)} follow-ups repeat a unit.", "Give one follow-up a unit."
        )
    place = known.get_indexer(pd.Index(design.cohort.units["unit_id"]))
    followed = place >= 0
    if not followed.any():
        raise EstimationError("No unit of the design has a follow-up.", "Give both the same ids.")
    weight = np.where(followed, design.weight, 0.0)
    left = bool(((design.weight > 0) & ~followed).any())
    # How many is in the flow of units, where disclosure control sees it.
    notes = ("Units without follow-up were left out; the flow counts them.",) if left else ()
    return Sample(
        time=np.where(followed, followup.time[place], 0.0),
        event=followed & followup.event[place],
        weight=weight,
        followed=followed,
        horizon=followup.horizon,
        notes=notes,
        counts=_align_counts(followup, place),
        cause=None if followup.cause is None else np.where(followed, followup.cause[place], 0),
        days_at_risk=None if followup.days_at_risk is None else np.where(followed, followup.days_at_risk[place], 0.0),
        severity=None if followup.severity is None else np.where(followed, followup.severity[place], np.nan),
    )


def _align_counts(followup: FollowUp, place: Indices) -> Counts | None:
    """Bring counts into the order of the design; ``place`` is where each of its units stands, -1 where it does not."""
    if followup.count is None or followup.followed is None:
        return None
    known = place >= 0
    count, ends = (np.where(known, values[place], 0.0) for values in (followup.count, followup.followed))
    if followup.recurrences is None:
        return Counts(count, ends)
    own = np.full(followup.unit_id.size, -1, dtype=np.int64)
    own[place[known]] = np.flatnonzero(known)
    unit = own[followup.recurrences.unit]
    return Counts(count, ends, Recurrences(unit[unit >= 0], followup.recurrences.time[unit >= 0]))


def correct_contrast(contrast: Contrast, design: Design, weight: Floats) -> Contrast:
    """Return the contrast with influence values that allow for estimated weights, where the design says how."""
    estimation = design.weighting.estimation
    through = contrast.influence if contrast.by_weight is None else contrast.by_weight
    if design.weighting.stratified:
        target = {"ATT": design.treated, "ATC": ~design.treated}.get(design.weighting.estimand, np.ones_like(design.treated))
        corrected = centre_within_strata(through, design.weighting.set_id, design.treated, target)
    elif estimation is not None:
        corrected = correct_for_estimated_weights(through, weight, estimation.gradient, estimation.influence)
    else:
        return contrast
    return replace(contrast, influence=contrast.influence - through + corrected, uncorrected=contrast.influence)


def infer(
    contrast: Contrast,
    design: Design,
    sample: Sample,
    recompute: Callable[[Indices, Floats], float],
    *,
    recompute_many: Callable[[Floats], Floats] | None = None,
    scale: Scale = "identity",
    conf_level: float = 0.95,
    variance: str = "auto",
    clusters: str | None = None,
    of_shares: bool = False,
) -> Inference:
    """Make the interval of a contrast, with a variance of the menu and its degrees of freedom for the t quantile.

    Parameters
    ----------
    contrast : Contrast
        Influence values in the order of the design, corrected for estimated weights.
    design : Design
        Weights, sets, children.
    sample : Sample
        The follow-up in the order of the design.
    recompute : callable
        From kept positions, (k,), and their weights, (k,), to the value of the contrast.
    recompute_many : callable, optional
        From (r, n) weights to r such values, NaN where ``recompute`` must be asked.
    scale : str
        ``log`` where the value is the logarithm of a ratio.
    conf_level : float
        Between 0 and 1.
    variance : str
        A key of ``VARIANCES``. A quotient has one of its own, whatever is asked for: see ``quotient_interval``.
    clusters : str, optional
        Column that names groups of dependent units, if not the one that the cohort declares: see ``cluster_levels``.
    of_shares : bool
        True for a difference of shares: an arm in which nobody or everybody has the outcome then has a variance too.

    Returns
    -------
    Inference
        Interval, how it was made, notes.

    Raises
    ------
    UsageError
        If there is no such variance or column, or the variance does not go with the design.
    EstimationError
        If an arm has fewer than two units, or nothing varies.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267, theorem 7.
    efron1993 : Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11.
    zeileis2020 : Zeileis, Köll and Graham (2020), Journal of Statistical Software 95(1).
    """
    if variance not in VARIANCES:
        raise UsageError(f"'{variance}' is not a variance.", f"Choose one of: {', '.join(VARIANCES)}.")
    degrees_of_freedom(sample.weight, design.treated)  # an error where an arm is too small for any of them
    levels = cluster_levels(design, clusters)
    asked = Uncertain(contrast, design, sample.weight, sample.followed, levels, recompute, recompute_many)
    if contrast.quotient is not None:
        made, words, notes = quotient_interval(asked, contrast.quotient, conf_level=conf_level)
        return Inference(made, words, notes)
    found = VARIANCES[variance](asked)
    if not found.variance > 0:
        raise TooFewEventsError("The outcome does not vary within the arms, so it has no interval.", "Choose another outcome.")
    more = _of_certain_arms(contrast, design.treated, sample.weight) if of_shares else 0.0
    words = f"{found.words}; with one more of each kind in an arm of one kind" if more else found.words
    made = interval(contrast.value, float(np.sqrt(found.variance + more)), found.df, conf_level=conf_level, scale=scale)
    return Inference(made, f"t, {_number(found.df)} df; {words}", found.notes)


def _of_certain_arms(contrast: Contrast, treated: Flags, weight: Floats) -> float:
    arms = ((contrast.treated_value, treated), (contrast.comparison_value, ~treated))
    return sum(variance_of_certainty(share, effective_size(weight[arm])) for share, arm in arms)


def _number(df: float) -> str:
    return f"{df:.1f}".removesuffix(".0")
