"""How long the survival regressions take beside the packages people use, in one run on one machine.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/cox_benchmark.py [rows]``. Times are CPU seconds, the
best of a few runs; ratios are those of the peer over ours. The robust errors of lifelines take time by the square of the rows
and statsmodels' entry uses closed risk sets, so neither is timed on those; the slowest peers are left out above 200,000 rows.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.models.cox import fit_cox
from yoseval.models.fine_gray import fit_fine_gray
from yoseval.models.proportional_hazards import proportional_hazards_test
from yoseval.models.variance import clustered_sandwich

COLUMNS = 10
MOST_ROWS_OF_SLOW_PEERS = 200_000


@dataclass(frozen=True)
class Timed:
    """A piece of work, who did it, and how long it took."""

    work: str
    who: str
    seconds: float


@dataclass(frozen=True)
class Rows:
    """Rows followed for up to two years in days, half of them with an event."""

    time: Floats
    event: Flags
    x: Floats
    weight: Floats
    entry: Floats
    stratum: Indices
    child: Indices
    cause: Indices


def follow(n: int, *, whole_days: bool = True) -> Rows:
    """Return n rows with three flags and seven numbers; two rows a child."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(n, COLUMNS))
    x[:, :3] = x[:, :3] > 0
    happens = rng.exponential(np.exp(-x @ np.linspace(-0.3, 0.3, COLUMNS)) * 400.0)
    censored = rng.uniform(100.0, 730.0, n)
    time_ = np.minimum(happens, censored)
    time_ = np.ceil(time_) if whole_days else time_
    event = happens <= censored
    return Rows(
        time=time_,
        event=event,
        x=x,
        weight=rng.uniform(0.5, 2.0, n),
        entry=np.where(rng.random(n) < 0.5, 0.0, np.floor(time_ * rng.random(n) - 1e-9)),
        stratum=rng.integers(0, 20, n),
        child=np.arange(n) // 2,
        cause=np.where(event, rng.integers(1, 3, n), 0),
    )


def timed(work: str, who: str, function: Callable[[], object], runs: int = 3) -> Timed:
    """Run ``function`` a few times and keep the least CPU time."""
    best = np.inf
    for _ in range(runs):
        began = time.process_time()
        function()
        best = min(best, time.process_time() - began)
    return Timed(work, who, float(best))


def works(rows: Rows, exact: Rows) -> dict[str, Callable[[], object]]:
    """Return what this package is timed on, by name."""
    given, ones = (rows.time, rows.event, rows.x), np.ones(len(rows.time))

    def robust() -> None:
        clustered_sandwich(fit_cox(*given, rows.weight).influence, rows.child)

    def robust_rows() -> None:
        fit = fit_cox(*given, rows.weight, entry=rows.entry, strata=rows.stratum)
        clustered_sandwich(fit.influence, rows.child)

    def fine_gray() -> None:
        clustered_sandwich(fit_fine_gray(rows.time, rows.cause, rows.x, rows.weight).influence, rows.child)

    return {
        "Cox": lambda: fit_cox(*given, ones),
        "Cox, no ties": lambda: fit_cox(exact.time, exact.event, exact.x, ones),
        "Cox, entry": lambda: fit_cox(*given, ones, entry=rows.entry),
        "Cox, weights, clusters": robust,
        "Cox, weights, clusters, entry, strata": robust_rows,
        "test of proportional hazards": lambda: proportional_hazards_test(*given, ones),
        "Fine-Gray, weights, clusters": fine_gray,
        "Fine-Gray, entry": lambda: fit_fine_gray(rows.time, rows.cause, rows.x, ones, entry=rows.entry),
    }


def peer_works(rows: Rows) -> dict[tuple[str, str], Callable[[], object]]:
    """Return what lifelines and statsmodels are timed on, by name and package."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from statsmodels.duration.hazard_regression import PHReg

    frame = pd.DataFrame(rows.x, columns=[f"x{j}" for j in range(COLUMNS)]).assign(time=rows.time, event=rows.event)
    late = frame.assign(entry=rows.entry)
    quick = {("Cox", "lifelines"): lambda: CoxPHFitter().fit(frame, "time", "event")}
    if len(rows.time) > MOST_ROWS_OF_SLOW_PEERS:
        return quick
    model = PHReg(rows.time, rows.x, status=rows.event.astype(int), ties="efron")
    return {
        **quick,
        ("Cox, entry", "lifelines"): lambda: CoxPHFitter().fit(late, "time", "event", entry_col="entry"),
        ("Cox", "statsmodels"): model.fit,
    }


def report(found: list[Timed]) -> str:
    """Return one line a piece of work, with the ratio of a peer's time to ours."""
    own = {t.work: t.seconds for t in found if t.who == "yoseval"}
    lines = [f"{'work':40}{'who':14}{'CPU s':>10}{'ratio':>9}"]
    for t in sorted(found, key=lambda t: (list(own).index(t.work), t.who != "yoseval")):
        ratio = "" if t.who == "yoseval" else f"{t.seconds / max(own[t.work], 1e-9):9.1f}"
        lines.append(f"{t.work:40}{t.who:14}{t.seconds:10.3f}{ratio:>9}")
    return "\n".join(lines)


def main(n: int) -> list[Timed]:
    """Time everything on n rows and print the table."""
    rows, exact = follow(n), follow(n, whole_days=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [timed(work, "yoseval", function) for work, function in works(rows, exact).items()]
        found += [timed(*name, function, 1) for name, function in peer_works(rows).items()]
    print(f"{n} rows, {COLUMNS} columns")
    print(report(found))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
