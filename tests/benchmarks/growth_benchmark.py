"""How time grows with the number of units: the exponent between sizes, for the steps that a large service feels.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/growth_benchmark.py [sizes]``. A step that takes
n log n has the exponent 1.09 from 10,000 to 1,000,000; caches that no longer hold the columns add a little.
"""

import importlib.util
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from yoseval.design.nearest import nearest_match

SIZES = (10_000, 100_000, 1_000_000)
CALIPER = 0.2


@dataclass(frozen=True)
class Growth:
    """CPU seconds of a step at each size."""

    work: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """By what power of the units time grows from the first size to the last."""
        return math.log(self.seconds[-1] / self.seconds[0]) / math.log(self.sizes[-1] / self.sizes[0])


def load(name: str) -> ModuleType:
    """Load another benchmark of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def works(n: int) -> dict[str, Callable[[], object]]:
    """Return what is timed on n units, by name."""
    design, weights, curves, cox = (load(f"{name}_benchmark") for name in ("design", "weights", "curves", "cox"))
    score, treated, _, _ = design.service(n)
    of_weights = weights.works(*weights.people(n))
    of_curves = curves.works(curves.people(n))
    rows, exact = cox.follow(n), cox.follow(n, whole_days=False)
    of_cox = cox.works(rows, exact)
    return {
        "nearest 1:1, caliper": lambda: nearest_match(score, treated, caliper=CALIPER),
        "balance before and after": of_weights["balance before and after"],
        "entropy balancing": of_weights["entropy balancing"],
        "logit": of_weights["logit"],
        "Kaplan-Meier with influence": of_curves["- with influence"],
        "- at times without ties": of_curves["- at times without ties"],
        "Aalen-Johansen with influence": of_curves["- with influence  "],
        "Cox, weights, clusters": of_cox["Cox, weights, clusters"],
        "Cox, no ties": of_cox["Cox, no ties"],
    }


def least_seconds(function: Callable[[], object], runs: int = 3) -> float:
    """Return the least CPU time of some runs, of short work as many as fill a fiftieth of a second."""
    function()
    taken = []
    for _ in range(runs):
        began, times = time.process_time(), 0
        while (spent := time.process_time() - began) < 0.02:
            function()
            times += 1
        taken.append(spent / times)
    return min(taken)


def bound(sizes: tuple[int, ...]) -> float:
    """Return the exponent of n log n between the first size and the last."""
    first, last = sizes[0], sizes[-1]
    return 1.0 + math.log(math.log(last) / math.log(first)) / math.log(last / first)


def main(*sizes: int) -> list[Growth]:
    """Time every step at every size and print the exponents."""
    by_size = []
    for n in sizes:
        by_size.append({name: least_seconds(function) for name, function in works(n).items()})
    found = [Growth(name, sizes, tuple(s[name] for s in by_size)) for name in by_size[0]]
    print(f"{'work':32}" + "".join(f"{n:>12,}" for n in sizes) + f"{'exponent':>10}   n log n: {bound(sizes):.2f}")
    for g in found:
        print(f"{g.work:32}" + "".join(f"{s:12.4f}" for s in g.seconds) + f"{g.exponent:10.2f}")
    return found


if __name__ == "__main__":
    main(*(tuple(int(a) for a in sys.argv[1:]) or SIZES))
