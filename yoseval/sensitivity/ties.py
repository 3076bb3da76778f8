"""What a matched design owes to the order of rows: its total distance, and its effect, with ties broken otherwise.

Children with equal scores are interchangeable, but only some of them are matched. A rule that is written down makes
the result reproducible, not right: how far the result moves under other rules belongs beside it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.design.reordering import pair_distances, reordered_designs
from yoseval.design.types import Design
from yoseval.errors import UsageError
from yoseval.outcomes.contrast import align_followup
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.types import FollowUp


@dataclass(frozen=True, slots=True)
class TieSensitivity:
    """The range of a design's results over orders of rows.

    Parameters
    ----------
    reorderings : int
        How many orders were tried.
    distance, distance_low, distance_high : float
        Total distance of the pairs: as designed, least and greatest.
    estimate, estimate_low, estimate_high : float
        The effect likewise; not a number without a follow-up.
    measure : str
        What the effect is measured by; empty without a follow-up.
    """

    reorderings: int
    distance: float
    distance_low: float
    distance_high: float
    estimate: float = float("nan")
    estimate_low: float = float("nan")
    estimate_high: float = float("nan")
    measure: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row a quantity: ``quantity``, ``as_designed``, ``low``, ``high``."""
        rows = [("total distance", self.distance, self.distance_low, self.distance_high)]
        if self.measure:
            rows.append((self.measure, self.estimate, self.estimate_low, self.estimate_high))
        return pd.DataFrame(rows, columns=["quantity", "as_designed", "low", "high"])

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        lines = [
            f"Ties broken in {self.reorderings} other ways",
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
    designs = [design, *reordered_designs(design, reorderings=reorderings, seed=seed)]
    distances = np.array([pair_distances(d).sum() for d in designs])
    found = (float(distances[0]), float(distances.min()), float(distances.max()))
    if followup is None:
        return TieSensitivity(reorderings, *found)
    effects = np.array([_effect(followup, d, measure) for d in designs])
    return TieSensitivity(reorderings, *found, float(effects[0]), float(effects.min()), float(effects.max()), measure)


def _effect(followup: FollowUp, design: Design, measure: str) -> float:
    """Return the value of a measure, without an interval, on its natural scale."""
    sample = align_followup(followup, design)
    used = np.flatnonzero(sample.weight > 0)
    chosen = MEASURES[measure]
    value = chosen.leaf(sample.time[used], sample.event[used], design.treated[used], sample.weight[used], sample.horizon).value
    return float(np.exp(value)) if chosen.scale == "log" else value
