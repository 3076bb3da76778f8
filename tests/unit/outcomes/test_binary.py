"""Risk differences, ratios and odds ratios: closed forms, censoring, the horizon, and errors."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.curves import kaplan_meier
from yoseval.outcomes.binary import odds_ratio, risk_difference, risk_ratio

TIME = np.array([10.0, 30.0, 30.0, 20.0, 5.0, 30.0, 30.0, 15.0, 30.0])
EVENT = np.array([True, False, False, True, True, False, True, True, False])
TREATED = np.array([True, True, True, True, False, False, False, False, False])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.5, 1.0, 3.0, 0.5, 1.0, 1.0])


def test_difference_of_complete_follow_up_is_the_difference_of_weighted_shares():
    found = risk_difference(TIME, EVENT, TREATED, WEIGHT, 30.0)

    treated, comparison = 2.5 / 5.0, 2.5 / 6.5
    assert found.value == pytest.approx(treated - comparison, rel=1e-14)
    assert found.treated_value == pytest.approx(treated, rel=1e-14)
    assert found.comparison_value == pytest.approx(comparison, rel=1e-14)


def test_influence_of_complete_follow_up_is_that_of_weighted_means():
    found = risk_difference(TIME, EVENT, TREATED, WEIGHT, 30.0)

    expected = np.where(TREATED, WEIGHT * (EVENT - 2.5 / 5.0) / 5.0, -WEIGHT * (EVENT - 2.5 / 6.5) / 6.5)
    np.testing.assert_allclose(found.influence, expected, atol=1e-15)


def test_ratio_is_the_logarithm_of_the_ratio_of_risks():
    found = risk_ratio(TIME, EVENT, TREATED, WEIGHT, 30.0)

    assert found.value == pytest.approx(np.log((2.5 / 5.0) / (2.5 / 6.5)), rel=1e-14)
    assert found.treated_value == pytest.approx(0.5, rel=1e-14)


def test_odds_ratio_is_the_logarithm_of_the_ratio_of_odds():
    found = odds_ratio(TIME, EVENT, TREATED, WEIGHT, 30.0)

    assert found.value == pytest.approx(np.log((2.5 / 2.5) / (2.5 / 4.0)), rel=1e-14)
    assert (found.treated_value, found.comparison_value) == pytest.approx((0.5, 2.5 / 6.5), rel=1e-14)


@pytest.mark.parametrize(("arm", "name"), [(TREATED, "treated"), (~TREATED, "comparison")])
def test_odds_without_events_or_with_nothing_else_are_refused(arm, name):
    everybody, complete = EVENT | arm, np.full(9, 30.0)

    with pytest.raises(EstimationError, match=f"units without the event in both arms; the {name} arm has none"):
        odds_ratio(complete, everybody, TREATED, WEIGHT, 30.0)
    with pytest.raises(EstimationError, match=f"needs events in both arms; the {name} arm has none"):
        odds_ratio(TIME, EVENT & ~arm, TREATED, WEIGHT, 30.0)


def test_an_event_at_exactly_the_horizon_counts_and_one_after_it_does_not():
    at, before = risk_difference(TIME, EVENT, TREATED, WEIGHT, 15.0), risk_difference(TIME, EVENT, TREATED, WEIGHT, 14.0)

    assert at.comparison_value == pytest.approx(2.0 / 6.5, rel=1e-14)
    assert before.comparison_value == pytest.approx(1.0 / 6.5, rel=1e-14)
    assert at.treated_value == before.treated_value == pytest.approx(0.2, rel=1e-14)


def test_children_who_left_count_for_as_long_as_they_were_followed():
    time = np.where(np.arange(9) == 5, 12.0, TIME)

    found = risk_difference(time, EVENT, TREATED, WEIGHT, 30.0)

    arm = ~TREATED
    assert found.comparison_value == pytest.approx(
        1.0 - kaplan_meier(time[arm], EVENT[arm], WEIGHT[arm]).survival[-1], rel=1e-14
    )
    # Neither counted as free of the outcome to the end nor dropped.
    assert 2.5 / 6.5 < found.comparison_value < 2.5 / 3.5


def test_an_arm_without_events_has_a_difference_and_no_influence_of_its_own():
    found = risk_difference(TIME, EVENT & ~TREATED, TREATED, WEIGHT, 30.0)

    assert found.treated_value == 0.0
    assert not found.influence[TREATED].any()
    assert found.influence[~TREATED].any()


@pytest.mark.parametrize(("arm", "name"), [(TREATED, "treated"), (~TREATED, "comparison")])
def test_a_ratio_with_an_arm_without_events_is_refused(arm, name):
    with pytest.raises(EstimationError, match=f"the {name} arm has none") as caught:
        risk_ratio(TIME, EVENT & ~arm, TREATED, WEIGHT, 30.0)

    assert caught.value.remedy == "Choose the risk difference."


def test_a_horizon_nobody_reached_is_refused():
    with pytest.raises(EstimationError, match="beyond 30"):
        risk_difference(TIME, EVENT, TREATED, WEIGHT, 31.0)
