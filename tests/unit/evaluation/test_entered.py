"""What makes a child one of the programme group, said in the same words by the protocol and by the manifest."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from yoseval.cohort.sections import TimeZeroSection
from yoseval.evaluation import describe
from yoseval.evaluation.entered import FORMS, alone, entered_forms

EXPOSURES = {"started": {}, "offered": {}, "received": {"sessions": 6}, "completed": {}}
PAST = {
    "started": "started",
    "offered": "were offered",
    "received": "attended at least 6 sessions of",
    "completed": "completed",
}


def protocol_of(service_portfolio, exposure, **zero):
    section = TimeZeroSection(exposure=exposure, **EXPOSURES[exposure], **zero)
    return replace(service_portfolio.trials[0].protocol, time_zero=section)


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_each_exposure_has_its_own_verb_in_every_form(service_portfolio, exposure):
    forms = entered_forms(protocol_of(service_portfolio, exposure))

    assert list(forms) == list(FORMS["started"])
    assert forms["past"] == PAST[exposure]
    assert not any("{" in words for words in forms.values())


def test_one_session_is_one_session(service_portfolio):
    protocol = replace(service_portfolio.trials[0].protocol, time_zero=TimeZeroSection(exposure="received", sessions=1))

    assert entered_forms(protocol)["past"] == "attended at least 1 session of"
    assert entered_forms(protocol)["event"] == "session 1"


def test_a_prepared_file_says_that_they_started(service_portfolio):
    assert entered_forms(service_portfolio.trials[0].protocol) == FORMS["started"]


def test_a_run_of_a_prepared_file_does_not_name_an_exposure(service_portfolio):
    assert all(set(p) == {"id", "name"} for p in service_portfolio.manifest()["programmes"])


def test_a_run_of_records_names_the_exposure_of_each_programme(service_portfolio):
    offered = [
        replace(t, protocol=protocol_of(service_portfolio, "offered")) if i == 0 else t
        for i, t in enumerate(service_portfolio.trials)
    ]

    programmes = replace(service_portfolio, trials=tuple(offered)).manifest()["programmes"]

    assert programmes[0]["entered"]["past"] == "were offered"
    assert "entered" not in programmes[1]


@pytest.mark.parametrize(("exposure", "said"), [("started", "started"), ("offered", "were offered it")])
def test_only_a_start_can_do_without_its_object(exposure, said):
    assert alone(FORMS[exposure], "past") == said


@pytest.mark.parametrize(
    ("exposure", "whose"),
    [
        ("started", "those who started the programme (ATT)"),
        ("offered", "those who were offered the programme (ATT)"),
        ("received", "those who attended at least 6 sessions of the programme (ATT)"),
        ("completed", "those who completed the programme (ATT)"),
    ],
)
def test_whose_effect_it_is_names_the_exposure(service_portfolio, exposure, whose):
    trial = SimpleNamespace(protocol=protocol_of(service_portfolio, exposure), design=SimpleNamespace(estimand="ATT"))

    assert describe._whose(trial) == whose


def test_the_overlap_population_and_those_outside_are_named_by_the_exposure(service_portfolio):
    protocol = protocol_of(service_portfolio, "offered")
    whose = {e: describe._whose(SimpleNamespace(protocol=protocol, design=SimpleNamespace(estimand=e))) for e in ("ATO", "ATC")}

    assert whose["ATO"] == "those who might as well have been offered it as not: the overlap population (ATO)"
    assert whose["ATC"] == "those who were not offered the programme (ATC)"


@pytest.mark.parametrize("rule", describe._TIME_ZERO)
@pytest.mark.parametrize("exposure", EXPOSURES)
def test_time_zero_says_start_of_a_start_only(service_portfolio, rule, exposure):
    trial = SimpleNamespace(protocol=protocol_of(service_portfolio, exposure, rule=rule))

    said = describe._TIME_ZERO[rule].format(days=60, within=180, **describe._forms(trial))

    assert ("start" in said) == (exposure == "started")


def test_time_zero_of_a_start_is_said_as_ever(service_portfolio):
    forms = describe._forms(SimpleNamespace(protocol=protocol_of(service_portfolio, "started")))
    said = {rule: words.format(days=60, within=180, **forms) for rule, words in describe._TIME_ZERO.items()}

    assert said["grace"].startswith("The index event. Who starts within 60 days of it is in the programme group;")
    assert said["nested"] == (
        "The day of the start, within 180 days of the index event. Comparison children inherit the wait of a child who "
        "started, in trials of 60 days each, and must not have started by then."
    )
    assert "(to start within 60 days unless" in said["clone_censor"]
    assert "; not to start) it no longer follows" in said["clone_censor"]
