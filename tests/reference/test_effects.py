"""Effects, curves and Cox models against stored results of R, and against lifelines as a second opinion.

Scripts: r/02_effects_after_matching.R, r/03_weighting.R, r/07_survival_models.R (R 4.2.2, survival 3.5-3, sandwich 3.0-2).
Tolerances, all relative unless said: estimates 1e-6 and standard errors 1e-5 (R's quasi-Poisson logarithms of risk ratios
stop 4e-8 short of the closed form; everything else agrees to 1e-10, the digits to which matching weights were stored);
restricted means 1e-8; survival 1e-9 absolute. Conventions: R's robust Cox and Kaplan-Meier variances are plain sums of
squares over clusters; the sandwich package adds G/(G - 1) and, for HC1, (n - 1)/(n - k).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cox import fit_cox
from yoseval.models.curves import (
    kaplan_meier,
    number_at_risk,
    restricted_mean,
    restricted_mean_influence,
    survival_at,
    survival_influence,
)
from yoseval.models.variance import clustered_variance, correct_for_estimated_weights, interval, limits
from yoseval.outcomes.binary import risk_difference, risk_ratio
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.survival import hazard_ratio, restricted_mean_difference, survival_curves
from yoseval.outcomes.types import FollowUp

HERE = Path(__file__).parent
ESTIMATE, ERROR = 1e-6, 1e-5
FORMULAS = {
    "rossi": ["age", "race", "wexp", "mar", "paro", "prio"],
    "lalonde": ["age", "educ", "race", "married", "nodegree", "re74", "re75"],
}
FILES = {"rossi": ("rossi.csv", "fin", "arrest"), "lalonde": ("lalonde_matchit.csv", "treat", "employed")}
BLOCKS = ["unmatched", "nearest_caliper_logit", "nearest_1to1_ps", "nearest_ratio3_caliper", "full_logit_att", "subclass5"]
CASES = [(name, block) for name in FILES for block in BLOCKS]
WEIGHTS = ["ate", "att", "atc", "overlap", "ate_stabilised", "matching", "ate_trim_1_99", "entropy_att"]


def stored(name):
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def load(name):
    """Return (frame, time, event, treated) of a data set; lalonde was followed to the end by all."""
    file, arm, outcome = FILES[name]
    frame = pd.read_csv(HERE / "data" / file)
    if name == "lalonde":
        frame["employed"] = (frame["re78"] > 0).astype(int)
    time = frame["week"].to_numpy(float) if name == "rossi" else np.ones(len(frame))
    return frame, time, frame[outcome].to_numpy() == 1, frame[arm].to_numpy() == 1


def matched(name, block):
    """Return (time, event, treated, weight), clusters and the horizon of the units used, with R's own weights and sets."""
    _, time, event, treated = load(name)
    n = len(time)
    if block == "unmatched":
        return (time, event, treated, np.ones(n)), np.arange(n), time.max()
    design = stored(f"match_{name}")["matched"][block]
    weight = np.array(design["weights"])
    used = weight > 0
    clusters = np.array([-1 if s is None else int(s) for s in design["subclass"]])[used]
    return (time[used], event[used], treated[used], weight[used]), clusters, time.max()


def compare(found_value, found_error, expected, *, ratio):
    """Compare an estimate with all that R says of it; R's limits use the normal quantile."""
    made = interval(found_value, found_error, scale="log" if ratio else "identity")
    plain = interval(found_value, found_error)
    assert found_value == pytest.approx(expected["estimate"], rel=ESTIMATE)
    assert found_error == pytest.approx(expected["se"], rel=ERROR)
    assert found_value / found_error == pytest.approx(expected["z"], rel=ERROR)
    assert made.p_value == pytest.approx(expected["p"], rel=ERROR)
    # A limit near zero is known to the standard error's own tolerance.
    assert (plain.conf_low, plain.conf_high) == pytest.approx(
        (expected["ci_low"], expected["ci_high"]), abs=ERROR * found_error
    )
    if ratio:
        assert np.exp(found_value) == pytest.approx(expected["ratio"], rel=ESTIMATE)
        assert (made.conf_low, made.conf_high) == pytest.approx((expected["ratio_low"], expected["ratio_high"]), rel=ERROR)


