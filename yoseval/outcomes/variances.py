"""The menu of variances: from the influence values of a contrast to a variance, its degrees of freedom, and words that name it.

Takes a contrast, its design and the levels on which units are dependent. ``auto`` chooses by rule; every other name can be
asked for. It cannot see what the contrast is of: the jackknife computes it again through the function it is given.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import combinations
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.design.types import Design, Weighting
from yoseval.errors import NotEvaluableError, UsageError
from yoseval.models.few_clusters import FEW_CLUSTERS, cr2_variance
from yoseval.models.matching_variance import abadie_imbens_variance, equal_shares, match_counts, neighbour_variance
from yoseval.models.variance import clustered_variance, effective_size, jackknife_of_many
from yoseval.outcomes.clusters import Level, crossed, degrees_of_freedom
from yoseval.outcomes.small_samples import interval_kind
from yoseval.outcomes.types import Contrast

MAX_GROUPS = 500
"""Most replicates of the jackknife; more clusters than this are left out in groups."""

_NO_JACKKNIFE = "the jackknife could not be computed; the sandwich interval may be too narrow in a group of this size"


@dataclass(frozen=True, slots=True, eq=False)
class Uncertain:
    """A contrast whose variance is asked for.

    Parameters
    ----------
    contrast : Contrast
        Influence values in the order of the design, corrected for estimated weights.
    design : Design
        Weights, sets, children.
    weight : (n,) floats
        The design's weight, 0 where the unit has no follow-up.
    followed : (n,) booleans
        True where the unit has a follow-up.
    levels : tuple of Level
        On which units are dependent: see ``cluster_levels``.
    recompute : callable
        From kept positions, (k,), and their weights, (k,), to the value of the contrast.
    recompute_many : callable, optional
        From (r, n) weights to r such values, NaN where ``recompute`` must be asked.
    """

    contrast: Contrast
    design: Design
    weight: Floats
    followed: Flags
    levels: tuple[Level, ...]
    recompute: Callable[[Indices, Floats], float]
    recompute_many: Callable[[Floats], Floats] | None = None

    @property
    def is_declared(self) -> bool:
        """True where one of the levels is a taught group or an area that the study names."""
        return any(level.is_declared for level in self.levels)

    @property
    def fewest(self) -> int:
        """Fewest clusters of an arm, on the level that has fewest."""
        return min(level.fewest(self.design.treated, self.weight) for level in self.levels)

    @property
    def arm_sizes(self) -> tuple[float, float]:
        """Effective sizes of the treated and of the comparison arm."""
        treated = self.design.treated
        return effective_size(self.weight[treated]), effective_size(self.weight[~treated])


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance, the degrees of freedom of its t quantile, words that name it, and what a reader must know."""

    variance: float
    df: float
    words: str
    notes: tuple[str, ...] = ()


def automatic(asked: Uncertain) -> Spread:
    """Choose the variance by the table of ``outcomes.small_samples``.

    Should a replicate of the jackknife fail, the sandwich stays, with a note. Where children are matched with replacement and
    groups are declared, the larger of both variances is taken.
    """
    kind = interval_kind(
        *asked.arm_sizes,
        with_replacement=asked.design.weighting.pairs is not None,
        fewest_clusters=asked.fewest,
        has_groups=asked.is_declared,
    )
    if kind == "abadie_imbens" and asked.is_declared:
        return max(abadie_imbens(asked), _clustered(asked), key=lambda s: s.variance)
    if kind == "jackknife":
        try:
            return jackknife(asked)
        except (NotEvaluableError, np.linalg.LinAlgError):
            return replace(sandwich(asked), notes=(_NO_JACKKNIFE,))
    return VARIANCES[kind](asked)


def sandwich(asked: Uncertain) -> Spread:
    """Sum the squares of the clusters' influence, HC1: see ``clustered_variance``."""
    # A unit without follow-up still moves estimated weights.
    counts = (asked.weight > 0) | (asked.contrast.influence != 0)
    influence = asked.contrast.influence[counts]

    def one_way(codes: Indices) -> tuple[float, float]:
        return clustered_variance(influence, codes[counts], kind="HC1"), np.inf

    variance, df = _multiway(asked, one_way)
    return Spread(variance, df, f"sandwich, clustered on {_on(asked)}{_corrected(asked)}")


