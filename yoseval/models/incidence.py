"""Cumulative incidence of one arm with competing causes, by Aalen and Johansen, and what each unit has to do with it.

Takes times, causes, weights and, where units enter late, entries of one arm; a cause is 0 where censored, else 1, 2 and so on.
Gives the incidence of each cause, the mean time lost to it, their influence values, and the variance of a whole curve, in
O(n log n). It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.curve_variance import variance_by_step
from yoseval.models.risk_sets import (
    RiskSets,
    arrange_risk_sets,
    log_survival_steps,
    require_followed,
    reverse_cumsum,
    spread_steps,
)


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Weighted cumulative incidence of j causes at their m distinct event times.

    Parameters
    ----------
    time : (m,) floats
        Distinct times with an event of any cause and positive weight, rising.
    survival : (m,) floats
        Share without any event just after each time; with the incidence of all causes it sums to 1.
    incidence : (m, j) floats
        Share that had an event of each cause first, up to and including each time.
    at_risk : (m,) floats
        Weight of the units at risk just before each time.
    events : (m, j) floats
        Weight of the units with an event of each cause at each time.
    n_at_risk : (m,) integers
        The number of units at risk; units of weight 0 do not count.
    n_events : (m, j) integers
        The number of units with an event of each cause.
    longest : float
        Longest follow-up of any unit: nothing is known beyond it unless nobody was left without an event.
    """

    time: Floats
    survival: Floats
    incidence: Floats
    at_risk: Floats
    events: Floats
    n_at_risk: Indices
    n_events: Indices
    longest: float


def cumulative_incidence(time: Floats, cause: Indices, weight: Floats, entry: Floats | None = None) -> Incidence:
    r"""Estimate the share that has each cause first, all tied events taken together.

    .. math:: \hat F_j(t) = \sum_{t_k \le t} \hat S(t_{k-1}) \frac{d_{jk}}{n_k}

    with :math:`\hat S` the product-limit curve of all causes together. With one cause it is one minus that curve. Late entries
    are taken as by ``kaplan_meier``: once nobody is left without an event, nothing changes whoever enters later.

    Parameters
    ----------
    time : (n,) floats
        Time to the first event of any cause or to censoring, zero or more.
    cause : (n,) integers
        0 where censored at ``time``, else the number of the cause, from 1.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    entry : (n,) floats, optional
        Time from which each unit is followed (left truncation), before ``time``; 0 is the start itself.

    Returns
    -------
    Incidence
        The curves of causes 1 to the largest number in ``cause``, at least one.

    Raises
    ------
    EstimationError
        If no unit has a positive weight, one enters at or after its end, or a cause is below 0.

    References
    ----------
    aalenjohansen1978 : Aalen and Johansen (1978), Scandinavian Journal of Statistics 5(3), 141-150.

    Examples
    --------
    >>> curve = cumulative_incidence(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 2, 0, 1]), np.ones(4))
    >>> curve.incidence[:, 0]
    array([0.25, 0.25, 0.75])
    """
    return _incidence(_arrange(time, cause, weight, entry))


def incidence_at(curve: Incidence, cause: int, times: Floats) -> Floats:
    """Read the incidence of one cause at any times, (k,) floats; an event at exactly a time counts.

    A cause beyond those of the sample has incidence 0: nobody had it.

    Raises
    ------
    EstimationError
        If a time lies beyond the longest follow-up while some are left without an event, or the cause is below 1.
    """
    _require_cause(cause)
    require_followed(float(np.max(times, initial=0.0)), curve.longest, curve.survival)
    levels = np.concatenate(([0.0], _of_cause(curve.incidence, cause)))
    found: Floats = levels[np.searchsorted(curve.time, times, side="right")]
    return found