@pytest.mark.parametrize(("name", "block"), CASES)
def test_sizes_and_risks_are_those_of_r(name, block):
    given, clusters, horizon = matched(name, block)
    expected = stored(f"effects_{name}")[block]["binary"][FILES[name][2]]

    found = risk_difference(*given, horizon)

    treated, weight = given[2], given[3]
    assert (len(weight), len(set(clusters))) == (expected["n"], expected["n_clusters"])
    assert weight[treated].sum() == pytest.approx(expected["sum_weights_treated"], rel=1e-9)
    assert weight[~treated].sum() == pytest.approx(expected["sum_weights_control"], rel=1e-9)
    assert found.treated_value == pytest.approx(expected["risk_treated"], rel=ESTIMATE)
    assert found.comparison_value == pytest.approx(expected["risk_control"], rel=ESTIMATE)


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
@pytest.mark.parametrize(("name", "block"), CASES)
def test_risk_difference_with_clustered_errors_is_that_of_r(name, block, kind):
    given, clusters, horizon = matched(name, block)
    expected = stored(f"effects_{name}")[block]["binary"][FILES[name][2]][f"rd_cluster_{kind}"]

    found = risk_difference(*given, horizon)

    compare(found.value, clustered_variance(found.influence, clusters, kind=kind) ** 0.5, expected, ratio=False)


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
@pytest.mark.parametrize(("name", "block"), CASES)
def test_risk_ratio_with_clustered_errors_is_that_of_r(name, block, kind):
    given, clusters, horizon = matched(name, block)
    expected = stored(f"effects_{name}")[block]["binary"][FILES[name][2]][f"log_rr_cluster_{kind}"]

    found = risk_ratio(*given, horizon)

    compare(found.value, clustered_variance(found.influence, clusters, kind=kind) ** 0.5, expected, ratio=True)


@pytest.mark.parametrize(("name", "block"), CASES)
def test_risk_difference_without_clusters_is_that_of_r(name, block):
    given, clusters, horizon = matched(name, block)
    expected = stored(f"effects_{name}")[block]["binary"][FILES[name][2]]["rd_robust_nocluster_HC1"]

    found = risk_difference(*given, horizon)

    error = clustered_variance(found.influence, np.arange(len(clusters)), kind="HC1") ** 0.5
    compare(found.value, error, expected, ratio=False)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("block", BLOCKS)
