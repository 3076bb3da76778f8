"""Gray's test of whether groups have the same cumulative incidence of a cause when others compete with it.

Takes times, causes and groups, and gives scores of the subdistribution hazard with their covariance under no difference, in
O(n log n). Units are unweighted and independent: for others see ``weighted_gray``. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.intervals import chi_square_p_value
from yoseval.models.risk_sets import RiskSets, arrange_risk_sets, at_risk_sums


@dataclass(frozen=True, slots=True, eq=False)
class GrayTest:
    """Gray's test of g groups.

    Parameters
    ----------
    score : (g,) floats
        Events of the cause in each group less those expected if the incidence were the same; they sum to zero.
    covariance : (g, g) floats
        Of the scores; rows sum to zero.
    chi2 : float
        The quadratic form of all scores but one.
    df : int
        g - 1.
    p_value : float
        Of no difference.
    """

    score: Floats
    covariance: Floats
    chi2: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Each of g groups at the m event times of one stratum: (m, g) floats."""

    at_risk: Floats
    of_cause: Floats
    of_others: Floats
    survival_before: Floats
    survival_after: Floats
    incidence_before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Null:
    """The subdistribution if it is the same in all groups, at the m event times."""

    events: Floats  # (m,) of the cause, all groups
    effective: Floats  # (m, g) at risk over the group's survival: at risk had no other cause taken anybody
    total: Floats  # (m,)
    before: Floats  # (m,) incidence
    after: Floats  # (m,)
    by_time: Floats  # (m,) (1 - incidence before)^rho


