"""Weights that are functions of the propensity score, one for each estimand, with their derivatives.

Takes scores and arms; gives raw weights and how far they depend on the coefficients of the score's model. It does
not look at how the scores were made.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.design.types import WeightEstimation
from yoseval.errors import DesignError, UsageError
from yoseval.models.glm import LogitFit

TARGETS = ("ATT", "ATE", "ATC", "ATM")
TARGET_NOTES = {
    "ATT": (),
    "ATE": ("The effect is about everybody in the study, as if all had started or none (ATE).",),
    "ATC": ("The effect is about those who did not start the programme, had they started it (ATC).",),
}


def score_weights(score: Floats, treated: Flags, estimand: str) -> Floats:
    r"""Weight each unit by its score so that both arms stand for one population.

    With propensity score :math:`e_i`, treated and comparison units weigh

    ======== ============================ ============================== ===================================
    target   treated                      comparison                     population
    ======== ============================ ============================== ===================================
    ATT      :math:`1`                    :math:`e_i/(1-e_i)`            those who started
    ATE      :math:`1/e_i`                :math:`1/(1-e_i)`              everybody
    ATC      :math:`(1-e_i)/e_i`          :math:`1`                      those who did not start
    ATM      :math:`\min(e_i,1-e_i)/e_i`  :math:`\min(e_i,1-e_i)/(1-e_i)` those who could be paired one to one
    ======== ============================ ============================== ===================================

    Parameters
    ----------
    score : (n,) floats
        Propensity scores, strictly between 0 and 1.
    treated : (n,) booleans
        True where the unit started the programme.
    estimand : str
        One of ``TARGETS``.

    Returns
    -------
    (n,) floats
        Positive weights, not made to sum to anything.

    Raises
    ------
    UsageError
        If the estimand is another.
    DesignError
        If a score lies on or outside 0 and 1, or an arm is empty.

    References
    ----------
    li2018 : Li, Morgan and Zaslavsky (2018), JASA 113(521), 390-400, table 1.
    li2013 : Li and Greene (2013), International Journal of Biostatistics 9(2), 215-234, equation 3.

    Examples
    --------
    >>> score_weights(np.array([0.75, 0.75]), np.array([True, False]), "ATM").round(3)
    array([0.333, 1.   ])
    """
    require_scores(score, treated)
    odds = score / (1.0 - score)
    if estimand == "ATT":
        return np.where(treated, 1.0, odds)
    if estimand == "ATC":
        return np.where(treated, 1.0 / odds, 1.0)
    if estimand == "ATM":
        return np.where(treated, np.minimum(1.0, 1.0 / odds), np.minimum(odds, 1.0))
    if estimand == "ATE":
        return np.where(treated, 1.0 / score, 1.0 / (1.0 - score))
    raise UsageError(f"There are no score weights for '{estimand}'.", f"Choose one of: {', '.join(TARGETS)}.")


def score_slopes(score: Floats, treated: Flags, estimand: str) -> Floats:
    """Differentiate ``score_weights`` in the logit of the score: (n,) floats.

    The weight of ATM has a corner at a score of one half; there the derivative on the right is taken.
    """
    odds = score / (1.0 - score)
    over, under = -1.0 / odds, odds
    if estimand == "ATT":
        over = np.zeros_like(odds)
    elif estimand == "ATC":
        under = np.zeros_like(odds)
    elif estimand == "ATM":
        over, under = np.where(score >= 0.5, over, 0.0), np.where(score >= 0.5, 0.0, under)
    return np.where(treated, over, under)


def score_estimation(x: Floats, slope: Floats, fit: LogitFit) -> WeightEstimation:
    r"""Say how weights depend on the estimated coefficients of the score.

    :math:`\partial w_i / \partial \beta = (\partial w_i / \partial \eta_i)\, (1, x_i)` with :math:`\eta_i` the logit.

    Parameters
    ----------
    x : (n, p) floats
        The columns of the score's model, without the intercept.
    slope : (n,) floats
        Derivative of each weight in its logit.
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
    gradient = np.empty((len(slope), x.shape[1] + 1), order="F")
    gradient[:, 0] = slope
    np.multiply(x, slope[:, None], out=gradient[:, 1:])
    return WeightEstimation(gradient, fit.influence)


def require_scores(score: Floats, treated: Flags) -> None:
    """Refuse scores outside 0 and 1, and an empty arm.

    Raises
    ------
    DesignError
        Saying how many scores, or that an arm is empty.
    """
    outside = int((~((score > 0) & (score < 1))).sum())
    if outside:
        raise DesignError(f"{outside} of {len(score)} propensity scores are not between 0 and 1.", "Check the covariates.")
    if treated.all() or not treated.any():
        raise DesignError("One of the two groups is empty.", "Widen the eligibility.")
