"""Survival and effects in one table, beside the packages people use, in one run on one machine.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/effects_benchmark.py [small] [large]``. Times are
CPU seconds, the median of three runs, of what takes long one; ratios are those of the peer over ours. The pieces of work
are those of the other benchmarks, with two more: a logistic regression with clustered errors, and the correction for
estimated weights. Peers that are not installed are left out. No package of Python's index has Fine and Gray's model;
lifelines' robust Cox model takes time by the square of the rows. Peers of "with influence" give a curve with its errors.
"""

import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from yoseval import Cohort, FollowUp, build_design, estimate_effect
from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.score_weights import score_estimation, score_slopes, score_weights
from yoseval.design.types import Design
from yoseval.models.clustered_logit import fit_clustered_logit
from yoseval.models.glm import fit_logit
from yoseval.models.variance import correct_for_estimated_weights

OPTIONAL = ("sksurv", "surpyval")
Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """A piece of work on n units, who did it, and the CPU seconds it took."""

    work: str
    n: int
    who: str
    seconds: float


@dataclass(frozen=True)
class Clustered:
    """Columns, outcomes of 0 and 1, arms and clusters of n units."""

    x: Floats
    y: Flags
    treated: Flags
    cluster: Indices


def load(name: str) -> ModuleType:
    """Load another benchmark of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def is_installed(package: str) -> bool:
    """Tell whether an optional peer is there."""
    return importlib.util.find_spec(package) is not None


def compare(work: str, n: int, own: Work, peers: dict[str, Work], runs: int = 3) -> list[Row]:
    """Time one piece of work beside its peers."""
    rows = [Row(work, n, "yoseval", median_seconds(own, runs))]
    return rows + [Row(work, n, who, median_seconds(peer, runs)) for who, peer in peers.items()]


def median_seconds(function: Work, runs: int) -> float:
    """Return the median of some runs; of one where it took over five seconds."""
    taken: list[float] = []
    while len(taken) < runs and not (taken and taken[0] > 5.0):
        began = time.process_time()
        function()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def clustered(n: int, columns: int) -> Clustered:
    """Draw n units in clusters of about seven, with so many columns."""
    rng = np.random.default_rng(5)
    x = np.asfortranarray(rng.normal(size=(n, columns)))
    cluster = rng.integers(0, max(n // 7, 2), n)
    own = rng.normal(size=cluster.max() + 1)[cluster]
    y = rng.random(n) < 1 / (1 + np.exp(0.4 - 0.3 * x[:, 0] - 0.5 * own))
    return Clustered(x, y, rng.random(n) < 1 / (1 + np.exp(1.0 - 0.3 * x[:, 1])), cluster)


def statsmodels_logit(d: Clustered) -> tuple[Floats, Floats]:
    """Return coefficients and clustered covariance by statsmodels."""
    import statsmodels.api as sm

    model = sm.Logit(d.y.astype(float), sm.add_constant(d.x))
    fit = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": d.cluster}, tol=1e-12)
    return np.asarray(fit.params), np.asarray(fit.cov_params())


def weighted_effect(d: Clustered) -> tuple[float, float]:
    """Fit a score, weight by it (ATE), and return the difference of risks with the error of stacked M-estimation."""
    fit = fit_logit(d.x, d.treated)
    weight = score_weights(fit.fitted, d.treated, "ATE")
    of_weight = score_estimation(d.x, score_slopes(fit.fitted, d.treated, "ATE"), fit)
    share = np.where(d.treated, weight / weight[d.treated].sum(), weight / weight[~d.treated].sum())
    sign = np.where(d.treated, 1.0, -1.0)
    mean = np.where(d.treated, share[d.treated] @ d.y[d.treated], share[~d.treated] @ d.y[~d.treated])
    influence = correct_for_estimated_weights(sign * share * (d.y - mean), weight, of_weight.gradient, of_weight.influence)
    return float((sign * share) @ d.y), float(np.sqrt(influence @ influence))


def statsmodels_effect(d: Clustered) -> tuple[float, float]:
    """Return the same by statsmodels' generalised method of moments."""
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    design = sm.add_constant(d.x)
    score = sm.Logit(d.treated.astype(float), design).fit(disp=0)
    found = TreatmentEffect(sm.OLS(d.y.astype(float), design), d.treated.astype(int), results_select=score).ipw()
    return float(found.results_gmm.params[0]), float(found.results_gmm.bse[0])


def survival(n: int, *, robust_peers: bool) -> list[Row]:
    """Time Cox models, and Fine and Gray's, on n rows."""
    cox = load("cox_benchmark")
    rows = cox.follow(n)
    works = cox.works(rows, rows)
    plain = {who: peer for (work, who), peer in cox.peer_works(rows).items() if work == "Cox"}
    if is_installed("sksurv"):
        plain["scikit-survival"] = _sksurv_cox(rows)
    robust = {"statsmodels, no weights": _statsmodels_robust(rows)} if robust_peers else {}
    found = compare("Cox", n, works["Cox"], plain)
    found += compare("Cox, weights, clusters", n, works["Cox, weights, clusters"], robust)
    return found + compare("Fine-Gray, weights, clusters", n, works["Fine-Gray, weights, clusters"], {})


def _statsmodels_robust(rows) -> Work:
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(rows.time, rows.x, status=rows.event.astype(int), ties="efron")
    return lambda: model.fit(groups=rows.child)


