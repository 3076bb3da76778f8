"""Weights made from the propensity score, and all that follows from them, agree with R, by r/03_weighting.R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.covariates import code_covariates
from yoseval.design.arm_statistics import balance_statistics
from yoseval.design.cbps import cbps_weighting
from yoseval.design.entropy import entropy_weighting
from yoseval.design.ipw import IpwOptions, ipw_weighting
from yoseval.design.matching_weights import matching_weighting
from yoseval.design.weighting import overlap_weighting
from yoseval.models.cox import fit_cox
from yoseval.models.curves import kaplan_meier, restricted_mean, survival_at
from yoseval.models.variance import correct_for_estimated_weights, effective_size

HERE = Path(__file__).parent
FILES = {
    "lalonde": ("lalonde_matchit.csv", "treat", ("age", "educ", "race", "married", "nodegree", "re74", "re75")),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio")),
}
OUTCOMES = {"lalonde": ("re78", "employed"), "rossi": ("arrest",)}
EACH_OUTCOME = [(n, o) for n, outcomes in OUTCOMES.items() for o in outcomes]
IPW = {
    "ate": IpwOptions("ATE"),
    "att": IpwOptions("ATT"),
    "atc": IpwOptions("ATC"),
    "ate_stabilised": IpwOptions("ATE", stabilize=True),
    "ate_trim_1_99": IpwOptions("ATE", truncate=0.01),
}
KINDS = [*IPW, "matching", "overlap", "entropy_att"]


class Study:
    """One data set in file order, what R says of it, and its weightings."""

    def __init__(self, name):
        file, treated, covariates = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file)
        if name == "lalonde":
            self.frame["employed"] = (self.frame["re78"] > 0).astype(float)
        self.r = json.loads((HERE / "results" / f"weighting_{name}.json").read_text())
        self.treated = self.frame[treated].to_numpy() == 1
        self.matrix = code_covariates(self.frame, covariates)

    def weighting(self, kind):
        if kind in IPW:
            return ipw_weighting(self.matrix, self.treated, IPW[kind])
        leaf = {"matching": matching_weighting, "overlap": overlap_weighting, "entropy_att": entropy_weighting}
        return leaf[kind](self.matrix, self.treated)

    def effect(self, outcome, weighting):
        """Weighted means by arm and the influence of each unit on their difference, weights as known and as estimated."""
        y, w, means, influence = self.frame[outcome].to_numpy(float), weighting.weight, [], np.zeros(len(self.frame))
        for arm, sign in ((self.treated, 1.0), (~self.treated, -1.0)):
            means.append(w[arm] @ y[arm] / w[arm].sum())
            influence[arm] = sign * w[arm] * (y[arm] - means[-1]) / w[arm].sum()
        estimation = weighting.estimation
        return means, influence, correct_for_estimated_weights(influence, w, estimation.gradient, estimation.influence)


STUDIES = {name: Study(name) for name in FILES}


def length(influence):
    return float(np.sqrt(influence @ influence))


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in {"overlap", "entropy_att"}])
@pytest.mark.parametrize("name", list(FILES))
def test_every_row_of_weights_is_that_of_r(name, kind):
    study = STUDIES[name]
    wanted, treated = study.r["weights"][kind], study.treated

    weight = study.weighting(kind).weight

    found = {
        "sum_treated": weight[treated].sum(),
        "sum_control": weight[~treated].sum(),
        "max": weight.max(),
        "min": weight.min(),
        "ess_treated": effective_size(weight[treated]),
        "ess_control": effective_size(weight[~treated]),
    }
    assert found == pytest.approx({k: wanted[k] for k in found}, rel=1e-6)
    assert weight[:10] == pytest.approx(wanted["first10"], rel=1e-6)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "entropy_att"])
@pytest.mark.parametrize("name", list(FILES))
def test_every_row_of_balance_is_that_of_r(name, kind):
    study = STUDIES[name]
    matrix, treated, weight = study.matrix, study.treated, study.weighting(kind).weight
    terms = [t.replace(": ", "") for t in matrix.terms]

    for row in study.r["balance"][kind]:
        column = matrix.values[:, [terms.index(row["term"])]]
        # R divides 0/1 terms by their SD with the divisor n - 1, so all columns are told to be numbers here.
        for key, pooled in (("smd_sd_treated", False), ("smd_sd_pooled", True)):
            found = balance_statistics(column, np.array([False]), treated, weight, pooled=pooled)
            assert found.std_mean_diff[0] == pytest.approx(row[key], rel=1e-6, abs=1e-9)
        assert found.mean_treated[0] == pytest.approx(row["mean_treated"], rel=1e-6)
        assert found.mean_comparison[0] == pytest.approx(row["mean_control"], rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "outcome"), EACH_OUTCOME)
def test_every_difference_with_its_robust_errors_is_that_of_r(name, outcome, kind):
    study, n = STUDIES[name], len(STUDIES[name].frame)
    wanted, weighting = study.r["outcomes"][outcome][kind], study.weighting(kind)

    means, influence, _ = study.effect(outcome, weighting)

    # Of an arm's mean the leverage is the weight over the arm's sum.
    w = weighting.weight
    leverage = np.where(study.treated, w / w[study.treated].sum(), w / w[~study.treated].sum())
    assert means[0] - means[1] == pytest.approx(wanted["difference"], rel=1e-6)
    assert length(influence) == pytest.approx(wanted["se_HC0"], rel=1e-6)
    assert length(influence) * np.sqrt(n / (n - 2)) == pytest.approx(wanted["se_HC1"], rel=1e-6)
    assert length(influence / (1 - leverage)) == pytest.approx(wanted["se_HC3"], rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "outcome"), [e for e in EACH_OUTCOME if e[1] != "re78"])
def test_every_ratio_of_shares_and_odds_is_that_of_r(name, outcome, kind):
    study = STUDIES[name]
    wanted, treated = study.r["outcomes"][outcome][kind], study.treated

    (over, under), influence, _ = study.effect(outcome, study.weighting(kind))

    for key, slope, value in (
        ("log_rr", (1 / over, 1 / under), np.log(over / under)),
        ("log_or", (1 / (over * (1 - over)), 1 / (under * (1 - under))), np.log(over / (1 - over) * (1 - under) / under)),
    ):
        assert value == pytest.approx(wanted[key], rel=1e-6)
        # R's glm stops one step before the maximum, and its errors are those of that step.
        assert length(influence * np.where(treated, *slope)) == pytest.approx(wanted[f"{key}_se_HC0"], rel=2e-5)


@pytest.mark.parametrize("kind", ["ate", "att", "overlap"])
@pytest.mark.parametrize(("name", "outcome"), EACH_OUTCOME)
def test_stacked_errors_with_the_estimated_score_are_those_of_r(name, outcome, kind):
    study = STUDIES[name]
    wanted = study.r["outcomes"][outcome]["m_estimation_with_estimated_score"][kind]

    means, _, corrected = study.effect(outcome, study.weighting(kind))

    assert means == pytest.approx([wanted["mean_treated"], wanted["mean_control"]], rel=1e-6)
    # R's bread is a numeric derivative.
    assert length(corrected) == pytest.approx(wanted["se_difference"], rel=1e-5)
    if outcome != "re78":
        by_ratio = ratio_influence(study, outcome, study.weighting(kind))
        assert length(by_ratio) == pytest.approx(wanted["se_log_ratio"], rel=1e-5)


def ratio_influence(study, outcome, weighting):
    """Influence on the log ratio with the correction made on the ratio itself."""
    (over, under), influence, _ = study.effect(outcome, weighting)
    scaled = influence * np.where(study.treated, 1 / over, 1 / under)
    estimation = weighting.estimation
    return correct_for_estimated_weights(scaled, weighting.weight, estimation.gradient, estimation.influence)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weighted_cox_model_is_that_of_r(kind):
    study = STUDIES["rossi"]
    wanted, frame = study.r["cox"][kind], study.frame
    weight = study.weighting(kind).weight
    if kind == "overlap":
        # R does not make them sum to one within an arm, and in a Cox model the arms meet.
        sums = study.r["weights"]["overlap"]
        weight = weight * np.where(study.treated, sums["sum_treated"], sums["sum_control"])

    fit = fit_cox(frame["week"].to_numpy(float), frame["arrest"].to_numpy() == 1, study.treated[:, None].astype(float), weight)

    assert fit.coefficients[0] == pytest.approx(wanted["coef"], rel=1e-6)
    assert np.exp(fit.coefficients[0]) == pytest.approx(wanted["hr"], rel=1e-6)
    assert length(fit.influence[:, 0]) == pytest.approx(wanted["robust_se"], rel=1e-5)
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(wanted["model_se"], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weighted_curve_is_that_of_r(kind):
    study = STUDIES["rossi"]
    wanted, frame, weight = study.r["weighted_km"][kind], study.frame, study.weighting(kind).weight
    table = pd.DataFrame(wanted["km"])

    for arm, group, mean in ((study.treated, "fin=1", "rmst_treated"), (~study.treated, "fin=0", "rmst_control")):
        curve = kaplan_meier(frame["week"].to_numpy(float), frame["arrest"].to_numpy() == 1, weight * arm)
        rows = table[table["group"] == group]
        assert survival_at(curve, rows["time"].to_numpy(float)) == pytest.approx(rows["surv"].to_numpy(), rel=1e-6)
        assert restricted_mean(curve, wanted["rmst_tau"]) == pytest.approx(wanted[mean], rel=1e-6)


def test_the_golden_effects_of_inverse_probability_weights_on_lalonde():
    study, found = STUDIES["lalonde"], {}

    for kind in ("ate", "att"):
        means, influence, corrected = study.effect("re78", study.weighting(kind))
        found[kind] = [round(float(v), 2) for v in (means[0] - means[1], length(corrected), length(influence))]

    assert found == {"ate": [224.68, 876.19, 909.48], "att": [1214.07, 798.15, 824.05]}


@pytest.mark.parametrize("name", list(FILES))
def test_balancing_scores_of_the_treated_give_the_entropy_weights_of_r(name):
    study = STUDIES[name]
    wanted = study.r["entropy_balance"]

    weight = cbps_weighting(study.matrix, study.treated).weight[~study.treated]

    # Just identified, with a logit link, for the ATT: the two methods solve one system of equations.
    assert weight[:10] == pytest.approx(wanted["first10_control"], rel=1e-6)
    assert effective_size(weight) == pytest.approx(wanted["ess_control"], rel=1e-6)
    assert weight.max() == pytest.approx(wanted["max_weight_normalised_to_n_treated"], rel=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, "cbps", "cbps_ate", "over", "over_ate"])
def test_stacked_errors_are_those_of_a_jackknife_that_refits_the_weights(kind):
    study = STUDIES["rossi"]
    y, treated = study.frame["arrest"].to_numpy(float), study.treated
    if kind in KINDS:
        weighting = study.weighting(kind)
    else:
        target = "ATE" if kind.endswith("ate") else "ATT"
        weighting = cbps_weighting(study.matrix, treated, estimand=target, over=kind.startswith("over"))

    _, _, corrected = study.effect("arrest", weighting)

    everybody, replicates = np.arange(len(y)), []
    for i in everybody[::3]:
        kept = np.delete(everybody, i)
        w, arm = weighting.reweight(kept), treated[kept]
        replicates.append(np.average(y[kept][arm], weights=w[arm]) - np.average(y[kept][~arm], weights=w[~arm]))
    # A unit left out moves the estimate by minus its influence, but for terms of the order of 7 parameters over 432 units;
    # weights with a corner or a cut are a little further off.
    value = np.subtract(*study.effect("arrest", weighting)[0])
    moved = value - np.array(replicates)
    assert np.corrcoef(moved, corrected[::3])[0, 1] > 0.995
    assert length(moved) == pytest.approx(length(corrected[::3]), rel=0.05)
