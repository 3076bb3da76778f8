"""CR2 and its degrees of freedom, against a dense implementation of the published formulas."""

import numpy as np
import pytest
import scipy.linalg
from scipy.stats import ttest_ind

from yoseval.errors import EstimationError
from yoseval.models.few_clusters import FEW_CLUSTERS, cr2_difference, cr2_variance


def dense(y, treated, w, clusters):
    """Pustejovsky and Tipton (2018), equations 9 to 12, with whole matrices and an identity working model."""
    n = len(y)
    X = np.column_stack([treated, ~treated]).astype(float)
    W = np.diag(w)
    M = np.linalg.inv(X.T @ W @ X)
    H = X @ M @ X.T @ W
    residual, contrast = (np.eye(n) - H) @ y, np.array([1.0, -1.0])
    variance, columns = 0.0, []
    for g in np.unique(clusters):
        own = clusters == g
        rows = (np.eye(n) - H)[own]
        values, vectors = scipy.linalg.eigh(rows @ rows.T)
        root = np.where(values > 1e-10, 1 / np.sqrt(np.maximum(values, 1e-10)), 0.0)
        A = vectors @ np.diag(root) @ vectors.T
        lever = A @ W[np.ix_(own, own)] @ X[own] @ M @ contrast
        variance += (lever @ residual[own]) ** 2
        columns.append(rows.T @ lever)
    P = np.array(columns)
    omega = P @ P.T
    return contrast @ (M @ X.T @ W @ y), np.sqrt(variance), np.trace(omega) ** 2 / (omega**2).sum()


def sample(seed, n=40, groups=7, weighted=True, whole=False):
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, groups, n)
    treated = clusters % 2 == 0 if whole else rng.random(n) < 0.4
    y = rng.normal(size=n) + rng.normal(size=groups)[clusters]
    return y, treated, rng.exponential(size=n) + 0.05 if weighted else np.ones(n), clusters


