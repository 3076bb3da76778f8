"""Pairs, their distances, and designs with ties broken otherwise."""

import numpy as np
import pytest

from yoseval.design.methods import build_design, design_digest
from yoseval.design.reordering import matched_pairs, pair_distances, reordered_designs, reorderings_within
from yoseval.errors import UsageError


def test_pairs_of_sets_are_all_that_meet_in_them(cohort):
    design = build_design(cohort, ratio=2)

    lead, partner = matched_pairs(design)

    sets = design.weighting.set_id
    assert (sets[lead] == sets[partner]).all()
    assert len(lead) == (sets[~design.treated] >= 0).sum()


def test_distances_are_on_the_scale_that_was_matched_on(cohort):
    for distance in ("logit", "score"):
        design = build_design(cohort, distance=distance)
        score = design.weighting.score
        on = np.log(score / (1 - score)) if distance == "logit" else score
        lead, partner = matched_pairs(design)
        assert pair_distances(design) == pytest.approx(np.abs(on[lead] - on[partner]), abs=2e-8)


def test_distances_with_replacement_are_those_of_the_search(cohort):
    design = build_design(cohort, replace=True, distance="mahalanobis")

    points = design.weighting.matched_on
    lead, partner = design.weighting.pairs
    assert pair_distances(design) == pytest.approx(np.linalg.norm(points[lead] - points[partner], axis=1))


def test_other_orders_break_ties_otherwise_and_keep_the_distance(frame, make_cohort):
    design = build_design(make_cohort(frame, covariates=["age", "sex"]))

    others = list(reordered_designs(design, reorderings=5, seed=1))

    assert len({design_digest(d) for d in (design, *others)}) > 1
    assert [pair_distances(d).sum() for d in others] == pytest.approx([pair_distances(design).sum()] * 5)


def test_the_same_seed_gives_the_same_orders(cohort):
    design = build_design(cohort)

    runs = [[design_digest(d) for d in reordered_designs(design, reorderings=3, seed=4)] for _ in range(2)]

    assert runs[0] == runs[1]


def test_weights_have_no_pairs(cohort):
    with pytest.raises(UsageError, match="'overlap' has no matched pairs"):
        pair_distances(build_design(cohort, "overlap"))


@pytest.mark.parametrize("options", [{}, {"replace": True, "distance": "mahalanobis"}])
def test_reordered_designs_keep_the_units_in_their_order(cohort, options):
    design = build_design(cohort, **options)

    (other,) = reordered_designs(design, reorderings=1, seed=2)

    assert other.cohort is design.cohort
    assert (other.weight[design.treated] > 0).sum() == (design.weight[design.treated] > 0).sum()
    assert other.weighting.score == pytest.approx(design.weighting.score, abs=1e-8)
    lead, partner = matched_pairs(other)
    assert design.treated[lead].all()
    assert not design.treated[partner].any()


def test_fewer_orders_are_tried_of_more_units(cohort):
    assert reorderings_within(build_design(cohort)) == 50
    assert reorderings_within(build_design(cohort), most=3) == 0
    assert reorderings_within(build_design(cohort, "overlap")) == 0
    assert reorderings_within(build_design(cohort, "cardinality")) == 0