def _sksurv_cox(rows) -> Work:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(rows.x, Surv.from_arrays(rows.event, rows.time))


def curves(n: int) -> list[Row]:
    """Time curves with influence values on n units."""
    module = load("curves_benchmark")
    people = module.people(n)
    works, peers = module.works(people), module.peer_works(people)
    optional: dict[str, Work] = {}
    if is_installed("sksurv"):
        from sksurv.nonparametric import kaplan_meier_estimator

        optional["scikit-survival"] = lambda: kaplan_meier_estimator(people.cause > 0, people.days, conf_type="log-log")
    if is_installed("surpyval"):
        import surpyval

        optional["SurPyval"] = lambda: surpyval.KaplanMeier.fit(people.days, c=(people.cause == 0).astype(int))
    both = (("Kaplan-Meier", "lifelines"), ("restricted mean", "lifelines, curve given"))
    peers["restricted mean", "lifelines"] = lambda: [peers[name]() for name in both]
    found: list[Row] = []
    for work, key, name in (
        ("Kaplan-Meier with influence", "- with influence", "Kaplan-Meier"),
        ("restricted mean with influence", "- with influence ", "restricted mean"),
        ("Aalen-Johansen with influence", "- with influence  ", "incidence"),
    ):
        beside = {who: peer for (of, who), peer in peers.items() if of == name and (of, who) != both[1]}
        found += compare(work, n, works[key], {**beside, **optional} if name == "Kaplan-Meier" else beside)
    return found


def effects(small: int, large: int) -> list[Row]:
    """Time the clustered logistic regression of 29 columns, and the correction for estimated weights of 21."""
    wide, narrow = clustered(large, 28), clustered(small, 20)
    return [
        *compare(
            "logistic, clustered",
            large,
            lambda: fit_clustered_logit(wide.x, wide.y, wide.cluster),
            {"statsmodels": lambda: statsmodels_logit(wide)},
        ),
        *compare("M-estimation", small, lambda: weighted_effect(narrow), {"statsmodels": lambda: statsmodels_effect(narrow)}),
    ]


def bootstrap(n: int, replicates: int, methods: tuple[str, ...]) -> list[Row]:
    """Time 1,000 replicates of a whole design on one worker, and a loop that weights; both scaled up from fewer."""
    module = load("bootstrap_benchmark")
    frame, fewer = module.people(n), max(replicates // 10, 2)
    loop = median_seconds(lambda: module.loop(frame, fewer, 1), 1) * 1000 / fewer
    found = []
    for method in methods:
        work = f"1,000 replicates, {method}"
        taken = median_seconds(lambda method=method: module.own(frame, method, replicates, 1), 1)
        found.append(Row(work, n, "yoseval", taken * 1000 / replicates))
        found.append(Row(work, n, "statsmodels' score alone" if method != "overlap" else "statsmodels and joblib", loop))
    return found


def jackknife(n: int) -> list[Row]:
    """Time the jackknife of entropy weights that are fitted again, all replicates at once beside one at a time."""
    followup, design = weighted_effect_of_few(n)
    again = design.weighting.reweight

    def with_refits(refit) -> Work:
        # A weighting of its own each time: what was fitted before is remembered.
        return lambda: estimate_effect(
            followup,
            replace(design, weighting=replace(design.weighting, reweight=refit)),
            "risk_difference",
            variance="jackknife",
        )

    return compare("jackknife, weights fitted again", n, with_refits(again), {"one at a time": with_refits(again.one)})


def weighted_effect_of_few(n: int) -> tuple[FollowUp, Design]:
    """Return a follow-up and an entropy design of n children with three covariates."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"age": rng.uniform(12, 18, n), "prior": rng.poisson(2.0, n), "girl": rng.random(n) < 0.3})
    started = rng.random(n) < 1 / (1 + np.exp(0.8 - 0.3 * (frame["prior"] - 2)))
    again = rng.random(n) < 0.35
    days = np.where(again, rng.integers(1, 365, n), 365)
    frame = frame.assign(started=started, girl=frame["girl"].astype(int), again=again.astype(int), days=days)
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age", "prior", "girl"])
    followup = FollowUp.from_frame(frame, event="again", time="days", horizon=365)
    return followup, build_design(cohort, "entropy")


def report(found: list[Row]) -> str:
    """Return one line a piece of work, with the ratio of a peer's time to ours."""
    own = {(r.work, r.n): r.seconds for r in found if r.who == "yoseval"}
    lines = [f"{'work':34}{'units':>11}  {'who':26}{'CPU s':>10}{'ratio':>9}"]
    for r in found:
        ratio = "" if r.who == "yoseval" else f"{r.seconds / max(own[r.work, r.n], 1e-9):9.1f}"
        lines.append(f"{r.work:34}{r.n:11,}  {r.who:26}{r.seconds:10.3f}{ratio:>9}")
    return "\n".join([*lines, *(f"{package} is not installed" for package in OPTIONAL if not is_installed(package))])


def main(
    small: int = 100_000,
    large: int = 1_000_000,
    drawn: int = 10_000,
    replicates: int = 1_000,
    methods: tuple[str, ...] = ("overlap", "nearest", "entropy"),
) -> list[Row]:
    """Time everything and print the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [*survival(small, robust_peers=True), *survival(large, robust_peers=False), *curves(large)]
        found += [*effects(small, large), *bootstrap(drawn, replicates, methods), *jackknife(300)]
    print(report(found))
    return found


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
