"""Kaplan-Meier curves of one arm, with weights, and what each unit has to do with them.

Takes times, events and weights of one arm and gives the curve, its value at any time, its restricted mean,
and their influence values. Everything is a cumulative sum over the distinct event times: O(n log n), no n by n
array. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError, FollowUpTooShortError

# Whole-numbered times up to here (days, weeks) are looked up in a table instead of sorted.
_TABLE_LIMIT = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """A weighted product-limit curve at its m distinct event times.

    Parameters
    ----------
    time : (m,) floats
        Distinct times with an event of positive weight, rising.
    survival : (m,) floats
        Share still without the event just after each time, between 0 and 1.
    at_risk : (m,) floats
        Weight of the units still followed without the event just before each time.
    events : (m,) floats
        Weight of the units with the event at each time.
    n_at_risk, n_events : (m,) integers
        The same as unweighted numbers of units; units of weight 0 do not count.
    longest : float
        Longest follow-up of any unit: the curve is not known beyond it unless it has reached zero.
    """

    time: Floats
    survival: Floats
    at_risk: Floats
    events: Floats
    n_at_risk: Indices
    n_events: Indices
    longest: float


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """A curve with the place of each unit on it: how many distinct event times it has reached."""

    curve: KaplanMeier
    place: Indices
    survivors: Floats


def kaplan_meier(time: Floats, event: Flags, weight: Floats) -> KaplanMeier:
    r"""Estimate the share still without the event, by the weighted product-limit method.

    .. math:: \hat S(t) = \prod_{t_k \le t} \left(1 - \frac{d_k}{n_k}\right)

    with :math:`d_k` the weight of those with the event at :math:`t_k` and :math:`n_k` the weight of those still
    followed. A unit censored at :math:`t_k` is still at risk at :math:`t_k`. Weights of any scale give the same curve.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, zero or more.
    event : (n,) booleans
        True where the event happened at ``time``.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.

    Returns
    -------
    KaplanMeier
        The curve; empty (survival 1 throughout) where nobody had the event.

    Raises
    ------
    EstimationError
        If no unit has a positive weight.

    References
    ----------
    kaplan1958 : Kaplan and Meier (1958), JASA 53(282), 457-481, section 2.

    Examples
    --------
    >>> kaplan_meier(np.array([1.0, 2.0, 2.0]), np.array([True, True, False]), np.ones(3)).survival.round(3)
    array([0.667, 0.333])
    """
    return _steps(time, event, weight).curve


def survival_at(curve: KaplanMeier, times: Floats) -> Floats:
    """Read the curve at any times, (k,) floats; an event at exactly a time counts.

    Raises
    ------
    EstimationError
        If a time lies beyond the longest follow-up and the curve has not reached zero.
    """
    _require_known(curve, float(np.max(times, initial=0.0)))
    levels = np.concatenate(([1.0], curve.survival))
    found: Floats = levels[np.searchsorted(curve.time, times, side="right")]
    return found


def number_at_risk(time: Floats, weight: Floats, times: Floats) -> Floats:
    """Sum the weights of the units still followed just before each of ``times``, (k,) floats; with ones, count them."""
    order = np.argsort(time, kind="stable")
    before = np.concatenate(([0.0], np.cumsum(weight[order])))
    found: Floats = before[-1] - before[np.searchsorted(time[order], times, side="left")]
    return found


def survival_influence(time: Floats, event: Flags, weight: Floats, horizon: float) -> Floats:
    r"""Give each unit's influence on the curve at ``horizon``: its weight times the derivative in its weight.

    .. math:: \phi_i = w_i \hat S(t) \sum_{t_k \le t} \left(\frac{Y_{ik} - dN_{ik}}{n_k - d_k} - \frac{Y_{ik}}{n_k}\right)

    with :math:`Y_{ik}` = 1 while unit i is at risk and :math:`dN_{ik}` = 1 at its event. Without weights the sum of squares
    is Greenwood's variance exactly, ties or no ties; where the curve has reached zero, all influence is zero.

    Parameters
    ----------
    time, event, weight : (n,) floats, booleans, floats
        As for ``kaplan_meier``.
    horizon : float
        Time at which the curve is read.

    Returns
    -------
    (n,) floats
        Influence values; they sum to zero.

    Raises
    ------
    EstimationError
        If the horizon lies beyond the longest follow-up and the curve has not reached zero.

    References
    ----------
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, chapters 2 and 7 (infinitesimal jackknife).
    """
    steps = _steps(time, event, weight)
    level = survival_at(steps.curve, np.array([horizon]))[0]
    return _influence(steps, event, weight, np.where(steps.curve.time <= horizon, level, 0.0))


def restricted_mean(curve: KaplanMeier, tau: float) -> float:
    """Return the mean time without the event up to ``tau``: the area under the curve.

    Raises
    ------
    EstimationError
        If ``tau`` lies beyond the longest follow-up and the curve has not reached zero.

    References
    ----------
    royston2013 : Royston and Parmar (2013), BMC Medical Research Methodology 13:152.
    """
    _require_known(curve, tau)
    edges = np.concatenate(([0.0], np.minimum(curve.time, tau), [tau]))
    return float(np.concatenate(([1.0], curve.survival)) @ np.diff(edges))


def restricted_mean_influence(time: Floats, event: Flags, weight: Floats, tau: float) -> Floats:
    r"""Give each unit's influence on the restricted mean, (n,) floats that sum to zero.

    The integral of ``survival_influence``: each step counts with the area under the curve that lies after it,
    :math:`A_k = \int_{t_k}^{\tau} \hat S(u)\,du`.

    Parameters
    ----------
    time, event, weight : (n,) floats, booleans, floats
        As for ``kaplan_meier``.
    tau : float
        Length of follow-up.

    Raises
    ------
    EstimationError
        If ``tau`` lies beyond the longest follow-up and the curve has not reached zero.
    """
    steps = _steps(time, event, weight)
    _require_known(steps.curve, tau)
    edges = np.concatenate((np.minimum(steps.curve.time, tau), [tau]))
    areas = steps.curve.survival * np.diff(edges)
    return _influence(steps, event, weight, _reverse_cumsum(areas))


def clustered_survival_variance(
    time: Floats,
    event: Flags,
    weight: Floats,
    cluster: Indices,
    times: Floats,
    *,
    gradient: Floats | None = None,
    parameter_influence: Floats | None = None,
) -> Floats:
    r"""Give the variance of the curve at many times at once, clustered, without an influence value for each time.

    The influence of a cluster at :math:`t` is :math:`\hat S(t)\,\{P_c(t) + G(t) R_c(t)\}`: what its units that left had
    gathered, and what its units still at risk share. Both change only when one of its own units leaves, so the sum of
    squares over clusters is a cumulative sum. With estimated weights, each cluster's influence on the parameters times the
    derivative of the curve in the parameters is added.

    Parameters
    ----------
    time, event, weight : (n,) floats, booleans, floats
        As for ``kaplan_meier``.
    cluster : (n,) integers
        Number of each unit's cluster, from 0.
    times : (k,) floats
        Where the variance is wanted.
    gradient : (n, p) floats, optional
        Derivative of each unit's weight in the parameters of the weights.
    parameter_influence : (g, p) floats, optional
        Influence of each cluster on those parameters, for all g clusters, those of other arms included.

    Returns
    -------
    (k,) floats
        Sum of squares over clusters times c/(c - 1), c being the clusters with a unit of positive weight.

    Raises
    ------
    EstimationError
        If a time lies beyond the longest follow-up and the curve has not reached zero, or there is only one cluster.
    """
    steps = _steps(time, event, weight)
    survival = survival_at(steps.curve, times)
    place = np.searchsorted(steps.curve.time, times, side="right")
    rate, left = _log_survival_parts(steps, event)
    total = _sum_of_squares(steps, weight * left, weight, cluster, rate)[place]
    if gradient is not None and parameter_influence is not None:
        used = (weight > 0)[:, None]
        slope = _by_step(steps, left[:, None] * used * gradient, used * gradient, rate)[place]
        own = weight[:, None] * parameter_influence[cluster]
        cross = _by_step(steps, left[:, None] * own, own, rate)[place]
        squared = (slope @ (parameter_influence.T @ parameter_influence) * slope).sum(axis=1)
        total = total + 2.0 * (cross * slope).sum(axis=1) + squared
    n_clusters = np.unique(cluster[weight > 0]).size
    if n_clusters < 2:
        raise EstimationError("A variance needs two independent units or sets in each arm; there is 1.", "Use a larger group.")
    return np.maximum(total, 0.0) * survival**2 * (n_clusters / (n_clusters - 1.0))


def event_places(time: Floats, event: Flags) -> tuple[Floats, Indices]:
    """Find the m distinct event times, rising, and how many of them each unit has reached (0 to m), (n,) integers."""
    whole = time.astype(np.int64) if time.size and time.min() >= 0 and time.max() < _TABLE_LIMIT else None
    if whole is None or not (whole == time).all():
        moments = np.unique(time[event])
        return moments, np.asarray(np.searchsorted(moments, time, side="right"), dtype=np.int64)
    seen = np.bincount(whole[event], minlength=int(whole.max()) + 1) > 0
    reached: Indices = np.cumsum(seen, dtype=np.int64)[whole]
    return np.flatnonzero(seen).astype(np.float64), reached


def _steps(time: Floats, event: Flags, weight: Floats) -> _Steps:
    used = weight > 0
    if not used.any():
        raise EstimationError("A curve needs units of positive weight; there are none.", "Choose another design.")
    moments, place = event_places(time, event & used)
    m = moments.size
    happened = event & used
    events, survivors = _sums(place, happened, weight, m)
    n_events, n_survivors = _sums(place, happened, used.astype(np.float64), m)
    at_risk = survivors + events
    curve = KaplanMeier(
        time=moments,
        survival=np.cumprod(survivors / at_risk, dtype=np.float64),
        at_risk=at_risk,
        events=events,
        n_at_risk=(n_survivors + n_events).astype(np.int64),
        n_events=n_events.astype(np.int64),
        longest=float(time[used].max()),
    )
    return _Steps(curve, place, survivors)


def _sums(place: Indices, happened: Flags, weight: Floats, m: int) -> tuple[Floats, Floats]:
    """Sum weights of events at, and of survivors just after, each of m times; survivors are a sum, so exactly 0 when none."""
    leaving: Floats = np.bincount(2 * place - happened, weight, 2 * m + 1).astype(np.float64)
    # Position 2k - 1 holds the events at the k-th time, position 2k those censored from it to before the next.
    return leaving[1::2], _reverse_cumsum(leaving)[2::2]


def _reverse_cumsum(values: Floats) -> Floats:
    return np.cumsum(values[::-1], axis=0)[::-1]


def _influence(steps: _Steps, event: Flags, weight: Floats, effect: Floats) -> Floats:
    """Spread the effect of each step of the log curve on a quantity over the units at risk."""
    _, gathered = _log_survival_parts(steps, event, effect)
    return weight * gathered


def _log_survival_parts(steps: _Steps, event: Flags, effect: Floats | None = None) -> tuple[Floats, Floats]:
    """Give the cumulative gain of those at risk, (m + 1,), and what each unit has gathered when it leaves, (n,).

    A survivor of step k gains 1/(n_k - d_k) - 1/n_k = d_k / (n_k (n_k - d_k)); a unit with the event loses 1/n_k.
    """
    curve, survivors = steps.curve, steps.survivors
    weights = np.ones(curve.time.size) if effect is None else effect
    # No survivor of positive weight: nobody gains, and the curve is zero from there on.
    share = np.divide(curve.events, survivors, out=np.zeros_like(survivors), where=survivors > 0)
    rate = np.concatenate(([0.0], np.cumsum(weights * share / curve.at_risk)))
    own = event & (steps.place > 0)
    # Events of weight 0 may sit between the steps; their influence is 0 whatever they gather.
    loss = np.concatenate(([0.0], weights / curve.at_risk))
    before = np.where(own, steps.place - 1, steps.place)
    return rate, rate[before] - np.where(own, loss[steps.place], 0.0)


def _sum_of_squares(steps: _Steps, left: Floats, weight: Floats, cluster: Indices, rate: Floats) -> Floats:
    """Sum (P_c + G R_c)^2 over clusters after each step, (m + 1,) floats."""
    order = np.lexsort((steps.place, cluster))
    place, start = steps.place[order], _starts(cluster[order])
    after = _cumsum_within(left[order], start)
    before = after - left[order]
    gone = _cumsum_within(weight[order], start)
    whole = np.bincount(cluster, weight)
    remaining = whole[cluster[order]] - gone
    held = remaining + weight[order]
    pp, pr, rr = (
        np.cumsum(np.bincount(place, change, rate.size))
        for change in (after**2 - before**2, after * remaining - before * held, remaining**2 - held**2)
    )
    squares: Floats = pp + 2.0 * rate * pr + rate**2 * (rr + (whole**2).sum())
    return squares


def _starts(sorted_cluster: Indices) -> Indices:
    """Give for each row the position at which its cluster begins."""
    first = np.concatenate(([True], sorted_cluster[1:] != sorted_cluster[:-1]))
    starts: Indices = np.flatnonzero(first)[np.cumsum(first) - 1]
    return starts


def _cumsum_within(values: Floats, start: Indices) -> Floats:
    running = np.concatenate(([0.0], np.cumsum(values)))
    within: Floats = running[1:] - running[start]
    return within


def _by_step(steps: _Steps, left: Floats, staying: Floats, rate: Floats) -> Floats:
    """Sum rows that have left, and the gain of those still at risk, after each step: (m + 1, p) floats."""
    gone = np.column_stack([np.bincount(steps.place, column, rate.size) for column in left.T]).cumsum(axis=0)
    exits = np.column_stack([np.bincount(steps.place, column, rate.size) for column in staying.T]).astype(np.float64)
    total: Floats = gone + rate[:, None] * (_reverse_cumsum(exits) - exits)
    return total


def _require_known(curve: KaplanMeier, horizon: float) -> None:
    is_zero = curve.survival.size > 0 and curve.survival[-1] == 0.0
    if horizon > curve.longest and not is_zero:
        raise FollowUpTooShortError(
            f"The horizon is {horizon:g}, but nobody in one arm was followed beyond {curve.longest:g}.",
            f"Choose a horizon of at most {curve.longest:g}.",
        )
