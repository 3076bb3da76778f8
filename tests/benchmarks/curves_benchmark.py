"""How long curves with influence values take beside the packages people use, in one run on one machine.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/curves_benchmark.py [units]``. Times are CPU seconds, the
best of a few runs; ratios are those of the peer over ours. Peers give no influence values; ours are timed with and without. The
peers' standard errors come with their curves and cannot be left out, but for lifelines' incidence, whose time alone is shown.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats, Indices
from yoseval.models.curves import (
    clustered_survival_variance,
    kaplan_meier,
    restricted_mean,
    restricted_mean_influence,
    survival_influence,
)
from yoseval.models.gray import gray_test
from yoseval.models.hazard_curve import hazard_influence
from yoseval.models.incidence import (
    clustered_incidence_variance,
    cumulative_incidence,
    incidence_influence,
    time_lost_influence,
)
from yoseval.models.log_rank import log_rank

HORIZON = 365.0


@dataclass(frozen=True)
class Timed:
    """A piece of work, who did it, and how long it took."""

    work: str
    who: str
    seconds: float


@dataclass(frozen=True)
class People:
    """Times in days, causes (0, 1, 2), weights, late entries, pairs and arms of n units."""

    days: Floats
    cause: Indices
    weight: Floats
    entry: Floats
    pair: Indices
    arm: Indices


def people(n: int) -> People:
    """Draw n units followed for up to 730 days."""
    rng = np.random.default_rng(9)
    days = np.ceil(rng.exponential(500.0, n))
    end = np.ceil(rng.uniform(200.0, 730.0, n))
    cause = np.where(days <= end, rng.integers(1, 3, n), 0)
    followed = np.minimum(days, end)
    entry = np.where(rng.random(n) < 0.5, 0.0, np.floor(followed * rng.random(n)))
    return People(followed, cause, rng.uniform(0.5, 2.0, n), entry, np.arange(n) // 2, np.arange(n) % 2)


def timed(work: str, who: str, function: Callable[[], object], runs: int = 3) -> Timed:
    """Run ``function`` a few times and keep the least CPU time."""
    best = np.inf
    for _ in range(runs):
        began = time.process_time()
        function()
        best = min(best, time.process_time() - began)
    return Timed(work, who, float(best))


def works(p: People) -> dict[str, Callable[[], object]]:
    """Return what this package is timed on, by name."""
    event, band = p.cause > 0, np.arange(0.0, HORIZON)
    hours = p.days + np.random.default_rng(1).random(p.days.size)
    return {
        "Kaplan-Meier": lambda: kaplan_meier(p.days, event, p.weight),
        "- with influence": lambda: survival_influence(p.days, event, p.weight, HORIZON),
        "- and late entries": lambda: survival_influence(p.days, event, p.weight, HORIZON, p.entry),
        "- at times without ties": lambda: survival_influence(hours, event, p.weight, HORIZON),
        "- clustered at 365 times": lambda: clustered_survival_variance(p.days, event, p.weight, p.pair, band),
        "Nelson-Aalen with influence": lambda: hazard_influence(p.days, event, p.weight, HORIZON),
        "restricted mean": lambda: restricted_mean(kaplan_meier(p.days, event, p.weight), HORIZON),
        "- with influence ": lambda: restricted_mean_influence(p.days, event, p.weight, HORIZON),
        "incidence": lambda: cumulative_incidence(p.days, p.cause, p.weight),
        "- with influence  ": lambda: incidence_influence(p.days, p.cause, p.weight, HORIZON),
        "- and late entries ": lambda: incidence_influence(p.days, p.cause, p.weight, HORIZON, entry=p.entry),
        "- clustered at 365 times ": lambda: clustered_incidence_variance(p.days, p.cause, p.weight, p.pair, band),
        "time lost with influence": lambda: time_lost_influence(p.days, p.cause, p.weight, HORIZON),
        "log-rank": lambda: log_rank(p.days, event, p.arm, np.ones(p.days.size)),
        "- weighted and clustered": lambda: log_rank(p.days, event, p.arm, p.weight, clusters=p.pair),
        "- stratified by pair": lambda: log_rank(p.days, event, p.arm, np.ones(p.days.size), strata=p.pair),
        "Gray": lambda: gray_test(p.days, p.cause, p.arm),
    }


def peer_works(p: People) -> dict[tuple[str, str], Callable[[], object]]:
    """Return what lifelines and statsmodels are timed on, by name and package, all without weights."""
    from lifelines import AalenJohansenFitter, KaplanMeierFitter, NelsonAalenFitter
    from lifelines.statistics import logrank_test
    from lifelines.utils import restricted_mean_survival_time
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

    event, arm, status = p.cause > 0, p.arm == 1, (p.cause > 0).astype(int)
    fitted = KaplanMeierFitter().fit(p.days, event)
    # It breaks ties at random and goes through every unit: a tenth of them shows how long.
    tenth = max(len(p.days) // 10, 1)
    incidence = AalenJohansenFitter(calculate_variance=False)
    return {
        ("Kaplan-Meier", "lifelines"): lambda: KaplanMeierFitter().fit(p.days, event),
        ("- and late entries", "lifelines, curve alone"): lambda: KaplanMeierFitter().fit(p.days, event, entry=p.entry),
        ("Nelson-Aalen with influence", "lifelines, curve alone"): lambda: NelsonAalenFitter().fit(p.days, event),
        ("restricted mean", "lifelines, curve given"): lambda: restricted_mean_survival_time(fitted, t=HORIZON),
        ("incidence", "lifelines, a tenth"): lambda: incidence.fit(p.days[:tenth], p.cause[:tenth], 1),
        ("log-rank", "lifelines"): lambda: logrank_test(p.days[arm], p.days[~arm], event[arm], event[~arm]),
        ("Kaplan-Meier", "statsmodels"): lambda: SurvfuncRight(p.days, status),
        ("incidence", "statsmodels"): lambda: CumIncidenceRight(p.days, p.cause),
        ("log-rank", "statsmodels"): lambda: survdiff(p.days, status, p.arm),
    }


def report(found: list[Timed]) -> str:
    """Return one line a piece of work, with the ratio of a peer's time to ours."""
    own = {t.work: t.seconds for t in found if t.who == "yoseval"}
    lines = [f"{'work':32}{'who':28}{'CPU s':>10}{'ratio':>9}"]
    for t in sorted(found, key=lambda t: (list(own).index(t.work), t.who != "yoseval")):
        ratio = "" if t.who == "yoseval" else f"{t.seconds / max(own[t.work], 1e-9):9.1f}"
        lines.append(f"{t.work:32}{t.who:28}{t.seconds:10.4f}{ratio:>9}")
    return "\n".join(lines)


def main(n: int) -> list[Timed]:
    """Time everything on n units and print the table."""
    drawn = people(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [timed(work, "yoseval", function) for work, function in works(drawn).items()]
        # The slowest peers once.
        found += [timed(*name, function, 1 if "," in name[1] else 3) for name, function in peer_works(drawn).items()]
    print(f"{n} units, follow-up in days")
    print(report(found))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
