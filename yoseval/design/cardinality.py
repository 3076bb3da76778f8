"""Keep as many units as balance allows: cardinality matching, and profile matching to a target.

Takes coded covariates and how far means may lie apart; gives who is kept. The largest such sample is the solution
of a whole-number programme. Its linear relaxation, by HiGHS, leaves a few units undecided and bounds what anybody
can reach; these units, and those nearest to being undecided, are then decided exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.relaxation import relax
from yoseval.errors import DesignError

POOLS = (25, 40, 100, 400)  # units decided exactly, in turn, until the sample is close to the bound; the last in need
MOST_NODES = 200  # of the branch and bound over a pool
CLOSE = 0.001  # a sample this near to the bound, as a share of it, ends the search
_SLACK = 1e-9  # rounding in a difference of means, in units of its tolerance's scale
REMEDY = "Raise 'tols', or leave a covariate out."


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The largest balanced sample that was found.

    Parameters
    ----------
    units : (n,) booleans
        Who is kept.
    bound : int
        No balanced sample keeps more units than this.
    """

    units: Flags
    bound: int

    @property
    def is_largest(self) -> bool:
        """True where it is proven that no balanced sample is larger."""
        return int(self.units.sum()) >= self.bound


def largest_balanced(
    values: Floats, treated: Flags, tolerance: Floats, *, ratio: int = 1, cells: Indices | None = None
) -> Kept:
    r"""Keep as many treated units as can be balanced by ``ratio`` times as many comparison units.

    .. math:: \max \sum_{A_i = 1} z_i \quad \text{with} \quad \sum_{A_j = 0} z_j = k \sum_{A_i = 1} z_i, \quad
        \left| \bar x_1(z) - \bar x_0(z) \right| \le \delta .

    Parameters
    ----------
    values : (n, p) floats
        Coded covariates.
    treated : (n,) booleans
        True where the unit started the programme.
    tolerance : (p,) floats
        Largest difference of means of each column, in its own unit.
    ratio : int
        Comparison units for one treated unit, 1 or more.
    cells : (n,) integers, optional
        The ratio holds in each cell.

    Returns
    -------
    Kept
        Who is kept; the counts of each arm are in the ratio.

    Raises
    ------
    DesignError
        If not one treated unit can be kept, or no such sample was found.

    References
    ----------
    zubizarreta2014 : Zubizarreta, Paredes and Rosenbaum (2014), Annals of Applied Statistics 8(1), 204-231.

    Examples
    --------
    >>> age = np.array([[15.0], [17.0], [15.0], [14.0], [17.5]])
    >>> largest_balanced(age, np.array([True, True, False, False, False]), np.array([0.3])).units
    array([ True,  True,  True, False,  True])
    """
    signed = np.where(treated, float(ratio), -1.0)[:, None] * (values - values.mean(axis=0))
    room = np.where(treated, 0.0, 1.0)[:, None] * tolerance
    cell = np.zeros(len(treated), dtype=np.int64) if cells is None else cells
    equal = np.where(treated, float(ratio), -1.0) * (cell == np.unique(cell)[:, None])
    found = _largest(np.vstack([(signed - room).T, (-signed - room).T]), equal, treated.astype(np.float64))
    return Kept(found.units, found.bound * (1 + ratio))


def largest_profile(values: Floats, target: Floats, tolerance: Floats) -> Kept:
    r"""Keep as many units of one arm as can have the means of a target.

    .. math:: \max \sum_j z_j \quad \text{with} \quad \left| \bar x(z) - x^* \right| \le \delta .

    Parameters
    ----------
    values : (n, p) floats
        Coded covariates of the arm.
    target : (p,) floats
        Means to be met.
    tolerance : (p,) floats
        Largest difference from each, in the column's own unit.

    Returns
    -------
    Kept
        Who is kept.

    Raises
    ------
    DesignError
        If no unit can be kept, or no such sample was found.

    References
    ----------
    cohn2022 : Cohn and Zubizarreta (2022), Epidemiology 33(5), 678-688.

    Examples
    --------
    >>> largest_profile(np.array([[1.0], [2.0], [3.0], [9.0]]), np.array([2.0]), np.array([0.1])).units
    array([ True,  True,  True, False])
    """
    away = (values - target).T
    room = np.broadcast_to(tolerance[:, None], away.shape)
    return _largest(np.vstack([away - room, -away - room]), np.empty((0, len(values))), np.ones(len(values)))


def _largest(rows: Floats, equal: Floats, counted: Floats) -> Kept:
    """Maximise the counted units with ``rows @ z <= 0`` and ``equal @ z = 0``, z being 0 or 1."""
    size = np.abs(rows).max(axis=1)
    # Rounded, so that the unit of a covariate does not choose among samples of one size.
    rows = np.round(rows[size > 0] / size[size > 0, None], 10) + 0.0
    relaxed = relax(rows, equal, counted)
    bound = int(np.floor(relaxed.most + 1e-6))
    best = np.zeros(len(counted), dtype=bool)
    undecided = np.abs(relaxed.share - np.rint(relaxed.share)) > 1e-9
    # How much the sample would shrink if a decided unit were decided otherwise.
    price = np.where(undecided, -1.0, relaxed.price)
    # Neighbouring rows are alike: of units at one price, some from everywhere are taken (golden section of the rows).
    order = np.lexsort((np.arange(len(price)) * 0.6180339887498949 % 1.0, np.round(price, 9)))
    for pool in POOLS:
        if pool == POOLS[-1] and best.any():
            break
        if bound - counted[best].sum() <= CLOSE * bound:
            break
        free = np.sort(order[: int(undecided.sum()) + pool])
        found = _decide(rows, equal, counted, np.rint(relaxed.share), free, bound)
        if found is not None and counted[found.units].sum() > counted[best].sum():
            best = found.units
        if found is not None and len(free) == len(counted):
            bound = min(bound, found.bound)
            break
    if not counted[best].sum():
        problem = "No sample is balanced" if bound < 1 else "No sample was found that is balanced"
        raise DesignError(f"{problem} within these tolerances.", REMEDY)
    return Kept(best, bound)


def _decide(rows: Floats, equal: Floats, counted: Floats, start: Floats, free: Indices, goal: int) -> Kept | None:
    """Decide the free units exactly, the others as in ``start``; None where nothing was found."""
    fixed = start.copy()
    fixed[free] = 0.0
    constraints = []
    if len(rows):
        constraints.append(LinearConstraint(rows[:, free], -np.inf, -(rows @ fixed) + _SLACK))
    if len(equal):
        need = -(equal @ fixed)
        constraints.append(LinearConstraint(equal[:, free], need, need))
    # Within this share of the bound the branch and bound may stop; for a small sample that is less than one unit.
    near = max(0.5, CLOSE * goal) / max(1.0, float(goal - counted @ fixed))
    found = milp(
        -counted[free],
        integrality=np.ones(len(free)),
        bounds=Bounds(0, 1),
        constraints=constraints,
        options={"node_limit": MOST_NODES, "mip_rel_gap": near},
    )
    if found.x is None:
        return None
    fixed[free] = np.rint(found.x)
    held = (rows @ fixed <= 1e-6).all() and np.array_equal(equal @ fixed, np.zeros(len(equal)))
    bound = int(np.floor(-found.mip_dual_bound + counted @ np.where(np.isin(np.arange(len(start)), free), 0.0, start) + 1e-6))
    return Kept(fixed > 0.5, bound) if held else None
