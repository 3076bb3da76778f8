"""Put alike children of both arms into strata: exactly alike, alike when coarsened, or of like propensity.

Takes covariates, or a score, and who was treated; gives strata and the weights they imply.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import NOT_RECORDED, is_category
from yoseval.errors import DesignError, UsageError

BINNINGS = ("sturges", "scott", "fd")


def exact_strata(table: pd.DataFrame, treated: Flags) -> Indices:
    """Put units that are equal in every column into one stratum, where both arms have one.

    Parameters
    ----------
    table : DataFrame of n rows
        What must be equal; an empty cell is a value of its own.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    (n,) integers
        Strata from 0 in the order in which they first come, -1 where only one arm is.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 3.

    Examples
    --------
    >>> exact_strata(pd.DataFrame({"age": [14, 15, 14, 16]}), np.array([True, True, False, False]))
    array([ 0, -1,  0, -1])
    """
    if not len(table.columns):
        return np.zeros(len(table), dtype=np.int64)
    cells = table.groupby(list(table.columns), dropna=False, sort=False, observed=True).ngroup().to_numpy()
    return strata_of_both_arms(cells.astype(np.int64), treated)


def strata_of_both_arms(cells: Indices, treated: Flags) -> Indices:
    """Give the cells that both arms have numbers, in the order in which they first come; -1 to the others."""
    size = max(int(cells.max(initial=-1)) + 1, 1)
    inside = cells >= 0
    counts = [np.bincount(cells[inside & arm], minlength=size) for arm in (treated, ~treated)]
    shared = inside & (np.minimum(*counts) > 0)[np.where(inside, cells, 0)]
    strata = np.full(len(cells), -1, dtype=np.int64)
    strata[shared] = pd.factorize(cells[shared])[0]
    return strata


def coarsen(
    table: pd.DataFrame,
    cutpoints: str | int | Mapping[str, Any],
    grouping: Mapping[str, Sequence[Sequence[Any]]],
) -> pd.DataFrame:
    r"""Coarsen covariates: numbers into bins, categories into groups.

    A bin holds its lower bound. By default a number has :math:`\lceil \log_2 n + 1 \rceil` bins of equal width between
    its least and largest value (Sturges). What is not recorded is a bin of its own.

    Parameters
    ----------
    table : DataFrame of n rows
        Covariates.
    cutpoints : str, int or mapping
        How each number is cut, for all or by column: ``sturges``, ``scott``, ``fd``; ``q5`` for fifths; a number of
        bins (0 = as it is, 1 = not used); or the cutpoints themselves.
    grouping : mapping
        By column, lists of values to be taken as one; a number that is named here is not cut.

    Returns
    -------
    DataFrame of n rows
        Whole numbers, without the columns that are not used.

    Raises
    ------
    UsageError
        If a column is not there, or a rule is none of these.

    References
    ----------
    iacus2012 : Iacus, King and Porro (2012), Political Analysis 20(1), 1-24; bins as in MatchIt.

    Examples
    --------
    >>> coarsen(pd.DataFrame({"age": [10.0, 12.0, 14.0]}), {"age": [12]}, {})["age"].tolist()
    [0, 1, 1]
    """
    named = [*grouping, *(cutpoints if isinstance(cutpoints, Mapping) else ())]
    absent = [c for c in named if c not in table.columns]
    if absent:
        raise UsageError(f"'{absent[0]}' is not a covariate, so it cannot be coarsened.", "Correct its name.")
    coarse = {}
    for name in table.columns:
        column = table[name]
        if name in grouping:
            coarse[name] = _grouped(column, grouping[name])
        elif is_category(column):
            coarse[name] = _codes(column)
        else:
            rule = cutpoints.get(name, "sturges") if isinstance(cutpoints, Mapping) else cutpoints
            if not _is_unused(rule):
                coarse[name] = _binned(column.to_numpy(dtype=np.float64, na_value=np.nan), rule, name)
    return pd.DataFrame(coarse, index=table.index)


def is_cutpoints(value: Any) -> bool:
    """Tell whether a value says how numbers are cut: for all columns, or by column."""
    rules = value.values() if isinstance(value, Mapping) else (value,)
    return all(_is_rule(rule) for rule in rules)


def is_grouping(value: Any) -> bool:
    """Tell whether a value maps columns to lists of lists of values."""
    lists = (list, tuple)
    return isinstance(value, Mapping) and all(
        isinstance(groups, lists) and all(isinstance(group, lists) and group for group in groups) for groups in value.values()
    )


def weights_from_strata(stratum: Indices, treated: Flags, estimand: str = "ATT") -> Floats:
    r"""Weight units so that both arms have the target's share of every stratum.

    With :math:`n_{1s}, n_{0s}` units in stratum :math:`s` and :math:`N_s` of them in the target (the treated for the
    ATT, the comparison for the ATC, all for the ATE), a unit of arm :math:`a` has :math:`N_s / n_{as}`, scaled so
    that the weights of each arm add up to its number of units used.

    Parameters
    ----------
    stratum : (n,) integers
        -1 for units outside; a stratum that one arm lacks is left out.
    treated : (n,) booleans
        True where the unit started the programme.
    estimand : str
        ``ATT``, ``ATC`` or ``ATE``.

    Returns
    -------
    (n,) floats
        Weights, 0 outside the strata.

    References
    ----------
    stuart2010 : Stuart (2010), Statistical Science 25(1), 1-21, section 4; as in MatchIt.

    Examples
    --------
    >>> weights_from_strata(np.array([0, 0, 0, 1, 1, 1]), np.array([True, False, False, True, True, False]))
    array([1. , 0.5, 0.5, 1. , 1. , 2. ])
    """
    weight = np.zeros(len(stratum))
    strata = strata_of_both_arms(stratum, treated)
    target = {"ATT": treated, "ATC": ~treated, "ATE": np.ones(len(treated), dtype=bool)}[estimand]
    size = int(strata.max(initial=-1)) + 1
    inside = strata >= 0
    wanted = np.bincount(strata[inside & target], minlength=size)
    for arm in (treated, ~treated):
        own = inside & arm
        if own.any():
            raw = wanted[strata[own]] / np.bincount(strata[own], minlength=size)[strata[own]]
            weight[own] = raw * (own.sum() / raw.sum())
    return weight


def require_strata(stratum: Indices, remedy: str) -> None:
    """Raise a DesignError if there is no stratum.

    Raises
    ------
    DesignError
        If not one stratum has units of both arms.
    """
    if not (stratum >= 0).any():
        raise DesignError("Not one treated unit has a comparison unit that is alike.", remedy)


def _grouped(column: pd.Series, groups: Sequence[Sequence[Any]]) -> Indices:
    texts = column.astype(object).where(column.notna(), NOT_RECORDED).astype(str)
    leader = {str(value): str(group[0]) for group in groups for value in group}
    return _codes(texts.map(lambda t: leader.get(t, t)))


def _codes(column: pd.Series) -> Indices:
    codes: Indices = pd.factorize(column, use_na_sentinel=False)[0].astype(np.int64)
    return codes


def _is_rule(rule: Any) -> bool:
    if isinstance(rule, str):
        return rule in BINNINGS or (rule[:1] == "q" and rule[1:].isdigit() and int(rule[1:]) >= 1)
    if isinstance(rule, list | tuple):
        return all(isinstance(c, int | float) and np.isfinite(c) for c in rule) and len(rule) > 0
    return isinstance(rule, int) and not isinstance(rule, bool) and rule >= 0


def _is_unused(rule: Any) -> bool:
    return isinstance(rule, int) and rule == 1


def _binned(values: Floats, rule: Any, name: str) -> Indices:
    if not _is_rule(rule):
        raise UsageError(f"'{rule}' does not say how to cut '{name}'.", f"Use one of {', '.join(BINNINGS)}, 'q5' or a number.")
    recorded = values[~np.isnan(values)]
    if (isinstance(rule, int) and rule == 0) or not recorded.size:
        return _codes(pd.Series(values))
    bins = np.searchsorted(_inner_cuts(recorded, rule), values, side="right")
    return np.where(np.isnan(values), -1, bins).astype(np.int64)


def _inner_cuts(values: Floats, rule: Any) -> Floats:
    """Return the bounds between bins."""
    if isinstance(rule, list | tuple):
        return np.unique(np.asarray(rule, dtype=np.float64))
    if isinstance(rule, str) and rule[0] == "q" and rule not in BINNINGS:
        q = int(rule[1:])
        return np.unique(np.quantile(values, np.arange(1, q) / q))
    bins = rule if isinstance(rule, int) else _number_of_bins(values, rule)
    inner: Floats = np.linspace(values.min(), values.max(), bins + 1)[1:-1]
    return inner


def _number_of_bins(values: Floats, rule: str) -> int:
    """Return the number of bins of R's ``nclass.Sturges``, ``nclass.scott`` and ``nclass.FD``."""
    n = len(values)
    if rule == "sturges":
        return int(np.ceil(np.log2(n) + 1))
    spread = 3.49 * float(values.std(ddof=1)) if rule == "scott" else 2.0 * _interquartile(values)
    width = spread * n ** (-1 / 3)
    return max(1, int(np.ceil(np.ptp(values) / width))) if width > 0 else 1


def _interquartile(values: Floats) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    return float(high - low)
