"""The cumulative hazard of one arm, by Nelson and Aalen, and what each unit has to do with it.

Takes what ``curves`` takes. Unlike the product-limit curve it does not stay at an end when an early risk set is used up, so it
is the one to ask for when many enter late. It cannot see arms, designs or files.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.models.curves import KaplanMeier
from yoseval.models.risk_sets import arrange_risk_sets, require_followed, spread_steps


def cumulative_hazard_at(curve: KaplanMeier, times: Floats) -> Floats:
    r"""Read the cumulative hazard at any times from the sums behind a curve; an event at exactly a time counts.

    .. math:: \hat H(t) = \sum_{t_k \le t} \frac{d_k}{n_k}

    Tied events count together, each time over the same risk set: R's ``survfit(ctype = 1)``, not the sum over
    :math:`n, n - 1, \ldots` that takes ties as an accident of measuring.

    Parameters
    ----------
    curve : KaplanMeier
        What ``kaplan_meier`` gives.
    times : (k,) floats
        Where it is read.

    Returns
    -------
    (k,) floats
        Zero or more; one unit may have many events if its time is cut in rows.

    Raises
    ------
    FollowUpTooShortError
        If a time lies beyond the longest follow-up.

    References
    ----------
    aalen1978 : Aalen (1978), Annals of Statistics 6(4), 701-726.

    Examples
    --------
    >>> from yoseval.models.curves import kaplan_meier
    >>> curve = kaplan_meier(np.array([1.0, 2.0, 2.0]), np.array([True, True, False]), np.ones(3))
    >>> cumulative_hazard_at(curve, np.array([2.0])).round(3)
    array([0.833])
    """
    require_followed(float(np.max(times, initial=0.0)), curve.longest)
    levels = np.concatenate(([0.0], np.cumsum(curve.events / curve.at_risk)))
    found: Floats = levels[np.searchsorted(curve.time, times, side="right")]
    return found


def hazard_influence(time: Floats, event: Flags, weight: Floats, horizon: float, entry: Floats | None = None) -> Floats:
    r"""Give each unit's influence on the cumulative hazard at ``horizon``: its weight times the derivative in its weight.

    .. math:: \phi_i = w_i \sum_{t_k \le t} \frac{dN_{ik} - Y_{ik}\, d_k / n_k}{n_k}

    with :math:`Y_{ik}` = 1 while unit i is at risk and :math:`dN_{ik}` = 1 at its event. Summed over the rows of a person, its
    squares are R's robust variance of a mean cumulative count.

    Parameters
    ----------
    time, event, weight, entry : (n,) floats, booleans, floats, floats
        As for ``kaplan_meier``.
    horizon : float
        Time at which the hazard is read.

    Returns
    -------
    (n,) floats
        Influence values; they sum to zero.

    Raises
    ------
    FollowUpTooShortError
        If the horizon lies beyond the longest follow-up.

    References
    ----------
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, chapter 2.
    """
    sets = arrange_risk_sets(time, event, weight, entry)
    require_followed(horizon, sets.longest)
    single = np.where(sets.time <= horizon, 1.0 / sets.at_risk, 0.0)
    shared = -single * sets.events[:, 0] / sets.at_risk
    return weight * spread_steps(sets, shared, (single + shared)[:, None]).gathered()
