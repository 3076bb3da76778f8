"""Which programmes can be evaluated, and when: trials made by hand, whose answers are known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from yoseval.evaluation.evaluability import minimum_detectable_difference
from yoseval.evaluation.outlook import maturity_of, outlook_frame, outlook_lines
from yoseval.frames import check_frame, make_frame

EXTRACT = date(2026, 3, 31)


@pytest.fixture
def outlook(example_study):
    """Return the row of one programme; enough are referred unless said otherwise."""

    def look(trial, *, started=None, referred=100, issues=(), extract=EXTRACT):
        programme = trial.protocol.programme
        ever = int(trial.candidates["treated"].sum()) if started is None else started
        delivery = make_frame("delivery", {"programme": programme, "stage": "referred", "result": "reached", "n": referred})
        notes = make_frame("delivery_notes", {"programme": [programme] * len(issues), "issue": list(issues)})
        frame = outlook_frame([trial], example_study, extract, {programme: ever}, delivery=delivery, notes=notes)
        return check_frame(frame, "evaluability").iloc[0]

    return look


def test_enough_of_both_groups_can_be_evaluated_now(make_trial, kind, outlook):
    row = outlook(make_trial(kind(30, "treated", "2023-05-01"), kind(30, "comparison", "2023-05-01")))

    assert (row["state"], row["n_started"], row["n_eligible"], row["n_mature"], row["n_comparable"]) == ("now", 30, 30, 30, 30)
    assert row["from_month"] == ""
    assert row["mde_now"] == pytest.approx(minimum_detectable_difference(0.5, 30, 30))
    assert np.isnan(row["mde_later"])


def test_one_short_of_the_gate_with_no_starts_of_late_is_not_with_these_data(make_trial, kind, outlook):
    row = outlook(make_trial(kind(29, "treated", "2023-05-01"), kind(40, "comparison", "2023-05-01")))

    assert (row["state"], row["from_month"], row["n_recent"]) == ("not_with_these_data", "", 0)


def test_the_date_is_the_day_on_which_the_thirtieth_starter_is_mature(make_trial, kind, outlook):
    # 28 mature; the 29th started on 1 November 2024, the 30th on 15 November, the 31st on 1 December: each 18 months on.
    late = [kind(1, "treated", d, immature=True) for d in ("2024-12-01", "2024-11-15", "2024-11-01")]
    trial = make_trial(kind(28, "treated", "2023-05-01"), kind(200, "comparison", "2023-05-01"), *late)
    row = outlook(trial)

    assert (row["state"], row["from_month"], row["extrapolated"]) == ("from_date", "2026-05", False)
    assert (row["n_eligible"], row["n_mature"]) == (31, 28)
    assert row["mde_later"] == pytest.approx(minimum_detectable_difference(0.5, 30, 200))


def test_the_thirtieth_is_mature_at_the_end_of_a_shorter_month(make_trial, kind, example_study):
    trial = make_trial(kind(1, "treated", "2024-08-31", immature=True), kind(1, "comparison", "2023-05-01"))
    days = maturity_of(trial, example_study, 0).treated

    assert str(days.astype("datetime64[D]")[0]) == "2026-02-28"


def test_the_later_of_both_groups_decides(make_trial, kind, outlook):
    compared = [kind(20, "comparison", "2023-05-01"), kind(20, "comparison", "2024-12-30", immature=True)]
    row = outlook(make_trial(kind(60, "treated", "2023-05-01"), *compared))

    assert (row["state"], row["from_month"]) == ("from_date", "2026-06")
    assert "too_few_comparison" in row["reasons"]
    assert row["mde_later"] == pytest.approx(minimum_detectable_difference(0.5, 60, 40))


def test_too_few_starts_are_extrapolated_from_the_last_twelve_months_of_index_events(make_trial, kind, outlook):
    # 10 of 20 in 2024: 10 are lacking, so a year after the end of 2024; 18 months later is 30 June 2027.
    starts = [kind(10, "treated", "2022-05-01"), kind(10, "treated", "2024-06-01")]
    row = outlook(make_trial(*starts, kind(100, "comparison", "2023-05-01")))

    assert (row["n_recent"], row["extrapolated"]) == (10, True)
    assert (row["state"], row["from_month"]) == ("from_date", "2027-06")
    assert row["mde_later"] == pytest.approx(minimum_detectable_difference(0.5, 30, 100))


def test_an_extrapolated_month_is_never_before_the_extract(make_trial, kind, outlook):
    starts = [kind(29, "treated", "2024-06-01")]
    row = outlook(make_trial(*starts, kind(100, "comparison", "2023-05-01")), extract=date(2030, 1, 31))

    assert row["from_month"] == "2030-02"


def test_a_start_a_year_and_a_day_before_the_last_is_not_recent(make_trial, kind, outlook):
    starts = [kind(3, "treated", "2024-01-01"), kind(4, "treated", "2024-01-02"), kind(5, "treated", "2024-12-31")]
    row = outlook(make_trial(*starts, kind(40, "comparison", "2023-05-01")))

    assert row["n_recent"] == 9


def test_those_lost_for_another_reason_are_neither_eligible_nor_waited_for(make_trial, kind, outlook):
    lost = kind(40, "treated", "2023-05-01", "in custody at time zero")
    row = outlook(make_trial(kind(5, "treated", "2022-05-01"), lost, kind(40, "comparison", "2023-05-01")))

    assert (row["n_started"], row["n_eligible"], row["n_mature"]) == (45, 5, 5)
    assert row["reasons"].startswith("in_custody")


def test_where_times_may_be_censored_everybody_eligible_is_mature(make_trial, kind, outlook):
    survival = (make_trial(kind(1, "treated", "2023-05-01")).protocol.outcomes[0].model_copy(update={"name": "time_to_first"}),)
    trial = make_trial(kind(30, "treated", "2024-12-01"), kind(40, "comparison", "2023-05-01"), outcomes=survival)

    assert outlook(trial)["state"] == "now"


def test_a_comparison_child_of_several_trials_counts_once(make_trial, kind, outlook):
    trial = make_trial(kind(30, "treated", "2023-05-01"), kind(60, "comparison", "2023-05-01"))
    twice = trial.candidates.copy()
    twice.loc[twice.index[60:], "person_id"] = twice["person_id"].iloc[30:60].to_numpy()

    assert outlook(replace(trial, candidates=twice))["n_comparable"] == 30


def test_gaps_of_the_records_come_first_and_starts_that_came_too_late_are_told(make_trial, kind, outlook):
    trial = make_trial(kind(5, "treated", "2022-05-01"), kind(40, "comparison", "2023-05-01"))
    row = outlook(trial, started=25, referred=26, issues=("starts_unclear", "two_owners"))

    assert row["reasons"] == "starts_unclear | too_few_referred | started_later | too_few_treated"
    assert row["remedy"].split(" | ")[0].startswith("For each referral record the first day")


def test_a_line_tells_no_size_below_a_gate(make_trial, kind, example_study, outlook):
    few = make_trial(kind(7, "treated", "2022-05-01"), kind(40, "comparison", "2023-05-01"))
    line = outlook_lines(outlook(few).to_frame().T)[0]

    assert line.startswith("Mentoring: cannot be evaluated with these data.")
    assert "7" not in line


def test_a_line_says_what_could_be_seen(make_trial, kind, outlook):
    trial = make_trial(kind(100, "treated", "2023-05-01"), kind(1000, "comparison", "2023-05-01"))
    seen = 100 * minimum_detectable_difference(0.5, 100, 1000)

    assert f"a fall of about {seen:.0f} per 100" in outlook_lines(outlook(trial).to_frame().T)[0]
