"""Each check asks its question, answers in words and rests on estimates one can make oneself."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.protocol import read_study
from yoseval.cohort.starter import write_starter
from yoseval.design.methods import build_design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.evaluation.portfolio import evaluate_portfolio
from yoseval.frames import check_frame
from yoseval.outcomes.exact_tests import exact_set_test
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp
from yoseval.sensitivity.bounds import linkage_bounds
from yoseval.sensitivity.checks import CHECKS, assess_sensitivity
from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit
from yoseval.sensitivity.probing import Lagged, Linked, Redrawn
from yoseval.sensitivity.ties import TieSensitivity

N = 600


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(8)
    age = rng.uniform(12, 18, N)
    treated = rng.random(N) < 1 / (1 + np.exp(-(age - 16) / 2))
    happens = rng.random(N) < 0.9 - 0.035 * age - 0.12 * treated
    time = np.where(happens, rng.integers(1, 366, N), 365)
    frame = pd.DataFrame({"treated": treated, "age": age, "event": happens, "time": time})
    frame = frame.assign(count=happens * rng.integers(1, 4, N), end=365.0)
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["age"])
    followup = FollowUp.from_frame(frame, event="event", time="time", horizon=365, count="count", followed="end")
    design, other = build_design(cohort, "entropy"), build_design(cohort, "overlap")
    return followup, design, other


def put(parts, *names, measure="risk_difference", alternatives=None, noun="the outcome", design=None, **given):
    followup, own, other = parts
    chosen = design or own
    estimate = estimate_effect(followup, chosen, measure)
    others = [other] if alternatives is None else alternatives
    return estimate, assess_sensitivity(estimate, followup, chosen, names or None, alternatives=others, noun=noun, **given)


def ranged(low, high, *, different=7):
    effects = {"estimate": (low + high) / 2, "estimate_low": low, "estimate_high": high, "measure": "risk_difference"}
    return TieSensitivity("programme", 50, different, 1.0, 1.0, 1.2, **effects, outcome="event")


def test_every_check_of_the_menu_is_put(parts):
    redrawn = Redrawn(estimate_effect(parts[0], parts[1], "risk_difference", role="check"))
    more = {"lagged": Lagged(parts[0], 30), "ties": ranged(-0.2, -0.1), "with_category": parts[2], "redrawn": redrawn}

    _, checks = put(parts, linked=Linked(0.9, 0.9), design=build_design(parts[1].cohort, "nearest"), **more)

    assert [c.check for c in checks] == [name for name in CHECKS if name != "proportional_hazards"]


def test_a_ratio_of_hazards_has_the_check_of_proportional_hazards(parts):
    assert "proportional_hazards" in [c.check for c in put(parts, measure="hazard_ratio")[1]]


def test_only_the_checks_asked_for_are_put(parts):
    _, checks = put(parts, "half_way", "naive")

    assert [c.check for c in checks] == ["half_way", "naive"]


def test_an_unknown_check_is_a_key_error(parts):
    with pytest.raises(KeyError, match="astrology"):
        put(parts, "astrology")


def test_a_check_is_one_public_row(parts):
    _, checks = put(parts)
    frame = check_frame(checks[0].to_frame(), "checks")

    assert frame.iloc[0].to_dict() == {
        "programme": "programme",
        "outcome": "event",
        "check": "naive",
        "question": "What would a naive comparison have said?",
        "value": checks[0].value,
        "answer": checks[0].answer,
    }


def test_the_naive_comparison_is_the_difference_of_the_shares(parts):
    followup, design, _ = parts
    _, (check,) = put(parts, "naive")
    event = pd.Series(followup.event, index=followup.unit_id)[design.cohort.units["unit_id"]].to_numpy()

    difference = event[design.treated].mean() - event[~design.treated].mean()

    assert check.estimates[0].estimate == pytest.approx(difference, abs=1e-12)
    assert check.estimates[0].method == "unadjusted"
    assert f"{100 * difference:+.1f} per 100".replace("-", "−") in check.answer
    assert check.agrees is None


def test_nothing_is_adjusted_in_the_naive_design(parts):
    naive = unadjusted_design(parts[1].cohort)

    assert naive.weight.tolist() == [1.0] * N
    assert not naive.is_matched
    assert naive.method == "unadjusted"


def test_another_design_with_an_estimate_in_the_interval_agrees(parts):
    estimate, (check,) = put(parts, "other_designs")

    assert estimate.conf_low <= check.estimates[0].estimate <= estimate.conf_high
    assert check.agrees is True
    assert check.answer.startswith("Yes: overlap: ")


def test_another_design_with_an_estimate_outside_the_interval_disagrees(parts):
    followup, design, other = parts
    estimate = replace(estimate_effect(followup, design, "risk_difference"), conf_low=0.5, conf_high=0.6)

    (check,) = assess_sensitivity(estimate, followup, design, ["other_designs"], alternatives=[other])

    assert check.agrees is False
    assert check.answer.startswith("Not all of them: ")


def test_without_other_designs_there_is_nothing_to_ask(parts):
    assert put(parts, "other_designs", alternatives=[])[1] == ()


def test_half_way_is_the_effect_at_half_the_horizon(parts):
    followup, design, _ = parts
    _, (check,) = put(parts, "half_way")

    expected = estimate_effect(replace(followup, horizon=182.5), design, "risk_difference")

    assert check.estimates[0].estimate == expected.estimate
    assert check.estimates[0].horizon == 182.5
    assert check.answer.startswith("After 182.5 days it was ")


def after_lag(followup, days):
    """Return the follow-up in which nobody who had the outcome in the first days had it again."""
    early = followup.event & (followup.time <= days)
    return replace(followup, time=np.where(early, 365.0, followup.time), event=followup.event & ~early)


def test_the_lag_leaves_out_the_first_days_and_both_estimates_are_said(parts):
    followup, design, _ = parts
    later = after_lag(followup, 30)

    estimate, (check,) = put(parts, "lag", lagged=Lagged(later, 30))

    # Everybody is followed to the end, so that a risk is a weighted share.
    happened = later.event[pd.Index(later.unit_id).get_indexer(design.cohort.units["unit_id"])]
    share = [np.average(happened[arm], weights=design.weight[arm]) for arm in (design.treated, ~design.treated)]
    (made,) = check.estimates
    assert made.estimate == pytest.approx(share[0] - share[1], abs=1e-12)
    assert made.estimate != estimate.estimate
    assert check.question == "Does it matter when counting begins?"
    assert check.answer.startswith("If offences of the first 30 days after time zero are not counted as reoffences, it is ")
    said = re.findall(r"[+−]\d+\.\d(?= per 100)", check.answer)
    assert said == [f"{100 * e.estimate:+.1f}".replace("-", "−") for e in (made, estimate)]


def test_the_lag_is_no_verdict_on_the_estimate(parts):
    _, (check,) = put(parts, "lag", lagged=Lagged(after_lag(parts[0], 30), 30))

    assert check.agrees is None


def test_without_a_lagged_follow_up_the_lag_is_not_asked_about(parts):
    assert put(parts, "lag")[1] == ()


def test_a_lag_after_which_nothing_happened_is_left_out(parts):
    assert put(parts, "lag", lagged=Lagged(after_lag(parts[0], 365), 365))[1] == ()


def test_hidden_bias_is_the_e_value_of_the_risk_ratio(parts):
    followup, design, _ = parts
    _, (check,) = put(parts, "hidden_bias", noun="reoffending")

    ratio = estimate_effect(followup, design, "risk_ratio")

    assert check.e_value == e_value(ratio.estimate)
    assert check.e_value_limit == e_value_of_limit(ratio.estimate, ratio.conf_low, ratio.conf_high)
    assert f"with reoffending by a risk ratio of at least {check.e_value:.2f} each" in check.answer


def test_a_randomised_programme_is_not_asked_about_hidden_bias(parts):
    followup, design, _ = parts
    randomised = build_design(replace(design.cohort, randomised=True), "randomised")

    assert put((followup, randomised, None), "hidden_bias", alternatives=[])[1] == ()


def test_what_is_estimated_on_the_way_has_the_role_of_a_check(parts):
    _, checks = put(parts)

    assert {e.role for c in checks for e in c.estimates} == {"check"}


def test_a_check_that_cannot_be_estimated_is_left_out(parts):
    followup, design, other = parts
    late = replace(followup, time=np.full(N, 365.0))

    found = put((late, design, other))[1]

    # Half way nothing has happened yet, so nothing varies.
    assert "half_way" not in [c.check for c in found]


@pytest.mark.parametrize(
    ("measure", "pattern"),
    [
        ("risk_difference", r"[+−]\d+\.\d per 100 \([+−]\d+\.\d to [+−]\d+\.\d\)"),
        ("restricted_mean_difference", r"-?\d+\.\d\d days \(-?\d+\.\d\d to -?\d+\.\d\d\)"),
        ("hazard_ratio", r"\d\.\d\d \(\d\.\d\d to \d\.\d\d\)"),
        ("mean_count_difference", r"[+−]\d+\.\d per 100 \([+−]\d+\.\d to [+−]\d+\.\d\)"),
    ],
)
def test_effects_are_worded_in_the_measures_own_unit(parts, measure, pattern):
    _, (check,) = put(parts, "naive", measure=measure)

    assert re.fullmatch(pattern, check.value)


def test_no_answer_holds_a_count_of_children(parts):
    _, checks = put(parts)
    whole = [int(t) for c in checks for t in re.findall(r"(?<![\d.])\d+(?![\d.])(?! of \d+ within)", c.answer)]

    # 100 stands in 'per 100', 365 is no count; nothing else is a whole number.
    assert set(whole) <= {100, 365}


def test_a_check_shows_its_question_and_its_answer(parts):
    _, checks = put(parts)

    assert str(checks[0]).splitlines() == [checks[0].question, checks[0].answer]


def test_linkage_loss_is_carried_to_the_effect_as_a_bound(tmp_path):
    write_starter(tmp_path / "study")
    text = (tmp_path / "study" / "study.toml").read_text(encoding="utf-8")
    linked = "[linkage]\ntreated = 0.9\ncomparison = 0.8\n[portfolio]"
    (tmp_path / "study" / "study.toml").write_text(text.replace("[portfolio]", linked), encoding="utf-8")

    frames = evaluate_portfolio(read_study(tmp_path / "study")).frames()

    row = frames["checks"].query("check == 'linkage' and programme == 'mentoring'").iloc[0]
    effect = frames["findings"].query("programme == 'mentoring'").iloc[0]
    low, high = linkage_bounds(effect["treated_value"], effect["comparison_value"], 0.9, 0.8)
    assert row["value"] == f"{100 * low:+.1f} to {100 * high:+.1f} per 100".replace("-", "−")
    assert "whatever happened to them" in row["answer"]


def test_without_a_share_linked_nothing_is_asked_of_linkage(tmp_path):
    write_starter(tmp_path / "study")

    checks = evaluate_portfolio(read_study(tmp_path / "study")).frames()["checks"]

    assert "linkage" not in set(checks["check"])


def test_a_bootstrap_is_asked_whether_it_says_the_same(parts):
    estimate = estimate_effect(parts[0], parts[1], "risk_difference", role="check")
    wide = replace(estimate, conf_low=-1.0, conf_high=1.0)

    same, other = (put(parts, "bootstrap", redrawn=Redrawn(e))[1][0] for e in (estimate, wide))

    assert same.agrees
    assert same.answer.startswith("Yes: with the design built again")
    # Its estimate is the result's own: in tables and charts the note tells them apart.
    assert same.estimates[0].notes[0] == "with the bootstrap's interval"
    assert other.agrees is (estimate.conf_low <= 0 <= estimate.conf_high)


def test_a_bootstrap_that_cannot_be_made_says_why(parts):
    check = put(parts, "bootstrap", redrawn=Redrawn(problem="The bootstrap is not valid here."))[1][0]

    assert check.answer == "It could not be asked. The bootstrap is not valid here."
    assert check.agrees is None


def test_a_range_over_ties_within_the_interval_agrees_and_one_beyond_it_does_not(parts):
    estimate, (inside,) = put(parts, "ties", ties=ranged(-0.09, -0.08))
    _, (beyond,) = put(parts, "ties", ties=ranged(estimate.conf_low - 0.05, estimate.conf_high))

    assert inside.agrees is True
    assert inside.value == "−9.0 per 100 to −8.0 per 100"
    assert "rows in 50 other orders" in inside.answer
    assert beyond.agrees is False
    assert beyond.answer.startswith("Yes, by more than chance")


def test_where_no_ties_decide_who_is_matched_the_check_says_so(parts):
    _, (check,) = put(parts, "ties", ties=ranged(-0.1, -0.1, different=0))

    assert check.agrees is None
    assert check.answer.endswith("No ties decide it.")


def test_missing_as_a_category_is_estimated_beside_the_imputed(parts):
    estimate, (check,) = put(parts, "missing_category", with_category=parts[2])

    (found,) = check.estimates
    assert found.estimate == estimate_effect(parts[0], parts[2], "risk_difference").estimate
    assert found.notes[0] == "missing as a category"
    assert check.agrees is (estimate.conf_low <= found.estimate <= estimate.conf_high)


def test_the_exact_test_is_that_inside_the_matched_sets(parts):
    followup, own, _ = parts
    design = build_design(own.cohort, "nearest")
    event = pd.Series(followup.event, index=followup.unit_id)[design.cohort.units["unit_id"]].to_numpy()

    _, (check,) = put(parts, "exact_test", design=design)

    p_value = exact_set_test(event, design.treated, design.weighting.set_id).p_value
    assert 0.001 < p_value <= 0.01
    assert check.value == "1 in 100 or fewer"
    assert check.agrees is True


def test_an_exact_test_that_does_not_find_what_the_interval_claims_disagrees(parts):
    followup, own, _ = parts
    design = build_design(own.cohort, "nearest")
    blurred = replace(followup, event=np.arange(N) % 2 == 0, time=np.full(N, 365))
    estimate = replace(estimate_effect(blurred, design, "risk_difference"), p_value=0.01)

    (check,) = assess_sensitivity(estimate, blurred, design, ["exact_test"])

    assert check.agrees is False
    assert check.value == "more than 1 in 10"


def test_the_exact_test_is_put_only_to_risks_in_sets_followed_to_the_end(parts):
    followup, own, _ = parts
    design = build_design(own.cohort, "nearest")
    early = replace(followup, time=np.where(followup.event | (np.arange(N) > 5), followup.time, 300.0))

    assert put(parts, "exact_test")[1] == ()
    assert put(parts, "exact_test", design=design, measure="hazard_ratio")[1] == ()
    assert put((early, *parts[1:]), "exact_test", design=design)[1] == ()


def test_the_worst_outcome_has_no_half_way(parts):
    followup, design, _ = parts
    worst = np.where(followup.event, 1.0 + followup.time % 3, 0.0)
    with_severity = replace(followup, severity=worst)
    estimate = estimate_effect(with_severity, design, "severity_odds")

    assert assess_sensitivity(estimate, with_severity, design, ["half_way"]) == ()


@pytest.mark.parametrize("measure", ["risk_ratio", "odds_ratio", "survival_difference"])
def test_the_exact_test_is_put_to_every_measure_of_shares(parts, measure):
    design = build_design(parts[1].cohort, "nearest")

    (check,) = put(parts, "exact_test", design=design, measure=measure)[1]

    assert check.value == put(parts, "exact_test", design=design)[1][0].value