def test_cox_model_of_the_arm_is_that_of_r_with_weights_ties_and_clusters(block, ties):
    (time, event, treated, weight), clusters, _ = matched("rossi", block)
    expected = stored("effects_rossi")[block]["survival"][f"cox_{ties}"]

    fit = fit_cox(time, event, treated[:, None].astype(float), weight, ties=ties)

    value = fit.coefficients[0]
    robust = (np.bincount(np.unique(clusters, return_inverse=True)[1], fit.influence[:, 0]) ** 2).sum() ** 0.5
    made = interval(value, robust, scale="log")
    found = {
        "coef": value, "hr": np.exp(value), "model_se": fit.covariance[0, 0] ** 0.5, "robust_se": robust, "z": value / robust,
        "p": made.p_value, "hr_low": made.conf_low, "hr_high": made.conf_high,
        "loglik_null": fit.loglik_null, "loglik": fit.loglik,
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for key, number in found.items():
        assert number == pytest.approx(
            expected[key], rel=ESTIMATE if key in ("coef", "hr", "loglik", "loglik_null") else ERROR
        ), key


@pytest.mark.parametrize("block", BLOCKS)
def test_hazard_ratio_is_the_efron_model_and_events_are_counted(block):
    given, _, horizon = matched("rossi", block)
    expected = stored("effects_rossi")[block]["survival"]

    found = hazard_ratio(*given, horizon)

    _, event, treated, _ = given
    assert found.value == pytest.approx(expected["cox_efron"]["coef"], rel=ESTIMATE)
    assert (event[treated].sum(), event[~treated].sum()) == (expected["events_treated"], expected["events_control"])


@pytest.mark.parametrize("group", ["fin=0", "fin=1"])
@pytest.mark.parametrize("block", BLOCKS)
def test_kaplan_meier_is_that_of_r(block, group):
    (time, event, treated, weight), _, _ = matched("rossi", block)
    own = weight * (treated == (group == "fin=1"))
    expected = pd.DataFrame(stored("effects_rossi")[block]["survival"]["km"]).query("group == @group")
    times = expected["time"].to_numpy(float)

    curve = kaplan_meier(time, event, own)
    errors = [(survival_influence(time, event, own, t) ** 2).sum() ** 0.5 for t in times]

    np.testing.assert_allclose(survival_at(curve, times), expected["surv"], atol=1e-9)
    np.testing.assert_allclose(number_at_risk(time, own, times), expected["n_risk"], rtol=1e-9)
    # Greenwood without weights; with weights that are not whole numbers survfit turns to the infinitesimal jackknife, as here.
    np.testing.assert_allclose(errors, expected["se_greenwood"], rtol=ERROR)


@pytest.mark.parametrize(("arm", "group"), [("control", 0), ("treated", 1)])
@pytest.mark.parametrize("block", BLOCKS)
def test_restricted_mean_is_that_of_r(block, arm, group):
    (time, event, treated, weight), _, _ = matched("rossi", block)
    own = weight * (treated == group)
    expected = stored("effects_rossi")[block]["survival"]["rmst"]

    curve = kaplan_meier(time, event, own)

    assert restricted_mean(curve, 52.0) == pytest.approx(expected[arm], rel=1e-8)
    # R prints an error that takes weights for numbers of units. The curve's own columns give it again ...
    edges = np.append(np.minimum(curve.time, 52.0), 52.0)
    areas = np.cumsum((curve.survival * np.diff(edges))[::-1])[::-1]
    counted = (areas**2 * curve.events / (curve.at_risk * (curve.at_risk - curve.events))).sum() ** 0.5
    assert counted == pytest.approx(expected[f"se_{arm}"], rel=ERROR)
    # ... and the influence values agree with it wherever weights are all one.
    if (own[own > 0] == 1.0).all():
        influence = restricted_mean_influence(time, event, own, 52.0)
        assert (influence**2).sum() ** 0.5 == pytest.approx(expected[f"se_{arm}"], rel=ERROR)


@pytest.mark.parametrize("block", BLOCKS)
def test_restricted_mean_difference_is_that_of_r(block):
    given, _, horizon = matched("rossi", block)
    expected = stored("effects_rossi")[block]["survival"]["rmst"]

    found = restricted_mean_difference(*given, horizon)

    # A difference of 2 between means of 45.
    assert found.value == pytest.approx(expected["difference"], rel=1e-7)
    if (given[3] == 1.0).all():
        assert (found.influence**2).sum() ** 0.5 == pytest.approx(expected["se_difference_independent"], rel=ERROR)


@pytest.mark.parametrize("measure", ["risk_difference", "risk_ratio"])
@pytest.mark.parametrize("block", ["unmatched", "nearest_caliper_logit", "nearest_ratio3_caliper"])
def test_estimate_effect_carries_rs_clustered_error_through_a_design(block, measure):
    followup, design = rossi_design(block)
    key = "rd" if measure == "risk_difference" else "log_rr"
    expected = stored("effects_rossi")[block]["binary"]["arrest"][f"{key}_cluster_HC1"]

    found = estimate_effect(followup, design, measure)

    value = found.estimate if key == "rd" else np.log(found.estimate)
    assert value == pytest.approx(expected["estimate"], rel=ESTIMATE)
    assert found.std_error == pytest.approx(expected["se"], rel=ERROR)
    on = "child" if block == "unmatched" else "matched set"
    assert found.interval == f"t, {found.df:.1f} df; sandwich, clustered on {on}".replace(".0 df", " df")


def rossi_design(block):
    frame, *_ = load("rossi")
    cohort = Cohort.from_frame(frame, treated="fin", id="id", covariates=FORMULAS["rossi"])
    rows = cohort.units["unit_id"].astype(int).to_numpy() - 1
    weight, sets = np.ones(len(frame)), np.full(len(frame), -1)
    if block != "unmatched":
        design = stored("match_rossi")["matched"][block]
        weight, sets = np.array(design["weights"]), np.array([-1 if s is None else int(s) for s in design["subclass"]])
    weighting = Weighting(weight[rows], sets[rows], np.full(len(frame), 0.5), "ATT")
    followup = FollowUp.from_frame(frame, event="arrest", time="week", id="id", time_unit="weeks")
    return followup, Design(cohort, block, {}, weighting, "ATT", cohort.attrition)


# ---- weights from an estimated score ------------------------------------------------------------------------------


def columns(name):
    frame, *_ = load(name)
    given = frame[FORMULAS[name]]
    if name == "lalonde":
        given = pd.get_dummies(given, columns=["race"], drop_first=True)
    return sm.add_constant(given.astype(float)).to_numpy()


def fitted_score(name):
    """Return the design matrix of a logistic model of the arm, its scores and the influence on its coefficients."""
    x, (*_, treated) = columns(name), load(name)
    score = np.asarray(sm.Logit(treated.astype(float), x).fit(disp=0, tol=1e-14, maxiter=100).predict(x))
    information = (x * (score * (1 - score))[:, None]).T @ x
    return x, score, (x * (treated - score)[:, None]) @ np.linalg.inv(information)


def weights_of(name, kind):
    x, score, _ = fitted_score(name)
    treated = load(name)[-1]
    own = np.where(treated, score, 1 - score)
    if kind == "entropy_att":
        return entropy_weights(x[:, 1:], treated)
    if kind == "ate_trim_1_99":
        low, high = np.quantile(1 / own, [0.01, 0.99])
        return np.clip(1 / own, low, high)
    share = np.where(treated, treated.mean(), 1 - treated.mean())
    target = {"ate": 1.0, "att": score, "atc": 1 - score, "overlap": score * (1 - score), "ate_stabilised": share}
    return (target | {"matching": np.minimum(score, 1 - score)})[kind] / own


def entropy_weights(x, treated):
    """Newton on the dual: comparison weights that give the treated means, summing to the number treated."""
    z = (x[~treated] - x[treated].mean(axis=0)) / x.std(axis=0)
    tilt = np.zeros(x.shape[1])
    for _ in range(50):
        p = special.softmax(z @ tilt)
        mean = p @ z
        tilt = tilt - np.linalg.solve((z * p[:, None]).T @ z - np.outer(mean, mean), mean)
    weight = np.ones(len(x))
    weight[~treated] = special.softmax(z @ tilt) * treated.sum()
    return weight


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", list(FILES))
def test_weighted_risk_difference_and_ratio_are_those_of_r(name, kind):
    _, time, event, treated = load(name)
    expected = stored(f"weighting_{name}")["outcomes"][FILES[name][2]][kind]
    weight, n = weights_of(name, kind), len(time)

    rd = risk_difference(time, event, treated, weight, time.max())
    rr = risk_ratio(time, event, treated, weight, time.max())

    assert rd.value == pytest.approx(expected["difference"], rel=ESTIMATE)
    assert rr.value == pytest.approx(expected["log_rr"], rel=ESTIMATE)
    # vcovHC knows no clusters, so no G/(G - 1).
    squares = (rd.influence**2).sum()
    assert squares**0.5 == pytest.approx(expected["se_HC0"], rel=ERROR)
    assert (squares * n / (n - 2)) ** 0.5 == pytest.approx(expected["se_HC1"], rel=ERROR)
    assert (rr.influence**2).sum() ** 0.5 == pytest.approx(expected["log_rr_se_HC0"], rel=ERROR)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weighted_cox_model_is_that_of_r(kind):
    _, time, event, treated = load("rossi")
    expected = stored("weighting_rossi")["cox"][kind]

    fit = fit_cox(time, event, treated[:, None].astype(float), weights_of("rossi", kind))

    assert fit.coefficients[0] == pytest.approx(expected["coef"], rel=ESTIMATE)
    assert np.exp(fit.coefficients[0]) == pytest.approx(expected["hr"], rel=ESTIMATE)
    assert (fit.influence**2).sum() ** 0.5 == pytest.approx(expected["robust_se"], rel=ERROR)
    assert fit.covariance[0, 0] ** 0.5 == pytest.approx(expected["model_se"], rel=ERROR)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weighted_curves_and_restricted_means_are_those_of_r(kind):
    _, time, event, treated = load("rossi")
    expected = stored("weighting_rossi")["weighted_km"][kind]
    weight, table = weights_of("rossi", kind), pd.DataFrame(expected["km"])

    for arm, group, mean in ((treated, "fin=1", "rmst_treated"), (~treated, "fin=0", "rmst_control")):
        curve, rows = kaplan_meier(time, event, weight * arm), table[table["group"] == group]
        np.testing.assert_allclose(survival_at(curve, rows["time"].to_numpy(float)), rows["surv"], atol=1e-9)
        assert restricted_mean(curve, expected["rmst_tau"]) == pytest.approx(expected[mean], rel=1e-8)


def score_gradient(kind, x, score, treated):
    """Return weights of one kind with their derivatives in the coefficients of the score."""
    if kind == "ate":
        weight = np.where(treated, 1 / score, 1 / (1 - score))
        slope = np.where(treated, -(1 - score) / score, score / (1 - score))
    elif kind == "att":
        weight = np.where(treated, 1.0, score / (1 - score))
        slope = np.where(treated, 0.0, score / (1 - score))
    else:
        weight = np.where(treated, 1 - score, score)
        slope = np.where(treated, -1.0, 1.0) * score * (1 - score)
    return weight, slope[:, None] * x


@pytest.mark.parametrize("kind", ["ate", "att", "overlap"])
@pytest.mark.parametrize("name", list(FILES))
def test_correction_for_estimated_weights_is_the_stacked_m_estimator_of_r(name, kind):
    _, time, event, treated = load(name)
    x, score, psi = fitted_score(name)
    weight, gradient = score_gradient(kind, x, score, treated)
    expected = stored(f"weighting_{name}")["outcomes"][FILES[name][2]]["m_estimation_with_estimated_score"][kind]

    rd = risk_difference(time, event, treated, weight, time.max())
    rr = risk_ratio(time, event, treated, weight, time.max())

    assert (rd.treated_value, rd.comparison_value) == pytest.approx(
        (expected["mean_treated"], expected["mean_control"]), rel=ESTIMATE
    )
    assert (rd.value, rr.value) == pytest.approx((expected["difference"], expected["log_ratio"]), rel=ESTIMATE)
    for contrast, key in ((rd, "se_difference"), (rr, "se_log_ratio")):
        corrected = correct_for_estimated_weights(contrast.influence, weight, gradient, psi)
        assert (corrected**2).sum() ** 0.5 == pytest.approx(expected[key], rel=ERROR)


@pytest.mark.parametrize("kind", ["ate", "att", "overlap"])
def test_correction_holds_for_a_number_as_well_as_for_a_share(kind):
    frame, _, _, treated = load("lalonde")
    x, score, psi = fitted_score("lalonde")
    weight, gradient = score_gradient(kind, x, score, treated)
    expected = stored("weighting_lalonde")["outcomes"]["re78"]["m_estimation_with_estimated_score"][kind]
    earnings, influence = frame["re78"].to_numpy(float), np.zeros(len(frame))

    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        mean = np.average(earnings[arm], weights=weight[arm])
        influence[arm] = sign * weight[arm] * (earnings[arm] - mean) / weight[arm].sum()
    corrected = correct_for_estimated_weights(influence, weight, gradient, psi)

    assert (corrected**2).sum() ** 0.5 == pytest.approx(expected["se_difference"], rel=ERROR)


# ---- models of several covariates, curves by arm ---------------------------------------------------------------------


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("model", "terms"), [("cox", ["fin", *FORMULAS["rossi"]]), ("cox_reduced", ["fin", "age", "prio"])])
def test_cox_model_of_several_covariates_is_that_of_r(model, terms, ties):
    frame, time, event, _ = load("rossi")
    expected = stored("survival_models")["rossi"][model]
    table = pd.DataFrame(expected[ties]["coefficients"]).set_index("term").loc[terms]

    fit = fit_cox(time, event, frame[terms].to_numpy(float), np.ones(len(frame)), ties=ties)

    error = np.sqrt(np.diag(fit.covariance))
    p_value = [interval(value, se).p_value for value, se in zip(fit.coefficients, error, strict=True)]
    np.testing.assert_allclose(fit.coefficients, table["coef"], rtol=ESTIMATE)
    np.testing.assert_allclose(np.exp(fit.coefficients), table["exp(coef)"], rtol=ESTIMATE)
    np.testing.assert_allclose(error, table["se(coef)"], rtol=ERROR)
    np.testing.assert_allclose(fit.coefficients / error, table["z"], rtol=ERROR)
    np.testing.assert_allclose(p_value, table["Pr(>|z|)"], rtol=10 * ERROR)  # a p-value magnifies z by |z|
    np.testing.assert_allclose([fit.loglik_null, fit.loglik], expected[ties]["loglik"], rtol=ESTIMATE)
    assert 2.0 * (fit.loglik - fit.loglik_null) == pytest.approx(expected[ties]["lr"][0], rel=ESTIMATE)
    # R prints Wald's statistic with two decimals.
    wald = fit.coefficients @ np.linalg.solve(fit.covariance, fit.coefficients)
    assert wald == pytest.approx(expected[ties]["wald"][0], abs=0.0051)
    assert fit.n_events == expected["events"]
    if ties == "efron":
        robust = [expected["robust_se"][term] for term in terms]
        np.testing.assert_allclose(np.sqrt((fit.influence**2).sum(axis=0)), robust, rtol=ERROR)


