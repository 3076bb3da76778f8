"""Choosing blind: the written rule, and candidates that fail."""

import numpy as np
import pandas as pd
import pytest

from yoseval.design import flow
from yoseval.design.balance import assess_balance
from yoseval.design.choose import RULE, STEPS, Score, choose_design, only_choice, rank
from yoseval.design.methods import build_design
from yoseval.errors import DesignError, UsageError
from yoseval.frames import check_frame


def score(**changes):
    """A score in every respect the same as another, but for what a test is about."""
    same = {
        "method": "m",
        "balanced": True,
        "keeps_estimand": True,
        "lost_treated": 0.0,
        "prognostic_smd": 0.015,
        "max_smd": 0.03,
        "effective_n": 100.0,
    }
    return Score(**{**same, **changes})


# The steps in the order of the rule: the better value, and the worse.
RULE_STEPS = [
    ("balanced", True, False),
    ("keeps_estimand", True, False),
    ("lost_treated", 0.10, 0.12),
    ("prognostic_smd", 0.009, 0.011),
    ("max_smd", 0.02, 0.021),
    ("effective_n", 101.0, 99.0),
]


@pytest.mark.parametrize("step", range(len(RULE_STEPS)))
def test_each_step_of_the_rule_outranks_all_that_follow(step):
    name, better, worse = RULE_STEPS[step]
    after = RULE_STEPS[step + 1 :]
    good = score(**{name: better}, **{n: w for n, _, w in after})
    bad = score(**{name: worse}, **{n: b for n, b, _ in after})

    assert rank([bad, good]) == [1, 0]


def test_what_is_equal_in_every_step_keeps_the_order_declared():
    assert rank([score(method="b"), score(method="a"), score(method="c")]) == [0, 1, 2]


@pytest.mark.parametrize("name", ["prognostic_smd", "max_smd"])
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_within_a_step_the_larger_comparison_group_wins_and_beyond_it_the_smaller_difference(name, step):
    low, high = (STEPS[step - 1] if step else 0.0) + 0.001, STEPS[step]
    small = score(**{name: low, "effective_n": 90.0})

    assert rank([small, score(**{name: high, "effective_n": 180.0})]) == [1, 0]
    assert rank([score(**{name: high + 0.001, "effective_n": 180.0}), small]) == [1, 0]


def test_losing_less_than_a_tenth_is_no_disadvantage_and_beyond_it_every_child_counts():
    assert rank([score(lost_treated=0.0), score(lost_treated=0.1, effective_n=101)]) == [1, 0]
    assert rank([score(lost_treated=0.31, effective_n=900), score(lost_treated=0.30)]) == [1, 0]


def test_where_one_has_no_prognostic_score_the_step_is_left_out_for_all():
    far, none = score(prognostic_smd=0.04), score(prognostic_smd=np.nan, effective_n=90.0)

    assert rank([none, far, score(prognostic_smd=0.001, effective_n=80.0)]) == [1, 0, 2]


def test_a_difference_that_cannot_be_standardised_comes_last():
    assert rank([score(max_smd=np.nan, effective_n=900.0), score(max_smd=0.9)]) == [1, 0]


def test_the_rule_names_every_step_and_its_bounds():
    assert all(f"{s:.2f}" in RULE for s in STEPS)
    assert [RULE.index(w) for w in ("gate", "protocol names", "tenth", "prognostic", "covariate", "effective", "declared")] == (
        sorted(RULE.index(w) for w in ("gate", "protocol names", "tenth", "prognostic", "covariate", "effective", "declared"))
    )


def test_a_balanced_candidate_comes_before_one_that_is_not(cohort):
    choice = choose_design(cohort, ["nearest", "entropy"], caliper=None)

    assert choice.ranking["method"].tolist() == ["entropy", "nearest"]
    assert choice.ranking["balanced"].tolist() == [True, False]
    assert choice.design.method == "entropy"


def test_of_balanced_candidates_the_one_about_whom_the_protocol_names_wins(cohort):
    choice = choose_design(cohort, ["overlap", "entropy"], estimand="ATT")

    sizes = choice.ranking.set_index("method")["effective_n"]
    assert choice.ranking["balanced"].all()
    assert sizes["overlap"] > sizes["entropy"]
    assert choice.design.method == "entropy"


