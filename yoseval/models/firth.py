"""Fit a logistic regression that exists where covariates separate the groups: Firth's, with Jeffreys' prior.

Takes a matrix of numbers and an outcome of 0 and 1; gives the same `LogitFit` as maximum likelihood. Own code:
neither statsmodels nor scikit-learn has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError
from yoseval.models.glm import SEPARATION_REMEDY, LogitFit, require_usable, standardise_columns

CONVERGED = 1e-9  # last step on the logit scale
SCORING = 15  # steps by the information, which are cheap, before those by the exact curvature


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    z: Floats
    y: Floats
    w: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    beta: Floats
    eta: Floats
    fitted: Floats
    variance: Floats
    inverse: Floats
    reach: Floats
    loglik: float

    @property
    def pull(self) -> Floats:
        """What the prior adds to each residual: (1/2 - p) times the hat value, per unit of weight."""
        pull: Floats = self.variance * self.reach * (0.5 - self.fitted)
        return pull


def fit_firth(
    x: Floats,
    y: Flags,
    weight: Floats | None = None,
    *,
    names: Sequence[str] | None = None,
    start: Floats | None = None,
    max_iterations: int = 500,
) -> LogitFit:
    r"""Fit a logistic regression with Firth's penalty.

    The maximum of :math:`\ell(\beta) + \tfrac12 \log |\mathcal{I}(\beta)|`, where the score of coefficient :math:`k` is
    :math:`\sum_i w_i \{y_i - p_i + h_i (\tfrac12 - p_i)\} x_{ik}` with hat values :math:`h_i`. It is finite whether or
    not covariates separate the groups, and removes the bias of order :math:`1/n`. The mean of the fitted
    probabilities is no longer exactly the share of ``y``.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank beside an intercept.
    y : (n,) booleans
        The outcome.
    weight : (n,) floats, optional
        Zero or more; 1 if absent.
    names : sequence of p str, optional
        Taken for the sake of one signature with ``fit_logit``; nothing is refused by name.
    start : (p + 1,) floats, optional
        Coefficients to start from.
    max_iterations : int
        Most steps.

    Returns
    -------
    LogitFit
        ``covariance`` is the inverse of the Fisher information at the maximum, ``loglik`` is penalised, ``influence`` is
        the exact derivative of the coefficients in the weights.

    Raises
    ------
    DesignError
        If ``y`` has one value only, ``x`` is not finite or not of full rank, or the steps do not settle.

    References
    ----------
    firth1993 : Firth (1993), Biometrika 80(1), 27-38, section 3.
    heinze2002 : Heinze and Schemper (2002), Statistics in Medicine 21(16), 2409-2419.

    Examples
    --------
    >>> x = np.array([[0.0], [0.0], [1.0], [1.0]])
    >>> fit_firth(x, np.array([False, False, True, True])).coefficients.round(4)
    array([-1.6094,  3.2189])
    """
    w = np.ones(len(y)) if weight is None else weight
    require_usable(x, y, w)
    scaled = standardise_columns(x)
    problem = _Problem(scaled.z, y.astype(np.float64), w)
    state, steps = _maximise(problem, scaled.on_scale(start), max_iterations)
    back = scaled.back
    bread = np.linalg.inv(_curvature(problem, state)) @ back.T
    return LogitFit(
        coefficients=back @ state.beta,
        covariance=back @ state.inverse @ back.T,
        fitted=state.fitted,
        linear_predictor=state.eta,
        # The determinant is that of the columns as given.
        loglik=state.loglik + float(np.log(scaled.scale).sum()),
        iterations=steps,
        columns=problem.z,
        bread=bread,
        residual=w * (problem.y - state.fitted + state.pull),
        own=_through_the_hat(problem, state) @ bread,
    )


def _maximise(problem: _Problem, beta: Floats, max_iterations: int) -> tuple[_State, int]:
    state = _state(problem, beta)
    for i in range(1, max_iterations + 1):
        score = problem.z.T @ (problem.w * (problem.y - state.fitted + state.pull))
        step = (state.inverse if i <= SCORING else _inverse_curvature(problem, state)) @ score
        before = state
        state = _climb(problem, state, step)
        if float(np.abs(state.eta - before.eta).max()) <= CONVERGED:
            return state, i
    raise DesignError("The penalised propensity score did not settle.", SEPARATION_REMEDY)


def _state(problem: _Problem, beta: Floats) -> _State:
    eta = problem.z @ beta
    small = np.exp(-np.abs(eta))
    fitted = np.where(eta >= 0, 1.0, small) / (1.0 + small)
    variance = small / (1.0 + small) ** 2
    half = problem.z * np.sqrt(problem.w * variance)[:, None]
    sign, log_information = np.linalg.slogdet(half.T @ half)
    if sign <= 0:
        raise DesignError("The columns of the propensity score are not independent.", SEPARATION_REMEDY)
    inverse: Floats = np.asarray(np.linalg.inv(half.T @ half), dtype=np.float64)
    likelihood = problem.w @ (problem.y * eta - np.maximum(eta, 0.0) - np.log1p(small))
    reach = np.einsum("ij,ij->i", problem.z @ inverse, problem.z)
    return _State(beta, eta, fitted, variance, inverse, reach, float(likelihood + 0.5 * log_information))


def _inverse_curvature(problem: _Problem, state: _State) -> Floats:
    """Invert the exact curvature; where it does not point uphill, the information."""
    curvature = _curvature(problem, state)
    uphill = float(np.linalg.eigvalsh(0.5 * (curvature + curvature.T)).min()) > 0
    inverse: Floats = np.asarray(np.linalg.inv(curvature) if uphill else state.inverse, dtype=np.float64)
    return inverse


def _climb(problem: _Problem, state: _State, step: Floats) -> _State:
    """Take the step, at most 5 on the logit scale, halved while it would lower the penalised likelihood."""
    size = min(1.0, 5.0 / max(float(np.abs(problem.z @ step).max()), 1e-300))
    slack = 1e-11 * (1.0 + abs(state.loglik))
    new = _state(problem, state.beta + size * step)
    while new.loglik < state.loglik - slack and size > 1e-10:
        size /= 2
        new = _state(problem, state.beta + size * step)
    return new


def _third_moments(problem: _Problem, state: _State) -> list[Floats]:
    """Return the derivative of the information in each coefficient, p + 1 matrices."""
    skew = problem.w * state.variance * (1.0 - 2.0 * state.fitted)
    return [(problem.z * (skew * problem.z[:, k])[:, None]).T @ problem.z for k in range(problem.z.shape[1])]


def _curvature(problem: _Problem, state: _State) -> Floats:
    """Return minus the derivative of the penalised score: exact, not only the information."""
    bend = problem.w * (state.variance - 6.0 * state.variance**2) * state.reach
    outer = [state.inverse @ m for m in _third_moments(problem, state)]
    traces = np.array([[np.sum(a * b.T) for b in outer] for a in outer])
    prior = 0.5 * ((problem.z * bend[:, None]).T @ problem.z - traces)
    curvature: Floats = np.linalg.inv(state.inverse) - prior
    return curvature


def _through_the_hat(problem: _Problem, state: _State) -> Floats:
    """Return what a unit's weight does to the score through everybody's hat values, (n, p + 1)."""
    turned = problem.z @ state.inverse
    columns = [np.einsum("ij,ij->i", turned @ m, turned) for m in _third_moments(problem, state)]
    out: Floats = -0.5 * (problem.w * state.variance)[:, None] * np.column_stack(columns)
    return out
