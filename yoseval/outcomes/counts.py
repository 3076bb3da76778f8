"""Contrasts of mean numbers of events over follow-up.

Takes the counts of units, arms and weights and gives a contrast with influence values. Where every unit was followed to the
horizon they are weighted means; where some were not, it needs to know when each event happened.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError, FollowUpTooShortError
from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_ratio
from yoseval.outcomes.types import Contrast, Recurrences


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Events of n units.

    Parameters
    ----------
    count : (n,) floats
        Number of events up to ``followed``.
    followed : (n,) floats
        Time to the end of follow-up, whatever happened on the way.
    recurrences : Recurrences or None
        When each event happened.
    """

    count: Floats
    followed: Floats
    recurrences: Recurrences | None = None

    def take(self, kept: Indices) -> "Counts":
        """Return the units at the positions ``kept``, (k,) integers; a unit named twice is two units."""
        if self.recurrences is None:
            return Counts(self.count[kept], self.followed[kept])
        own, time = self.recurrences.unit, self.recurrences.time
        order = np.argsort(own, kind="stable")
        number = np.bincount(own, minlength=self.count.size)
        first = np.cumsum(number) - number
        unit = np.repeat(np.arange(kept.size), number[kept])
        # The place of each event within its unit, from 0.
        within = np.arange(unit.size) - np.repeat(np.cumsum(number[kept]) - number[kept], number[kept])
        recurrences = Recurrences(unit, time[order[first[kept][unit] + within]])
        return Counts(self.count[kept], self.followed[kept], recurrences)


