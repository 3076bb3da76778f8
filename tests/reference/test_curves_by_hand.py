"""Curves, incidence and influence worked out by hand, as fractions, on five tiny samples.

Each sample has its working beside it: at risk and events at each time, the curve, then what each unit gathers. A unit that
stays through a step gathers d / (n (n - d)) of the logarithm of the curve, one with the event loses 1 / n. Tolerance 1e-14:
nothing but rounding.
"""

from fractions import Fraction

import numpy as np
import pytest

from yoseval.models.curves import (
    clustered_survival_variance,
    kaplan_meier,
    number_at_risk,
    restricted_mean,
    restricted_mean_influence,
    survival_influence,
)
from yoseval.models.hazard_curve import cumulative_hazard_at, hazard_influence
from yoseval.models.incidence import (
    clustered_incidence_variance,
    cumulative_incidence,
    incidence_influence,
    time_lost,
    time_lost_influence,
)
from yoseval.models.variance import clustered_variance


def by_hand(text):
    return np.array([float(Fraction(part)) for part in text.split()])


def same(found, text):
    np.testing.assert_allclose(found, by_hand(text), rtol=0, atol=1e-14)


# Sample A: an event and a censoring at one time.
#   t = 1: n 5, d 1 | t = 2: n 4, d 1 (the one censored at 2 is still there) | t = 3: n 2, d 1
A_TIME, A_EVENT, ONES = np.array([1.0, 2, 2, 3, 4]), np.array([True, True, False, True, False]), np.ones(5)


def test_sample_a_curve_hazard_and_area():
    curve = kaplan_meier(A_TIME, A_EVENT, ONES)

    same(curve.at_risk, "5 4 2")
    same(curve.events, "1 1 1")
    # 4/5; 4/5 * 3/4; 3/5 * 1/2
    same(curve.survival, "4/5 3/5 3/10")
    # 1/5; + 1/4; + 1/2
    same(cumulative_hazard_at(curve, np.array([0.5, 1, 2, 3, 4])), "0 1/5 9/20 19/20 19/20")
    # 1 + 4/5 + 3/5 + 3/10
    assert restricted_mean(curve, 4.0) == pytest.approx(27 / 10, abs=1e-14)


def test_sample_a_influence_on_survival_and_its_greenwood_sum():
    found = survival_influence(A_TIME, A_EVENT, ONES, 3.0)

    # Gains 1/20, 1/12, 1/2; losses 1/5, 1/4, 1/2. Sums -1/5, -1/5, 2/15, -11/30, 19/30, times 3/10.
    same(found, "-3/50 -3/50 1/25 -11/100 19/100")
    # Greenwood's sum of the gains times the square of 3/10.
    assert (found**2).sum() == pytest.approx(57 / 1000, abs=1e-14)


def test_sample_a_influence_on_the_hazard():
    found = hazard_influence(A_TIME, A_EVENT, ONES, 3.0)

    # Staying costs d / n^2: 1/25, 1/16, 1/4; an event gives 1 / n besides.
    same(found, "64/400 59/400 -41/400 59/400 -141/400")
    assert (found**2).sum() == pytest.approx(1631 / 8000, abs=1e-14)


# Sample B: weights 2, 1, 3, 2 and two tied events.
#   t = 1: n 8, d 2 | t = 2: n 6, d 4
B_TIME, B_EVENT, B_WEIGHT = np.array([1.0, 2, 2, 3]), np.array([True, True, True, False]), np.array([2.0, 1, 3, 2])


def test_sample_b_curve_and_areas():
    curve = kaplan_meier(B_TIME, B_EVENT, B_WEIGHT)

    same(curve.at_risk, "8 6")
    same(curve.events, "2 4")
    assert curve.n_at_risk.tolist() == [4, 3]
    assert curve.n_events.tolist() == [1, 2]
    same(curve.survival, "3/4 1/4")
    # 1 + 3/4 + 1/4
    assert restricted_mean(curve, 3.0) == pytest.approx(2.0, abs=1e-14)


def test_sample_b_influence():
    # Gains 2/48, 4/12; losses 1/8, 1/6. Sums -1/8, -1/8, -1/8, 3/8, times the weight and 1/4.
    same(survival_influence(B_TIME, B_EVENT, B_WEIGHT, 2.0), "-1/16 -1/32 -3/32 3/16")
    # Areas after the steps: 1, 1/4. Sums -1/8, 1/24 - 1/24, the same, 1/24 + 1/12, times the weight.
    same(restricted_mean_influence(B_TIME, B_EVENT, B_WEIGHT, 3.0), "-1/4 0 0 1/4")


