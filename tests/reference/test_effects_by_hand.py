"""Effects worked out by hand, as fractions, on seven tiny samples, through the public function and the leaves behind it.

They go on from the samples A to E of test_curves_by_hand.py. Each has its working beside it. Tolerance 1e-12 where a maximum
is searched for, 1e-14 elsewhere. Reported errors are those of the influence values times G/(G - 1) and (n - 1)/(n - 2).
"""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cox import fit_cox
from yoseval.models.fine_gray import fit_fine_gray
from yoseval.models.incidence import cumulative_incidence
from yoseval.models.recurrent import recurrent_rows
from yoseval.models.working_model import fit_working_model
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp, Recurrences


def by_hand(text):
    return np.array([float(Fraction(part)) for part in text.split()])


def same(found, text, within=1e-14):
    np.testing.assert_allclose(found, by_hand(text), rtol=0, atol=within)


def followup(n, horizon, **given):
    ids = np.array([f"{i:02d}" for i in range(n)], dtype=object)
    rest = {"time": np.full(n, float(horizon)), "event": np.zeros(n, dtype=bool)}
    return FollowUp(ids, horizon=float(horizon), **(rest | given))


def effect(measure, outcome, treated, weight=None, sets=None, x=None, **more):
    """Return the estimate with its influence in the order given."""
    n = len(treated)
    frame = pd.DataFrame({"id": [f"{i:02d}" for i in range(n)], "arm": treated, "x": np.arange(n) % 2 if x is None else x})
    cohort = Cohort.from_frame(frame, treated="arm", id="id", covariates=["x"])
    order = cohort.units["unit_id"].astype(int).to_numpy()
    own = np.ones(n) if weight is None else np.asarray(weight, float)
    sets = np.full(n, -1) if sets is None else np.asarray(sets)
    weighting = Weighting(own[order], sets[order], np.full(n, 0.5), "ATT")
    design = Design(cohort, "by hand", {}, weighting, "ATT", cohort.attrition)
    found = estimate_effect(outcome, design, measure, variance="sandwich", **more)
    influence = np.empty(n)
    influence[order] = found.influence
    return found, influence


# Sample F: shares in matched sets. Four treated, three with the event; comparison weights 2, 1, 1, the last has the event.
#   risks 3/4 and 1/4
F_ARM, F_WEIGHT, F_SET = [1, 1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 2, 1, 1], [0, 0, 1, 2, 0, 1, 2]
F_EVENT = np.array([1, 1, 1, 0, 0, 0, 1]) == 1


@pytest.mark.parametrize(
    ("measure", "value", "influence", "clusters"),
    [
        # (3/4 - 1/4); +- w (y - p) / 4: 1/16 or -3/16 | -2/16, -1/16, 3/16, and the other sign
        ("risk_difference", "1/2", "1/16 1/16 1/16 -3/16 2/16 1/16 -3/16", "4/16 2/16 -6/16"),
        # over the risk: times 4/3 | times 4
        ("risk_ratio", "3", "1/12 1/12 1/12 -1/4 1/2 1/4 -3/4", "8/12 4/12 -1"),
        # over p (1 - p): times 16/3 in both
        ("odds_ratio", "9", "1/3 1/3 1/3 -1 2/3 1/3 -1", "4/3 2/3 -2"),
    ],
)
def test_sample_f_shares(measure, value, influence, clusters):
    found, of_each = effect(measure, followup(7, 1, event=F_EVENT), F_ARM, F_WEIGHT, F_SET)

    same([found.treated_value, found.comparison_value], "3/4 1/4")
    assert found.estimate == pytest.approx(float(Fraction(value)), abs=1e-13)
    same(of_each, influence)
    same(np.bincount(F_SET, of_each), clusters)
    # Three sets of seven units: 3/2 * 6/5.
    assert found.std_error**2 == pytest.approx((by_hand(clusters) ** 2).sum() * 9 / 5, rel=1e-13)


