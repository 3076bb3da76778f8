"""Tilt weights exponentially until weighted means are zero: the solver behind entropy balancing and calibration.

Takes columns and base weights; gives multipliers and shares, and how far weights depend on the multipliers.
"""

from collections.abc import Callable

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.design.types import WeightEstimation

GAP = 1e-9  # largest difference of means left over, in SDs of all units
Step = Callable[[Floats, Floats, Floats], Floats | None]


def tilt(
    z: Floats, base: Floats, start: Floats, *, step_of: Step, close: float = GAP, max_steps: int = 100
) -> tuple[Floats, Floats]:
    r"""Find :math:`p_i \propto b_i \exp(\lambda^\top z_i)` with :math:`\sum_i p_i z_i = 0`, by Newton's method.

    The dual :math:`\log \sum_i b_i \exp(\lambda^\top z_i)` is convex; its gradient is the gap that is left.

    Parameters
    ----------
    z : (n, p) floats
        Columns, away from their targets.
    base : (n,) floats
        Positive weights.
    start : (p,) floats
        Multipliers to start from.
    step_of : callable
        From z, shares and gap the Newton step, `exact_step` or `least_step`; None ends the search.
    close : float
        Largest gap that ends the search.
    max_steps : int
        Most steps.

    Returns
    -------
    multipliers : (p,) floats
    shares : (n,) floats
        They sum to one. Whether the gap is small enough is for the caller to say.

    References
    ----------
    hainmueller2012 : Hainmueller (2012), Political Analysis 20(1), 25-46, equations 7-9.

    Examples
    --------
    >>> z = np.array([[-1.0], [2.0]])
    >>> tilt(z, np.ones(2), np.zeros(1), step_of=exact_step)[1].round(3)
    array([0.667, 0.333])
    """
    multipliers = start
    value, share = _dual(z, base, multipliers)
    for _ in range(max_steps):
        gap = share @ z
        if np.abs(gap).max(initial=0.0) <= close:
            break
        step = step_of(z, share, gap)
        if step is None:
            break
        size, trial = 1.0, _dual(z, base, multipliers - step)
        while trial[0] > value - 1e-4 * size * (step @ gap) + 1e-14 and size > 1e-10:
            size /= 2
            trial = _dual(z, base, multipliers - size * step)
        multipliers = multipliers - size * step
        value, share = trial
    return multipliers, share


def exact_step(z: Floats, share: Floats, gap: Floats) -> Floats | None:
    """Return the Newton step, (p,) floats; None where columns depend on each other."""
    try:
        step: Floats = np.asarray(np.linalg.solve(_curvature(z, share, gap), gap), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def least_step(z: Floats, share: Floats, gap: Floats) -> Floats | None:
    """Return the shortest Newton step, (p,) floats, where columns may depend on each other; None where it ran away."""
    try:
        step: Floats = np.asarray(np.linalg.lstsq(_curvature(z, share, gap), gap, rcond=None)[0], dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def tilt_estimation(away: Floats, treated: Flags, weight: Floats) -> WeightEstimation:
    r"""Say how tilted weights depend on the multipliers, which rest on both arms.

    At the solution :math:`\partial w_i / \partial \lambda = w_i (x_i - \bar{x}_1)` for comparison units. With
    :math:`H = \sum_{A_i = 0} w_i (x_i - \bar{x}_1)(x_i - \bar{x}_1)^\top` the multipliers' influence values are
    :math:`H^{-1} (2 A_i - 1)\, w_i (x_i - \bar{x}_1)`: the treated enter through their means, which are
    estimated as well.

    Parameters
    ----------
    away : (n, p) floats
        The balanced columns less the weighted means of the treated.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        The weights of both arms.

    Returns
    -------
    WeightEstimation
        Gradient in, and influence of, the p multipliers.

    References
    ----------
    zhao2017 : Zhao and Percival (2017), Journal of Causal Inference 5(1), 20160010, section 3.
    """
    pull = weight[:, None] * away
    gradient = np.where(treated[:, None], 0.0, pull)
    signed = np.where(treated[:, None], pull, -pull)
    # The inverse of a p by p matrix once: solving for n right-hand sides is a hundred times the work.
    inverse: Floats = np.asarray(np.linalg.lstsq(gradient.T @ away, np.eye(away.shape[1]), rcond=None)[0], dtype=np.float64)
    return WeightEstimation(gradient, signed @ inverse.T)


def _curvature(z: Floats, share: Floats, gap: Floats) -> Floats:
    half = z * np.sqrt(share)[:, None]
    curvature: Floats = half.T @ half - np.outer(gap, gap)
    return curvature


def _dual(z: Floats, base: Floats, multipliers: Floats) -> tuple[float, Floats]:
    """Return the dual objective, log of the sum of base times exp, and the shares it implies."""
    index = z @ multipliers
    top = index.max()
    share = base * np.exp(index - top)
    total = share.sum()
    return float(top + np.log(total)), share / total
