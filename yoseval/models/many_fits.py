"""Fit a model again on many parts of the same units at once, from the fit to all of them: what a jackknife repeats.

Takes columns, which units each part keeps, and what the weighted sums of the columns must come to; gives the fitted means of
every part. What is not solved in a few steps is left to the fit of one part, which knows every exception and error.
"""

from collections.abc import Callable

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.models.glm import BLOCK, CONVERGED

MOST_STEPS = 8  # a part near the whole takes three or four; no maximum is never reached
SOUND = 1e-5  # of a column's variance, what the columns before it must leave over; far above what counts as none

Link = Callable[[Floats], tuple[Floats, Floats]]


def fit_many(z: Floats, kept: Flags, target: Floats, start: Floats, link: Link) -> Floats:
    r"""Solve the moment equations of r parts of n units by Newton's method, all parts in one step.

    .. math:: \sum_{i \in \text{part}} \mu(z_i^\top \beta)\, z_i = t

    with :math:`\mu` rising, so that the solution is the maximum of a concave function: of a logistic regression with the
    logistic function, of entropy balancing with the exponential one. As in ``fit_logit``, a step that moves no index by more
    than 1e-7 is the last: Newton's error after it is the square.

    Parameters
    ----------
    z : (n, q) floats
        Columns with SDs near 1, the first of them ones.
    kept : (r, n) booleans
        The units of each part.
    target : (r, q) floats
        :math:`t` of each part.
    start : (q,) floats
        The solution for all units.
    link : callable
        From the index to :math:`\mu` and its derivative.

    Returns
    -------
    (r, n) floats
        :math:`\mu` at each part's solution, of the units left out too; a row of NaN where a part has columns that depend on
        each other or nearly so, or is not solved in a few steps.

    Examples
    --------
    >>> kept = np.array([[True, True, True, False], [True, True, True, True]])
    >>> y = np.array([1.0, 0.0, 0.0, 1.0])
    >>> fit_many(np.ones((4, 1)), kept, kept @ y[:, None], np.zeros(1), logistic).round(3)[:, 0]
    array([0.333, 0.5  ])
    """
    solution = np.tile(start, (len(kept), 1))
    mean = np.full(kept.shape, np.nan)
    unsolved = np.arange(len(kept))
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            own, slope = link(solution[unsolved] @ z.T)
            among = kept[unsolved]
            gap = target[unsolved] - (own * among) @ z
            step, left_over = _solve_many(_weighted_squares(z, slope * among), gap)
            solution[unsolved] += step
            reach = np.abs(step @ z.T).max(axis=1, initial=0.0)
            solved = unsolved[(reach <= CONVERGED) & (left_over > SOUND)]
            mean[solved] = link(solution[solved] @ z.T)[0]
            # Not so where a step is not a number: such a part is given up.
            unsolved = unsolved[reach > CONVERGED]
            if not unsolved.size:
                break
    return mean


def logistic(index: Floats) -> tuple[Floats, Floats]:
    """Return the logistic function of an index and its derivative."""
    small = np.exp(-np.abs(index))
    mean = np.where(index >= 0, 1.0, small) / (1.0 + small)
    return mean, mean * (1.0 - mean)


def exponential(index: Floats) -> tuple[Floats, Floats]:
    """Return the exponential function of an index, which is its own derivative, twice."""
    mean: Floats = np.exp(index)
    return mean, mean


def _weighted_squares(z: Floats, weight: Floats) -> Floats:
    """Sum weight times z z' over the units for each row of weights, (r, q, q) floats."""
    across, down = np.triu_indices(z.shape[1])
    total = np.zeros((len(weight), across.size))
    for first in range(0, len(z), BLOCK):
        rows = z[first : first + BLOCK]
        total += weight[:, first : first + BLOCK] @ (rows[:, across] * rows[:, down])
    squares = np.empty((len(weight), z.shape[1], z.shape[1]))
    squares[:, across, down] = squares[:, down, across] = total
    return squares


def _solve_many(matrices: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Solve r positive definite systems; beside it the least pivot after the first, over the first, which is never an error.

    The pivot of a column is its weighted sum of squares that the columns before it leave over.
    """
    rest = np.concatenate([matrices, right[:, :, None]], axis=2)
    first, least = matrices[:, 0, 0], np.full(len(matrices), np.inf)
    for j in range(matrices.shape[1]):
        pivot = rest[:, j, j]
        least = np.minimum(least, pivot / first)
        row = rest[:, j] / pivot[:, None]
        rest = rest - rest[:, :, j, None] * row[:, None]
        rest[:, j] = row
    return rest[:, :, -1], least
