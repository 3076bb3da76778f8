"""What a matched design owes to the order of rows: its total distance, and its effect, with ties broken otherwise.

Children with equal scores are interchangeable, but only some of them are matched. A rule that is written down makes
the result reproducible, not right: how far the result moves under other rules belongs beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from yoseval.design.reordering import pair_distances, reordered_designs
from yoseval.design.types import Design
from yoseval.errors import UsageError
from yoseval.frames import make_frame
from yoseval.outcomes.measures import MEASURES, effect_value
from yoseval.outcomes.types import FollowUp

DISTANCE = "total_distance"


@dataclass(frozen=True, slots=True)
class TieSensitivity:
    """The range of a design's results over orders of rows.

    Parameters
    ----------
    programme : str
        Whose design it is.
    reorderings, different : int
        How many orders were tried, and how many of them gave other weights: 0 = no ties decide who is matched.
    distance, distance_low, distance_high : float
        Total distance of the pairs: as designed, least and greatest.
    estimate, estimate_low, estimate_high : float
        The effect likewise; not a number without a follow-up.
    outcome, measure : str
        What the effect is on, and what it is measured by; empty without a follow-up.
    """

    programme: str
    reorderings: int
    different: int
    distance: float
    distance_low: float
    distance_high: float
    estimate: float = float("nan")
    estimate_low: float = float("nan")
    estimate_high: float = float("nan")
    outcome: str = ""
    measure: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the public frame ``ties``: one row for the total distance, one for the effect."""
        rows = [("", DISTANCE, self.distance, self.distance_low, self.distance_high)]
        if self.measure:
            rows.append((self.outcome, self.measure, self.estimate, self.estimate_low, self.estimate_high))
        found = pd.DataFrame(rows, columns=["outcome", "quantity", "as_designed", "lowest", "highest"])
        return make_frame(
            "ties", found.assign(programme=self.programme, reorderings=self.reorderings, different=self.different)
        )

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        lines = [
            f"Ties broken in {self.reorderings} other ways, {self.different} with other weights",
            f"total distance: {self.distance:.4f} ({self.distance_low:.4f} to {self.distance_high:.4f})",
        ]
        if self.measure:
            lines.append(f"{self.measure}: {self.estimate:.4f} ({self.estimate_low:.4f} to {self.estimate_high:.4f})")
        return "\n".join(lines)


def tie_sensitivity(
    design: Design,
    followup: FollowUp | None = None,
    *,
    measure: str = "risk_difference",
    reorderings: int = 200,
    seed: int = 0,
) -> TieSensitivity:
    """Build a matched design again with its ties broken at random, and see how far results move.

    Parameters
    ----------
    design : Design
        Of matched sets or pairs.
    followup : FollowUp, optional
        Without it the answer stays blind: distances only.
    measure : str
        A key of ``MEASURES``.
    reorderings : int
        How many random orders of rows, 1 or more.
    seed : int
        Of the orders.

    Returns
    -------
    TieSensitivity
        As designed, least and greatest. The ranges hold the design itself.

    Raises
    ------
    UsageError
        If the design has no pairs, the measure is not known or there are no reorderings.
    EstimationError
        If the effect cannot be computed.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 3.1.2: greedy matches depend on the order.

    Examples
    --------
    >>> tie_sensitivity(design, followup, reorderings=50)  # doctest: +SKIP
    """
    if measure not in MEASURES:
        raise UsageError(f"'{measure}' is not a measure.", f"Choose one of: {', '.join(MEASURES)}.")
    if reorderings < 1:
        raise UsageError(f"{reorderings} reorderings were asked for.", "Ask for 1 or more.")
    others = tuple(reordered_designs(design, reorderings=reorderings, seed=seed))
    found = distance_range(design, others)
    return found if followup is None else with_effects(found, design, others, followup, measure)


def distance_range(design: Design, reordered: Sequence[Design]) -> TieSensitivity:
    """Return the range of the pairs' total distance over designs whose ties were broken otherwise: blind.

    Parameters
    ----------
    design : Design
        As locked.
    reordered : sequence of Design
        From ``reordered_designs``.
    """
    distances = np.array([pair_distances(d).sum() for d in (design, *reordered)])
    different = sum(not np.allclose(d.weight, design.weight, rtol=0, atol=1e-9) for d in reordered)
    ends = (float(distances[0]), float(distances.min()), float(distances.max()))
    return TieSensitivity(design.cohort.programme, len(reordered), different, *ends)


def with_effects(
    distances: TieSensitivity, design: Design, reordered: Sequence[Design], followup: FollowUp, measure: str
) -> TieSensitivity:
    """Return the range of distances with the range of effects beside it.

    Parameters
    ----------
    distances : TieSensitivity
        From ``distance_range``.
    design, reordered
        The same designs, settled for estimation where outcomes call for it.
    followup : FollowUp
        The outcome.
    measure : str
        A key of ``MEASURES``.

    Raises
    ------
    EstimationError
        If the effect cannot be computed in one of the designs.
    """
    effects = np.array([effect_value(followup, d, measure) for d in (design, *reordered)])
    return replace(
        distances,
        estimate=float(effects[0]),
        estimate_low=float(effects.min()),
        estimate_high=float(effects.max()),
        outcome=followup.outcome,
        measure=measure,
    )
