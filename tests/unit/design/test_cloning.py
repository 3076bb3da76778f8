"""Clones: every child once in each arm, balanced by construction."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.cloning import STARTS, WAITS, clone_design, original_ids


@pytest.fixture
def cohort():
    rng = np.random.default_rng(1)
    n = 120
    age, prior = rng.uniform(11, 17, n), rng.poisson(1.5, n)
    started = rng.random(n) < 1 / (1 + np.exp(1.0 - 0.3 * prior))
    frame = pd.DataFrame({"id": [f"c{i:03d}" for i in range(n)], "age": age, "prior": prior, "started": started})
    return Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "prior"])


def test_every_child_stands_once_in_each_arm(cohort):
    design = clone_design(cohort)

    units = design.cohort.units
    assert len(units) == 2 * len(cohort.units)
    assert units.groupby("person_id")["treated"].agg(["sum", "size"]).to_numpy().tolist() == [[1, 2]] * len(cohort.units)
    assert units["unit_id"].is_unique


def test_the_mark_of_a_copy_says_its_arm(cohort):
    units = clone_design(cohort).cohort.units

    marked = units["unit_id"].str.endswith(STARTS)
    assert (marked == units["treated"].astype(bool)).all()
    assert units.loc[~marked, "unit_id"].str.endswith(WAITS).all()


def test_both_copies_have_one_weight_so_that_the_arms_balance_exactly(cohort):
    design = clone_design(cohort)

    order = [np.argsort(design.person_id[arm]) for arm in (design.treated, ~design.treated)]
    pair = [design.weight[arm][o] for arm, o in zip((design.treated, ~design.treated), order, strict=True)]
    np.testing.assert_array_equal(*pair)


def test_the_weight_is_the_chance_of_entering_for_the_treated_and_one_for_all(cohort):
    assert (clone_design(cohort, estimand="ATE").weight == 1.0).all()

    design = clone_design(cohort)
    # A logistic regression's probabilities sum to the number who entered.
    assert design.weight[design.treated].sum() == pytest.approx(cohort.treated.sum())
    np.testing.assert_array_equal(design.weight, design.weighting.score)


def test_no_helper_column_stays(cohort):
    assert list(clone_design(cohort).cohort.units.columns) == list(cohort.units.columns)


def test_ids_of_the_children_behind_clones_and_of_others():
    ids = np.array([f"a{STARTS}", f"a{WAITS}", "b", "c|0|waiting"], dtype=object)

    assert original_ids(ids).tolist() == ["a", "a", "b", "c|0|waiting"]
