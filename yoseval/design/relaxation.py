"""Choose units in part rather than whole: the linear relaxation of the largest balanced sample, solved by sifting.

Takes rows that bound sums over units and says which units count; gives the shares and what it costs to choose
otherwise. Units that do not count are needed in part only: HiGHS gets some of them, and those that it then lacks.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, linprog

from yoseval.arrays import Floats, Indices

FEWEST = 500  # units that do not count that the first programme has at least
_NONE = 1e-9  # a reduced cost that is zero but for rounding


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """The best choice in shares.

    Parameters
    ----------
    share : (n,) floats
        From 0 to 1.
    most : float
        The counted units of that choice: no choice of whole units counts more.
    price : (n,) floats
        By how much ``most`` would shrink if a unit at 0 or 1 were chosen otherwise, by whole units.
    """

    share: Floats
    most: float
    price: Floats


def relax(rows: Floats, equal: Floats, counted: Floats) -> Relaxed:
    r"""Maximise the counted units with ``rows @ z <= 0``, ``equal @ z = 0`` and :math:`0 \le z \le 1`.

    A solution among some units is the best of all when no unit left out has a negative reduced cost
    :math:`-c_j - \lambda^\top a_j`; those that have join, the most negative first.

    Parameters
    ----------
    rows : (m, n) floats
        Sums that may not be above 0.
    equal : (k, n) floats
        Sums that must be 0.
    counted : (n,) floats
        1 for units that count, 0 for those that only serve to balance them.

    Returns
    -------
    Relaxed
        Shares and prices of all units.

    References
    ----------
    bixby1992 : Bixby et al. (1992), Operations Research 40(5), 885-897: sifting.

    Examples
    --------
    >>> relax(np.array([[1.0, -0.5]]), np.empty((0, 2)), np.array([1.0, 0.0])).share.tolist()
    [0.5, 1.0]
    """
    within, step = _first_units(rows, counted)
    while True:
        found = _solve(rows[:, within], equal[:, within], counted[within])
        reduced = -counted - found.ineqlin.marginals @ rows - found.eqlin.marginals @ equal
        left_out = np.setdiff1d(np.arange(len(counted)), within)
        lacking = left_out[reduced[left_out] < -_NONE]
        if not len(lacking):
            share = np.zeros(len(counted))
            share[within] = found.x
            return Relaxed(share, float(-found.fun), np.abs(reduced))
        within = np.union1d(within, lacking[np.argsort(reduced[lacking], kind="stable")[:step]])


def _first_units(rows: Floats, counted: Floats) -> tuple[Indices, int]:
    """Return all that count with some others, and how many others.

    Three for two that count: half those that offset best what is out of balance among the counted, half from everywhere.
    """
    own, others = np.flatnonzero(counted > 0), np.flatnonzero(counted == 0)
    some = min(len(others), max(3 * len(own) // 2, FEWEST))
    excess = np.maximum(rows[:, own].sum(axis=1), 0.0)
    ranked = others[np.argsort(excess @ rows[:, others], kind="stable")]
    best, rest = ranked[: some // 2], np.sort(ranked[some // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, some - some // 2).astype(np.int64)] if len(rest) else rest
    return np.unique(np.concatenate([own, best, spread])), max(some, 1)


def _solve(rows: Floats, equal: Floats, counted: Floats) -> OptimizeResult:
    found = linprog(
        -counted,
        A_ub=rows if len(rows) else None,
        b_ub=np.zeros(len(rows)) if len(rows) else None,
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(0.0, 1.0),
        method="highs-ds",
    )
    assert found.status == 0
    return found
