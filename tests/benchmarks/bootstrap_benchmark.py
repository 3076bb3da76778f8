"""The bootstrap of a whole design beside the loop that an analyst would write with statsmodels, in one run.

Run it when the machine is quiet::

    python tests/benchmarks/bootstrap_benchmark.py

Each replicate draws children, fits the score, matches or weights, and takes a difference of risks. The loop does the same with
statsmodels for the score and sorted scores for the matching, over fewer replicates; both are told as wall seconds for 1,000.
"""

import sys
import time

import numpy as np
import pandas as pd
import statsmodels.api as sm
from joblib import Parallel, delayed

from yoseval import Cohort, FollowUp, bootstrap_effect, build_design

COLUMNS = [f"x{i}" for i in range(10)]


def people(n, seed=1):
    """Return n children with ten covariates, a fifth of them treated."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 10)), columns=COLUMNS)
    frame["treated"] = rng.random(n) < 1 / (1 + np.exp(1.7 - 0.4 * frame["x0"] - 0.3 * frame["x1"]))
    frame["again"] = (rng.random(n) < 0.4).astype(int)
    frame["id"] = [f"c{i:06d}" for i in range(n)]
    return frame


def loop_replicate(x, treated, outcome, seed):
    """Draw rows, fit the score by statsmodels, weight by it, and return the difference of risks."""
    rows = np.random.default_rng(seed).integers(len(x), size=len(x))
    own, arm, again = x[rows], treated[rows], outcome[rows]
    score = sm.Logit(arm.astype(float), sm.add_constant(own)).fit(disp=0).predict()
    weight = np.where(arm, 1.0 - score, score)
    return np.average(again[arm], weights=weight[arm]) - np.average(again[~arm], weights=weight[~arm])


def loop(frame, replicates, jobs):
    """Return wall seconds for 1,000 replicates of the loop."""
    x, treated = frame[COLUMNS].to_numpy(), frame["treated"].to_numpy()
    outcome = frame["again"].to_numpy(dtype=float)
    began = time.perf_counter()
    Parallel(n_jobs=jobs)(delayed(loop_replicate)(x, treated, outcome, k) for k in range(replicates))
    return 1000 * (time.perf_counter() - began) / replicates


def own(frame, method, replicates, jobs):
    """Return wall seconds for 1,000 replicates of yoseval's."""
    cohort = Cohort.from_frame(frame, treated="treated", id="id", covariates=COLUMNS)
    followup = FollowUp.from_frame(frame, event="again", id="id")
    design = build_design(cohort, method)
    began = time.perf_counter()
    bootstrap_effect(followup, design, "risk_difference", replicates=replicates, jobs=jobs)
    return 1000 * (time.perf_counter() - began) / replicates


def main(n=10_000, replicates=1_000, jobs=2):
    """Print the table."""
    frame = people(n)
    Parallel(n_jobs=jobs)(delayed(abs)(k) for k in range(jobs))  # workers start before the clock does
    own(frame, "overlap", 100, jobs)
    beside = loop(frame, max(100, replicates // 5), jobs)
    print(f"loop with statsmodels and joblib, weights, n = {n:,}, {jobs} workers: {beside:7.1f} s for 1,000", flush=True)
    for method in ("overlap", "nearest", "entropy", "full"):
        taken = own(frame, method, replicates, jobs)
        print(f"yoseval {method:8s} {taken:7.1f} s for 1,000   {taken / beside:.2f} of the loop", flush=True)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
