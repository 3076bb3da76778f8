"""Strata: who is alike, how numbers are cut, and what each unit weighs."""

import numpy as np
import pandas as pd
import pytest

from yoseval.design.strata import coarsen, exact_strata, strata_of_both_arms, weights_from_strata

T, C = True, False


def cut(values, rule):
    return coarsen(pd.DataFrame({"x": values}), rule, {})["x"].tolist()


def test_an_empty_cell_is_a_value_of_its_own():
    table = pd.DataFrame({"sex": ["f", None, None, "f", "m"]})

    assert exact_strata(table, np.array([T, T, C, C, C])).tolist() == [0, 1, 1, 0, -1]


def test_without_columns_everybody_is_alike():
    assert exact_strata(pd.DataFrame(index=range(3)), np.array([T, C, C])).tolist() == [0, 0, 0]


def test_cells_of_one_arm_are_left_out():
    assert strata_of_both_arms(np.array([5, 5, 2, -1, 2, 7]), np.array([T, C, T, T, C, C])).tolist() == [0, 0, 1, -1, 1, -1]


def test_a_bin_holds_its_lower_bound():
    assert cut([0.0, 4.9, 5.0, 9.9, 10.0], {"x": [5, 10]}) == [0, 0, 1, 1, 2]


def test_a_number_of_bins_has_equal_widths():
    assert cut([0.0, 2.4, 2.5, 7.5, 10.0], 4) == [0, 0, 1, 3, 3]


def test_by_default_there_are_as_many_bins_as_sturges_says():
    values = np.linspace(0, 1, 100, endpoint=False)

    # ceil(log2(100) + 1) = 8
    assert len(set(cut(values, "sturges"))) == 8


def test_scott_and_freedman_diaconis_count_bins_as_r_does():
    values = np.arange(100.0)

    # Bins as wide as 3.49 SD n^(-1/3), and as twice the interquartile range times n^(-1/3).
    assert len(set(cut(values, "scott"))) == int(np.ceil(99 / (3.49 * values.std(ddof=1) * 100 ** (-1 / 3))))
    assert len(set(cut(values, "fd"))) == int(np.ceil(99 / (2 * 49.5 * 100 ** (-1 / 3))))


def test_quantile_bins_are_of_equal_size():
    assert np.bincount(cut(np.arange(20.0) ** 2, "q4")).tolist() == [5, 5, 5, 5]


def test_no_bins_leave_a_number_as_it_is_and_one_bin_leaves_it_out():
    table = pd.DataFrame({"x": [1.0, 2.0, 1.5], "y": [1.0, 2.0, 3.0]})

    assert coarsen(table, {"x": 0, "y": 1}, {}).to_dict("list") == {"x": [0, 1, 2]}


def test_a_number_that_was_not_recorded_is_a_bin_of_its_own():
    assert cut([0.0, np.nan, 10.0], 2) == [0, -1, 1]


def test_grouped_values_are_one_and_the_others_stay():
    table = pd.DataFrame({"race": ["a", "b", "c", "d", None]})

    found = coarsen(table, "sturges", {"race": [["a", "b"], ["d", "not recorded"]]})["race"].tolist()

    assert found[0] == found[1]
    assert found[3] == found[4]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("estimand", "wanted"),
    [
        # Strata: 1 treated, 2 comparison; 2 treated, 1 comparison.
        ("ATT", [1, 0.5, 0.5, 1, 1, 2, 0]),
        ("ATC", [2, 1, 1, 0.5, 0.5, 1, 0]),
        ("ATE", [1.5, 0.75, 0.75, 0.75, 0.75, 1.5, 0]),
    ],
)
def test_weights_give_both_arms_the_target_s_share_of_each_stratum(estimand, wanted):
    stratum, treated = np.array([0, 0, 0, 1, 1, 1, 2]), np.array([T, C, C, T, T, C, T])

    assert weights_from_strata(stratum, treated, estimand) == pytest.approx(wanted, abs=1e-12)
