"""The mixture cure model against R, its own likelihood written plainly, and numerical derivatives."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gumbel_l, logistic, norm

from yoseval.errors import EstimationError
from yoseval.models.cure import LATENCIES, fit_cure

REFERENCE = Path(__file__).parents[2] / "reference"
STORED = json.loads((REFERENCE / "results" / "cure_models.json").read_text(encoding="utf-8"))["recid"]["intercept_only"]
PEOPLE = pd.read_csv(REFERENCE / "data" / "recid.csv")
TIME, EVENT, N = PEOPLE["durat"].to_numpy(float), PEOPLE["cens"].to_numpy() == 0, len(PEOPLE)
X = PEOPLE[["workprg", "priors", "felon", "age"]].to_numpy(float)
WEIGHT = np.random.default_rng(0).uniform(0.3, 3.0, N)


def coefficients(fit):
    return np.concatenate([fit.incidence, fit.latency, [fit.log_scale]])


@pytest.mark.parametrize("distribution", LATENCIES)
def test_the_fit_is_that_of_r(distribution):
    stored = STORED[distribution]

    found = fit_cure(TIME, EVENT, np.ones(N), distribution=distribution)

    k = len(stored["coefficients"])
    assert found.loglik == pytest.approx(stored["loglik"], abs=1e-6)
    assert coefficients(found)[:k] == pytest.approx([c["coef"] for c in stored["coefficients"]], abs=1e-6)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([c["se"] for c in stored["coefficients"]], rel=1e-5)
    assert found.ever.mean() == pytest.approx(stored["mean_ever_return"], abs=1e-6)


@pytest.mark.parametrize(("distribution", "standard"), [("weibull", gumbel_l), ("lognormal", norm), ("loglogistic", logistic)])
def test_with_covariates_and_weights_it_is_a_maximum_of_the_likelihood_written_plainly(distribution, standard):
    found = fit_cure(TIME, EVENT, WEIGHT, incidence=X, latency=X, distribution=distribution)

    columns = np.column_stack([np.ones(N), X])

    def loglik(theta):
        ever, scale = 1 / (1 + np.exp(-columns @ theta[:5])), np.exp(theta[-1])
        u = (np.log(TIME) - columns @ theta[5:10]) / scale
        seen = np.log(ever) + standard.logpdf(u) - np.log(scale * TIME)
        return WEIGHT @ np.where(EVENT, seen, np.log(1 - ever + ever * standard.sf(u)))

    theta, sd = coefficients(found), np.sqrt(np.diag(found.covariance))
    step = 1e-3 * np.diag(sd)
    slope = np.array([loglik(theta + h) - loglik(theta - h) for h in step]) / 2e-3
    bend = [
        [loglik(theta + h + g) - loglik(theta + h - g) - loglik(theta - h + g) + loglik(theta - h - g) for g in step]
        for h in step
    ]
    information = -np.array(bend) / 4e-6 / np.outer(sd, sd)
    assert found.loglik == pytest.approx(loglik(theta), abs=1e-8)
    # In units of standard errors; a difference of log-likelihoods near 4,000 has rounding of 1e-12 over 1e-3.
    assert np.abs(slope).max() < 1e-5
    np.testing.assert_allclose(found.covariance / np.outer(sd, sd), np.linalg.inv(information) / np.outer(sd, sd), atol=1e-3)


@pytest.mark.parametrize("distribution", LATENCIES)
def test_influence_is_the_derivative_in_each_weight_and_sums_to_nothing(distribution):
    def fit(weight):
        return fit_cure(TIME, EVENT, weight, incidence=X[:, :1], latency=X[:, 1:2], distribution=distribution)

    found = fit(WEIGHT)

    k = found.influence.shape[1]
    for i in (0, 400, 1444):
        step = np.where(np.arange(N) == i, 1e-3 * WEIGHT, 0.0)
        derivative = (coefficients(fit(WEIGHT + step)) - coefficients(fit(WEIGHT - step))) / 2e-3
        np.testing.assert_allclose(found.influence[i], derivative[:k], atol=1e-7)
    assert np.abs(found.influence.sum(axis=0)).max() < 1e-8


def test_the_units_of_a_covariate_change_only_its_coefficient():
    one, other = (fit_cure(TIME, EVENT, WEIGHT, incidence=X * factor, latency=X) for factor in (1.0, 1000.0))

    np.testing.assert_allclose(one.incidence[1:], 1000.0 * other.incidence[1:], rtol=1e-7)
    np.testing.assert_allclose(one.latency, other.latency, rtol=1e-7)
    assert one.loglik == pytest.approx(other.loglik, abs=1e-8)


def test_units_of_no_weight_are_as_if_absent():
    kept = np.arange(N) % 3 > 0

    found, without = fit_cure(TIME, EVENT, WEIGHT * kept), fit_cure(TIME[kept], EVENT[kept], WEIGHT[kept])

    np.testing.assert_allclose(coefficients(found), coefficients(without), atol=1e-9)
    assert not found.influence[~kept].any()


def test_everybody_reoffending_in_the_end_is_the_likelihood_of_the_plain_model():
    found = fit_cure(TIME, EVENT, np.ones(N), distribution="exponential")

    rate = EVENT.sum() / TIME.sum()
    assert found.loglik_no_cure == pytest.approx(EVENT.sum() * np.log(rate) - rate * TIME.sum(), abs=1e-8)


@pytest.mark.parametrize(
    ("time", "event", "said"),
    [
        (np.array([0.0, 1.0, 2.0]), np.array([True, False, True]), "above 0"),
        (np.ones(3), np.zeros(3, dtype=bool), "Nobody had the event"),
        (np.arange(1.0, 4.0), np.ones(3, dtype=bool), "at its edge, 0"),
    ],
)
def test_what_tells_nothing_of_a_cured_fraction_is_refused(time, event, said):
    with pytest.raises(EstimationError, match=said):
        fit_cure(time, event, np.ones(3))


def test_a_likelihood_that_is_flat_or_has_no_interior_maximum_is_refused():
    refusals = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        time = 10.0 * rng.weibull(1.2, 150)
        try:
            fit_cure(np.minimum(time, 12.0), time <= 12.0, np.ones(150), distribution="weibull")
        except EstimationError as problem:
            refusals.add(problem.problem.split(":")[0].split(",")[0])

    assert {"The cured fraction cannot be told", "The likelihood is flat"} <= refusals
