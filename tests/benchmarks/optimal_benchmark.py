"""Exact matching beside the solvers alone: seconds of processor, and ratios to scipy and ortools in the same run.

Run it when the machine is quiet::

    python tests/benchmarks/optimal_benchmark.py

The solvers get the distances ready-made; what it takes to make them is shown apart. Each line also says whether both
totals agree.
"""

import time

import numpy as np
from ortools.graph.python import min_cost_flow
from scipy.optimize import linear_sum_assignment

from yoseval.design.cardinality import largest_balanced, largest_profile
from yoseval.design.full import SetLimits, full_match
from yoseval.design.optimal import optimal_match

HARD = ((60_000, 0.5, 0.05), (60_000, 2.0, 0.2), (24_000, 0.5, 0.05), (22_000, 1.0, 0.2), (20_000, 1.0, 0.2))


def arms(n_treated, n_comparison, shift=0.5, seed=1):
    """Return scores with 8 decimals and who was treated."""
    rng = np.random.default_rng(seed)
    treated = np.arange(n_treated + n_comparison) < n_treated
    return np.round(rng.normal(size=len(treated)) + shift * treated, 8), treated


def seconds(work, *given, **options):
    """Return seconds of processor time and the result."""
    began = time.process_time()
    result = work(*given, **options)
    return time.process_time() - began, result


def total(score, treated, set_id):
    """Return the total distance of the pairs of sets with one treated unit."""
    lead = np.zeros(int(set_id.max()) + 1)
    lead[set_id[treated & (set_id >= 0)]] = score[treated & (set_id >= 0)]
    taken = ~treated & (set_id >= 0)
    return np.abs(score[taken] - lead[set_id[taken]]).sum()


def assignment(away):
    """Return the least total by scipy."""
    row, column = linear_sum_assignment(away)
    return away[row, column].sum()


def flow(away):
    """Return the least total of pairs by ortools, given all pairs."""
    n_rows, n_columns = away.shape
    solver = min_cost_flow.SimpleMinCostFlow()
    tail, head = np.repeat(np.arange(n_rows), n_columns), n_rows + np.tile(np.arange(n_columns), n_rows)
    one = np.ones(len(tail), dtype=np.int64)
    solver.add_arcs_with_capacity_and_unit_cost(tail, head, one, np.rint(away.ravel() * 1e8).astype(np.int64))
    sink = n_rows + n_columns
    columns = np.arange(n_rows, sink)
    solver.add_arcs_with_capacity_and_unit_cost(
        columns, np.full(n_columns, sink), np.ones(n_columns, dtype=np.int64), np.zeros(n_columns, dtype=np.int64)
    )
    solver.set_nodes_supplies(np.arange(sink + 1), np.r_[np.ones(n_rows), np.zeros(n_columns), -n_rows].astype(np.int64))
    assert solver.solve() == solver.OPTIMAL
    return solver.optimal_cost() / 1e8


def compare_pairs(n_treated, n_comparison):
    """Print optimal pairs beside both solvers."""
    score, treated = arms(n_treated, n_comparison)
    own, set_id = seconds(optimal_match, score, treated)
    making, away = seconds(lambda: np.abs(score[treated][:, None] - score[~treated]))
    print(
        f"optimal pairs, {n_treated:,} x {n_comparison:,}: yoseval {own:.3f} s; making all distances {making:.3f} s", flush=True
    )
    for name, solver in (("scipy", assignment), ("ortools", flow)):
        taken, best = seconds(solver, away)
        same = abs(best - total(score, treated, set_id)) < 1e-6 * n_treated
        print(f"    {name:8s} {taken:8.3f} s   yoseval takes {own / taken:.3f} of it   same total: {same}", flush=True)


def show(name, work, *given, **options):
    """Print one line of ours alone."""
    taken, _ = seconds(work, *given, **options)
    print(f"{name:58s} {taken:8.3f} s", flush=True)


def main():
    """Print the table."""
    compare_pairs(1_000, 9_000)
    compare_pairs(1_000, 2_000)
    score, treated = arms(20_000, 60_000)
    show("optimal pairs, 20,000 x 60,000", optimal_match, score, treated)
    show("optimal pairs, 20,000 x 60,000, caliper 0.2", optimal_match, score, treated, caliper=0.2)
    narrow, few = arms(5_000, 7_000, shift=1.0)
    show("optimal pairs, 5,000 x 7,000, caliper that leaves a fifth", optimal_match, narrow, few, caliper=0.2)
    for n_comparison, shift, caliper in HARD:
        crowd, many = arms(20_000, n_comparison, shift=shift)
        left = int((optimal_match(crowd, many, caliper=caliper)[many] < 0).sum())
        name = f"optimal pairs, 20,000 x {n_comparison:,}, caliper {caliper} leaves {left:,}"
        show(name, optimal_match, crowd, many, caliper=caliper)
    space = np.random.default_rng(2).normal(size=(10_000, 8))
    show("optimal pairs in 8 dimensions, 1,000 x 9,000", optimal_match, space, np.arange(10_000) < 1_000)
    score, treated = arms(3_000, 7_000)
    show("full, 3,000 + 7,000", full_match, score, treated)
    show("full, 3,000 + 7,000, from 1/5 to 5", full_match, score, treated, limits=SetLimits(0.2, 5.0))
    show("full, 3,000 + 7,000, from 1/5 to 5, a tenth may go", full_match, score, treated, limits=SetLimits(0.2, 5.0, 0.1))
    show("full in 8 dimensions, 3,000 + 7,000", full_match, space, treated)
    narrow = np.full(27, 0.05)
    for n_treated in (6_000, 2_000, 400):
        values = np.random.default_rng(3).normal(size=(n_treated + 20_000, 27))
        arm = np.arange(len(values)) < n_treated
        values[arm, :5] += 0.4
        show(f"cardinality, {n_treated:,} + 20,000, 27 terms", largest_balanced, values, arm, narrow)
    show("profile, 20,000, 27 terms", largest_profile, values[~arm], values[arm].mean(axis=0), narrow)


if __name__ == "__main__":
    main()
