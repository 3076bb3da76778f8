"""The hazard of starting: against a Poisson regression, closed forms and numerical derivatives."""

from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm

from yoseval.errors import EstimationError
from yoseval.models.start_hazard import StartHazard, cumulative_hazard, fit_start_hazard

LAST = 61.0


def draw(seed, n=300, p=2):
    """Draw days at risk, who started, and covariates that matter."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    wait = np.ceil(rng.exponential(40.0 * np.exp(-0.4 * x.sum(axis=1))))
    stop = np.minimum(np.ceil(rng.exponential(60.0, n)), LAST)
    return np.minimum(wait, stop), wait <= stop, x


def by_poisson(days, started, x, edges):
    """Fit the same model as a Poisson regression of split days, with the days as exposure."""
    rows, events, exposure, piece = [], [], [], []
    for i, (day, start) in enumerate(zip(days, started, strict=True)):
        for b, (low, high) in enumerate(pairwise(edges)):
            if day > low:
                rows.append(i)
                piece.append(b)
                exposure.append(min(day, high) - low)
                events.append(float(start and low < day <= high))
    design = np.hstack([np.eye(edges.size - 1)[piece], x[rows]])
    model = sm.GLM(np.array(events), design, family=sm.families.Poisson(), offset=np.log(exposure))
    return model.fit(tol=1e-14, maxiter=200)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("p", [0, 1, 3])
def test_it_is_the_poisson_regression_of_split_days(seed, p):
    days, started, x = draw(seed, p=p)

    fit = fit_start_hazard(days, started, x, LAST)

    peer = by_poisson(days, started, x, fit.edges)
    np.testing.assert_allclose(np.concatenate([fit.log_rate, fit.coefficients]), peer.params, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_its_influence_is_what_leaving_a_unit_out_changes(seed):
    days, started, x = draw(seed, n=600)
    fit = fit_start_hazard(days, started, x, LAST)
    whole = by_poisson(days, started, x, fit.edges).params

    for i in (0, int(np.flatnonzero(started)[0]), int(np.flatnonzero(~started)[0])):
        # The derivative in the weight of a unit, by central differences of a weighted score's root.
        step = 1e-4
        moved = [_weighted_root(days, started, x, fit.edges, i, 1.0 + s, whole) for s in (step, -step)]
        slope = (moved[0] - moved[1]) / (2 * step)
        np.testing.assert_allclose(fit.influence[i], slope, rtol=1e-5, atol=1e-8)


def _weighted_root(days, started, x, edges, unit, weight, begin):
    """Solve the weighted score by Newton's method, written out anew."""
    exposure = np.clip(days[:, None] - edges[:-1], 0.0, np.diff(edges))
    inside = (days[:, None] > edges[:-1]) & (days[:, None] <= edges[1:]) & started[:, None]
    weights = np.ones(days.size)
    weights[unit] = weight
    theta, b = begin.copy(), edges.size - 1
    for _ in range(30):
        expected = exposure * np.exp(theta[:b] + (x @ theta[b:])[:, None])
        score = np.concatenate([weights @ (inside - expected), (weights * (inside - expected).sum(axis=1)) @ x])
        z = [np.hstack([np.broadcast_to(np.eye(b)[k], (days.size, b)), x]) for k in range(b)]
        information = sum((z[k] * (weights * expected[:, k])[:, None]).T @ z[k] for k in range(b))
        theta = theta + np.linalg.solve(information, score)
    return theta


@pytest.mark.parametrize("seed", range(3))
def test_its_influences_sum_to_nothing(seed):
    fit = fit_start_hazard(*draw(seed), LAST)

    np.testing.assert_allclose(fit.influence.sum(axis=0), 0.0, atol=1e-7)


def test_without_covariates_each_rate_is_starts_over_days_at_risk():
    days = np.array([1.0, 2.0, 3.0, 4.0])
    started = np.array([True, False, True, False])

    fit = fit_start_hazard(days, started, np.zeros((4, 0)), 4.0)

    # Fewer than twenty starts: one piece; two starts in ten days.
    assert fit.edges.tolist() == [0.0, 4.0]
    assert np.exp(fit.log_rate) == pytest.approx([0.2])


