"""On which levels an error clusters: the child, the set, declared groups, and what lies within what."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.errors import UsageError
from yoseval.outcomes.clusters import cluster_codes, cluster_levels, crossed


def build(n=12, *, groups=None, sets=None, persons=None, weight=None, declared=True):
    frame = pd.DataFrame({"treated": (np.arange(n) + 1) % 2, "x": np.arange(n)})
    named = {} if groups is None else {"group": groups}
    cohort = Cohort.from_frame(
        frame.assign(**named),
        treated="treated",
        covariates=["x"],
        cluster="group" if named and declared else "",
        exact=list(named),
    )
    if persons is not None:
        cohort = replace(cohort, units=cohort.units.assign(person_id=persons))
    weighting = Weighting(
        np.ones(n) if weight is None else weight, np.full(n, -1) if sets is None else sets, np.full(n, 0.5), "ATT"
    )
    return Design(cohort, "any", {}, weighting, "ATT", cohort.attrition)


def names(design, clusters=None):
    return [level.name for level in cluster_levels(design, clusters)]


def test_without_sets_or_groups_it_is_the_child():
    assert names(build()) == ["child"]


def test_children_within_sets_leave_the_set_alone():
    assert names(build(sets=np.arange(12) // 2)) == ["matched set"]


def test_a_child_in_several_sets_makes_two_levels():
    persons = np.array([f"p{i}" for i in np.arange(12) % 7], dtype=object)

    assert names(build(sets=np.arange(12) // 2, persons=persons)) == ["matched set", "child"]


def test_units_that_are_not_used_make_no_levels_cross():
    persons = np.array([f"p{min(i, 10)}" for i in range(12)], dtype=object)
    sets = np.where(np.arange(12) < 10, np.arange(12) // 2, np.array([0] * 11 + [1]))

    assert names(build(sets=sets, persons=persons)) == ["matched set", "child"]
    assert names(build(sets=sets, persons=persons, weight=(np.arange(12) < 10) * 1.0)) == ["matched set"]


def test_sets_within_groups_leave_the_group_alone():
    assert names(build(groups=np.arange(12) // 4, sets=np.arange(12) // 2)) == ["group"]


def test_sets_that_cross_groups_make_two_levels_the_coarser_first():
    assert names(build(groups=np.arange(12) % 3, sets=np.arange(12) // 2)) == ["group", "matched set"]


def test_groups_are_declared_by_the_cohort_or_asked_for():
    design = build(groups=np.arange(12) % 3, declared=False)

    assert names(design) == ["child"]
    assert names(design, "group") == ["group"]


def test_a_unit_in_no_group_is_a_cluster_of_its_own():
    groups = np.array(["a", "b", None] * 4, dtype=object)

    codes = cluster_codes(build(groups=groups))

    assert np.unique(codes).size == 2 + 4
    assert np.unique(codes[2::3]).size == 4


def test_fewest_is_the_number_of_clusters_in_the_arm_that_has_fewer():
    # The treated, at even places, are in two groups; the comparison children in none.
    groups = np.where(np.arange(12) % 2 == 0, np.arange(12) % 4, None)
    design = build(groups=groups)

    (level,) = cluster_levels(design)

    assert level.fewest(design.treated, design.weight) == 2
    assert level.fewest(design.treated, design.weight * (np.arange(12) % 4 > 0)) == 1


def test_crossed_clusters_are_alike_in_every_level():
    first, second = cluster_levels(build(groups=np.arange(12) % 3, sets=np.arange(12) // 2))

    codes = crossed((first, second))

    pairs = np.column_stack([first.codes, second.codes])
    assert np.unique(codes).size == len(np.unique(pairs, axis=0))


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UsageError, match=r"no column 'team'.*it has: x"):
        cluster_levels(build(), "team")


def test_one_group_is_no_level():
    with pytest.raises(UsageError, match="1 group"):
        cluster_levels(build(groups=np.zeros(12)))
