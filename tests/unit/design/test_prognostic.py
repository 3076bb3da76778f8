"""The prognostic score: past offending predicted from other covariates in the comparison arm."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from yoseval.design.prognostic import prognostic_score
from yoseval.errors import DesignError


def test_it_is_least_squares_of_the_logged_history_in_the_comparison_arm(frame, make_cohort):
    cohort = make_cohort(frame, history="prior")

    score = prognostic_score(cohort)

    units, arm = cohort.units, ~cohort.treated
    x = sm.add_constant(pd.get_dummies(units[["age", "area", "sex"]], drop_first=True).astype(float))
    fit = sm.OLS(np.log1p(units["prior"][arm]), x[arm]).fit()
    assert score == pytest.approx(fit.predict(x).to_numpy(), abs=1e-10)


def test_the_treated_have_no_say_in_the_fit(frame, make_cohort):
    before = prognostic_score(make_cohort(frame, history="prior", covariates=["age", "sex"], exact=["prior"]))
    frame["prior"] = np.where(frame["started"] == 1, 50.0, frame["prior"])

    after = prognostic_score(make_cohort(frame, history="prior", covariates=["age", "sex"], exact=["prior"]))

    assert (after == before).all()


def test_without_a_history_there_is_none(cohort):
    assert prognostic_score(cohort) is None


def test_without_other_covariates_there_is_none(frame, make_cohort):
    assert prognostic_score(make_cohort(frame, covariates=["prior"], history="prior")) is None


def test_where_other_covariates_do_not_vary_there_is_none(frame, make_cohort):
    cohort = make_cohort(frame.assign(one=1.0), covariates=["prior", "one"], history="prior")

    assert prognostic_score(cohort) is None


def test_a_history_that_was_not_recorded_for_some_is_fitted_on_the_others(frame, make_cohort):
    frame.loc[frame.index[::7], "prior"] = np.nan

    score = prognostic_score(make_cohort(frame, history="prior"))

    assert np.isfinite(score).all()


@pytest.mark.parametrize(
    ("history", "message"),
    [("absent", "not a column"), ("sex", "not a number"), ("debt", "1 of 300 values of 'debt' are negative")],
)
def test_a_history_that_is_not_a_count_is_an_error(frame, make_cohort, history, message):
    frame["debt"] = np.where(np.arange(300) == 5, -1.0, 1.0)

    with pytest.raises(DesignError, match=message):
        prognostic_score(make_cohort(frame, covariates=["age", "sex", "debt"], history=history))


def test_a_history_never_recorded_in_the_comparison_arm_is_an_error(frame, make_cohort):
    frame["prior"] = np.where(frame["started"] == 1, frame["prior"], np.nan)

    with pytest.raises(DesignError, match="recorded for no comparison unit"):
        prognostic_score(make_cohort(frame, history="prior"))
