"""Weight both arms towards the children who could have gone either way: overlap weights.

Takes propensity scores or coded covariates; gives weights, how far they depend on the estimated score, and a way
to fit them again on fewer units.
"""

from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.propensity import fit_propensity, score_fit, score_refit
from yoseval.design.score_weights import require_scores
from yoseval.design.types import WeightEstimation, Weighting
from yoseval.models.glm import LogitFit


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
    again = None
    if fit is not None and fitted.fit is not None:
        estimation = overlap_estimation(x, treated, fitted.fit)
        again = score_refit(x, treated, fit, fitted.fit.coefficients, overlap_weights)
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


def _sum_to_one_within_arms(raw: Floats, treated: Flags) -> Floats:
    weight: Floats = raw / np.where(treated, raw[treated].sum(), raw[~treated].sum())
    return weight
