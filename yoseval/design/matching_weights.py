"""Weight both arms towards those who could be paired one to one: the matching weights of Li and Greene.

Takes a cohort; gives weights never above 1, how far they depend on the estimated score, and a way to fit them again.
"""

from functools import partial
from typing import Any

import numpy as np

from yoseval.arrays import Flags
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.propensity import fit_propensity, score_fit, score_refit
from yoseval.design.score_weights import score_estimation, score_slopes, score_weights
from yoseval.design.types import Weighting

NOTE = (
    "Matching weights are about those who could be paired one to one (ATM), not about all of the treated: they count "
    "everybody, but for less where the other group has few like them."
)


def matching_weighting(matrix: CovariateMatrix, treated: Flags, *, propensity: Any = "logit") -> Weighting:
    r"""Estimate the propensity score and weight each unit by :math:`\min(e, 1-e)` over the probability of its arm.

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
        Weights from 0 to 1; estimand ``ATM``.

    Raises
    ------
    DesignError
        If covariates separate the arms, so that there is no score.

    References
    ----------
    li2013 : Li and Greene (2013), International Journal of Biostatistics 9(2), 215-234.

    Examples
    --------
    >>> matching_weighting(cohort.matrix(), cohort.treated).weight.max() <= 1  # doctest: +SKIP
    """
    fitted = fit_propensity(matrix, treated, model=propensity, estimand="ATE")
    x, fit, estimation, again = matrix.for_models()[:, fitted.columns], score_fit(propensity), None, None
    if fit is not None and fitted.fit is not None:
        estimation = score_estimation(x, score_slopes(fitted.score, treated, "ATM"), fitted.fit)
        again = score_refit(x, treated, fit, fitted.fit.coefficients, partial(score_weights, estimand="ATM"))
    return Weighting(
        weight=score_weights(fitted.score, treated, "ATM"),
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=fitted.score,
        estimand="ATM",
        notes=(NOTE, *fitted.notes()),
        estimation=estimation,
        reweight=again,
    )
