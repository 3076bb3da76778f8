"""The profiles are those of the definitions, and a name that is none is refused with the nearest."""

from datetime import date

import pytest

from yoseval.cohort.profiles import PROFILES, evaluation_months, find_profile
from yoseval.errors import StudyError


def test_each_profile_stands_under_its_own_name():
    assert {name: p.name for name, p in PROFILES.items()} == {name: name for name in PROFILES}


def test_follow_up_and_wait_are_those_of_the_definitions():
    assert {n: (p.follow_up_months, p.wait_months, p.delay_modelled) for n, p in PROFILES.items()} == {
        "moj_proven_1y": (12, 6, False),
        "ni19_local": (12, 3, False),
        "offence_dated": (12, 0, True),
        "offence_dated_24m": (24, 0, True),
        "live_local": (None, 0, False),
    }


def test_only_convictions_and_cautions_are_proof_and_breaches_never_are():
    for profile in PROFILES.values():
        assert profile.proof_results == ("convicted", "cautioned")
        assert profile.excluded_groups == ("breach_of_bail", "breach_of_conditional_discharge", "breach_of_statutory_order")
        assert profile.lag_days == 0


@pytest.mark.parametrize(("day", "opens"), [("01-01", True), ("03-31", True), ("04-01", False), ("12-31", False)])
def test_the_former_local_indicator_opens_from_january_to_march(day, opens):
    index_date = date.fromisoformat(f"2020-{day}")

    assert find_profile("ni19_local").opens_on(index_date) is opens
    assert find_profile("moj_proven_1y").opens_on(index_date)


def test_only_monitoring_takes_diversions_as_index_events():
    assert [n for n, p in PROFILES.items() if "diversion" in p.index_events] == ["live_local"]


@pytest.mark.parametrize(
    ("name", "remedy"), [("moj_1y", "Did you mean 'moj_proven_1y'"), ("?", "Choose one of: moj_proven_1y")]
)
def test_an_unknown_profile_is_refused_with_the_nearest(name, remedy):
    with pytest.raises(StudyError, match=f"is not a profile.*{remedy}"):
        find_profile(name)


def test_a_profile_that_only_monitors_is_refused_as_an_outcome():
    with pytest.raises(StudyError, match=r"'live_local' is for monitoring only.*moj_proven_1y, ni19_local, offence_dated"):
        evaluation_months(find_profile("live_local"))
    assert evaluation_months(find_profile("offence_dated_24m")) == 24