def test_balance_that_can_be_seen_outranks_a_larger_comparison_group(cohort):
    choice = choose_design(cohort, ["nearest", "entropy"], max_smd=10.0, ratio=5, caliper=None)

    sizes = choice.ranking.set_index("method")["effective_n"]
    assert choice.ranking["balanced"].all()
    assert sizes["nearest"] > sizes["entropy"]
    assert choice.design.method == "entropy"


def test_the_order_of_rows_changes_no_place_and_no_number(frame, make_cohort):
    candidates = ["nearest", "overlap", "entropy", "subclass"]
    shuffled = frame.sample(frac=1.0, random_state=3).reset_index(drop=True)

    first, second = (choose_design(make_cohort(f), candidates).ranking for f in (frame, shuffled))

    pd.testing.assert_frame_equal(first, second, rtol=1e-9, atol=1e-9)


def test_a_candidate_that_loses_more_than_a_tenth_of_the_treated_comes_later(cohort):
    choice = choose_design(cohort, ["nearest", "entropy"], max_smd=10.0, caliper=0.001)

    ranking = choice.ranking.set_index("method")
    assert ranking["balanced"].all()
    assert ranking.loc["nearest", "lost_treated"] > 0.10
    assert choice.design.method == "entropy"


def test_the_balance_is_that_of_the_chosen_design(cohort):
    choice = choose_design(cohort, ["entropy", "nearest"])

    assert choice.balance.max_smd == assess_balance(choice.design).max_smd


def test_a_candidate_that_fails_stays_in_the_ranking_with_its_reason(cohort):
    choice = choose_design(cohort, ["randomised", "overlap"])

    last = choice.ranking.iloc[-1]
    assert last["method"] == "randomised"
    assert "was not allocated at random" in last["reason"]
    assert pd.isna(last["place"])
    assert np.isnan(last["effective_n"])


def test_a_candidate_that_cannot_run_here_is_a_row_with_its_reason(cohort, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(flow, "import_module", absent)

    choice = choose_design(cohort, ["full", "overlap"], min_controls=0.5, max_controls=2, omit_fraction=0.1)

    assert choice.design.method == "overlap"
    assert choice.ranking["method"].tolist() == ["overlap", "full"]
    assert "ortools, which is not installed" in choice.ranking["reason"].iloc[1]


def test_a_design_that_was_named_is_alone_in_its_ranking(cohort):
    choice = only_choice(build_design(cohort, "overlap"))

    row = check_frame(choice.ranking, "candidates").iloc[0]
    assert len(choice.ranking) == 1
    assert (row["method"], row["place"], row["chosen"], row["balanced"]) == ("overlap", 1, True, True)


def test_where_all_fail_every_reason_is_given(frame, make_cohort):
    frame["ward"] = np.where(frame["started"] == 1, "in", "out")

    with pytest.raises(DesignError, match=r"(?s)1\. overlap: .*2\. entropy: ") as caught:
        choose_design(make_cohort(frame, covariates=["age", "ward"]), ["overlap", "entropy"])

    assert str(caught.value).count("'ward: in'") == 2


def test_options_go_to_the_candidates_that_have_them(cohort):
    choice = choose_design(cohort, ["nearest", "overlap"], exact=("sex",), max_smd=10)

    assert set(choice.ranking["reason"]) == {""}


def test_an_option_that_no_candidate_has_is_an_error(cohort):
    with pytest.raises(UsageError, match="has an option 'caliper'"):
        choose_design(cohort, ["overlap", "entropy"], caliper=0.1)


@pytest.mark.parametrize(("candidates", "message"), [([], "No candidate"), (["overlap", "best"], "no method 'best'")])
def test_candidates_must_be_known_methods(cohort, candidates, message):
    with pytest.raises(UsageError, match=message):
        choose_design(cohort, candidates)


def test_the_ranking_has_a_row_for_each_candidate_once(cohort):
    choice = choose_design(cohort, ["overlap", "nearest", "overlap"])

    assert sorted(choice.ranking["method"]) == ["nearest", "overlap"]
    assert choice.to_frame() is choice.ranking
    assert len(str(choice).splitlines()) <= 8
