"""Distances between children: invariances, ranks and scales."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from yoseval.design.distances import mahalanobis_points, robust_mahalanobis_points, scaled_euclidean_points
from yoseval.errors import DesignError


@pytest.fixture
def people():
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(size=40), rng.normal(size=40) * 9 + 3, rng.integers(0, 2, 40)])
    return x, rng.random(40) < 0.4


def between(points):
    return cdist(points, points)


def pooled(x, treated):
    centred = x - np.where(treated[:, None], x[treated].mean(0), x[~treated].mean(0))
    return centred.T @ centred / (len(x) - 2)


def test_mahalanobis_is_that_of_the_covariance_within_the_arms(people):
    x, treated = people

    wanted = cdist(x, x, "mahalanobis", VI=np.linalg.inv(pooled(x, treated)))
    assert between(mahalanobis_points(x, treated)) == pytest.approx(wanted, abs=1e-9)


def test_mahalanobis_does_not_know_units_or_columns_implied_by_others(people):
    x, treated = people
    other = np.column_stack([x @ np.array([[1, 2, 0], [0, 1, 1], [3, 0, 1.0]]), 1 - x[:, 2], np.full(40, 7.0)])

    assert between(mahalanobis_points(other, treated)) == pytest.approx(between(mahalanobis_points(x, treated)), abs=1e-7)


def test_ranks_do_not_know_outliers_or_monotone_scales(people):
    x, treated = people
    other = np.column_stack([np.exp(3 * x[:, 0]), x[:, 1] ** 3, x[:, 2]])

    assert between(robust_mahalanobis_points(other, treated)) == pytest.approx(
        between(robust_mahalanobis_points(x, treated)), abs=1e-9
    )


def test_a_rare_category_counts_no_more_than_a_common_one_by_ranks():
    rng = np.random.default_rng(2)
    treated = np.arange(200) % 2 == 0
    rare, common = np.zeros(200), (np.arange(200) % 4 < 2).astype(float)
    rare[[0, 1]] = 1.0
    x = np.column_stack([rare, common, rng.normal(size=200)])

    def gap(points, column):
        return np.abs(points[x[:, column] == 1].mean(0) - points[x[:, column] == 0].mean(0)).max()

    plain, ranks = mahalanobis_points(x, treated), robust_mahalanobis_points(x, treated)
    assert gap(plain, 0) > 4 * gap(plain, 1)
    assert gap(ranks, 0) < gap(plain, 0) / 3


def test_scaled_distances_divide_by_the_spread_within_the_arms(people):
    x, treated = people

    wanted = x / np.sqrt(np.diag(pooled(x, treated)))
    assert between(scaled_euclidean_points(x, treated)) == pytest.approx(between(wanted), abs=1e-9)


@pytest.mark.parametrize("points", [mahalanobis_points, robust_mahalanobis_points, scaled_euclidean_points])
def test_without_a_covariate_that_varies_there_is_no_distance(points):
    with pytest.raises(DesignError, match="No covariate varies"):
        points(np.ones((4, 2)), np.array([True, True, False, False]))