def cr2(asked: Uncertain) -> Spread:
    """Adjust the clusters' influence for how much it is drawn to the estimate, with a df of its own: see ``cr2_variance``."""
    contrast, treated = asked.contrast, asked.design.treated
    plain = contrast.influence if contrast.uncorrected is None else contrast.uncorrected
    correction = None if contrast.uncorrected is None else contrast.influence - plain

    def one_way(codes: Indices) -> tuple[float, float]:
        found = cr2_variance(plain, treated, asked.weight, codes, correction=correction)
        return found.variance, found.df

    variance, df = _multiway(asked, one_way, counts_clusters=False)
    return Spread(variance, df, f"CR2 with Satterthwaite's degrees of freedom, clustered on {_on(asked)}{_corrected(asked)}")


def jackknife(asked: Uncertain) -> Spread:
    """Leave out one cluster at a time, with the weights fitted again where the design knows how: see ``jackknife_of_many``.

    Raises
    ------
    UsageError
        If the design is matching with replacement, for which no resampling is valid.
    """
    design, followed = asked.design, asked.followed
    if design.weighting.pairs is not None:
        raise UsageError(
            "Neither jackknife nor bootstrap is valid for matching with replacement.",
            "Choose the variance 'abadie_imbens', or 'auto'.",
        )
    refit = None if design.is_matched else design.weighting.reweight
    # Where weights are fitted again, units of weight 0 have a say in the fit and so leave in their turn too.
    taking_part = np.flatnonzero(asked.weight > 0) if refit is None else np.arange(asked.weight.size)
    most = MAX_GROUPS if refit is None else design.weighting.most_refits

    def replicates(part: Flags) -> Floats:
        kept = np.zeros((len(part), followed.size), dtype=bool)
        kept[:, taking_part] = part
        weights = np.where(kept, asked.weight, 0.0) if refit is None else _fitted_again_on_many(design.weighting, kept)
        return _values(asked, kept, np.where(followed, weights, 0.0))

    def one_way(codes: Indices) -> tuple[float, float]:
        return jackknife_of_many(replicates, codes[taking_part], max_groups=most), np.inf

    variance, df = _multiway(asked, one_way)
    grouped = "groups of " if np.unique(asked.levels[0].codes[taking_part]).size > most else ""
    over = f"{grouped}{asked.levels[0].plural}" if len(asked.levels) == 1 else _both(asked, plural=True)
    return Spread(variance, df, f"jackknife over {over}{', weights fitted again' if refit is not None else ''}")


def abadie_imbens(asked: Uncertain) -> Spread:
    """Apply the variance of Abadie and Imbens to influence values, which add up over pairs as outcomes do.

    Raises
    ------
    UsageError
        If the design is not one of matching with replacement.
    """
    pairs, points = asked.design.weighting.pairs, asked.design.weighting.matched_on
    if pairs is None or points is None:
        raise UsageError(
            f"The variance of Abadie and Imbens is for matching with replacement; this design is '{asked.design.method}' "
            "without it.",
            "Match with replace = true, or choose the variance 'auto'.",
        )
    (lead, partner), influence, treated = pairs, asked.contrast.influence, asked.design.treated
    n = len(influence)
    share = equal_shares(lead)
    counts, squares = match_counts(partner, share, n)
    # A comparison unit's influence belongs to the treated units that it stands in for, by their shares of it.
    use = np.divide(influence, counts, out=np.zeros(n), where=counts > 0)
    effect = influence[treated] + np.bincount(lead, weights=share * use[partner], minlength=n)[treated]
    used = np.flatnonzero((counts > 0) & (asked.weight > 0))
    residual = np.zeros(n)
    residual[used] = neighbour_variance(use[used], points[used])
    variance = abadie_imbens_variance(effect, counts, squares, residual)
    return Spread(variance, degrees_of_freedom(asked.weight, treated), "Abadie-Imbens, for matching with replacement")


VARIANCES: Mapping[str, Callable[[Uncertain], Spread]] = {
    "auto": automatic,
    "sandwich": sandwich,
    "jackknife": jackknife,
    "cr2": cr2,
    "abadie_imbens": abadie_imbens,
}


