"""Kaplan-Meier curves of one arm, with weights, and what each unit has to do with them.

Takes times, events, weights and, where units enter late, entries of one arm and gives the curve, its value at any time, its
restricted mean, and their influence values, in O(n log n). It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
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


def kaplan_meier(time: Floats, event: Flags, weight: Floats, entry: Floats | None = None) -> KaplanMeier:
    r"""Estimate the share still without the event, by the weighted product-limit method.

    .. math:: \hat S(t) = \prod_{t_k \le t} \left(1 - \frac{d_k}{n_k}\right)

    with :math:`d_k` the weight of those with the event at :math:`t_k` and :math:`n_k` the weight of those at risk: entered
    before :math:`t_k` and not yet left. A unit censored at :math:`t_k` is still at risk then, one that enters at :math:`t_k`
    is not yet. Weights of any scale give the same curve.

    With late entries the curve is that of those who had no event before they entered, and it holds only where somebody was
    followed: where all of an early risk set have the event it falls to zero and, as in R's ``survfit``, stays there whoever
    enters later; where all are censored it stays level until the next event. ``entry_notes`` says so in words.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, zero or more.
    event : (n,) booleans
        True where the event happened at ``time``.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    entry : (n,) floats, optional
        Time from which each unit is followed (left truncation), before ``time``; 0 is the start itself.

    Returns
    -------
    KaplanMeier
        The curve; empty (survival 1 throughout) where nobody had the event.

    Raises
    ------
    EstimationError
        If no unit has a positive weight, or one enters at or after its end.

    References
    ----------
    kaplan1958 : Kaplan and Meier (1958), JASA 53(282), 457-481, section 2.
    klein2003 : Klein and Moeschberger (2003), Survival Analysis, 2nd edition, section 4.6 (late entries).

    Examples
    --------
    >>> kaplan_meier(np.array([1.0, 2.0, 2.0]), np.array([True, True, False]), np.ones(3)).survival.round(3)
    array([0.667, 0.333])
    """
    return _curve(arrange_risk_sets(time, event, weight, entry))


def survival_at(curve: KaplanMeier, times: Floats) -> Floats:
    """Read the curve at any times, (k,) floats; an event at exactly a time counts.

    Raises
    ------
    EstimationError
        If a time lies beyond the longest follow-up and the curve has not reached zero.
    """
    require_followed(float(np.max(times, initial=0.0)), curve.longest, curve.survival)
    levels = np.concatenate(([1.0], curve.survival))
    found: Floats = levels[np.searchsorted(curve.time, times, side="right")]
    return found


def entry_notes(curve: KaplanMeier, *, fewest: int = 10) -> list[str]:
    """Say in words what late entries do to a curve; nothing where they do no harm.

    Parameters
    ----------
    curve : KaplanMeier
        The curve.
    fewest : int
        An early risk set of fewer units than this is worth a word.

    Returns
    -------
    list of str
        Sentences for the notes of a result; they name no times and no numbers of units.
    """
    notes = []
    early = curve.n_at_risk[: int(np.argmax(curve.n_at_risk))] if curve.time.size else curve.n_at_risk
    if (early < fewest).any():
        notes.append(
            f"Fewer than {fewest} were followed at an early event, before the others entered: the whole curve rests on them. "
            "Start the curve later, or ask for the cumulative hazard."
        )
    if curve.survival.size and curve.survival[-1] == 0.0 and curve.longest > curve.time[np.argmin(curve.survival)]:
        notes.append("All who were followed early had the event before the others entered: the curve stays at zero from there.")
    return notes


def number_at_risk(time: Floats, weight: Floats, times: Floats, entry: Floats | None = None) -> Floats:
    """Sum the weights of the units at risk just before each of ``times``, (k,) floats; with ones, count them."""
    found = _weight_from(time, weight, times)
    if entry is None:
        return found
    late = entry > 0
    return found - _weight_from(entry[late], weight[late], times)


def survival_influence(time: Floats, event: Flags, weight: Floats, horizon: float, entry: Floats | None = None) -> Floats:
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
    entry : (n,) floats, optional
        As for ``kaplan_meier``.

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
    sets = arrange_risk_sets(time, event, weight, entry)
    level = survival_at(_curve(sets), np.array([horizon]))[0]
    return _influence(sets, weight, np.where(sets.time <= horizon, level, 0.0))


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
    require_followed(tau, curve.longest, curve.survival)
    edges = np.concatenate(([0.0], np.minimum(curve.time, tau), [tau]))
    return float(np.concatenate(([1.0], curve.survival)) @ np.diff(edges))


def restricted_mean_influence(time: Floats, event: Flags, weight: Floats, tau: float, entry: Floats | None = None) -> Floats:
    r"""Give each unit's influence on the restricted mean, (n,) floats that sum to zero.

    The integral of ``survival_influence``: each step counts with the area under the curve that lies after it,
    :math:`A_k = \int_{t_k}^{\tau} \hat S(u)\,du`.

    Parameters
    ----------
    time, event, weight : (n,) floats, booleans, floats
        As for ``kaplan_meier``.
    tau : float
        Length of follow-up.
    entry : (n,) floats, optional
        As for ``kaplan_meier``.

    Raises
    ------
    EstimationError
        If ``tau`` lies beyond the longest follow-up and the curve has not reached zero.
    """
    sets = arrange_risk_sets(time, event, weight, entry)
    curve = _curve(sets)
    require_followed(tau, curve.longest, curve.survival)
    edges = np.concatenate((np.minimum(curve.time, tau), [tau]))
    return _influence(sets, weight, reverse_cumsum(curve.survival * np.diff(edges)))


def clustered_survival_variance(
    time: Floats,
    event: Flags,
    weight: Floats,
    cluster: Indices,
    times: Floats,
    *,
    entry: Floats | None = None,
    gradient: Floats | None = None,
    parameter_influence: Floats | None = None,
) -> Floats:
    r"""Give the variance of the curve at many times at once, clustered, without an influence value for each time.

    The influence of a cluster at :math:`t` is :math:`\hat S(t)\,\{P_c(t) + G(t) R_c(t)\}`: what its units that left had
    gathered, and what its units still at risk share; see ``variance_by_step``.

    Parameters
    ----------
    time, event, weight : (n,) floats, booleans, floats
        As for ``kaplan_meier``.
    cluster : (n,) integers
        Number of each unit's cluster, from 0.
    times : (k,) floats
        Where the variance is wanted.
    entry : (n,) floats, optional
        As for ``kaplan_meier``.
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
    sets = arrange_risk_sets(time, event, weight, entry)
    curve = _curve(sets)
    require_followed(float(np.max(times, initial=0.0)), curve.longest, curve.survival)
    gain, loss = log_survival_steps(sets)
    part = spread_steps(sets, gain, loss[:, None])
    level = np.concatenate(([1.0], curve.survival))[:, None]
    found = variance_by_step(sets, (part,), level, weight, cluster, gradient=gradient, parameter_influence=parameter_influence)
    return found[np.searchsorted(curve.time, times, side="right")]


def _curve(sets: RiskSets) -> KaplanMeier:
    return KaplanMeier(
        time=sets.time,
        survival=np.cumprod(sets.survivors / sets.at_risk, dtype=np.float64),
        at_risk=sets.at_risk,
        events=sets.events[:, 0],
        n_at_risk=sets.n_at_risk,
        n_events=sets.n_events[:, 0],
        longest=sets.longest,
    )


def _influence(sets: RiskSets, weight: Floats, effect: Floats) -> Floats:
    """Spread the effect of each step of the log curve on a quantity over the units at risk."""
    gain, loss = log_survival_steps(sets)
    return weight * spread_steps(sets, effect * gain, (effect * loss)[:, None]).gathered()


def _weight_from(time: Floats, weight: Floats, times: Floats) -> Floats:
    """Sum the weights of the units whose time is each of ``times`` or later."""
    order = np.argsort(time, kind="stable")
    before = np.concatenate(([0.0], np.cumsum(weight[order])))
    found: Floats = before[-1] - before[np.searchsorted(time[order], times, side="left")]
    return found