# Sample G: curves with a child who left.
#   treated: event at 1, left at 2, event at 3, free at 4 | n 4, 2: 3/4, 3/8
#   comparison: events at 1 and 2, two free at 4 | n 4, 3: 3/4, 1/2
G_ARM, G_TIME = [1, 1, 1, 1, 0, 0, 0, 0], np.array([1.0, 2, 3, 4, 1, 2, 4, 4])
G_EVENT = np.array([1, 0, 1, 0, 1, 1, 0, 0]) == 1


def test_sample_g_survival_and_time_free():
    seen = followup(8, 4, time=G_TIME, event=G_EVENT)

    survival, of_survival = effect("survival_difference", seen, G_ARM)
    mean, of_mean = effect("restricted_mean_difference", seen, G_ARM)
    ratio, _ = effect("restricted_mean_ratio", seen, G_ARM)
    risk, of_risk = effect("risk_difference", seen, G_ARM)

    same([survival.treated_value, survival.comparison_value, survival.estimate], "3/8 1/2 -1/8")
    # Treated: gains 1/12, 1/2; losses 1/4, 1/2. Sums -1/4, 1/12, 1/12 - 1/2, 1/12 + 1/2, times 3/8.
    # Comparison: shares, (y - 1/2) / 4 with the other sign.
    same(of_survival, "-3/32 1/32 -5/32 7/32 1/8 1/8 -1/8 -1/8")
    # 1 + 3/4 * 2 + 3/8 | 1 + 3/4 + 1/2 * 2
    same([mean.treated_value, mean.comparison_value, mean.estimate], "23/8 11/4 1/8")
    # Treated: areas after the steps 15/8, 3/8. Comparison: 7/4, 1; gains 1/12, 1/6; losses 1/4, 1/3.
    same(of_mean, "-15/32 5/32 -1/32 11/32 7/16 3/16 -5/16 -5/16")
    assert ratio.estimate == pytest.approx(23 / 22, abs=1e-14)
    same([risk.estimate], "1/8")
    same(of_risk + of_survival, "0 0 0 0 0 0 0 0")


# Sample H: a Cox model with a whole ratio.
#   t = 1: two treated and four at risk, an event of the comparison | t = 2: one and two at risk, an event of the treated
#   With a ratio r, shares 2r / (2r + 4) and r / (r + 2) must sum to one event of the treated: r = 2, both shares 1/2.
H_ARM, H_TIME = [1, 1, 0, 0, 0, 0], np.array([2.0, 1.5, 1, 1.5, 3, 3])
H_EVENT = np.array([1, 0, 1, 0, 0, 0]) == 1


def test_sample_h_hazard_ratio():
    fit = fit_cox(H_TIME, H_EVENT, np.array(H_ARM, float)[:, None], np.ones(6))
    found, influence = effect("hazard_ratio", followup(6, 3, time=H_TIME, event=H_EVENT), H_ARM)

    assert found.estimate == pytest.approx(2.0, abs=1e-12)
    # Increments 1/(2*2 + 4) and 1/(2 + 2); at a ratio of 1, shares 1/3 and 1/3.
    same(fit.baseline.time, "1 2")
    same(fit.baseline.increment * np.exp(-fit.coefficients[0] * fit.baseline.centre[0]), "1/8 1/4", 1e-12)
    same(fit.score_null, "1/3")
    same(fit.information_null.ravel(), "4/9")
    # 1/4 a time
    same(fit.covariance.ravel(), "2", 1e-12)
    assert fit.loglik == pytest.approx(np.log(1 / 8 * 2 / 4), abs=1e-12)
    assert fit.loglik_null == pytest.approx(np.log(1 / 6 * 1 / 3), abs=1e-14)
    # Scores 1/2 - 2 (1/16 + 1/8), -2/16 | -1/2 + 1/16, 1/16, twice 1/16 + 1/8; over 1/2.
    same(influence, "1/4 -1/4 -7/8 1/8 3/8 3/8", 1e-12)
    # (4 + 4 + 49 + 1 + 9 + 9)/64, times 6/5 * 5/4
    assert found.std_error**2 == pytest.approx(76 / 64 * 3 / 2, rel=1e-12)


