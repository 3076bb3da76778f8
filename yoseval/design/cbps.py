"""Weight by a propensity score that is fitted to balance: covariate balancing propensity scores.

Takes a cohort; gives weights for the ATT, ATE or ATC, how far they depend on what was estimated, and a way to fit them
again on fewer units. Just identified, the means agree exactly; over-identified, balance and likelihood share the fit.
"""

from functools import partial

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.entropy import REMEDY
from yoseval.design.propensity import Propensity, fit_propensity
from yoseval.design.score_weights import TARGET_NOTES
from yoseval.design.tilt import GAP
from yoseval.design.types import WeightEstimation, Weighting
from yoseval.errors import DesignError
from yoseval.models.balancing import BalancingFit, fit_balancing
from yoseval.models.balancing_moments import fit_generalised
from yoseval.models.glm import independent_columns

OVER_NOTE = "The score weighs balance against likelihood: means agree nearly, not exactly."


def cbps_weighting(matrix: CovariateMatrix, treated: Flags, *, estimand: str = "ATT", over: bool = False) -> Weighting:
    """Fit a score that balances all independent terms, and weight by it.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    estimand : str
        ``ATT``, ``ATE`` or ``ATC``.
    over : bool
        False solves the balance equations alone; True minimises balance and likelihood equations together.

    Returns
    -------
    Weighting
        The weights of ``score_weights`` at the balancing score.

    Raises
    ------
    DesignError
        If no score balances the terms.

    References
    ----------
    imai2014 : Imai and Ratkovic (2014), JRSS B 76(1), 243-263.

    Examples
    --------
    >>> cbps_weighting(cohort.matrix(), cohort.treated, estimand="ATE")  # doctest: +SKIP
    """
    propensity = fit_propensity(matrix, treated)
    x = matrix.for_models()[:, propensity.columns]
    fit = cbps_fit(x, treated, estimand, over=over)
    _require_balance(x, treated, fit.weight, propensity, over=over)
    return Weighting(
        weight=fit.weight,
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=fit.score,
        estimand=estimand,
        notes=(*TARGET_NOTES[estimand], *((OVER_NOTE,) if over else ()), *propensity.notes()),
        estimation=WeightEstimation(fit.gradient, fit.influence),
        reweight=partial(cbps_weights_again, x, treated, estimand, over),
    )


def cbps_fit(x: Floats, treated: Flags, estimand: str, *, over: bool) -> BalancingFit:
    """Fit the balancing score of one of the two kinds on columns of full rank."""
    return fit_generalised(x, treated, estimand) if over else fit_balancing(x, treated, estimand)


def cbps_weights_again(x: Floats, treated: Flags, estimand: str, over: bool, kept: Indices) -> Floats:
    """Fit score and weights again on the kept units alone, (m,) floats in their order, for a jackknife."""
    rows = x[kept]
    columns = independent_columns(rows)
    return cbps_fit(rows if columns.all() else rows[:, columns], treated[kept], estimand, over=over).weight


def _require_balance(x: Floats, treated: Flags, weight: Floats, propensity: Propensity, *, over: bool) -> None:
    """Check what was promised on the columns as given: equal weighted means, in SDs of all units."""
    if over or not x.shape[1]:
        return
    arms = [np.where(arm, weight, 0.0) for arm in (treated, ~treated)]
    gap = np.abs(arms[0] @ x / arms[0].sum() - arms[1] @ x / arms[1].sum()) / x.std(axis=0)
    worst = int(np.argmax(gap))
    if gap[worst] > GAP:
        raise DesignError(f"No score balances the means of '{propensity.terms_used[worst]}'.", REMEDY)
