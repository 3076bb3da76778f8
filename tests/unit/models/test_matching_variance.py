"""Variances of matching by hand, by simulation with a known truth, and their special cases."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.matching_variance import (
    abadie_imbens_variance,
    centre_within_strata,
    equal_shares,
    match_counts,
    matched_difference,
    neighbour_variance,
    pair_variance,
    predict_untreated,
)


def test_shares_and_counts_by_hand():
    lead, partner = np.array([0, 0, 1]), np.array([2, 3, 3])

    share = equal_shares(lead)
    counts, squares = match_counts(partner, share, 4)

    assert share.tolist() == [0.5, 0.5, 1.0]
    assert (counts.tolist(), squares.tolist()) == ([0, 0, 0.5, 1.5], [0, 0, 0.25, 1.25])


def test_the_variance_by_hand():
    # Two treated share one comparison unit: K = 2, K' = 2.
    uses = np.array([0.0, 0.0, 2.0])

    found = abadie_imbens_variance(np.array([1.0, -1.0]), uses, uses, np.array([9.0, 9.0, 3.0]))

    assert found == 2.0 + (4 - 2) * 3.0


def test_without_reuse_it_is_the_variance_of_paired_differences():
    rng = np.random.default_rng(1)
    outcome, lead = rng.normal(size=40), np.arange(20)

    found = matched_difference(outcome, lead, lead + 20)

    apart = outcome[:20] - outcome[20:]
    assert found.value == pytest.approx(apart.mean())
    assert found.std_error == pytest.approx(apart.std() / np.sqrt(20), rel=1e-12)


def test_the_variance_within_pairs_is_half_the_mean_square():
    assert pair_variance(np.array([2.0, 0.0]), np.array([1.0, 1.0])) == 1.0


def test_neighbours_are_the_nearest_with_their_ties():
    value = np.array([0.0, 3.0, 6.0, 100.0])
    points = np.array([[0.0], [1.0], [1.0], [50.0]])

    found = neighbour_variance(value, points, neighbours=1)

    # The first has two nearest at once: 2/3 (0 - 4.5)^2. The twins have each other: 1/2 (3 - 6)^2.
    assert found[:3] == pytest.approx([2 / 3 * 4.5**2, 4.5, 4.5])


def test_neighbour_variances_are_right_on_average():
    rng = np.random.default_rng(3)
    points = rng.random((4000, 1))

    found = neighbour_variance(np.sin(points[:, 0]) + rng.normal(scale=2.0, size=4000), points)

    # Four thousand squares of a normal, each of two neighbours: an error of about 4 sqrt(3 / 4000).
    assert found.mean() == pytest.approx(4.0, abs=0.4)


def test_one_unit_alone_has_no_variance():
    with pytest.raises(EstimationError, match="One comparison unit stands for all"):
        neighbour_variance(np.array([1.0]), np.array([[0.0]]))


def test_no_pairs_are_an_error():
    with pytest.raises(EstimationError, match="no pairs"):
        matched_difference(np.array([1.0]), np.array([], dtype=int), np.array([], dtype=int))


def test_bias_adjustment_removes_a_linear_bias_altogether():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 2))
    treated = np.arange(60) < 20
    outcome = x @ np.array([2.0, -1.0]) + 5.0 * treated
    lead, partner = np.arange(20), rng.integers(20, 60, 20)

    predicted = predict_untreated(outcome, x, lead, partner, equal_shares(lead))

    assert matched_difference(outcome, lead, partner, predicted=predicted).value == pytest.approx(5.0, abs=1e-10)
    assert abs(matched_difference(outcome, lead, partner).value - 5.0) > 0.1


def test_errors_cover_the_spread_of_matching_with_replacement():
    rng = np.random.default_rng(6)
    values, errors = [], []
    for _ in range(400):
        x = rng.normal(size=150)
        treated = rng.random(150) < 1 / (1 + np.exp(1 - x))
        outcome = x + rng.normal(size=150)
        lead, comparison = np.flatnonzero(treated), np.flatnonzero(~treated)
        partner = comparison[np.abs(x[lead][:, None] - x[comparison][None, :]).argmin(axis=1)]
        found = matched_difference(outcome - x, lead, partner)
        values.append(found.value)
        errors.append(found.std_error)

    # Monte Carlo error of an SD from 400 replicates: 3.5 %.
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_centring_within_strata_is_post_stratification_by_hand():
    rng = np.random.default_rng(7)
    stratum, treated = rng.integers(0, 3, 90), rng.random(90) < 0.4
    outcome = rng.normal(size=90) + stratum
    n1 = treated.sum()
    weight = np.zeros(90)
    for s in range(3):
        weight[(stratum == s) & ~treated] = (stratum[treated] == s).sum() / ((stratum == s) & ~treated).sum()
    mean1, mean0 = outcome[treated].mean(), (weight * outcome).sum() / n1
    naive = np.where(treated, (outcome - mean1) / n1, -weight * (outcome - mean0) / n1)

    found = centre_within_strata(naive, stratum, treated, treated)

    own0 = np.array([outcome[(stratum == s) & ~treated].mean() for s in range(3)])[stratum]
    wanted = np.where(treated, (outcome - own0 - (mean1 - mean0)) / n1, -weight * (outcome - own0) / n1)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_units_outside_strata_keep_their_influence():
    influence = np.array([1.0, 2.0, -3.0])

    found = centre_within_strata(influence, np.array([-1, 0, 0]), np.array([True, True, False]), np.array([True, True, False]))

    assert found[0] == 1.0
