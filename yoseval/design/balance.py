"""Say how alike the two arms are, before and after a design, and whether that is enough.

Takes a design; gives tidy frames of balance, sizes and overlap, and the verdict of the gate.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yoseval.arrays import Floats
from yoseval.design.arm_statistics import ArmStatistics, SortedColumns, compare_arms, reference_spread, sort_columns
from yoseval.design.prognostic import prognostic_score
from yoseval.design.types import Design
from yoseval.frames import make_frame
from yoseval.models.variance import effective_size

PROGNOSTIC_GATE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """How alike the arms are.

    Parameters
    ----------
    statistics : DataFrame
        The public frame ``balance``: every term before and after.
    sizes : DataFrame
        The public frame ``sizes``: units used and effective sizes.
    balanced : bool
        True where the gate is passed.
    max_smd : float
        Largest absolute standardised mean difference of the protocol's terms after the design; 0 where there
        are no terms, not a number where one cannot be standardised.
    prognostic_smd : float
        Absolute difference of the prognostic score, not a number where there is none.
    notes : tuple of str
        What a reader must know.
    """

    statistics: pd.DataFrame
    sizes: pd.DataFrame
    balanced: bool
    max_smd: float
    prognostic_smd: float
    notes: tuple[str, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return the public frame ``balance``."""
        return self.statistics

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        verdict = "yes" if self.balanced else "no"
        return (
            f"Balance: {verdict}\nlargest |SMD|: {self.max_smd:.4f}\n|SMD| of the prognostic score: {self.prognostic_smd:.4f}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    columns: SortedColumns


def assess_balance(design: Design, *, max_smd: float = 0.10) -> Balance:
    r"""Compare the arms of a design on every term of its covariates.

    The gate: :math:`|\mathrm{SMD}|` of every term at most ``max_smd`` and, where the cohort declares a history of
    offending, at most 0.05 on the prognostic score. The propensity score is shown but has no part in the gate.

    Parameters
    ----------
    design : Design
        Units and weights.
    max_smd : float
        Largest absolute standardised mean difference that passes.

    Returns
    -------
    Balance
        Frames, verdict and largest difference.

    References
    ----------
    austin2009 : Austin (2009), Statistics in Medicine 28(25), 3083-3107.
    stuart2013 : Stuart, Lee and Leacy (2013), Journal of Clinical Epidemiology 66(8), S84-S90.
    """
    terms = _terms_of(design)
    pooled = not is_about_treated(design)
    samples = {"before": np.ones(len(design.weight)), "after": design.weight}
    spread = reference_spread(terms.columns, design.treated, pooled=pooled)
    found = {name: compare_arms(terms.columns, design.treated, weight, spread) for name, weight in samples.items()}
    smd = np.abs(found["after"].std_mean_diff)
    gated = np.array([k not in {"score", "prognostic"} for k in terms.kinds], dtype=bool)
    prognostic = float(smd[-1]) if terms.kinds[-1] == "prognostic" else float("nan")
    largest = float(smd[gated].max(initial=0.0))
    stuck = [n for n, s, g in zip(terms.names, smd, gated, strict=True) if g and np.isnan(s)]
    return Balance(
        statistics=_balance_frame(design, terms, found),
        sizes=_sizes_frame(design, samples),
        balanced=largest <= max_smd and (terms.kinds[-1] != "prognostic" or prognostic <= PROGNOSTIC_GATE),
        max_smd=largest,
        prognostic_smd=prognostic,
        notes=tuple(
            f"{name} does not vary where it is standardised, yet its means differ: the gate is not passed." for name in stuck
        ),
    )


def is_about_treated(design: Design) -> bool:
    """Tell whether the effect is about the treated, or those of them who could be matched."""
    # Matching weights move both arms, as overlap weights do.
    return design.estimand in {"ATT", "ATM"} and design.method != "matching_weights"


def overlap_frame(design: Design) -> pd.DataFrame:
    """Count, in shares, where the propensity scores of each arm lie before and after the design.

    Parameters
    ----------
    design : Design
        Units, weights and scores.

    Returns
    -------
    DataFrame
        The public frame ``overlap``. Bins hold equal numbers of units of both arms together: at least 10, and at
        least a twentieth of all. The outer edges are rounded outwards to 0.01, so that they are nobody's score.
    """
    edges = _bin_edges(design.weighting.score)
    place = np.clip(np.searchsorted(edges, design.weighting.score, side="right") - 1, 0, len(edges) - 2)
    rows = []
    for sample, weight in (("before", np.ones(len(place))), ("after", design.weight)):
        for arm, inside in (("treated", design.treated), ("comparison", ~design.treated)):
            total = np.bincount(place[inside], weights=weight[inside], minlength=len(edges) - 1)
            share = total / total.sum() if total.sum() else total
            n = np.bincount(place[inside & (weight > 0)], minlength=len(edges) - 1)
            bins = {"low": edges[:-1], "high": edges[1:], "share": share, "n": n}
            rows.append(pd.DataFrame({"sample": sample, "arm": arm, **bins}))
    return make_frame("overlap", pd.concat(rows, ignore_index=True).assign(programme=design.cohort.programme))


def _terms_of(design: Design) -> _Terms:
    matrix = design.cohort.matrix()
    prognostic = prognostic_score(design.cohort)
    extra = [("propensity score", "score", design.weighting.score)]
    if prognostic is not None:
        extra.append(("prognostic score", "prognostic", prognostic))
    names = (*matrix.terms, *(name for name, _, _ in extra))
    kinds = (*matrix.kinds, *(kind for _, kind, _ in extra))
    values = np.empty((len(design.treated), len(names)), order="F")
    values[:, : len(matrix.terms)] = matrix.values
    for j, (_, _, column) in enumerate(extra, start=len(matrix.terms)):
        values[:, j] = column
    is_flag = np.array([k in {"binary", "missing"} for k in kinds], dtype=bool)
    return _Terms(names, kinds, sort_columns(values, is_flag))


def _balance_frame(design: Design, terms: _Terms, found: dict[str, ArmStatistics]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "programme": design.cohort.programme,
                "sample": sample,
                "term": terms.names,
                "kind": terms.kinds,
                "mean_treated": s.mean_treated,
                "mean_comparison": s.mean_comparison,
                "std_mean_diff": s.std_mean_diff,
                "variance_ratio": s.variance_ratio,
                "ks": s.ks,
            }
        )
        for sample, s in found.items()
    ]
    return make_frame("balance", pd.concat(parts, ignore_index=True))


def _sizes_frame(design: Design, samples: dict[str, Floats]) -> pd.DataFrame:
    rows = [
        (design.cohort.programme, sample, name, int((weight[arm] > 0).sum()), effective_size(weight[arm]))
        for sample, weight in samples.items()
        for name, arm in (("treated", design.treated), ("comparison", ~design.treated))
    ]
    return make_frame("sizes", pd.DataFrame(rows, columns=["programme", "sample", "arm", "n", "effective_n"]))


def _bin_edges(score: Floats) -> Floats:
    ordered = np.sort(score)
    size = max(10, int(np.ceil(len(score) / 20)))
    edges = [np.floor(ordered[0] * 100) / 100]
    start = 0
    while len(score) - start >= 2 * size:
        # Equal scores stay in one bin.
        end = int(np.searchsorted(ordered, ordered[start + size - 1], side="right"))
        if len(score) - end < size:
            break
        edges.append((ordered[end - 1] + ordered[end]) / 2)
        start = end
    return np.array([*edges, np.floor(ordered[-1] * 100 + 1) / 100])