# Sample I: events that come again.
#   treated: a events at 1, 2, followed to 3; b followed to 1.5
#   comparison: c events at 0.5, 2.5, followed to 3; d followed to 3; e and f to 1.5
#   at risk: 2 and 4 at 0.5 and 1; 1 and 2 at 2 and 2.5. Share r / (r + 2) at each of four events, two of the treated: r = 2.
I_ARM, I_FOLLOWED = [1, 1, 0, 0, 0, 0], np.array([3.0, 1.5, 3, 3, 1.5, 1.5])
I_UNIT, I_TIME = np.array([0, 0, 2, 2]), np.array([1.0, 2, 0.5, 2.5])


def recurring():
    count = np.bincount(I_UNIT, minlength=6).astype(float)
    first = np.array([1.0, 1.5, 0.5, 3, 1.5, 1.5])
    more = {"count": count, "followed": I_FOLLOWED, "recurrences": Recurrences(I_UNIT, I_TIME)}
    return followup(6, 3, time=first, event=count > 0, **more)


def test_sample_i_rate_ratio_of_recurrent_events():
    rows = recurrent_rows(I_UNIT, I_TIME, I_FOLLOWED, 3.0)
    fit = fit_cox(rows.time, rows.event, np.array(I_ARM, float)[rows.unit][:, None], np.ones(rows.unit.size), entry=rows.entry)
    found, influence = effect("lwyy", recurring(), I_ARM)

    assert found.estimate == pytest.approx(2.0, abs=1e-12)
    assert np.bincount(rows.unit).tolist() == [3, 1, 3, 1, 1, 1]
    # 1/(2*2 + 4) twice, 1/(2 + 2) twice; 1/4 of information a time
    same(fit.baseline.increment * np.exp(-fit.coefficients[0] * fit.baseline.centre[0]), "1/8 1/8 1/4 1/4", 1e-12)
    same(fit.covariance.ravel(), "1", 1e-12)
    # a: 2/2 - 2 * 3/4 / 2; b: -2 * 1/4 / 2 | c: -2/2 + 3/4 / 2; d: 3/4 / 2; e, f: 1/4 / 2
    same(influence, "1/4 -1/4 -5/8 3/8 1/8 1/8", 1e-12)
    assert found.std_error**2 == pytest.approx(11 / 16 * 3 / 2, rel=1e-12)


def test_sample_i_mean_counts():
    difference, influence = effect("mean_count_difference", recurring(), I_ARM)
    ratio, _ = effect("mean_count_ratio", recurring(), I_ARM)

    # 1/2 + 1 | 1/4 + 1/2
    same([difference.treated_value, difference.comparison_value, difference.estimate], "3/2 3/4 3/4")
    assert ratio.estimate == pytest.approx(2.0, abs=1e-14)
    # a: 1/2 - 1/4 + 1 - 1; b: -1/4 | c: 1/4 - 1/16 + 1/2 - 1/4; d: -1/16 - 1/4; e, f: -1/16, and the other sign
    same(influence, "1/4 -1/4 -7/16 5/16 1/16 1/16")


# Sample J: rates. Treated 3 events in 100 days and 1 in 300: 4 in 400. Comparison 1 and 0 in 100 days each: 1 in 200.
def test_sample_j_rate_ratio():
    count = np.array([3.0, 1, 1, 0])
    days = np.array([100.0, 300, 100, 100])
    seen = followup(4, 300, event=count > 0, count=count, followed=np.full(4, 300.0), days_at_risk=days)

    found, influence = effect("rate_ratio", seen, [1, 1, 0, 0])

    same([found.treated_value / 365.25, found.comparison_value / 365.25], "1/100 1/200")
    assert found.estimate == pytest.approx(2.0, abs=1e-14)
    # (3 - 1)/4, (1 - 3)/4 | (1 - 1/2)/1, -1/2, and the other sign
    same(influence, "1/2 -1/2 -1/2 1/2")
    # 1, times 4/3 * 3/2
    assert found.std_error**2 == pytest.approx(2.0, rel=1e-13)


