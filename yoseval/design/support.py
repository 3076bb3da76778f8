"""Common support on what is coded 0 or 1: who has nobody in the other arm to be compared with.

Takes coded covariates and arms and tells which units stay. A category that only the comparison has says nothing
about the treated, and a treated unit whose category the comparison lacks cannot be compared: both leave, with a
reason, instead of leaving everybody without a design.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.types import Refit, WeightEstimation, Weighting


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Who stays.

    Parameters
    ----------
    kept : (n,) booleans
        True where a unit has somebody in the other arm to be compared with.
    left : tuple of (reason, (n,) booleans)
        Who left, each unit with its first reason.
    """

    kept: Flags
    left: tuple[tuple[str, Flags], ...]


def common_support(matrix: CovariateMatrix, treated: Flags) -> Support:
    """Find the units whose 0/1 terms both arms have.

    Where one arm has a single value of a term, units of the other arm with the other value leave; this is
    repeated until nothing changes. A term that tells the arms apart altogether removes nobody: the score's
    model refuses it by name.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    Support
        Who stays, and why the others left.

    Examples
    --------
    >>> import pandas as pd
    >>> from yoseval.cohort.covariates import code_covariates
    >>> area = code_covariates(pd.DataFrame({"area": ["a", "b", "a", "b", "c"]}), ("area",))
    >>> common_support(area, np.array([True, True, False, False, False])).kept
    array([ True,  True,  True,  True, False])
    """
    flags, terms = flag_columns(matrix)
    kept = np.ones(len(treated), dtype=bool)
    left: list[tuple[str, Flags]] = []
    while True:
        found = _alone(flags, treated, kept)
        if found is None:
            return Support(kept, tuple(left))
        term, gone = found
        whose = "treated" if bool(treated[gone].all()) else "comparison"
        other = "comparison" if whose == "treated" else "treated"
        left.append((f"no {other} unit to compare with: {terms[term]}", gone))
        kept = kept & ~gone


def flag_columns(matrix: CovariateMatrix) -> tuple[Floats, tuple[str, ...]]:
    """Return the 0/1 columns of a matrix, (n, k) floats, and their names."""
    places = [j for j, kind in enumerate(matrix.kinds) if kind != "numeric"]
    return matrix.values[:, places], tuple(matrix.terms[j] for j in places)


def build_on_support(cohort: Cohort, build: Callable[[Cohort], Weighting]) -> Weighting:
    """Build a weighting on the units of common support and give the others weight 0.

    Parameters
    ----------
    cohort : Cohort
        All n units.
    build : callable
        From a cohort, its weighting.

    Returns
    -------
    Weighting
        Of all n units. A unit that left has the score at the end where nobody of the other arm is: 0 in the
        comparison, 1 in the treated arm.
    """
    treated = cohort.treated
    cohort = cohort.coded()
    matrix = cohort.matrix()
    support = common_support(matrix, treated)
    is_whole = bool(support.kept.all())
    inner = build(cohort if is_whole else replace(cohort, units=cohort.units[support.kept].reset_index(drop=True)))
    again, many = inner.reweight, inner.reweight_many
    if again is not None:
        flags, place = flag_columns(matrix)[0], np.where(support.kept, np.cumsum(support.kept) - 1, -1)
        again = partial(weights_on_support, flags, treated, place, again)
        again = again if many is None else Refit(again, partial(weights_on_support_of_many, flags, treated, place, many))
    widened = inner if is_whole else _widened(inner, support, treated)
    return replace(widened, reweight=again)


def weights_on_support(
    flags: Floats, treated: Flags, place: Indices, again: Callable[[Indices], Floats], kept: Indices
) -> Floats:
    """Fit weights again on the kept units that still have somebody to be compared with; the others get 0.

    Parameters
    ----------
    flags : (n, k) floats
        The 0/1 terms of all units.
    treated : (n,) booleans
        True where the unit started the programme.
    place : (n,) integers
        Position among the units the weighting was built on, -1 where a unit was not.
    again : callable
        Fits again on such positions.
    kept : (m,) integers
        Positions of the units that are kept.

    Returns
    -------
    (m,) floats
        Their weights.
    """
    stays = place[kept] >= 0
    while (found := _alone(flags[kept], treated[kept], stays)) is not None:
        stays = stays & ~found[1]
    weight = np.zeros(len(kept))
    weight[stays] = again(place[kept[stays]])
    return weight