def test_sample_b_variance_of_three_clusters():
    cluster = np.array([0, 1, 2, 0])

    found = clustered_survival_variance(B_TIME, B_EVENT, B_WEIGHT, cluster, np.array([0.5, 1.0, 2.0]))

    # At 1, influence 3/4 (-1/8, 1/24, 1/24, 1/24) times the weights: clusters -1/8, 1/32, 3/32, squared 26/1024.
    # At 2, clusters 1/8, -1/32, -3/32. Both times 3/2.
    same(found, "0 39/1024 39/1024")


# Sample C: late entries, two of them at an event time.
#   a (0, 2] event, b (1, 3] event, c (2, 4] event, d (0, 4] censored, e (3, 5] event
#   t = 2: a b d, n 3, d 1 | t = 3: b c d, n 3, d 1 | t = 4: c d e, n 3, d 1 | t = 5: e, n 1, d 1
C_TIME, C_ENTRY = np.array([2.0, 3, 4, 4, 5]), np.array([0.0, 1, 2, 0, 3])
C_EVENT = np.array([True, True, True, False, True])


def test_sample_c_curve_hazard_and_area():
    curve = kaplan_meier(C_TIME, C_EVENT, ONES, C_ENTRY)

    same(curve.time, "2 3 4 5")
    same(curve.at_risk, "3 3 3 1")
    assert curve.n_at_risk.tolist() == [3, 3, 3, 1]
    same(curve.survival, "2/3 4/9 8/27 0")
    same(cumulative_hazard_at(curve, curve.time), "1/3 2/3 1 2")
    # 2 + 2/3 + 4/9 + 8/27
    assert restricted_mean(curve, 5.0) == pytest.approx(92 / 27, abs=1e-14)
    same(number_at_risk(C_TIME, ONES, np.array([0.0, 1, 2, 3, 4, 5, 6]), C_ENTRY), "2 2 3 3 3 1 0")


def test_sample_c_influence():
    # Gains 1/6 a step, losses 1/3: sums -1/3, -1/6, -1/6, 1/2, 1/6, times 8/27.
    same(survival_influence(C_TIME, C_EVENT, ONES, 4.0, C_ENTRY), "-8/81 -4/81 -4/81 12/81 4/81")
    # Areas after the steps 38/27, 20/27, 8/27, 0.
    same(restricted_mean_influence(C_TIME, C_EVENT, ONES, 5.0, C_ENTRY), "-38/81 -1/81 2/81 33/81 4/81")
    # Staying costs 1/9 a step, an event gives 1/3.
    same(hazard_influence(C_TIME, C_EVENT, ONES, 4.0, C_ENTRY), "2/9 1/9 1/9 -3/9 -1/9")


def test_sample_c_variance_at_every_time():
    times = np.array([1.0, 2, 3, 4, 5])

    found = clustered_survival_variance(C_TIME, C_EVENT, ONES, np.arange(5), times, entry=C_ENTRY)

    # At 2, 2/3 (-1/3, 1/6, 0, 1/6, 0): squares (4 + 1 + 1)/81. At 3, 4/9 (-1/3, -1/6, 1/6, 1/3, 0): (16 + 4 + 4 + 16)/729.
    # At 4, (64 + 16 + 16 + 144 + 16)/6561. At 5 the curve is zero. All times 5/4.
    same(found, "0 5/54 50/729 320/6561 0")


# Sample D: two causes tied, a censoring at the same time.
#   t = 1: n 6, d 1 0 | t = 2: n 5, d 1 1 | t = 3: n 2, d 0 1
D_TIME, D_CAUSE, SIX = np.array([1.0, 2, 2, 2, 3, 4]), np.array([1, 1, 2, 0, 2, 0]), np.ones(6)


def test_sample_d_incidence_and_times_lost():
    curve = cumulative_incidence(D_TIME, D_CAUSE, SIX)

    same(curve.at_risk, "6 5 2")
    same(curve.events.ravel(), "1 0 1 1 0 1")
    # 5/6; 5/6 * 3/5; 1/2 * 1/2
    same(curve.survival, "5/6 1/2 1/4")
    # 1/6; + 5/6 * 1/5; + 0
    same(curve.incidence[:, 0], "1/6 1/3 1/3")
    # 0; 5/6 * 1/5; + 1/2 * 1/2
    same(curve.incidence[:, 1], "0 1/6 5/12")
    # 1/6 * 3 + 1/6 * 2; 1/6 * 2 + 1/4 * 1
    same([time_lost(curve, 1, 4.0), time_lost(curve, 2, 4.0)], "5/6 7/12")
    # 1 + 5/6 + 1/2 + 1/4; with the times lost it makes 4
    assert restricted_mean(kaplan_meier(D_TIME, D_CAUSE > 0, SIX), 4.0) == pytest.approx(31 / 12, abs=1e-14)


