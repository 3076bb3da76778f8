"""Fit a logistic regression whose coefficients are drawn towards zero: a ridge, or a normal prior.

Takes a matrix of numbers and an outcome of 0 and 1; gives the same `LogitFit` as maximum likelihood. Own code,
because influence values are needed and the packaged fits give none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError
from yoseval.models.glm import LogitFit, LogitPass, LogitProblem, pass_over, require_usable, standardise_columns

CONVERGED = 1e-9  # last step on the logit scale
PENALTY = 1.0  # the prior of a coefficient, per SD of its column, is normal with variance 1 / PENALTY


def fit_ridge(
    x: Floats,
    y: Flags,
    weight: Floats | None = None,
    *,
    names: Sequence[str] | None = None,
    start: Floats | None = None,
    penalty: float = PENALTY,
    max_iterations: int = 100,
) -> LogitFit:
    r"""Fit a logistic regression with a penalty on the slopes.

    The maximum of :math:`\ell(\beta) - \tfrac{\lambda}{2} \sum_k s_k^2 \beta_k^2` with :math:`s_k` the SD of column
    :math:`k`; the intercept is free, so that the mean of the fitted probabilities is the share of ``y``. The maximum is
    finite also where covariates separate the groups.

    Parameters
    ----------
    x : (n, p) floats
        Finite columns; they need not be independent of each other.
    y : (n,) booleans
        The outcome.
    weight : (n,) floats, optional
        Zero or more; 1 if absent.
    names : sequence of p str, optional
        Taken for the sake of one signature with ``fit_logit``; nothing is refused by name.
    start : (p + 1,) floats, optional
        Coefficients to start from.
    penalty : float
        :math:`\lambda > 0`.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    LogitFit
        ``covariance`` is the inverse of the penalised information, ``loglik`` is penalised. Influence takes penalty
        and scale as fixed and shares the penalty out among the units, so that it sums to zero.

    Raises
    ------
    DesignError
        If ``y`` has one value only, ``x`` is not finite, or the steps do not settle.

    References
    ----------
    lecessie1992 : Le Cessie and Van Houwelingen (1992), Applied Statistics 41(1), 191-201, section 2.

    Examples
    --------
    >>> x = np.array([[0.0], [0.0], [1.0], [1.0]])
    >>> fit_ridge(x, np.array([False, False, True, True])).fitted.round(3)
    array([0.261, 0.261, 0.739, 0.739])
    """
    w = np.ones(len(y)) if weight is None else weight
    require_usable(x, y, w)
    scaled = standardise_columns(x)
    z, outcome = scaled.z, y.astype(np.float64)
    pull = np.full(z.shape[1], float(penalty))
    pull[0] = 0.0
    here = _Place(pass_over(LogitProblem(z, outcome, w), scaled.on_scale(start)), pull)
    for step in range(1, max_iterations + 1):
        before, here = here, _climb(LogitProblem(z, outcome, w), here)
        if float(np.abs(here.at.eta - before.at.eta).max()) <= CONVERGED:
            return _finished(scaled.back, z, w * (outcome - here.at.fitted), w, here, step)
    raise DesignError("The penalised propensity score did not settle.", "Raise the penalty, or leave a covariate out.")


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A pass over the rows, and the penalty of each coefficient."""

    at: LogitPass
    pull: Floats

    @property
    def height(self) -> float:
        return self.at.loglik - 0.5 * float(self.pull @ self.at.beta**2)

    @property
    def information(self) -> Floats:
        information: Floats = self.at.information + np.diag(self.pull)
        return information


def _climb(problem: LogitProblem, here: _Place) -> _Place:
    """Take Newton's step, halved while it would lower the penalised likelihood by more than rounding."""
    step = np.linalg.solve(here.information, here.at.score - here.pull * here.at.beta)
    lowest, size = here.height - 1e-11 * (1.0 + abs(here.height)), 1.0
    new = _Place(pass_over(problem, here.at.beta + step), here.pull)
    while new.height < lowest and size > 1e-10:
        size /= 2
        new = _Place(pass_over(problem, here.at.beta + size * step), here.pull)
    return new


def _finished(back: Floats, z: Floats, residual: Floats, w: Floats, here: _Place, steps: int) -> LogitFit:
    inverse = np.linalg.inv(here.information)
    bread = inverse @ back.T
    return LogitFit(
        coefficients=back @ here.at.beta,
        covariance=back @ inverse @ back.T,
        fitted=here.at.fitted,
        linear_predictor=here.at.eta,
        loglik=here.height,
        iterations=steps,
        columns=z,
        bread=bread,
        residual=residual,
        own=-np.outer(w / w.sum(), (here.pull * here.at.beta) @ bread),
    )
