"""The claim grammar, branch by branch: what may be said, for which reasons and how surely."""

import dataclasses
import math

import pytest

from yoseval.evaluation.finding import VERDICTS, count_refusals, judge, worthwhile_on_scale
from yoseval.frames import check_frame

RATIO = {"measure": "hazard_ratio", "outcome_worthwhile": 0.8}
TIME = {"measure": "restricted_mean_difference"}


def judged(evidence, p_adjusted=0.001):
    return judge(evidence, p_adjusted=p_adjusted, tests_made=3)


@pytest.mark.parametrize(
    "gate", ["too_few_treated", "too_few_comparison", "too_few_events", "follow_up_too_short", "not_estimable"]
)
def test_a_size_gate_makes_it_not_evaluable_however_clear_the_interval(make_evidence, gate):
    found = judged(make_evidence(reasons=(gate,)))

    assert (found.verdict, found.reasons, found.grade) == ("not_evaluable", (gate,), "")
    assert math.isnan(found.p_adjusted)


@pytest.mark.parametrize("gate", ["design_failed", "no_overlap", "separation", "imbalance"])
def test_a_fairness_gate_makes_it_not_comparable_however_clear_the_interval(make_evidence, gate):
    found = judged(make_evidence(reasons=(gate,)))

    assert (found.verdict, found.reasons, found.grade) == ("not_comparable", (gate,), "")
    assert math.isnan(found.p_adjusted)


def test_too_few_children_come_before_an_unfair_comparison(make_evidence):
    assert judged(make_evidence(reasons=("imbalance", "too_few_events"))).verdict == "not_evaluable"


def test_without_an_estimate_there_is_no_claim(make_evidence):
    assert judged(make_evidence(estimated=False)).verdict == "not_evaluable"


def test_an_interval_below_zero_likely_reduced(make_evidence):
    found = judged(make_evidence(-0.12, -0.04))

    assert (found.verdict, found.reasons) == ("likely_reduced", ("excludes_zero",))
    assert found.p_adjusted == 0.001


def test_an_interval_above_zero_likely_increased(make_evidence):
    found = judged(make_evidence(0.02, 0.12))

    assert (found.verdict, found.reasons) == ("likely_increased", ("excludes_zero",))


@pytest.mark.parametrize(("low", "high", "verdict"), [(-0.04, -0.01, "likely_reduced"), (0.01, 0.04, "likely_increased")])
def test_an_interval_that_excludes_zero_but_lies_within_the_worthwhile_change_says_both(make_evidence, low, high, verdict):
    found = judged(make_evidence(low, high))

    assert (found.verdict, found.reasons) == (verdict, ("excludes_zero", "within_worthwhile"))


def test_an_interval_round_zero_within_the_worthwhile_change_has_no_worthwhile_effect(make_evidence):
    found = judged(make_evidence(-0.03, 0.04), p_adjusted=0.7)

    assert (found.verdict, found.reasons) == ("no_worthwhile_effect", ("within_worthwhile",))


def test_the_worthwhile_change_itself_lies_within(make_evidence):
    assert judged(make_evidence(-0.05, 0.05), p_adjusted=0.9).verdict == "no_worthwhile_effect"


@pytest.mark.parametrize(("low", "high"), [(-0.051, 0.04), (-0.04, 0.051)])
def test_an_interval_round_zero_that_reaches_further_cannot_tell(make_evidence, low, high):
    found = judged(make_evidence(low, high), p_adjusted=0.7)

    assert (found.verdict, found.reasons, found.grade) == ("cannot_tell", ("wide_interval",), "")


def test_zero_as_a_limit_is_included(make_evidence):
    assert judged(make_evidence(-0.12, 0.0)).verdict == "cannot_tell"
    assert judged(make_evidence(0.0, 0.12)).verdict == "cannot_tell"


def test_an_effect_that_many_tests_could_make_cannot_tell(make_evidence):
    found = judged(make_evidence(-0.12, -0.04), p_adjusted=0.06)

    assert (found.verdict, found.reasons) == ("cannot_tell", ("not_significant_after_adjustment", "wide_interval"))