def test_cox_model_of_recidivism_is_the_published_one():
    frame = pd.read_csv(HERE / "data" / "recid.csv")
    terms = ["workprg", "priors", "tserved", "felon", "drugs", "black", "married", "educ", "age"]

    fit = fit_cox(
        frame["durat"].to_numpy(float), frame["cens"].to_numpy() == 0, frame[terms].to_numpy(float), np.ones(len(frame))
    )

    ratios = dict(zip(terms, np.exp(fit.coefficients), strict=True))
    # Published with four decimals, the likelihood with two.
    assert [round(ratios[term], 4) for term in ("workprg", "priors", "felon")] == [1.0543, 1.1002, 0.7361]
    assert round(fit.loglik, 2) == -3820.91
    assert fit.n_events == 552


@pytest.mark.parametrize("group", ["fin=0", "fin=1"])
def test_curve_and_its_loglog_limits_are_those_of_r(group):
    _, time, event, treated = load("rossi")
    own = (treated == (group == "fin=1")).astype(float)
    expected = pd.DataFrame(stored("survival_models")["rossi"]["km_by_fin"]["table"]).query("group == @group")
    times = expected["time"].to_numpy(float)

    survival = survival_at(kaplan_meier(time, event, own), times)
    error = np.array([(survival_influence(time, event, own, t) ** 2).sum() ** 0.5 for t in times])
    low, high = limits(survival, error, scale="loglog")

    np.testing.assert_allclose(survival, expected["surv"], atol=1e-9)
    np.testing.assert_allclose(number_at_risk(time, own, times), expected["n_risk"], rtol=1e-12)
    np.testing.assert_allclose(error, expected["se"], rtol=ERROR)
    np.testing.assert_allclose(low, expected["low_loglog"], rtol=ERROR)
    np.testing.assert_allclose(high, expected["high_loglog"], rtol=ERROR)


