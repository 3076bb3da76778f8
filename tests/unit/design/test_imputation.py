"""Imputation fills what is missing, keeps what is recorded, and follows the relations in what is recorded."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.imputation import impute_covariates, is_missing
from yoseval.errors import DesignError, UsageError


@pytest.fixture
def lacking(frame, make_cohort):
    frame = frame.copy()
    rng = np.random.default_rng(4)
    frame.loc[rng.random(300) < 0.25, "prior"] = np.nan
    frame.loc[rng.random(300) < 0.2, "area"] = None
    frame["looked_after"] = pd.Series(rng.random(300) < 0.3, dtype=object).where(rng.random(300) > 0.1)
    frame["flag"] = np.where(rng.random(300) < 0.1, np.nan, (rng.random(300) < 0.4).astype(float))
    return make_cohort(frame, covariates=["age", "prior", "area", "sex", "looked_after", "flag"])


def by_id(cohort, column):
    return cohort.units.set_index("unit_id")[column].sort_index()


def test_every_covariate_is_complete(lacking):
    for filled in impute_covariates(lacking, imputations=3):
        assert not any(is_missing(filled.units[c]).any() for c in lacking.covariates)


def test_what_was_recorded_never_changes(lacking):
    for filled in impute_covariates(lacking, imputations=2):
        for column in lacking.covariates:
            before, after = by_id(lacking, column), by_id(filled, column)
            assert (before[~is_missing(before)] == after[~is_missing(before)]).all()


def test_imputations_differ_from_one_another(lacking):
    first, second = impute_covariates(lacking, imputations=2)

    gap = is_missing(by_id(lacking, "prior"))
    assert (by_id(first, "prior")[gap] != by_id(second, "prior")[gap]).mean() > 0.9
    assert (by_id(first, "area") != by_id(second, "area")).any()


def test_numbers_stay_within_what_was_observed_and_categories_within_their_values(lacking):
    for filled in impute_covariates(lacking, imputations=2):
        assert by_id(filled, "prior").between(by_id(lacking, "prior").min(), by_id(lacking, "prior").max()).all()
        assert set(filled.units["area"]) == {"north", "south", "west"}
        assert set(filled.units["looked_after"]) <= {True, False}
        assert set(filled.units["flag"]) == {0.0, 1.0}


def test_the_seed_and_the_number_of_an_imputation_decide_not_how_many_there_are(lacking):
    few, many = impute_covariates(lacking, imputations=2, seed=5), impute_covariates(lacking, imputations=3, seed=5)
    other = impute_covariates(lacking, imputations=2, seed=6)

    for a, b in zip(few, many, strict=False):
        pd.testing.assert_frame_equal(a.units, b.units)
    assert not by_id(few[0], "prior").equals(by_id(other[0], "prior"))


def test_the_order_of_the_file_changes_nothing(frame, make_cohort):
    frame.loc[::4, "prior"] = np.nan
    shuffled = frame.sample(frac=1, random_state=1)

    here, there = (impute_covariates(make_cohort(f), imputations=2)[1] for f in (frame, shuffled))

    pd.testing.assert_frame_equal(here.units, there.units)


def linked(n=1500, seed=2):
    """A number and a category that follow from another number, missing more often where that is high."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    score = 2.0 + 1.5 * age + rng.normal(size=n)
    kind = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * age)), "b", "a").astype(object)
    frame = pd.DataFrame({"age": age, "score": score, "kind": kind, "started": (rng.random(n) < 0.4).astype(int)})
    gone = rng.random(n) < 1 / (1 + np.exp(0.7 - age))
    return frame.assign(score=frame["score"].where(~gone), kind=frame["kind"].where(~gone)), score, kind == "b"


def test_means_that_complete_cases_get_wrong_are_recovered():
    frame, score, is_b = linked()
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age", "score", "kind"])

    filled = impute_covariates(cohort, imputations=5)

    means = np.mean([c.units["score"].mean() for c in filled])
    shares = np.mean([(c.units["kind"] == "b").mean() for c in filled])
    # A third is missing, and complete cases are 0.5 and 0.1 off; what is left is sampling error of the missing.
    assert abs(frame["score"].mean() - score.mean()) > 0.3
    assert means == pytest.approx(score.mean(), abs=0.1)
    assert shares == pytest.approx(is_b.mean(), abs=0.03)


def test_the_spread_of_the_imputed_is_that_of_the_missing_and_not_of_predictions():
    frame, score, _ = linked()
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age", "score"])

    filled = impute_covariates(cohort, imputations=5)

    assert np.mean([c.units["score"].std() for c in filled]) == pytest.approx(score.std(), rel=0.06)


def test_a_complete_cohort_is_returned_as_it_is(cohort):
    assert all(c is cohort for c in impute_covariates(cohort, imputations=3))


def test_a_covariate_that_was_recorded_for_nobody_is_an_error(frame, make_cohort):
    frame["empty"] = np.nan

    with pytest.raises(DesignError, match="'empty' was recorded for nobody"):
        impute_covariates(make_cohort(frame, covariates=["age", "empty"]))


def test_one_imputation_is_an_error(cohort):
    with pytest.raises(UsageError, match="1 imputations"):
        impute_covariates(cohort, imputations=1)


def test_a_category_with_one_value_is_filled_with_it(frame, make_cohort):
    frame["region"] = np.where(np.arange(300) % 9 == 0, None, "home")

    filled = impute_covariates(make_cohort(frame, covariates=["age", "region"]), imputations=2)

    assert set(filled[0].units["region"]) == {"home"}
