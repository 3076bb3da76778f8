"""Balance: definitions by hand, the gate, sizes and overlap."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from yoseval.design.balance import assess_balance, overlap_frame
from yoseval.design.methods import build_design
from yoseval.frames import check_frame


def test_arms_that_differ_on_what_is_constant_among_the_treated_fail_the_gate(frame, make_cohort):
    frame["tests"] = np.where(frame["started"] == 1, 3.0, np.arange(300) % 7)
    design = build_design(make_cohort(frame, covariates=["tests"]), caliper=None)
    apart = dataclasses.replace(design, weighting=dataclasses.replace(design.weighting, weight=np.ones(300)))

    balance = assess_balance(apart, max_smd=0.01)

    tests, treated = design.cohort.units["tests"].to_numpy(), design.treated
    expected = abs(3.0 - tests[~treated].mean()) / np.sqrt(tests[~treated].var(ddof=1) / 2)
    assert balance.max_smd == pytest.approx(expected, rel=1e-12)
    assert not balance.balanced
    assert not balance.notes


def test_arms_that_agree_on_what_is_constant_among_the_treated_pass_the_gate(frame, make_cohort):
    frame["tests"] = np.where(frame["started"] == 1, 0.1, (np.arange(300) % 7) / 10)
    design = build_design(make_cohort(frame, covariates=["tests"]), caliper=None)
    tests, treated = design.cohort.units["tests"].to_numpy(), design.treated
    alike = dataclasses.replace(design.weighting, weight=np.where(treated | (tests == 0.1), 1.0 / 3.0, 0.0))

    balance = assess_balance(dataclasses.replace(design, weighting=alike))

    assert balance.balanced
    assert balance.max_smd == 0.0


def test_a_difference_that_cannot_be_standardised_fails_the_gate_and_is_noted(frame, make_cohort):
    design = build_design(make_cohort(frame, covariates=["age", "prior"]))
    units = design.cohort.units.assign(age=np.where(design.treated, 15.0, 16.0))
    apart = dataclasses.replace(design, cohort=dataclasses.replace(design.cohort, units=units))

    balance = assess_balance(apart)

    assert not balance.balanced
    assert np.isnan(balance.max_smd)
    assert "age does not vary" in balance.notes[0]


def test_frames_have_the_public_columns_and_every_term(cohort):
    balance = assess_balance(build_design(cohort))

    check_frame(balance.statistics, "balance")
    check_frame(balance.sizes, "sizes")
    before = balance.to_frame().query("sample == 'before'")
    assert before["term"].tolist() == [*cohort.matrix().terms, "propensity score"]
    assert before["kind"].tolist() == [*cohort.matrix().kinds, "score"]


def test_a_cohort_with_a_history_has_a_prognostic_row(frame, make_cohort):
    balance = assess_balance(build_design(make_cohort(frame, history="prior")))

    last = balance.statistics.iloc[-1]
    assert (last["term"], last["kind"]) == ("prognostic score", "prognostic")
    assert balance.prognostic_smd == pytest.approx(abs(last["std_mean_diff"]), abs=1e-15)


def test_exactly_balanced_arms_pass_the_gate(cohort):
    balance = assess_balance(build_design(cohort, "entropy"))

    assert balance.balanced
    assert balance.max_smd == pytest.approx(0, abs=1e-10)


def test_the_gate_is_the_largest_difference_of_the_terms_after(cohort):
    design = build_design(cohort, caliper=None)
    after = assess_balance(design).statistics.query("sample == 'after' and kind != 'score'")
    largest = after["std_mean_diff"].abs().max()

    at, below = assess_balance(design, max_smd=largest), assess_balance(design, max_smd=largest * 0.999)

    assert at.max_smd == largest
    assert (at.balanced, below.balanced) == (True, False)


def test_a_prognostic_difference_above_a_twentieth_fails_the_gate_alone(frame, make_cohort):
    design = build_design(make_cohort(frame, history="prior"))
    raw = dataclasses.replace(design, weighting=dataclasses.replace(design.weighting, weight=np.ones(300)))

    balance = assess_balance(raw, max_smd=10.0)

    assert balance.prognostic_smd > 0.05
    assert not balance.balanced


def test_the_propensity_score_has_no_part_in_the_gate(cohort):
    balance = assess_balance(build_design(cohort, "entropy"), max_smd=1e-9)

    score = balance.statistics.query("sample == 'after' and kind == 'score'")["std_mean_diff"].abs().item()
    assert score > 1e-4
    assert balance.balanced


def test_overlap_designs_are_standardised_by_both_arms(cohort):
    before = assess_balance(build_design(cohort, "overlap")).statistics.query("sample == 'before'").set_index("term")

    age, treated = cohort.units["age"].to_numpy(), cohort.treated
    pooled = np.sqrt((age[treated].var(ddof=1) + age[~treated].var(ddof=1)) / 2)
    assert before.loc["age", "std_mean_diff"] == pytest.approx((age[treated].mean() - age[~treated].mean()) / pooled, rel=1e-12)


def test_a_renamed_effect_on_the_treated_is_standardised_by_the_treated(cohort):
    design = build_design(cohort, caliper=0.001)

    before = assess_balance(design).statistics.query("sample == 'before'").set_index("term")

    age, treated = cohort.units["age"].to_numpy(), cohort.treated
    expected = (age[treated].mean() - age[~treated].mean()) / age[treated].std(ddof=1)
    assert design.estimand == "ATM"
    assert before.loc["age", "std_mean_diff"] == pytest.approx(expected, rel=1e-12)


def test_sizes_are_units_used_and_effective_sizes(cohort):
    design = build_design(cohort, "entropy")

    sizes = assess_balance(design).sizes.set_index(["sample", "arm"])

    w = design.weight[~design.treated]
    assert sizes.loc[("after", "comparison"), "effective_n"] == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-12)
    assert sizes.loc[("before", "comparison"), "effective_n"] == sizes.loc[("before", "comparison"), "n"] == len(w)
    assert sizes.loc[("after", "treated"), "n"] == design.treated.sum()


def test_without_covariates_a_randomised_comparison_is_balanced(frame, make_cohort):
    balance = assess_balance(build_design(make_cohort(frame, covariates=[], randomised=True), "randomised"))

    assert (balance.balanced, balance.max_smd) == (True, 0.0)


def test_a_summary_is_short(cohort):
    assert len(str(assess_balance(build_design(cohort))).splitlines()) <= 8


@pytest.mark.parametrize("method", ["nearest", "overlap"])
def test_overlap_shares_sum_to_one_and_follow_the_scores(cohort, method):
    design = build_design(cohort, method)

    overlap = overlap_frame(design)

    check_frame(overlap, "overlap")
    assert overlap.groupby(["sample", "arm"])["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)
    last = overlap[(overlap["sample"] == "after") & (overlap["arm"] == "comparison")].iloc[-1]
    inside = ~design.treated & (design.weighting.score >= last["low"])
    assert last["share"] == pytest.approx(design.weight[inside].sum() / design.weight[~design.treated].sum(), abs=1e-12)


@pytest.mark.parametrize("n", [14, 19, 20, 75, 300])
def test_overlap_bins_hold_at_least_ten_units_and_a_twentieth(frame, make_cohort, n):
    some = pd.concat([frame[frame["started"] == 1].head(n // 2), frame[frame["started"] == 0].head(n - n // 2)])
    design = build_design(make_cohort(some, covariates=["age"]), "overlap")

    bins = overlap_frame(design).query("sample == 'before' and arm == 'treated'")

    score = design.weighting.score
    counts = [((score >= low) & (score < high)).sum() for low, high in zip(bins["low"], bins["high"], strict=True)]
    assert sum(counts) == len(score)
    assert min(counts) >= min(max(10, len(score) / 20), len(score))
    assert (bins["low"].to_numpy()[1:] == bins["high"].to_numpy()[:-1]).all()


def test_the_outer_edges_of_the_overlap_are_nobodys_score(cohort):
    design = build_design(cohort, "overlap")

    overlap = overlap_frame(design)

    for edge in (overlap["low"].min(), overlap["high"].max()):
        assert edge == pytest.approx(round(edge, 2), abs=1e-12)
    assert overlap["low"].min() <= design.weighting.score.min()
    assert overlap["high"].max() > design.weighting.score.max()
