"""Standard deviations that rounding cannot make: the one place that says when a column does not vary.

Takes columns; gives variances and standard deviations that are exactly 0 where all that varies is the last digits, and
differences divided by them.
"""

import numpy as np

from yoseval.arrays import Flags, Floats

ROUNDING = 1e-12  # of the largest value of a column: what lies below is the last digits, not the column


def largest_values(values: Floats, is_flag: Flags) -> Floats:
    """Return the largest absolute value of each column, (k,) floats; 1 for columns of 0 and 1.

    Parameters
    ----------
    values : (n, k) floats
        Columns.
    is_flag : (k,) booleans
        True for columns of 0 and 1.
    """
    largest: Floats = np.maximum(values.max(axis=0, initial=0.0), -values.min(axis=0, initial=0.0))
    return np.where(is_flag, 1.0, largest)


def beyond_rounding(variance: Floats, largest: Floats, is_flag: Flags) -> Floats:
    """Return the variances, exactly 0 where they are the rounding of a constant, (k,) floats.

    The variance of a number is at least the square of an error in it. That of a 0/1 column, computed as
    :math:`p(1 - p)`, has the error of :math:`p` itself, and is 1/n at least where one of n differs.

    Parameters
    ----------
    variance : (k,) floats
        Zero or more, or a rounding error below.
    largest : (k,) floats
        From ``largest_values``.
    is_flag : (k,) booleans
        True for columns of 0 and 1.

    Examples
    --------
    >>> beyond_rounding(np.array([1e-16, 0.09]), np.ones(2), np.array([True, True]))
    array([0.  , 0.09])
    """
    least = np.where(is_flag, ROUNDING, (ROUNDING * largest) ** 2)
    return np.where(variance <= least, 0.0, variance)


def standard_deviations(values: Floats) -> Floats:
    """Return the SD of each column (divisor n), exactly 0 of a constant, (k,) floats.

    Parameters
    ----------
    values : (n, k) floats
        Columns.
    """
    numbers = np.zeros(values.shape[1], dtype=bool)
    return np.sqrt(beyond_rounding(values.var(axis=0), largest_values(values, numbers), numbers))


def real_difference(difference: Floats, largest: Floats) -> Floats:
    """Return the differences of means, exactly 0 where they are rounding, (k,) floats.

    Parameters
    ----------
    difference : (k,) floats
        Of weighted means.
    largest : (k,) floats
        From ``largest_values``.
    """
    return np.where(np.abs(difference) <= ROUNDING * largest, 0.0, difference)


def standardise(difference: Floats, spread: Floats) -> Floats:
    """Divide differences of means by spreads, (k,) floats.

    Parameters
    ----------
    difference : (k,) floats
        From ``real_difference``.
    spread : (k,) floats
        Zero or more.

    Returns
    -------
    (k,) floats
        0 where means do not differ, whatever the spread; not a number where they differ and nothing varies.

    Examples
    --------
    >>> standardise(np.array([0.0, 0.5, 0.5]), np.array([0.0, 0.25, 0.0]))
    array([ 0.,  2., nan])
    """
    return np.divide(difference, spread, out=np.where(difference == 0, 0.0, np.nan), where=spread > 0)
