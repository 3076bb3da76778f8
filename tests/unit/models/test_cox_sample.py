"""How rows are laid out on the line of event times, and what is refused."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.cox_sample import arrange, standardise

ONES = np.ones(4)


def test_cells_hold_the_events_of_a_time_and_then_those_censored_from_it_on():
    time, event = np.array([3.0, 1.0, 1.0, 2.0]), np.array([True, True, False, False])

    found = arrange(time, event, np.zeros((4, 1)), ONES, ties="efron")

    # Event at 1, censored at 1 and 2, event at 3.
    assert found.rows.tolist() == [1, 2, 3, 0]
    assert found.sample.cell.tolist() == [1, 2, 2, 3]
    assert found.sample.filled.tolist() == [1, 2, 3]
    assert found.sample.starts.tolist() == [0, 1, 3]
    assert found.sample.enter is None


def test_a_stratum_and_an_entry_are_places_on_one_line():
    time, event = np.array([3.0, 1.0, 2.0, 3.0]), np.array([True, True, True, False])
    strata, entry = np.array(["x", "x", "y", "y"]), np.array([1.0, 0.0, 0.0, 2.0])

    found = arrange(time, event, np.zeros((4, 1)), ONES, ties="efron", entry=entry, strata=strata)

    # The line: 1 and 3 of x, where y begins, 2 of y.
    np.testing.assert_array_equal(found.sample.moments.time, [1.0, 3.0, np.nan, 2.0])
    assert found.rows.tolist() == [1, 0, 2, 3]
    assert found.sample.place.tolist() == [1, 2, 4, 4]
    assert found.sample.enter.tolist() == [0, 1, 3, 4]
    assert found.labels.tolist() == ["x", "y"]
    assert found.sample.blocks.tolist() == [0, 2]


def test_rows_without_weight_are_left_out():
    found = arrange(np.arange(1.0, 5.0), np.ones(4, dtype=bool), np.zeros((4, 1)), np.array([1.0, 0.0, 2.0, 0.0]), ties="efron")

    assert found.rows.tolist() == [0, 2]
    assert found.sample.moments.deaths.tolist() == [1.0, 2.0]


def test_more_cells_than_short_integers_hold_are_sorted_all_the_same():
    n = 40_000
    time = np.random.default_rng(0).permutation(n).astype(float) + 0.5

    found = arrange(time, np.ones(n, dtype=bool), np.zeros((n, 1)), np.ones(n), ties="efron")

    np.testing.assert_array_equal(time[found.rows], np.arange(n) + 0.5)


def test_standard_columns_have_weighted_mean_zero_and_variance_one():
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2.0, 30)
    given = arrange(rng.exponential(size=30), rng.random(30) < 0.5, rng.normal(3.0, 2.0, (30, 2)), weight, ties="efron")

    found = standardise(given.sample, "model")

    np.testing.assert_allclose(found.sample.columns @ found.sample.weight, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.sample.columns**2 @ found.sample.weight, weight.sum(), rtol=1e-12)
    np.testing.assert_allclose(found.sample.columns * found.scale[:, None] + found.centre[:, None], given.sample.columns)


def test_rows_that_end_before_they_begin_are_counted_and_the_first_is_named():
    time, entry = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.0, 5.0, 0.0])

    with pytest.raises(EstimationError, match=r"2 of 4 rows do not end after their entry \(first at row 2\)"):
        arrange(time, np.ones(4, dtype=bool), np.zeros((4, 1)), ONES, ties="efron", entry=entry)
