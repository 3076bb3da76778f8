"""The hazard of starting a programme, day by day: a piecewise exponential model.

Takes days at risk, who started and covariates; gives cumulative hazards with what each unit has to do with them. It cannot
see what ended the waiting of those who did not start.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError

_MOST_PIECES = 8
_STARTS_A_PIECE = 10
_MOST_STEPS = 25  # before rounding hides that the steps stay long
_LONGEST_LAST_STEP = 1e-3  # on the scale of the log hazard


@dataclass(frozen=True, slots=True, eq=False)
class StartHazard:
    """A fitted hazard of starting, b pieces and p covariates.

    Parameters
    ----------
    edges : (b + 1,) floats
        Days at which the hazard changes, from 0 to the end of the grace period.
    log_rate : (b,) floats
        Logarithm of the daily hazard of each piece, at covariates of zero.
    coefficients : (p,) floats
        Log hazard ratios.
    influence : (n, b + p) floats
        Influence of each unit on ``log_rate`` and ``coefficients``: estimate - truth is about the sum over units.
    """

    edges: Floats
    log_rate: Floats
    coefficients: Floats
    influence: Floats


def fit_start_hazard(days: Floats, started: Flags, x: Floats, last_day: float) -> StartHazard:
    r"""Fit :math:`\lambda_i(t) = \exp(\alpha_{b(t)} + x_i^\top \beta)` by maximum likelihood.

    The log likelihood is :math:`\sum_i d_i (\alpha_{b_i} + x_i^\top \beta) - \sum_b \Lambda_{ib}`, that of a Poisson
    regression with the days at risk as exposure; given :math:`\beta` the rates have a closed form, so that Newton's method
    runs on :math:`\beta` alone.

    Parameters
    ----------
    days : (n,) floats
        Days at risk of starting, 0 to ``last_day``.
    started : (n,) booleans
        True where the unit started at the end of its days.
    x : (n, p) floats
        Covariates; p may be 0.
    last_day : float
        End of the grace period.

    Returns
    -------
    StartHazard
        Up to eight pieces, of ten starts or more where not many share a day.

    Raises
    ------
    EstimationError
        If nobody started, or the likelihood has no finite maximum.

    References
    ----------
    friedman1982 : Friedman (1982), Annals of Statistics 10(1), 101-113.
    """
    if not started.any():
        raise EstimationError("Nobody started within the days of grace.", "Choose more days, or another rule.")
    edges = _edges(days[started], last_day)
    exposure = np.clip(days[:, None] - edges[:-1], 0.0, np.diff(edges))
    piece = np.clip(np.searchsorted(edges, days, side="left") - 1, 0, edges.size - 2)
    starts = np.zeros_like(exposure)
    starts[np.flatnonzero(started), piece[started]] = 1.0
    centre = x.mean(axis=0) if x.shape[1] else np.zeros(0)
    centred = x - centre
    beta = _maximise(exposure, starts, centred)
    risk = np.exp(centred @ beta)
    rate = starts.sum(axis=0) / (risk @ exposure)
    influence = _influence(exposure * risk[:, None] * rate, starts, centred)
    # Back to covariates that are not centred: alpha moves with beta.
    influence[:, : rate.size] -= (influence[:, rate.size :] @ centre)[:, None]
    return StartHazard(edges, np.log(rate) - centre @ beta, beta, influence)


def cumulative_hazard(fit: StartHazard, x: Floats, days: Floats) -> tuple[Floats, Floats]:
    """Return each unit's cumulative hazard by its own day, (n,), and its gradient in the parameters, (n, b + p)."""
    rate = np.exp(fit.log_rate + (x @ fit.coefficients)[:, None])
    parts = np.clip(days[:, None] - fit.edges[:-1], 0.0, np.diff(fit.edges)) * rate
    total = parts.sum(axis=1)
    return total, np.hstack([parts, total[:, None] * x])


def _edges(starts: Floats, last_day: float) -> Floats:
    pieces = int(np.clip(starts.size // _STARTS_A_PIECE, 1, _MOST_PIECES))
    # Each edge is a day on which somebody started, so that no piece is without a start however many share a day.
    inner = np.unique(np.quantile(starts, np.arange(1, pieces) / pieces, method="inverted_cdf"))
    return np.concatenate([[0.0], inner[inner < starts.max()], [last_day]])


def _maximise(exposure: Floats, starts: Floats, x: Floats) -> Floats:
    beta = np.zeros(x.shape[1])
    value = _profile(exposure, starts, x, beta)
    for _ in range(_MOST_STEPS if x.shape[1] else 0):
        gradient, information = _derivatives(exposure, starts, x, beta)
        step = _solved(information, gradient)
        size = 1.0
        while (trial := _profile(exposure, starts, x, beta + size * step)) < value - 1e-10 and size > 1e-6:
            size /= 2
        beta, gained, value = beta + size * step, trial - value, trial
        # Where a covariate decides who starts nothing is gained either, but the steps stay long.
        settled = float(np.abs(x @ step).max()) < _LONGEST_LAST_STEP
        if settled and abs(gained) < 1e-10 and float(np.abs(gradient @ step)) < 1e-8:
            return beta
    if x.shape[1]:
        raise EstimationError("The hazard of starting has no finite maximum.", "Leave out a covariate that decides it.")
    return beta


def _profile(exposure: Floats, starts: Floats, x: Floats, beta: Floats) -> float:
    with np.errstate(over="ignore"):
        at_risk = np.exp(x @ beta) @ exposure
    per_piece = starts.sum(axis=0)
    used = per_piece > 0
    return float((starts.sum(axis=1) @ x) @ beta - per_piece[used] @ np.log(at_risk[used]))


def _derivatives(exposure: Floats, starts: Floats, x: Floats, beta: Floats) -> tuple[Floats, Floats]:
    weight = exposure * np.exp(x @ beta)[:, None]
    total = weight.sum(axis=0)
    mean = (weight.T @ x) / total[:, None]
    per_piece = starts.sum(axis=0)
    gradient = starts.sum(axis=1) @ x - per_piece @ mean
    each = weight @ (per_piece / total)
    information = (x * each[:, None]).T @ x - (mean * per_piece[:, None]).T @ mean
    return gradient, information


def _influence(expected: Floats, starts: Floats, x: Floats) -> Floats:
    score = np.hstack([starts - expected, (starts.sum(axis=1) - expected.sum(axis=1))[:, None] * x])
    b = expected.shape[1]
    information = np.zeros((b + x.shape[1], b + x.shape[1]))
    information[:b, :b] = np.diag(expected.sum(axis=0))
    information[:b, b:] = expected.T @ x
    information[b:, :b] = information[:b, b:].T
    information[b:, b:] = (x * expected.sum(axis=1)[:, None]).T @ x
    return _solved(information, score.T).T


def _solved(matrix: Floats, right: Floats) -> Floats:
    try:
        solution: Floats = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "The hazard of starting cannot be estimated.", "Leave out covariates that repeat others."
        ) from None
    if not np.isfinite(solution).all():
        raise EstimationError("The hazard of starting has no finite maximum.", "Leave out a covariate that decides it.")
    return solution
