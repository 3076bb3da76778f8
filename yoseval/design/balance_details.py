"""Balance beyond the means, on demand: squares and interactions, subgroups, overlap of distributions.

Takes a design; gives tidy frames of the vocabulary. The gate of a design stays with `assess_balance`: what is here is to
be looked at, not to pass or fail.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices, Texts
from yoseval.cohort.covariates import NOT_RECORDED, CovariateMatrix
from yoseval.design.arm_statistics import ArmStatistics, compare_arms, reference_spread, sort_columns
from yoseval.design.balance import is_about_treated
from yoseval.design.distribution_distances import energy_distance, overlap_coefficient
from yoseval.design.types import Design
from yoseval.errors import DesignError, UsageError
from yoseval.frames import join_frames, make_frame

ALL = "all covariates together"
MOST_STEPS = 20
_BLOCK = 64  # products held at once


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """Names of m products, which of them are 0/1, the two columns of each, (m, 2), and the (n, k) columns."""

    names: list[str]
    is_flag: Flags
    places: Indices
    centred: Floats

    def columns(self, block: slice) -> Floats:
        """Return some of the products, column-major: all at once would be too many to hold."""
        first, second = self.places[block].T
        values: Floats = np.asfortranarray(self.centred[:, first] * self.centred[:, second])
        return values


def interaction_balance(design: Design) -> pd.DataFrame:
    """Compare the arms on the square of every number and on the product of every two terms.

    Products of two levels of one category, which are always zero, are left out; numbers are centred first, so that a
    square is a spread and a product a correlation.

    Parameters
    ----------
    design : Design
        Units and weights.

    Returns
    -------
    DataFrame
        The frame ``interactions``, before and after.

    References
    ----------
    austin2009 : Austin (2009), Statistics in Medicine 28(25), 3083-3107, section 3.
    """
    products = _products(design.cohort.matrix())
    found: dict[str, list[pd.DataFrame]] = {sample: [] for sample, _ in _samples(design)}
    for first in range(0, len(products.names), _BLOCK):
        block = slice(first, first + _BLOCK)
        columns = sort_columns(products.columns(block), products.is_flag[block])
        spread = reference_spread(columns, design.treated, pooled=not is_about_treated(design))
        kinds = ["binary" if flag else "numeric" for flag in columns.is_flag]
        for sample, weight in _samples(design):
            statistics = compare_arms(columns, design.treated, weight, spread)
            found[sample].append(_rows(products.names[block], kinds, statistics).assign(sample=sample))
    parts = [part for parts in found.values() for part in parts]
    if not parts:
        return make_frame("interactions", {})
    return make_frame("interactions", pd.concat(parts, ignore_index=True).assign(programme=design.cohort.programme))


def subgroup_balance(design: Design, subgroups: Sequence[str]) -> pd.DataFrame:
    """Compare the arms within every value of the declared columns.

    Differences are divided by the SD of everybody's group, as in `assess_balance`: one yardstick for all subgroups.

    Parameters
    ----------
    design : Design
        Units and weights.
    subgroups : sequence of str
        Columns of the cohort, each with few values; an empty cell is a value of its own.

    Returns
    -------
    DataFrame
        The frame ``subgroup_balance``, before and after; a subgroup without one of the arms has sizes and no statistics.

    Raises
    ------
    UsageError
        If a column is absent.
    """
    matrix = design.cohort.matrix()
    absent = [c for c in subgroups if c not in design.cohort.units.columns]
    if absent:
        raise UsageError(f"Not a column to look within: {', '.join(absent)}.", "Correct its name.")
    columns = sort_columns(matrix.values, np.array([k != "numeric" for k in matrix.kinds], dtype=bool))
    spread = reference_spread(columns, design.treated, pooled=not is_about_treated(design))
    parts = []
    for column in subgroups:
        texts = _labels(design.cohort.units[column])
        for value in sorted(set(texts.tolist()), key=_rising):
            inside = texts == value
            for sample, weight in _samples(design):
                used = np.where(inside, weight, 0.0)
                sizes = {f"n_{n}": int((used[a] > 0).sum()) for n, a in _arms(design.treated)}
                found = compare_arms(columns, design.treated, used, spread) if min(sizes.values()) else _empty(len(spread))
                rows = _rows(matrix.terms, matrix.kinds, found)
                parts.append(rows.assign(subgroup=f"{column}: {value}", sample=sample, **sizes))
    if not parts:
        return make_frame("subgroup_balance", {})
    return make_frame("subgroup_balance", pd.concat(parts, ignore_index=True).assign(programme=design.cohort.programme))


def distribution_balance(design: Design, *, seed: int = 0) -> pd.DataFrame:
    """Say how far the arms' distributions overlap on every term, their KS distance, and how far apart they lie on all together.

    Parameters
    ----------
    design : Design
        Units and weights.
    seed : int
        Of the sample that energy distance takes of large arms.

    Returns
    -------
    DataFrame
        The frame ``distribution_balance``: a row a term, and one for ``ALL`` with the energy distance.
    """
    matrix, treated = design.cohort.matrix(), design.treated
    columns = sort_columns(matrix.values, np.array([k != "numeric" for k in matrix.kinds], dtype=bool))
    spread = np.ones(len(matrix.terms))  # KS distances do not depend on it
    rows = []
    for sample, weight in _samples(design):
        gaps = compare_arms(columns, treated, weight, spread).ks
        for j, (term, kind) in enumerate(zip(matrix.terms, matrix.kinds, strict=True)):
            shared = overlap_coefficient(matrix.values[:, j], treated, weight, is_flag=kind != "numeric")
            rows.append((sample, term, kind, shared, gaps[j], np.nan))
        apart = energy_distance(matrix.for_models(), treated, weight, seed=seed) if matrix.terms else 0.0
        rows.append((sample, ALL, "all", np.nan, np.nan, apart))
    names = ["sample", "term", "kind", "overlap_coefficient", "ks", "energy_distance"]
    return make_frame("distribution_balance", pd.DataFrame(rows, columns=names).assign(programme=design.cohort.programme))


def distribution_frame(design: Design, terms: Sequence[str] | None = None) -> pd.DataFrame:
    """Tabulate the distribution function of each number in each arm, before and after, in steps of several units.

    Parameters
    ----------
    design : Design
        Units and weights.
    terms : sequence of str, optional
        Numeric terms; all of them if absent.

    Returns
    -------
    DataFrame
        The frame ``distributions``. Steps hold equal numbers of both arms together, at least 10 and at least a twentieth;
        equal values stay in one step. The last step has no upper edge that could be somebody's value: it is rounded up.

    Raises
    ------
    DesignError
        If a term is not a number of the cohort.
    """
    matrix = design.cohort.matrix()
    numbers = [t for t, k in zip(matrix.terms, matrix.kinds, strict=True) if k == "numeric"]
    unknown = [t for t in terms or () if t not in numbers]
    if unknown:
        raise DesignError(f"'{unknown[0]}' is not a number of the cohort.", f"Choose from: {', '.join(numbers) or 'none'}.")
    parts = []
    for term in numbers if terms is None else terms:
        column = matrix.values[:, matrix.terms.index(term)]
        edges = _edges(column)
        place = np.searchsorted(edges, column, side="left")
        for sample, weight in _samples(design):
            for arm, inside in _arms(design.treated):
                mass = np.bincount(place[inside], weight[inside], len(edges))
                n = np.bincount(place[inside & (weight > 0)], minlength=len(edges))
                steps = {"high": edges, "cumulative": np.cumsum(mass) / mass.sum(), "n": n}
                parts.append(pd.DataFrame({"sample": sample, "arm": arm, "term": term, **steps}))
    frames = [make_frame("distributions", p.assign(programme=design.cohort.programme)) for p in parts]
    return join_frames("distributions", frames)


def _samples(design: Design) -> tuple[tuple[str, Floats], ...]:
    return ("before", np.ones(len(design.weight))), ("after", design.weight)


def _arms(treated: Flags) -> tuple[tuple[str, Flags], ...]:
    return ("treated", treated), ("comparison", ~treated)


def _rows(names: Sequence[str], kinds: Sequence[str], s: ArmStatistics) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "term": list(names),
            "kind": list(kinds),
            "mean_treated": s.mean_treated,
            "mean_comparison": s.mean_comparison,
            "std_mean_diff": s.std_mean_diff,
            "variance_ratio": s.variance_ratio,
            "ks": s.ks,
        }
    )


def _labels(column: pd.Series) -> Texts:
    """Name the subgroup of each unit: whole numbers without decimals, empty cells ``not recorded``."""
    texts = column.map(lambda v: f"{v:g}" if isinstance(v, float) else str(v), na_action="ignore")
    found: Texts = texts.astype(object).where(column.notna(), NOT_RECORDED).to_numpy(dtype=object)
    return found


def _rising(label: str) -> tuple[float, str]:
    """Sort 9 before 10, and texts after numbers."""
    try:
        return float(label), label
    except ValueError:
        return np.inf, label


def _empty(k: int) -> ArmStatistics:
    nothing = np.full(k, np.nan)
    return ArmStatistics(nothing, nothing, nothing, nothing, nothing)


def _products(matrix: CovariateMatrix) -> _Products:
    is_flag = np.array([k != "numeric" for k in matrix.kinds], dtype=bool)
    centred = matrix.values - np.where(is_flag, 0.0, matrix.values.mean(axis=0)) if matrix.terms else matrix.values
    names, pairs = [], []
    for i, first in enumerate(matrix.terms):
        if not is_flag[i]:
            names.append(f"{first} squared")
            pairs.append((i, i))
        for j in range(i + 1, len(matrix.terms)):
            if matrix.covariates[i] != matrix.covariates[j]:
                names.append(f"{first} × {matrix.terms[j]}")
                pairs.append((i, j))
    places = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return _Products(names, is_flag[places[:, 0]] & is_flag[places[:, 1]], places, centred)


def _edges(column: Floats) -> Floats:
    """Return upper edges of steps between values, the last one above everybody."""
    ordered = np.sort(column)
    size = max(10, int(np.ceil(len(column) / MOST_STEPS)))
    edges: list[float] = []
    start = 0
    while len(column) - start >= 2 * size:
        # Equal values stay in one step.
        end = int(np.searchsorted(ordered, ordered[start + size - 1], side="right"))
        if len(column) - end < size:
            break
        edges.append(float(ordered[end - 1] + ordered[end]) / 2)
        start = end
    top = float(ordered[-1])
    digits = max(int(np.floor(np.log10(abs(top)))) - 1, -6) if top else 0
    unit = 10.0**digits
    return np.array([*edges, (np.floor(top / unit) + 1.0) * unit])
