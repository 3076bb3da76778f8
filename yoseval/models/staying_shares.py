"""The shares with which units stay at risk after a competing event, and what each unit does to them.

Takes ends, censorings and, where units enter late, entries of each group. Gives Fine and Gray's shares by two product-limit
curves, that of censoring and, in reversed time, that of entering, and the derivative of the score of their model through both.
Everything is a cumulative sum. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.cox_sample import Lingering, Sample
from yoseval.models.cox_sums import Pass, mean_increments
from yoseval.models.risk_sets import RiskSets, arrange_risk_sets


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The m steps of one curve of one group of k rows: censorings lower the shares, entries raise them.

    Parameters
    ----------
    group : int
        The group, from 0.
    rows : (k,) integers
        Its rows, in the order of the sample.
    is_entry : bool
        True where the steps are entries.
    time : (m,) floats
        When somebody is censored, or enters; rising.
    factor : (m,) floats
        What a share is multiplied by: 1 - moved/at_risk of censorings, one over that of entries.
    moved, at_risk : (m,) floats
        Weight of those censored at each time, of those who could have been; of those who enter, of those followed just after.
    others : (m,) floats
        Weight at risk less weight moved; exactly 0 where nobody else was at risk.
    first, last : (k,) integers or None
        A row is at risk at steps ``first`` to ``last`` - 1; None where all are from the first step.
    own : (k,) integers
        The step at which the row itself is censored, or enters; -1 where it does neither.
    """

    group: int
    rows: Indices
    is_entry: bool
    time: Floats
    factor: Floats
    moved: Floats
    at_risk: Floats
    others: Floats
    first: Indices | None
    last: Indices
    own: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Staying:
    """What the shares are made of.

    Parameters
    ----------
    time, group : (n,) floats, integers
        End and group of each row, in the order of the sample; groups from 0.
    steps : list of list of Steps
        The curves of each group: of censoring and, where units enter late, of entering.
    """

    time: Floats
    group: Indices
    steps: list[list[Steps]]


def estimate_staying(
    time: Floats, censored: Flags, weight: Floats, *, entry: Floats | None = None, stratum: Indices | None = None
) -> Staying:
    """Draw the curves of each group.

    At one time events come first, then censorings, then entries: a unit with an event is at risk of censoring then and not
    of entering, one that enters is not at risk of censoring.

    Parameters
    ----------
    time, censored, weight : (n,) floats, booleans, floats
        End of each row, whether it is censored then, its positive weight.
    entry : (n,) floats, optional
        Time from which each is followed; 0 or below is the start.
    stratum : (n,) integers, optional
        Group of each row, from 0.
    """
    group = np.zeros(time.size, dtype=np.int64) if stratum is None else stratum
    found = []
    for g in range(int(group.max()) + 1):
        own = np.flatnonzero(group == g)
        late = None if entry is None else entry[own]
        curves = [_censorings(g, own, time[own], censored[own], weight[own], late)]
        found.append(curves if late is None else [*curves, _entries(g, own, time[own], weight[own], late)])
    return Staying(time, group, found)


def let_linger(sample: Sample, staying: Staying, competing: Indices) -> Lingering:
    """Give the rows with a competing event, (c,) places in the sample, the shares they keep at each event time.

    Raises
    ------
    EstimationError
        If a share is infinite: everybody followed just after a time had entered then.
    """
    inverse, group = np.ones(competing.size), staying.group[competing]
    level = np.empty((len(staying.steps), sample.moments.time.size))
    for g, curves in enumerate(staying.steps):
        own = group == g
        ends = staying.time[competing[own]]
        since, until = ends.min(initial=np.inf), sample.moments.time[-1]
        factors = [_factors(steps, since, until) for steps in curves]
        just_before = _just_before(curves, factors, ends)
        # Zero only for those who entered after all before them were censored; then no event of the cause follows.
        inverse[own] = np.divide(1.0, just_before, out=np.zeros_like(just_before), where=just_before > 0)
        level[g] = _just_before(curves, factors, sample.moments.time)
    return Lingering(competing, group, inverse, level)


def staying_residuals(sample: Sample, staying: Staying, found: Pass) -> Floats:
    r"""Give the derivative of the score in each weight through the curves behind the shares, times the weight: (p, n).

    A share is a product of :math:`1 - c_s/Y_s` over the censorings :math:`T_i \le s < t`; the derivative of its logarithm in
    the weight of j is :math:`-(1[j \text{ censored at } s] - 1[L_j < s \le T_j]\, c_s/Y_s) / (Y_s - c_s)`, summed over s. An
    entry time has the opposite sign, with those who enter then and :math:`L_j \le s < T_j`.

    References
    ----------
    fine1999 : Fine and Gray (1999), JASA 94(446), 496-509, section 4.
    """
    residuals = np.zeros_like(sample.columns)
    means = mean_increments(sample, found, found.rates)
    for steps in (one for curves in staying.steps for one in curves if one.time.size):
        pull = _pull(sample, staying, found, means, steps)
        total = np.cumsum(np.hstack([np.zeros((len(pull), 1)), pull * (steps.moved / steps.at_risk)]), axis=1)
        gathered = -total[:, steps.last]
        if steps.first is not None:
            gathered += total[:, steps.first]
        moves = steps.own >= 0
        gathered[:, moves] += pull[:, steps.own[moves]]
        gathered *= sample.weight[steps.rows]
        residuals[:, steps.rows] += gathered
    return residuals


