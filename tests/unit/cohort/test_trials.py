"""Trials from records: who is a unit, in which arm, from which day on, and where everybody else was lost."""

from datetime import date

import numpy as np
import pytest

from yoseval.cohort.built_trial import covariates_of
from yoseval.cohort.exposure import NEVER
from yoseval.cohort.trials import build_trials, mature_days
from yoseval.errors import DataError, DesignError, StudyError

BY_CALENDAR = {
    "design": {"covariates": ("age",), "instrument": "calendar"},
    "outcomes": [{"name": "reoffended"}, {"name": "reoffended", "measure": "instrument"}],
}


@pytest.fixture
def trial_of(records_of, study_with):
    """Return a function that builds the first trial of some rows under sections laid over plain ones."""

    def build(rows, *, extract_date=date(2026, 3, 31), **sections):
        return build_trials(records_of(extract_date, **rows), study_with(**sections))[0]

    return build


@pytest.fixture
def service(after):
    """Six children sentenced on one day: three start (on days 0, 20 and 70), three do not."""
    children = "abcdef"
    return {
        "people": [{"person_id": c, "date_of_birth": date(2006, 1 + i, 15)} for i, c in enumerate(children)],
        "disposals": [{"person_id": c} for c in children],
        "starts": [{"person_id": c, "start_date": after(d)} for c, d in (("a", 0), ("b", 20), ("c", 70))],
        "offences": [{"person_id": c, "offence_date": after(d)} for c, d in (("d", 30), ("e", 61), ("b", 100))],
    }


def arms(built, index_day):
    """Return (child, days from the index event to time zero, treated), sorted."""
    start = (index_day - date(1970, 1, 1)).days
    rows = built.units[["person_id", "time_zero", "treated"]].itertuples(index=False)
    return sorted((p, int(z) - start, bool(t)) for p, z, t in rows)


@pytest.mark.parametrize("rule", ["grace", "clone_censor"])
def test_from_the_index_event_on_everybody_is_a_unit_whatever_happens_later(trial_of, service, index_day, rule):
    built = trial_of(service, time_zero={"rule": rule, "days": 60})

    assert arms(built, index_day) == [(c, 0, c in "ab") for c in "abcdef"]


def test_units_carry_the_area_that_children_are_dependent_in(trial_of, service):
    built = trial_of(service, design={"covariates": ["age"], "cluster": "area"})

    cohort = built.cohort(built.protocol)
    assert (cohort.cluster, cohort.covariates) == ("area", covariates_of(built.protocol))
    assert "area" in cohort.units


def on_the_menu(after, *spells):
    """Return the tables of a programme that could be started in some spells of days after the index event."""
    return {
        "programmes": [{"programme_id": "mentoring", "name": "Mentoring"}],
        "availability": [{"programme_id": "mentoring", "start_date": after(a), "end_date": after(b)} for a, b in spells],
    }


def test_a_calendar_as_an_instrument_brings_in_those_it_kept_out_and_nobody_else(trial_of, service, after):
    rows = {**service, **on_the_menu(after, (-400, -10), (61, 400))}
    plain = trial_of(rows, time_zero={"rule": "grace", "days": 60})
    built = trial_of(rows, time_zero={"rule": "grace", "days": 60}, **BY_CALENDAR)

    assert plain.with_closed is None
    assert built.units.empty
    cohort = built.instrument_cohort(built.protocol)
    assert sorted(cohort.units["person_id"]) == list("abcdef")
    assert cohort.instrument == "programme_open"
    assert (cohort.units["programme_open"] == 0).all()
    assert "programme_open" not in cohort.covariates
    assert list(built.flow["reason"]) == list(plain.flow["reason"])


def test_part_of_the_days_may_be_open(trial_of, service, after):
    rows = {**service, **on_the_menu(after, (-400, 29), (10, 35))}

    built = trial_of(rows, time_zero={"rule": "grace", "days": 59}, **BY_CALENDAR)

    cohort = built.instrument_cohort(built.protocol)
    np.testing.assert_allclose(cohort.units["programme_open"], 36 / 60)
    assert list(built.units["person_id"]) == list(cohort.units["person_id"])


def test_without_being_asked_there_are_no_units_of_an_instrument(trial_of, service):
    built = trial_of(service, time_zero={"rule": "grace"})

    with pytest.raises(DesignError, match="asks for no instrument"):
        built.instrument_cohort(built.protocol)


def test_at_a_landmark_who_offended_before_it_is_out_in_both_arms(trial_of, service, index_day):
    built = trial_of(service, time_zero={"rule": "landmark", "days": 60})

    assert arms(built, index_day) == [("a", 60, True), ("b", 60, True), ("c", 60, False), ("e", 60, False), ("f", 60, False)]


