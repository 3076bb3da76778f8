"""Fit a proportional-odds model of an ordinal outcome on two groups, by weighted maximum likelihood.

Takes an ordinal, an arm and weights; gives the log odds ratio of a worse outcome with each unit's influence on it. Units of
one arm and level are alike, so every step is on a table of two rows. Own code, because statsmodels' model (the test) takes no
weights.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError

MOST_LEVELS = 100  # an ordinal with more is a number, and its information matrix is needlessly large
_MOST_ITERATIONS = 60
_MOST_HALVINGS = 40
_SMALL_STEP = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalFit:
    """A proportional-odds model of n units and K levels on one group variable.

    Parameters
    ----------
    log_odds_ratio : float
        Of a worse level, in the group against the others.
    std_error : float
        From the information: to be believed only without weights.
    influence : (n,) floats
        Weight times derivative of ``log_odds_ratio`` in the weight.
    thresholds : (K - 1,) floats
        Logit of the odds of staying below each level but the first, among the others.
    levels : (K,) floats
        The levels seen, rising.
    """

    log_odds_ratio: float
    std_error: float
    influence: Floats
    thresholds: Floats
    levels: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One evaluation at a parameter: likelihood, scores (2, K, K) of each cell, and the information (K, K)."""

    loglik: float
    scores: Floats
    information: Floats


def fit_proportional_odds(outcome: Floats, group: Flags, weight: Floats) -> OrdinalFit:
    r"""Fit a proportional-odds model by Newton's method.

    .. math:: \operatorname{logit} P(Y \ge k \mid A) = \beta A - \theta_k, \qquad \theta_1 < \dots < \theta_{K-1}

    With two levels it is the odds ratio of the 2 x 2 table. The influence of a unit is its weight times its score times the
    inverse of the observed information: the exact derivative of the solution.

    Parameters
    ----------
    outcome : (n,) floats
        An ordinal: only the order of its values counts.
    group : (n,) booleans
        The arm.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.

    Returns
    -------
    OrdinalFit
        The fit.

    Raises
    ------
    EstimationError
        If an arm is empty, fewer than two or more than 100 levels are seen, or every unit of one arm does at least as badly as
        every unit of the other, when no finite odds ratio exists.

    References
    ----------
    mccullagh1980 : McCullagh (1980), Journal of the Royal Statistical Society B 42(2), 109-142, section 2.

    Examples
    --------
    >>> worst, group = np.array([0.0, 0.0, 3.0, 0.0, 3.0, 3.0]), np.array([True, True, True, False, False, False])
    >>> round(float(np.exp(fit_proportional_odds(worst, group, np.ones(6)).log_odds_ratio)), 3)
    0.25
    """
    used = weight > 0
    levels = np.unique(outcome[used])
    _require_overlap(outcome[used], group[used], levels)
    place = np.minimum(np.searchsorted(levels, outcome), levels.size - 1)
    row = group.astype(np.int64)
    # Counts that add up to one: convergence does not depend on the scale of the weights.
    table: Floats = np.bincount(row * levels.size + place, weight / weight.sum(), 2 * levels.size).reshape(2, -1).astype(float)
    parameters, at = _maximise(table)
    inverse = np.linalg.inv(at.information)
    influence = weight * (at.scores @ inverse[-1])[row, place] / weight.sum()
    size = float(weight.sum())
    return OrdinalFit(float(parameters[-1]), float(np.sqrt(inverse[-1, -1] / size)), influence, parameters[:-1], levels)


def _require_overlap(outcome: Floats, group: Flags, levels: Floats) -> None:
    if not group.any() or group.all():
        raise EstimationError("An arm has no unit.", "Choose another design or outcome.")
    if not 2 <= levels.size <= MOST_LEVELS:
        raise EstimationError(
            f"An ordinal needs 2 to {MOST_LEVELS} levels; there are {levels.size}.",
            "Choose another outcome, or group its levels.",
        )
    one, other = outcome[group], outcome[~group]
    if one.min() >= other.max() or other.min() >= one.max():
        raise EstimationError(
            "Every unit of one arm does at least as badly as every unit of the other, so no finite odds ratio exists.",
            "Choose a difference, such as the risk difference.",
        )


def _maximise(table: Floats) -> tuple[Floats, _Pass]:
    """Take Newton steps, halved until the likelihood rises; it is concave, so the way leads to the one maximum."""
    below = np.cumsum(table.sum(axis=0))[:-1]
    parameters = np.append(logit(below), 0.0)
    at = _evaluate(table, parameters)
    for _ in range(_MOST_ITERATIONS):
        gradient = np.einsum("ak,akp->p", table, at.scores)
        step = np.linalg.solve(at.information, gradient)
        parameters, at = _halved(table, parameters, step, at)
        if np.abs(step).max() < _SMALL_STEP:
            return parameters, at
    raise EstimationError("The model of the worst outcome did not converge.", "Group rare levels, or choose another measure.")


def _halved(table: Floats, parameters: Floats, step: Floats, at: _Pass) -> tuple[Floats, _Pass]:
    for _ in range(_MOST_HALVINGS):
        moved = parameters + step
        if (np.diff(moved[:-1]) > 0).all():
            found = _evaluate(table, moved)
            if found.loglik >= at.loglik - 1e-13:
                return moved, found
        step = step / 2.0
    return parameters, at


def _evaluate(table: Floats, parameters: Floats) -> _Pass:
    """Evaluate the likelihood; ``P(Y >= k)`` runs over edges 0 to K, of which the first is 1 and the last 0."""
    k = table.shape[1]
    inner = np.array([[0.0], [1.0]]) * parameters[-1] - parameters[:-1]
    upper = np.hstack([np.ones((2, 1)), expit(inner), np.zeros((2, 1))])
    slope = upper * (1.0 - upper)
    bend = slope * (1.0 - 2.0 * upper)
    # A difference of logistic curves without cancellation where both are near 1.
    lower = np.hstack([np.zeros((2, 1)), expit(-inner), np.ones((2, 1))])
    p = np.where(upper[:, :-1] > 0.5, lower[:, 1:] - lower[:, :-1], upper[:, :-1] - upper[:, 1:])
    start, end = slope[:, :-1] / p, -slope[:, 1:] / p
    edges = np.zeros((2, k, k + 1))
    cells = np.arange(k)
    edges[:, cells, cells], edges[:, cells, cells + 1] = start, end
    on_parameters = np.zeros((2, k + 1, k))  # what an edge's index is made of
    on_parameters[:, np.arange(1, k), np.arange(k - 1)] = -1.0
    on_parameters[1, 1:k, -1] = 1.0
    scores = edges @ on_parameters
    # Second derivatives of log p: those of the curve at its two edges, less the square of the score.
    curvature = np.zeros((2, k + 1))
    curvature[:, :-1] += table * bend[:, :-1] / p
    curvature[:, 1:] -= table * bend[:, 1:] / p
    information = np.einsum("ak,akp,akq->pq", table, scores, scores)
    information -= np.einsum("ae,aep,aeq->pq", curvature, on_parameters, on_parameters)
    seen = table > 0
    return _Pass(float(table[seen] @ np.log(p[seen])), scores, information)
