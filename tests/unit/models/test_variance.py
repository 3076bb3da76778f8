"""Standard errors from influence values, and the one place of limits and p-values."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.variance import (
    TOGETHER,
    clustered_covariance,
    clustered_sandwich,
    clustered_variance,
    correct_for_estimated_weights,
    effective_size,
    jackknife_of_many,
)

VALUES = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])
MEAN_INFLUENCE = (VALUES - VALUES.mean()) / VALUES.size


def test_variance_of_a_mean_is_the_textbook_one():
    found = clustered_variance(MEAN_INFLUENCE, np.arange(6))

    assert found == pytest.approx(VALUES.var(ddof=1) / 6, rel=1e-14)


def test_covariance_sums_within_clusters_and_has_no_correction_for_their_number():
    influence = np.array([[1.0, 0.0], [2.0, 1.0], [-3.0, 2.0], [4.0, -1.0]])
    clusters = np.array(["a", "b", "a", "c"], dtype=object)

    found = clustered_sandwich(influence, clusters)

    # Sums (-2, 2), (2, 1), (4, -1).
    np.testing.assert_allclose(found, [[4 + 4 + 16, -4 + 2 - 4], [-4 + 2 - 4, 4 + 1 + 1]], rtol=1e-14)
    assert clustered_variance(influence[:, 0], clusters) == pytest.approx(found[0, 0] * 3 / 2, rel=1e-14)


def test_covariance_of_one_cluster_is_refused():
    with pytest.raises(EstimationError, match="there is 1"):
        clustered_sandwich(np.ones((3, 2)), np.zeros(3))


def test_influence_is_summed_within_clusters_first():
    found = clustered_variance(np.array([1.0, 2.0, -3.0, 4.0]), np.array(["a", "b", "a", "c"], dtype=object))

    assert found == pytest.approx(3 / 2 * ((1 - 3) ** 2 + 2**2 + 4**2), rel=1e-14)


def test_hc1_adds_the_factor_of_units_and_parameters():
    clusters = np.array([0, 0, 1, 1, 2, 2])

    plain = clustered_variance(MEAN_INFLUENCE, clusters)

    assert clustered_variance(MEAN_INFLUENCE, clusters, kind="HC1") == pytest.approx(plain * 5 / 4, rel=1e-14)
    assert clustered_variance(MEAN_INFLUENCE, clusters, kind="HC1", n_parameters=3) == pytest.approx(plain * 5 / 3, rel=1e-14)


def test_one_cluster_has_no_variance():
    with pytest.raises(EstimationError, match="there is 1"):
        clustered_variance(MEAN_INFLUENCE, np.zeros(6))


def test_hc1_needs_more_units_than_parameters():
    with pytest.raises(EstimationError, match="2 parameters"):
        clustered_variance(np.array([1.0, -1.0]), np.arange(2), kind="HC1")


def test_weights_that_do_not_move_need_no_correction():
    found = correct_for_estimated_weights(MEAN_INFLUENCE, np.ones(6), np.zeros((6, 2)), np.ones((6, 2)))

    assert (found == MEAN_INFLUENCE).all()


def test_correction_is_the_chain_rule_through_the_parameters():
    influence, weight = np.array([1.0, 2.0, 0.0]), np.array([2.0, 4.0, 0.0])
    gradient, psi = np.array([[1.0], [3.0], [9.0]]), np.array([[0.1], [0.2], [0.3]])

    found = correct_for_estimated_weights(influence, weight, gradient, psi)

    # 1/2 * 1 + 2/4 * 3 = 2; the unit of weight 0 does not move the effect, but does move the parameter.
    np.testing.assert_allclose(found, [1.2, 2.4, 0.6], rtol=1e-14)


def one_by_one(statistic):
    """Return replicates of a statistic of kept positions."""
    return lambda kept: np.array([statistic(np.flatnonzero(row)) for row in kept])


def test_jackknife_of_a_mean_is_the_textbook_variance():
    found = jackknife_of_many(one_by_one(lambda kept: float(VALUES[kept].mean())), np.arange(6))

    assert found == pytest.approx(VALUES.var(ddof=1) / 6, rel=1e-12)


def test_jackknife_leaves_out_whole_clusters():
    seen = []

    def statistic(kept):
        seen.append(kept.tolist())
        return float(len(seen))

    jackknife_of_many(one_by_one(statistic), np.array(["b", "a", "b", "c"], dtype=object))

    assert seen == [[1, 3], [0, 2, 3], [0, 1, 2]]


def test_jackknife_of_many_clusters_leaves_each_out_once_in_groups():
    left_out = []

    def statistic(kept):
        left_out.append(sorted(set(range(23)) - set(kept.tolist())))
        return float(len(left_out))

    jackknife_of_many(one_by_one(statistic), np.arange(23), max_groups=5)

    assert len(left_out) == 5
    assert sorted(unit for group in left_out for unit in group) == list(range(23))
    assert left_out[0] == [0, 5, 10, 15, 20]


def test_jackknife_in_groups_estimates_the_same_variance():
    values = np.random.default_rng(0).normal(size=20_000)

    found = jackknife_of_many(one_by_one(lambda kept: float(values[kept].mean())), np.arange(20_000), max_groups=500)

    # A variance from 500 groups has a relative standard error of sqrt(2/499) = 6 %.
    assert found == pytest.approx(values.var() / 20_000, rel=4 * (2 / 499) ** 0.5)


def test_jackknife_of_many_takes_replicates_in_parts_of_a_size_and_in_turn():
    left_out, most = [], 0

    def replicates(kept):
        nonlocal most
        most = max(most, kept.size)
        left_out.extend(np.argwhere(~kept)[:, 1].tolist())
        return kept @ np.arange(400.0)

    found = jackknife_of_many(replicates, np.arange(400))

    assert left_out == list(range(400))
    assert most <= TOGETHER < 400 * 400
    assert found == pytest.approx(jackknife_of_many(one_by_one(lambda kept: float(kept.sum())), np.arange(400)), rel=1e-13)


def test_jackknife_of_one_cluster_is_refused():
    with pytest.raises(EstimationError, match="two independent"):
        jackknife_of_many(one_by_one(lambda kept: 0.0), np.zeros(3))


def test_jackknife_with_a_replicate_that_is_no_number_is_refused():
    with pytest.raises(EstimationError, match="1 of 6 jackknife replicates"):
        jackknife_of_many(one_by_one(lambda kept: np.nan if kept[0] == 1 else 1.0), np.arange(6))


@pytest.mark.parametrize(
    ("weight", "size"), [([1.0, 1.0, 1.0], 3.0), ([5.0, 0.0], 1.0), ([2.0, 1.0], 9 / 5), ([0.0], 0.0), ([], 0.0)]
)
def test_effective_size_is_the_square_of_the_sum_over_the_sum_of_squares(weight, size):
    assert effective_size(np.array(weight)) == pytest.approx(size, rel=1e-14)


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
def test_the_covariance_of_an_estimate_with_itself_is_its_variance(kind):
    clusters = np.array(["a", "b", "a", "c", "d", "d"], dtype=object)

    found = clustered_covariance(MEAN_INFLUENCE, clusters, MEAN_INFLUENCE, clusters, kind=kind)

    assert found == pytest.approx(clustered_variance(MEAN_INFLUENCE, clusters, kind=kind), rel=1e-14)


def test_estimates_that_share_nobody_have_covariance_zero():
    assert clustered_covariance(MEAN_INFLUENCE, np.arange(6), MEAN_INFLUENCE, np.arange(6, 12)) == 0.0


def test_only_shared_clusters_are_multiplied():
    found = clustered_covariance(
        np.array([1.0, 2.0, -3.0]), np.array(["u", "v", "v"]), np.array([4.0, -4.0]), np.array(["v", "w"])
    )

    assert found == pytest.approx((2.0 - 3.0) * 4.0 * 2.0, rel=1e-14)


def test_the_variance_of_a_difference_needs_the_covariance():
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=50), rng.normal(size=50)

    direct = clustered_variance(first - second, np.arange(50))

    parts = clustered_variance(first, np.arange(50)) + clustered_variance(second, np.arange(50))
    assert parts - 2 * clustered_covariance(first, np.arange(50), second, np.arange(50)) == pytest.approx(direct, rel=1e-12)


def test_a_covariance_needs_two_clusters_of_each():
    with pytest.raises(EstimationError, match="there is 1"):
        clustered_covariance(MEAN_INFLUENCE, np.arange(6), MEAN_INFLUENCE, np.zeros(6))
