"""Interactions, subgroups and distributions: frames of the vocabulary that agree with what they are made of."""

import numpy as np
import pandas as pd
import pytest

from yoseval.design import balance_details
from yoseval.design.arm_statistics import balance_statistics
from yoseval.design.balance import assess_balance
from yoseval.design.balance_details import ALL, distribution_balance, distribution_frame, interaction_balance, subgroup_balance
from yoseval.design.methods import build_design
from yoseval.errors import DesignError, UsageError
from yoseval.frames import check_frame


@pytest.fixture
def design(cohort):
    return build_design(cohort, "ipw", estimand="ATE")


def test_every_frame_is_one_of_the_vocabulary(design):
    check_frame(interaction_balance(design), "interactions")
    check_frame(subgroup_balance(design, ["sex"]), "subgroup_balance")
    check_frame(distribution_balance(design), "distribution_balance")
    check_frame(distribution_frame(design), "distributions")


def test_squares_of_numbers_and_products_of_two_covariates_are_compared(design):
    terms = set(interaction_balance(design)["term"])

    assert {"age squared", "prior squared", "age × prior", "age × area: west", "area: west × sex: m"} <= terms
    # A child lives in one area: the product of two of them is always zero.
    assert not any(t.count("area") > 1 for t in terms)
    assert len(terms) == 2 + 1 + 2 * 3 + 2 * 2 + 3 * 2


def test_a_product_is_compared_as_the_statistics_of_its_column(design):
    age, prior = (design.cohort.units[c].to_numpy(float) for c in ("age", "prior"))
    column = (age - age.mean()) * (prior - prior.mean())

    rows = interaction_balance(design).query("term == 'age × prior' and sample == 'after'")

    wanted = balance_statistics(column[:, None], np.array([False]), design.treated, design.weight, pooled=True)
    assert rows["std_mean_diff"].item() == pytest.approx(wanted.std_mean_diff[0], rel=1e-9)
    assert rows["ks"].item() == pytest.approx(wanted.ks[0], rel=1e-9)


def test_a_subgroup_is_compared_on_its_units_alone(design):
    inside = (design.cohort.units["sex"] == "f").to_numpy()
    prior = design.cohort.units["prior"].to_numpy(float)

    rows = subgroup_balance(design, ["sex", "area"]).query("subgroup == 'sex: f' and sample == 'after' and term == 'prior'")

    means = [np.average(prior[inside & a], weights=design.weight[inside & a]) for a in (design.treated, ~design.treated)]
    assert [rows["mean_treated"].item(), rows["mean_comparison"].item()] == pytest.approx(means, rel=1e-12)
    spread = np.sqrt(np.mean([prior[a].var(ddof=1) for a in (design.treated, ~design.treated)]))
    assert rows["std_mean_diff"].item() == pytest.approx((means[0] - means[1]) / spread, rel=1e-12)
    assert rows["n_treated"].item() == (inside & design.treated).sum()


def test_sizes_of_subgroups_add_up(design):
    frame = subgroup_balance(design, ["area"]).query("sample == 'before'").drop_duplicates("subgroup")

    assert frame["n_treated"].sum() + frame["n_comparison"].sum() == len(design.treated)


def test_a_subgroup_without_an_arm_has_sizes_and_no_statistics(frame, make_cohort):
    frame["court"] = np.where(frame["started"] == 1, "a", np.where(np.arange(300) < 100, "b", "a"))
    design = build_design(make_cohort(frame, exact=["court"]), "overlap")

    rows = subgroup_balance(design, ["court"]).query("subgroup == 'court: b'")

    assert (rows["n_treated"] == 0).all()
    assert rows["std_mean_diff"].isna().all()


def test_an_empty_cell_is_a_subgroup_of_its_own(frame, make_cohort):
    frame.loc[frame.index[::4], "sex"] = None

    assert "sex: not recorded" in set(subgroup_balance(build_design(make_cohort(frame), "overlap"), ["sex"])["subgroup"])


def test_without_subgroups_the_frame_is_empty(design):
    assert subgroup_balance(design, []).empty


def test_a_subgroup_there_is_not_is_an_error(design):
    with pytest.raises(UsageError, match="court"):
        subgroup_balance(design, ["court"])


def test_a_good_design_brings_distributions_together(design):
    wide = distribution_balance(design).set_index(["sample", "term"])

    assert wide.loc[("after", ALL), "energy_distance"] < wide.loc[("before", ALL), "energy_distance"] / 3
    assert wide.loc[("after", "prior"), "overlap_coefficient"] > wide.loc[("before", "prior"), "overlap_coefficient"]


def test_cumulative_shares_are_the_weighted_distribution_function(design):
    prior, frame = design.cohort.units["prior"].to_numpy(float), distribution_frame(design, ["prior"])

    for row in frame.query("sample == 'after' and arm == 'treated'").to_dict("records"):
        below = design.treated & (prior <= row["high"])
        wanted = design.weight[below].sum() / design.weight[design.treated].sum()
        assert row["cumulative"] == pytest.approx(wanted, rel=1e-12)


def test_no_step_holds_fewer_than_ten_units_of_both_arms_and_no_edge_is_anybodys_value(design):
    frame = distribution_frame(design)

    steps = frame.query("sample == 'before'").groupby(["term", "high"])["n"].sum()
    assert steps.min() >= 10
    for term in ("age", "prior"):
        edges = set(frame.loc[frame["term"] == term, "high"])
        assert not edges & set(design.cohort.units[term].to_numpy(float))
        assert max(edges) > design.cohort.units[term].max()


def test_a_term_that_is_no_number_is_an_error(design):
    with pytest.raises(DesignError, match="'area: west' is not a number"):
        distribution_frame(design, ["area: west"])


def test_products_are_the_same_however_many_are_held_at_once(design, monkeypatch):
    whole = interaction_balance(design)
    monkeypatch.setattr(balance_details, "_BLOCK", 3)

    pd.testing.assert_frame_equal(interaction_balance(design), whole, rtol=1e-12)


def test_ks_distances_are_those_of_the_balance_table(design):
    found = distribution_balance(design).set_index(["sample", "term"])["ks"].drop(index=ALL, level="term")

    wanted = assess_balance(design).statistics.set_index(["sample", "term"])["ks"]
    pd.testing.assert_series_equal(found, wanted[found.index], rtol=1e-12)


def test_subgroups_of_numbers_are_named_without_decimals_and_in_their_order(frame, make_cohort):
    frame["grade"] = np.resize([10.0, 9.0, np.nan], len(frame))
    design = build_design(make_cohort(frame, exact=["grade"]), "overlap")

    assert list(dict.fromkeys(subgroup_balance(design, ["grade"])["subgroup"])) == [
        "grade: 9",
        "grade: 10",
        "grade: not recorded",
    ]
