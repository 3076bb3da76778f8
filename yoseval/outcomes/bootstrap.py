"""One replicate of the bootstrap: children drawn with replacement, the design built again, the effect taken anew.

Takes a follow-up, a design and a measure and gives a frozen task that draws by a seed. Matching, scores and weights are redone
in every replicate, so the spread of replicates holds what they add to it. How replicates are run side by side, and the limits
made of them, are not known here.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.design.methods import METHODS, weigh_again
from yoseval.design.types import Design
from yoseval.errors import EstimationError, NotEvaluableError, UsageError
from yoseval.outcomes.applying import sample_for, value_on
from yoseval.outcomes.contrast import Sample
from yoseval.outcomes.measures import MEASURES, require_measure
from yoseval.outcomes.types import FollowUp


@dataclass(frozen=True, slots=True, eq=False)
class Resampler:
    """What a replicate needs, and nothing else: it travels to workers.

    Parameters
    ----------
    design : Design
        Built again in each replicate.
    sample : Sample
        The outcome in the order of the design.
    measure : str
        A key of ``MEASURES``.
    child : (n,) integers
        The child behind each unit, from 0.
    """

    design: Design
    sample: Sample
    measure: str
    child: Indices

    def replicate(self, seed: np.random.SeedSequence) -> float:
        """Draw children with replacement and return the contrast of the design built on them.

        Not a number where no fair comparison could be built on the draw, or an arm had nothing to estimate from.
        """
        rows = draw_children(self.child, np.random.default_rng(seed))
        try:
            weight = np.where(self.sample.followed[rows], self._weight(rows), 0.0)
            return value_on(MEASURES[self.measure], self.sample, self.design.treated, rows, weight)
        except (NotEvaluableError, np.linalg.LinAlgError):
            return float("nan")

    def _weight(self, rows: Indices) -> Floats:
        again = self.design.weighting.reweight
        if again is not None:
            return again(rows)
        return weigh_again(self.design, self.design.cohort.resampled(rows)).weight


def resampler(followup: FollowUp, design: Design, measure: str) -> Resampler:
    """Prepare the bootstrap of an effect.

    Parameters
    ----------
    followup : FollowUp
        The outcome.
    design : Design
        Any whose weights can be made again: one of ``METHODS`` as it was built, or one with ``reweight``.
    measure : str
        A key of ``MEASURES``.

    Returns
    -------
    Resampler
        Gives one replicate for a seed.

    Raises
    ------
    UsageError
        If the measure is not known, or the design is matched with replacement: there the bootstrap is not valid.
    EstimationError
        If the design cannot be built again.

    References
    ----------
    abadie2008 : Abadie and Imbens (2008), Econometrica 76(6), 1537-1557: it fails for matching with replacement.
    austin2014 : Austin and Small (2014), Statistics in Medicine 33(24), 4306-4319: matching without replacement.

    Examples
    --------
    >>> resampler(followup, design, "risk_difference").replicate(np.random.SeedSequence(1))  # doctest: +SKIP
    """
    if design.weighting.pairs is not None:
        raise UsageError(
            "The bootstrap is not valid for nearest neighbours with replacement.",
            "Use the variance of Abadie and Imbens, which is the default there, or match without replacement.",
        )
    chosen = require_measure(measure)
    if chosen.everybody:
        raise UsageError(f"'{measure}' rests on no design that could be built again.", "Use the interval it comes with.")
    sample = sample_for(chosen, followup, design)
    _, child = np.unique(design.person_id.astype(str), return_inverse=True)
    # Coded once: every replicate takes rows of the same columns.
    coded = Design(
        design.cohort.coded(), design.method, design.options, design.weighting, design.estimand, design.attrition, design.notes
    )
    _require_same_again(coded)
    return Resampler(coded, sample, measure, np.asarray(child, dtype=np.int64))


def _require_same_again(design: Design) -> None:
    """Refuse a design whose weights were changed after it was built: building it again would undo that."""
    if design.weighting.reweight is not None:
        return
    known = design.method in METHODS
    if not known or not np.allclose(weigh_again(design, design.cohort).weight, design.weight, rtol=1e-9, atol=1e-12):
        raise EstimationError(
            f"The weights of this design of '{design.method}' were settled after it was built, so it cannot be built again.",
            "Use the jackknife or the sandwich.",
        )


def draw_children(child: Indices, rng: np.random.Generator) -> Indices:
    """Draw as many children as there are, with replacement, and return the positions of their units, rising.

    Parameters
    ----------
    child : (n,) integers
        The child behind each unit, from 0; every number up to the largest is used.
    rng : Generator
        Where chance comes from.

    Returns
    -------
    (m,) integers
        All units of every child drawn, as often as it was drawn.

    Examples
    --------
    >>> draw_children(np.array([0, 0, 1]), np.random.default_rng(0)).tolist()
    [0, 1, 2]
    """
    n_children = int(child.max()) + 1
    times = np.bincount(rng.integers(n_children, size=n_children), minlength=n_children)
    rows: Indices = np.repeat(np.arange(child.size), times[child])
    return rows