def test_at_a_landmark_a_new_offence_may_be_adjusted_for_instead(trial_of, service, index_day):
    built = trial_of(service, time_zero={"rule": "landmark", "days": 60, "new_offence": "adjust"})

    assert ("d", 60, False) in arms(built, index_day)
    assert built.units.set_index("person_id")["offences_since_index"].to_dict() == dict.fromkeys("abcef", 0) | {"d": 1}


def test_nested_trials_follow_children_from_the_day_they_start_and_comparisons_from_the_day_they_were_dealt(
    trial_of, service, index_day
):
    built = trial_of(service, time_zero={"rule": "nested", "days": 30, "within_days": 90})

    # Trials: days 0-29 (a on 0, b on 20) and 60-89 (c on 70); d offended on day 30, e on day 61.
    found = arms(built, index_day)
    assert [row for row in found if row[2]] == [("a", 0, True), ("b", 20, True), ("c", 70, True)]
    assert {zero for _, zero, is_treated in found if not is_treated} <= {0, 20, 70}
    assert ("f", 70, False) in found
    assert not [row for row in found if row[0] in "de" and row[1] == 70]
    assert built.units["unit_id"].is_unique


def test_a_childs_units_of_nested_trials_share_its_person(trial_of, service):
    built = trial_of(service, time_zero={"rule": "nested", "days": 30, "within_days": 90})

    own = built.units[built.units["person_id"] == "f"]
    assert sorted(own["unit_id"]) == ["f|0|waiting", "f|2|waiting"]


def test_the_flow_counts_everybody_and_ends_with_the_units(trial_of, service):
    rows = {**service, "people": [*service["people"], {"person_id": "z"}]}

    built = trial_of(rows, time_zero={"rule": "landmark", "days": 60})

    first, last = (built.flow[built.flow["step"] == s].set_index("arm")["n_left"] for s in (1, built.flow["step"].max()))
    assert int(first.sum()) == 7
    treated = built.units["treated"].to_numpy(dtype=bool)
    assert (last["treated"], last["comparison"]) == (treated.sum(), (~treated).sum())
    assert built.flow["n_lost"].sum() == 2


def test_everybody_lost_has_one_reason_and_the_kept_have_none(trial_of, service):
    rows = {**service, "people": [*service["people"], {"person_id": "z"}]}

    found = trial_of(rows, time_zero={"rule": "landmark", "days": 60}).candidates.set_index("person_id")

    assert found.loc[list("abcef"), "reason"].tolist() == [""] * 5
    assert found.loc["d", "reason"] == "a new offence between the index event and time zero"
    assert found.loc["z", "reason"] == "no eligible caution, disposal or release in the index dates"


def test_who_left_the_service_before_the_arms_formed_stays_a_unit_with_a_grace_period(trial_of, service, after, index_day):
    rows = {**service, "exits": [{"person_id": "f", "exit_date": after(10)}]}

    assert ("f", 0, False) in arms(trial_of(rows), index_day)
    assert "f" not in {p for p, *_ in arms(trial_of(rows, time_zero={"rule": "landmark", "days": 60}), index_day)}


@pytest.mark.parametrize(("extract", "n"), [(date(2023, 9, 1), 6), (date(2023, 8, 31), 0)])
def test_eighteen_months_must_have_passed_on_the_day_of_the_extract(trial_of, service, extract, n):
    built = trial_of(service, extract_date=extract)

    assert len(built.units) == n
    assert built.candidates["immature_only"].sum() == 6 - n


def test_an_outcome_that_may_be_censored_needs_no_finished_follow_up(trial_of, service):
    outcomes = [{"name": "time_to_first", "measure": "survival_difference"}]

    built = trial_of(service, extract_date=date(2022, 12, 31), outcomes=outcomes)

    assert len(built.units) == 6


@pytest.mark.parametrize(
    ("zero", "months", "ends"),
    [
        (date(2022, 3, 1), 18, date(2023, 9, 1)),
        (date(2020, 8, 31), 18, date(2022, 2, 28)),
        (date(2022, 8, 31), 18, date(2024, 2, 29)),
        (date(2020, 2, 29), 12, date(2021, 2, 28)),
        (date(2020, 2, 29), 48, date(2024, 2, 29)),
    ],
)
def test_months_end_on_the_same_day_or_on_the_last_of_a_shorter_month(zero, months, ends):
    day = np.array([(zero - date(1970, 1, 1)).days, NEVER])

    assert mature_days(day, months).tolist() == [(ends - date(1970, 1, 1)).days, NEVER]


