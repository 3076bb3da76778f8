"""The bootstrap of a whole design, run side by side.

Takes a follow-up, a design and a measure; gives an estimate whose interval comes from building the design again on children
drawn with replacement. Replicates have a seed of their own each, so the number of workers changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.arrays import Floats
from yoseval.cohort.outcome_section import LEAST_REPLICATES
from yoseval.design.types import Design
from yoseval.errors import EstimationError, UsageError
from yoseval.models.intervals import percentile_interval
from yoseval.outcomes.bootstrap import Resampler, resampler
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.parallel import map_tasks, seed_of

MOST_FAILED = 0.1
"""Share of replicates without a comparison beyond which there is no interval: the others are a selection."""
_BATCH = 25  # replicates a task: enough to outweigh the sending of it


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """An effect with a bootstrap interval.

    Parameters
    ----------
    estimate : Estimate
        Its standard error, limits and p-value are those of the replicates.
    replicates : (b,) floats
        On the analysis scale, in the order of their numbers; those that could not be built are not among them.
    n_failed : int
        How many could not be built.
    """

    estimate: Estimate
    replicates: Floats
    n_failed: int

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as one row of the public frame ``estimates``."""
        return self.estimate.to_frame()

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        return f"{self.estimate}\nreplicates: {self.replicates.size}"


def bootstrap_effect(
    followup: FollowUp,
    design: Design,
    measure: str,
    *,
    replicates: int = 1000,
    seed: int = 0,
    jobs: int = 1,
    conf_level: float = 0.95,
    role: str = "check",
    on_progress: Callable[[int, int], None] | None = None,
) -> Bootstrap:
    """Estimate an effect and take its interval from designs built again on resampled children.

    Whole children are drawn with replacement, with all their units. In each replicate scores, matches and weights are made
    again and the effect is taken anew. Limits are percentiles.

    Parameters
    ----------
    followup : FollowUp
        The outcome.
    design : Design
        Who counts, and how much.
    measure : str
        A key of ``MEASURES``.
    replicates : int
        How many, 100 or more; 1,000 or more for limits.
    seed : int
        The study's seed. Replicate k has the seed of the name "replicate k", whoever computes it.
    jobs : int
        Workers. A cluster is chosen outside, as with ``joblib.parallel_config(backend="dask")``.
    conf_level : float
        Between 0 and 1.
    role : str
        Of the estimate.
    on_progress : callable, optional
        Called with the number of replicates done and of all.

    Returns
    -------
    Bootstrap
        The estimate and its replicates.

    Raises
    ------
    UsageError
        If there are too few replicates, the measure is not known, or the design is matched with replacement.
    EstimationError
        If the effect cannot be estimated, or more than a tenth of the replicates had no comparison.

    References
    ----------
    efron1993 : Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    austin2014 : Austin and Small (2014), Statistics in Medicine 33(24), 4306-4319.

    Examples
    --------
    >>> bootstrap_effect(followup, design, "risk_difference", jobs=2).estimate.conf_low  # doctest: +SKIP
    """
    if replicates < LEAST_REPLICATES:
        raise UsageError(f"{replicates} replicates were asked for.", f"Ask for {LEAST_REPLICATES} or more.")
    task = resampler(followup, design, measure)
    estimate = estimate_effect(followup, design, measure, conf_level=conf_level, role=role)
    drawn = _replicates(task, replicates, seed, jobs, on_progress)
    built = drawn[np.isfinite(drawn)]
    if replicates - built.size > MOST_FAILED * replicates:
        raise EstimationError(
            "In more than a tenth of the replicates no comparison could be built.", "Use the jackknife or the sandwich."
        )
    made = percentile_interval(built, conf_level=conf_level, scale=MEASURES[measure].scale)
    note = "In a few replicates no comparison could be built; they were left out."
    renewed = replace(
        estimate,
        std_error=made.std_error,
        df=made.df,
        conf_low=made.conf_low,
        conf_high=made.conf_high,
        p_value=made.p_value,
        interval=f"percentiles of {replicates:,} bootstrap replicates over children, the design built again in each",
        notes=(*estimate.notes, note) if built.size < replicates else estimate.notes,
    )
    return Bootstrap(renewed, built, replicates - built.size)


def _replicates(
    task: Resampler, replicates: int, seed: int, jobs: int, on_progress: Callable[[int, int], None] | None
) -> Floats:
    starts = range(1, replicates + 1, _BATCH)
    tasks = {f"replicates from {first}": (task, first, min(_BATCH, replicates + 1 - first), seed) for first in starts}
    found: list[Floats] = []
    for _, values in map_tasks(_batch, tasks, seed=seed, jobs=jobs):
        found.append(values)
        if on_progress is not None:
            on_progress(sum(v.size for v in found), replicates)
    return np.concatenate(found)


def _batch(argument: tuple[Resampler, int, int, int], _: np.random.SeedSequence) -> Floats:
    task, first, number, seed = argument
    return np.array([task.replicate(seed_of(f"replicate {k}", seed)) for k in range(first, first + number)])