def weights_on_support_of_many(
    flags: Floats, treated: Flags, place: Indices, many: Callable[[Flags], Floats], kept: Flags
) -> Floats:
    """Fit weights again on many parts of the units at once, as ``weights_on_support`` does on one.

    Parameters
    ----------
    flags, treated, place
        As for ``weights_on_support``.
    many : callable
        ``Refit.many`` of the weighting, for the units it was built on.
    kept : (r, n) booleans
        The units of each part.

    Returns
    -------
    (r, n) floats
        Weights; a row of NaN where somebody of a part has nobody to be compared with any more, or it has to be fitted alone.
    """
    inside = place >= 0
    whole = np.flatnonzero(~_leave_somebody_alone(flags, treated, kept & inside))
    weight = np.full(kept.shape, np.nan)
    weight[whole] = 0.0
    weight[np.ix_(whole, inside)] = many(kept[np.ix_(whole, inside)])
    return weight


def _leave_somebody_alone(flags: Floats, treated: Flags, kept: Flags) -> Flags:
    """Tell of each part, a row of ``kept``, whether ``_alone`` finds a term: (r,) booleans."""
    arms = [(kept[:, arm] @ flags[arm], kept[:, arm].sum(axis=1)[:, None]) for arm in (treated, ~treated)]
    fixed = [(have == 0) | (have == size) for have, size in arms]
    alone: Flags = (fixed[0] != fixed[1]).any(axis=1)
    return alone


def _alone(flags: Floats, treated: Flags, kept: Flags) -> tuple[int, Flags] | None:
    """Find the first term of which one arm has a single value and the other has both, and who has the other value."""
    if not flags.shape[1] or not (kept & treated).any() or not (kept & ~treated).any():
        return None
    shares = [flags[kept & arm].mean(axis=0) for arm in (treated, ~treated)]
    for own, other, arm in ((shares[0], shares[1], ~treated), (shares[1], shares[0], treated)):
        fixed = ((own == 0) | (own == 1)) & (other > 0) & (other < 1)
        if fixed.any():
            term = int(np.flatnonzero(fixed)[0])
            return term, kept & arm & (flags[:, term] != own[term])
    return None


def _widened(inner: Weighting, support: Support, treated: Flags) -> Weighting:
    kept = support.kept
    estimation = inner.estimation
    if estimation is not None:
        estimation = WeightEstimation(_rows(estimation.gradient, kept), _rows(estimation.influence, kept))
    place = np.flatnonzero(kept)
    left = (*support.left, *((reason, _filled(who, kept, False)) for reason, who in inner.left))
    return replace(
        inner,
        weight=_filled(inner.weight, kept, 0.0),
        set_id=_filled(inner.set_id, kept, -1),
        score=np.where(kept, _filled(inner.score, kept, 0.0), treated.astype(np.float64)),
        left=left,
        estimation=estimation,
        pairs=None if inner.pairs is None else (place[inner.pairs[0]], place[inner.pairs[1]]),
        matched_on=None if inner.matched_on is None else _rows(inner.matched_on, kept),
        notes=(*inner.notes, "Some had nobody of the other group in their category to be compared with; the flow counts them."),
    )


def _filled(values: AnyArray, kept: Flags, fill: float | bool) -> AnyArray:
    out: AnyArray = np.full(len(kept), fill, dtype=values.dtype)
    out[kept] = values
    return out


def _rows(values: Floats, kept: Flags) -> Floats:
    out = np.zeros((len(kept), values.shape[1]))
    out[kept] = values
    return out
