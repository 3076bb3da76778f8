"""The sums behind balance: means, spreads and distribution functions of two weighted arms, column by column.

Takes columns, arms and weights; gives arrays. Numeric columns are sorted once and the order serves every sample; the KS
distance of a 0/1 column is the difference of its means, so these are never sorted.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.spreads import beyond_rounding, largest_values, real_difference, standardise

BLOCK = 4096  # rows of one step of a sum


@dataclass(frozen=True, slots=True, eq=False)
class ArmStatistics:
    """Balance of k terms: arrays of k floats each; ``variance_ratio`` is not a number for 0/1 terms."""

    mean_treated: Floats
    mean_comparison: Floats
    std_mean_diff: Floats
    variance_ratio: Floats
    ks: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """A column's order: positions by rising value, and which of them are the last of equal values (None: all are)."""

    position: Indices
    is_last: Flags | None


@dataclass(frozen=True, slots=True, eq=False)
class SortedColumns:
    """Columns (n, k), which of them are 0/1 (k,), their largest absolute values (k,), and the order of each that is not 0/1."""

    values: Floats
    is_flag: Flags
    largest: Floats
    orders: tuple[Order | None, ...]


def sort_columns(values: Floats, is_flag: Flags) -> SortedColumns:
    """Sort each column that is not 0/1 once.

    Parameters
    ----------
    values : (n, k) floats
        Columns; column-major ones are fastest.
    is_flag : (k,) booleans
        True for columns of 0 and 1.

    Returns
    -------
    SortedColumns
        For ``compare_arms``.
    """
    orders = tuple(None if flag else _order(values[:, j]) for j, flag in enumerate(is_flag))
    return SortedColumns(values, is_flag, largest_values(values, is_flag), orders)


def compare_arms(columns: SortedColumns, treated: Flags, weight: Floats, spread: Floats) -> ArmStatistics:
    r"""Compare two weighted arms on each column.

    Parameters
    ----------
    columns : SortedColumns
        From ``sort_columns``.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more, something in each arm.
    spread : (k,) floats
        What differences are divided by.

    Returns
    -------
    ArmStatistics
        As ``balance_statistics`` defines them.
    """
    shares = np.empty((len(weight), 2), order="F")
    for j, arm in enumerate((treated, ~treated)):
        np.multiply(weight, arm, out=shares[:, j])
        shares[:, j] /= shares[:, j].sum()
    means = _means(columns.values, shares)
    difference = real_difference(means[:, 0] - means[:, 1], columns.largest)
    ratio, ks = np.full(len(spread), np.nan), np.abs(difference)
    signed, rest = shares[:, 0] - shares[:, 1], [_rest(shares[:, a]) for a in (0, 1)]
    for j, order in enumerate(columns.orders):
        if order is not None:
            raw = np.array([_variance(columns.values[:, j], shares[:, a], means[j, a], rest[a]) for a in (0, 1)])
            over, under = beyond_rounding(raw, columns.largest[j], columns.is_flag[j])
            ratio[j] = over / under if under > 0 else np.nan
            ks[j] = _largest_gap(order, signed)
    smd = standardise(difference, spread)
    return ArmStatistics(means[:, 0].copy(), means[:, 1].copy(), smd, ratio, ks)


def reference_spread(columns: SortedColumns, treated: Flags, *, pooled: bool) -> Floats:
    r"""Return the SD that differences are divided by, (k,) floats, always of the unweighted groups.

    That of the treated, or :math:`\sqrt{(s_1^2 + s_0^2)/2}` if ``pooled``; of a 0/1 column :math:`s^2 = p(1 - p)`, of others
    with the divisor n - 1. What does not vary among the treated has nothing to be divided by there: it is divided by the
    pooled SD too, so that arms which differ on it fail the gate by how much they differ. MatchIt also falls back on both
    arms (its versions differ in how these are pooled).

    Parameters
    ----------
    columns : SortedColumns
        From ``sort_columns``.
    treated : (n,) booleans
        True where the unit started the programme.
    pooled : bool
        Standardise by both arms.

    Returns
    -------
    (k,) floats
        Exactly 0 where nothing varies in either arm.
    """
    own = _variances(columns, treated)
    if not pooled and own.all():
        return np.sqrt(own)
    both = (own + _variances(columns, ~treated)) / 2.0
    return np.sqrt(both if pooled else np.where(own > 0, own, both))


def balance_statistics(
    values: Floats, is_flag: Flags, treated: Flags, weight: Floats, *, pooled: bool = False
) -> ArmStatistics:
    r"""Compare two weighted arms on each column.

    :math:`\mathrm{SMD} = (\bar x_1 - \bar x_0) / s` with weighted means, and :math:`s` the SD of the *unweighted*
    treated, or :math:`\sqrt{(s_1^2 + s_0^2)/2}` if ``pooled`` or nothing varies among the treated; of a 0/1 column
    :math:`s^2 = p(1 - p)`. The variance
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
        SMD is 0 where means differ by rounding only, and not a number where they differ and neither arm varies.

    Examples
    --------
    >>> x = np.array([[1.0], [1.0], [0.0], [0.0], [1.0]])
    >>> treated = np.array([True, True, True, False, False])
    >>> balance_statistics(x, np.array([True]), treated, np.ones(5)).std_mean_diff.round(4)
    array([0.3536])
    """
    columns = sort_columns(values, is_flag)
    return compare_arms(columns, treated, weight, reference_spread(columns, treated, pooled=pooled))


def _order(column: Floats) -> Order:
    # Which of equal values comes first has no say: the distribution function is read after the last of them.
    position: Indices = np.argsort(column)
    ordered = column[position]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    return Order(position, None if is_last.all() else is_last)


def _means(values: Floats, shares: Floats) -> Floats:
    """Sum columns times shares in blocks that stay in the processor's cache, (k, number of shares) floats."""
    total = np.zeros((values.shape[1], shares.shape[1]))
    for first in range(0, len(values), BLOCK):
        rows = slice(first, first + BLOCK)
        total += values[rows].T @ shares[rows]
    return total


def _variances(columns: SortedColumns, arm: Flags) -> Floats:
    """Return the variance of each column in an unweighted group, (k,) floats: exactly 0 of a constant."""
    n = int(arm.sum())
    # Counts first: a share of all is 1 exactly, where a sum of n shares of 1/n is not.
    mean = _means(columns.values, arm.astype(np.float64)[:, None])[:, 0] / n
    variance = mean * (1.0 - mean)
    for j in np.flatnonzero(~columns.is_flag):
        variance[j] = _variance(columns.values[:, j], arm / n, mean[j], 1.0 - 1.0 / n) if n > 1 else 0.0
    return beyond_rounding(variance, columns.largest, columns.is_flag)


def _rest(share: Floats) -> float:
    return 1.0 - float(np.einsum("i,i", share, share))


def _variance(column: Floats, share: Floats, mean: float, rest: float) -> float:
    if rest <= 1e-12:
        return float("nan")
    away = column - mean
    return float(np.einsum("i,i,i", share, away, away)) / rest


def _largest_gap(order: Order, signed: Floats) -> float:
    gap = signed[order.position]
    np.cumsum(gap, out=gap)
    if order.is_last is not None:
        gap = gap[order.is_last]
    return max(float(gap.max()), -float(gap.min()))
