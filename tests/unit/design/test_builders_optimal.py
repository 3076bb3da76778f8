"""Requests for exact matching become arrays: calipers, Mahalanobis distances, cells; contradictions are refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from yoseval.design.builders_optimal import FULL, OPTIMAL, read_limits
from yoseval.design.methods import build_design
from yoseval.design.nearest_request import DISTANCES, points_of
from yoseval.errors import UsageError


def test_distances_between_places_are_mahalanobis_over_the_pooled_covariance(cohort):
    x, treated = cohort.matrix().for_models(), cohort.treated

    places = points_of(cohort, "mahalanobis", (), np.zeros(len(treated)))

    n = [treated.sum(), (~treated).sum()]
    pooled = sum((k - 1) * np.cov(x[arm], rowvar=False) for k, arm in zip(n, (treated, ~treated), strict=True)) / (sum(n) - 2)
    wanted = cdist(x[:50], x[:50], "mahalanobis", VI=np.linalg.inv(pooled))
    assert cdist(places[:50], places[:50]) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("method", ["optimal", "full"])
def test_the_caliper_is_in_standard_deviations_over_all_units(cohort, method):
    design = build_design(cohort, method, caliper=0.5, caliper_scale="score")

    score = design.weighting.score
    told = pd.DataFrame({"set": design.weighting.set_id, "treated": cohort.treated, "score": score}).query("set >= 0")
    arms = [told[told["treated"] == arm].groupby("set")["score"] for arm in (True, False)]
    # One unit of a set is in all its pairs, so that no two of it from different arms are farther apart.
    away = np.maximum(arms[0].max() - arms[1].min(), arms[1].max() - arms[0].min())
    assert away.max() <= 0.5 * score.std(ddof=1) + 2e-8
    assert f"0.5 SD of the propensity score, over all units ({0.5 * score.std(ddof=1):.4f})" in design.notes[0]


@pytest.mark.parametrize("method", ["optimal", "full"])
def test_without_a_caliper_the_notes_say_so(cohort, method):
    assert "No caliper" in build_design(cohort, method, caliper=None).notes[0]


@pytest.mark.parametrize("method", ["optimal", "full"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"caliper": np.nan}, "'caliper'"),
        ({"caliper": True}, "'caliper'"),
        ({"caliper": {"age": 1}}, "'caliper'"),
        ({"distance": "near"}, "'distance'"),
    ],
)
def test_what_there_is_not_is_a_usage_error(cohort, method, change, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, method, **change)


@pytest.mark.parametrize("distance", DISTANCES)
def test_every_distance_of_the_menu_gives_sets_of_both_arms(cohort, distance):
    for method in ("optimal", "full"):
        design = build_design(cohort, method, distance=distance)

        arms = pd.DataFrame({"set": design.weighting.set_id, "treated": cohort.treated}).query("set >= 0")
        assert (arms.groupby("set")["treated"].nunique() == 2).all()


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError, match="min_controls or more"):
        read_limits(2, 1, None)
    with pytest.raises(UsageError, match="where max_controls is below 1"):
        read_limits(None, 0.5, 0.1)


@pytest.mark.parametrize("method", [OPTIMAL, FULL])
def test_every_option_has_a_rule_that_its_default_keeps(method):
    assert set(method.rules) == set(method.options)
    assert all(method.rules[name].holds(value) for name, value in method.options.items())