def gray_test(
    time: Floats, cause: Indices, group: AnyArray, *, of: int = 1, strata: AnyArray | None = None, rho: float = 0.0
) -> GrayTest:
    r"""Test whether groups have the same subdistribution hazard of cause ``of``.

    .. math:: z_a = \sum_k \{1 - \hat F^0(t_k-)\}^{\rho} \left(d_{ak} - R_{ak} \frac{d_k}{\sum_b R_{bk}}\right),
       \qquad R_{ak} = n_{ak} \frac{1 - \hat F_a(t_k-)}{\hat S_a(t_k-)}

    over the times k of events of the cause; :math:`\hat F_a, \hat S_a` are a group's incidence of the cause and its survival
    without any. The covariance is Gray's, with his factors for tied events: R's ``cmprsk::cuminc``. With strata, scores and
    covariances are added.

    Parameters
    ----------
    time : (n,) floats
        Time to the first event of any cause or to censoring, zero or more.
    cause : (n,) integers
        0 where censored at ``time``, else the number of the cause, from 1.
    group : (n,) labels
        Two or more different ones.
    of : int
        The cause that is tested.
    strata : (n,) labels, optional
        Groups are compared within each.
    rho : float
        Power of one minus the incidence: above 0, early events count more.

    Returns
    -------
    GrayTest
        The test; groups in their sorted order.

    Raises
    ------
    EstimationError
        If there is one group, or no event of the cause tells the groups apart.

    References
    ----------
    gray1988 : Gray (1988), Annals of Statistics 16(3), 1141-1154, sections 2 and 3.

    Examples
    --------
    >>> time, cause = np.arange(1.0, 9.0), np.array([1, 2, 1, 1, 0, 1, 2, 1])
    >>> gray_test(time, cause, np.array([1, 1, 1, 1, 0, 0, 0, 0])).score.round(2)
    array([-1.74,  1.74])
    """
    labels, code = np.unique(group, return_inverse=True)
    if labels.size < 2:
        raise EstimationError("Gray's test compares groups; there is one.", "Choose two or more.")
    kind = np.where(cause == of, 1, np.where(cause > 0, 2, 0))
    stratum = np.zeros(time.size, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    score, covariance = np.zeros(labels.size), np.zeros((labels.size, labels.size))
    for s in range(int(stratum.max()) + 1):
        mine = stratum == s
        own_score, own_covariance = _stratum(time[mine], kind[mine], code[mine], labels.size, rho)
        score, covariance = score + own_score, covariance + own_covariance
    chi2 = _quadratic_form(score[1:], covariance[1:, 1:])
    return GrayTest(score, covariance, chi2, labels.size - 1, chi_square_p_value(chi2, labels.size - 1))


def _quadratic_form(score: Floats, covariance: Floats) -> float:
    if np.linalg.matrix_rank(covariance) < score.size:
        raise EstimationError("No event of the cause tells the groups apart.", "Choose a longer follow-up or other groups.")
    return float(score @ np.linalg.solve(covariance, score))


def _stratum(time: Floats, kind: Indices, code: Indices, n_groups: int, rho: float) -> tuple[Floats, Floats]:
    sets = arrange_risk_sets(time, kind, np.ones(time.size), n_causes=2)
    members = [code == g for g in range(n_groups)]
    groups = _groups(sets, time, kind, members)
    null = _null(groups, rho)
    expected = groups.at_risk * _over(1.0 - groups.incidence_before, groups.survival_before)
    share = _over(expected, expected.sum(axis=1, keepdims=True))
    score = null.by_time @ (groups.of_cause - null.events[:, None] * share)
    return score, _covariance(groups, null)


def _groups(sets: RiskSets, time: Floats, kind: Indices, members: list[Flags]) -> _Groups:
    place = np.searchsorted(sets.time, time)
    m = sets.time.size

    def count(wanted: Flags) -> Floats:
        return np.column_stack([np.bincount(place[wanted & own], minlength=m) for own in members]).astype(np.float64)

    at_risk = np.column_stack([at_risk_sums(sets, own.astype(np.float64)) for own in members])
    of_cause, of_others = count(kind == 1), count(kind == 2)
    stay = 1.0 - _over(of_cause + of_others, at_risk)
    after = np.cumprod(stay, axis=0, dtype=np.float64)
    before = np.vstack([np.ones((1, len(members))), after])[:m]
    steps = before * _over(of_cause, at_risk)
    return _Groups(at_risk, of_cause, of_others, before, after, np.cumsum(steps, axis=0) - steps)


def _null(groups: _Groups, rho: float) -> _Null:
    events = groups.of_cause.sum(axis=1)
    effective = _over(groups.at_risk, groups.survival_before)
    total = effective.sum(axis=1)
    steps = _over(events, total)
    after = np.cumsum(steps)
    before = after - steps
    return _Null(events, effective, total, before, after, np.maximum(1.0 - before, 0.0) ** rho)


def _covariance(groups: _Groups, null: _Null) -> Floats:
    """Sum the squares of what an event of the cause, and of another, in each group does to each score (Gray, section 3)."""
    n_groups = groups.at_risk.shape[1]
    share = _over(null.effective, null.total[:, None])
    now = null.by_time[:, None, None] * null.effective[:, :, None] * (np.eye(n_groups) - share[:, None, :])
    drift = np.cumsum(now * _over(null.events, null.total * (1.0 - null.before))[:, None, None], axis=0)
    later = drift[-1:] - drift
    ratio = _over(1.0 - null.after[:, None], groups.survival_after)
    by_cause = now + (1.0 - ratio)[:, None, :] * later
    tied = 1.0 - _over(np.maximum(null.events - 1.0, 0.0)[:, None], null.total[:, None] * groups.survival_before - 1.0)
    weight = tied * groups.survival_before * _over(null.events[:, None], null.total[:, None] * groups.at_risk)
    return _crossed(by_cause, weight) + _of_others(groups, ratio, later)


def _of_others(groups: _Groups, ratio: Floats, later: Floats) -> Floats:
    effect = ratio[:, None, :] * later
    tied = 1.0 - _over(np.maximum(groups.of_others - 1.0, 0.0), groups.at_risk - 1.0)
    weight = tied * groups.survival_before**2 * _over(groups.of_others, groups.at_risk**2) * (groups.survival_after > 0)
    return _crossed(effect, weight)


def _crossed(effect: Floats, weight: Floats) -> Floats:
    """Sum the products of the effects on each two scores over times and groups: (g, g) floats."""
    found: Floats = np.einsum("kig,kjg,kg->ij", effect, effect, weight)
    return found


def _over(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; nothing where there is nothing to divide by."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)