@pytest.mark.parametrize("whole", [False, True], ids=["arms within clusters", "whole clusters treated"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_published_formula_in_whole_matrices(seed, weighted, whole):
    given = sample(seed, weighted=weighted, whole=whole)

    found = cr2_difference(*given)

    assert (found.estimate, found.std_error, found.df) == pytest.approx(dense(*given), rel=1e-9)
    assert found.n_clusters == len(np.unique(given[3]))


def test_with_each_unit_its_own_cluster_it_is_welchs_test():
    y, treated, w, _ = sample(9, weighted=False)

    found = cr2_difference(y, treated, w, np.arange(len(y)))

    # CR2 is unbiased for unequal variances too: s1^2/n1 + s0^2/n0.
    welch = ttest_ind(y[treated], y[~treated], equal_var=False)
    assert found.estimate / found.std_error == pytest.approx(welch.statistic, rel=1e-10)
    n1, n0 = treated.sum(), (~treated).sum()
    # Its degrees of freedom are Bell and McCaffrey's, those of Welch with equal true variances.
    assert found.df == pytest.approx((1 / n1 + 1 / n0) ** 2 / (1 / (n1**2 * (n1 - 1)) + 1 / (n0**2 * (n0 - 1))), rel=1e-9)


def test_the_variance_is_unbiased_where_the_working_model_holds():
    rng = np.random.default_rng(1)
    _, treated, w, clusters = sample(2, whole=True)
    x = np.column_stack([treated, ~treated]).astype(float)
    lever = w * (x @ (np.array([1.0, -1.0]) / (w @ x)))

    squares = [cr2_difference(rng.normal(size=40), treated, w, clusters).std_error ** 2 for _ in range(4000)]

    # Monte Carlo error of the mean, at most 2 %.
    assert np.mean(squares) == pytest.approx(lever @ lever, rel=0.06)


def test_it_is_larger_than_the_ordinary_sandwich_with_few_clusters():
    y, treated, w, clusters = sample(3, groups=6, whole=True)
    x = np.column_stack([treated, ~treated]).astype(float)
    means = (w * y) @ x / (w @ x)
    lever = w * (x @ (np.array([1.0, -1.0]) / (w @ x)))
    plain = np.sqrt((np.bincount(clusters, lever * (y - x @ means)) ** 2).sum())

    found = cr2_difference(y, treated, w, clusters)

    assert found.std_error > 1.1 * plain
    assert found.df < len(np.unique(clusters)) - 2 + 1e-9


def test_the_scale_of_weights_and_the_names_of_clusters_change_nothing():
    y, treated, w, clusters = sample(4)
    order = np.random.default_rng(5).permutation(len(y))

    here = cr2_difference(y, treated, w, clusters)
    there = cr2_difference(y[order], treated[order], 50 * w[order], np.array([f"g{9 - c}" for c in clusters])[order])

    assert (there.estimate, there.std_error, there.df) == pytest.approx((here.estimate, here.std_error, here.df), rel=1e-10)


def test_a_unit_of_weight_zero_is_as_if_absent():
    y, treated, w, clusters = sample(6)
    here = cr2_difference(y, treated, w, clusters)

    there = cr2_difference(np.append(y, 99.0), np.append(treated, True), np.append(w, 0.0), np.append(clusters, 77))

    assert there == here


def test_many_units_in_few_clusters_need_no_large_matrix():
    y, treated, w, clusters = sample(7, n=200_000, groups=FEW_CLUSTERS - 1)

    found = cr2_difference(y, treated, w, clusters)

    assert 1 < found.df < FEW_CLUSTERS
    assert found.n_clusters == FEW_CLUSTERS - 1


@pytest.mark.parametrize(
    ("treated", "clusters", "words"),
    [([True, True], [0, 1], "no unit"), ([True, False], [0, 0], "there is 1"), ([True, False], [0, 1], "does not vary")],
)
def test_what_cannot_be_estimated_is_an_error(treated, clusters, words):
    with pytest.raises(EstimationError, match=words):
        cr2_difference(np.array([1.0, 2.0]), np.array(treated), np.ones(2), np.array(clusters))


def influence_of(y, treated, w):
    """Return the influence values of a weighted difference of means, and the difference."""
    influence, difference = np.zeros(len(y)), 0.0
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        mean = np.average(y[arm], weights=w[arm])
        influence[arm] = sign * w[arm] * (y[arm] - mean) / w[arm].sum()
        difference += sign * mean
    return influence, difference


@pytest.mark.parametrize("whole", [False, True])
def test_pseudo_values_give_back_the_contrast_its_plain_variance_and_its_cr2(whole):
    y, treated, w, clusters = sample(11, whole=whole)
    influence, _ = influence_of(y, treated, w)
    # A contrast of anything, linearised: the arm's value, here 0.4 and 0.1, plus influence per share of the arm's weight.
    share = np.where(treated, w / w[treated].sum(), -w / w[~treated].sum())
    pseudo = np.where(treated, 0.4, 0.1) + influence / share

    found = cr2_variance(influence, treated, w, clusters)
    by_pseudo = cr2_difference(pseudo, treated, w, clusters)

    assert by_pseudo.estimate == pytest.approx(0.3, abs=1e-12)
    assert influence_of(pseudo, treated, w)[0] == pytest.approx(influence, abs=1e-14)
    assert (by_pseudo.std_error**2, by_pseudo.df) == pytest.approx((found.variance, found.df), rel=1e-10)
    assert (found.variance**0.5, found.df) == pytest.approx(dense(y, treated, w, clusters)[1:], rel=1e-9)


def test_what_estimated_weights_add_enters_by_cluster_as_it_is():
    y, treated, w, clusters = sample(12)
    influence, _ = influence_of(y, treated, w)
    correction = np.random.default_rng(0).normal(size=len(y)) / len(y)

    found = cr2_variance(influence, treated, w, clusters, correction=correction)

    # Linear in the correction: V(c) + V(-c) = 2 V(0) + 2 sum of squares of the clusters' corrections.
    other = cr2_variance(influence, treated, w, clusters, correction=-correction)
    plain = cr2_variance(influence, treated, w, clusters)
    added = (np.bincount(clusters, correction) ** 2).sum()
    assert found.variance + other.variance == pytest.approx(2 * plain.variance + 2 * added, rel=1e-12)
    assert found.df == plain.df


def test_a_unit_of_weight_zero_counts_by_its_correction_alone():
    y, treated, w, clusters = sample(13)
    influence, _ = influence_of(y, treated, w)

    found = cr2_variance(
        np.append(influence, 99.0),
        np.append(treated, True),
        np.append(w, 0.0),
        np.append(clusters, 77),
        correction=np.append(np.zeros(40), 0.5),
    )

    assert found.variance == pytest.approx(cr2_variance(influence, treated, w, clusters).variance + 0.25, rel=1e-12)


def test_very_many_clusters_need_no_matrix_of_them():
    y, treated, w, _ = sample(14, n=200_000)

    found = cr2_difference(y, treated, w, np.arange(len(y)))

    plain = (influence_of(y, treated, w)[0] ** 2).sum() ** 0.5
    assert found.std_error == pytest.approx(plain, rel=1e-4)
    # To first order the degrees of freedom of independent units are those of their levers.
    lever = np.where(treated, w / w[treated].sum(), w / w[~treated].sum())
    assert found.df == pytest.approx((lever**2).sum() ** 2 / (lever**4).sum(), rel=1e-3)
