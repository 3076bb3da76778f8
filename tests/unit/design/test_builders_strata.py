"""Exact matching, coarsened exact matching and subclasses through the menu."""

import numpy as np
import pytest

from yoseval.design.balance import assess_balance
from yoseval.design.methods import build_design
from yoseval.errors import DesignError


@pytest.fixture
def coarse(frame, make_cohort):
    return make_cohort(frame, covariates=["age", "sex"])


def test_exact_matching_balances_every_covariate_altogether(coarse):
    design = build_design(coarse, "exact")

    assert assess_balance(design).max_smd == pytest.approx(0, abs=1e-12)
    assert not design.is_matched


@pytest.mark.parametrize("estimand", ["ATT", "ATC", "ATE"])
def test_strata_can_be_about_the_treated_the_others_or_all(cohort, estimand):
    design = build_design(cohort, "subclass", subclass=4, estimand=estimand)

    share = {"ATT": design.treated, "ATC": ~design.treated, "ATE": np.ones_like(design.treated)}[estimand]
    wanted = np.bincount(design.weighting.set_id[share], minlength=4) / share.sum()
    for arm in (design.treated, ~design.treated):
        found = np.bincount(design.weighting.set_id[arm], weights=design.weight[arm], minlength=4) / design.weight[arm].sum()
        assert found == pytest.approx(wanted, abs=1e-12)


def test_every_stratum_of_bins_has_both_arms(cohort):
    design = build_design(cohort, "cem", cutpoints=3)

    for number in range(design.weighting.set_id.max() + 1):
        arm = design.treated[design.weighting.set_id == number]
        assert arm.any()
        assert not arm.all()


def test_grouping_values_keeps_more_children(cohort):
    groups = ({}, {"area": [["north", "south", "west"]]})
    kept = [(build_design(cohort, "cem", cutpoints=3, grouping=g).weight > 0).sum() for g in groups]

    assert kept[1] > kept[0]


@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_pairs_within_bins_are_one_to_one(cohort, estimand):
    design = build_design(cohort, "cem", cutpoints=3, k2k=True, estimand=estimand)

    used = design.weighting.set_id >= 0
    assert (np.bincount(design.weighting.set_id[used]) == 2).all()
    assert (design.weight[used] == 1).all()
    assert design.is_matched


def test_losing_many_renames_whom_the_effect_is_about(cohort):
    names = {e: build_design(cohort, "cem", estimand=e).estimand for e in ("ATT", "ATC", "ATE")}

    assert names == {"ATT": "ATM", "ATC": "ATCM", "ATE": "ATEM"}


def test_fewer_subclasses_than_asked_for_are_noted(frame, make_cohort):
    cohort = make_cohort(frame, covariates=["sex"])

    assert "Of 6 subclasses asked for, 2 could be told apart." in build_design(cohort, "subclass").notes


def test_nobody_alike_is_an_error(frame, make_cohort):
    frame["age"] = np.arange(len(frame)) / 7

    with pytest.raises(DesignError, match="alike"):
        build_design(make_cohort(frame, covariates=["age"]), "exact")


def test_weights_of_fewer_children_are_fitted_within_the_same_strata(coarse):
    design = build_design(coarse, "exact")
    everybody = np.arange(len(design.weight))

    assert design.weighting.reweight(everybody) == pytest.approx(design.weight, abs=1e-12)
    assert design.weighting.reweight(everybody[1:]).shape == (len(everybody) - 1,)
