"""Match with limits on the number of partners as a flow of least cost, by ortools (the extra ``match``).

Takes the pairs allowed, or places on a line, and how many partners each unit may have; gives how often each is used.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.assignment import require_room
from yoseval.design.line import WIDE, Edges, Partners, edges_of_groups, group_by_place
from yoseval.errors import DesignError, EnvironmentFault

MOST_FLOW = 5_000_000  # pairs in one flow: about 1 GB
IMPOSSIBLE = "The limits cannot all be met: not everybody can be in a set."
WIDEN = "Widen the limits or the caliper, or allow 'omit_fraction'."


@dataclass(slots=True)
class _Network:
    """Arcs of a network, collected in blocks."""

    n_nodes: int
    arcs: list[tuple[Indices, Indices, Indices, Indices]] = field(default_factory=list)

    def join(self, tail: Any, head: Any, capacity: Any, cost: Any) -> None:
        """Add arcs; each argument is an array or one number for all."""
        block = np.broadcast_arrays(*(np.asarray(a, dtype=np.int64) for a in (tail, head, capacity, cost)))
        self.arcs.append((block[0], block[1], block[2], block[3]))

    def cheapest_flow(self, supply: Indices) -> list[Indices] | None:
        """Return the flow on every block of arcs, None where the supplies cannot reach the demands.

        Raises
        ------
        DesignError
            If costs are too large to be added up.
        EnvironmentFault
            If ortools is not installed.
        """
        solver = _solver()
        blocks = [np.atleast_1d(np.concatenate([np.atleast_1d(b[k]) for b in self.arcs])) for k in range(4)]
        numbers = solver.add_arcs_with_capacity_and_unit_cost(*blocks)
        solver.set_nodes_supplies(np.arange(self.n_nodes), supply)
        status = solver.solve()
        if status == solver.BAD_COST_RANGE:
            raise DesignError("Distances are too large to be added up exactly.", "Match on the logit or the score.")
        if status != solver.OPTIMAL:
            return None
        flow = np.asarray(solver.flows(numbers), dtype=np.int64)
        return np.split(flow, np.cumsum([b[0].size for b in self.arcs])[:-1])


def cheapest_limited_edges(
    treated: Indices, comparison: Indices, cost: Indices, arm: Flags, partners: Partners, used: tuple[int, int]
) -> Edges:
    """Choose among pairs so that everybody has as many partners as asked, at the least total cost.

    Where the pairs do not allow that, as few units as can be are left out; of a least number of partners above 1
    nobody is let off.

    Parameters
    ----------
    treated, comparison : (m,) integers
        The pairs allowed, as positions among the n units.
    cost : (m,) integers
        Cost of each pair, in whole multiples of 1e-8.
    arm : (n,) booleans
        True where the unit started the programme.
    partners : Partners
        Fewest and most partners of a unit of each arm that is used.
    used : (int, int)
        Fewest treated and fewest comparison units in the sets; all but one of the two must be everybody.

    Returns
    -------
    Edges
        The pairs chosen.

    Raises
    ------
    DesignError
        If the limits cannot be met, or there are more pairs than go.
    EnvironmentFault
        If ortools is not installed.
    """
    require_room(len(cost), MOST_FLOW, "Narrow the caliper, match exactly on a column, or match on the score without limits.")
    node, size = np.arange(len(arm)), np.ones(len(arm), dtype=np.int64)
    # Whoever is left out costs more than any sum of distances; at first nobody may be.
    prices = (0, (len(arm) + 1) * (int(cost.max()) + 1)) if partners.treated[0] == partners.comparison[0] == 1 else (0,)
    for price in prices:
        network = _Network(len(arm) + 3)
        network.join(treated, comparison, 1, cost)
        supply = _attach(network, node, size, arm, partners, used, price=price)
        flows = network.cheapest_flow(supply)
        if flows is not None:
            return Edges(treated[flows[0] > 0], comparison[flows[0] > 0])
    raise DesignError(IMPOSSIBLE, WIDEN)


def cheapest_limited_line(distance: Floats, treated: Flags, partners: Partners, used: tuple[int, int]) -> Edges:
    """Match on a line as `line.cheapest_edges` does, where not all units have to be used.

    Parameters
    ----------
    distance : (n,) floats
        Where each unit stands.
    treated : (n,) booleans
        True where the unit started the programme.
    partners : Partners
        Fewest and most partners of a unit of each arm that is used.
    used : (int, int)
        Fewest treated and fewest comparison units in the sets; one of the two must be everybody.

    Returns
    -------
    Edges
        In the order of the line; some pairs may come twice.

    Raises
    ------
    DesignError
        If the limits cannot be met.
    EnvironmentFault
        If ortools is not installed.
    """
    groups = group_by_place(distance, treated)
    n_groups = len(groups.size)
    network = _Network(n_groups + 3)
    gap, here = np.diff(groups.place), np.arange(n_groups - 1)
    most = len(treated) ** 2
    network.join(here, here + 1, most, gap)
    network.join(here + 1, here, most, gap)
    supply = _attach(network, np.arange(n_groups), groups.size, groups.of_treated, partners, used)
    flows = network.cheapest_flow(supply)
    if flows is None:
        raise DesignError(IMPOSSIBLE, WIDEN)
    taken = supply[:n_groups].copy() * np.where(groups.of_treated, 1, -1)
    for (tail, head, _, _), flow in zip(network.arcs[2:], flows[2:], strict=True):
        for end in (tail, head):
            inside = end < n_groups
            taken += np.bincount(end[inside], weights=flow[inside], minlength=n_groups).astype(np.int64)
    return edges_of_groups(groups, taken)


def _attach(
    network: _Network,
    node: Indices,
    size: Indices,
    arm: Flags,
    partners: Partners,
    used: tuple[int, int],
    *,
    price: int = 0,
) -> Indices:
    """Let every node give (treated) or take (comparison) what its units must and may; return all supplies.

    With a price everybody may be left out, at that cost a unit.
    """
    first, pool = len(node), len(node) + 2
    supply = np.zeros(network.n_nodes, dtype=np.int64)
    for side, (own, limits, least) in enumerate(zip((arm, ~arm), (partners.treated, partners.comparison), used, strict=True)):
        mine, sign, hub = node[own], 1 if side == 0 else -1, np.array([first + side])
        everybody = int(size[own].sum())
        fewest = limits[0] if least == everybody and not price else 0
        supply[mine] = sign * fewest * size[own]
        rest = limits[1] - max(fewest, 1) if limits[1] < WIDE else len(arm) * everybody
        _link(network, pool, mine, rest * size[own], sign)
        if fewest == 0:
            # First partners are counted in a node of their own: so many at least.
            _link(network, first + side, mine, size[own], sign)
            _link(network, pool, hub, np.array([everybody - least]), sign)
            if price:
                _link(network, pool, hub, np.array([least]), sign, cost=-price)
            else:
                supply[hub] = sign * least
    supply[pool] = -supply.sum()
    return supply


def _link(network: _Network, centre: int, node: Indices, capacity: Indices, sign: int, cost: int = 0) -> None:
    tail, head = (np.full(len(node), centre), node) if sign > 0 else (node, np.full(len(node), centre))
    network.join(tail, head, capacity, cost)


def _solver() -> Any:
    try:
        module = import_module("ortools.graph.python.min_cost_flow")
    except ImportError as problem:
        remedy = "Install it with: pip install 'yoseval[match]'. Full matching without limits needs nothing more."
        raise EnvironmentFault("Full matching with these limits needs ortools, which is not installed.", remedy) from problem
    return module.SimpleMinCostFlow()
