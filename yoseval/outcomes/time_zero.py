"""Arms that form after time zero, made fair: the correction for immortal time in grace periods and for clones.

Takes a locked design and how the waiting of each unit ended, and gives the design that effects are estimated with. The rule is
fixed before; it opens together with outcomes, because what ends a wait (a new offence, custody, leaving) is what the outcome is
made of.

With a grace period a child who offends before it could start ends up untreated *because* it offended. Let :math:`H_i(t)` be
the cumulative hazard of starting while out of trouble. Whoever starts has done so before any trouble; a comparison child whose
trouble came on day t could have done so with probability :math:`G_i(t) = 1 - e^{-H_i(t)}` only, and counts by the odds
:math:`G_i(t) / (1 - G_i(t))` instead of those of the whole grace period.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.build import next_step
from yoseval.design.calibration import calibrate, calibration_estimation
from yoseval.design.cloning import STARTS
from yoseval.design.entropy import squared_terms
from yoseval.design.types import Design, WeightEstimation, Weighting
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DesignError, EstimationError
from yoseval.models.glm import independent_columns
from yoseval.models.start_hazard import cumulative_hazard, fit_start_hazard

Again: TypeAlias = Callable[[Indices], Floats]
GRACE_NOTE = (
    "The groups formed after time zero. A comparison child counts by its chance of having started before its own trouble "
    "(a new offence, custody or leaving), so that staying out of trouble is nobody's advantage."
)
BEFORE_START = "a new offence, custody or leaving came before the start"


#: Replicates of a jackknife; each fits a hazard and a tilt again.
MOST_REFITS = 100
_LEAST_TROUBLED = 10  # in each third, before trouble is looked at by thirds


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """How the wait of each of n units ended, in the order of a design.

    Parameters
    ----------
    entry : (n,) floats
        Days from time zero to entry into the programme; infinite where there is none.
    trouble : (n,) floats
        Days from time zero to the first new offence, custody or exit; infinite where there is none.
    days : int
        Length of the grace period.
    """

    entry: Floats
    trouble: Floats
    days: int

    @property
    def clean_start(self) -> Flags:
        """True for who entered within the grace period, before any trouble; on one day trouble comes first."""
        clean: Flags = (self.entry <= self.days) & (self.entry < self.trouble)
        return clean

    @property
    def troubled(self) -> Flags:
        """True for whom trouble in the grace period came before any entry."""
        troubled: Flags = (self.trouble <= self.days) & (self.trouble <= self.entry)
        return troubled

    @property
    def days_at_risk(self) -> Floats:
        """Days on which the unit could have started, out of trouble: the day of entry counts, the day of trouble does not."""
        last = float(self.days + 1)
        return np.where(self.clean_start, self.entry + 1.0, np.where(self.troubled, self.trouble, last))

    def take(self, rows: Indices) -> "Waiting":
        """Return the units at these positions."""
        return Waiting(self.entry[rows], self.trouble[rows], self.days)


def settle_grace(design: Design, waiting: Waiting) -> Design:
    r"""Weight the comparison by each child's chance of having started before its own trouble.

    Comparison weights are multiplied by :math:`[e^{H_i(t_i)} - 1] / [e^{H_i(k)} - 1]` where trouble came on day
    :math:`t_i \le k`. Who started after trouble leaves: those whose trouble came about as early and who never started stand
    for them. Then the comparison is tilted back to the covariate means of the treated.

    Parameters
    ----------
    design : Design
        Locked, with its arms as they formed by day k.
    waiting : Waiting
        In the order of the design.

    Returns
    -------
    Design
        The same units with their final arms and weights.

    Raises
    ------
    EstimationError
        If nobody started before trouble.

    References
    ----------
    hernan2016 : Hernán, Sauer, Hernández-Díaz, Platt and Shrier (2016), Journal of Clinical Epidemiology 79, 70-75.
    """
    clean = design.treated & waiting.clean_start
    if not (clean & (design.weight > 0)).any():
        raise EstimationError("Nobody started before new trouble.", "Use rule = 'landmark'.")
    late = design.treated & ~clean
    logit = _logit(design.weighting.score)
    again = partial(_grace_weights, _balanced_columns(design), logit, clean, late, design.weight, waiting)
    weight, tilted_by, before = again(np.arange(clean.size))
    # Where the sample is too small to be tilted nothing is known of how the weights depend on it.
    estimation = _tilted(tilted_by, clean, weight, before) if tilted_by is not None else None
    weighting = _settled(design.weighting, weight, estimation, partial(_first, again))
    lost = int((late & (design.weight > 0)).sum())
    flow = design.attrition
    if lost:
        flow = next_step(flow, stage="time zero", reason=BEFORE_START, lost_treated=lost, lost_comparison=0)
    return replace(design, weighting=weighting, attrition=flow, notes=(*design.notes, GRACE_NOTE))


def _balanced_columns(design: Design) -> tuple[Floats, ...]:
    """Return the columns the comparison is tilted back to: what the design balanced, and the means where that is too much."""
    matrix = design.cohort.matrix()
    means = matrix.for_models()
    wide = (np.hstack([means, squared_terms(matrix)]),) if design.options.get("moments", 1) > 1 else ()
    return tuple(x[:, independent_columns(x)] for x in (*wide, means))


def _grace_weights(
    columns: tuple[Floats, ...], logit: Floats, clean: Flags, late: Flags, locked: Floats, waiting: Waiting, kept: Indices
) -> tuple[Floats, Floats | None, tuple[WeightEstimation, ...]]:
    """Return the final weights of the kept units, the columns they were tilted by, and what the tilt's base rests on.

    No columns where the sample is too small to be tilted: then the locked balance stands.
    """
    logit, clean, late, locked = logit[kept][:, None], clean[kept], late[kept], locked[kept]
    waiting = waiting.take(kept)
    chance, by_hazard = _chance_of_start(clean, logit, waiting)
    standing, by_standing = _standing_for(late, waiting)
    base = np.where(clean, locked, np.where(late, 0.0, locked * chance * standing))
    for wide in columns:
        x = wide[kept]
        x = x[:, independent_columns(x[base > 0])]
        try:
            return calibrate(x, clean, base), x, (by_hazard, by_standing)
        except DesignError:
            continue
    scale = base[clean].sum() / base[~clean].sum()
    return np.where(clean, base, base * scale), None, (by_hazard, by_standing)


def _chance_of_start(clean: Flags, logit: Floats, waiting: Waiting) -> tuple[Floats, WeightEstimation]:
    """Return the odds of a start before trouble over those of the whole grace period, and how their logarithm moves."""
    # A score that is the same for all, as of an allocation at random, tells nothing of who starts.
    logit = logit[:, independent_columns(logit)]
    fit = fit_start_hazard(waiting.days_at_risk, clean, logit, float(waiting.days + 1))
    own, by_own = cumulative_hazard(fit, logit, waiting.days_at_risk)
    whole, by_whole = cumulative_hazard(fit, logit, np.full(clean.size, waiting.days + 1.0))
    chance = np.where(waiting.troubled, np.expm1(own) / np.expm1(whole), 1.0)
    # d log(e^H - 1) = dH / (1 - e^-H)
    slope = by_own / -np.expm1(-own)[:, None] - by_whole / -np.expm1(-whole)[:, None]
    return chance, WeightEstimation(np.where(waiting.troubled[:, None], slope, 0.0), fit.influence)


def _standing_for(late: Flags, waiting: Waiting) -> tuple[Floats, WeightEstimation]:
    """Return how many troubled units each troubled unit that never started stands for, by thirds of the day of trouble.

    Beside it, as of the chance of a start, the derivative of its logarithm in the logarithm of each third's factor.
    """
    factor = np.ones(late.size)
    troubled = np.flatnonzero(waiting.troubled)
    if not troubled.size:
        return factor, WeightEstimation(np.zeros((late.size, 0)), np.zeros((late.size, 0)))
    day = waiting.trouble[troubled]
    edges = np.quantile(day, (1 / 3, 2 / 3)) if troubled.size >= 3 * _LEAST_TROUBLED else np.zeros(0)
    third = np.searchsorted(edges, day, side="left")
    total, gone = np.bincount(third), np.bincount(third, late[troubled])
    left = np.maximum(total - gone, 1.0)
    factor[troubled] = (total / left)[third]
    belongs = np.zeros((late.size, total.size))
    belongs[troubled, third] = 1.0
    return factor, WeightEstimation(belongs, belongs / np.maximum(total, 1) - (belongs * ~late[:, None]) / left)


def _tilted(x: Floats, clean: Flags, weight: Floats, before: tuple[WeightEstimation, ...]) -> WeightEstimation:
    """Join what the tilt's base was estimated from: the tilt makes good for a change of the base, and so depends on it."""
    relative = np.hstack([e.gradient for e in before])
    influence = np.hstack([e.influence for e in before])
    away = x - weight[clean] @ x[clean] / weight[clean].sum()
    own = np.where(clean, 0.0, weight)[:, None]
    pull = own * away
    makes_good: Floats = np.asarray(np.linalg.lstsq(pull.T @ away, pull.T @ relative, rcond=None)[0], dtype=np.float64)
    tilt = calibration_estimation(x, clean, weight)
    return WeightEstimation(
        np.hstack([tilt.gradient, own * relative]),
        np.hstack([tilt.influence - influence @ makes_good.T, influence]),
    )


