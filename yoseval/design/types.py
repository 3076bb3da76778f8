"""What a design is: weights, and the numbers of matched sets.

Every method of matching or weighting ends here, so that balance, effects and variances are written once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from yoseval.arrays import Flags, Floats, Indices, Texts
from yoseval.cohort.build import Cohort
from yoseval.frames import make_frame


@dataclass(frozen=True, slots=True, eq=False)
class WeightEstimation:
    """How far weights depend on parameters that were estimated from the same units.

    With it the variance of any effect can be corrected for the estimated weights (closed-form M-estimation).

    Parameters
    ----------
    gradient : (n, p) floats
        Derivative of each unit's weight in each of the p parameters.
    influence : (n, p) floats
        Influence of each unit on each parameter: estimate - truth is about the sum over units.
    """

    gradient: Floats
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """A way to fit weights again that knows many parts of the units at once; called, it fits one.

    Parameters
    ----------
    one : callable
        As ``Weighting.reweight``.
    many : callable
        From (r, n) booleans, True where a part keeps a unit, to (r, n) weights, 0 where it does not. Where a part cannot be
        fitted together with the others its row is NaN, never an error: ``one`` fits it, or says why not.
    """

    one: Callable[[Indices], Floats]
    many: Callable[[Flags], Floats]

    def __call__(self, kept: Indices) -> Floats:
        """Return the weights of the kept positions, (k,) floats."""
        return self.one(kept)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Weighting:
    """What a method gives back about the n units of a cohort.

    Parameters
    ----------
    weight : (n,) floats
        Zero or more; 0 = not used.
    set_id : (n,) integers
        Matched set, -1 where there is none.
    score : (n,) floats
        Propensity scores; 0 or 1 where nobody of the other arm is in a unit's category.
    estimand : str
        Whom these weights are about: ``ATT``, ``ATC``, ``ATE`` or ``ATO``.
    left : tuple of (reason, (n,) booleans)
        Who left the design, each unit with its first reason.
    notes : tuple of str
        What a reader must know.
    estimation : WeightEstimation, optional
        Given by weighting methods.
    reweight : callable, optional
        From the positions of kept units, the weights of those units when the weighting is fitted again on
        them alone (for the jackknife); None = weights stay as they are. A ``Refit`` where many can be fitted at once.
    pairs : tuple of two (m,) integers, optional
        Given by matching with replacement, where a comparison unit may be in several sets: the position of the
        treated and of the comparison unit of each of the m matches. ``set_id`` is then -1 throughout. The weight
        of a comparison unit is the sum over its matches of 1 / (matches of that treated unit), made to sum to the
        number of comparison units used.
    matched_on : (n, d) floats, optional
        Given with ``pairs``: points whose plain distance was matched on, 0 where a unit left before.
    stratified : bool
        True where sets are strata of like units: weights follow from the numbers of both arms in a stratum, and
        units of one stratum are no more dependent than others.
    """

    weight: Floats
    set_id: Indices
    score: Floats
    estimand: str
    left: tuple[tuple[str, Flags], ...] = ()
    notes: tuple[str, ...] = ()
    estimation: WeightEstimation | None = None
    reweight: Callable[[Indices], Floats] | None = None
    most_refits: int = 500
    pairs: tuple[Indices, Indices] | None = None
    matched_on: Floats | None = None
    stratified: bool = False

    @property
    def reweight_many(self) -> Callable[[Flags], Floats] | None:
        """``Refit.many`` where the weighting has one: whatever wraps ``reweight`` and does not know it, loses it."""
        return self.reweight.many if isinstance(self.reweight, Refit) else None


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """A locked-to-be comparison: who counts, and how much.

    Parameters
    ----------
    cohort : Cohort
        The units it was built on; rows below are in the same order.
    method : str
        A name of ``METHODS``.
    options : mapping
        The method's options as used.
    weighting : Weighting
        Weights, sets and scores.
    estimand : str
        Whom the effect is about, renamed when more than a tenth of the treated were lost.
    attrition : DataFrame
        The cohort's flow continued: the public frame ``attrition``.
    notes : tuple of str
        What a reader must know.
    """

    cohort: Cohort
    method: str
    options: Mapping[str, Any]
    weighting: Weighting
    estimand: str
    attrition: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    @property
    def treated(self) -> Flags:
        """(n,) booleans: who started the programme."""
        return self.cohort.treated

    @property
    def weight(self) -> Floats:
        """(n,) floats: 0 where a unit is not used."""
        return self.weighting.weight

    @property
    def person_id(self) -> Texts:
        """(n,) texts: the child behind each unit."""
        persons: Texts = self.cohort.units["person_id"].to_numpy(dtype=object)
        return persons

    @property
    def is_matched(self) -> bool:
        """True where the design consists of matched sets, whose members are taken to be dependent."""
        return bool((self.weighting.set_id >= 0).any()) and not self.weighting.stratified

    def to_frame(self) -> pd.DataFrame:
        """Return the units as the private frame ``design_units``."""
        units = self.cohort.units[["unit_id", "person_id", "treated"]]
        found = {"weight": self.weight, "set_id": self.weighting.set_id, "score": self.weighting.score}
        return make_frame("design_units", units.assign(**found))

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        used = self.weight > 0
        return (
            f"Design: {self.method}\nestimand: {self.estimand}\n"
            f"treated: {int((used & self.treated).sum())} of {int(self.treated.sum())}\n"
            f"comparison: {int((used & ~self.treated).sum())} of {int((~self.treated).sum())}"
        )
