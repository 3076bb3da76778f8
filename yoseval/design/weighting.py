"""Weight both arms towards the children who could have gone either way: overlap weights.

Takes propensity scores or coded covariates; gives weights, how far they depend on the estimated score, and a way
to fit them again on fewer units.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.propensity import fit_propensity, score_again, score_fit, scores_of_many
from yoseval.design.score_weights import require_scores
from yoseval.design.types import Refit, WeightEstimation, Weighting
from yoseval.models.glm import LogitFit, fit_logit


def overlap_weighting(matrix: CovariateMatrix, treated: Flags, *, propensity: Any = "logit") -> Weighting:
    """Estimate the propensity score and weight each unit by it.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    propensity : str or classifier
        The model of the score.

    Returns
    -------
    Weighting
        Overlap weights that sum to one within each arm; estimand ``ATO``. With the score of ``logit`` all weighted
        means of the model's terms agree.

    Raises
    ------
    DesignError
        If covariates separate the arms, so that there is no score.

    References
    ----------
    li2018 : Li, Morgan and Zaslavsky (2018), JASA 113(521), 390-400.
    """
    fitted = fit_propensity(matrix, treated, model=propensity)
    x, fit, estimation = matrix.for_models()[:, fitted.columns], score_fit(propensity), None
    again: Callable[[Indices], Floats] | None = None
    if fit is not None and fitted.fit is not None:
        estimation = overlap_estimation(x, treated, fitted.fit)
        start = fitted.fit.coefficients
        again = partial(overlap_weights_again, x, treated, start, fit=fit)
        if fit is fit_logit:
            again = Refit(again, partial(overlap_weights_of_many, x, treated, start))
    return Weighting(
        weight=overlap_weights(fitted.score, treated),
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=fitted.score,
        estimand="ATO",
        notes=fitted.notes(),
        estimation=estimation,
        reweight=again,
    )


def overlap_weights(score: Floats, treated: Flags) -> Floats:
    r"""Weight each unit by its probability of being in the other arm.

    With propensity score :math:`e_i = P(A_i = 1 \mid X_i)`,

    .. math:: w_i \propto A_i (1 - e_i) + (1 - A_i)\, e_i .

    The target is the overlap population (ATO). When ``score`` comes from a logistic model
    fitted by maximum likelihood, the weighted means of its covariates agree exactly.

    Parameters
    ----------
    score : (n,) floats
        Propensity scores, strictly between 0 and 1.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    (n,) floats
        Weights that sum to one within each arm.

    Raises
    ------
    DesignError
        If a score lies on or outside 0 and 1, or an arm is empty.

    References
    ----------
    li2018 : Li, Morgan and Zaslavsky (2018), JASA 113(521), 390-400, section 3.2.

    Examples
    --------
    >>> overlap_weights(np.array([0.5, 0.75, 0.5, 0.25]), np.array([True, True, False, False])).round(3)
    array([0.667, 0.333, 0.667, 0.333])
    """
    require_scores(score, treated)
    return _sum_to_one_within_arms(np.where(treated, 1.0 - score, score), treated)


def overlap_estimation(x: Floats, treated: Flags, fit: LogitFit) -> WeightEstimation:
    r"""Say how overlap weights depend on the estimated coefficients of the score.

    Before they are made to sum to one, :math:`\partial w_i / \partial \beta = \mp e_i (1 - e_i)\, x_i`, minus for
    the treated; the division by the arm's sum is differentiated too, so that the gradient is that of the very
    weights in use.

    Parameters
    ----------
    x : (n, p) floats
        The columns of the score's model, without the intercept.
    treated : (n,) booleans
        True where the unit started the programme.
    fit : LogitFit
        The score's model.

    Returns
    -------
    WeightEstimation
        Gradient of each weight in the coefficients, (n, p + 1), and the coefficients' influence values.

    References
    ----------
    lunceford2004 : Lunceford and Davidian (2004), Statistics in Medicine 23, 2937-2960, section 3.
    """
    weight = overlap_weights(fit.fitted, treated)
    raw = np.where(treated, 1.0 - fit.fitted, fit.fitted)
    slope = np.where(treated, -1.0, 1.0) * fit.fitted * (1.0 - fit.fitted)
    gradient = slope[:, None] * np.column_stack([np.ones(len(x)), x])
    for arm in (treated, ~treated):
        total = raw[arm].sum()
        gradient[arm] = gradient[arm] / total - np.outer(weight[arm], gradient[arm].sum(axis=0) / total)
    return WeightEstimation(gradient, fit.influence)


def overlap_weights_again(
    x: Floats, treated: Flags, start: Floats, kept: Indices, *, fit: Callable[..., LogitFit] = fit_logit
) -> Floats:
    """Fit score and overlap weights again on the kept units alone, for a jackknife.

    Parameters
    ----------
    x : (n, p) floats
        The columns of the score's model for all units, without the intercept.
    treated : (n,) booleans
        True where the unit started the programme.
    start : (p + 1,) floats
        Coefficients fitted on all units.
    kept : (m,) integers
        Positions of the units that are kept.
    fit : callable
        What fits the score, from ``score_fit``.

    Returns
    -------
    (m,) floats
        Weights of the kept units, in the order of ``kept``.

    Raises
    ------
    DesignError
        If the kept units have no score.
    """
    return overlap_weights(score_again(x, treated, fit, start, kept), treated[kept])


def overlap_weights_of_many(x: Floats, treated: Flags, start: Floats, kept: Flags) -> Floats:
    """Fit score and overlap weights again on many parts of the units at once, as ``overlap_weights_again`` does on one.

    Parameters
    ----------
    x, treated, start
        As for ``overlap_weights_again``, with the score of ``logit``.
    kept : (r, n) booleans
        The units of each part.

    Returns
    -------
    (r, n) floats
        Weights, 0 for units left out; a row of NaN where a part has to be fitted alone.
    """
    score = scores_of_many(x, treated, start, kept)
    weight: Floats = np.where(treated, 1.0 - score, score) * kept
    for arm in (treated, ~treated):
        weight[:, arm] /= weight[:, arm].sum(axis=1, keepdims=True)
    return weight


def _sum_to_one_within_arms(raw: Floats, treated: Flags) -> Floats:
    weight: Floats = raw / np.where(treated, raw[treated].sum(), raw[~treated].sum())
    return weight