def mean_count_difference(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Subtract the comparison arm's mean number of events by the horizon from the treated arm's.

    .. math:: \hat\mu_1(\tau) - \hat\mu_0(\tau), \qquad
       \hat\mu_a(\tau) = \sum_{k:\, t_k \le \tau} \frac{w_k}{Y_a(t_k)},
       \quad Y_a(t) = \sum_{i \in a} w_i\, 1\{X_i \ge t\}

    over the events k of an arm at :math:`t_k`, with :math:`X_i` the end of a unit's follow-up: the mean cumulative count. Where
    all were followed to the horizon it is the weighted mean of the counts. Whoever died has no more events and stays in Y.

    Parameters
    ----------
    counts : Counts
        Events and follow-up of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up; an event at exactly the horizon counts.

    Returns
    -------
    Contrast
        Events per unit; negative = fewer in the treated arm.

    Raises
    ------
    EstimationError
        If an arm is empty; or if counts end before or reach beyond the horizon while it is not known when events happened.
    FollowUpTooShortError
        If nobody of an arm was followed to the horizon.

    References
    ----------
    nelson2003 : Nelson (2003), Recurrent Events Data Analysis, SIAM, chapter 3 (unweighted).
    lawless1995 : Lawless and Nadeau (1995), Technometrics 37(2), 158-168, eq. 2.3 and 2.6.
    """
    return difference(_mean_count(counts, weight * treated, horizon), _mean_count(counts, weight * ~treated, horizon))


def mean_count_ratio(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Divide the treated arm's mean number of events by the comparison arm's; the value is the logarithm.

    .. math:: \log MR(t) = \log \hat\mu_1(t) - \log \hat\mu_0(t)

    with the mean cumulative counts of ``mean_count_difference``.

    Parameters
    ----------
    counts, treated, weight, horizon
        As for ``mean_count_difference``.

    Returns
    -------
    Contrast
        The value is a logarithm, the values of the arms are events per unit.

    Raises
    ------
    EstimationError
        As ``mean_count_difference``, or if an arm has no event.
    FollowUpTooShortError
        If nobody of an arm was followed to the horizon.

    References
    ----------
    lawless1995 : Lawless and Nadeau (1995), Technometrics 37(2), 158-168, eq. 2.3 and 2.6.

    Examples
    --------
    >>> counts = Counts(np.array([1.0, 3.0, 2.0, 2.0]), np.ones(4))
    >>> mean_count_ratio(counts, np.array([True, True, False, False]), np.ones(4), 1.0).value
    0.0
    """
    means = [_mean_count(counts, weight * arm, horizon) for arm in (treated, ~treated)]
    return log_ratio(*means, instead="the difference in mean number of events")


def counts_to(counts: Counts, horizon: float) -> Floats:
    """Return each unit's number of events up to the horizon, (n,); an event at exactly the horizon counts.

    Raises
    ------
    EstimationError
        If a unit was not followed to the horizon, or counts reach beyond it while it is not known when events happened.

    Examples
    --------
    >>> counts = Counts(np.array([2.0]), np.array([9.0]), Recurrences(np.array([0, 0]), np.array([3.0, 8.0])))
    >>> counts_to(counts, 5.0)
    array([1.])
    """
    if counts.recurrences is None:
        _require_whole_follow_up(counts.followed, horizon)
        return counts.count
    if (counts.followed < horizon).any():
        raise EstimationError(
            f"Some units were not followed to {horizon:g}, and a model of counts needs to know all of them.",
            "Use the adjustment 'none', which allows for censoring, or a shorter follow-up.",
        )
    seen = counts.recurrences.unit[counts.recurrences.time <= horizon]
    return np.bincount(seen, minlength=counts.count.size).astype(np.float64)


def _mean_count(counts: Counts, weight: Floats, horizon: float) -> ArmMean:
    """Return the mean count of one arm and each unit's influence on it."""
    used = weight > 0
    if not used.any():
        raise EstimationError("An arm has no unit with counts.", "Choose another design or outcome.")
    if counts.recurrences is not None:
        return _mean_cumulative_count(counts.followed, counts.recurrences, weight, horizon)
    _require_whole_follow_up(counts.followed[used], horizon)
    total = weight.sum()
    mean = float(weight @ counts.count / total)
    return ArmMean(mean, weight * (counts.count - mean) / total)


def _mean_cumulative_count(followed: Floats, recurrences: Recurrences, weight: Floats, horizon: float) -> ArmMean:
    if followed[weight > 0].max() < horizon:
        raise FollowUpTooShortError(
            f"Nobody of an arm was followed to {horizon:g}.", "Wait until the first are, or choose a shorter follow-up."
        )
    seen = (recurrences.time <= horizon) & (weight[recurrences.unit] > 0)
    unit, time = recurrences.unit[seen], recurrences.time[seen]
    at_risk = _weight_followed_to(time, followed, weight)
    mean = float((weight[unit] / at_risk).sum())
    own = np.bincount(unit, weights=1.0 / at_risk, minlength=weight.size)
    # What a unit takes from the events of others while it is followed: the sum of w_k / Y(t_k)^2 up to its end.
    order = np.argsort(time, kind="stable")
    taken = np.concatenate(([0.0], np.cumsum((weight[unit] / at_risk**2)[order])))
    shared = taken[np.searchsorted(time[order], np.minimum(followed, horizon), side="right")]
    return ArmMean(mean, weight * (own - shared))


def _weight_followed_to(time: Floats, followed: Floats, weight: Floats) -> Floats:
    """Return Y(t): the weight of those whose follow-up ends at ``time`` or later."""
    order = np.argsort(followed, kind="stable")
    before = np.concatenate(([0.0], np.cumsum(weight[order])))
    at_risk: Floats = before[-1] - before[np.searchsorted(followed[order], time, side="left")]
    return at_risk


def _require_whole_follow_up(followed: Floats, horizon: float) -> None:
    # The message may reach a published page: how many it is about stays out of it.
    if (followed < horizon).any():
        raise EstimationError(
            f"Some units of an arm were not followed to {horizon:g}, and it is not known when events happened.",
            "Give the time of each event, or choose a measure of the time to the first.",
        )
    if (followed > horizon).any():
        raise EstimationError(
            f"Counts of an arm reach beyond {horizon:g}, and it is not known when events happened.",
            "Give the time of each event, or the horizon of the counts.",
        )
