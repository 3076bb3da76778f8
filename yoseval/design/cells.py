"""Match cell by cell: whoever must agree on some columns is matched among those who do.

Takes cells, arms and a way to match within one cell; gives sets that are numbered through.
"""

from collections.abc import Callable

import numpy as np

from yoseval.arrays import Flags, Indices


def match_within_cells(cells: Indices, treated: Flags, match: Callable[[Indices], Indices]) -> Indices:
    """Match cell by cell and number the sets through, in the order of their first treated unit.

    Parameters
    ----------
    cells : (n,) integers
        Cell of each unit.
    treated : (n,) booleans
        True where the unit started the programme.
    match : callable
        From the positions of m units of a cell with both arms, their sets: (m,) integers, -1 = none.

    Returns
    -------
    (n,) integers
        Set of each unit, -1 where there is none.
    """
    set_id = np.full(len(cells), -1, dtype=np.int64)
    order, n_sets = np.argsort(cells, kind="stable"), 0
    for rows in np.split(order, np.flatnonzero(np.diff(cells[order])) + 1):
        if treated[rows].any() and not treated[rows].all():
            found = match(rows)
            set_id[rows] = np.where(found >= 0, found + n_sets, -1)
            n_sets += int(found.max()) + 1
    return _numbered_by_treated(set_id, treated)


def _numbered_by_treated(set_id: Indices, treated: Flags) -> Indices:
    matched = set_id[treated & (set_id >= 0)]
    found, first = np.unique(matched, return_index=True)
    number = np.full(int(set_id.max()) + 2, -1, dtype=np.int64)
    number[found[np.argsort(first)]] = np.arange(len(found))
    numbered: Indices = number[set_id]
    return numbered