def settle_clones(design: Design, waiting: Waiting) -> Design:
    r"""Give each clone the weight of those who left its arm.

    With :math:`G(t)` the chance of a start before day t while out of trouble and k the grace period, a clone of the arm
    that starts weighs :math:`1 / G(k)` once it has started and :math:`[1 - G(t)/G(k)] / [1 - G(t)]` where trouble on day t
    came first; a clone of the other arm :math:`1 / [1 - G(t)]`, with t = k where there was no trouble. Starts thus come as
    they naturally do among those who start within the grace period.

    Parameters
    ----------
    design : Design
        From ``design.cloning.clone_design``.
    waiting : Waiting
        In the order of the design.

    Returns
    -------
    Design
        The same clones with their weights, 0 for those who left, and how the weights depend on the model of starting.

    References
    ----------
    cain2010 : Cain, Robins, Lanoy, Logan, Costagliola and Hernán (2010), International Journal of Biostatistics 6(2), 18.
    young2011 : Young, Cain, Robins, O'Reilly and Hernán (2011), Statistics in Biosciences 3, 119-143.
    """
    x = design.cohort.matrix().for_models()
    starts = np.array([str(u).endswith(STARTS) for u in design.cohort.units["unit_id"]], dtype=bool)
    again = partial(_clone_weights, x, starts, design.weight, waiting)
    weight, estimation = again(np.arange(starts.size))
    weighting = _settled(design.weighting, weight, estimation, partial(_first, again))
    return replace(design, weighting=weighting, notes=(*design.notes, *_clone_notes(design.weight, weight, starts)))