# Sample K: a competing event that stays at risk with a falling weight.
#   treated: a event at 2; b left at 1.75
#   comparison: c event at 1; d competing event at 1.5; e, f, g left at 1.75; h free at 4
#   Staying in the study: of six at 1.75 four leave, so d counts 1/3 at 2.
#   t = 1: 2 and 6 at risk | t = 2: 1 and 1 + 1/3. Shares 2r / (2r + 6), r / (r + 4/3) sum to one event of the treated: r = 2.
K_ARM, K_TIME = [1, 1, 0, 0, 0, 0, 0, 0], np.array([2.0, 1.75, 1, 1.5, 1.75, 1.75, 1.75, 4])
K_CAUSE = np.array([1, 0, 1, 2, 0, 0, 0, 0])


def test_sample_k_subdistribution_ratio():
    fit = fit_fine_gray(K_TIME, K_CAUSE, np.array(K_ARM, float)[:, None], np.ones(8))
    found, influence = effect("subdistribution_ratio", followup(8, 4, time=K_TIME, event=K_CAUSE == 1, cause=K_CAUSE), K_ARM)

    assert found.estimate == pytest.approx(2.0, abs=1e-12)
    # Shares 4/10 and 2/(10/3) = 6/10: information 24/100 a time.
    same(fit.covariance.ravel(), "25/12", 1e-12)
    assert fit.loglik == pytest.approx(np.log(1 / 10 * 6 / 10), abs=1e-12)
    assert (fit.n_events, fit.n_competing) == (2, 1)
    assert influence.sum() == pytest.approx(0.0, abs=1e-12)


def test_sample_k_cause_specific_ratio_and_incidence():
    seen = followup(8, 2, time=K_TIME, event=K_CAUSE == 1, cause=K_CAUSE)

    specific, _ = effect("cause_specific_ratio", seen, K_ARM)
    incidence, influence = effect("incidence_difference", seen, K_ARM)

    # Without d at 2: r^2 = 6 * 1 / (2 * 1).
    assert specific.estimate == pytest.approx(3**0.5, abs=1e-12)
    curve = cumulative_incidence(K_TIME[2:], K_CAUSE[2:], np.ones(6))
    same(curve.at_risk, "6 5")
    same(curve.survival, "5/6 4/6")
    same([incidence.treated_value, incidence.comparison_value, incidence.estimate], "1 1/6 5/6")
    # The treated at risk at 2 is one: nothing moves. Comparison: (y - 1/6)/6 with the other sign.
    same(influence, "0 0 -5/36 1/36 1/36 1/36 1/36 1/36")


# Sample L: standardisation over a covariate of two values.
#   treated: x = 0: 1/2 of two; x = 1: 3/4 of four | comparison: x = 0: 1/3 of three; x = 1: 1/2 of two
#   The treated are x = 1 in 4/6: comparison mean 2/6 * 1/3 + 4/6 * 1/2 = 4/9.
L_ARM, L_X = [1] * 6 + [0] * 5, [0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1]
L_EVENT = np.array([1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0]) == 1


def test_sample_l_g_computation():
    comparison = np.array(L_ARM) == 0
    model = fit_working_model("logistic", np.array(L_X, float)[:, None], L_EVENT.astype(float), comparison.astype(float))
    seen = followup(11, 1, event=L_EVENT)

    found, influence = effect("risk_difference", seen, L_ARM, x=L_X, adjustment="g_computation")

    # logit 1/3 = -log 2; logit 1/2 = 0
    np.testing.assert_allclose(model.coefficients, [-np.log(2), np.log(2)], atol=1e-12)
    # 2/6 * 1/2 + 4/6 * 3/4
    same([found.treated_value, found.comparison_value, found.estimate], "2/3 4/9 2/9", 1e-12)
    # Treated: (y - 2/3)/6 - (p_0(x) - 4/9)/6. Comparison: -(y - p_0(x)) times 2/6 of three, 4/6 of two.
    same(
        influence,
        "4/54 -5/54 5/108 5/108 5/108 -13/108 -2/27 1/27 1/27 -1/6 1/6",
        1e-12,
    )
