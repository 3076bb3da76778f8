"""Matching weights: their definition, whom they are about, and refits."""

import numpy as np
import pytest

from yoseval.cohort.covariates import code_covariates
from yoseval.design.balance import is_about_treated
from yoseval.design.matching_weights import matching_weighting
from yoseval.design.methods import build_design


@pytest.fixture
def coded(frame):
    return code_covariates(frame, ("age", "prior", "area", "sex")), frame["started"].to_numpy() == 1


def test_each_weight_is_the_smaller_probability_over_that_of_the_own_arm(coded):
    matrix, treated = coded

    weighting = matching_weighting(matrix, treated)

    e = weighting.score
    assert weighting.weight == pytest.approx(np.minimum(e, 1 - e) / np.where(treated, e, 1 - e), rel=1e-13)


def test_they_are_close_to_a_design_that_pairs_one_to_one(cohort):
    weighted, paired = (build_design(cohort, m) for m in ("matching_weights", "nearest"))

    # Li and Greene: asymptotically both are about the same children; 300 units agree to a tenth.
    total = weighted.weight[weighted.treated].sum()
    assert total == pytest.approx((paired.weight[paired.treated] > 0).sum(), rel=0.1)


def test_they_are_about_those_who_could_be_paired_and_say_so(cohort):
    design = build_design(cohort, "matching_weights")

    assert design.estimand == "ATM"
    assert not is_about_treated(design)
    assert "who could be paired" in design.notes[0]


def test_reweighting_equals_fitting_anew_on_the_kept_units(coded, frame):
    matrix, treated = coded
    kept = np.delete(np.arange(len(treated)), [3, 50])

    again = matching_weighting(matrix, treated).reweight(kept)

    anew = matching_weighting(code_covariates(frame.iloc[kept], ("age", "prior", "area", "sex")), treated[kept])
    assert again == pytest.approx(anew.weight, abs=1e-11)


def test_a_learner_gives_no_derivatives(coded):
    weighting = matching_weighting(*coded, propensity="boosting")

    assert (weighting.estimation, weighting.reweight) == (None, None)