def incidence_influence(
    time: Floats, cause: Indices, weight: Floats, horizon: float, *, of: int = 1, entry: Floats | None = None
) -> Floats:
    r"""Give each unit's influence on the incidence of cause ``of`` at ``horizon``: weight times derivative in the weight.

    .. math:: \phi_i = w_i \sum_{t_k \le t} \left\{\hat S(t_{k-1}) \frac{dN_{ijk} - Y_{ik}\, d_{jk}/n_k}{n_k}
              + \big(\hat F_j(t) - \hat F_j(t_k)\big)
              \left(\frac{Y_{ik} - dN_{i \cdot k}}{n_k - d_k} - \frac{Y_{ik}}{n_k}\right)\right\}

    with :math:`Y_{ik}` = 1 while unit i is at risk and :math:`dN_{ijk}` = 1 at its event of cause j. The sum of squares is
    R's infinitesimal jackknife variance of ``survfit``.

    Parameters
    ----------
    time, cause, weight, entry : (n,) floats, integers, floats, floats
        As for ``cumulative_incidence``.
    horizon : float
        Time at which the curve is read.
    of : int
        The cause, from 1.

    Returns
    -------
    (n,) floats
        Influence values; they sum to zero.

    Raises
    ------
    EstimationError
        If the horizon lies beyond the longest follow-up while some are left without an event.

    References
    ----------
    therneau2024 : Therneau, Crowson and Atkinson (2024), Multi-state models and competing risks, vignette of survival.
    """
    _require_cause(of)
    sets = _arrange(time, cause, weight, entry)
    require_followed(horizon, sets.longest, _incidence(sets).survival)
    return _influence(sets, weight, of, np.where(sets.time <= horizon, 1.0, 0.0))


def time_lost(curve: Incidence, cause: int, tau: float) -> float:
    r"""Return the mean time up to ``tau`` lost to a cause: the area under its incidence.

    .. math:: \int_0^{\tau} \hat F_j(u)\,du = \sum_{t_k \le \tau} \hat S(t_{k-1}) \frac{d_{jk}}{n_k} (\tau - t_k)

    With the restricted mean time without any event, the times lost to all causes sum to ``tau``.

    Raises
    ------
    EstimationError
        If ``tau`` lies beyond the longest follow-up while some are left without an event, or the cause is below 1.

    References
    ----------
    andersen2013 : Andersen (2013), Statistics in Medicine 32(30), 5278-5285.
    """
    _require_cause(cause)
    require_followed(tau, curve.longest, curve.survival)
    return float(np.diff(_of_cause(curve.incidence, cause), prepend=0.0) @ np.maximum(tau - curve.time, 0.0))


def time_lost_influence(
    time: Floats, cause: Indices, weight: Floats, tau: float, *, of: int = 1, entry: Floats | None = None
) -> Floats:
    """Give each unit's influence on the mean time lost to cause ``of``, (n,) floats that sum to zero.

    The integral of ``incidence_influence`` up to ``tau``.

    Parameters
    ----------
    time, cause, weight, entry : (n,) floats, integers, floats, floats
        As for ``cumulative_incidence``.
    tau : float
        Length of follow-up.
    of : int
        The cause, from 1.

    Raises
    ------
    EstimationError
        If ``tau`` lies beyond the longest follow-up while some are left without an event.
    """
    _require_cause(of)
    sets = _arrange(time, cause, weight, entry)
    require_followed(tau, sets.longest, _incidence(sets).survival)
    return _influence(sets, weight, of, np.maximum(tau - sets.time, 0.0))


