"""From a contrast and a design to a standard error, limits and a p-value: once, for every measure.

Takes influence values, weights and clusters and decides between the sandwich and the jackknife. It cannot see
what the contrast is of: it computes it again through the function it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.types import Design, Weighting
from yoseval.errors import DataError, EstimationError, NotEvaluableError
from yoseval.models.matching_variance import (
    abadie_imbens_variance,
    centre_within_strata,
    equal_shares,
    match_counts,
    neighbour_variance,
)
from yoseval.models.variance import (
    Interval,
    Scale,
    clustered_variance,
    correct_for_estimated_weights,
    effective_size,
    interval,
    jackknife_variance,
)
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.types import Contrast, FollowUp, Recurrences

SMALL_SAMPLE = 100.0
"""Effective size of the smaller arm below which the jackknife replaces the sandwich.

With poor overlap and a few dozen treated units, sandwich 95 % intervals cover 84 to 90 %; the jackknife with
the t quantile covers 94 to 98 %.
"""

MAX_GROUPS = 500
"""Most replicates of the jackknife; more clusters than this are left out in groups."""


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
    """

    time: Floats
    event: Flags
    weight: Floats
    followed: Flags
    horizon: float
    notes: tuple[str, ...] = ()
    counts: Counts | None = None


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


def cluster_codes(design: Design) -> Indices:
    """Give each unit the number of its cluster, (n,) integers from 0: its matched set where there are sets, else its child.

    In a design of sets, a unit outside them is a cluster of its own.
    """
    if not design.is_matched:
        return np.asarray(pd.factorize(design.person_id)[0], dtype=np.int64)
    sets = design.weighting.set_id
    alone = sets.max() + 1 + np.arange(sets.size)
    return np.asarray(pd.factorize(np.where(sets >= 0, sets, alone))[0], dtype=np.int64)


def degrees_of_freedom(weight: Floats, treated: Flags) -> float:
    """Return min(effective comparison size, number of treated units) - 1, the df of the t quantile.

    Raises
    ------
    EstimationError
        If that leaves less than one.
    """
    used = weight > 0
    df = min(effective_size(weight[~treated]), float((used & treated).sum())) - 1.0
    if df < 1.0 - 1e-9:
        raise EstimationError(
            f"An interval needs two units in each arm; there are {int((used & treated).sum())} treated and "
            f"{effective_size(weight[~treated]):.1f} (effective) comparison units.",
            "Use a larger group or another design.",
        )
    return df


def correct_contrast(contrast: Contrast, design: Design, weight: Floats) -> Contrast:
    """Return the contrast with influence values that allow for estimated weights, where the design says how."""
    estimation = design.weighting.estimation
    if design.weighting.stratified:
        target = {"ATT": design.treated, "ATC": ~design.treated}.get(design.weighting.estimand, np.ones_like(design.treated))
        centred = centre_within_strata(contrast.influence, design.weighting.set_id, design.treated, target)
        return replace(contrast, influence=centred)
    if estimation is None:
        return contrast
    corrected = correct_for_estimated_weights(contrast.influence, weight, estimation.gradient, estimation.influence)
    return replace(contrast, influence=corrected)


def infer(
    contrast: Contrast,
    design: Design,
    sample: Sample,
    recompute: Callable[[Indices, Floats], float],
    *,
    scale: Scale = "identity",
    conf_level: float = 0.95,
) -> Inference:
    """Make the interval of a contrast.

    The t quantile has min(effective comparison size, treated units) - 1 degrees of freedom. Variances are sandwich ones
    (HC1, clustered on the matched set, else on the child) from the influence values. Where the smaller arm's effective
    size is below ``SMALL_SAMPLE`` the jackknife takes over: it leaves out a set, or a child with the weights
    fitted again. Should a replicate fail, the sandwich stays, with a note. Matching with replacement has the variance
    of Abadie and Imbens at any size: there neither the jackknife nor the bootstrap is valid.

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
    scale : str
        ``log`` where the value is the logarithm of a ratio.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    Inference
        Interval, how it was made, notes.

    Raises
    ------
    EstimationError
        If an arm has fewer than two units, or nothing varies.

    References
    ----------
    abadie2006 : Abadie and Imbens (2006), Econometrica 74(1), 235-267, theorem 7.
    efron1993 : Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11.
    zeileis2020 : Zeileis, Köll and Graham (2020), Journal of Statistical Software 95(1).
    """
    df = degrees_of_freedom(sample.weight, design.treated)
    codes = cluster_codes(design)
    sizes = (effective_size(sample.weight[design.treated]), effective_size(sample.weight[~design.treated]))
    notes: tuple[str, ...] = ()
    variance, how = np.nan, ""
    if design.weighting.pairs is not None:
        variance, how = _with_replacement(contrast, design, sample)
    elif min(sizes) < SMALL_SAMPLE:
        try:
            variance, how = _jackknife(design, sample, recompute, codes)
        except (NotEvaluableError, np.linalg.LinAlgError):
            notes = ("the jackknife could not be computed; the sandwich interval may be too narrow in a group of this size",)
    if not how:
        variance, how = _sandwich(contrast, design, sample, codes)
    if not variance > 0:
        raise EstimationError("The outcome does not vary within the arms, so it has no interval.", "Choose another outcome.")
    made = interval(contrast.value, float(np.sqrt(variance)), df, conf_level=conf_level, scale=scale)
    return Inference(made, f"t, {_number(df)} df; {how}", notes)