def test_a_small_effect_that_many_tests_could_make_is_no_worthwhile_one(make_evidence):
    found = judged(make_evidence(-0.04, -0.01), p_adjusted=0.06)

    assert (found.verdict, found.reasons) == (
        "no_worthwhile_effect",
        ("not_significant_after_adjustment", "within_worthwhile"),
    )


def test_p_at_five_per_cent_is_significant(make_evidence):
    assert judged(make_evidence(), p_adjusted=0.05).verdict == "likely_reduced"


def test_without_a_worthwhile_change_nothing_is_too_small_to_matter(make_evidence):
    found = judged(make_evidence(-0.5, 0.5, **TIME), p_adjusted=0.9)

    assert (found.verdict, found.reasons) == ("cannot_tell", ("no_worthwhile_declared",))


@pytest.mark.parametrize(("low", "high", "verdict"), [(5.0, 20.0, "likely_reduced"), (-20.0, -5.0, "likely_increased")])
def test_more_time_without_the_outcome_is_better(make_evidence, low, high, verdict):
    assert judged(make_evidence(low, high, **TIME)).verdict == verdict


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.02, 0.1, "likely_reduced"), (-0.1, -0.02, "likely_increased")])
def test_more_survival_is_better(make_evidence, low, high, verdict):
    assert judged(make_evidence(low, high, measure="survival_difference")).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reasons"),
    [
        (0.5, 0.75, "likely_reduced", ("excludes_zero",)),
        (1.3, 2.0, "likely_increased", ("excludes_zero",)),
        (0.85, 0.95, "likely_reduced", ("excludes_zero", "within_worthwhile")),
        (0.81, 1.24, "no_worthwhile_effect", ("within_worthwhile",)),
        (0.8, 1.26, "cannot_tell", ("wide_interval",)),
        (0.79, 1.1, "cannot_tell", ("wide_interval",)),
    ],
)
def test_a_ratio_is_judged_against_1_and_on_the_log_scale(make_evidence, low, high, verdict, reasons):
    p_adjusted = 0.001 if verdict.startswith("likely") else 0.5

    found = judged(make_evidence(low, high, **RATIO), p_adjusted=p_adjusted)

    assert (found.verdict, found.reasons) == (verdict, reasons)


def test_a_ratio_without_a_worthwhile_one_is_never_too_small_to_matter(make_evidence):
    found = judged(make_evidence(0.98, 1.02, measure="hazard_ratio"), p_adjusted=0.9)

    assert found.reasons == ("no_worthwhile_declared",)


def test_every_verdict_is_of_the_grammar(make_evidence):
    reached = {
        judged(make_evidence(reasons=("too_few_events",))).verdict,
        judged(make_evidence(reasons=("imbalance",))).verdict,
        judged(make_evidence()).verdict,
        judged(make_evidence(0.04, 0.12)).verdict,
        judged(make_evidence(-0.01, 0.01), 0.9).verdict,
        judged(make_evidence(-0.2, 0.2), 0.9).verdict,
    }

    assert reached == set(VERDICTS)


def test_a_claim_without_doubts_is_moderate_and_a_randomised_one_high(make_evidence):
    assert judged(make_evidence()).grade == "moderate"
    assert judged(make_evidence(randomised=True)).grade == "high"


def test_a_randomised_finding_says_so(make_evidence):
    assert judged(make_evidence(randomised=True)).reasons == ("excludes_zero", "randomised")


DOUBTS = {
    "treated_lost": {"estimand": "ATM"},
    "checks_disagree": {"agrees": False},
    "hidden_bias_could_explain": {"limit": 1.2},
    "small_sample": {"effective_n": 99},
}


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize(("randomised", "grade"), [(False, "low"), (True, "moderate")])
def test_each_doubt_lowers_the_grade_by_one(make_evidence, doubt, randomised, grade):
    found = judged(make_evidence(randomised=randomised, **DOUBTS[doubt]))

    assert found.grade == grade
    assert doubt in found.reasons


