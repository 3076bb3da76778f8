"""Predict, from other covariates, how much a child had offended before: a stand-in for the outcome that is not one.

Takes a cohort that names its history of offending; gives a score on which a design has to balance the arms. It sees
nothing after time zero: what predicts past offending is what matters most for offending to come.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.errors import DesignError
from yoseval.models.glm import independent_columns


def prognostic_score(cohort: Cohort) -> Floats | None:
    r"""Predict :math:`\log(1 + \text{history})` from the other covariates, fitted in the comparison arm.

    Parameters
    ----------
    cohort : Cohort
        Its ``history`` names a count of offending before time zero.

    Returns
    -------
    (n,) floats, or None
        The prediction for every unit; None where no history is declared, or nothing predicts it.

    Raises
    ------
    DesignError
        If the history is not a column of the cohort, not numeric, negative or never recorded.

    References
    ----------
    hansen2008 : Hansen (2008), Biometrika 95(2), 481-488.
    stuart2013 : Stuart, Lee and Leacy (2013), Journal of Clinical Epidemiology 66(8), S84-S90.
    """
    others = tuple(c for c in cohort.covariates if c != cohort.history)
    if not cohort.history or not others:
        return None
    target = _log_history(cohort)
    x = code_covariates(cohort.units, others).for_models()
    fitted_on = ~cohort.treated & ~np.isnan(target)
    if not fitted_on.any():
        raise DesignError(f"'{cohort.history}' was recorded for no comparison unit.", "Declare another history.")
    return _predicted(x, target, fitted_on)


def _log_history(cohort: Cohort) -> Floats:
    if cohort.history not in cohort.units.columns:
        raise DesignError(f"The history '{cohort.history}' is not a column of the cohort.", "Make it a covariate.")
    try:
        history = cohort.units[cohort.history].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DesignError(f"The history '{cohort.history}' is not a number.", "Declare a count.") from None
    negative = int((history < 0).sum())
    if negative:
        raise DesignError(f"{negative} of {len(history)} values of '{cohort.history}' are negative.", "Declare a count.")
    logged: Floats = np.log1p(history)
    return logged


def _predicted(x: Floats, target: Floats, fitted_on: Flags) -> Floats | None:
    rows = x[fitted_on]
    columns = independent_columns(rows)
    if not columns.any():
        return None
    centre, scale = rows[:, columns].mean(axis=0), rows[:, columns].std(axis=0)
    slopes, *_ = np.linalg.lstsq((rows[:, columns] - centre) / scale, target[fitted_on] - target[fitted_on].mean(), rcond=None)
    prediction: Floats = target[fitted_on].mean() + (x[:, columns] - centre) / scale @ slopes
    return prediction
