"""The test of two groups' cumulative incidence where units are weighted, dependent or enter late.

Takes times, causes, groups, weights and clusters and gives the score of Gray's test with the influence of each unit on it, so
that its variance is robust. Without weights the score is that of ``gray_test``, whose variance presumes independent units. It
cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.intervals import chi_square_p_value
from yoseval.models.risk_sets import RiskSets, arrange_risk_sets, at_risk_sums, reverse_cumsum, spread_steps
from yoseval.models.variance import clustered_variance

_KINDS = 2  # the cause that is tested, and all others


@dataclass(frozen=True, slots=True, eq=False)
class WeightedGray:
    """A robust test of two groups' cumulative incidence.

    Parameters
    ----------
    statistic : float
        Weighted events of the cause observed less expected in the second group in sorted order (True of flags), over the times
        with the power ``rho`` of one minus the incidence.
    variance : float
        Of the statistic, clustered.
    chi2 : float
        Square of the statistic over its variance.
    df : int
        1.
    p_value : float
        Of no difference in cumulative incidence.
    influence : (n,) floats
        Influence of each unit on the statistic, total weight held; they sum to zero.
    """

    statistic: float
    variance: float
    chi2: float
    df: int
    p_value: float
    influence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """One group at the m event times of a stratum."""

    at_risk: Floats
    of_cause: Floats
    dead: Floats
    survival_before: Floats
    incidence_before: Floats
    steps: Floats  # of the incidence

    @property
    def never_left(self) -> Floats:
        """At risk over survival: as many as there were, had no cause taken anybody."""
        return _over(self.at_risk, self.survival_before)

    @property
    def effective(self) -> Floats:
        """At risk, had no other cause taken anybody."""
        return self.at_risk * _over(1.0 - self.incidence_before, self.survival_before)


@dataclass(frozen=True, slots=True, eq=False)
class _ByTime:
    """The power of one minus the incidence if it is the same in both groups, at the m event times of a stratum."""

    factor: Floats
    pull: Floats  # what a step of that incidence does to the score, through later factors
    events: Floats  # of the cause, both groups
    never_left: Floats  # both groups


def weighted_gray_test(
    time: Floats,
    cause: Indices,
    group: AnyArray,
    weight: Floats,
    clusters: AnyArray,
    *,
    of: int = 1,
    strata: AnyArray | None = None,
    entry: Floats | None = None,
    rho: float = 0.0,
) -> WeightedGray:
    r"""Test whether two groups have the same cumulative incidence of cause ``of``.

    .. math:: U = \sum_k \{1 - \hat F^0(t_k-)\}^{\rho} \left(d_{1k} - p_k d_k\right), \quad
       p_k = \frac{R_{1k}}{R_{0k} + R_{1k}}, \quad R_{ak} = n_{ak} \frac{1 - \hat F_a(t_k-)}{\hat S_a(t_k-)}, \quad
       \hat F^0(t) = \sum_{t_k \le t} \frac{d_k}{\sum_a n_{ak} / \hat S_a(t_k-)}

    with weighted events and numbers at risk. The variance is that of the influence values

    .. math:: \phi_i = w_i \frac{\partial U}{\partial w_i} - w_i \frac{U}{\sum_j w_j},

    exact in the weights: through the events, those at risk, the incidence and the survival of each group, and the incidence
    behind ``rho``. With strata the scores are added.

    Parameters
    ----------
    time : (n,) floats
        Time to the first event of any cause or to censoring, zero or more.
    cause : (n,) integers
        0 where censored at ``time``, else the number of the cause, from 1.
    group : (n,) labels
        Two different ones.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    clusters : (n,) labels
        Units with one label are dependent; give each its own if there are none.
    of : int
        The cause that is tested.
    strata : (n,) labels, optional
        Groups are compared within each.
    entry : (n,) floats, optional
        Time from which each unit is followed (left truncation), before ``time``; 0 is the start itself.
    rho : float
        Power of one minus the incidence, 0 or more: above 0, early events count more.

    Returns
    -------
    WeightedGray
        The test.

    Raises
    ------
    EstimationError
        If there are not two groups, no event of the cause tells them apart, a unit enters at or after its end, or ``rho`` is
        below 0.

    References
    ----------
    gray1988 : Gray (1988), Annals of Statistics 16(3), 1141-1154, section 2.
    lin1989 : Lin and Wei (1989), JASA 84(408), 1074-1078 (robust variance of a score).

    Examples
    --------
    >>> time, cause = np.arange(1.0, 9.0), np.array([1, 2, 1, 1, 0, 1, 2, 1])
    >>> found = weighted_gray_test(time, cause, np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.ones(8), np.arange(8))
    >>> round(found.statistic, 2)
    1.74
    """
    used = weight > 0
    second = _second_group(group, used)
    if not rho >= 0:
        raise EstimationError(f"The power rho is {rho:g}; below 0 it has no bounds.", "Choose 0 or more.")
    kind = np.where(cause == of, 1, np.where(cause > 0, 2, 0))
    statistic, slope, told = 0.0, np.zeros(time.size), False
    for own in _strata(strata, used):
        late = None if entry is None else entry[own]
        value, slopes = _stratum(time[own], kind[own], second[own], weight[own], late, rho)
        statistic, slope[own], told = statistic + value, slopes, told or bool(slopes.any())
    influence = weight * (slope - statistic / weight.sum())
    variance = clustered_variance(influence[used], clusters[used])
    if not told or variance <= 0.0:
        raise EstimationError("No event of the cause tells the groups apart.", "Choose a longer follow-up or other groups.")
    chi2 = statistic**2 / variance
    return WeightedGray(statistic, variance, chi2, 1, chi_square_p_value(chi2, 1), influence)


def _second_group(group: AnyArray, used: Flags) -> Flags:
    labels = np.unique(group[used])
    if labels.size != 2:
        raise EstimationError(f"This test compares two groups; there are {labels.size}.", "Choose two, or use Gray's own test.")
    return np.asarray(group == labels[1], dtype=np.bool_)


def _strata(strata: AnyArray | None, used: Flags) -> list[Indices]:
    """Return the positions of the used units of each stratum."""
    places = np.flatnonzero(used)
    if strata is None:
        return [places]
    _, code = np.unique(strata[places], return_inverse=True)
    order = np.argsort(code, kind="stable")
    return np.split(places[order], np.cumsum(np.bincount(code))[:-1])


def _stratum(
    time: Floats, kind: Indices, second: Flags, weight: Floats, entry: Floats | None, rho: float
) -> tuple[float, Floats]:
    """Return the score of one stratum and its derivative in each weight."""
    cause = np.where(kind > 0, kind + _KINDS * second, 0)
    sets = arrange_risk_sets(time, cause, weight, entry, n_causes=2 * _KINDS)
    groups = [_group(sets, weight * arm, first) for arm, first in ((~second, 0), (second, _KINDS))]
    share = _over(groups[1].effective, groups[0].effective + groups[1].effective)
    score = groups[1].of_cause - share * (groups[0].of_cause + groups[1].of_cause)
    by_time = _by_time(groups, score, rho)
    slopes = np.zeros(time.size)
    for arm, first, own in ((~second, 0, groups[0]), (second, _KINDS, groups[1])):
        slopes[arm] = _slopes(sets, own, share, by_time, first)[arm]
    return float((by_time.factor * score).sum()), slopes


def _group(sets: RiskSets, weight: Floats, first: int) -> _Group:
    at_risk = at_risk_sums(sets, weight)
    of_cause, dead = sets.events[:, first], sets.events[:, first : first + _KINDS].sum(axis=1)
    after = np.cumprod(1.0 - _over(dead, at_risk), dtype=np.float64)
    before = np.concatenate(([1.0], after[:-1]))[: after.size]
    steps = before * _over(of_cause, at_risk)
    return _Group(at_risk, of_cause, dead, before, np.cumsum(steps) - steps, steps)


def _by_time(groups: list[_Group], score: Floats, rho: float) -> _ByTime:
    events = groups[0].of_cause + groups[1].of_cause
    never_left = groups[0].never_left + groups[1].never_left
    steps = _over(events, never_left)
    left = np.maximum(1.0 - (np.cumsum(steps) - steps), 0.0)
    factor = left**rho
    # Where nothing is left no weight changes that.
    return _ByTime(factor, -rho * _after(_over(factor * score, left)), events, never_left)


def _slopes(sets: RiskSets, own: _Group, share: Floats, by_time: _ByTime, first: int) -> Floats:
    """Give the derivative of the score in each weight of one group, the second where ``first`` is not 0."""
    events, sign = by_time.events, 1.0 if first else -1.0
    # Through those at risk with the incidence of their group, and through those behind the common incidence.
    pull = sign * by_time.factor * events * share * (1.0 - share)
    common = by_time.pull * _over(_over(events, by_time.never_left), by_time.never_left)
    # What later times make of the survival and of the incidence just before them.
    of_incidence = _after(_over(pull, 1.0 - own.incidence_before))
    at_risk = -_over(pull + common * own.never_left + of_incidence * own.steps, own.at_risk)
    through_survival = _after(pull + common * own.never_left) + _after(of_incidence * own.steps)
    left = own.at_risk - own.dead
    stay = at_risk + through_survival * _over(_over(own.dead, left), own.at_risk)
    leave = at_risk - through_survival * _over(np.ones_like(left), own.at_risk)
    table = np.repeat(leave[:, None], sets.events.shape[1], axis=1)
    table[:, first] += by_time.factor * ((1.0 if first else 0.0) - share) + _over(by_time.pull, by_time.never_left)
    table[:, first] += of_incidence * _over(own.survival_before, own.at_risk)
    return spread_steps(sets, stay, table).gathered()


def _after(values: Floats) -> Floats:
    """Sum what comes after each position."""
    summed: Floats = reverse_cumsum(values) - values
    return summed


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; nothing where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator, dtype=np.float64), where=denominator > 1e-12)
