"""Kaplan-Meier curves of one arm under many sets of weights, from one arrangement of its units: what a jackknife repeats.

Takes times, events and rows of weights; gives the curves up to a horizon without influence values, in O(r n + n log n) for r
sets of weights. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.models.risk_sets import event_places


@dataclass(frozen=True, slots=True, eq=False)
class ManyCurves:
    """Product-limit curves of r sets of weights up to a horizon.

    Parameters
    ----------
    time : (m,) floats
        Distinct times with an event up to the horizon, rising, whatever its weight.
    survival : (r, m + 1) floats
        1, then the share still without the event just after each time; a row of NaN where nobody has weight, or nobody was
        followed to the horizon and the curve has not reached zero.
    horizon : float
        Where the curves end.
    """

    time: Floats
    survival: Floats
    horizon: float

    @property
    def at_horizon(self) -> Floats:
        """(r,) floats: each curve at the horizon, as ``survival_at``."""
        return self.survival[:, -1]

    @property
    def restricted_mean(self) -> Floats:
        """(r,) floats: the area under each curve up to the horizon, as ``restricted_mean``."""
        return self.survival @ np.diff(np.concatenate(([0.0], self.time, [self.horizon])))


def survival_of_many(time: Floats, event: Flags, weights: Floats, horizon: float) -> ManyCurves:
    r"""Estimate the share still without the event for each set of weights, by the product-limit method.

    .. math:: \hat S(t) = \prod_{t_k \le t} \frac{n_k - d_k}{n_k}

    as ``kaplan_meier``; where the weights leave nobody at risk, or give an event no weight, a factor is 1.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring.
    event : (n,) booleans
        True where the event happened at ``time``; an event at exactly the horizon counts.
    weights : (r, n) floats
        Zero or more; a unit of weight 0 is as if absent.
    horizon : float
        Length of follow-up.

    Returns
    -------
    ManyCurves
        Not a number where ``kaplan_meier`` or ``survival_at`` would refuse.

    References
    ----------
    kaplan1958 : Kaplan and Meier (1958), JASA 53(282), 457-481, section 2.

    Examples
    --------
    >>> weights = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    >>> survival_of_many(np.array([1.0, 2.0, 3.0]), np.array([True, False, False]), weights, 3.0).at_horizon.round(3)
    array([0.667, 0.5  ,   nan])
    """
    seen = event & (time <= horizon)
    moments, place = event_places(time, seen)
    # In this order those with an event at a moment stand before those censored from it on, and before later moments.
    cell = 2 * place - seen
    order = np.argsort(cell, kind="stable")
    staying = np.zeros((len(weights), time.size + 1))
    np.cumsum(weights[:, order[::-1]], axis=1, out=staying[:, 1:])
    events = 2 * np.arange(1, moments.size + 1) - 1
    at_risk = staying[:, time.size - np.searchsorted(cell[order], events)]
    survivors = staying[:, time.size - np.searchsorted(cell[order], events, side="right")]
    survival = np.ones((len(weights), moments.size + 1))
    np.divide(survivors, at_risk, out=survival[:, 1:], where=at_risk > 0)
    np.cumprod(survival, axis=1, out=survival)
    followed = (weights[:, time >= horizon] > 0).any(axis=1) | (survival[:, -1] == 0)
    known = (staying[:, -1] > 0) & followed
    return ManyCurves(moments, np.where(known[:, None], survival, np.nan), horizon)
