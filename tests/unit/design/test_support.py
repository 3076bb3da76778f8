"""Who has nobody in the other arm to be compared with leaves by name; the others keep their design."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.balance import assess_balance
from yoseval.design.methods import build_design
from yoseval.design.support import common_support
from yoseval.errors import DesignError

N = 300


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    age = rng.uniform(12, 18, N)
    started = rng.random(N) < 1 / (1 + np.exp(-(age - 16) / 2))
    return pd.DataFrame(
        {"id": [f"{i:03d}" for i in range(N)], "started": started, "age": age, "area": rng.choice(["a", "b"], N)}
    )


def cohort_of(frame):
    return Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "area"])


def mark(frame, arm, n, area):
    rows = frame.index[frame["started"] == (arm == "treated")][:n]
    frame.loc[rows, "area"] = area
    return set(frame.loc[rows, "id"])


def weights(design):
    return dict(zip(design.cohort.units["unit_id"], design.weight, strict=True))


def test_where_every_category_is_in_both_arms_everybody_stays(frame):
    support = common_support(code_covariates(frame, ("age", "area")), frame["started"].to_numpy())

    assert support.kept.all()
    assert support.left == ()


@pytest.mark.parametrize("method", ["entropy", "overlap", "nearest"])
def test_comparison_units_of_a_category_that_nobody_treated_has_leave_by_name(frame, method):
    alone = mark(frame, "comparison", 7, "rare")

    design = build_design(cohort_of(frame), method)

    found = weights(design)
    assert {i for i in alone if found[i] > 0} == set()
    step = design.attrition.query("reason == 'no treated unit to compare with: area: rare'")
    assert step.set_index("arm")["n_lost"].to_dict() == {"treated": 0, "comparison": 7}
    assert design.estimand == ("ATO" if method == "overlap" else design.estimand)


@pytest.mark.parametrize("method", ["entropy", "overlap", "nearest"])
def test_without_them_the_weights_are_those_of_the_others_alone(frame, method):
    alone = mark(frame, "comparison", 7, "rare")

    with_them = weights(build_design(cohort_of(frame), method))
    without = weights(build_design(cohort_of(frame[~frame["id"].isin(alone)]), method))

    assert {i: w for i, w in with_them.items() if i in without} == pytest.approx(without, rel=1e-12)


def test_treated_units_whose_category_the_comparison_lacks_are_lost_and_the_estimand_follows(frame):
    few, many = frame.copy(), frame.copy()
    mark(few, "treated", 3, "rare")
    mark(many, "treated", 40, "rare")

    a, b = (build_design(cohort_of(f), "entropy") for f in (few, many))

    assert (a.estimand, b.estimand) == ("ATT", "ATM")
    lost = a.attrition.query("reason == 'no comparison unit to compare with: area: rare'").set_index("arm")["n_lost"]
    assert lost.to_dict() == {"treated": 3, "comparison": 0}
    assert assess_balance(a).balanced


def test_a_category_that_tells_the_arms_apart_altogether_is_refused_by_name(frame):
    frame["area"] = np.where(frame["started"], "a", "b")

    with pytest.raises(DesignError, match="'area: a'"):
        build_design(cohort_of(frame), "entropy")


def test_leaving_one_category_may_leave_another_alone():
    area = pd.DataFrame({"x": [1, 1, 0, 1, 1, 0], "y": [0, 0, 0, 0, 1, 1]})
    treated = np.array([True, True, False, False, False, False])

    support = common_support(code_covariates(area, ("x", "y")), treated)

    # Nobody treated has x = 0; among the rest nobody treated has y = 1.
    assert support.kept.tolist() == [True, True, False, True, False, False]
    assert [reason for reason, _ in support.left] == [
        "no treated unit to compare with: x",
        "no treated unit to compare with: y",
    ]


@pytest.mark.parametrize("method", ["entropy", "overlap"])
def test_a_jackknife_replicate_without_the_only_child_of_a_category_still_has_weights(frame, method):
    only = mark(frame, "treated", 1, "rare")
    mark(frame, "comparison", 5, "rare")
    design = build_design(cohort_of(frame), method)
    ids = design.cohort.units["unit_id"].to_numpy()
    kept = np.flatnonzero(~np.isin(ids, list(only)))

    again = design.weighting.reweight(kept)

    rare = design.cohort.units["area"].to_numpy()[kept] == "rare"
    assert (again[rare] == 0).all()
    fresh = weights(build_design(cohort_of(frame[~frame["id"].isin(only)]), method))
    share = again / np.where(design.treated[kept], again[design.treated[kept]].sum(), again[~design.treated[kept]].sum())
    wanted = np.array([fresh[i] for i in ids[kept]])
    total = np.where(design.treated[kept], wanted[design.treated[kept]].sum(), wanted[~design.treated[kept]].sum())
    np.testing.assert_allclose(share, wanted / total, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("method", ["entropy", "overlap"])
@pytest.mark.parametrize("is_whole", [True, False])
def test_many_refits_are_the_single_ones_and_leave_to_them_who_loses_company(frame, method, is_whole):
    only = mark(frame, "treated", 1, "rare")
    mark(frame, "comparison", 5, "rare")
    if not is_whole:
        mark(frame, "comparison", 3, "foreign")
    weighting = build_design(cohort_of(frame), method).weighting
    ids = build_design(cohort_of(frame), method).cohort.units["unit_id"].to_numpy()
    kept = ~np.eye(len(frame), dtype=bool)

    found = weighting.reweight_many(kept)

    assert ids[np.isnan(found).any(axis=1)].tolist() == list(only)
    for r in np.flatnonzero(~np.isnan(found).any(axis=1)):
        np.testing.assert_allclose(found[r, kept[r]], weighting.reweight(np.flatnonzero(kept[r])), rtol=1e-9, atol=1e-14)


def test_where_somebody_loses_company_in_every_part_none_is_fitted_together(frame):
    only = mark(frame, "treated", 1, "rare")
    mark(frame, "comparison", 5, "rare")
    design = build_design(cohort_of(frame), "entropy")
    without = ~np.isin(design.cohort.units["unit_id"].to_numpy(), list(only))

    assert np.isnan(design.weighting.reweight_many(np.tile(without, (2, 1)))).all()
