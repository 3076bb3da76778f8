"""How long weighting and its parts take beside the packages people use, in one run on one machine.

Run ``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python tests/benchmarks/weights_benchmark.py [units]``. Peers that are not
installed are left out: ``ebal`` and ``empirical_calibration`` are not needed by anything else. Times are CPU seconds, the best
of a few runs; ratios are those of the peer over ours. With one thread CPU seconds are seconds of work; idle threads of BLAS
would count as work too.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.design.arm_statistics import compare_arms, reference_spread, sort_columns
from yoseval.design.entropy import entropy_weights
from yoseval.design.score_weights import score_estimation, score_slopes, score_weights
from yoseval.models.balancing import fit_balancing
from yoseval.models.firth import fit_firth
from yoseval.models.glm import fit_logit
from yoseval.models.ridge import fit_ridge

COLUMNS = 27
NUMBERS = 9


@dataclass(frozen=True)
class Timed:
    """A piece of work, who did it, and how long it took."""

    work: str
    who: str
    seconds: float


def people(n: int) -> tuple[Floats, Flags]:
    """Return n units with nine numbers and eighteen flags, column-major, and who was treated."""
    rng = np.random.default_rng(9)
    x = np.empty((n, COLUMNS), order="F")
    x[:, :NUMBERS], x[:, NUMBERS:] = rng.normal(size=(n, NUMBERS)), rng.random((n, COLUMNS - NUMBERS)) < 0.3
    return x, rng.random(n) < 1 / (1 + np.exp(1.2 - 0.5 * x[:, 0] - x[:, NUMBERS]))


def timed(work: str, who: str, function: Callable[[], object], runs: int = 3) -> Timed:
    """Run ``function`` a few times and keep the least CPU time."""
    best = np.inf
    for _ in range(runs):
        began = time.process_time()
        function()
        best = min(best, time.process_time() - began)
    return Timed(work, who, float(best))


def works(x: Floats, treated: Flags) -> dict[str, Callable[[], object]]:
    """Return what this package is timed on, by name."""
    flags = np.arange(COLUMNS) >= NUMBERS
    fit = fit_logit(x, treated)

    def balance() -> None:
        columns = sort_columns(x, flags)
        spread = reference_spread(columns, treated, pooled=True)
        for weight in (np.ones(len(x)), score_weights(fit.fitted, treated, "ATE")):
            compare_arms(columns, treated, weight, spread)

    def weights() -> None:
        score_weights(fit.fitted, treated, "ATE")
        score_estimation(x, score_slopes(fit.fitted, treated, "ATE"), fit)

    return {
        "logit": lambda: fit_logit(x, treated),
        "ridge": lambda: fit_ridge(x, treated),
        "firth, a tenth": lambda: fit_firth(x[::10], treated[::10]),
        "weights with derivatives": weights,
        "entropy balancing": lambda: entropy_weights(x, treated),
        "balancing score, ATE": lambda: fit_balancing(x, treated, "ATE"),
        "balance before and after": balance,
    }


def ours(x: Floats, treated: Flags) -> list[Timed]:
    """Time this package; what takes longest once."""
    once = {"ridge", "firth, a tenth", "balancing score, ATE"}
    return [timed(work, "yoseval", function, 1 if work in once else 3) for work, function in works(x, treated).items()]


def peers(x: Floats, treated: Flags) -> list[Timed]:
    """Time the packages that are installed."""
    return [*_statsmodels(x, treated), *_scikit_learn(x, treated), *_ebal(x, treated), *_calibration(x, treated)]


def _statsmodels(x: Floats, treated: Flags) -> list[Timed]:
    import statsmodels.api as sm

    design, y = sm.add_constant(x), treated.astype(float)
    return [timed("logit", "statsmodels", lambda: sm.Logit(y, design).fit(disp=0), 1)]


def _scikit_learn(x: Floats, treated: Flags) -> list[Timed]:
    from sklearn.linear_model import LogisticRegression

    plain = LogisticRegression(C=1e10, solver="newton-cholesky", tol=1e-8, max_iter=200)
    return [
        timed("logit", "scikit-learn, newton-cholesky", lambda: plain.fit(x, treated), 1),
        timed(
            "ridge", "scikit-learn, newton-cholesky", lambda: LogisticRegression(solver="newton-cholesky").fit(x, treated), 1
        ),
    ]


def _ebal(x: Floats, treated: Flags) -> list[Timed]:
    try:
        import ebal
    except ImportError:
        return []
    machine = ebal.ebal_bin(effect="ATT", print_level=-1)
    given = treated.astype(float)
    return [timed("entropy balancing", "ebal", lambda: machine.ebalance(given, x, np.zeros(len(x))), 1)]


def _calibration(x: Floats, treated: Flags) -> list[Timed]:
    try:
        import empirical_calibration as ec
    except ImportError:
        return []
    return [
        timed(
            "entropy balancing",
            "empirical_calibration",
            lambda: ec.calibrate(covariates=x[~treated], target_covariates=x[treated], objective=ec.Objective.ENTROPY),
            1,
        )
    ]


def report(found: list[Timed]) -> str:
    """Return one line a piece of work, with the ratio of a peer's time to ours."""
    own = {t.work: t.seconds for t in found if t.who == "yoseval"}
    lines = [f"{'work':28}{'who':34}{'CPU s':>10}{'ratio':>9}"]
    for t in sorted(found, key=lambda t: (list(own).index(t.work), t.who != "yoseval")):
        ratio = "" if t.who == "yoseval" else f"{t.seconds / max(own[t.work], 1e-9):9.1f}"
        lines.append(f"{t.work:28}{t.who:34}{t.seconds:10.3f}{ratio:>9}")
    return "\n".join(lines)


def main(n: int) -> list[Timed]:
    """Time everything on n units and print the table."""
    x, treated = people(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [*ours(x, treated), *peers(x, treated)]
    print(f"{n} units, {COLUMNS} columns")
    print(report(found))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
