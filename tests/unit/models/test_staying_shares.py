"""Five units with a competing event and two censored, solved by hand: every share and derivative as a fraction."""

from dataclasses import replace

import numpy as np
import pytest

from yoseval.models.cox_sample import arrange
from yoseval.models.cox_sums import evaluate, score_residuals
from yoseval.models.staying_shares import estimate_staying, let_linger, staying_residuals

# A competing event at 1, censored at 2, the event at 3, censored at 4, the event at 5.
TIME = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
CAUSE = np.array([2, 0, 1, 0, 1])
COLUMN = np.array([1.0, 0.0, 0.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def by_hand():
    """Evaluate at a hazard ratio of 2; rows stay in their order, for times rise."""
    arranged = arrange(TIME, CAUSE == 1, COLUMN[:, None], np.ones(5), ties="breslow")
    assert arranged.rows.tolist() == [0, 1, 2, 3, 4]
    plain = arranged.sample
    staying = estimate_staying(TIME, CAUSE == 0, np.ones(5))
    sample = replace(plain, lingering=let_linger(plain, staying, np.array([0])))
    return sample, staying, evaluate(sample, np.array([np.log(2.0)]))


def test_shares_are_those_of_the_curve_of_censoring_just_before(by_hand):
    sample, staying, _ = by_hand

    # One of 4 censored at 2, one of 2 at 4.
    np.testing.assert_allclose(staying.steps[0][0].factor, [3 / 4, 1 / 2], rtol=1e-15)
    assert sample.lingering.inverse.tolist() == [1.0]
    np.testing.assert_allclose(sample.lingering.level, [[3 / 4, 3 / 8]], rtol=1e-15)


def test_sums_count_the_one_past_its_competing_event(by_hand):
    _, _, found = by_hand

    # At 3: 1 + 2 + 1 and 2 * 3/4 make 11/2, of which 7/2 with covariate 1; at 5: 1 and 2 * 3/8 make 7/4, of which 3/4.
    np.testing.assert_allclose(2 * found.sums, [[7 / 2, 3 / 4]], rtol=1e-14)
    np.testing.assert_allclose(found.rates.one / 2, [2 / 11, 4 / 7], rtol=1e-14)
    np.testing.assert_allclose(found.score, [-7 / 11 - 3 / 7], rtol=1e-14)
    np.testing.assert_allclose(found.information, [[28 / 121 + 12 / 49]], rtol=1e-14)
    assert found.loglik == pytest.approx(-np.log(11 / 2) - np.log(7 / 4), rel=1e-14)


def test_hazard_that_each_met(by_hand):
    _, _, found = by_hand

    expected = [3 / 4 * 2 / 11 + 3 / 8 * 4 / 7, 0, 2 / 11, 2 / 11, 2 / 11 + 4 / 7]
    np.testing.assert_allclose(found.hazard / 2, expected, rtol=1e-14)


def test_score_residuals_with_the_shares_taken_as_known(by_hand):
    sample, _, found = by_hand

    expected = [
        -2 * (3 / 4 * 2 / 11 * 4 / 11 + 3 / 8 * 4 / 7 * 4 / 7),
        0,
        -7 / 11 + 2 / 11 * 7 / 11,
        -2 * 2 / 11 * 4 / 11,
        -3 / 7 + 2 / 11 * 7 / 11 + 4 / 7 * 3 / 7,
    ]
    np.testing.assert_allclose(score_residuals(sample, found), [expected], rtol=1e-13)


def test_residuals_through_the_censoring_curve(by_hand):
    sample, staying, found = by_hand

    # q at 2: 2 * (3/22 * 4/11 + 3/14 * 4/7) over the 3 left; at 4: 2 * 3/14 * 4/7 over the 1 left.
    at_two, at_four = 4 / 121 + 4 / 49, 12 / 49
    expected = [
        0,
        at_two - at_two / 4,
        -at_two / 4,
        at_four - at_two / 4 - at_four / 2,
        -at_two / 4 - at_four / 2,
    ]
    np.testing.assert_allclose(staying_residuals(sample, staying, found), [expected], rtol=1e-13, atol=1e-16)


def test_a_group_whose_last_are_all_censored_gives_no_more_and_breaks_nothing():
    group = np.array([0, 0, 1, 0, 1])
    plain = arrange(TIME, CAUSE == 1, COLUMN[:, None], np.ones(5), ties="breslow").sample

    staying = estimate_staying(TIME, CAUSE == 0, np.ones(5), stratum=group)
    sample = replace(plain, lingering=let_linger(plain, staying, np.array([0])))
    found = evaluate(sample, np.zeros(1))

    # Of the first group one of 2 is censored at 2 and the last at 4; of the second nobody.
    assert sample.lingering.level.tolist() == [[1 / 2, 0.0], [1.0, 1.0]]
    assert staying.steps[1][0].time.size == 0
    assert np.isfinite(staying_residuals(sample, staying, found)).all()
    np.testing.assert_allclose(staying_residuals(sample, staying, found)[0, [0, 2, 4]], 0.0)


def test_entries_raise_the_shares():
    # The third enters at 1, together with the competing event; the fourth at 2, together with a censoring.
    entry = np.array([0.0, 0.0, 1.0, 2.0, 0.0])
    plain = arrange(TIME, CAUSE == 1, COLUMN[:, None], np.ones(5), ties="breslow", entry=np.where(entry > 0, entry, -1)).sample

    staying = estimate_staying(TIME, CAUSE == 0, np.ones(5), entry=entry)
    lingering = let_linger(plain, staying, np.array([0]))

    # One of 3 followed at 2 is censored, one of 2 at 4; of 3 followed just after 1, and just after 2, one had entered then.
    censorings, entries = staying.steps[0]
    np.testing.assert_allclose(censorings.factor, [2 / 3, 1 / 2], rtol=1e-15)
    np.testing.assert_allclose(entries.factor, [3 / 2, 3 / 2], rtol=1e-15)
    assert lingering.inverse.tolist() == [1.0]
    np.testing.assert_allclose(lingering.level, [[3 / 2, 3 / 4]], rtol=1e-15)
    # At 3, 3 are followed and 2 of 3 had no event at 1: 3 / (2/3) are at risk, the three and a share of 3/2.
    found = evaluate(replace(plain, lingering=lingering), np.zeros(1))
    np.testing.assert_allclose(found.rates.one, [1 / (3 / (2 / 3)), 1 / (1 + 3 / 4)], rtol=1e-15)
