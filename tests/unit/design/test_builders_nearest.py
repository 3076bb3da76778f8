"""Nearest matching through the menu: what each option does to a design."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from yoseval.design.methods import build_design, design_digest
from yoseval.design.reordering import matched_pairs, pair_distances


def uses(design):
    return np.bincount(design.weighting.pairs[1], minlength=len(design.weight))


def test_with_replacement_a_comparison_unit_may_stand_for_several(cohort):
    design = build_design(cohort, replace=True)

    assert uses(design).max() > 1
    assert (design.weighting.set_id == -1).all()
    assert not design.is_matched
    assert any(n.startswith("With replacement") for n in design.notes)


def test_replacement_is_never_further_than_without(cohort):
    free, bound = (build_design(cohort, replace=r, caliper=None) for r in (True, False))

    assert pair_distances(free).sum() < pair_distances(bound).sum()


def test_reuse_has_an_end(cohort):
    assert uses(build_design(cohort, replace=True, reuse_max=2, caliper=None)).max() == 2


def test_reuse_of_one_pairs_like_no_replacement(cohort):
    once, never = build_design(cohort, replace=True, reuse_max=1), build_design(cohort)

    assert (once.weighting.set_id == never.weighting.set_id).all()


def test_another_order_gives_other_pairs(cohort):
    orders = ("largest", "smallest", "data", "closest")
    sets = {tuple(build_design(cohort, m_order=m, caliper=None).weighting.set_id) for m in orders}

    assert len(sets) == 4


def test_a_random_order_repeats_with_its_seed(cohort):
    digests = [design_digest(build_design(cohort, m_order="random", seed=s, caliper=None)) for s in (1, 1, 2)]

    assert digests[0] == digests[1] != digests[2]


def test_the_closest_first_begins_with_the_closest_pair(cohort):
    design = build_design(cohort, m_order="closest", caliper=None)

    logit = np.round(np.log(design.weighting.score / (1 - design.weighting.score)), 8)
    least = np.abs(logit[design.treated][:, None] - logit[~design.treated][None, :]).min()
    assert pair_distances(design).min() == pytest.approx(least, abs=1e-7)


def test_covariate_calipers_hold_in_every_pair(cohort):
    design = build_design(cohort, caliper={"age": 1.0, "prior": 2.0}, std_caliper=False)

    units = cohort.units.assign(set=design.weighting.set_id).query("set >= 0").groupby("set")[["age", "prior"]]
    assert ((units.max() - units.min()).max() <= [1.0, 2.0]).all()


def test_a_negative_caliper_keeps_pairs_apart(cohort):
    design = build_design(cohort, caliper={"age": -2.0}, std_caliper=False)

    ages = cohort.units.assign(set=design.weighting.set_id).query("set >= 0").groupby("set")["age"]
    assert (ages.max() - ages.min()).min() >= 2.0


def test_a_column_that_must_differ_differs_in_every_pair(cohort):
    design = build_design(cohort, antiexact="area", caliper=None)

    used = cohort.units.assign(set=design.weighting.set_id).query("set >= 0")
    assert (used.groupby("set")["area"].nunique() == 2).all()


def test_within_a_caliper_on_the_score_the_covariates_named_are_matched(cohort):
    plain, inner = build_design(cohort), build_design(cohort, mahvars=("age", "prior"))

    lead, partner = matched_pairs(inner)
    logit = np.log(inner.weighting.score / (1 - inner.weighting.score))
    assert np.abs(logit[lead] - logit[partner]).max() <= 0.2 * logit.std(ddof=1) + 2e-8
    gaps = []
    for design in (plain, inner):
        i, j = matched_pairs(design)
        gaps.append(np.abs(cohort.units["age"].to_numpy()[i] - cohort.units["age"].to_numpy()[j]).mean())
    assert gaps[1] < gaps[0]


def test_a_ratio_that_varies_gives_some_more_than_others(cohort):
    design = build_design(cohort, ratio=1.4, max_controls=3, caliper=None)

    taken = pd.Series(design.weighting.set_id[~design.treated]).loc[lambda s: s >= 0].value_counts()
    assert set(taken) <= {1, 2, 3}
    assert len(set(taken)) > 1


def test_with_replacement_the_ratio_may_vary_too(cohort):
    design = build_design(cohort, ratio=1.4, max_controls=3, caliper=None, replace=True)

    per_treated = np.bincount(design.weighting.pairs[0])[np.flatnonzero(design.treated)]
    assert per_treated.sum() == round(1.4 * design.treated.sum())


def test_pairs_are_part_of_the_lock(cohort):
    design = build_design(cohort, replace=True)
    lead, partner = design.weighting.pairs
    other = dataclasses.replace(design.weighting, pairs=(lead, np.roll(partner, 1)))

    assert design_digest(dataclasses.replace(design, weighting=other)) != design_digest(design)


def test_pairs_keep_their_places_when_others_leave_for_want_of_support(frame, make_cohort):
    frame["place"] = np.where((frame["started"] == 0) & (frame.index % 9 == 0), "far", "near")
    cohort = make_cohort(frame, covariates=["age", "prior", "place"])

    design = build_design(cohort, replace=True)

    lead, partner = design.weighting.pairs
    assert cohort.treated[lead].all()
    assert not cohort.treated[partner].any()
    assert (cohort.units["place"].to_numpy()[partner] == "near").all()
    assert (design.weight[partner] > 0).all()