def _sandwich(contrast: Contrast, design: Design, sample: Sample, codes: Indices) -> tuple[float, str]:
    # A unit without follow-up still moves estimated weights.
    counts = (sample.weight > 0) | (contrast.influence != 0)
    variance = clustered_variance(contrast.influence[counts], codes[counts], kind="HC1")
    on = "matched set" if design.is_matched else "child"
    is_corrected = design.weighting.estimation is not None or design.weighting.stratified
    corrected = ", corrected for estimated weights" if is_corrected else ""
    return variance, f"sandwich, clustered on {on}{corrected}"


def _with_replacement(contrast: Contrast, design: Design, sample: Sample) -> tuple[float, str]:
    """Apply the variance of Abadie and Imbens to influence values, which add up over pairs as outcomes do."""
    pairs, points = design.weighting.pairs, design.weighting.matched_on
    assert pairs is not None
    assert points is not None  # they come together
    lead, partner = pairs
    n = len(contrast.influence)
    share = equal_shares(lead)
    counts, squares = match_counts(partner, share, n)
    # A comparison unit's influence belongs to the treated units that it stands in for, by their shares of it.
    use = np.divide(contrast.influence, counts, out=np.zeros(n), where=counts > 0)
    effect = contrast.influence[design.treated] + np.bincount(lead, weights=share * use[partner], minlength=n)[design.treated]
    used = np.flatnonzero((counts > 0) & (sample.weight > 0))
    residual = np.zeros(n)
    residual[used] = neighbour_variance(use[used], points[used])
    return abadie_imbens_variance(effect, counts, squares, residual), "Abadie-Imbens, for matching with replacement"


def _jackknife(
    design: Design, sample: Sample, recompute: Callable[[Indices, Floats], float], codes: Indices
) -> tuple[float, str]:
    refit = None if design.is_matched else design.weighting.reweight
    # Where weights are fitted again, units of weight 0 have a say in the fit and so leave in their turn too.
    taking_part = np.flatnonzero(sample.weight > 0) if refit is None else np.arange(sample.weight.size)

    def statistic(kept: Indices) -> float:
        positions = taking_part[kept]
        if refit is None:
            return recompute(positions, sample.weight[positions])
        return recompute(positions, np.where(sample.followed[positions], _fitted_again(design.weighting, positions), 0.0))

    most = MAX_GROUPS if refit is None else design.weighting.most_refits
    variance = jackknife_variance(statistic, codes[taking_part], max_groups=most)
    grouped = "groups of " if np.unique(codes[taking_part]).size > most else ""
    what = "matched sets" if design.is_matched else "children"
    return variance, f"jackknife over {grouped}{what}{', weights fitted again' if refit is not None else ''}"


_FITTED_AGAIN: WeakKeyDictionary[Weighting, dict[bytes, Floats]] = WeakKeyDictionary()


def _fitted_again(weighting: Weighting, kept: Indices) -> Floats:
    """Return the weights fitted again on the kept positions; every measure of one design shares the fits."""
    assert weighting.reweight is not None  # the caller asked for weights that can be fitted again
    known = _FITTED_AGAIN.setdefault(weighting, {})
    key = blake2b(kept.tobytes(), digest_size=16).digest()
    if key not in known:
        known[key] = weighting.reweight(kept)
    return known[key]


def _number(df: float) -> str:
    return f"{df:.1f}".removesuffix(".0")
