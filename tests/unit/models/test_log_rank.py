"""The log-rank test: strata, late entries, weights, clusters; influence as a derivative; its size under no difference."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.log_rank import log_rank
from yoseval.models.variance import clustered_variance

RNG = np.random.default_rng(4)
N = 40
TIME = RNG.integers(1, 8, N).astype(float)
EVENT = RNG.random(N) < 0.6
GROUP = np.arange(N) % 2
STRATA = np.array(["a", "b", "c", "a", "b"] * 8)
WEIGHT = RNG.uniform(0.3, 2.0, N)
ENTRY = np.where(RNG.random(N) < 0.5, 0.0, np.floor(TIME * RNG.random(N)))
CLUSTER = RNG.integers(0, 12, N)
DESIGNS = pytest.mark.parametrize("strata", [None, STRATA])
ENTRIES = pytest.mark.parametrize("entry", [None, ENTRY])


def test_a_sample_of_four_by_hand():
    # t = 1: n 4, of the second group 2, its event: 1 - 1/2, variance 1/4. t = 2: n 3, 1 of them, no event of theirs:
    # -1/3, 2/9. t = 3: n 2, 1 of them, its event: 1/2, 1/4.
    found = log_rank(np.array([1.0, 3, 2, 3]), np.array([True, True, True, False]), np.array([1, 1, 0, 0]), np.ones(4))

    assert (found.statistic, found.variance, found.chi2) == pytest.approx((2 / 3, 13 / 18, 8 / 13), rel=1e-14)
    np.testing.assert_allclose(found.expected, [5 / 3, 4 / 3], rtol=1e-14)
    assert found.observed.tolist() == [1.0, 2.0]
    assert found.df == 1
    # Residuals (z - p)(dN - Y h), less a quarter of the statistic each.
    h, p = np.array([1 / 4, 1 / 3, 1 / 2]), np.array([1 / 2, 1 / 3, 1 / 2])
    second, first = (1 - p) * h, p * h
    residuals = [(1 - p[0]) - second[0], (1 - p[2]) - second.sum(), -p[1] + first[:2].sum(), first.sum()]
    np.testing.assert_allclose(found.influence, np.array(residuals) - 1 / 6, atol=1e-14)


def written_out(weight, strata, entry, rho):
    """Go through the strata, their event times and all units."""
    labels = np.zeros(N) if strata is None else strata
    start = np.zeros(N) if entry is None else entry
    score = variance = 0.0
    for s in np.unique(labels):
        mine, survival = labels == s, 1.0
        for t in np.unique(TIME[mine & EVENT]):
            followed = mine & (start < t) & (t <= TIME)
            dead = mine & EVENT & (t == TIME)
            n, n_second = weight[followed].sum(), weight[followed & (GROUP == 1)].sum()
            d, d_second = weight[dead].sum(), weight[dead & (GROUP == 1)].sum()
            score += survival**rho * (d_second - n_second * d / n)
            if n > 1:
                variance += survival ** (2 * rho) * n_second * (n - n_second) * d * (n - d) / (n**2 * (n - 1))
            survival *= 1 - d / n
    return score, variance


@DESIGNS
@ENTRIES
@pytest.mark.parametrize("rho", [0.0, 1.0, 0.5])
def test_score_and_variance_are_the_definitions_written_out(strata, entry, rho):
    whole = RNG.integers(1, 4, N).astype(float)

    found = log_rank(TIME, EVENT, GROUP, whole, strata=strata, entry=entry, rho=rho)

    assert (found.statistic, found.variance) == pytest.approx(written_out(whole, strata, entry, rho), rel=1e-10, abs=1e-12)


@DESIGNS
@ENTRIES
@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_influence_is_the_derivative_in_the_weights_with_their_total_held(strata, entry, rho):
    found = log_rank(TIME, EVENT, GROUP, WEIGHT, strata=strata, clusters=CLUSTER, entry=entry, rho=rho)

    for i in range(N):
        step = np.where(np.arange(N) == i, 1e-5 * WEIGHT, 0.0)
        up, down = (written_out(w, strata, entry, rho)[0] * WEIGHT.sum() / w.sum() for w in (WEIGHT + step, WEIGHT - step))
        assert found.influence[i] == pytest.approx((up - down) / 2e-5, abs=1e-8)
    assert abs(found.influence.sum()) < 1e-12
    assert found.variance == pytest.approx(clustered_variance(found.influence, CLUSTER), rel=1e-12)
    assert found.chi2 == pytest.approx(found.statistic**2 / found.variance, rel=1e-12)


def test_whole_weights_are_copies_of_rows():
    copies = RNG.integers(1, 4, N)
    again = np.repeat(np.arange(N), copies)

    weighted = log_rank(TIME, EVENT, GROUP, copies.astype(float), strata=STRATA, entry=ENTRY, rho=1.0)
    repeated = log_rank(
        TIME[again], EVENT[again], GROUP[again], np.ones(again.size), strata=STRATA[again], entry=ENTRY[again], rho=1.0
    )

    assert (weighted.statistic, weighted.variance) == pytest.approx((repeated.statistic, repeated.variance), rel=1e-12)


def test_scale_of_weights_and_order_of_rows_change_nothing():
    order = RNG.permutation(N)

    plain = log_rank(TIME, EVENT, GROUP, WEIGHT, clusters=CLUSTER, rho=1.0)
    scaled = log_rank(TIME[order], EVENT[order], GROUP[order], 7.0 * WEIGHT[order], clusters=CLUSTER[order], rho=1.0)

    assert scaled.chi2 == pytest.approx(plain.chi2, rel=1e-10)


def test_a_time_cut_in_two_rows_of_one_cluster_is_the_same_time():
    cut = np.floor((ENTRY + TIME) / 2)
    can = cut > ENTRY
    rows = np.concatenate((np.arange(N), np.flatnonzero(can)))
    time = np.concatenate((np.where(can, cut, TIME), TIME[can]))
    event, entry = np.concatenate((EVENT & ~can, EVENT[can])), np.concatenate((ENTRY, cut[can]))

    plain = log_rank(TIME, EVENT, GROUP, np.ones(N), strata=STRATA, entry=ENTRY)
    cut_up = log_rank(time, event, GROUP[rows], np.ones(rows.size), strata=STRATA[rows], entry=entry)

    assert (cut_up.statistic, cut_up.variance) == pytest.approx((plain.statistic, plain.variance), rel=1e-12)


def test_units_of_weight_zero_are_as_if_absent():
    weight = np.where(np.arange(N) % 5 == 0, 0.0, WEIGHT)
    kept = weight > 0

    found = log_rank(TIME, EVENT, GROUP, weight, clusters=CLUSTER, entry=ENTRY)
    without = log_rank(TIME[kept], EVENT[kept], GROUP[kept], weight[kept], clusters=CLUSTER[kept], entry=ENTRY[kept])

    assert found.chi2 == pytest.approx(without.chi2, rel=1e-12)
    assert not found.influence[~kept].any()


def test_under_no_difference_both_chi_squares_have_mean_one():
    rng, found = np.random.default_rng(8), []

    for _ in range(300):
        time, event = np.ceil(rng.exponential(5.0, 120)), rng.random(120) < 0.7
        group = np.repeat(rng.permutation(60) % 2, 2)
        weight = rng.uniform(0.5, 2.0, 120)
        classic = log_rank(time, event, group, np.ones(120))
        robust = log_rank(time, event, group, weight, clusters=np.repeat(np.arange(60), 2))
        found.append((classic.chi2, robust.chi2))

    # The mean of 300 has a standard error of 0.08.
    np.testing.assert_allclose(np.mean(found, axis=0), 1.0, atol=0.25)


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(EstimationError, match="two groups; there are 3"):
        log_rank(TIME, EVENT, np.arange(N) % 3, WEIGHT, clusters=CLUSTER)
    with pytest.raises(EstimationError, match="not whole"):
        log_rank(TIME, EVENT, GROUP, WEIGHT)
    with pytest.raises(EstimationError, match="rho is -1"):
        log_rank(TIME, EVENT, GROUP, np.ones(N), rho=-1.0)
    with pytest.raises(EstimationError, match="both groups"):
        log_rank(TIME, np.zeros(N, dtype=bool), GROUP, np.ones(N))
    with pytest.raises(EstimationError, match="both groups"):
        log_rank(TIME, EVENT, GROUP, np.ones(N), strata=GROUP)
    with pytest.raises(EstimationError, match="at or after the end"):
        log_rank(TIME, EVENT, GROUP, np.ones(N), strata=STRATA, entry=TIME)


def test_zero_events_in_one_arm_are_no_obstacle():
    found = log_rank(TIME, EVENT & (GROUP == 0), GROUP, np.ones(N))

    assert found.observed[1] == 0.0
    assert found.statistic == pytest.approx(-found.expected[1], rel=1e-12)
    assert 0 < found.p_value < 0.05
