"""Optimal matching: who gets whom, with a caliper, a ratio and cells; and the method of the menu."""

import numpy as np
import pandas as pd
import pytest

from yoseval.design.methods import build_design
from yoseval.design.optimal import optimal_match
from yoseval.errors import DesignError, UsageError

T, C = True, False


def test_the_total_counts_not_the_turn():
    # Greedy, the highest first: 0.6 has 0.5, and 0.4 is left with 0.0; together 0.5. Crossed: 0.3 less.
    distance = np.array([0.6, 0.4, 0.5, 0.9])

    assert optimal_match(distance, np.array([T, T, C, C])).tolist() == [0, 1, 1, 0]


def test_nobody_is_dropped_that_need_not_be():
    distance = np.array([1.0, 1.5, 1.0, 0.5])

    assert optimal_match(distance, np.array([T, T, C, C]), caliper=0.5).tolist() == [0, 1, 1, 0]


def test_where_comparison_units_are_short_everybody_has_one_before_anybody_has_two():
    distance = np.array([0.0, 9.0, 0.1, 0.2, 0.3])

    assert optimal_match(distance, np.array([T, T, C, C, C]), ratio=2).tolist() == [0, 1, 0, 0, 1]


def test_with_fewer_comparison_units_than_treated_the_closest_treated_are_matched():
    assert optimal_match(np.array([0.0, 5.0, 5.1]), np.array([T, T, C])).tolist() == [-1, 0, 0]


def test_pairs_are_formed_within_cells_only():
    distance, cells = np.array([0.9, 0.9, 0.1]), np.array([1, 0, 1])

    assert optimal_match(distance, np.array([T, C, C]), cells=cells).tolist() == [0, -1, 0]


def test_a_caliper_can_be_measured_on_another_scale_than_the_distance():
    distance, score = np.array([0.0, -2.0, 2.5]), np.array([0.5, 0.1, 0.6])

    assert optimal_match(distance, np.array([T, C, C]), caliper=0.2, caliper_on=score).tolist() == [0, -1, 0]


def test_coordinates_are_matched_by_their_distance_in_space():
    place = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 3.0], [0.0, 1.0]])

    assert optimal_match(place, np.array([T, T, C, C])).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("case", [{"ratio": 0}, {"caliper": -0.1}, {"caliper": float("nan")}])
def test_options_out_of_range_are_errors(case):
    with pytest.raises(DesignError, match="was asked for"):
        optimal_match(np.array([0.1, 0.2]), np.array([T, C]), **case)


def test_a_caliper_beside_coordinates_needs_what_it_is_measured_on():
    with pytest.raises(DesignError, match="measured on"):
        optimal_match(np.zeros((2, 2)), np.array([T, C]), caliper=0.1)


def test_no_pair_of_a_design_is_wider_than_the_caliper(cohort):
    design = build_design(cohort, "optimal", caliper=0.1)

    logit = np.log(design.weighting.score / (1 - design.weighting.score))
    pairs = pd.DataFrame({"set": design.weighting.set_id, "logit": logit}).query("set >= 0").groupby("set")["logit"]
    assert (pairs.max() - pairs.min()).max() <= 0.1 * logit.std(ddof=1) + 2e-8
    assert "0.1 SD of the logit" in design.notes[0]


@pytest.mark.parametrize("distance", ["logit", "mahalanobis"])
def test_no_set_mixes_the_values_of_an_exact_column(cohort, distance):
    design = build_design(cohort, "optimal", exact=("sex", "area"), distance=distance)

    used = cohort.units.assign(set=design.weighting.set_id).query("set >= 0")
    assert used.groupby("set")[["sex", "area"]].nunique().to_numpy().max() == 1


def test_mahalanobis_pairs_are_closer_on_the_covariates_and_farther_on_the_score(cohort):
    def gap(design, values):
        used = design.weighting.set_id >= 0
        told = pd.DataFrame(values[used]).groupby(design.weighting.set_id[used])
        return float((told.max() - told.min()).to_numpy().sum())

    by_score, by_space = (build_design(cohort, "optimal", distance=d, caliper=None) for d in ("logit", "mahalanobis"))

    logit = np.log(by_score.weighting.score / (1 - by_score.weighting.score))
    ages = cohort.units[["age", "prior"]].to_numpy()
    assert gap(by_space, ages) < gap(by_score, ages)
    assert gap(by_space, logit) > gap(by_score, logit)


@pytest.mark.parametrize("options", [{}, {"caliper": 0.001}, {"exact": "sex"}, {"distance": "mahalanobis"}])
def test_every_unit_that_left_has_one_reason(cohort, options):
    design = build_design(cohort, "optimal", **options)

    given = np.sum([who for _, who in design.weighting.left], axis=0)
    assert (given == (design.weight == 0)).all()


def test_not_one_pair_is_an_error(frame, make_cohort):
    frame["place"] = np.where(frame["started"] == 1, "in", "out")

    with pytest.raises(DesignError, match="Not one treated unit"):
        build_design(make_cohort(frame, covariates=["age"], exact=["place"]), "optimal", exact=("place",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ratio": 0}, "'ratio' is 0"),
        ({"ratio": True}, "'ratio' is True"),
        ({"caliper": -1}, "'caliper' is -1"),
        ({"distance": "probit"}, "'distance' is 'probit'"),
        ({"caliper_scale": "sd"}, "'caliper_scale' is 'sd'"),
        ({"exact": ("colour",)}, "match exactly on: colour"),
        ({"estimand": "ATE"}, "cannot be asked for the estimand 'ATE'"),
    ],
)
def test_what_there_is_not_is_a_usage_error(cohort, options, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, "optimal", **options)
