"""The target trial in words, for the technical report."""

from dataclasses import replace

import pytest

from yoseval.design.choose import RULE
from yoseval.evaluation.describe import protocol_frame, protocol_frames
from yoseval.frames import check_frame


@pytest.fixture(scope="module")
def described(service_portfolio):
    return {
        t.protocol.programme: protocol_frame(service_portfolio.study, t).set_index("item")["value"]
        for t in service_portfolio.trials
    }


def test_a_protocol_is_a_public_frame_in_three_parts(service_portfolio):
    frame = protocol_frame(service_portfolio.study, service_portfolio.trials[0])

    assert check_frame(frame, "protocol") is frame
    assert frame["section"].unique().tolist() == ["target trial", "design", "judgement"]
    assert set(frame["programme"]) == {"art"}
    assert (frame["value"] != "").all()


def test_the_parts_of_a_target_trial_are_all_there(described):
    wanted = {"Eligibility", "Strategies", "Assignment", "Time zero", "Outcomes", "Whose effect", "Definition of outcomes"}

    assert wanted <= set(described["mentoring"].index)


def test_what_was_asked_is_said_with_its_names(described):
    words = described["mentoring"]

    assert words["Strategies"] == "Start Mentoring, against usual supervision."
    assert words["Assignment"].startswith("Not at random.")
    assert words["Primary outcome"] == "reoffended_1y"
    assert words["Smallest worthwhile change"] == "5 per 100 children"
    assert words["Outcomes"] == (
        "reoffended within 365 days (risk difference); reoffended within 365 days (restricted mean difference)."
    )


def test_whose_effect_it_is_follows_the_design(described):
    assert described["mentoring"]["Whose effect"] == "The effect for those who started the programme (ATT)."
    assert described["tiny"]["Whose effect"] == "The effect for nobody: no comparison could be made."


def test_the_gate_and_the_history_are_said(described):
    assert described["mentoring"]["Balance gate"] == (
        "every covariate within 0.1 standard deviations, the prognostic score within 0.05"
    )
    assert described["mentoring"]["Prognostic score fitted on"] == "prior_offences"


def test_a_design_that_was_chosen_says_how(described):
    assert described["mentoring"]["How it was chosen"].startswith("Best of entropy, nearest, overlap")
    assert described["mentoring"]["Rule of the choice"] == RULE


def test_the_protocols_of_all_trials_are_stacked(service_portfolio):
    frame = protocol_frames(service_portfolio.study, list(service_portfolio.trials))

    assert frame["programme"].unique().tolist() == [t.protocol.programme for t in service_portfolio.trials]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "95 %; t quantile; jackknife where an arm's effective size is below 100"),
        ({"variance": "cr2", "cluster": "team"}, "95 %; t quantile; variance: cr2, clustered on team"),
        ({"variance": "sandwich"}, "95 %; t quantile; variance: sandwich"),
        (
            {"cluster": "team"},
            "95 %; t quantile; clustered on team; CR2 with Satterthwaite's degrees of freedom where an arm has fewer than 40 "
            "of them, otherwise jackknife where an arm's effective size is below 100",
        ),
    ],
)
def test_the_protocol_says_which_variance_was_declared(service_study, service_portfolio, section, said):
    trial = service_portfolio.trials[0]
    declared = trial.protocol.design.model_copy(update=section)

    frame = protocol_frame(service_study, replace(trial, protocol=replace(trial.protocol, design=declared)))

    assert frame.loc[frame["item"] == "Interval", "value"].tolist() == [said]
