"""The claim grammar, branch by branch and measure by measure."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting.amounts import difference, magnitude, natural, number, span
from yoseval.reporting.statements import can_say, cannot_say, how_done, how_sure, naive_beside_adjusted, power
from yoseval.reporting.wording import VERDICT_LOOK, add_sentences, sentence, verdict_title

VERDICTS = ("likely_reduced", "likely_increased", "no_worthwhile_effect", "cannot_tell", "not_comparable", "not_evaluable")
ALTERNATIVE = (
    "The strongest alternative explanation is a difference between the groups that was not recorded; to explain the "
    "estimate away it "
    "would have to be tied to both the start of the programme and reoffending by a risk ratio of 2.0 each."
)
ARMS = (
    "25.0% of children who started it reoffended within 12 months, against 33.4% of similar children in the comparison group "
    "(usual supervision): about 8.4 fewer in every 100."
)
PROTOCOL = make_frame(
    "protocol",
    {"programme": ["mentoring"], "section": ["target trial"], "item": ["Time zero"], "value": ["The day of the disposal."]},
)


def test_a_likely_reduction_names_programme_outcome_shares_interval_grade_and_alternative(make_finding, make_words):
    said = sentence(make_finding(), make_words())

    assert said == (
        f"Mentoring likely reduced reoffending by between 4.4 and 12.4 in every 100 children within 12 months. {ARMS} "
        f"The grade of this evidence is moderate. {ALTERNATIVE}"
    )


def test_a_likely_increase_says_more(make_finding, make_words):
    row = make_finding(
        verdict="likely_increased", estimate=0.068, conf_low=0.019, conf_high=0.117, treated_value=0.368, comparison_value=0.3
    )

    said = sentence(row, make_words())

    assert said.startswith(
        "Mentoring likely increased reoffending by between 1.9 and 11.7 in every 100 children within 12 months. 36.8% "
        "of children who started it "
        "reoffended within 12 months, against 30.0% of similar children in the comparison group (usual supervision): "
        "about 6.8 more in every 100."
    )


def test_an_effect_inside_the_worthwhile_change_says_both(make_finding, make_words):
    row = make_finding(estimate=-0.02, conf_low=-0.035, conf_high=-0.005, reasons="excludes_zero | within_worthwhile")

    said = sentence(row, make_words())

    assert "Mentoring likely reduced reoffending by between 0.5 and 3.5 in every 100" in said
    assert (
        "The whole interval lies within the 5.0 in every 100 that the study declared as the smallest worthwhile change: "
        "a difference is likely, and so is that it is too small to matter." in said
    )


def test_no_worthwhile_effect_speaks_of_size_and_not_of_absence(make_finding, make_words):
    row = make_finding(verdict="no_worthwhile_effect", estimate=0.002, conf_low=-0.021, conf_high=0.025, comparison_value=0.248)

    said = sentence(row, make_words())

    assert said == (
        "An effect of Mentoring on reoffending large enough to matter is unlikely. 25.0% of children who started it "
        "reoffended within 12 months, "
        "against 24.8% of similar children in the comparison group (usual supervision): about 0.2 more in every 100. "
        "The interval, between 2.1 fewer "
        "and 2.5 more in every 100, lies within the 5.0 in every 100 that the study declared as the smallest worthwhile "
        "change. "
        "The grade of this evidence is moderate. The strongest alternative explanation is a difference between the groups that "
        "was not recorded: it could hide an effect as well as feign one."
    )


def test_cannot_tell_gives_the_range_and_what_could_have_been_seen(make_finding, make_words):
    row = make_finding(
        verdict="cannot_tell",
        estimate=-0.033,
        conf_low=-0.078,
        conf_high=0.012,
        comparison_value=0.283,
        grade="",
        reasons="wide_interval",
    )

    said = sentence(row, make_words())

    assert said == (
        "We cannot tell whether Mentoring changes reoffending. 25.0% of children who started it reoffended within 12 "
        "months, against 28.3% of "
        "similar children in the comparison group (usual supervision): about 3.3 fewer in every 100. Effects between "
        "7.8 fewer and 1.2 more in every "
        "100 are all compatible with these records. This evaluation could only have seen changes of at least 8.1 in "
        "every 100 (with 80% power)."
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("not_significant_after_adjustment", "not after correction for the 3 tests made in this study"),
        ("checks_disagree", "The checks do not agree with the main result."),
        ("no_worthwhile_declared", "No smallest worthwhile change was declared"),
    ],
)
def test_cannot_tell_says_why(make_finding, make_words, code, said):
    assert said in sentence(make_finding(verdict="cannot_tell", reasons=code, grade=""), make_words())


def test_not_comparable_gives_the_reason_and_no_number(make_finding, make_words):
    said = sentence(make_finding(verdict="not_comparable", reasons="imbalance", grade=""), make_words())

    assert said == (
        "A fair comparison could not be made for Mentoring: after matching or weighting the two groups still differed "
        "on something recorded before "
        "the start. So nothing is said here about what it does; the numbers are in the annex of the technical report only."
    )


@pytest.mark.parametrize("code", ["no_overlap", "separation", "imbalance", "treated_lost", "design_failed"])
def test_every_reason_of_an_unfair_comparison_has_words_of_its_own(make_finding, make_words, code):
    plain = sentence(make_finding(verdict="not_comparable", reasons="unknown", grade=""), make_words())

    said = sentence(make_finding(verdict="not_comparable", reasons=code, grade=""), make_words())

    assert code == "design_failed" or said != plain.replace("the two groups could not be made alike", "")
    assert not re.search(r"\d", said)


@pytest.mark.parametrize("code", ["too_few_treated", "too_few_comparison", "too_few_events"])
def test_not_evaluable_says_what_is_missing_without_a_count(make_finding, make_words, code):
    said = sentence(make_finding(verdict="not_evaluable", reasons=code, grade=""), make_words())

    assert said.startswith("Mentoring cannot be evaluated yet: too few ")
    assert not re.search(r"\d", said)


def test_what_cannot_be_estimated_is_not_said_to_lack_children(make_finding, make_words):
    said = sentence(make_finding(verdict="not_evaluable", reasons="not_estimable", grade=""), make_words())

    assert said.startswith("Mentoring cannot be evaluated yet: its effect on reoffending cannot be estimated by the measure")


def test_a_randomised_comparison_is_called_so_and_leaves_chance(make_finding, make_words):
    said = sentence(make_finding(randomised=True, reasons="excludes_zero | randomised"), make_words())

    assert said.startswith("This was a randomised comparison. Mentoring likely reduced reoffending")
    assert said.endswith("The strongest alternative explanation is chance.")
    assert "25.0% of children allocated to it reoffended" in said
    assert "similar" not in said


def test_weak_hidden_bias_that_could_explain_is_said(make_finding, make_words):
    said = sentence(make_finding(reasons="excludes_zero | hidden_bias_could_explain"), make_words())

    assert said.endswith("A weak one would be enough.")


@pytest.mark.parametrize(
    ("changes", "claim", "arms"),
    [
        (
            {"measure": "risk_ratio", "estimate": 0.75, "conf_low": 0.6, "conf_high": 0.93, "worthwhile": None},
            "Mentoring likely reduced reoffending to between 0.60 and 0.93 times the risk in the comparison group "
            "within 12 months.",
            "33.4% of similar children in the comparison group (usual supervision): about 0.75 times the risk.",
        ),
        (
            {
                "measure": "hazard_ratio",
                "estimate": 0.69,
                "conf_low": 0.58,
                "conf_high": 0.82,
                "treated_value": None,
                "comparison_value": None,
            },
            "Mentoring likely reduced reoffending to between 0.58 and 0.82 times the rate in the comparison group "
            "within 12 months.",
            "The rate of reoffending among children who started it was about 0.69 times that among similar children in "
            "the comparison group (usual supervision).",
        ),
        (
            {
                "measure": "survival_difference",
                "estimate": 0.084,
                "conf_low": 0.044,
                "conf_high": 0.124,
                "treated_value": 0.75,
                "comparison_value": 0.666,
            },
            "Mentoring likely reduced reoffending by between 4.4 and 12.4 in every 100 children within 12 months.",
            "75.0% of children who started it were free of reoffending at 12 months, against 66.6% of similar children "
            "in the comparison group "
            "(usual supervision): about 8.4 more in every 100.",
        ),
        (
            {
                "measure": "restricted_mean_difference",
                "estimate": 0.5,
                "conf_low": 0.2,
                "conf_high": 0.8,
                "treated_value": 10.4,
                "comparison_value": 9.9,
                "worthwhile": None,
            },
            "Mentoring likely reduced reoffending: between 0.2 and 0.8 months longer free of reoffending within 12 months.",
            "On average children who started it spent 10.4 of 12 months free of reoffending, against 9.9 for similar "
            "children in the comparison group "
            "(usual supervision): about 0.5 months longer.",
        ),
        (
            {
                "measure": "mean_count_difference",
                "estimate": -0.123,
                "conf_low": -0.2,
                "conf_high": -0.046,
                "treated_value": 0.842,
                "comparison_value": 0.965,
            },
            "Mentoring likely reduced reoffending by between 4.6 and 20.0 reoffences per 100 children within 12 months.",
            "Within 12 months there were 84.2 reoffences per 100 children who started it, against 96.5 per 100 similar "
            "children in the comparison group (usual supervision): about 12.3 fewer per 100.",
        ),
    ],
)
def test_each_measure_has_its_own_words(make_finding, make_words, changes, claim, arms):
    said = sentence(make_finding(**changes), make_words())

    assert said.startswith(claim)
    assert arms in said


def test_the_studys_own_words_are_used_everywhere(make_finding):
    from yoseval.reporting.words import Words

    words = Words.from_manifest(
        {
            "study": {"title": "T", "people": "men", "comparison_name": "no financial aid"},
            "outcomes": [{"name": "reoffended", "label": "were rearrested", "noun": "rearrest"}],
        }
    )
    for verdict in VERDICTS:
        row = make_finding(verdict=verdict, reasons="")
        everything = " ".join(
            [
                sentence(row, words),
                *can_say(row, words),
                *cannot_say(row, words),
                *how_sure(row, words),
                *how_done(row, words, PROTOCOL),
            ]
        )

        assert "child" not in everything
        assert "reoffending" not in everything
        assert "usual supervision" not in everything


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize(
    "measure",
    [
        "risk_difference",
        "risk_ratio",
        "hazard_ratio",
        "survival_difference",
        "restricted_mean_difference",
        "mean_count_difference",
        "severity_odds",
        "win_ratio",
        "cure_fraction_difference",
        "mean_count_ratio",
        "odds_ratio",
        "rate_ratio",
    ],
)
def test_what_is_confidential_never_shows_and_leaves_no_trace_of_emptiness(make_finding, make_words, verdict, measure):
    gone = dict.fromkeys(
        (
            "estimate",
            "conf_low",
            "conf_high",
            "treated_value",
            "comparison_value",
            "mde",
            "e_value",
            "e_value_limit",
            "max_smd",
            "naive_estimate",
            "naive_conf_low",
            "naive_conf_high",
            "n_treated",
            "n_comparison",
            "worthwhile",
            "tests_made",
            "effective_n",
        )
    )
    row = make_finding(verdict=verdict, measure=measure, **gone)
    words = make_words()

    said = [
        sentence(row, words),
        *can_say(row, words),
        *cannot_say(row, words),
        *how_sure(row, words),
        *how_done(row, words, PROTOCOL),
        *power(row, words),
        naive_beside_adjusted(row, words),
        *add_sentences(pd.DataFrame([row]), words)["next_step"],
    ]
    everything = " ".join(s for s in said if s)

    assert not re.search(r"nan|None|<NA>|  ", everything)
    assert not re.search(r"\d", everything.replace("12 months", ""))


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("randomised", [True, False])
def test_no_sentence_claims_more_than_the_grammar(make_finding, make_words, verdict, randomised):
    row = make_finding(verdict=verdict, randomised=randomised, reasons="randomised" if randomised else "")
    words = make_words()

    claimed = " ".join(
        [
            sentence(row, words),
            *can_say(row, words),
            *how_sure(row, words),
            *add_sentences(pd.DataFrame([row]), words)["next_step"],
        ]
    ).lower()

    for forbidden in ("proven", "proves", "no effect", "works", "caused", "significant", "completers", "best programme"):
        assert forbidden not in claimed


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_finding_says_what_to_do_next(make_finding, make_words, verdict):
    filled = add_sentences(pd.DataFrame([make_finding(verdict=verdict)]), make_words())

    assert filled["next_step"].iloc[0].endswith(".")
    assert filled["sentence"].iloc[0].endswith(".")


def test_adding_sentences_changes_nothing_else(make_finding, make_words):
    findings = make_frame("findings", pd.DataFrame([make_finding(), make_finding(programme="b", verdict="cannot_tell")]))

    filled = add_sentences(findings, make_words())

    pd.testing.assert_frame_equal(
        filled.drop(columns=["sentence", "next_step"]), findings.drop(columns=["sentence", "next_step"])
    )


def test_cannot_tell_says_how_many_more_by_the_square_of_the_ratio(make_finding, make_words):
    row = make_finding(verdict="cannot_tell", mde=0.1, worthwhile=0.05, grade="", reasons="wide_interval")

    steps = add_sentences(pd.DataFrame([row]), make_words())["next_step"].iloc[0]

    # The smallest detectable change falls with the square root of the number: (0.10 / 0.05) squared = 4.
    assert "To see a change of 5.0 in every 100, the next evaluation needs about 4.0 times as many children." in steps


def test_power_does_not_ask_for_more_where_there_was_enough(make_finding, make_words):
    said = power(make_finding(mde=0.04, worthwhile=0.05), make_words())

    assert said == [
        "This evaluation could only have seen changes of at least 4.0 in every 100 (with 80% power).",
        "The smallest change worth having was declared as 5.0 in every 100.",
    ]


def test_naive_stands_beside_adjusted(make_finding, make_words):
    assert naive_beside_adjusted(make_finding(), make_words()) == (
        "Before the groups were made alike the estimate was 12.1 fewer in every 100 (between 9.1 and 15.1 fewer in "
        "every 100); "
        "afterwards it was 8.4 fewer in every 100."
    )


def test_how_it_was_done_repeats_time_zero_from_the_protocol(make_finding, make_words):
    said = how_done(make_finding(), make_words(), PROTOCOL)

    assert "Time zero: The day of the disposal." in said
    assert any(
        s.startswith(
            "412 children who started the programme were compared with 412 in the comparison group (usual supervision)"
        )
        for s in said
    )


def test_every_verdict_looks_different_in_shape_or_words():
    looks = {(look.shape, look.phrase) for look in VERDICT_LOOK.values()}

    assert set(VERDICT_LOOK) == set(VERDICTS)
    assert len(looks) == len(VERDICTS)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict_colours_are_legible_on_white(verdict):
    channels = np.array([int(VERDICT_LOOK[verdict].colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])

    assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def test_the_verdict_title_carries_the_studys_noun(make_finding, make_words):
    assert verdict_title(make_finding(), make_words()) == "▼ Likely reduces reoffending"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.078, 0.012, "between 7.8 fewer and 1.2 more in every 100"),
        (-0.124, -0.044, "between 4.4 and 12.4 fewer in every 100"),
        (0.012, 0.078, "between 1.2 and 7.8 more in every 100"),
        (-0.02, 0.0001, "between 2.0 fewer and less than 0.1 more in every 100"),
        (-0.05, 0.0, "between 0.0 and 5.0 fewer in every 100"),
    ],
)
def test_intervals_in_words_keep_their_direction(low, high, said):
    assert span("risk_difference", low, high) == said


def test_times_keep_their_unit():
    assert span("restricted_mean_difference", -0.3, 1.4, "months") == "between 0.3 months shorter and 1.4 months longer"
    assert difference("restricted_mean_difference", -0.3, "weeks") == "0.3 weeks shorter"
    assert magnitude("restricted_mean_difference", 1.2, "months") == "1.2 months"


def test_numbers_of_events_are_said_per_100():
    assert span("mean_count_difference", -0.078, 0.012) == "between 7.8 fewer and 1.2 more per 100"
    assert difference("mean_count_difference", -0.123) == "12.3 fewer per 100"
    assert magnitude("mean_count_difference", 0.1) == "10.0 per 100"
    assert natural("mean_count_difference", -0.123) == "−12.3"


def test_events_of_another_outcome_are_named_by_it(make_finding, make_words):
    row = make_finding(measure="mean_count_difference", estimate=-0.1, treated_value=0.4, comparison_value=0.5)
    noun = make_words().outcome("reoffended")
    words = replace(make_words(), outcomes={"reoffended": replace(noun, noun="arrest")})

    assert "there were 40.0 events of arrest per 100 children" in sentence(row, words)


def test_printed_numbers_have_a_true_minus_and_no_negative_zero():
    assert number(-8.44) == "−8.4"
    assert number(-0.001) == "0.0"
    assert natural("risk_difference", 0.0021) == "+0.2"
    assert natural("hazard_ratio", 0.689) == "0.69"
