"""Corrections for many tests against their definitions; R's numbers are in tests/reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yoseval.evaluation.multiplicity import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def holm_by_definition(p):
    """Step down: the i-th smallest times the number that are left, never below one before, at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted, worst = np.empty(len(p)), 0.0
    for place, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - place)))
        adjusted[i] = worst
    return adjusted


def bh_by_definition(p):
    """The smallest level at which the procedure of the paper would reject each hypothesis."""
    ordered = np.sort(p)
    levels = ordered * len(p) / np.arange(1, len(p) + 1)
    return np.array([min(1.0, levels[np.searchsorted(ordered, v, side="right") - 1 :].min()) for v in p])


# Each call collects garbage inside statsmodels, a twentieth of a second.
@settings(max_examples=25, deadline=None)
@given(P_VALUES)
def test_holm_is_the_step_down_procedure(p):
    np.testing.assert_allclose(holm(p), holm_by_definition(p), atol=1e-12)


@settings(deadline=None)
@given(P_VALUES)
def test_benjamini_hochberg_is_the_smallest_level_that_rejects(p):
    np.testing.assert_allclose(benjamini_hochberg(p), bh_by_definition(p), atol=1e-12)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_one_test_needs_no_correction(correct):
    assert correct([0.03]).tolist() == [0.03]


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_a_test_that_was_not_made_stays_empty_and_does_not_count(correct):
    with_gaps = correct([np.nan, 0.01, np.nan, 0.04])

    np.testing.assert_array_equal(with_gaps[[1, 3]], correct([0.01, 0.04]))
    assert np.isnan(with_gaps[[0, 2]]).all()


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_no_test_made_is_no_fault(correct):
    assert np.isnan(correct([np.nan, np.nan])).all()
    assert correct([]).size == 0
