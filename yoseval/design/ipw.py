"""Weight by the inverse of the probability of the arm a unit is in: ATT, ATE or ATC.

Takes a cohort; gives weights, how far they depend on the estimated score, who was trimmed, and a way to fit them again
on fewer units. It trims and truncates only where it is told to.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.propensity import Propensity, fit_propensity, score_fit, score_refit
from yoseval.design.score_weights import TARGET_NOTES, score_estimation, score_slopes, score_weights
from yoseval.design.support import common_support
from yoseval.design.trimming import trim_scores
from yoseval.design.types import WeightEstimation, Weighting


@dataclass(frozen=True, slots=True)
class IpwOptions:
    """What is asked for.

    Parameters
    ----------
    estimand : str
        ``ATT``, ``ATE`` or ``ATC``.
    propensity : str or classifier
        A name of ``PROPENSITY``, or a classifier of scikit-learn, which is cross-fitted.
    stabilize : bool
        Scale each arm's weights so that they add up to about its number of units. Differences of means do not change;
        a Cox model, in which the arms meet, does.
    trim : str, float or None
        A rule of ``trim_scores``: units beyond it leave, and the score is fitted again on the others.
    truncate : float or None
        Weights beyond this quantile and its complement are set to them; nobody leaves.
    """

    estimand: str = "ATT"
    propensity: Any = "logit"
    stabilize: bool = False
    trim: str | float | None = None
    truncate: float | None = None


def ipw_weighting(matrix: CovariateMatrix, treated: Flags, options: IpwOptions | None = None) -> Weighting:
    """Estimate the propensity score, trim if asked, and weight each unit by it.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    options : IpwOptions, optional
        What is asked for; plain ATT weights if absent.

    Returns
    -------
    Weighting
        Weights as in ``score_weights``, 0 for who was trimmed. Trimmed units keep their first score. Derivatives and
        refits take who was trimmed, and derivatives also where weights were cut, as given.

    Raises
    ------
    UsageError
        If there is no such estimand, model of the score or rule of trimming.
    DesignError
        If covariates separate the arms, so that there is no score, or trimming empties an arm.

    References
    ----------
    hernan2020 : Hernán and Robins (2020), Causal Inference: What If, chapter 12.
    lunceford2004 : Lunceford and Davidian (2004), Statistics in Medicine 23(19), 2937-2960.
    cole2008 : Cole and Hernán (2008), American Journal of Epidemiology 168(6), 656-664: truncation.

    Examples
    --------
    >>> ipw_weighting(cohort.matrix(), cohort.treated, IpwOptions("ATE", trim="crump"))  # doctest: +SKIP
    """
    asked = options or IpwOptions()
    first = fit_propensity(matrix, treated, model=asked.propensity, estimand=asked.estimand)
    trimmed = trim_scores(first.score, treated, asked.trim, asked.estimand)
    if trimmed.kept.all():
        return _on_all(matrix, treated, first, asked)
    part = replace(matrix, values=np.asfortranarray(matrix.values[trimmed.kept]))
    support = common_support(part, treated[trimmed.kept])
    place = np.flatnonzero(trimmed.kept)
    kept = place[support.kept]
    part = replace(part, values=np.asfortranarray(part.values[support.kept]))
    again = fit_propensity(part, treated[kept], model=asked.propensity, estimand=asked.estimand)
    inner = _on_all(part, treated[kept], again, asked)
    left = ((trimmed.reason, ~trimmed.kept), *((reason, _among(who, place, len(treated))) for reason, who in support.left))
    return _with_trimmed(inner, kept, first.score, left)


def _on_all(matrix: CovariateMatrix, treated: Flags, propensity: Propensity, options: IpwOptions) -> Weighting:
    x = matrix.for_models()[:, propensity.columns]
    truncated = "Weights beyond quantiles were set to them, which trades bias for precision."
    fit, again = score_fit(options.propensity), None
    if fit is not None and propensity.fit is not None:
        again = score_refit(x, treated, fit, propensity.fit.coefficients, partial(_weights, options=options))
    return Weighting(
        weight=_weights(propensity.score, treated, options),
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=propensity.score,
        estimand=options.estimand,
        notes=(*TARGET_NOTES[options.estimand], *propensity.notes(), *((truncated,) if options.truncate else ())),
        estimation=_estimation(x, treated, propensity, options),
        reweight=again,
    )


def _weights(score: Floats, treated: Flags, options: IpwOptions) -> Floats:
    factor = _stabilizer(treated, options)[0]
    weight: Floats = score_weights(score, treated, options.estimand) * factor
    if options.truncate is None:
        return weight
    varies = _varying_arms(treated, options.estimand)
    low, high = np.quantile(weight[varies], [options.truncate, 1.0 - options.truncate])
    cut: Floats = np.where(varies, np.clip(weight, low, high), weight)
    return cut


def _estimation(x: Floats, treated: Flags, propensity: Propensity, options: IpwOptions) -> WeightEstimation | None:
    if propensity.fit is None:
        return None
    factor, per_share = _stabilizer(treated, options)
    raw = score_weights(propensity.score, treated, options.estimand)
    uncut = _weights(propensity.score, treated, options) == raw * factor
    slope = np.where(uncut, score_slopes(propensity.score, treated, options.estimand) * factor, 0.0)
    estimation = score_estimation(x, slope, propensity.fit)
    if not options.stabilize:
        return estimation
    # The share treated is a parameter too: its influence is (A - p) / n.
    of_share = (treated - treated.mean()) / len(treated)
    return WeightEstimation(
        np.column_stack([estimation.gradient, np.where(uncut, raw * per_share, 0.0)]),
        np.column_stack([estimation.influence, of_share]),
    )


def _stabilizer(treated: Flags, options: IpwOptions) -> tuple[Floats, Floats]:
    """Return the factor of each unit's weight and its derivative in the share treated, (n,) floats each."""
    p = float(treated.mean())
    if not options.stabilize:
        return np.ones(len(treated)), np.zeros(len(treated))
    factors = {"ATE": (p, 1.0 - p), "ATT": (1.0, (1.0 - p) / p), "ATC": (p / (1.0 - p), 1.0)}[options.estimand]
    slopes = {"ATE": (1.0, -1.0), "ATT": (0.0, -1.0 / p**2), "ATC": (1.0 / (1.0 - p) ** 2, 0.0)}[options.estimand]
    return np.where(treated, *factors), np.where(treated, *slopes)


