"""Subclasses of the score and their repair."""

import numpy as np
import pytest

from yoseval.design.subclass import subclasses
from yoseval.errors import DesignError


def arms(n_treated, n_comparison):
    return np.arange(n_treated + n_comparison) < n_treated


def test_the_treated_are_cut_at_their_quantiles():
    score = np.array([*np.arange(10) / 10, 0.05, 0.5, 0.95])

    found = subclasses(score, arms(10, 3), number=2)

    assert found.tolist() == [0] * 5 + [1] * 5 + [0, 1, 1]


def test_quantiles_may_be_those_of_the_comparison_or_of_all():
    score = np.array([0.7, 0.8, 0.9, 0.1, 0.2, 0.75])

    # Medians: 0.2 of the comparison, which leaves 0.1 alone; 0.725 of all.
    assert subclasses(score, arms(3, 3), number=2, by="comparison", min_n=0).tolist() == [0, 0, 0, -1, 0, 0]
    assert subclasses(score, arms(3, 3), number=2, by="all", min_n=0).tolist() == [0, 1, 1, 0, 0, 1]


def test_a_subclass_without_an_arm_takes_the_nearest_of_the_next():
    score = np.array([0.1, 0.2, 0.8, 0.9, 0.7, 0.75, 0.85])

    found = subclasses(score, arms(4, 3), number=2)

    # Nobody of the comparison is below the treated's median of 0.5: the lowest of them, 0.7, moves down.
    assert found.tolist() == [0, 0, 1, 1, 0, 1, 1]


def test_repair_goes_on_until_each_subclass_has_enough():
    score = np.array([0.1, 0.2, 0.8, 0.9, 0.7, 0.75, 0.85, 0.95])

    assert subclasses(score, arms(4, 4), number=2, min_n=2).tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_without_repair_those_alone_are_out():
    score = np.array([0.1, 0.2, 0.8, 0.9, 0.7, 0.75, 0.85])

    assert subclasses(score, arms(4, 3), number=2, min_n=0).tolist() == [-1, -1, 0, 0, 0, 0, 0]


def test_equal_scores_stay_together_even_if_there_are_fewer_subclasses():
    score = np.array([0.3, 0.3, 0.3, 0.3, 0.2, 0.3])

    assert len(set(subclasses(score, arms(4, 2), number=4, min_n=0).tolist()) - {-1}) == 1


def test_more_subclasses_than_units_are_an_error():
    with pytest.raises(DesignError, match="need more of them than there are"):
        subclasses(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), arms(4, 1), number=4)
