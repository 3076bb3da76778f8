"""Estimate the propensity score: the probability of starting the programme, given what was known at time zero.

Takes the coded covariates and who was treated; gives scores that every method of matching or weighting shares.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.errors import DesignError
from yoseval.models.glm import SEPARATION_REMEDY, LogitFit, fit_logit, independent_columns


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """Propensity scores of n units.

    Parameters
    ----------
    score : (n,) floats
        Strictly between 0 and 1; their mean is the share treated.
    linear : (n,) floats
        Logit of the score, rounded to 8 decimals so that equal children have equal scores on every machine.
    fit : LogitFit
        The logistic regression behind them.
    columns : (k',) booleans
        Which columns of ``matrix.for_models()`` were used.
    terms_used, terms_dropped : tuple of str
        The terms in the model, and those left out because others, or nothing, stand behind them.
    """

    score: Floats
    linear: Floats
    fit: LogitFit
    columns: Flags
    terms_used: tuple[str, ...]
    terms_dropped: tuple[str, ...]

    def notes(self) -> tuple[str, ...]:
        """Return what a reader must know: the terms that were left out."""
        if not self.terms_dropped:
            return ()
        return (f"Left out of the propensity score, being constant or implied by others: {', '.join(self.terms_dropped)}.",)


def fit_propensity(matrix: CovariateMatrix, treated: Flags) -> Propensity:
    """Fit the propensity score by a logistic regression on all terms that are independent.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units, of any number of terms.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    Propensity
        Scores and the fit.

    Raises
    ------
    DesignError
        If a 0/1 term takes one value only within an arm, or covariates separate the arms in another way: then
        no score exists. The terms are named.

    References
    ----------
    rosenbaum1983 : Rosenbaum and Rubin (1983), Biometrika 70(1), 41-55.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [14.0, 15.0, 16.0, 15.0]})
    >>> fit_propensity(code_covariates(frame, ("age",)), np.array([True, True, False, False])).linear  # doctest: +SKIP
    """
    require_both_values(matrix, treated)
    x, names = matrix.for_models(), np.array(matrix.term_names_for_models(), dtype=object)
    columns = independent_columns(x)
    fit = fit_logit(x[:, columns], treated, names=names[columns].tolist())
    linear = np.round(fit.linear_predictor, 8) + 0.0
    return Propensity(fit.fitted, linear, fit, columns, tuple(names[columns]), tuple(names[~columns]))


def require_both_values(matrix: CovariateMatrix, treated: Flags) -> None:
    """Refuse 0/1 terms that vary between the arms but not within one of them.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.

    Raises
    ------
    DesignError
        Naming every such term: a category that only one arm has leaves nobody to compare with.
    """
    if treated.all() or not treated.any():
        raise DesignError("One of the two groups is empty.", "Widen the eligibility.")
    flags = np.flatnonzero([k != "numeric" for k in matrix.kinds])
    found = [_shares(matrix.values[:, flags], arm) for arm in (treated, ~treated)]
    fixed = ((found[0] == 0) | (found[0] == 1) | (found[1] == 0) | (found[1] == 1)) & (found[0] != found[1])
    if fixed.any():
        terms = ", ".join(f"'{matrix.terms[j]}'" for j in flags[fixed])
        problem = f"Within one of the two groups everybody, or nobody, has {terms}: there is nobody to compare with."
        raise DesignError(problem, SEPARATION_REMEDY)


def _shares(values: Floats, arm: Flags) -> Floats:
    share: Floats = (arm.astype(np.float64) @ values) / int(arm.sum())
    return share
