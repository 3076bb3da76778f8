"""Compare the arms of a programme that was allocated at random: nobody is matched, nobody is left out.

Takes coded covariates and who was treated; gives weights that take chance imbalances out of the comparison.
"""

from dataclasses import replace

import numpy as np

from yoseval.arrays import Flags
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.types import Weighting
from yoseval.design.weighting import overlap_weighting

NOTE = (
    "Allocated at random: weights only take out chance differences in what was known before; "
    "the overlap population is then everybody, so the effect is the average over all units (ATE)."
)


def randomised_weighting(matrix: CovariateMatrix, treated: Flags) -> Weighting:
    """Adjust a randomised comparison for its covariates by overlap weights.

    Under randomisation the true score is constant, so that the target of overlap weights is everybody; estimating
    the score gains the precision of regression adjustment without a model of the outcome.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units; may have none.
    treated : (n,) booleans
        True where the unit was allocated to the programme.

    Returns
    -------
    Weighting
        Overlap weights, or weights of 1 where there are no covariates; estimand ``ATE``.

    Raises
    ------
    DesignError
        If a covariate separates the arms.

    References
    ----------
    zeng2021 : Zeng, Zhang, Li, Zou, Thomas and Li (2021), Statistics in Medicine 40(4), 842-858, section 3.
    """
    if matrix.terms:
        weighting = overlap_weighting(matrix, treated)
        return replace(weighting, estimand="ATE", notes=(NOTE, *weighting.notes))
    n = len(treated)
    unmatched = np.full(n, -1, dtype=np.int64)
    return Weighting(np.ones(n), unmatched, np.full(n, treated.mean()), "ATE", notes=("Allocated at random.",))
