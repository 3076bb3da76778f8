"""The log-rank test of two groups, weighted, stratified, clustered, and weighted over time as by Fleming and Harrington.

Takes times, events, groups and weights and gives observed less expected events with a variance and influence values, in
O(n log n) whatever the number of strata. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.intervals import chi_square_p_value
from yoseval.models.risk_sets import RiskSets, arrange_risk_sets, at_risk_sums, log_survival_steps, spread_steps
from yoseval.models.variance import clustered_variance


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """A log-rank test.

    Parameters
    ----------
    statistic : float
        Weighted events observed less expected in the second of the two groups in their sorted order (True of flags);
        below zero where it has fewer.
    variance : float
        Of the statistic: clustered where clusters were given, else hypergeometric.
    chi2 : float
        Square of the statistic over its variance.
    df : int
        1.
    p_value : float
        Of no difference in hazard.
    observed, expected : (2,) floats
        Weighted events of each group, in their sorted order.
    influence : (n,) floats
        Influence of each unit on the statistic, total weight held; they sum to zero.
    """

    statistic: float
    variance: float
    chi2: float
    df: int
    p_value: float
    observed: Floats
    expected: Floats
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """The sample with its strata laid end to end on one line of time, so that nobody is at risk in another's stratum."""

    time: Floats
    entry: Floats | None
    length: float  # of a stratum on the line


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What is at each event time: share of the second group at risk, hazard, weight of the time, and the effect of survival."""

    sets: RiskSets
    share: Floats
    hazard: Floats
    by_time: Floats
    through_survival: Floats


def log_rank(
    time: Floats,
    event: Flags,
    group: AnyArray,
    weight: Floats,
    *,
    strata: AnyArray | None = None,
    clusters: AnyArray | None = None,
    entry: Floats | None = None,
    rho: float = 0.0,
) -> LogRank:
    r"""Test whether two groups have the same hazard.

    .. math:: U = \sum_s \sum_k \hat S_s(t_k-)^{\rho} \left(d_{1sk} - n_{1sk} \frac{d_{sk}}{n_{sk}}\right)

    over the event times k of each stratum s, :math:`\hat S_s` being the product-limit curve of both groups together. Without
    clusters the variance is hypergeometric and weights are numbers of people; R's ``survdiff`` where all are 1. With clusters
    it is that of the influence values

    .. math:: \phi_i = w_i \frac{\partial U}{\partial w_i} - w_i \frac{U}{\sum_j w_j},

    exact in the weights, which may be any weights of a design, and in the curve behind ``rho``.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, zero or more.
    event : (n,) booleans
        True where the event happened at ``time``.
    group : (n,) labels
        Two different ones.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent. Whole numbers if there are no clusters.
    strata : (n,) labels, optional
        Groups are compared within each.
    clusters : (n,) labels, optional
        Units with one label are dependent; give each its own for a robust variance alone.
    entry : (n,) floats, optional
        Time from which each unit is followed (left truncation), before ``time``; 0 is the start itself.
    rho : float
        0 or more: 0 weighs all events alike, 1 early ones more (Peto and Peto).

    Returns
    -------
    LogRank
        The test.

    Raises
    ------
    EstimationError
        If there are not two groups, no event happened while both were at risk, weights are not whole and there are no clusters,
        a unit enters at or after its end, or ``rho`` is below 0.

    References
    ----------
    harrington1982 : Harrington and Fleming (1982), Biometrika 69(3), 553-566.
    lin1989 : Lin and Wei (1989), JASA 84(408), 1074-1078 (robust variance of a score).
    xie2005 : Xie and Liu (2005), Statistics in Medicine 24(20), 3089-3110 (weights).

    Examples
    --------
    >>> event = np.array([True, True, True, False])
    >>> found = log_rank(np.array([1.0, 3.0, 2.0, 3.0]), event, np.array([1, 1, 0, 0]), np.ones(4))
    >>> round(found.statistic, 4), round(found.variance, 4)
    (0.6667, 0.7222)
    """
    used = weight > 0
    second = _second_group(group, used)
    _require_usable(weight, clusters, rho)
    steps = _arrange(time, event, second, np.where(used, weight, 0.0), _lay_out(time, entry, strata), rho)
    observed, expected = _counts(steps)
    statistic = float(observed[1] - expected[1])
    influence = weight * (_slopes(steps, second) - statistic / weight.sum())
    model = _hypergeometric(steps)
    if model <= 0.0:
        raise EstimationError("No event happened while both groups were at risk.", "Choose a longer follow-up or other groups.")
    variance = model if clusters is None else clustered_variance(influence[used], clusters[used])
    return LogRank(
        statistic=statistic,
        variance=variance,
        chi2=statistic**2 / variance,
        df=1,
        p_value=chi_square_p_value(statistic**2 / variance, 1),
        observed=observed,
        expected=expected,
        influence=influence,
    )


def _second_group(group: AnyArray, used: Flags) -> Flags:
    labels = np.unique(group[used])
    if labels.size != 2:
        raise EstimationError(f"A log-rank test compares two groups; there are {labels.size}.", "Choose two.")
    return np.asarray(group == labels[1], dtype=np.bool_)


def _require_usable(weight: Floats, clusters: AnyArray | None, rho: float) -> None:
    if rho < 0:
        raise EstimationError(f"The power rho is {rho:g}; below 0 it has no bounds.", "Choose 0 or more.")
    if clusters is None and not (weight == np.round(weight)).all():
        raise EstimationError(
            "Without clusters the weights of a log-rank test are numbers of people, but some are not whole.",
            "Give clusters, each unit its own if they are independent.",
        )


def _lay_out(time: Floats, entry: Floats | None, strata: AnyArray | None) -> _Line:
    """Lay the strata end to end: ranks keep ties exact, and a unit enters its stretch of the line when its stratum begins."""
    if strata is None:
        return _Line(time, entry, np.inf)
    _, stratum = np.unique(strata, return_inverse=True)
    distinct, rank = np.unique(time, return_inverse=True)
    begin = stratum * (distinct.size + 1.0)
    passed = np.zeros(time.size)
    if entry is not None:
        passed = np.where(entry <= 0, 0.0, np.searchsorted(distinct, entry, side="right"))
    return _Line(np.asarray(begin + rank + 1.0, dtype=np.float64), begin + passed, distinct.size + 1.0)


def _arrange(time: Floats, event: Flags, second: Flags, weight: Floats, line: _Line, rho: float) -> _Steps:
    cause = np.where(event, 1 + second.astype(np.int64), 0)
    sets = arrange_risk_sets(line.time, cause, weight, line.entry, n_causes=2)
    dead = sets.events.sum(axis=1)
    share = at_risk_sums(sets, weight * second) / sets.at_risk
    first = _first_of_stratum(np.floor(sets.time / line.length))
    by_time = _survival_before(sets, first) ** rho
    # What later times would lose with the curve: zero where survival is no part of the statistic.
    scores = by_time * (sets.events[:, 1] - share * dead)
    later = rho * (_within(scores, first, whole=True) - _within(scores, first) - scores)
    return _Steps(sets, share, dead / sets.at_risk, by_time, later)


def _first_of_stratum(stratum: Floats) -> Indices:
    """Give for each event time the position of the first of its stratum, and with it where the next begins."""
    begins = np.concatenate(([True], stratum[1:] != stratum[:-1]))[: stratum.size]
    return np.asarray(np.cumsum(begins) - 1, dtype=np.int64)


def _within(values: Floats, stratum: Indices, *, whole: bool = False) -> Floats:
    """Sum the values of the same stratum that come before each, or all of them."""
    totals = np.bincount(stratum, values)
    if whole:
        return np.asarray(totals[stratum], dtype=np.float64)
    before = np.cumsum(values) - values
    return np.asarray(before - (np.cumsum(totals) - totals)[stratum], dtype=np.float64)


def _survival_before(sets: RiskSets, stratum: Indices) -> Floats:
    """Return the product-limit curve of each stratum just before each of its event times."""
    is_end = sets.survivors <= 0
    logs = np.log(np.where(is_end, 1.0, sets.survivors / sets.at_risk))
    ended = _within(is_end.astype(np.float64), stratum) > 0.5
    return np.where(ended, 0.0, np.exp(_within(logs, stratum)))


def _counts(steps: _Steps) -> tuple[Floats, Floats]:
    events = steps.by_time[:, None] * steps.sets.events
    expected = events.sum(axis=1) @ np.column_stack((1.0 - steps.share, steps.share))
    return events.sum(axis=0), expected


def _hypergeometric(steps: _Steps) -> float:
    n = steps.sets.at_risk
    dead = steps.hazard * n
    spare = np.divide(n - dead, n - 1.0, out=np.zeros_like(n), where=n > 1.0)
    return float((steps.by_time**2 * steps.share * (1.0 - steps.share) * dead * spare).sum())


def _slopes(steps: _Steps, second: Flags) -> Floats:
    """Give the derivative of the statistic in each weight: (z - p)(dN - Y h) over the steps, and what goes through survival."""
    sets, by_time, share = steps.sets, steps.by_time, steps.share
    exposure = -by_time * steps.hazard
    of_second = spread_steps(sets, exposure, np.column_stack((exposure, exposure)))
    gain, loss = log_survival_steps(sets)
    stay = -exposure * share + steps.through_survival * gain
    leave = -exposure * share + steps.through_survival * loss
    own = np.column_stack((leave - by_time * share, leave + by_time * (1.0 - share)))
    return second * of_second.gathered() + spread_steps(sets, stay, own).gathered()
