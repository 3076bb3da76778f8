"""Full matching: sets, limits, weights; and the method of the menu."""

import sys

import numpy as np
import pandas as pd
import pytest

from yoseval.design.builders_optimal import read_limits
from yoseval.design.full import SetLimits, full_match
from yoseval.design.methods import build_design
from yoseval.design.strata import weights_from_strata
from yoseval.errors import DesignError, EnvironmentFault, UsageError

T, C = True, False


def sizes_of(design):
    used = pd.DataFrame({"set": design.weighting.set_id, "treated": design.treated}).query("set >= 0").groupby("set")["treated"]
    return used.sum().to_numpy(), (used.size() - used.sum()).to_numpy()


def test_everybody_is_in_the_closest_set():
    found = full_match(np.array([0.9, 0.2, 0.8, 0.3, 0.1]), np.array([T, T, C, C, C]))

    assert found.tolist() == [0, 1, 0, 1, 1]


def test_several_treated_may_share_one_comparison_unit():
    assert full_match(np.array([0.1, 0.2, 0.3, 0.2]), np.array([T, T, T, C])).tolist() == [0, 0, 0, 0]


def test_a_cell_with_one_arm_only_stays_outside():
    assert full_match(np.zeros(4), np.array([T, C, T, C]), cells=np.array([0, 0, 1, 2])).tolist() == [0, 0, -1, -1]


def test_whoever_has_nobody_within_the_caliper_stays_outside():
    assert full_match(np.array([0.0, 0.1, 9.0, 0.2]), np.array([T, C, C, C]), caliper=0.5).tolist() == [0, 0, -1, 0]


def test_limits_hold():
    distance, treated = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([T, T, C, C, C, C])

    found = full_match(distance, treated, limits=SetLimits(max_controls=2))

    assert sorted(np.bincount(found)) == [3, 3]


def test_where_limits_leave_no_other_way_as_few_as_they_can_are_left_out():
    distance, treated = np.array([0.0, 0.1, 0.2, 0.3, 0.4]), np.array([T, C, C, C, C])

    assert full_match(distance, treated, limits=SetLimits(max_controls=2)).tolist() == [0, 0, 0, -1, -1]


def test_the_farthest_are_left_out_where_some_may_be():
    distance, treated = np.array([0.0, 0.1, 9.0, 0.3, 0.4]), np.array([T, C, C, C, C])

    assert full_match(distance, treated, limits=SetLimits(omit_fraction=0.25)).tolist() == [0, 0, -1, 0, 0]


def test_more_comparison_units_than_there_are_cannot_be_asked_for():
    with pytest.raises(DesignError, match="'min_controls' asks for more"):
        full_match(np.array([0.0, 0.1, 0.2]), np.array([T, T, C]), limits=SetLimits(min_controls=2.0))


def test_more_treated_than_there_are_cannot_be_asked_for():
    with pytest.raises(DesignError, match="'max_controls' asks for more"):
        full_match(np.array([0.0, 0.1, 0.2]), np.array([T, C, C]), limits=SetLimits(max_controls=0.5))


def test_weights_for_the_treated_are_those_of_matched_sets():
    set_id, treated = np.array([0, 0, 0, 0, 1, 1, 1, -1]), np.array([T, C, C, C, T, T, C, T])

    # Of the comparison units 1/3 each and 2/1, scaled from three to four.
    wanted = [1.0, 4 / 9, 4 / 9, 4 / 9, 1.0, 1.0, 8 / 3, 0.0]
    assert weights_from_strata(set_id, treated, "ATT") == pytest.approx(wanted, abs=1e-15)


def test_weights_for_everybody_give_each_arm_the_size_of_its_set():
    set_id, treated = np.array([0, 0, 0, 1, 1, 1]), np.array([T, C, C, T, T, C])

    weight = weights_from_strata(set_id, treated, "ATE")

    # Both sets have three: 3/1 and 3/2, 3/2 for the treated, scaled from six to three; the others likewise.
    assert weight == pytest.approx([1.5, 0.75, 0.75, 0.75, 0.75, 1.5], abs=1e-15)