def test_nobody_is_lost_where_weights_are_about_those_who_could_be_paired(make_evidence):
    evidence = make_evidence(estimand="ATM")
    design = dataclasses.replace(evidence.trial.design, method="matching_weights")
    evidence = dataclasses.replace(evidence, trial=dataclasses.replace(evidence.trial, design=design))

    assert "treated_lost" not in judged(evidence).reasons


@pytest.mark.parametrize("size", [{"n": (99, 400)}, {"effective_n": 99.9}], ids=["few treated", "few effective"])
def test_either_arm_can_be_too_small_for_a_sure_claim(make_evidence, size):
    assert "small_sample" in judged(make_evidence(**size)).reasons


@pytest.mark.parametrize(("agrees", "limit"), [(None, 1.25), (True, math.nan)])
def test_what_does_not_speak_against_it_is_no_doubt(make_evidence, agrees, limit):
    assert judged(make_evidence(agrees=agrees, limit=limit)).grade == "moderate"


def test_two_doubts_lower_it_by_two_and_it_goes_no_lower_than_very_low(make_evidence):
    two = judged(make_evidence(estimand="ATM", agrees=False))
    four = judged(make_evidence(estimand="ATM", agrees=False, limit=1.2, effective_n=50))

    assert (two.grade, four.grade) == ("very low", "very low")


def test_no_worthwhile_effect_is_a_claim_with_a_grade(make_evidence):
    assert judged(make_evidence(-0.01, 0.02), 0.6).grade == "moderate"


@pytest.mark.parametrize(
    ("measure", "declared", "expected"),
    [
        ("risk_difference", None, 0.05),
        ("survival_difference", None, 0.05),
        ("risk_difference", 8.0, 0.08),
        ("restricted_mean_difference", 14.0, 14.0),
        ("hazard_ratio", 0.9, 0.9),
        ("mean_count_difference", 10.0, 0.1),
    ],
)
def test_the_worthwhile_change_is_on_the_measures_scale(make_evidence, measure, declared, expected):
    trial = make_evidence(measure=measure, outcome_worthwhile=declared).trial

    assert worthwhile_on_scale(trial) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("measure", ["restricted_mean_difference", "hazard_ratio", "risk_ratio", "mean_count_difference"])
def test_other_measures_have_no_worthwhile_change_unless_it_is_declared(make_evidence, measure):
    assert math.isnan(worthwhile_on_scale(make_evidence(0.9, 1.1, measure=measure).trial))


def test_a_finding_is_one_public_row(make_evidence):
    frame = check_frame(judged(make_evidence()).to_frame(), "findings")
    row = frame.iloc[0]

    assert len(frame) == 1
    assert (row["programme"], row["name"], row["verdict"], row["grade"]) == (
        "mentoring",
        "Mentoring",
        "likely_reduced",
        "moderate",
    )
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (-0.08, -0.12, -0.04)
    assert (row["n_treated"], row["tests_made"], row["worthwhile"]) == (400, 3, 0.05)
    assert (row["e_value"], row["e_value_limit"]) == (2.5, 2.0)
    assert not row["randomised"]


def test_the_sentences_are_left_to_reporting(make_evidence):
    row = judged(make_evidence()).to_frame().iloc[0]

    assert (row["sentence"], row["next_step"]) == ("", "")


def test_the_smallest_effect_that_could_be_seen_is_that_of_the_sizes(make_evidence):
    # 400 and 400 children, 38 % in the comparison: the closed form is a test of its own.
    assert judged(make_evidence()).mde == pytest.approx(0.093, abs=0.003)


def test_a_finding_shows_at_most_eight_lines(make_evidence):
    lines = str(judged(make_evidence())).splitlines()

    assert len(lines) <= 8
    assert lines[0] == "Finding: Mentoring"
    assert lines[1] == "verdict: likely_reduced"


def test_refusals_are_counted_by_gate(make_evidence):
    refused = [("too_few_events", "imbalance"), ("imbalance",), ("too_few_events", "too_few_treated")]
    found = [judged(make_evidence(reasons=reasons)) for reasons in refused]

    assert count_refusals([*found, judged(make_evidence())]) == {"too_few_treated": 1, "too_few_events": 2, "imbalance": 2}
