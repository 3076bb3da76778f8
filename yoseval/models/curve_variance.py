"""The clustered variance of a whole curve, without an influence value for each time.

Takes risk sets and the steps by which a curve's influence grows, and gives the variance after each step. A cluster's influence
changes only when one of its own units enters or leaves, so the sum of squares over clusters is a cumulative sum: O(n log n).
It cannot see arms, designs or files.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.risk_sets import RiskSets, Spread


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """Entries and exits of units: by how much each part of their influence jumps, per unit of weight.

    The last of the q + 1 rows of ``change`` is the unit's presence; those there from the start begin with 1.
    """

    unit: Indices
    step: Indices
    change: Floats  # (q + 1, moves)
    from_start: Flags  # (n,)


def variance_by_step(
    sets: RiskSets,
    parts: tuple[Spread, ...],
    scale: Floats,
    weight: Floats,
    cluster: Indices,
    *,
    gradient: Floats | None = None,
    parameter_influence: Floats | None = None,
) -> Floats:
    r"""Sum the squares of the clusters' influence on a curve after each step.

    A unit's influence after step k is :math:`w_i \sum_q s_{kq} A_{iq}(k)`, with :math:`A_{iq}(k)` what it has gathered of part
    q between its entry and step k. So a cluster's is :math:`\sum_q s_{kq} \{P_{cq}(k) + G_q(k) R_c(k)\}`: what its units that
    left have gathered, and what its units still at risk share. With estimated weights, each cluster's influence on the
    parameters times the derivative of the curve in the parameters is added.

    Parameters
    ----------
    sets : RiskSets
        Risk sets of n units at m times.
    parts : tuple of q Spread
        What the units gather.
    scale : (m + 1, q) floats
        What each part counts after each number of steps.
    weight : (n,) floats
        Zero or more.
    cluster : (n,) integers
        Number of each unit's cluster, from 0.
    gradient : (n, p) floats, optional
        Derivative of each unit's weight in the parameters of the weights.
    parameter_influence : (g, p) floats, optional
        Influence of each cluster on those parameters, for all g clusters, those of other samples included.

    Returns
    -------
    (m + 1,) floats
        Sum of squares over clusters times c/(c - 1), c being the clusters with a unit of positive weight.

    Raises
    ------
    EstimationError
        If there is only one cluster.
    """
    used = weight > 0
    n_clusters = int(np.count_nonzero(np.bincount(cluster, used)))
    if n_clusters < 2:
        raise EstimationError("A variance needs two independent units or sets in each arm; there is 1.", "Use a larger group.")
    moves = _moves(sets, parts)
    shared = sum(scale[:, q] * part.rate for q, part in enumerate(parts))
    factors = np.column_stack([scale, np.asarray(shared)])
    total = _sum_of_squares(moves, factors, weight, cluster)
    if gradient is not None and parameter_influence is not None:
        slope = _sum_by_step(moves, factors, used[:, None] * gradient)
        cross = _sum_by_step(moves, factors, weight[:, None] * parameter_influence[cluster])
        squared = (slope @ (parameter_influence.T @ parameter_influence) * slope).sum(axis=1)
        total = total + 2.0 * (cross * slope).sum(axis=1) + squared
    return np.maximum(total, 0.0) * (n_clusters / (n_clusters - 1.0))


def _moves(sets: RiskSets, parts: tuple[Spread, ...]) -> _Moves:
    n = sets.place.size
    everyone = np.arange(n)
    leaving = np.vstack([*(part.until for part in parts), np.full(n, -1.0)])
    if sets.entered is None:
        return _Moves(everyone, sets.place, leaving, np.ones(n, dtype=np.bool_))
    late = np.flatnonzero(sets.entered > 0)
    entering = np.vstack([*(-part.rate[sets.entered[late]] for part in parts), np.ones(late.size)])
    return _Moves(
        unit=np.concatenate((everyone, late)),
        step=np.concatenate((sets.place, sets.entered[late])),
        change=np.hstack((leaving, entering)),
        from_start=sets.entered == 0,
    )


def _sum_of_squares(moves: _Moves, factors: Floats, weight: Floats, cluster: Indices) -> Floats:
    """Sum the squares of the clusters' influence after each step, (m + 1,) floats."""
    own = cluster[moves.unit]
    order = np.lexsort((moves.step, own))
    step, start = moves.step[order], _starts(own[order])
    change = (moves.change * weight[moves.unit])[:, order]
    after = np.vstack([_cumsum_within(row, start) for row in change])
    whole = np.bincount(cluster, weight * moves.from_start)
    after[-1] += whole[own[order]]
    before = after - change
    total = factors[:, -1] ** 2 * (whole**2).sum()
    for a, b in combinations_with_replacement(range(len(change)), 2):
        jumps = np.bincount(step, after[a] * after[b] - before[a] * before[b], len(factors))
        total = total + (1.0 + (a != b)) * factors[:, a] * factors[:, b] * np.cumsum(jumps)
    return np.asarray(total, dtype=np.float64)


def _starts(sorted_cluster: Indices) -> Indices:
    """Give for each row the position at which its cluster begins."""
    first = np.concatenate(([True], sorted_cluster[1:] != sorted_cluster[:-1]))
    starts: Indices = np.flatnonzero(first)[np.cumsum(first) - 1]
    return starts


def _cumsum_within(values: Floats, start: Indices) -> Floats:
    running = np.concatenate(([0.0], np.cumsum(values)))
    within: Floats = running[1:] - running[start]
    return within


def _sum_by_step(moves: _Moves, factors: Floats, columns: Floats) -> Floats:
    """Sum columns, (n, p), times the influence of each unit per unit of weight, after each step: (m + 1, p) floats."""
    found = np.outer(factors[:, -1], moves.from_start @ columns)
    for p, column in enumerate(columns.T):
        for factor, change in zip(factors.T, moves.change, strict=True):
            found[:, p] += factor * np.cumsum(np.bincount(moves.step, change * column[moves.unit], len(factors)))
    return found