def _censorings(g: int, rows: Indices, time: Floats, censored: Flags, weight: Floats, entry: Floats | None) -> Steps:
    sets = arrange_risk_sets(time, censored, weight, entry)
    return Steps(
        group=g,
        rows=rows,
        is_entry=False,
        time=sets.time,
        factor=sets.survivors / sets.at_risk,
        moved=sets.events[:, 0],
        at_risk=sets.at_risk,
        others=_others(sets),
        first=sets.entered,
        last=sets.place,
        own=np.where(censored, sets.place - 1, -1),
    )


def _entries(g: int, rows: Indices, time: Floats, weight: Floats, entry: Floats) -> Steps:
    """Turn time round: a unit is followed from its end back to its entry, which is the event."""
    late = entry > 0
    times, rank = np.unique(np.concatenate((time, np.where(late, entry, 0.0))), return_inverse=True)
    # Ranks keep ties exact. Nobody leaves at the start.
    ends, begins = rank[: time.size], np.where(late, rank[time.size :], -1)
    sets = arrange_risk_sets((times.size - begins).astype(np.float64), late, weight, (times.size - ends).astype(np.float64))
    m, others = sets.time.size, _others(sets)[::-1]
    assert sets.entered is not None
    first = m - sets.place
    return Steps(
        group=g,
        rows=rows,
        is_entry=True,
        time=times[(times.size - sets.time[::-1]).astype(np.int64)],
        factor=np.divide(sets.at_risk[::-1], others, out=np.ones(m), where=others > 0),
        moved=sets.events[::-1, 0],
        at_risk=sets.at_risk[::-1],
        others=others,
        first=first,
        last=m - sets.entered,
        own=np.where(late, first, -1),
    )


def _others(sets: RiskSets) -> Floats:
    """Subtract those who move; where nobody else is at risk both sums are the same by count, and the difference is 0."""
    found: Floats = sets.at_risk - sets.events[:, 0]
    return found


def _factors(steps: Steps, since: float, until: float) -> Floats:
    """Give the factors; without others one is 0 or infinite, and left out unless it lies between those it would touch.

    Shares reach from the first competing event of the group, ``since``, to before the last event of the cause, ``until``.
    """
    alone = steps.others <= 0
    touching = alone & (since <= steps.time) & (steps.time < until)
    if steps.is_entry and touching.any():
        first, last = (f"{t:g}" for t in steps.time[touching][[0, -1]])
        raise EstimationError(
            f"At {int(touching.sum())} times (last: {last}) everybody followed just afterwards had entered then, with a "
            "competing event before and an event of the cause later: how many past the former are still at risk is unknown.",
            f"Start at {last}, without those followed only before, or end the follow-up at {first}; with strata, take fewer.",
        )
    return np.where(alone & ~touching, 1.0, steps.factor)


def _just_before(curves: list[Steps], factors: list[Floats], times: Floats) -> Floats:
    """Multiply the factors of all curves before each of ``times``: in one product, so that none runs out of bounds alone."""
    at = np.concatenate([steps.time for steps in curves])
    order = np.argsort(at, kind="stable")
    levels = np.concatenate(([1.0], np.cumprod(np.concatenate(factors)[order])))
    found: Floats = levels[np.searchsorted(at[order], times, side="left")]
    return found


def _pull(sample: Sample, staying: Staying, found: Pass, means: Floats, steps: Steps) -> Floats:
    """Give q_s: what a unit of weight that is censored, or enters, at s does to the score, (p, m)."""
    lingering = sample.lingering
    assert lingering is not None
    own = lingering.group == steps.group
    rows, level = lingering.rows[own], lingering.level[steps.group]
    weight = sample.weight[rows] * found.risk[rows] * lingering.inverse[own]
    since = np.searchsorted(steps.time, staying.time[rows], side="left")
    # A competing event after the last step falls in the last place, which is cut off.
    count = steps.time.size + 1
    amount = np.cumsum(np.bincount(since, weight, count))[:-1]
    moved = np.vstack([np.cumsum(np.bincount(since, weight * column[rows], count))[:-1] for column in sample.columns])
    after = np.searchsorted(sample.moments.time, steps.time, side="right")
    hazard = _tail(found.rates.one * level)[after]
    mean = np.vstack([_tail(row * level)[after] for row in means])
    # Where all are censored the share is 0 from there on whatever the weights.
    pull: Floats = (moved * hazard - amount * mean) / np.where(steps.others > 0, steps.others, np.inf)
    return -pull if steps.is_entry else pull


def _tail(values: Floats) -> Floats:
    """Sum from each position to the end, and 0 past the end."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)