def test_sample_d_influence_on_the_incidence_of_the_second_cause():
    found = incidence_influence(D_TIME, D_CAUSE, SIX, 3.0, of=2)

    # Survival over n: 1/6, 1/6, 1/4. Still to come after the steps: 5/12, 1/4, 0. Log gains 1/30, 2/15.
    # Staying: 5/12 * 1/30 = 1/72; -1/30 + 1/4 * 2/15 = 0; -1/8. Cause 1: -5/72; -1/12. Cause 2: 1/12 at 2; 1/8 at 3.
    same(found, "-5/72 -5/72 7/72 1/72 10/72 -8/72")
    assert (found**2).sum() == pytest.approx(11 / 216, abs=1e-14)
    variance = clustered_incidence_variance(D_TIME, D_CAUSE, SIX, np.arange(6), np.array([0.0, 1, 3]), of=2)
    same(variance, "0 0 11/180")


# Sample E: causes, weights and late entries.
#   a (0, 2] cause 1, weight 1; b (0, 3] cause 2, weight 2; c (1, 3] cause 1, weight 1; d (2, 4] censored, weight 3;
#   e (0, 1] censored, weight 1
#   t = 2: a b c, n 4, d 1 0 | t = 3: b c d, n 6, d 1 2
E_TIME, E_ENTRY = np.array([2.0, 3, 3, 4, 1]), np.array([0.0, 0, 1, 2, 0])
E_CAUSE, E_WEIGHT = np.array([1, 2, 1, 0, 0]), np.array([1.0, 2, 1, 3, 1])


def test_sample_e_incidence():
    curve = cumulative_incidence(E_TIME, E_CAUSE, E_WEIGHT, E_ENTRY)

    same(curve.at_risk, "4 6")
    same(curve.events.ravel(), "1 0 1 2")
    assert curve.n_at_risk.tolist() == [3, 3]
    # 3/4; 3/4 * 3/6
    same(curve.survival, "3/4 3/8")
    # 1/4; + 3/4 * 1/6 | 0; 3/4 * 2/6
    same(curve.incidence[:, 0], "1/4 3/8")
    same(curve.incidence[:, 1], "0 1/4")
    # 1/4 * 2 + 1/8 * 1
    assert time_lost(curve, 1, 4.0) == pytest.approx(5 / 8, abs=1e-14)


def test_sample_e_influence():
    # Survival over n: 1/4, 1/8. Still to come after the first step: 1/8; its log gain 1/12, loss 1/4.
    # Staying: -1/16 + 1/96 = -5/96; -1/48. Cause 1: -1/16 - 1/32 + 1/4 = 15/96 at 2; -1/48 + 1/8 = 10/96 at 3.
    found = incidence_influence(E_TIME, E_CAUSE, E_WEIGHT, 3.0, of=1, entry=E_ENTRY)
    same(found, "15/96 -14/96 5/96 -6/96 0")
    # Up to 4 the first step counts 2, the second 1; still to come after the first: 1/8.
    # Staying: -1/8 + 1/96 = -11/96; -1/48. Cause 1: -1/8 - 1/32 + 1/2 = 33/96 at 2; 10/96 at 3.
    lost = time_lost_influence(E_TIME, E_CAUSE, E_WEIGHT, 4.0, of=1, entry=E_ENTRY)
    same(lost, "33/96 -26/96 -1/96 -6/96 0")


def test_sample_e_variance_of_two_clusters():
    cluster = np.array([0, 0, 1, 1, 1])

    found = clustered_incidence_variance(E_TIME, E_CAUSE, E_WEIGHT, cluster, np.array([2.0, 3.0]), of=1, entry=E_ENTRY)

    # At 2: 1/4 - 1/16 = 3/16, -1/16 * 2, -1/16, 0, 0: clusters 1/16 and -1/16. At 3: 1/96 and -1/96. Both times 2.
    same(found, "1/64 1/2304")
    at_3 = clustered_variance(incidence_influence(E_TIME, E_CAUSE, E_WEIGHT, 3.0, of=1, entry=E_ENTRY), cluster)
    assert at_3 == pytest.approx(1 / 2304, abs=1e-14)
