"""The shares with which units stay at risk after a competing event, and what each unit does to them.

Takes the censored of each group and gives Fine and Gray's shares by product-limit curves, and the derivative of the score
of their model through those curves. Everything is a cumulative sum. It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.models.cox_sample import Lingering, Sample
from yoseval.models.cox_sums import Pass, mean_increments
from yoseval.models.curves import KaplanMeier, kaplan_meier


@dataclass(frozen=True, slots=True, eq=False)
class Censoring:
    """The censoring distribution of each group.

    Parameters
    ----------
    time, censored, group : (n,) floats, booleans, integers
        Rows in the order of the sample; groups from 0.
    curves : list
        Weighted product-limit curve of censoring of each group.
    """

    time: Floats
    censored: Flags
    group: Indices
    curves: list[KaplanMeier]


def estimate_censoring(time: Floats, censored: Flags, weight: Floats, stratum: Indices | None) -> Censoring:
    """Draw the curve of censoring of each group; a unit with an event at a time is at risk of censoring at that time."""
    group = np.zeros(time.size, dtype=np.int64) if stratum is None else stratum
    own = [np.flatnonzero(group == g) for g in range(int(group.max()) + 1)]
    return Censoring(time, censored, group, [kaplan_meier(time[i], censored[i], weight[i]) for i in own])


def let_linger(sample: Sample, censoring: Censoring, competing: Indices) -> Lingering:
    """Give the rows with a competing event, (c,) places in the sample, the shares they keep at each event time."""
    inverse, group = np.ones(competing.size), censoring.group[competing]
    for g, curve in enumerate(censoring.curves):
        own = group == g
        # Not zero: the row itself was still followed just before its event.
        inverse[own] = 1.0 / _just_before(curve, censoring.time[competing[own]])
    uncensored = np.vstack([_just_before(curve, sample.moments.time) for curve in censoring.curves])
    return Lingering(competing, group, inverse, uncensored)


def censoring_residuals(sample: Sample, censoring: Censoring, found: Pass) -> Floats:
    r"""Give the derivative of the score in each weight through the censoring distribution, times the weight: (p, n).

    A share is a product of :math:`1 - c_s/Y_s` over :math:`T_i \le s < t`; the derivative of its logarithm in the weight of
    j is :math:`-(1[j \text{ censored at } s] - 1[T_j \ge s]\, c_s/Y_s) / (Y_s - c_s)`, summed over s.

    References
    ----------
    fine1999 : Fine and Gray (1999), JASA 94(446), 496-509, section 4.
    """
    residuals = np.zeros_like(sample.columns)
    for g, curve in enumerate(censoring.curves):
        if curve.time.size == 0:
            continue
        rows = np.flatnonzero(censoring.group == g)
        pull = _pull(sample, censoring, found, g)
        total = np.cumsum(np.hstack([np.zeros((len(pull), 1)), pull * (curve.events / curve.at_risk)]), axis=1)
        reached = np.searchsorted(curve.time, censoring.time[rows], side="right")
        gathered = -total[:, reached]
        gone = censoring.censored[rows]
        gathered[:, gone] += pull[:, reached[gone] - 1]
        residuals[:, rows] = gathered * sample.weight[rows]
    return residuals


def _just_before(curve: KaplanMeier, times: Floats) -> Floats:
    levels = np.concatenate(([1.0], curve.survival))
    found: Floats = levels[np.searchsorted(curve.time, times, side="left")]
    return found


def _pull(sample: Sample, censoring: Censoring, found: Pass, g: int) -> Floats:
    """Give q_s of one group: what a unit of weight censored at s does to the score, (p, censoring times)."""
    lingering, curve = sample.lingering, censoring.curves[g]
    assert lingering is not None
    own = lingering.group == g
    rows = lingering.rows[own]
    weight = sample.weight[rows] * found.risk[rows] * lingering.inverse[own]
    since = np.searchsorted(curve.time, censoring.time[rows], side="left")
    # A competing event after the last censoring time falls in the last place, which is cut off.
    count = curve.time.size + 1
    amount = np.cumsum(np.bincount(since, weight, count))[:-1]
    moved = np.vstack([np.cumsum(np.bincount(since, weight * column[rows], count))[:-1] for column in sample.columns])
    after = np.searchsorted(sample.moments.time, curve.time, side="right")
    hazard = _tail(found.rates.one * lingering.uncensored[g])[after]
    mean = np.vstack([_tail(row * lingering.uncensored[g])[after] for row in mean_increments(sample, found, found.rates)])
    left = curve.at_risk - curve.events
    # Nobody is left where all are censored: the share is 0 from there on whatever the weights.
    pull: Floats = (moved * hazard - amount * mean) / np.where(curve.survival > 0, left, np.inf)
    return pull


def _tail(values: Floats) -> Floats:
    """Sum from each position to the end, and 0 past the end."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)
