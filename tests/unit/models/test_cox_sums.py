"""Five rows solved by hand, every sum on the way as a fraction; and sums along a function of time, one time after another."""

import numpy as np
import pytest

from yoseval.models.cox_sample import arrange
from yoseval.models.cox_sums import (
    evaluate,
    expected_covariates,
    information_along,
    mean_increments,
    score_along,
    score_residuals,
)

# Rows (entry, time] of one 0/1 covariate. Both events at 2 are tied; the fourth row enters at 2, so only after them.
ENTRY = np.array([0.0, 0.0, 1.0, 2.0, 0.0])
TIME = np.array([2.0, 2.0, 3.0, 4.0, 4.0])
EVENT = np.array([True, True, False, True, False])
COLUMN = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
WEIGHT = np.array([1.0, 1.0, 1.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def by_hand():
    """Evaluate at a hazard ratio of 2."""
    found = arrange(TIME, EVENT, COLUMN[:, None], WEIGHT, ties="efron", entry=ENTRY)
    return found.sample, found.rows, evaluate(found.sample, np.array([np.log(2.0)]))


def in_given_order(values, order):
    found = np.empty(values.shape)
    found[..., order] = values
    return found


def test_times_events_and_their_weights(by_hand):
    sample, _, _ = by_hand

    assert sample.moments.time.tolist() == [2.0, 4.0]
    assert sample.moments.size.tolist() == [2, 1]
    assert sample.moments.deaths.tolist() == [2.0, 2.0]
    assert sample.moments.tied.tolist() == [0]
    assert sample.moments.fraction.tolist() == [0.0, 1 / 2]


def test_sums_over_those_at_risk(by_hand):
    _, _, found = by_hand

    # Relative hazards 2, 1, 2, 1, 2 are kept over their largest, 2. At 2: rows 1, 2, 3, 5; at 4: rows 4 and 5.
    assert found.top == pytest.approx([np.log(2.0)])
    np.testing.assert_allclose(2 * found.sums, [[6, 2]], rtol=1e-14)
    np.testing.assert_allclose(2 * found.dead, [[2]], rtol=1e-14)


def test_increments_of_hazard(by_hand):
    sample, _, found = by_hand

    # Denominators 7 and 7 - 3/2 = 11/2 at 2, with means 6/7 and 5/(11/2) = 10/11; 4 at 4, with mean 1/2.
    np.testing.assert_allclose(found.rates.one / 2, [1 / 7 + 2 / 11, 2 / 4], rtol=1e-14)
    np.testing.assert_allclose(found.rates.one_fraction / 2, [1 / 2 * 2 / 11], rtol=1e-14)
    np.testing.assert_allclose(found.rates.square / 4, [1 / 49 + 4 / 121, 2 / 16], rtol=1e-14)
    np.testing.assert_allclose(expected_covariates(sample, found), [[68 / 77, 1 / 2]], rtol=1e-14)
    np.testing.assert_allclose(
        mean_increments(sample, found, found.rates) / 2, [[6 / 49 + 20 / 121, 2 / 4 * 1 / 2]], rtol=1e-14
    )


def test_hazard_that_each_row_met(by_hand):
    _, order, found = by_hand

    met = in_given_order(found.hazard, order) / 2
    np.testing.assert_allclose(met, [18 / 77, 18 / 77, 25 / 77, 1 / 2, 25 / 77 + 1 / 2], rtol=1e-14)


def test_likelihood_score_and_information(by_hand):
    _, _, found = by_hand

    assert found.loglik == pytest.approx(np.log(2) - np.log(7) - np.log(11 / 2) - 2 * np.log(4), rel=1e-14)
    np.testing.assert_allclose(found.score, [1 - (6 / 7 + 10 / 11 + 2 * 1 / 2)], rtol=1e-14)
    np.testing.assert_allclose(found.information, [[6 / 49 + 10 / 121 + 2 * 1 / 4]], rtol=1e-14)


def test_score_residuals(by_hand):
    sample, order, found = by_hand

    residuals = in_given_order(score_residuals(sample, found), order)[0]

    expected = [
        9 / 77 - 2 * (1 / 49 + 1 / 121),
        -68 / 77 + 6 / 49 + 10 / 121,
        -2 * (1 / 49 + 2 / 121),
        2 * (-1 / 2 + 1 / 2 * 1 / 2),
        -2 * (1 / 49 + 2 / 121 + 1 / 2 * 1 / 2),
    ]
    np.testing.assert_allclose(residuals, expected, rtol=1e-13)
    # The score is of the first degree in the weights.
    assert residuals.sum() == pytest.approx(found.score[0], rel=1e-13)


def test_sums_along_a_function_of_time(by_hand):
    sample, order, found = by_hand
    factor = np.array([3.0, -5.0])

    assert score_along(sample, found, factor) == pytest.approx([3 * (1 - 136 / 77) - 5 * (-1)], rel=1e-13)
    assert information_along(sample, found, factor)[0, 0] == pytest.approx(3 * (6 / 49 + 10 / 121) - 5 / 2, rel=1e-13)
    along = in_given_order(score_residuals(sample, found, factor), order)[0]
    assert along[3] == pytest.approx(-5 * -1 / 2, rel=1e-13)
    assert along[2] == pytest.approx(3 * -2 * (1 / 49 + 2 / 121), rel=1e-13)


def test_strata_lie_one_after_another_with_nothing_between():
    stratum = np.array([1, 0, 1, 0, 0])

    arranged = arrange(TIME, EVENT, COLUMN[:, None], WEIGHT, ties="efron", strata=stratum)
    sample = arranged.sample
    found = evaluate(sample, np.array([0.0]))

    assert sample.moments.stratum.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(sample.moments.time, [2.0, 4.0, np.nan, 2.0])
    # First stratum: rows 2, 4, 5 at 2, then 4 and 5; second: rows 1 and 3 at 2.
    assert found.rates.one == pytest.approx([1 / 4, 2 / 3, 0, 1 / 2], abs=1e-15)
    assert found.sums[0, [0, 1, 3]] == pytest.approx([1, 1, 2], abs=1e-14)
    np.testing.assert_array_equal(stratum[arranged.rows], [0, 0, 0, 1, 1])
