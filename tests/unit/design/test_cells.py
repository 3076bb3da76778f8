"""Sets by cell are numbered through."""

import numpy as np

from yoseval.design.cells import match_within_cells

T, C = True, False


def test_sets_are_numbered_through_in_the_order_of_the_treated():
    cells, treated = np.array([1, 0, 1, 0, 2]), np.array([T, T, C, C, T])

    found = match_within_cells(cells, treated, lambda rows: np.zeros(len(rows), dtype=np.int64))

    assert found.tolist() == [0, 1, 0, 1, -1]


def test_nobody_matched_gives_no_sets():
    assert match_within_cells(np.zeros(2, dtype=np.int64), np.array([T, T]), lambda rows: rows).tolist() == [-1, -1]
