"""Match a large service: yoseval beside a plain search and, where it is installed, psmpy.

Run it when the machine is quiet::

    python tests/benchmarks/design_benchmark.py 1000000

Prints processor seconds of the work alone, and each as a ratio to one yardstick measured in the same run: sorting the
scores with ``numpy.argsort(kind="stable")``. Timings drift from machine to machine; the ratios should not. The
peer is optional: ``pip install psmpy``; it is run on at most 5,000 children, as it needs minutes for more.
"""

import sys
import time

import numpy as np
import pandas as pd

from yoseval.design.distances import mahalanobis_points
from yoseval.design.nearest import nearest_match
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_replacement import match_with_replacement
from yoseval.design.nearest_search import search_matches
from yoseval.design.strata import coarsen, exact_strata
from yoseval.design.subclass import subclasses

CALIPER = 0.2
PEER_LIMIT = 5_000


def service(n, seed=10):
    """Return scores, who was treated (three in ten), twenty cells and ten covariates of n children."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.normal(size=n), 8)
    treated = rng.random(n) < 1 / (1 + np.exp(1.0 - score))
    covariates = np.column_stack([score, rng.normal(size=(n, 6)), rng.random((n, 3)) < 0.3]).astype(float)
    return score, treated, rng.integers(0, 20, n), covariates


def features_of(points):
    """Return features without cells, calipers or columns that must differ."""
    nothing = np.zeros((len(points), 0))
    return Features(points, np.zeros(len(points), dtype=np.int64), nothing, np.zeros(0), nothing.astype(np.int64))


def works(n):
    """Return what is timed, by name: functions without arguments."""
    score, treated, cells, covariates = service(n)
    width = CALIPER * float(score.std(ddof=1))
    small = min(n, 100_000)
    turns, most = np.flatnonzero(treated[:small]), treated[:small].astype(np.int64)
    table = pd.DataFrame(covariates[:, :4], columns=list("abcd"))
    probability = 1 / (1 + np.exp(-score))
    return {
        "nearest 1:1, caliper": lambda: nearest_match(score, treated, caliper=width),
        "nearest 3:1, caliper": lambda: nearest_match(score, treated, caliper=width, ratio=3),
        "nearest in 20 exact strata": lambda: nearest_match(score, treated, caliper=width, cells=cells),
        "nearest in any order": lambda: nearest_match(score, treated, caliper=width, turns=np.flatnonzero(treated)),
        "with replacement": lambda: match_with_replacement(score, treated),
        f"Mahalanobis, 10 columns, {small:,}": lambda: search_matches(
            features_of(mahalanobis_points(covariates[:small], treated[:small])), treated[:small], turns=turns, most=most
        ),
        "coarsened exact, 4 columns": lambda: exact_strata(coarsen(table, 5, {}), treated),
        "six subclasses": lambda: subclasses(probability, treated),
    }


def plain_search(score, treated, width):
    """Match as a textbook does: for each treated unit look at all comparison units that are free."""
    free = ~treated
    pairs = 0
    for i in np.flatnonzero(treated)[np.argsort(-score[treated], kind="stable")]:
        away = np.where(free, np.abs(score - score[i]), np.inf)
        j = int(np.argmin(away))
        if away[j] <= width:
            free[j] = False
            pairs += 1
    return pairs


def psmpy_search(score, treated):
    """Match by psmpy, 1:1 on the logit without replacement."""
    from psmpy import PsmPy  # an optional peer

    frame = pd.DataFrame({"unit": np.arange(len(score)), "treated": treated.astype(int), "x": score})
    matcher = PsmPy(frame, treatment="treated", indx="unit", exclude=[])
    matcher.logistic_ps(balance=False)
    matcher.knn_matched(matcher="propensity_logit", replacement=False, caliper=None)


def processor_seconds(work, repeats=3):
    """Return the least processor seconds of some runs."""
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def main(n):
    """Print the table."""
    score, treated, _, _ = service(n)
    yardstick = processor_seconds(lambda: np.argsort(score, kind="stable"))
    print(f"{n:,} children, {int(treated.sum()):,} treated; sorting the scores takes {yardstick:.3f} s")
    for name, work in works(n).items():
        seconds = processor_seconds(work, repeats=1 if "Mahalanobis" in name else 3)
        print(f"{name:38s} {seconds:8.3f} s  {seconds / yardstick:8.1f} sorts", flush=True)
    few = min(n, PEER_LIMIT)
    score, treated, _, _ = service(few)
    own = processor_seconds(lambda: nearest_match(score, treated, caliper=CALIPER))
    plain = processor_seconds(lambda: plain_search(score, treated, CALIPER), repeats=1)
    print(f"{f'a plain search of {few:,}':38s} {plain:8.3f} s  {plain / own:8.1f} times yoseval")
    try:
        peer = processor_seconds(lambda: psmpy_search(score, treated), repeats=1)
    except ImportError:
        print("psmpy is not installed")
    else:
        print(f"{f'psmpy on {few:,}':38s} {peer:8.3f} s  {peer / own:8.1f} times yoseval")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
