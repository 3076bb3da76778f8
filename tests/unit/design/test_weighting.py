"""Overlap weights, their gradient and their refit."""

import pickle

import numpy as np
import pytest

from yoseval.cohort.covariates import code_covariates
from yoseval.design.ipw import IpwOptions, ipw_weighting
from yoseval.design.matching_weights import matching_weighting
from yoseval.design.propensity import score_refit
from yoseval.design.weighting import (
    overlap_estimation,
    overlap_weighting,
    overlap_weights,
)
from yoseval.errors import DesignError
from yoseval.models.glm import fit_logit


@pytest.fixture
def coded(frame):
    return code_covariates(frame, ("age", "prior", "area", "sex")), frame["started"].to_numpy() == 1


def test_each_unit_has_the_probability_of_the_other_arm():
    score, treated = np.array([0.2, 0.6, 0.5, 0.1]), np.array([True, True, False, False])

    assert overlap_weights(score, treated) == pytest.approx([0.8 / 1.2, 0.4 / 1.2, 0.5 / 0.6, 0.1 / 0.6], abs=1e-15)


def test_weighted_means_of_every_term_agree_exactly(coded):
    matrix, treated = coded

    weighting = overlap_weighting(matrix, treated)

    w = weighting.weight
    assert w[treated] @ matrix.values[treated] == pytest.approx(w[~treated] @ matrix.values[~treated], abs=1e-11)
    assert (weighting.estimand, weighting.left, (weighting.set_id == -1).all()) == ("ATO", (), True)


@pytest.mark.parametrize("edge", [0.0, 1.0, np.nan])
def test_a_score_of_zero_or_one_is_an_error(edge):
    with pytest.raises(DesignError, match="1 of 2 propensity scores"):
        overlap_weights(np.array([0.5, edge]), np.array([True, False]))


def test_an_empty_arm_is_an_error():
    with pytest.raises(DesignError, match="empty"):
        overlap_weights(np.array([0.5, 0.5]), np.array([True, True]))


def test_the_gradient_is_the_derivative_of_the_weights_in_the_coefficients(coded):
    matrix, treated = coded
    x = (matrix.for_models() - matrix.for_models().mean(axis=0))[:40]
    fit = fit_logit(x, treated[:40])

    gradient = overlap_estimation(x, treated[:40], fit).gradient

    step, design = 1e-6, np.column_stack([np.ones(40), x])
    for j in range(design.shape[1]):
        moved = [fit.linear_predictor + s * design[:, j] for s in (step, -step)]
        up, down = (overlap_weights(1 / (1 + np.exp(-eta)), treated[:40]) for eta in moved)
        # Central differences: error about step squared plus rounding over step, 1e-10.
        assert gradient[:, j] == pytest.approx((up - down) / (2 * step), abs=1e-9)


def test_the_influence_is_that_of_the_coefficients(coded):
    matrix, treated = coded
    fit = fit_logit(matrix.for_models(), treated)

    assert (overlap_estimation(matrix.for_models(), treated, fit).influence == fit.influence).all()


def test_reweighting_equals_fitting_anew_on_the_kept_units(coded, frame):
    matrix, treated = coded
    weighting = overlap_weighting(matrix, treated)
    kept = np.delete(np.arange(len(treated)), [3, 50])

    again = weighting.reweight(kept)

    anew = overlap_weighting(code_covariates(frame.iloc[kept], ("age", "prior", "area", "sex")), treated[kept])
    assert again == pytest.approx(anew.weight, abs=1e-12)


def test_reweighting_keeps_the_order_it_was_given(coded):
    weighting = overlap_weighting(*coded)
    kept = np.arange(len(coded[1]))[::-1].copy()

    assert weighting.reweight(kept) == pytest.approx(weighting.weight[::-1], abs=1e-13)


def test_reweighting_drops_a_column_that_became_constant(coded):
    matrix, treated = coded
    x = np.column_stack([matrix.for_models(), np.zeros(len(treated))])
    x[np.flatnonzero(treated)[0], -1] = x[np.flatnonzero(~treated)[0], -1] = 1.0
    kept = np.flatnonzero(x[:, -1] == 0)

    again = score_refit(x, treated, fit_logit, fit_logit(x, treated).coefficients, overlap_weights)(kept)

    without = overlap_weights(fit_logit(matrix.for_models()[kept], treated[kept]).fitted, treated[kept])
    assert again == pytest.approx(without, abs=1e-12)


def test_the_refit_can_be_sent_to_another_process(coded):
    weighting = overlap_weighting(*coded)
    kept = np.arange(1, len(coded[1]))

    sent = pickle.loads(pickle.dumps(weighting.reweight))

    assert (sent(kept) == weighting.reweight(kept)).all()


@pytest.mark.parametrize("groups", [300, 37])
def test_many_refits_are_the_single_ones(cohort, groups):
    again = overlap_weighting(cohort.matrix(), cohort.treated).reweight
    kept = np.arange(300) % groups != np.arange(groups)[:, None]

    found = again.many(kept)

    for part, weight in zip(kept, found, strict=True):
        np.testing.assert_allclose(weight[part], again(np.flatnonzero(part)), rtol=1e-9)
        assert (weight[~part] == 0).all()


@pytest.mark.parametrize(
    "weigh",
    [
        lambda m, t: ipw_weighting(m, t, IpwOptions("ATT")),
        lambda m, t: ipw_weighting(m, t, IpwOptions("ATE", stabilize=True, truncate=0.02)),
        matching_weighting,
    ],
)
def test_so_are_those_of_every_weight_by_the_score(cohort, weigh):
    again = weigh(cohort.matrix(), cohort.treated).reweight
    kept = np.arange(300) % 60 != np.arange(60)[:, None]

    found = again.many(kept)

    assert np.isfinite(found).all()
    for part, weight in zip(kept, found, strict=True):
        np.testing.assert_allclose(weight[part], again(np.flatnonzero(part)), rtol=1e-9)
        assert (weight[~part] == 0).all()


def test_a_score_within_rounding_of_one_is_left_to_the_single_fit_which_refuses_it():
    rng = np.random.default_rng(0)
    far, treated = rng.normal(size=(100, 1)), rng.random(100) < 0.5
    far[0], treated[0] = 90.0, True
    start = fit_logit(far, treated).coefficients + np.array([0.0, 1.0])
    treated[1:] = rng.random(99) < 1 / (1 + np.exp(-far[1:, 0]))
    kept = np.ones((2, 100), dtype=bool)
    kept[1, 0] = False

    refit = score_refit(far, treated, fit_logit, start, overlap_weights)
    found = refit.many(kept)

    assert np.isnan(found).all(axis=1).tolist() == [True, False]
    with pytest.raises(DesignError, match="1 of 100 propensity scores are not between 0 and 1"):
        refit(np.arange(100))


def test_a_score_that_is_not_a_logit_is_fitted_one_at_a_time(cohort):
    weighting = overlap_weighting(cohort.matrix(), cohort.treated, propensity="ridge")

    assert weighting.reweight is not None
    assert weighting.reweight_many is None
