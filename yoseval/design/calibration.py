"""Tilt weights that are there as little as possible, so that the comparison has the means of the treated."""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.design.spreads import standard_deviations
from yoseval.design.tilt import GAP, least_step, tilt, tilt_estimation
from yoseval.design.types import WeightEstimation
from yoseval.errors import DesignError

_LONGEST_STEP = 1e-3


def calibrate(x: Floats, treated: Flags, weight: Floats) -> Floats:
    r"""Find :math:`w_i \propto b_i \exp(\lambda^\top x_i)` of the comparison with the weighted means of the treated.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank.
    treated : (n,) booleans
        Their weights stay.
    weight : (n,) floats
        Base weights b; 0 stays 0.

    Returns
    -------
    (n,) floats
        The treated's weights as they were; those of the comparison sum to theirs.

    Raises
    ------
    DesignError
        If the means cannot be reached.

    References
    ----------
    deville1992 : Deville and Särndal (1992), JASA 87(418), 376-382, raking.
    """
    own = treated & (weight > 0)
    pool = ~treated & (weight > 0)
    if not own.any() or not pool.any():
        raise DesignError("One of the two groups is empty.", "Widen the eligibility.")
    mass = float(weight[own].sum())
    target = weight[own] @ x[own] / mass
    spread = standard_deviations(x)
    scale = np.where(spread > 0, spread, 1.0)
    z = (x[pool] - target) / scale
    _require_within_reach(z)
    share = tilt(z, weight[pool] / weight[pool].sum(), np.zeros(z.shape[1]), step_of=least_step)[1]
    _require_reached(z, share)
    found = np.where(treated, weight, 0.0)
    found[pool] = share * mass
    return found


def calibration_estimation(x: Floats, treated: Flags, weight: Floats) -> WeightEstimation:
    """Say how calibrated weights depend on the multipliers, which rest on both arms.

    As of entropy balancing, whose weights are these with a base of 1.

    Parameters
    ----------
    x : (n, p) floats
        The calibrated columns.
    treated : (n,) booleans
        Whose means were aimed at.
    weight : (n,) floats
        From ``calibrate``.

    Returns
    -------
    WeightEstimation
        Gradient in, and influence of, the p multipliers.

    References
    ----------
    zhao2017 : Zhao and Percival (2017), Journal of Causal Inference 5(1), 20160010, section 3.
    """
    own = treated & (weight > 0)
    return tilt_estimation(x - weight[own] @ x[own] / weight[own].sum(), treated, weight)


def _require_within_reach(z: Floats) -> None:
    """Refuse columns whose treated mean (0 here) no mixture of comparison units with positive weights has."""
    low, high = (z.min(axis=0), z.max(axis=0)) if z.size else (np.zeros(0), np.zeros(0))
    same = (np.abs(low) <= GAP) & (np.abs(high) <= GAP)
    if (~same & ((low >= 0) | (high <= 0))).any():
        raise _out_of_reach()


def _require_reached(z: Floats, share: Floats) -> None:
    """Refuse a gap, a search that ran away, and the edge of what can be reached, where steps stay long for ever."""
    gap = share @ z
    step = least_step(z, share, gap)
    if step is None or not (np.abs(gap).max(initial=0.0) <= GAP and np.abs(z @ step).max(initial=0.0) <= _LONGEST_STEP):
        raise _out_of_reach()


def _out_of_reach() -> DesignError:
    return DesignError("No tilt of the weights reaches the means of the treated.", "Merge rare categories.")
