"""Greedy nearest matching: who gets whom, and with what weight."""

import numpy as np
import pytest

from yoseval.design.nearest import nearest_match
from yoseval.design.strata import weights_from_strata
from yoseval.errors import DesignError

T, C = True, False


def test_the_highest_treated_chooses_first():
    distance = np.array([0.5, 0.6, 0.55, 0.1])

    assert nearest_match(distance, np.array([T, T, C, C])).tolist() == [0, 1, 1, 0]


def test_ties_among_treated_and_comparison_units_go_to_the_first_row():
    distance = np.array([0.5, 0.5, 0.7, 0.5, 0.5])

    assert nearest_match(distance, np.array([T, T, C, C, C])).tolist() == [0, 1, -1, 0, 1]


def test_of_two_units_equally_far_below_and_above_the_first_row_is_taken():
    below_first = nearest_match(np.array([2.0, 1.0, 3.0]), np.array([T, C, C]))
    above_first = nearest_match(np.array([2.0, 3.0, 1.0]), np.array([T, C, C]))

    assert below_first.tolist() == [0, 0, -1]
    assert above_first.tolist() == [0, 0, -1]


def test_a_pair_exactly_as_wide_as_the_caliper_is_allowed():
    assert nearest_match(np.array([1.0, 1.5]), np.array([T, C]), caliper=0.5).tolist() == [0, 0]


def test_a_pair_wider_than_the_caliper_is_not_formed():
    assert nearest_match(np.array([1.0, 1.5]), np.array([T, C]), caliper=0.49).tolist() == [-1, -1]


def test_a_caliper_can_be_measured_on_another_scale_than_the_distance():
    distance, score = np.array([0.0, -2.0, 2.5]), np.array([0.5, 0.1, 0.6])

    found = nearest_match(distance, np.array([T, C, C]), caliper=0.2, caliper_on=score)

    assert found.tolist() == [0, -1, 0]


def test_second_comparison_units_are_given_out_only_after_everybody_had_a_first():
    distance = np.array([0.9, 0.5, 0.8, 0.7, 0.1])

    found = nearest_match(distance, np.array([T, T, C, C, C]), ratio=2)

    assert found.tolist() == [0, 1, 0, 1, 0]


def test_pairs_are_formed_within_cells_only():
    distance, cells = np.array([0.9, 0.9, 0.1]), np.array([1, 0, 1])

    assert nearest_match(distance, np.array([T, C, C]), cells=cells).tolist() == [0, -1, 0]


def test_a_cell_without_comparison_units_leaves_its_treated_alone():
    assert nearest_match(np.array([0.9, 0.9]), np.array([T, C]), cells=np.array([4, 2])).tolist() == [-1, -1]


def test_sets_are_numbered_in_the_order_of_the_treated():
    distance = np.array([0.1, 0.9, 0.1, 0.9])

    assert nearest_match(distance, np.array([T, T, C, C])).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("case", [{"ratio": 0}, {"caliper": -0.1}, {"caliper": float("nan")}])
def test_options_out_of_range_are_errors(case):
    with pytest.raises(DesignError, match="was asked for"):
        nearest_match(np.array([0.1, 0.2]), np.array([T, C]), **case)


def test_a_distance_that_is_not_finite_is_an_error():
    with pytest.raises(DesignError, match="not finite"):
        nearest_match(np.array([0.1, np.nan]), np.array([T, C]))


def test_pairs_have_weight_one():
    weight = weights_from_strata(np.array([0, 0, -1, 1, 1]), np.array([T, C, C, T, C]))

    assert weight.tolist() == [1, 1, 0, 1, 1]


def test_comparison_weights_share_their_treated_and_sum_to_the_matched_comparison_units():
    set_id, treated = np.array([0, 0, 0, 0, 1, 1, -1]), np.array([T, C, C, C, T, C, T])

    weight = weights_from_strata(set_id, treated)

    # Raw weights 1/3 and 1 sum to 2 treated; four comparison units were matched, so all are doubled.
    assert weight == pytest.approx([1, 2 / 3, 2 / 3, 2 / 3, 1, 2, 0], abs=1e-15)


def test_without_sets_every_weight_is_zero():
    assert weights_from_strata(np.array([-1, -1]), np.array([T, C])).tolist() == [0, 0]