def _clustered(asked: Uncertain) -> Spread:
    return cr2(asked) if asked.fewest < FEW_CLUSTERS else sandwich(asked)


def _multiway(
    asked: Uncertain, one_way: Callable[[Indices], tuple[float, float]], *, counts_clusters: bool = True
) -> tuple[float, float]:
    r"""Combine the variances of levels that are not nested, and return the smallest of their degrees of freedom.

    .. math:: V = V_a + V_b - V_{ab},

    with :math:`ab` the clusters of units alike in both, and so on by inclusion and exclusion for three; at least the
    largest of the one-way variances, below which a difference of estimated variances may fall by chance. Where the variance
    has no degrees of freedom of its own they are those of the sizes of the arms, and with declared groups or several levels
    no more than the clusters of the coarsest less one.

    References
    ----------
    cameron2011 : Cameron, Gelbach and Miller (2011), Journal of Business & Economic Statistics 29(2), 238-249, section 2.
    """
    found = [one_way(level.codes) for level in asked.levels]
    total = sum(variance for variance, _ in found)
    for size in range(2, len(asked.levels) + 1):
        sign = 1.0 if size % 2 else -1.0
        total += sign * sum(one_way(crossed(some))[0] for some in combinations(asked.levels, size))
    variance = float(max(total, *(v for v, _ in found))) if len(found) > 1 else found[0][0]
    df = min(df for _, df in found)
    if counts_clusters:
        df = degrees_of_freedom(asked.weight, asked.design.treated)
        if asked.is_declared or len(found) > 1:
            df = min(df, *(np.unique(level.codes[asked.weight > 0]).size - 1.0 for level in asked.levels))
    return variance, df


def _on(asked: Uncertain) -> str:
    return asked.levels[0].name if len(asked.levels) == 1 else _both(asked)


def _both(asked: Uncertain, *, plural: bool = False) -> str:
    ways = {2: "two-way", 3: "three-way"}[len(asked.levels)]
    names = [level.plural if plural else level.name for level in asked.levels]
    return f"{' and '.join(names)} ({ways}, at least the larger of the one-way variances)"


def _corrected(asked: Uncertain) -> str:
    weighting = asked.design.weighting
    return ", corrected for estimated weights" if weighting.estimation is not None or weighting.stratified else ""


def _values(asked: Uncertain, kept: Flags, weights: Floats) -> Floats:
    """Compute the contrast on each part of the units: at once where that is known, else one by one, with errors in turn.

    ``weights`` is (r, n), with a row of NaN where a part's weights have to be fitted alone.
    """
    values = np.full(len(kept), np.nan) if asked.recompute_many is None else asked.recompute_many(weights)
    for r in np.flatnonzero(np.isnan(values)):
        positions, weight = np.flatnonzero(kept[r]), weights[r, kept[r]]
        if np.isnan(weight).any():
            weight = np.where(asked.followed[positions], _fitted_again(asked.design.weighting, positions), 0.0)
        values[r] = asked.recompute(positions, weight)
    return values


_FITTED_AGAIN: WeakKeyDictionary[Weighting, dict[bytes, Floats]] = WeakKeyDictionary()


def _fitted_again(weighting: Weighting, kept: Indices) -> Floats:
    """Return the weights fitted again on the kept positions."""
    assert weighting.reweight is not None  # the caller asked for weights that can be fitted again
    return _known(weighting, kept, weighting.reweight)


def _fitted_again_on_many(weighting: Weighting, kept: Flags) -> Floats:
    """Return the weights fitted again on each part of the units, a row of NaN where it must be fitted alone."""
    if weighting.reweight_many is None or len(kept) == 1:
        return np.full(kept.shape, np.nan)
    return _known(weighting, kept, weighting.reweight_many)


def _known(weighting: Weighting, kept: AnyArray, fit: Callable[[Any], Floats]) -> Floats:
    """Return what was fitted before, or fit it: every measure of one design shares the fits."""
    known = _FITTED_AGAIN.setdefault(weighting, {})
    key = blake2b(kept.tobytes(), digest_size=16).digest()
    if key not in known:
        known[key] = fit(kept)
    return known[key]