def _clone_weights(x: Floats, starts: Flags, base: Floats, waiting: Waiting, kept: Indices) -> tuple[Floats, WeightEstimation]:
    """Return the weights of the kept clones with their gradient in the model of starting."""
    x, starts, base, waiting = x[kept], starts[kept], base[kept], waiting.take(kept)
    x = x[:, independent_columns(x[starts])]
    fit = fit_start_hazard(waiting.days_at_risk[starts], waiting.clean_start[starts], x[starts], float(waiting.days + 1))
    own, by_own = cumulative_hazard(fit, x, waiting.days_at_risk)
    whole, by_whole = cumulative_hazard(fit, x, np.full(base.size, waiting.days + 1.0))
    reached = -np.expm1(-whole)  # G(k)
    grown = np.exp(own)
    clean, troubled = waiting.clean_start, waiting.troubled
    weight = np.where(
        starts,
        np.where(clean, 1.0 / reached, np.where(troubled, grown - (grown - 1.0) / reached, 0.0)),
        np.where(clean, 0.0, grown),
    )
    slope = (1.0 - reached) / reached**2  # minus the derivative of 1 / G(k) in H(k)
    in_own = np.where(starts, np.where(troubled, grown * (1.0 - 1.0 / reached), 0.0), np.where(clean, 0.0, grown))
    in_whole = np.where(starts, np.where(clean, -slope, np.where(troubled, (grown - 1.0) * slope, 0.0)), 0.0)
    gradient = base[:, None] * (in_own[:, None] * by_own + in_whole[:, None] * by_whole)
    influence = np.zeros_like(gradient)
    influence[starts] = fit.influence
    return base * weight, WeightEstimation(gradient, influence)


def _settled(weighting: Weighting, weight: Floats, estimation: WeightEstimation | None, again: Again) -> Weighting:
    return replace(weighting, weight=weight, estimation=estimation, reweight=again, most_refits=MOST_REFITS)


def _first(weights: Callable[[Indices], tuple[Any, ...]], kept: Indices) -> Floats:
    first: Floats = weights(kept)[0]
    return first


def _clone_notes(base: Floats, weight: Floats, starts: Flags) -> tuple[str, ...]:
    notes = []
    for arm, name in ((starts, "that start"), (~starts, "that do not")):
        left = 1.0 - float((weight[arm] > 0).mean())
        own = np.divide(weight[arm], base[arm], out=np.zeros(int(arm.sum())), where=base[arm] > 0)
        notes.append(
            f"Of the copies {name}, about {5 * round(20 * left)} % left their group; the largest weight for those who stayed "
            f"is {own.max():.1f}."
        )
    return tuple(notes)


def _logit(score: Floats) -> Floats:
    inside = np.clip(score, 1e-6, 1.0 - 1e-6)
    logit: Floats = np.log(inside / (1.0 - inside))
    return logit


def started_or_not(design: Design, waiting: Waiting) -> Design:
    """Return the naive comparison behind clones: one copy of each child, in the arm it ended up in."""
    starts = np.array([str(u).endswith(STARTS) for u in design.cohort.units["unit_id"]], dtype=bool)
    naive = unadjusted_design(design.cohort)
    ended = np.where(starts, waiting.entry <= waiting.days, waiting.entry > waiting.days)
    return replace(naive, weighting=replace(naive.weighting, weight=ended.astype(np.float64)))
