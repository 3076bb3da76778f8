"""Fit a logistic score to balance and likelihood together: covariate balancing, over-identified.

Takes a matrix of numbers and arms; gives score, weights, and how far each unit moves them. The means agree nearly, not
exactly: what the likelihood asks for has a say too.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError
from yoseval.models.balancing import BALANCED, CONVERGED, REMEDY, BalancingFit, BalancingProblem, finished_fit
from yoseval.models.glm import LogitFit, fit_logit, standardise_columns

RANK = 1e-10  # share of the largest eigenvalue below which moment conditions repeat each other


def fit_generalised(
    x: Floats, y: Flags, estimand: str, weight: Floats | None = None, *, max_iterations: int = 500
) -> BalancingFit:
    r"""Fit the logistic score to balance and likelihood together, by two-step generalised moments.

    Minimises :math:`\bar g(\beta)^\top \hat\Omega^{-1} \bar g(\beta)`, where :math:`g_i` stacks
    :math:`(a_i - e_i)(1, x_i)` and :math:`r_i (1, x_i)`, and :math:`\hat\Omega` is the covariance of :math:`g` given the
    covariates, at the maximum of the likelihood.

    Parameters
    ----------
    x, y, estimand, weight
        As in ``fit_balancing``.
    max_iterations : int
        Most steps.

    Returns
    -------
    BalancingFit
        Influence is the exact derivative in ``weight``, that of :math:`\hat\Omega` included.

    Raises
    ------
    DesignError
        If covariates separate the arms, or the steps do not settle.

    References
    ----------
    imai2014 : Imai and Ratkovic (2014), JRSS B 76(1), 243-263, equations 11 and 12.
    """
    w = np.ones(len(y)) if weight is None else weight
    first = fit_logit(x, y, w)
    scaled = standardise_columns(x)
    problem = BalancingProblem(scaled.z, y.astype(np.float64), w, BALANCED[estimand])
    start = scaled.on_scale(first.coefficients)
    inverse = _inverse_covariance(problem, problem.odds(start))
    beta, steps = _least(problem, start, inverse, max_iterations)
    influence = _influence_on_least(problem, beta, start, inverse, _on_standard_scale(first, scaled.back))
    return finished_fit(problem, scaled.back @ beta, problem.odds(beta), influence, steps)


def _blocks(z: Floats, over: Floats, corner: Floats, under: Floats) -> Floats:
    """Return the (2q, 2q) matrix of sums of z z' times three numbers a unit."""
    first, mixed, second = ((z * c[:, None]).T @ z for c in (over, corner, under))
    return np.block([[first, mixed], [mixed, second]])


def _inverse_covariance(problem: BalancingProblem, odds: Floats) -> Floats:
    variance = odds / (1.0 + odds) ** 2
    w = problem.w
    covariance = _blocks(problem.z, w * variance, w * problem.target.cross(odds)[0], w * problem.target.square(odds)[0])
    inverse: Floats = np.asarray(np.linalg.pinv(covariance, rcond=RANK, hermitian=True), dtype=np.float64)
    return inverse


def _moments(problem: BalancingProblem, beta: Floats) -> tuple[Floats, Floats]:
    """Return the summed moments (2q,) and their derivative (2q, q)."""
    odds = problem.odds(beta)
    share = odds / (1.0 + odds)
    z, w = problem.z, problem.w
    moments = np.concatenate([z.T @ (w * (problem.a - share)), z.T @ (w * problem.signed(odds))])
    slopes = (-share * (1.0 - share), problem.target.slope(problem.a, odds))
    return moments, np.vstack([(z * (w * s)[:, None]).T @ z for s in slopes])


def _least(problem: BalancingProblem, beta: Floats, inverse: Floats, max_iterations: int) -> tuple[Floats, int]:
    for i in range(1, max_iterations + 1):
        moments, slope = _moments(problem, beta)
        downhill = -slope.T @ inverse @ moments
        curvature = _curvature(problem, beta, slope, inverse, inverse @ moments)
        if float(np.linalg.eigvalsh(0.5 * (curvature + curvature.T)).min()) <= 0:
            curvature = slope.T @ inverse @ slope
        step: Floats = np.asarray(np.linalg.solve(curvature, downhill), dtype=np.float64)
        beta = _descend(problem, beta, step, inverse)
        if float(np.abs(problem.z @ step).max()) <= CONVERGED:
            return beta, i
    raise DesignError("The over-identified balancing score did not settle.", REMEDY)


def _descend(problem: BalancingProblem, beta: Floats, step: Floats, inverse: Floats) -> Floats:
    def loss(at: Floats) -> float:
        moments = _moments(problem, at)[0]
        return float(moments @ inverse @ moments)

    now, size = loss(beta), 1.0
    while not loss(beta + size * step) <= now * (1.0 + 1e-11) + 1e-18 and size > 1e-10:
        size /= 2
    moved: Floats = beta + size * step
    return moved


def _curvature(problem: BalancingProblem, beta: Floats, slope: Floats, inverse: Floats, pull: Floats) -> Floats:
    """Differentiate slope' inverse moments in the coefficients, half the Hessian of the loss."""
    odds = problem.odds(beta)
    share = odds / (1.0 + odds)
    q = problem.z.shape[1]
    over, under = problem.z @ pull[:q], problem.z @ pull[q:]
    variance = share * (1.0 - share)
    bend = -variance * (1.0 - 2.0 * share) * over + problem.target.bend(problem.a, odds) * under
    curvature: Floats = slope.T @ inverse @ slope + (problem.z * (problem.w * bend)[:, None]).T @ problem.z
    return curvature


def _on_standard_scale(first: LogitFit, back: Floats) -> Floats:
    influence: Floats = np.asarray(np.linalg.solve(back, first.influence.T).T, dtype=np.float64)
    return influence


def _influence_on_least(problem: BalancingProblem, beta: Floats, start: Floats, inverse: Floats, of_start: Floats) -> Floats:
    """Differentiate the solution of slope' inverse moments = 0 in each unit's weight, by the implicit function theorem."""
    z, w, q = problem.z, problem.w, problem.z.shape[1]
    moments, slope = _moments(problem, beta)
    pull = inverse @ moments
    over, under = z @ pull[:q], z @ pull[q:]
    odds, before = problem.odds(beta), problem.odds(start)
    share = odds / (1.0 + odds)
    variance, first = before / (1.0 + before) ** 2, before / (1.0 + before)
    (cross, d_cross), (square, d_square) = problem.target.cross(before), problem.target.square(before)
    # Through the slope and the moments themselves, then through the covariance that weighs them.
    by_slope = z * (-share * (1.0 - share) * over + problem.target.slope(problem.a, odds) * under)[:, None]
    parts = (
        problem.a - share - variance * over - cross * under,
        problem.signed(odds) - cross * over - square * under,
    )
    stacked = np.hstack([z * p[:, None] for p in parts])
    drift = np.vstack(
        [
            (z * (w * (variance * (1.0 - 2.0 * first) * over + d_cross * under))[:, None]).T @ z,
            (z * (w * (d_cross * over + d_square * under))[:, None]).T @ z,
        ]
    )
    weigh = slope.T @ inverse
    moved = w[:, None] * (by_slope + stacked @ weigh.T) - of_start @ (weigh @ drift).T
    curvature = _curvature(problem, beta, slope, inverse, pull)
    influence: Floats = np.asarray(-np.linalg.solve(curvature, moved.T).T, dtype=np.float64)
    return influence
