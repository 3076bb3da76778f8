"""Choosing blind: the written rule, and candidates that fail."""

import numpy as np
import pytest

from yoseval.design.balance import assess_balance
from yoseval.design.choose import choose_design
from yoseval.errors import DesignError, UsageError


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


def test_among_those_the_larger_effective_comparison_group_wins(cohort):
    choice = choose_design(cohort, ["entropy", "nearest"], max_smd=10.0, ratio=5, caliper=None)

    sizes = choice.ranking.set_index("method")["effective_n"]
    assert sizes["nearest"] > sizes["entropy"]
    assert choice.design.method == "nearest"


def test_a_candidate_that_loses_more_than_a_tenth_of_the_treated_comes_later(cohort):
    choice = choose_design(cohort, ["nearest", "entropy"], max_smd=10.0, caliper=0.001)

    ranking = choice.ranking.set_index("method")
    assert ranking["balanced"].all()
    assert ranking.loc["nearest", "lost_treated"] > 0.10
    assert choice.design.method == "entropy"


def test_losing_up_to_a_tenth_is_no_disadvantage(cohort):
    choice = choose_design(cohort, ["nearest", "entropy"], max_smd=10.0, ratio=5, caliper=0.5)

    ranking = choice.ranking.set_index("method")
    assert 0 < ranking.loc["nearest", "lost_treated"] <= 0.10
    assert ranking.loc["nearest", "effective_n"] > ranking.loc["entropy", "effective_n"]
    assert choice.design.method == "nearest"


def test_the_balance_is_that_of_the_chosen_design(cohort):
    choice = choose_design(cohort, ["entropy", "nearest"])

    assert choice.balance.max_smd == assess_balance(choice.design).max_smd


def test_a_candidate_that_fails_stays_in_the_ranking_with_its_reason(cohort):
    choice = choose_design(cohort, ["randomised", "overlap"])

    last = choice.ranking.iloc[-1]
    assert last["method"] == "randomised"
    assert "was not allocated at random" in last["error"]
    assert np.isnan(last["effective_n"])


def test_where_all_fail_every_reason_is_given(frame, make_cohort):
    frame["ward"] = np.where(frame["started"] == 1, "in", "out")

    with pytest.raises(DesignError, match=r"(?s)1\. overlap: .*2\. entropy: ") as caught:
        choose_design(make_cohort(frame, covariates=["age", "ward"]), ["overlap", "entropy"])

    assert str(caught.value).count("'ward: in'") == 2


def test_options_go_to_the_candidates_that_have_them(cohort):
    choice = choose_design(cohort, ["nearest", "overlap"], exact=("sex",), max_smd=10)

    assert set(choice.ranking["error"]) == {""}


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