def test_other_programmes_at_time_zero_are_covariates_and_the_one_evaluated_is_not(trial_of, service, after):
    others = [("d", -5, 5), ("e", -5, -1), ("f", 0, None), ("a", 0, None)]
    more = [
        {"person_id": c, "programme_id": "cadets", "start_date": after(a), "end_date": None if b is None else after(b)}
        for c, a, b in others
    ]

    built = trial_of({**service, "starts": [*service["starts"], *more]})

    found = built.units.set_index("person_id")["concurrent_programmes"].to_dict()
    assert found == {"a": "one", "b": "none", "c": "none", "d": "one", "e": "none", "f": "one"}
    assert sorted(built.others["unit_id"]) == ["a", "d", "f"]
    assert set(built.others["programme"]) == {"cadets"}


def test_other_programmes_may_exclude(trial_of, service, after):
    more = [{"person_id": "d", "programme_id": "cadets", "start_date": after(-5)}]

    built = trial_of({**service, "starts": [*service["starts"], *more]}, time_zero={"concurrent": "exclude"})

    assert sorted(built.units["person_id"]) == list("abcef")
    assert "concurrent_programmes" not in built.units.columns


def test_a_joint_strategy_is_compared_with_neither_part(trial_of, service, after, index_day):
    health = [{"person_id": c, "programme_id": "health", "start_date": after(d)} for c, d in (("a", 40), ("f", 5), ("c", 90))]

    built = trial_of(
        {**service, "starts": [*service["starts"], *health]},
        time_zero={"rule": "landmark", "days": 60},
        programmes={"include": ["both"], "both": {"joint": ["mentoring", "health"]}},
    )

    # a started both; b mentoring alone and f health alone fit neither arm; c started both later; d offended.
    assert arms(built, index_day) == [("a", 60, True), ("c", 60, False), ("e", 60, False)]
    assert built.protocol.name == "mentoring with health"


@pytest.mark.parametrize(
    ("rule", "more", "needed"),
    [
        ("grace", {}, ("age", "concurrent_programmes")),
        ("grace", {"concurrent": "ignore"}, ("age",)),
        ("landmark", {"new_offence": "adjust"}, ("age", "offences_since_index", "concurrent_programmes")),
        ("nested", {}, ("age", "days_since_index", "concurrent_programmes")),
        ("nested", {"new_offence": "adjust"}, ("age", "days_since_index", "offences_since_index", "concurrent_programmes")),
        ("clone_censor", {"new_offence": "adjust"}, ("age", "concurrent_programmes")),
    ],
)
def test_a_rule_adds_the_covariates_that_it_needs(study_with, rule, more, needed):
    protocol = study_with(time_zero={"rule": rule, **more}).protocol("mentoring")

    assert covariates_of(protocol) == needed


def test_a_protocol_that_reads_the_future_is_refused_before_any_record_is_read(trial_of, service):
    with pytest.raises(StudyError, match="reads the future"):
        trial_of(service, time_zero={"rule": "grace", "exposure": "completed"})


def test_a_programme_that_the_records_do_not_know_is_refused(trial_of, service):
    with pytest.raises(DataError, match="know no programme 'rowing'"):
        trial_of(service, programmes={"include": ["rowing"]})


def test_a_programme_that_nobody_eligible_started_is_a_trial_without_a_cohort(trial_of, service):
    built = trial_of({**service, "starts": service["starts"][2:]})

    assert not built.units["treated"].any()
    with pytest.raises(DesignError, match="Nobody who was eligible started"):
        built.cohort(built.protocol)


def test_a_programme_that_everybody_started_has_nobody_to_compare_with(trial_of, service, after):
    built = trial_of({**service, "starts": [{"person_id": c, "start_date": after(1)} for c in "abcdef"]})

    with pytest.raises(DesignError, match="Nobody is left to compare with"):
        built.cohort(built.protocol)


def test_the_cohort_shows_no_date(trial_of, service):
    built = trial_of(service)

    cohort = built.cohort(built.protocol)

    assert not {"time_zero", "index_date"} & set(cohort.units.columns)
    assert cohort.covariates == ("age", "concurrent_programmes")


def test_which_share_of_a_covariate_is_not_recorded(trial_of, service, after):
    built = trial_of(
        {**service, "statuses": [{"person_id": "a", "status": "ete", "value": "none", "start_date": after(-9)}]},
        design={"covariates": ("age", "ete")},
    )

    assert built.shares_not_recorded(built.protocol)["age"] == 0.0
    assert built.shares_not_recorded(built.protocol)["ete"] == pytest.approx(5 / 6)


def test_stages_are_told_as_they_are_done(records_of, study_with, service):
    told = []

    build_trials(records_of(**service), study_with(), on_progress=lambda stage, name: told.append(name))

    assert told == ["index events and starts", "eligibility at time zero", "covariates at time zero"]
