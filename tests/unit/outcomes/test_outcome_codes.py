"""How outcomes are read off what was observed: events, ends of follow-up, causes and counts."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.outcome_section import MeasureName, OutcomeSection
from yoseval.errors import DataError, EstimationError, StudyError
from yoseval.outcomes.events import OBSERVED
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.outcome_codes import OUTCOMES, find_outcome, follow_outcome

NONE = np.nan
# A reoffender; followed through 365 of 365 days; moved away; died; an immature child; one who reoffended seriously and died.
OBSERVATIONS = pd.DataFrame(
    {
        "moment": [3, 5, 8, 9, 12, 20],
        "days_followed": [366.0, 365.0, 100.0, 120.0, 200.0, 90.0],
        "days_in_f": [366.0, 365.0, 366.0, 365.0, 365.0, 366.0],
        "is_mature": [True, True, True, True, False, True],
        "reoffence_days": [60.0, NONE, NONE, NONE, 50.0, 40.0],
        "n_reoffences": [2, 0, 0, 0, 1, 1],
        "worst_seriousness": [3.0, NONE, NONE, NONE, NONE, 6.0],
        "serious_days": [NONE, NONE, NONE, NONE, NONE, 40.0],
        "custodial_days": [70.0, NONE, NONE, NONE, NONE, NONE],
        "serious_violence_days": [NONE, NONE, NONE, NONE, NONE, 40.0],
        "days_at_risk": [300.0, 365.0, 100.0, 120.0, 200.0, 90.0],
        "exit_reason": ["", "", "moved_away", "died", "", "died"],
    }
)
UNITS = np.array([f"u{m}" for m in OBSERVATIONS["moment"]], dtype=object)
REOFFENCES = pd.DataFrame({"moment": [3, 3, 12, 20, 99], "days": [60.0, 200.0, 50.0, 40.0, 1.0]})
MATURE = ["u3", "u5", "u8", "u9", "u20"]


def follow(name, observed=OBSERVATIONS, units=UNITS, **options):
    return follow_outcome(observed, units, OutcomeSection(name=name), **options)


def test_each_outcome_reads_columns_that_are_observed_by_a_measure_there_is():
    for code, outcome in OUTCOMES.items():
        assert outcome.code == code
        assert {outcome.first_days, outcome.count, outcome.severity} - {""} <= set(OBSERVED)
        assert outcome.measure in get_args(MeasureName)
        assert ("counts" in MEASURES[outcome.measure].takes) == bool(outcome.count)


def test_binary_and_count_outcomes_use_mature_children_only():
    assert [code for code, o in OUTCOMES.items() if not o.mature_only] == ["time_to_first", "mean_count"]
    assert follow("reoffended").unit_id.tolist() == MATURE
    assert follow("time_to_first").unit_id.tolist() == UNITS.tolist()


def test_the_time_is_that_of_the_first_event_else_of_the_end_of_follow_up():
    found = follow("time_to_first")

    assert found.event.tolist() == [True, False, False, False, True, True]
    assert found.time.tolist() == [60.0, 366.0, 100.0, 120.0, 50.0, 40.0]
    assert (found.horizon, found.time_unit, found.outcome) == (366.0, "days", "time_to_first")


def test_whoever_was_followed_through_365_of_365_days_reaches_the_horizon_of_366():
    found = follow("reoffended")

    assert found.time[1] == found.horizon == 366.0


def test_the_horizon_is_the_same_whether_or_not_immature_children_are_used():
    only_short = OBSERVATIONS.assign(days_in_f=[365.0, 365.0, 365.0, 365.0, 366.0, 365.0])

    assert {follow(code, only_short).horizon for code in OUTCOMES} == {366.0}


def test_a_death_competes_and_another_exit_censors():
    assert follow("time_to_first").cause.tolist() == [1, 0, 0, 2, 1, 1]
    assert follow("custody_for_reoffence").cause.tolist() == [1, 0, 0, 2, 2]


def test_counts_come_with_the_end_of_follow_up_and_the_dead_are_followed_to_the_end():
    found = follow("frequency")

    assert found.count.tolist() == [2.0, 0.0, 0.0, 0.0, 1.0]
    assert found.followed.tolist() == [366.0, 366.0, 100.0, 366.0, 366.0]
    assert found.recurrences is None


def test_the_times_of_reoffences_are_those_of_the_units_used():
    mature, all_of_them = (follow(code, recurrent=REOFFENCES).recurrences for code in ("frequency", "mean_count"))

    assert (mature.unit.tolist(), mature.time.tolist()) == ([0, 0, 4], [60.0, 200.0, 40.0])
    assert (all_of_them.unit.tolist(), all_of_them.time.tolist()) == ([0, 0, 4, 5], [60.0, 200.0, 50.0, 40.0])


def test_only_outcomes_that_count_carry_counts():
    assert [code for code in OUTCOMES if follow(code, recurrent=REOFFENCES).count is not None] == ["frequency", "mean_count"]


def test_severity_is_zero_without_a_reoffence_and_unknown_where_none_was_recorded():
    observed = OBSERVATIONS.assign(is_mature=True)

    found = follow("severity", observed)

    np.testing.assert_array_equal(found.severity, [3.0, 0.0, 0.0, 0.0, NONE, 6.0])
    assert found.event.tolist() == [False] * 5 + [True]


def test_days_at_risk_are_carried_where_they_are_known():
    assert follow("frequency").days_at_risk.tolist() == [300.0, 365.0, 100.0, 120.0, 90.0]
    assert follow("frequency", OBSERVATIONS.assign(days_at_risk=NONE)).days_at_risk is None


def test_serious_violence_is_read_off_its_own_column():
    assert follow("serious_violence").event.tolist() == [False] * 4 + [True]


def test_with_nobody_mature_nothing_is_left_of_a_binary_outcome():
    assert follow("reoffended", OBSERVATIONS.assign(is_mature=False)).unit_id.size == 0


@pytest.mark.parametrize(("name", "remedy"), [("reoffend", "Did you mean 'reoffended'"), ("?", "Choose one of: reoffended")])
def test_an_unknown_outcome_is_refused_with_the_nearest(name, remedy):
    with pytest.raises(StudyError, match=remedy):
        find_outcome(name)


def test_another_number_of_units_is_refused():
    with pytest.raises(DataError, match="6 moments were observed for 5 units"):
        follow("reoffended", units=UNITS[:5])


def test_a_list_of_reoffences_that_disagrees_with_the_counts_is_refused():
    with pytest.raises(DataError, match="1 of 6 moments have another number"):
        follow("mean_count", recurrent=REOFFENCES.iloc[1:])


def test_no_moments_are_refused():
    with pytest.raises(EstimationError, match="No moment was observed"):
        follow("reoffended", OBSERVATIONS.iloc[:0], UNITS[:0])