def _varying_arms(treated: Flags, estimand: str) -> Flags:
    """Tell whose weights are not 1 by definition."""
    return {"ATT": ~treated, "ATC": treated}.get(estimand, np.ones(len(treated), dtype=bool))


def _among(who: Flags, place: Indices, n: int) -> Flags:
    out = np.zeros(n, dtype=bool)
    out[place[who]] = True
    return out


def _with_trimmed(inner: Weighting, kept: Indices, first_score: Floats, left: tuple[tuple[str, Flags], ...]) -> Weighting:
    n = len(first_score)
    weight, score = np.zeros(n), first_score.copy()
    weight[kept], score[kept] = inner.weight, inner.score
    estimation, again = inner.estimation, inner.reweight
    if estimation is not None:
        estimation = WeightEstimation(_rows(estimation.gradient, kept, n), _rows(estimation.influence, kept, n))
    if again is not None:
        place = np.full(n, -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        again = partial(_again_among_kept, place, again)
    return replace(
        inner,
        weight=weight,
        set_id=np.full(n, -1, dtype=np.int64),
        score=score,
        left=left,
        notes=("Trimmed by the propensity score: the effect is about those whose scores lie between the edges.", *inner.notes),
        estimation=estimation,
        reweight=again,
    )


def _again_among_kept(place: Indices, again: Callable[[Indices], Floats], kept: Indices) -> Floats:
    inside = place[kept] >= 0
    weight = np.zeros(len(kept))
    weight[inside] = again(place[kept[inside]])
    return weight


def _rows(values: Floats, kept: Indices, n: int) -> Floats:
    out = np.zeros((n, values.shape[1]))
    out[kept] = values
    return out