def test_rows_of_the_curves_frame_are_those_of_r():
    expected = pd.DataFrame(stored("survival_models")["rossi"]["km_by_fin"]["table"])

    frame = survival_curves(*rossi_design("unmatched"))

    for arm, group in (("treated", "fin=1"), ("comparison", "fin=0")):
        rows = expected[expected["group"] == group].set_index("time")
        at_risk = frame[(frame["kind"] == "at_risk") & (frame["arm"] == arm)].set_index("time")["n_at_risk"]
        end = frame[(frame["kind"] == "curve") & (frame["arm"] == arm)].iloc[-1]
        assert [at_risk[t] for t in (10, 20, 30, 40)] == rows.loc[[10, 20, 30, 40], "n_risk"].tolist()
        assert end["time"] == 52.0
        assert 1.0 - end["incidence"] == pytest.approx(rows.loc[52, "surv"], abs=1e-9)
        # Ours use G/(G - 1) and the t quantile with 215 df: 0.8 % wider than R's on the log(-log) scale.
        ours = np.log(np.log(1 - end["conf_high"]) / np.log(1 - end["conf_low"]))
        theirs = np.log(np.log(rows.loc[52, "low_loglog"]) / np.log(rows.loc[52, "high_loglog"]))
        assert ours / theirs == pytest.approx((216 / 215) ** 0.5 * 1.9710592 / 1.9599640, rel=1e-5)


