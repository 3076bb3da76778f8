"""Say how alike the two arms are, before and after a design, and whether that is enough.

Takes a design; gives tidy frames of balance, sizes and overlap, and the verdict of the gate.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
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
class ArmStatistics:
    """Balance of k terms: arrays of k floats each; ``variance_ratio`` is not a number for 0/1 terms."""

    mean_treated: Floats
    mean_comparison: Floats
    std_mean_diff: Floats
    variance_ratio: Floats
    ks: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: Floats
    orders: tuple[Indices | None, ...]

    @property
    def is_flag(self) -> Flags:
        return np.array([k in {"binary", "missing"} for k in self.kinds], dtype=bool)


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
    found = {name: _statistics(terms, design.treated, weight, pooled=pooled) for name, weight in samples.items()}
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


def balance_statistics(
    values: Floats, is_flag: Flags, treated: Flags, weight: Floats, *, pooled: bool = False
) -> ArmStatistics:
    r"""Compare two weighted arms on each column.

    :math:`\mathrm{SMD} = (\bar x_1 - \bar x_0) / s` with weighted means, and :math:`s` the SD of the *unweighted*
    treated, or :math:`\sqrt{(s_1^2 + s_0^2)/2}` if ``pooled``; of a 0/1 column :math:`s^2 = p(1 - p)`. The variance
    ratio is :math:`s_1^2 / s_0^2` of weighted variances with the divisor :math:`1 - \sum w^2` (weights summing to
    one); KS is the largest gap between the weighted distribution functions. All as in MatchIt.

    Parameters
    ----------
    values : (n, k) floats
        Columns to compare.
    is_flag : (k,) booleans
        True for columns of 0 and 1.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Design weights, 0 where a unit is not used.
    pooled : bool
        Standardise by both arms.

    Returns
    -------
    ArmStatistics
        SMD is not a number where :math:`s = 0` and the means differ.

    Examples
    --------
    >>> x = np.array([[1.0], [1.0], [0.0], [0.0], [1.0]])
    >>> treated = np.array([True, True, True, False, False])
    >>> balance_statistics(x, np.array([True]), treated, np.ones(5)).std_mean_diff.round(4)
    array([0.3536])
    """
    kinds = tuple("binary" if f else "numeric" for f in is_flag)
    terms = _Terms(("",) * len(kinds), kinds, values, _orders(values, is_flag))
    return _statistics(terms, treated, weight, pooled=pooled)


def is_about_treated(design: Design) -> bool:
    """Tell whether the effect is about the treated, or those of them who could be matched."""
    return design.estimand in {"ATT", "ATM"}


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
    return _Terms(names, kinds, values, _orders(values, is_flag))


def _orders(values: Floats, is_flag: Flags) -> tuple[Indices | None, ...]:
    """Sort each column that is not 0/1 once, for the distribution functions before and after."""
    return tuple(None if f else np.argsort(values[:, j], kind="stable") for j, f in enumerate(is_flag))


def _statistics(terms: _Terms, treated: Flags, weight: Floats, *, pooled: bool) -> ArmStatistics:
    arms = [np.where(arm, weight, 0.0) for arm in (treated, ~treated)]
    shares = [w / w.sum() for w in arms]
    means = [w @ terms.values for w in shares]
    spread = _reference_sd(terms, treated, pooled=pooled)
    difference = means[0] - means[1]
    # Means of constants differ by rounding only; that is no difference.
    difference[np.abs(difference) <= 1e-12 * np.abs(means[0])] = 0.0
    ratio = np.full(len(spread), np.nan)
    ks = np.abs(difference)
    for j, order in enumerate(terms.orders):
        if order is not None:
            column = terms.values[:, j]
            over, under = (_variance(column, w, m[j]) for w, m in zip(shares, means, strict=True))
            ratio[j] = over / under if under > 0 else np.nan
            ks[j] = _largest_gap(column[order], (shares[0] - shares[1])[order])
    smd = np.divide(difference, spread, out=np.where(difference == 0, 0.0, np.nan), where=spread > 0)
    return ArmStatistics(means[0], means[1], smd, ratio, ks)


def _reference_sd(terms: _Terms, treated: Flags, *, pooled: bool) -> Floats:
    variances = []
    for arm in (treated, ~treated) if pooled else (treated,):
        rows = terms.values[arm]
        mean = rows.mean(axis=0)
        spread = mean * (1.0 - mean)
        numeric = np.flatnonzero(~terms.is_flag)
        spread[numeric] = rows[:, numeric].var(axis=0, ddof=1) if len(rows) > 1 else 0.0
        # A constant's variance is rounding, not spread.
        variances.append(np.where(spread > 1e-24 * mean**2, spread, 0.0))
    sd: Floats = np.sqrt(np.mean(variances, axis=0))
    return sd


def _variance(column: Floats, share: Floats, mean: float) -> float:
    rest = 1.0 - float(share @ share)
    return float(share @ (column - mean) ** 2) / rest if rest > 1e-12 else float("nan")


def _largest_gap(ordered: Floats, signed: Floats) -> float:
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    return float(np.abs(np.cumsum(signed)[last_of_ties]).max())


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
