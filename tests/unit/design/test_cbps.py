"""Balancing scores in a design: what is promised, noted and refused."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.cbps import cbps_weighting
from yoseval.design.entropy import entropy_weighting
from yoseval.design.methods import build_design
from yoseval.errors import DesignError, UsageError


@pytest.fixture
def coded(frame):
    return code_covariates(frame, ("age", "prior", "area", "sex")), frame["started"].to_numpy() == 1


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC"])
def test_weighted_means_of_every_term_agree_exactly(coded, estimand):
    matrix, treated = coded

    w = cbps_weighting(matrix, treated, estimand=estimand).weight

    means = [np.average(matrix.values[arm], axis=0, weights=w[arm]) for arm in (treated, ~treated)]
    assert means[0] == pytest.approx(means[1], abs=1e-10)


def test_means_of_the_untouched_arm_are_those_observed(coded):
    matrix, treated = coded

    for estimand, arm in (("ATT", treated), ("ATC", ~treated)):
        assert (cbps_weighting(matrix, treated, estimand=estimand).weight[arm] == 1).all()


def test_just_identified_for_the_att_it_is_entropy_balancing(coded):
    matrix, treated = coded

    assert cbps_weighting(matrix, treated).weight == pytest.approx(entropy_weighting(matrix, treated).weight, rel=1e-9)


def test_over_identified_the_means_agree_nearly_and_the_notes_say_so(coded):
    matrix, treated = coded

    weighting = cbps_weighting(matrix, treated, estimand="ATE", over=True)

    w = weighting.weight
    gap = np.average(matrix.values[treated], axis=0, weights=w[treated]) - np.average(
        matrix.values[~treated], axis=0, weights=w[~treated]
    )
    assert 1e-6 < np.abs(gap / matrix.values.std(axis=0)).max() < 0.25
    assert any("nearly" in n for n in weighting.notes)


@pytest.mark.parametrize("over", [False, True])
def test_reweighting_equals_fitting_anew_on_the_kept_units(coded, frame, over):
    matrix, treated = coded
    kept = np.delete(np.arange(len(treated)), [3, 50])

    again = cbps_weighting(matrix, treated, over=over).reweight(kept)

    anew = cbps_weighting(code_covariates(frame.iloc[kept], ("age", "prior", "area", "sex")), treated[kept], over=over)
    assert again == pytest.approx(anew.weight, rel=1e-7)


def test_means_out_of_reach_are_an_error():
    frame = pd.DataFrame({"started": [1] * 10 + [0] * 10, "age": [*np.arange(10.0, 20.0), *np.arange(0.0, 10.0)]})
    frame.loc[0, "age"], frame.loc[19, "age"] = 8.0, 11.0
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age"])

    with pytest.raises(DesignError, match="No score balances"):
        build_design(cohort, "cbps")


def test_an_option_that_is_no_flag_is_an_error(cohort):
    with pytest.raises(UsageError, match="'over' is 1"):
        build_design(cohort, "cbps", over=1)


def test_another_estimand_is_an_error(cohort):
    with pytest.raises(UsageError, match="'ATO'"):
        build_design(cohort, "cbps", estimand="ATO")
