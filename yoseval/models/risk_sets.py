"""Who is at risk at each distinct event time, with weights, ties, causes and delayed entry.

Takes times, causes, weights and entries of one sample and gives the sums that every curve and rank test is made of, and spreads
the effect of each step back over the units. Everything is a cumulative sum over the distinct event times: O(n log n), no n by n
array. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError, FollowUpTooShortError

# Whole-numbered times up to here (days, weeks) are looked up in a table instead of sorted.
_TABLE_LIMIT = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class RiskSets:
    """The risk sets of n units at m distinct event times, for j causes.

    Parameters
    ----------
    time : (m,) floats
        Distinct times with an event of positive weight, rising.
    at_risk : (m,) floats
        Weight of the units at risk just before each time: entered before it and not yet left.
    events : (m, j) floats
        Weight of the units with an event of each cause at each time.
    survivors : (m,) floats
        Weight at risk less the weight of all events; exactly 0 where nobody is left.
    n_at_risk : (m,) integers
        The number of units at risk; units of weight 0 do not count.
    n_events : (m, j) integers
        The number of units with an event.
    place : (n,) integers
        How many of the times each unit has reached at its end, 0 to m.
    entered : (n,) integers or None
        How many of the times had passed when each unit entered; None where all are there from the start.
    cell : (n,) integers
        (j + 1) place - cause: one number for where and how a unit left.
    longest : float
        Longest follow-up of any unit of positive weight.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    survivors: Floats
    n_at_risk: Indices
    n_events: Indices
    place: Indices
    entered: Indices | None
    cell: Indices
    longest: float


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """What each unit gathers of a quantity that grows step by step.

    Parameters
    ----------
    rate : (m + 1,) floats
        What somebody at risk from the start without an event has gathered after each number of steps.
    until : (n,) floats
        What a unit would have gathered at its end, had it been there from the start.
    missed : (n,) floats or None
        What had passed before it entered; None where all are there from the start.
    """

    rate: Floats
    until: Floats
    missed: Floats | None

    def gathered(self) -> Floats:
        """Return what each unit has gathered between its entry and its end, (n,) floats."""
        return self.until if self.missed is None else self.until - self.missed


def arrange_risk_sets(
    time: Floats, cause: AnyArray, weight: Floats, entry: Floats | None = None, *, n_causes: int = 1
) -> RiskSets:
    """Find the distinct event times and sum who is at risk and who has an event at each.

    A unit is at risk in (entry, time]: one that enters at an event time is not at risk then, one censored at it still is. An
    entry of 0 is the start itself, so that an event at time 0 counts for it.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, zero or more.
    cause : (n,) booleans or integers
        0 or False where censored, else the number of the cause, 1 to ``n_causes``.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    entry : (n,) floats, optional
        Time from which each unit is followed (left truncation).
    n_causes : int
        j.

    Raises
    ------
    EstimationError
        If no unit has a positive weight, or one enters at or after its end.
    """
    used = weight > 0
    if not used.any():
        raise EstimationError("A curve needs units of positive weight; there are none.", "Choose another design.")
    counted = np.where(used, cause, 0)
    moments, place = event_places(time, counted > 0)
    entered = None if entry is None else _entered(moments, time, entry, used)
    cell: Indices = (n_causes + 1) * place - counted
    at_risk, events, survivors = _sums(cell, entered, weight, moments.size, n_causes)
    n_at_risk, n_events, left = _sums(cell, entered, used.astype(np.float64), moments.size, n_causes)
    if entered is not None:
        # The sums are differences here; only the counts tell zero from a rounding error.
        survivors = np.where(left > 0, np.maximum(survivors, 0.0), 0.0)
        at_risk = survivors + events.sum(axis=1)
    return RiskSets(
        time=moments,
        at_risk=at_risk,
        events=events,
        survivors=survivors,
        n_at_risk=n_at_risk.astype(np.int64),
        n_events=n_events.astype(np.int64),
        place=place,
        entered=entered,
        cell=cell,
        longest=float(time[used].max()),
    )


def at_risk_sums(sets: RiskSets, weight: Floats) -> Floats:
    """Sum other weights, (n,) floats, zero or more, of the units at risk just before each time: (m,) floats.

    The weights must be 0 wherever those of ``sets`` are.
    """
    m, n_causes = sets.events.shape
    found, _, _ = _sums(sets.cell, sets.entered, weight, m, n_causes)
    if sets.entered is None:
        return found
    # A difference: only the count tells zero from a rounding error.
    count, _, _ = _sums(sets.cell, sets.entered, (weight > 0).astype(np.float64), m, n_causes)
    return np.where(count > 0, np.maximum(found, 0.0), 0.0)