def test_with_twenty_starts_there_are_two_pieces_that_part_at_the_median():
    days = np.arange(1.0, 21.0)

    fit = fit_start_hazard(days, np.ones(20, bool), np.zeros((20, 0)), 30.0)

    assert fit.edges.tolist() == [0.0, 10.0, 30.0]
    # 10 starts in 1 + ... + 10 and ten times 10 days; 10 starts in 1 + ... + 10 days beyond the tenth.
    assert np.exp(fit.log_rate) == pytest.approx([10 / (55 + 100), 10 / 55])


@pytest.mark.parametrize(
    "shared", [[2.0] * 19 + [1.0] + [50.0] * 10, [1.0] * 30, [1.0] * 15 + [61.0] * 15, [7.0] * 40 + [8.0] * 40]
)
def test_no_piece_is_without_a_start_however_many_start_on_one_day(shared):
    days = np.array([*shared, *[LAST] * 20])
    started = np.arange(days.size) < len(shared)

    fit = fit_start_hazard(days, started, np.linspace(-1, 1, days.size)[:, None], LAST)

    counts = np.histogram(days[started], bins=fit.edges + 0.5)[0]
    assert (counts > 0).all()
    assert np.isfinite(fit.log_rate).all()


def test_the_cumulative_hazard_adds_up_over_the_pieces():
    fit = StartHazard(np.array([0.0, 10.0, 60.0]), np.log([0.1, 0.01]), np.array([np.log(2.0)]), np.zeros((0, 3)))

    total, gradient = cumulative_hazard(fit, np.array([[0.0], [1.0], [0.0]]), np.array([5.0, 30.0, 0.0]))

    assert total == pytest.approx([0.5, 2 * (1.0 + 0.2), 0.0])
    assert gradient == pytest.approx(np.array([[0.5, 0.0, 0.0], [2.0, 0.4, 2.4], [0.0, 0.0, 0.0]]))


def test_the_gradient_of_the_cumulative_hazard_is_its_derivative():
    days, started, x = draw(5)
    fit = fit_start_hazard(days, started, x, LAST)
    _, gradient = cumulative_hazard(fit, x, days)
    theta, b = np.concatenate([fit.log_rate, fit.coefficients]), fit.log_rate.size

    for j in range(theta.size):
        step = np.eye(theta.size)[j] * 1e-6
        up, down = (
            cumulative_hazard(StartHazard(fit.edges, t[:b], t[b:], fit.influence), x, days)[0]
            for t in (theta + step, theta - step)
        )
        np.testing.assert_allclose(gradient[:, j], (up - down) / 2e-6, rtol=1e-6, atol=1e-7)


def test_a_hazard_that_is_known_is_recovered():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40_000, 1))
    wait = rng.exponential(1.0 / (0.02 * np.exp(0.5 * x[:, 0])))

    fit = fit_start_hazard(np.minimum(wait, LAST), wait <= LAST, x, LAST)

    assert fit.coefficients[0] == pytest.approx(0.5, abs=4 * np.sqrt((fit.influence[:, -1] ** 2).sum()))
    assert np.exp(fit.log_rate) == pytest.approx(np.full(fit.log_rate.size, 0.02), rel=0.08)


def test_without_a_start_there_is_no_hazard():
    with pytest.raises(EstimationError, match="Nobody started"):
        fit_start_hazard(np.full(5, 10.0), np.zeros(5, bool), np.zeros((5, 0)), LAST)


def test_a_covariate_that_decides_who_starts_is_refused():
    x = np.repeat([0.0, 1.0], 30)[:, None]

    with pytest.raises(EstimationError, match="no finite maximum"):
        fit_start_hazard(np.where(x[:, 0] > 0, 5.0, LAST), x[:, 0] > 0, x, LAST)
