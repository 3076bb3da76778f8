"""Calendar months on whole days since 1970."""

import numpy as np

from yoseval.arrays import Indices


def add_months(days: Indices, months: int) -> Indices:
    """Add calendar months; a day that the month lacks becomes its last day.

    Parameters
    ----------
    days : (n,) integers
        Days since 1970.
    months : int
        How many.

    Examples
    --------
    >>> add_months(np.array([30]), 1)  # 31 January 1970 becomes 28 February
    array([58])
    """
    months_of = days.astype("datetime64[D]").astype("datetime64[M]")
    into = days - months_of.astype("datetime64[D]").astype(np.int64)
    then = months_of + months
    first = then.astype("datetime64[D]").astype(np.int64)
    last = (then + 1).astype("datetime64[D]").astype(np.int64) - 1
    moved: Indices = np.minimum(first + into, last)
    return moved
