"""The propensity score: a logit on independent terms, with separation named."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.tree import DecisionTreeClassifier

from yoseval.cohort.covariates import code_covariates
from yoseval.design.propensity import PROPENSITY, fit_propensity
from yoseval.design.score_weights import score_weights
from yoseval.errors import DesignError, UsageError
from yoseval.models.firth import fit_firth
from yoseval.models.learners import cross_fitted_score


def test_scores_are_those_of_a_logistic_regression(frame):
    treated = frame["started"].to_numpy() == 1
    matrix = code_covariates(frame, ("age", "prior", "area", "sex"))

    propensity = fit_propensity(matrix, treated)

    design = sm.add_constant(pd.get_dummies(frame[["age", "prior", "area", "sex"]], drop_first=True).astype(float))
    other = sm.Logit(treated.astype(float), design).fit(disp=0, tol=1e-14, maxiter=100)
    assert propensity.score == pytest.approx(other.predict(), abs=1e-9)
    assert propensity.terms_used == ("age", "prior", "area: south", "area: west", "sex: m")


def test_the_linear_score_is_rounded_to_eight_decimals(frame):
    propensity = fit_propensity(code_covariates(frame, ("age", "prior")), frame["started"].to_numpy() == 1)

    assert (propensity.linear == np.round(propensity.linear, 8)).all()
    # Rounding to 8 decimals moves a number by at most half a unit of the last.
    assert propensity.linear == pytest.approx(np.log(propensity.score / (1 - propensity.score)), abs=5.1e-9)


def test_aliased_and_constant_terms_are_left_out_and_named(frame):
    wide = frame.assign(months=frame["age"] * 12, country="england", one=7.0)
    treated = frame["started"].to_numpy() == 1

    propensity = fit_propensity(code_covariates(wide, ("age", "one", "months", "country", "sex")), treated)

    narrow = fit_propensity(code_covariates(frame, ("age", "sex")), treated)
    assert propensity.terms_dropped == ("one", "months")
    assert "one, months" in propensity.notes()[0]
    assert propensity.score == pytest.approx(narrow.score, abs=1e-12)


def test_without_dropped_terms_there_is_no_note(frame):
    propensity = fit_propensity(code_covariates(frame, ("age",)), frame["started"].to_numpy() == 1)

    assert propensity.notes() == ()


def test_without_covariates_every_score_is_the_share_treated(frame):
    treated = frame["started"].to_numpy() == 1

    assert fit_propensity(code_covariates(frame, ()), treated).score == pytest.approx(treated.mean(), abs=1e-12)


@pytest.mark.parametrize("arm", [0, 1])
def test_a_category_of_one_arm_only_is_an_error_that_names_it(frame, arm):
    rows = frame.index[frame["started"] == arm][:3]
    frame.loc[rows, "area"] = "abroad"

    with pytest.raises(DesignError, match="has 'area: abroad': there is nobody") as caught:
        fit_propensity(code_covariates(frame, ("age", "area")), frame["started"].to_numpy() == 1)

    assert caught.value.remedy == "Merge the rare category with another, or leave the covariate out."


def test_a_reference_category_of_one_arm_only_is_named_itself(frame):
    frame.loc[frame.index[frame["started"] == 1][:3], "area"] = "abroad"

    with pytest.raises(DesignError, match=r"has 'area: abroad': there"):
        fit_propensity(code_covariates(frame, ("area",)), frame["started"].to_numpy() == 1)


def test_a_numeric_covariate_that_separates_the_arms_is_named(frame):
    frame["hours"] = frame["started"] * 10.0 + frame["age"] / 10

    with pytest.raises(DesignError, match="'hours'"):
        fit_propensity(code_covariates(frame, ("prior", "hours")), frame["started"].to_numpy() == 1)


def test_an_indicator_of_missing_values_in_one_arm_only_is_named(frame):
    frame.loc[frame.index[frame["started"] == 1][:4], "age"] = np.nan

    with pytest.raises(DesignError, match="'age: not recorded'"):
        fit_propensity(code_covariates(frame, ("age",)), frame["started"].to_numpy() == 1)


def separated():
    frame = pd.DataFrame({"age": np.arange(40.0), "noise": np.tile([0.0, 1.0, 3.0, 2.0], 10)})
    return code_covariates(frame, ("age", "noise")), np.arange(40) > 19


def test_separated_arms_have_no_score_unless_firths_is_asked_for():
    matrix, treated = separated()

    with pytest.raises(DesignError, match="'age'"):
        fit_propensity(matrix, treated)
    score = fit_propensity(matrix, treated, model="firth").score

    assert ((score > 0) & (score < 1)).all()
    assert score[treated].min() > score[~treated].max()


def test_firths_score_is_that_of_its_regression(frame):
    matrix, treated = code_covariates(frame, ("age", "prior")), frame["started"].to_numpy() == 1

    assert fit_propensity(matrix, treated, model="firth").score == pytest.approx(
        fit_firth(matrix.for_models(), treated).fitted, abs=1e-12
    )


def test_firth_takes_a_category_that_one_arm_has_alone_but_not_one_that_is_the_arm(frame):
    treated = frame["started"].to_numpy() == 1
    alone = frame.assign(rare=(np.cumsum(treated) <= 3) & treated)

    assert fit_propensity(code_covariates(alone, ("age", "rare")), treated, model="firth").fit is not None
    with pytest.raises(DesignError, match="'rare'"):
        fit_propensity(code_covariates(alone, ("age", "rare")), treated, model="logit")
    with pytest.raises(DesignError, match="'arm'"):
        fit_propensity(code_covariates(frame.assign(arm=treated), ("age", "arm")), treated, model="firth")


def test_a_ridge_is_drawn_towards_the_share_treated(frame):
    matrix, treated = code_covariates(frame, ("age", "prior", "area")), frame["started"].to_numpy() == 1

    ridge, logit = (fit_propensity(matrix, treated, model=m).score for m in ("ridge", "logit"))

    assert ridge.std() < logit.std()
    assert ridge.mean() == pytest.approx(treated.mean(), abs=1e-9)


def test_a_classifier_is_cross_fitted_and_named(frame):
    matrix, treated = code_covariates(frame, ("age", "prior", "area")), frame["started"].to_numpy() == 1
    tree = DecisionTreeClassifier(max_depth=2)

    found = fit_propensity(matrix, treated, model=tree)

    assert (found.score == cross_fitted_score(tree, matrix.for_models(), treated).score).all()
    assert (found.model, found.fit) == ("DecisionTreeClassifier", None)
    assert any("cross-fitted" in n for n in found.notes())


@pytest.mark.parametrize("estimand", ["ATT", "ATE", "ATC"])
def test_boosting_stops_where_the_weighted_means_differ_least(frame, estimand):
    matrix, treated = code_covariates(frame, ("age", "prior", "area")), frame["started"].to_numpy() == 1

    found = fit_propensity(matrix, treated, model="boosting", estimand=estimand)

    x = matrix.for_models() / matrix.for_models()[treated].std(axis=0)

    def difference(score):
        w = score_weights(score, treated, estimand)
        return np.abs(
            np.average(x[treated], axis=0, weights=w[treated]) - np.average(x[~treated], axis=0, weights=w[~treated])
        ).mean()

    assert difference(found.score) < difference(np.full(len(treated), treated.mean())) / 2


def test_a_model_there_is_not_is_an_error(frame):
    matrix, treated = code_covariates(frame, ("age",)), frame["started"].to_numpy() == 1

    with pytest.raises(UsageError, match="logit, firth, ridge, boosting"):
        fit_propensity(matrix, treated, model="probit")
    with pytest.raises(UsageError, match="no propensity model"):
        fit_propensity(matrix, treated, model=3)


def test_every_model_of_the_menu_names_what_it_needs_and_its_source():
    assert all(m.needs and m.cite for m in PROPENSITY.values())
