"""The robust test of cumulative incidence: Gray's score, exact derivatives, and its size under no difference."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.errors import EstimationError
from yoseval.models.gray import gray_test
from yoseval.models.log_rank import log_rank
from yoseval.models.weighted_gray import weighted_gray_test

REFERENCE = Path(__file__).parents[2] / "reference"


def drawn(n=60, seed=2):
    rng = np.random.default_rng(seed)
    time, cause = rng.integers(2, 15, n).astype(float), rng.integers(0, 3, n)
    entry = np.where(rng.random(n) < 0.5, 0.0, np.floor(rng.random(n) * (time - 1)))
    return time, cause, np.arange(n) % 2 == 0, rng.uniform(0.5, 2.0, n), entry


@pytest.mark.parametrize("of", [1, 2])
@pytest.mark.parametrize("with_strata", [False, True])
@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0, 2.0])
def test_without_weights_the_score_is_that_of_grays_test(of, with_strata, rho):
    time, cause, group, _, _ = drawn(90)
    asked = {"of": of, "strata": np.arange(90) // 30 if with_strata else None, "rho": rho}

    found = weighted_gray_test(time, cause, group, np.ones(90), np.arange(90), **asked)

    assert found.statistic == pytest.approx(gray_test(time, cause, group, **asked).score[1], rel=1e-10)


def test_without_competing_causes_it_is_the_log_rank_test_weights_entries_and_influence_included():
    time, cause, group, weight, entry = drawn()
    cause, child = np.minimum(cause, 1), np.arange(60) // 2

    found = weighted_gray_test(time, cause, group, weight, child, entry=entry)

    expected = log_rank(time, cause > 0, group, weight, clusters=child, entry=entry)
    assert (found.statistic, found.variance) == pytest.approx((expected.statistic, expected.variance), rel=1e-9)
    np.testing.assert_allclose(found.influence, expected.influence, atol=1e-10)


@pytest.mark.parametrize("with_entry", [False, True])
@pytest.mark.parametrize("with_strata", [False, True])
@pytest.mark.parametrize("rho", [0.0, 0.5, 2.0])
def test_influence_is_the_derivative_in_each_weight(with_entry, with_strata, rho):
    time, cause, group, weight, entry = drawn()
    given = {"entry": entry if with_entry else None, "strata": np.arange(60) // 20 if with_strata else None, "rho": rho}
    found = weighted_gray_test(time, cause, group, weight, np.arange(60), **given)

    for i in range(0, 60, 7):
        step = np.zeros(60)
        step[i] = 1e-5
        up, down = (
            weighted_gray_test(time, cause, group, weight + s * step, np.arange(60), **given).statistic for s in (1, -1)
        )
        slope = weight[i] * ((up - down) / 2e-5 - found.statistic / weight.sum())
        assert found.influence[i] == pytest.approx(slope, abs=1e-7)
    assert found.influence.sum() == pytest.approx(0.0, abs=1e-10)


def test_whole_weights_are_repeated_units_and_their_scale_is_nothing():
    time, cause, group, _, _ = drawn()
    times = np.random.default_rng(3).integers(1, 4, 60)
    rows = np.repeat(np.arange(60), times)

    weighted = weighted_gray_test(time, cause, group, times.astype(float), np.arange(60), rho=1.0)
    repeated = weighted_gray_test(time[rows], cause[rows], group[rows], np.ones(rows.size), rows, rho=1.0)
    scaled = weighted_gray_test(time, cause, group, 5.0 * times, np.arange(60), rho=1.0)

    assert (weighted.statistic, weighted.variance) == pytest.approx((repeated.statistic, repeated.variance), rel=1e-10)
    assert scaled.chi2 == pytest.approx(weighted.chi2, rel=1e-10)


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_on_a_large_sample_the_robust_test_is_close_to_that_of_independent_units(rho):
    patients = pd.read_csv(REFERENCE / "data" / "mgus2.csv")
    time = np.where(patients["pstat"] == 1, patients["ptime"], patients["futime"]).astype(float)
    cause = np.where(patients["pstat"] == 1, 1, 2 * patients["death"]).astype(int)
    group = (patients["sex"] == "M").to_numpy()

    found = weighted_gray_test(time, cause, group, np.ones(time.size), np.arange(time.size), rho=rho)
    plain = gray_test(time, cause, group, rho=rho)

    assert found.chi2 == pytest.approx(plain.chi2, rel=0.05)


def test_under_no_difference_it_rejects_one_in_twenty_whatever_the_weights_and_clusters():
    rng = np.random.default_rng(8)
    rejected = 0
    for _ in range(300):
        child = np.repeat(np.arange(60), 2)
        luck = rng.exponential(10, 60)[child]
        time = np.ceil(np.where(rng.random(120) < 0.5, luck, rng.exponential(10, 120)))
        cause = np.where(time > 20, 0, rng.choice([1, 2], 120))
        group = np.repeat(np.arange(60) % 2 == 0, 2)
        weight = np.exp(rng.normal(0, 0.5, 60))[child]
        rejected += weighted_gray_test(np.minimum(time, 20.0), cause, group, weight, child).p_value < 0.05

    assert rejected / 300 == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 300) + 0.01)


def test_what_cannot_be_tested_is_refused():
    time, cause, group, weight, _ = drawn()

    with pytest.raises(EstimationError, match="compares two groups; there are 1"):
        weighted_gray_test(time, cause, np.ones(60), weight, np.arange(60))
    with pytest.raises(EstimationError, match="power rho is -1; below 0"):
        weighted_gray_test(time, cause, group, weight, np.arange(60), rho=-1.0)
    with pytest.raises(EstimationError, match="tells the groups apart"):
        weighted_gray_test(time, np.minimum(cause, 0), group, weight, np.arange(60))