def test_weights_for_the_comparison_mirror_those_for_the_treated():
    set_id, treated = np.array([0, 0, 0, 1, 1, -1]), np.array([T, C, C, T, C, C])

    assert weights_from_strata(set_id, treated, "ATC") == pytest.approx(weights_from_strata(set_id, ~treated, "ATT"), abs=1e-15)


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC"])
def test_a_design_is_about_whom_it_was_asked_to_be(cohort, estimand):
    design = build_design(cohort, "full", estimand=estimand)

    assert design.estimand == estimand
    arm = {"ATT": design.treated, "ATC": ~design.treated, "ATE": np.zeros(len(design.weight), dtype=bool)}[estimand]
    assert design.weight[arm] == pytest.approx(np.ones(arm.sum()))


@pytest.mark.parametrize("options", [{}, {"distance": "mahalanobis"}, {"caliper": 0.1}, {"exact": ("sex", "area")}])
def test_every_set_is_one_against_one_or_more(cohort, options):
    treated, comparison = sizes_of(build_design(cohort, "full", **options))

    assert (np.minimum(treated, comparison) == 1).all()


def test_limits_of_a_design_hold(cohort):
    treated, comparison = sizes_of(build_design(cohort, "full", min_controls=0.5, max_controls=2, omit_fraction=0.3))

    assert treated.max() <= 2
    assert comparison.max() <= 2


def test_no_set_mixes_the_values_of_an_exact_column(cohort):
    design = build_design(cohort, "full", exact=("sex", "area"))

    used = cohort.units.assign(set=design.weighting.set_id).query("set >= 0")
    assert used.groupby("set")[["sex", "area"]].nunique().to_numpy().max() == 1


@pytest.mark.parametrize(
    "options", [{}, {"caliper": 0.01}, {"caliper": 0.01, "exact": "sex"}, {"max_controls": 1}, {"distance": "mahalanobis"}]
)
def test_every_unit_that_left_has_one_reason(cohort, options):
    design = build_design(cohort, "full", **options)

    given = np.sum([who for _, who in design.weighting.left], axis=0)
    assert (given == (design.weight == 0)).all()


def test_reasons_are_in_words(frame, make_cohort):
    frame["unit"] = np.where((frame["started"] == 1) & (frame["age"] == 17), "secure", "open")
    cohort = make_cohort(frame, covariates=["age", "prior"], exact=["unit"])

    reasons = dict(build_design(cohort, "full", exact=("unit",), caliper=0.001, max_controls=1).weighting.left)

    assert set(reasons) <= {
        "no comparison unit in the same exact cell",
        "no comparison unit within the caliper",
        "no treated unit within the caliper",
        "left out by the limits on the sets",
    }
    assert reasons["no comparison unit in the same exact cell"][(cohort.units["unit"] == "secure").to_numpy()].all()


def test_only_some_limits_need_ortools(cohort, monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools.graph.python.min_cost_flow", None)

    assert build_design(cohort, "full", min_controls=0.2, max_controls=5).is_matched
    with pytest.raises(EnvironmentFault, match="needs ortools"):
        build_design(cohort, "full", max_controls=5, omit_fraction=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_controls": 0.3}, "'min_controls' is 0.3"),
        ({"max_controls": -1}, "'max_controls' is -1"),
        ({"max_controls": 2.5}, "'max_controls' is 2.5"),
        ({"min_controls": 2, "max_controls": 1}, "'max_controls' is 1"),
        ({"omit_fraction": 1}, "'omit_fraction' is 1"),
        ({"omit_fraction": 0.1, "max_controls": 0.5}, "'omit_fraction' is 0.1"),
        ({"estimand": "ATO"}, "cannot be asked for the estimand 'ATO'"),
        ({"ratio": 2}, "'full' has no option 'ratio'"),
    ],
)
def test_what_there_is_not_is_a_usage_error(cohort, options, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, "full", **options)


@pytest.mark.parametrize(
    ("given", "treated", "comparison"),
    [((1 / 5, 5, None), (1, 5), (1, 5)), ((2, 3, None), (2, 3), (1, 1)), ((None, 1 / 2, None), (1, 1), (2, 2**62))],
)
def test_limits_become_partners(given, treated, comparison):
    partners = read_limits(*given).partners

    assert (partners.treated, partners.comparison) == (treated, comparison)