def event_places(time: Floats, event: Flags) -> tuple[Floats, Indices]:
    """Find the m distinct event times, rising, and how many of them each unit has reached (0 to m), (n,) integers."""
    whole = time.astype(np.int64) if time.size and time.min() >= 0 and time.max() < _TABLE_LIMIT else None
    if whole is None or not (whole == time).all():
        moments, order = np.unique(time[event]), np.argsort(time)
        place = np.empty(time.size, dtype=np.int64)
        # In order of time the search stays in the cache.
        place[order] = np.searchsorted(moments, time[order], side="right")
        return moments, place
    seen = np.bincount(whole[event], minlength=int(whole.max()) + 1) > 0
    reached: Indices = np.cumsum(seen, dtype=np.int64)[whole]
    return np.flatnonzero(seen).astype(np.float64), reached


def spread_steps(sets: RiskSets, gain: Floats, own: Floats) -> Spread:
    """Give each unit what it gathers while it is at risk.

    Parameters
    ----------
    sets : RiskSets
        Risk sets of n units at m times, j causes.
    gain : (m,) floats
        What somebody at risk who stays gathers at each step.
    own : (m, j) floats
        What somebody with an event of each cause gathers at that step instead.
    """
    m, n_causes = own.shape
    rate = np.concatenate(([0.0], np.cumsum(gain)))
    table = np.zeros((n_causes + 1) * m + 1)
    by_step = table[1:].reshape(m, n_causes + 1)
    by_step[:, -1] = rate[1:]
    by_step[:, :-1] = rate[:-1, None] + own[:, ::-1]
    return Spread(rate, table[sets.cell], None if sets.entered is None else rate[sets.entered])


def log_survival_steps(sets: RiskSets) -> tuple[Floats, Floats]:
    r"""Give the derivative of the logarithm of each factor 1 - d/n in the weight of those who stay and of those with an event.

    .. math:: \frac{1}{n_k - d_k} - \frac{1}{n_k} = \frac{d_k}{n_k (n_k - d_k)}, \qquad -\frac{1}{n_k}

    Where nobody stays, nobody gains, and the curve is zero from there on: two (m,) arrays.
    """
    dead = sets.events.sum(axis=1)
    share = np.divide(dead, sets.survivors, out=np.zeros_like(dead), where=sets.survivors > 0)
    return share / sets.at_risk, -1.0 / sets.at_risk


def require_followed(horizon: float, longest: float, survival: Floats | None = None) -> None:
    """Refuse a horizon beyond the longest follow-up, unless the curve ``survival`` has reached zero.

    Raises
    ------
    FollowUpTooShortError
        If nobody was followed to the horizon.
    """
    is_complete = survival is not None and survival.size > 0 and survival[-1] == 0.0
    if horizon > longest and not is_complete:
        raise FollowUpTooShortError(
            f"The horizon is {horizon:g}, but nobody in one arm was followed beyond {longest:g}.",
            f"Choose a horizon of at most {longest:g}.",
        )


def reverse_cumsum(values: Floats) -> Floats:
    """Sum from each position to the end, along the first axis."""
    summed: Floats = np.cumsum(values[::-1], axis=0)[::-1]
    return summed


def _sums(cell: Indices, entered: Indices | None, weight: Floats, m: int, n_causes: int) -> tuple[Floats, Floats, Floats]:
    """Sum weights at risk before, with events at, and staying after each of m times.

    Survivors are a sum where all are there from the start, so exactly 0 when none.
    """
    leaving: Floats = np.bincount(cell, weight, (n_causes + 1) * m + 1).astype(np.float64)
    # Of the j + 1 positions of a time the last holds those censored from it to before the next, the first its last cause.
    events = leaving[1:].reshape(m, n_causes + 1)[:, -2::-1]
    survivors = reverse_cumsum(leaving)[n_causes + 1 :: n_causes + 1]
    if entered is not None:
        entering: Floats = np.bincount(entered, weight, m + 1).astype(np.float64)
        survivors = survivors - reverse_cumsum(entering)[1:]
    return survivors + events.sum(axis=1), events, survivors


def _entered(moments: Floats, time: Floats, entry: Floats, used: Flags) -> Indices:
    """Count the event times that had passed at each entry; none at 0, the start."""
    late = entry > 0
    # Written so that an entry that is not a number is refused too.
    if not (entry < time)[used & ~(entry <= 0)].all():
        raise EstimationError(
            "Some units are followed from a time at or after the end of their follow-up.",
            "Correct their entry, or leave them out.",
        )
    # A unit of weight 0 may be out of order; it takes part in nothing.
    inside = np.where(late, np.minimum(entry, moments[-1] if moments.size else 0.0), 0.0)
    if moments.size and moments[-1] < _TABLE_LIMIT and (moments == np.floor(moments)).all():
        passed = np.searchsorted(moments, np.arange(moments[-1] + 1.0), side="right")
        found: Indices = np.where(late, passed[inside.astype(np.int64)], 0)
        return found
    return np.where(late, np.searchsorted(moments, inside, side="right"), 0)
