"""Fit the working model of an outcome that an effect is adjusted by: logistic for shares, a line for numbers.

Takes columns, outcomes and weights; gives coefficients with the influence of every unit on them, and predictions with their
slopes. Columns that the units at hand cannot tell apart get the coefficient 0; where covariates separate the outcomes
Firth's penalty takes over.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError
from yoseval.models.firth import fit_firth
from yoseval.models.glm import LogitFit, fit_logit, independent_columns, standardise_columns

Family = Literal["logistic", "linear"]


@dataclass(frozen=True, slots=True, eq=False)
class WorkingModel:
    """A fitted working model.

    Parameters
    ----------
    family : str
        ``logistic`` or ``linear``.
    coefficients : (p + 1,) floats
        The intercept first; 0 for columns left out.
    influence : (n, p + 1) floats
        Of each unit on each coefficient; 0 for units not fitted to.
    penalised : bool
        True where covariates separated the outcomes and Firth's penalty was used.
    """

    family: Family
    coefficients: Floats
    influence: Floats
    penalised: bool = False

    def index(self, x: Floats) -> Floats:
        """Return the linear predictor of the rows of ``x``, (m,)."""
        index: Floats = self.coefficients[0] + x @ self.coefficients[1:]
        return index

    def through(self, slope: Floats, x: Floats) -> Floats:
        r"""Return each unit's influence on :math:`\sum_j s_j \eta_j`, with slopes s and linear predictors of the rows of x."""
        gradient = np.concatenate(([slope.sum()], slope @ x))
        through: Floats = self.influence @ gradient
        return through


def inverse_link(family: Family, index: Floats) -> tuple[Floats, Floats]:
    """Return means and their derivatives in the linear predictor, two (n,) arrays."""
    if family == "linear":
        return index, np.ones_like(index)
    small = np.exp(-np.abs(index))
    return np.where(index >= 0, 1.0, small) / (1.0 + small), small / (1.0 + small) ** 2


def fit_working_model(family: Family, x: Floats, y: Floats, weight: Floats) -> WorkingModel:
    r"""Fit a working model by weighted maximum likelihood.

    The influence on the coefficients is that of M-estimation, the exact derivative in the weights times the weight:
    :math:`\psi_i = \mathcal{I}^{-1} w_i x_i (y_i - \hat m_i)` without a penalty.

    Parameters
    ----------
    family : str
        ``logistic`` for outcomes of 0 and 1, ``linear`` for numbers.
    x : (n, p) floats
        Columns, of any rank.
    y : (n,) floats
        Outcomes.
    weight : (n,) floats
        Zero or more; units of weight 0 are not fitted to. Their scale changes nothing.

    Returns
    -------
    WorkingModel
        Coefficients and influence.

    Raises
    ------
    DesignError
        If a logistic model finds one value of the outcome only, or nobody is left.

    References
    ----------
    stefanski2002 : Stefanski and Boos (2002), The American Statistician 56(1), 29-38.
    firth1993 : Firth (1993), Biometrika 80(1), 27-38, section 3.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> fit_working_model("linear", x, np.array([1.0, 3.0, 5.0]), np.ones(3)).coefficients.round(6)
    array([1., 2.])
    """
    used = np.flatnonzero(weight > 0)
    if not used.size:
        raise DesignError("Nobody is left to fit a model of the outcome.", "Use a larger group.")
    own, share = x[used], weight[used] / weight[used].mean()
    kept = independent_columns(own)
    columns = np.flatnonzero(np.concatenate(([True], kept)))
    penalised = False
    if family == "linear":
        coefficients, influence = _line(own[:, kept], y[used], share)
    else:
        fit, penalised = _logistic(own[:, kept], y[used] == 1.0, share)
        coefficients, influence = fit.coefficients, fit.influence
    if penalised:
        # The penalty does not scale with the weights, which were brought to a mean of one.
        influence = influence - np.outer(share / share.size, influence.sum(axis=0))
    whole, spread = np.zeros(x.shape[1] + 1), np.zeros((len(x), x.shape[1] + 1))
    whole[columns] = coefficients
    spread[np.ix_(used, columns)] = influence
    return WorkingModel(family, whole, spread, penalised)


def _logistic(x: Floats, y: Flags, weight: Floats) -> tuple[LogitFit, bool]:
    if y.all() or not y.any():
        raise DesignError("The outcome has one value only in a group that a model is fitted to.", "Use a larger group.")
    try:
        return fit_logit(x, y, weight), False
    except DesignError:
        return fit_firth(x, y, weight), True


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Fit weighted least squares on standardised columns; coefficients and influence are of the columns as given."""
    scaled = standardise_columns(x)
    bread = np.linalg.inv((scaled.z * weight[:, None]).T @ scaled.z)
    beta = bread @ (scaled.z.T @ (weight * y))
    influence = (scaled.z * (weight * (y - scaled.z @ beta))[:, None]) @ bread
    return scaled.back @ beta, influence @ scaled.back.T