@pytest.mark.parametrize("tau", ["26", "52"])
def test_restricted_means_to_two_horizons_are_those_of_r(tau):
    _, time, event, treated = load("rossi")
    expected = stored("survival_models")["rossi"]["km_by_fin"]["rmst"][tau]

    found = restricted_mean_difference(time, event, treated, np.ones(432), float(tau))

    assert (found.comparison_value, found.treated_value) == pytest.approx(tuple(expected["rmst"]), rel=1e-8)
    assert found.value == pytest.approx(expected["difference_2_minus_1"], rel=1e-7)
    errors = [(found.influence[arm] ** 2).sum() ** 0.5 for arm in (~treated, treated)]
    assert errors == pytest.approx(expected["se"], rel=ERROR)
    assert (found.influence**2).sum() ** 0.5 == pytest.approx(expected["se_difference"], rel=ERROR)


def test_restricted_mean_difference_is_that_of_survrm2():
    _, time, event, treated = load("rossi")
    expected = stored("survival_models")["rossi"]["rmst_survRM2"]["unadjusted"][0]

    found = restricted_mean_difference(time, event, treated, np.ones(432), 52.0)

    made = interval(found.value, (found.influence**2).sum() ** 0.5)
    assert found.value == pytest.approx(expected["Est."], rel=1e-8)
    assert (made.conf_low, made.conf_high) == pytest.approx((expected["lower .95"], expected["upper .95"]), rel=ERROR)
    assert made.p_value == pytest.approx(expected["p"], rel=ERROR)


# ---- a second opinion ---------------------------------------------------------------------------------------------------


def test_lifelines_draws_the_same_curve():
    from lifelines import KaplanMeierFitter

    frame = pd.read_csv(HERE / "data" / "recid.csv")
    time, event = frame["durat"].to_numpy(float), frame["cens"].to_numpy() == 0

    curve = kaplan_meier(time, event, np.ones(len(time)))

    theirs = KaplanMeierFitter().fit(time, event).survival_function_at_times(curve.time).to_numpy()
    np.testing.assert_allclose(curve.survival, theirs, atol=1e-10)


def test_lifelines_fits_the_same_cox_model():
    from lifelines import CoxPHFitter

    frame, time, event, _ = load("rossi")
    terms = ["fin", *FORMULAS["rossi"]]

    fit = fit_cox(time, event, frame[terms].to_numpy(float), np.ones(len(frame)))

    theirs = CoxPHFitter().fit(frame[["week", "arrest", *terms]], "week", "arrest", fit_options={"precision": 1e-10})
    np.testing.assert_allclose(fit.coefficients, theirs.params_[terms], rtol=ESTIMATE)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs.standard_errors_[terms], rtol=ERROR)
