"""Overlap of densities and energy distance, by closed forms and by brute force."""

import numpy as np
import pytest
from scipy.stats import norm

from yoseval.design import distribution_distances
from yoseval.design.distribution_distances import energy_distance, overlap_coefficient


def normals(shift, n=4000, seed=1):
    grid = norm.ppf((np.arange(n) + 0.5) / n)
    return np.concatenate([grid + shift, grid]), np.arange(2 * n) < n


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_the_overlap_of_two_normals_is_twice_the_tail_at_half_their_distance(shift):
    x, treated = normals(shift)

    found = overlap_coefficient(x, treated, np.ones(len(x)), is_flag=False)

    # A kernel widens both densities by a few per cent.
    assert found == pytest.approx(2 * norm.cdf(-shift / 2), abs=0.015)


def test_the_overlap_of_a_flag_is_one_less_the_difference_of_shares():
    x = np.array([1.0, 0.0, 0.0, 1.0, 1.0])

    found = overlap_coefficient(x, np.array([True, True, False, False, False]), np.array([1.0, 3.0, 1, 1, 2]), is_flag=True)

    assert found == pytest.approx(1 - abs(1 / 4 - 3 / 4), abs=1e-15)


def test_weights_that_undo_a_shift_bring_the_distributions_together():
    x, treated = normals(1.0)
    weight = np.where(treated, 1.0, np.exp(np.clip(x - 0.5, None, 6.0)))

    assert overlap_coefficient(x, treated, weight, is_flag=False) > 0.97
    assert energy_distance(x[:, None], treated, weight) < 0.01 * energy_distance(x[:, None], treated, np.ones(len(x)))


def test_units_of_weight_zero_are_as_if_absent():
    x, treated = normals(1.0, n=300)
    far, arm = np.append(x, [50.0, -50.0]), np.append(treated, [True, False])

    assert overlap_coefficient(far, arm, np.append(np.ones(600), [0, 0]), is_flag=False) == pytest.approx(
        overlap_coefficient(x, treated, np.ones(600), is_flag=False), abs=1e-12
    )


@pytest.mark.parametrize(("treated_value", "wanted"), [(3.0, 1.0), (4.0, 0.0)])
def test_constants_overlap_fully_or_not_at_all(treated_value, wanted):
    x = np.array([treated_value, treated_value, 3.0, 3.0])

    assert overlap_coefficient(x, np.array([True, True, False, False]), np.ones(4), is_flag=False) == wanted


def test_a_constant_against_a_spread_has_no_overlap_coefficient():
    x = np.array([3.0, 3.0, 1.0, 5.0])

    assert np.isnan(overlap_coefficient(x, np.array([True, True, False, False]), np.ones(4), is_flag=False))


def test_the_scale_of_a_column_changes_nothing():
    x, treated = normals(0.7, n=500)

    for scale in (1e-6, 1e6):
        assert overlap_coefficient(scale * x + 3, treated, np.ones(1000), is_flag=False) == pytest.approx(
            overlap_coefficient(x, treated, np.ones(1000), is_flag=False), abs=1e-6
        )


def test_energy_distance_is_its_double_sum():
    rng = np.random.default_rng(2)
    x, treated, weight = rng.normal(size=(40, 3)), np.arange(40) < 15, rng.random(40)

    z = x / x.std(axis=0)
    w = np.where(treated, weight / weight[treated].sum(), -weight / weight[~treated].sum())
    by_hand = -sum(w[i] * w[j] * np.linalg.norm(z[i] - z[j]) for i in range(40) for j in range(40))
    assert energy_distance(x, treated, weight) == pytest.approx(by_hand, rel=1e-10)


def test_energy_distance_is_zero_for_the_same_groups_and_positive_otherwise():
    x = np.random.default_rng(3).normal(size=(50, 2))
    twice, arm = np.vstack([x, x]), np.arange(100) < 50

    assert energy_distance(twice, arm, np.ones(100)) == pytest.approx(0.0, abs=1e-12)
    assert energy_distance(np.vstack([x, x + np.array([0.5, 0.0])]), arm, np.ones(100)) > 0.01


def test_a_sample_of_large_arms_comes_near_the_whole():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 2))
    treated = rng.random(3000) < 1 / (1 + np.exp(-x[:, 0]))

    whole, sampled = (energy_distance(x, treated, np.ones(3000), most=m) for m in (3000, 600))

    assert sampled == pytest.approx(whole, rel=0.25)
    assert sampled == energy_distance(x, treated, np.ones(3000), most=600)


def test_constant_columns_count_for_nothing():
    x = np.random.default_rng(5).normal(size=(30, 1))

    assert energy_distance(np.column_stack([x, np.ones(30)]), np.arange(30) < 12, np.ones(30)) == energy_distance(
        x, np.arange(30) < 12, np.ones(30)
    )


def test_a_few_matched_of_many_are_all_looked_at():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(4000, 2))
    treated = np.arange(4000) < 200
    weight = np.where(treated, 1.0, 0.0)
    weight[200:400] = 1.0

    # Drawn among all 3,800, hardly any of the 200 that were matched would be seen.
    assert energy_distance(x, treated, weight, most=250) == pytest.approx(
        energy_distance(x[:400], treated[:400], np.ones(400)), rel=0.05
    )


def test_the_number_of_distances_is_bounded(monkeypatch):
    made = []
    real = distribution_distances.cdist
    monkeypatch.setattr(distribution_distances, "cdist", lambda x, y: made.append(len(x) * len(y)) or real(x, y))
    x = np.random.default_rng(7).normal(size=(3000, 2))

    energy_distance(x, np.arange(3000) < 1000, np.ones(3000), most=50)

    assert sum(made) == 3 * 50**2