def clustered_incidence_variance(
    time: Floats,
    cause: Indices,
    weight: Floats,
    cluster: Indices,
    times: Floats,
    *,
    of: int = 1,
    entry: Floats | None = None,
    gradient: Floats | None = None,
    parameter_influence: Floats | None = None,
) -> Floats:
    r"""Give the variance of the incidence of cause ``of`` at many times at once, clustered.

    The influence of a unit is :math:`w_i \{\hat F_j(t) A_i(t) + C_i(t)\}` with A and C sums over its steps up to t, so that
    no influence value is needed for each time; see ``variance_by_step``.

    Parameters
    ----------
    time, cause, weight, entry : (n,) floats, integers, floats, floats
        As for ``cumulative_incidence``.
    cluster : (n,) integers
        Number of each unit's cluster, from 0.
    times : (k,) floats
        Where the variance is wanted.
    of : int
        The cause, from 1.
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
        If a time lies beyond the longest follow-up while some are left without an event, or there is only one cluster.
    """
    _require_cause(of)
    sets = _arrange(time, cause, weight, entry)
    curve = _incidence(sets)
    require_followed(float(np.max(times, initial=0.0)), curve.longest, curve.survival)
    level = _of_cause(curve.incidence, of)
    gain, loss = log_survival_steps(sets)
    through_survival = spread_steps(sets, gain, _for_every_cause(loss, sets))
    shared, single = _direct_steps(sets, curve, of)
    rest = spread_steps(sets, shared - level * gain, _own_steps(shared - level * loss, single, sets, of))
    scale = np.column_stack([np.concatenate(([0.0], level)), np.ones(level.size + 1)])
    found = variance_by_step(
        sets,
        (through_survival, rest),
        scale,
        weight,
        cluster,
        gradient=gradient,
        parameter_influence=parameter_influence,
    )
    return found[np.searchsorted(curve.time, times, side="right")]


def _arrange(time: Floats, cause: Indices, weight: Floats, entry: Floats | None) -> RiskSets:
    if cause.size and cause.min() < 0:
        raise EstimationError(
            "A cause is 0 where censored, else 1, 2 and so on; some are below 0.", "Number the causes from 1."
        )
    return arrange_risk_sets(time, cause, weight, entry, n_causes=max(int(cause.max(initial=0)), 1))


def _incidence(sets: RiskSets) -> Incidence:
    survival = np.cumprod(sets.survivors / sets.at_risk, dtype=np.float64)
    steps = (_before(survival) / sets.at_risk)[:, None] * sets.events
    return Incidence(
        time=sets.time,
        survival=survival,
        incidence=np.cumsum(steps, axis=0),
        at_risk=sets.at_risk,
        events=sets.events,
        n_at_risk=sets.n_at_risk,
        n_events=sets.n_events,
        longest=sets.longest,
    )


def _influence(sets: RiskSets, weight: Floats, of: int, counts: Floats) -> Floats:
    """Spread the sum of the steps of one cause's incidence, each counting ``counts``, over the units at risk."""
    curve = _incidence(sets)
    steps = counts * np.diff(_of_cause(curve.incidence, of), prepend=0.0)
    # What lies after a step shrinks with the survival that the step leaves.
    later = reverse_cumsum(steps) - steps
    gain, loss = log_survival_steps(sets)
    shared, single = (counts * part for part in _direct_steps(sets, curve, of))
    own = _own_steps(shared + later * loss, single, sets, of)
    return weight * spread_steps(sets, shared + later * gain, own).gathered()


def _direct_steps(sets: RiskSets, curve: Incidence, of: int) -> tuple[Floats, Floats]:
    """Give the derivative of each step of the incidence, survival before it held: of all at risk, and of its events besides."""
    single = _before(curve.survival) / sets.at_risk
    return -single * _of_cause(sets.events, of) / sets.at_risk, single


def _own_steps(every: Floats, single: Floats, sets: RiskSets, of: int) -> Floats:
    own = _for_every_cause(every, sets)
    if of <= own.shape[1]:
        own[:, of - 1] += single
    return own


def _for_every_cause(values: Floats, sets: RiskSets) -> Floats:
    return np.repeat(values[:, None], sets.events.shape[1], axis=1)


def _before(survival: Floats) -> Floats:
    return np.concatenate(([1.0], survival[:-1]))[: survival.size]


def _of_cause(columns: Floats, cause: int) -> Floats:
    found: Floats = columns[:, cause - 1] if cause <= columns.shape[1] else np.zeros(len(columns))
    return found


def _require_cause(cause: int) -> None:
    if cause < 1:
        raise EstimationError(f"Causes are numbered from 1; asked for {cause}.", "Choose 1 or more; 0 is censored.")
