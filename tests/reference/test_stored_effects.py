"""Every effect that R found in seven designs on two data sets, from public functions where their conventions are R's.

Script: r/02_effects_after_matching.R. Designs are made of R's own weights and sets, so that ties of the score play no part.
Values and influence come from ``estimate_effect``; standard errors are then made by R's conventions: the sandwich package adds
G/(G - 1) and, for HC1, (n - 1)/(n - k); ``coxph`` and ``survfit`` add nothing. Limits and p-values use the normal quantile.
Matching with replacement goes through the leaves: R takes each use of a comparison unit as another row, we do not. R's
g-computation has one model of both arms and holds the population fixed; so does the leaf here, not ``adjustment=``.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cox import fit_cox, score_test
from yoseval.models.curves import kaplan_meier, number_at_risk
from yoseval.models.intervals import chi_square_p_value, interval
from yoseval.models.log_rank import log_rank
from yoseval.models.variance import clustered_sandwich, clustered_variance
from yoseval.models.working_model import fit_working_model
from yoseval.outcomes.applying import contrast_of
from yoseval.outcomes.arm_contrasts import ArmMean, difference, log_odds_ratio, log_ratio
from yoseval.outcomes.contrast import Sample
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.exact_tests import pairs_table
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.standardised import g_computation
from yoseval.outcomes.types import FollowUp

HERE = Path(__file__).parent
FORMULAS = {
    "rossi": ["age", "race", "wexp", "mar", "paro", "prio"],
    "lalonde": ["age", "educ", "race", "married", "nodegree", "re74", "re75"],
}
FILES = {"rossi": ("rossi.csv", "fin", "arrest"), "lalonde": ("lalonde_matchit.csv", "treat", "employed")}
SETS = ["unmatched", "nearest_caliper_logit", "nearest_1to1_ps", "nearest_ratio3_caliper", "full_logit_att", "subclass5"]
BLOCKS = [*SETS, "nearest_replace"]
PAIRS = ("nearest_caliper_logit", "nearest_1to1_ps")
CASES = [(name, block) for name in FILES for block in SETS]
RISKS = {"rd": "risk_difference", "log_rr": "risk_ratio", "log_or": "odds_ratio"}
CONTRASTS = {"rd": difference, "log_rr": log_ratio, "log_or": log_odds_ratio}


def stored(name):
    return json.loads((HERE / "results" / f"{name}.json").read_text())


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that R used, and what they were made from where it is a design of ours."""

    frame: pd.DataFrame
    time: np.ndarray
    event: np.ndarray
    treated: np.ndarray
    weight: np.ndarray
    covariates: np.ndarray
    clusters: np.ndarray
    unit: np.ndarray
    design: Design | None
    place: np.ndarray | None  # of each row in the design

    @property
    def n(self):
        return len(self.weight)

    @property
    def n_clusters(self):
        return len(set(self.clusters))


@cache
def load(name):
    file, arm, _ = FILES[name]
    frame = pd.read_csv(HERE / "data" / file)
    frame["employed"] = (frame["re78"] > 0).astype(int) if name == "lalonde" else 0
    frame["time"] = frame["week"] if name == "rossi" else 1
    frame["id"] = frame["id"].astype(str)
    covariates = frame[FORMULAS[name]]
    if name == "lalonde":
        covariates = pd.get_dummies(covariates, columns=["race"], drop_first=True)
    return frame, covariates.to_numpy(float), Cohort.from_frame(frame, treated=arm, id="id", covariates=FORMULAS[name])


@cache
def rows_of(name, block):
    frame, _, cohort = load(name)
    n = len(frame)
    if block == "nearest_replace":
        return replaced(name)
    weight, sets = np.ones(n), np.full(n, -1)
    if block != "unmatched":
        matched = stored(f"match_{name}")["matched"][block]
        weight, sets = np.array(matched["weights"], float), np.array([-1 if s is None else int(s) for s in matched["subclass"]])
    order = pd.Index(frame["id"]).get_indexer(cohort.units["unit_id"])
    design = Design(cohort, block, {}, Weighting(weight[order], sets[order], np.full(n, 0.5), "ATT"), "ATT", cohort.attrition)
    kept = np.flatnonzero(weight > 0)
    place = np.empty(n, dtype=int)
    place[order] = np.arange(n)
    return taken(name, kept, weight[kept], kept if block == "unmatched" else sets[kept], design, place[kept])


def replaced(name):
    """Return one row for each member of a pair, as ``get_matches`` does."""
    pairs = stored(f"match_{name}")["matched"]["nearest_replace"]["pairs"]
    at = [pd.Index(load(name)[0]["id"]).get_indexer(pairs[arm]) for arm in ("treated", "controls")]
    return taken(name, np.concatenate(at), np.ones(2 * len(at[0])), np.tile(np.arange(len(at[0])), 2), None, None)


def taken(name, kept, weight, clusters, design, place):
    frame, x, _ = load(name)
    own = frame.iloc[kept].reset_index(drop=True)
    _, arm, outcome = FILES[name]
    time, event, treated = own["time"].to_numpy(float), own[outcome].to_numpy() == 1, own[arm].to_numpy() == 1
    return Rows(own, time, event, treated, weight, x[kept], clusters, kept, design, place)


def measured(rows, measure, horizon=None, counted=None):
    """Return value, values of the arms and influence of each row: by ``estimate_effect``, or by the leaf for repeated rows."""
    horizon = rows.time.max() if horizon is None else horizon
    if rows.design is None:
        n = rows.n
        counts = None if counted is None else Counts(rows.frame[counted].to_numpy(float), np.ones(n))
        sample = Sample(rows.time, rows.event, rows.weight, np.ones(n, dtype=bool), horizon, counts=counts)
        found = contrast_of(MEASURES[measure], sample, rows.treated)
        return found.value, found.treated_value, found.comparison_value, found.influence
    found = estimate_effect(followup_of(rows, horizon, counted), rows.design, measure, variance="sandwich")
    value = np.log(found.estimate) if MEASURES[measure].scale == "log" else found.estimate
    return value, found.treated_value, found.comparison_value, found.influence[rows.place]


def followup_of(rows, horizon, counted=None):
    ids = rows.frame["id"].to_numpy(dtype=object)
    if counted is None:
        return FollowUp(ids, rows.time, rows.event, horizon)
    # A number stands where counts of events do.
    number = rows.frame[counted].to_numpy(float)
    return FollowUp(ids, rows.time, number > 0, horizon, count=number, followed=np.ones(rows.n))


def said(value, error, *, ratio=False):
    """Return all that R says of an estimate."""
    plain = interval(value, error)
    row = {
        "estimate": value, "se": error, "z": value / error, "p": plain.p_value,
        "ci_low": plain.conf_low, "ci_high": plain.conf_high,
    }  # fmt: skip
    if not ratio:
        return row
    made = interval(value, error, scale="log")
    return row | {"ratio": np.exp(value), "ratio_low": made.conf_low, "ratio_high": made.conf_high}


def binary(rows, outcome):
    found, unit = {}, np.arange(rows.n)
    for key, measure in RISKS.items():
        value, one, nought, influence = measured(rows, measure)
        for kind in ("HC0", "HC1"):
            error = clustered_variance(influence, rows.clusters, kind=kind) ** 0.5
            found[f"{key}_cluster_{kind}"] = said(value, error, ratio=key != "rd")
        if key == "rd":
            found["rd_robust_nocluster_HC1"] = said(value, clustered_hc1(influence, unit))
            found |= {"risk_treated": one, "risk_control": nought}
    arms = {"treated": rows.treated, "control": ~rows.treated}
    sums = {f"sum_weights_{arm}": rows.weight[own].sum() for arm, own in arms.items()}
    return {outcome: {"n": rows.n, "n_clusters": rows.n_clusters, **sums, **found, **adjusted(rows)}}


def clustered_hc1(influence, unit):
    """Return vcovHC's HC1, n / (n - 2): of each unit by itself that is clustered HC1."""
    return clustered_variance(influence, unit, kind="HC1") ** 0.5


def adjusted(rows):
    y = rows.event.astype(float)
    model = fit_working_model("logistic", np.column_stack([rows.treated, rows.covariates]), y, rows.weight)
    one, nought = g_computation(y, rows.treated, rows.weight, rows.covariates, estimand="ATT", interactions=False)
    by_model = {"risk_treated": one.value, "risk_control": nought.value}
    for key, contrast in CONTRASTS.items():
        # R's delta method holds the population fixed: the part of the influence that goes through the model.
        found = contrast(ArmMean(one.value, one.model), ArmMean(nought.value, nought.model))
        by_model[key] = said(found.value, clustered_variance(found.influence, rows.clusters) ** 0.5, ratio=key != "rd")
    error = clustered_variance(model.influence[:, 1], rows.clusters) ** 0.5
    return {
        "conditional_log_or_adjusted": said(model.coefficients[1], error, ratio=True),
        "gcomp_att_adjusted": by_model,
        "rd_linear_adjusted_cluster_HC1": linear(rows, y),
    }


def linear(rows, y):
    options = {"estimand": "ATT", "family": "linear", "interactions": False}
    means = g_computation(y, rows.treated, rows.weight, rows.covariates, **options)
    found = difference(*(ArmMean(m.value, m.model) for m in means))
    k = rows.covariates.shape[1] + 2
    return said(found.value, clustered_variance(found.influence, rows.clusters, kind="HC1", n_parameters=k) ** 0.5)


def continuous(rows, outcome):
    value, _, _, influence = measured(rows, "mean_count_difference", counted=outcome)
    found = {
        f"diff_cluster_{k}": said(value, clustered_variance(influence, rows.clusters, kind=k) ** 0.5) for k in ("HC0", "HC1")
    }
    # Of an arm's mean the leverage is the weight over the arm's sum.
    sums = [rows.weight[rows.treated == arm].sum() for arm in (False, True)]
    leverage = rows.weight / np.where(rows.treated, sums[1], sums[0])
    found["diff_robust_HC3"] = said(value, ((influence / (1.0 - leverage)) ** 2).sum() ** 0.5)
    return {"n": rows.n, **found, "diff_adjusted_cluster_HC1": linear(rows, rows.frame[outcome].to_numpy(float))}


def survival(rows, tree):
    own = {ties: cox(rows, ties) for ties in ("efron", "breslow")}
    found = {f"cox_{ties}": row for ties, row in own.items()}
    found |= {"cox_adjusted": cox_adjusted(rows), "rmst": restricted(rows), "km": curves(rows, tree["km"])}
    found |= {f"events_{arm}": rows.event[rows.treated == of].sum() for arm, of in (("treated", True), ("control", False))}
    return found | ranks(rows, tree)


def cox(rows, ties):
    fit = fit_cox(rows.time, rows.event, rows.treated[:, None].astype(float), rows.weight, ties=ties)
    value, influence = fit.coefficients[0], fit.influence[:, 0]
    if ties == "efron":
        value, _, _, influence = measured(rows, "hazard_ratio")
    error = clustered_sandwich(influence[:, None], rows.clusters)[0, 0] ** 0.5
    made = interval(value, error, scale="log")
    return {
        "coef": value, "hr": np.exp(value), "model_se": fit.covariance[0, 0] ** 0.5, "robust_se": error, "z": value / error,
        "p": made.p_value, "hr_low": made.conf_low, "hr_high": made.conf_high,
        "loglik_null": fit.loglik_null, "loglik": fit.loglik,
    }  # fmt: skip


def cox_adjusted(rows):
    fit = fit_cox(rows.time, rows.event, np.column_stack([rows.treated, rows.covariates]), rows.weight)
    value, error = fit.coefficients[0], clustered_sandwich(fit.influence, rows.clusters)[0, 0] ** 0.5
    return {
        "coef": value, "exp(coef)": np.exp(value), "se(coef)": fit.covariance[0, 0] ** 0.5, "robust se": error,
        "z": value / error, "Pr(>|z|)": interval(value, error).p_value,
    }  # fmt: skip


def curves(rows, table):
    """Return survival and its error at each time of the table, as the arms' values of a difference in survival there."""
    found = []
    for row in table:
        own = rows.treated == (row["group"][-1] == "1")
        _, one, nought, influence = measured(rows, "survival_difference", float(row["time"]))
        found.append({
            "surv": one if row["group"][-1] == "1" else nought,
            "n_risk": number_at_risk(rows.time, rows.weight * own, np.array([float(row["time"])]))[0],
            "se_greenwood": (influence[own] ** 2).sum() ** 0.5,
        })  # fmt: skip
    return found


def restricted(rows):
    value, one, nought, influence = measured(rows, "restricted_mean_difference", 52.0)
    found = {"treated": one, "control": nought, "difference": value}
    for arm, own in (("treated", rows.treated), ("control", ~rows.treated)):
        # R takes weights for numbers of units here, which the columns of the curve give again.
        curve = kaplan_meier(rows.time, rows.event, rows.weight * own)
        areas = np.cumsum((curve.survival * np.diff(np.append(np.minimum(curve.time, 52.0), 52.0)))[::-1])[::-1]
        found[f"se_{arm}"] = (areas**2 * curve.events / (curve.at_risk * (curve.at_risk - curve.events))).sum() ** 0.5
        if (rows.weight == 1.0).all():
            assert (influence[own] ** 2).sum() ** 0.5 == pytest.approx(found[f"se_{arm}"], rel=1e-12)
    return found | {"se_difference_independent": np.hypot(found["se_treated"], found["se_control"])}


def ranks(rows, tree):
    if "logrank" not in tree:
        return {}
    given = (rows.time, rows.event, rows.treated.astype(int), rows.weight)
    plain, early = log_rank(*given), log_rank(*given, rho=1.0)
    found = {
        "logrank": {"chisq": plain.chi2, "p": plain.p_value, "observed": plain.observed, "expected": plain.expected},
        "peto_peto": {"chisq": early.chi2, "p": early.p_value},
    }
    if "cox_stratified_by_pair" in tree:
        fit = fit_cox(rows.time, rows.event, rows.treated[:, None].astype(float), rows.weight, strata=rows.clusters)
        chi2 = score_test(fit)
        found["logrank_stratified_by_pair"] = {"chisq": chi2, "p": chi_square_p_value(chi2, 1)}
        assert log_rank(*given, strata=rows.clusters).chi2 == pytest.approx(chi2, rel=1e-10)
        found["cox_stratified_by_pair"] = {"coef": fit.coefficients[0], "se": fit.covariance[0, 0] ** 0.5}
    return found


def paired(rows, outcome):
    order = np.lexsort((~rows.treated, rows.clusters))
    one, nought = rows.event[order].reshape(-1, 2).T
    kinds = ((one & nought).sum(), (one & ~nought).sum(), (~one & nought).sum(), (~one & ~nought).sum())
    t = pairs_table(*(int(k) for k in kinds))
    return {outcome: {
        "both": t.both, "treated_only": t.treated_only, "control_only": t.comparison_only, "neither": t.neither,
        "chisq": t.chisq, "chisq_cc": t.chisq_continuity, "p": t.p_value, "p_exact": t.p_exact,
        "conditional_or": t.odds_ratio, "rd": t.risk_difference, "se_rd_paired": t.std_error,
    }}  # fmt: skip


def two_way(rows, measure, counted=None):
    """Cluster on pair and on person: the variances of each less that of both together (Cameron, Gelbach and Miller)."""
    value, _, _, influence = measured(rows, measure, counted=counted)
    by = [clustered_variance(influence, codes, kind="HC1") for codes in (rows.clusters, rows.unit, np.arange(rows.n))]
    return said(value, (by[0] + by[1] - by[2]) ** 0.5)


def found_in(name):
    outcome, tree, found = FILES[name][2], stored(f"effects_{name}"), {}
    for block in BLOCKS:
        rows = rows_of(name, block)
        found[block] = {"binary": binary(rows, outcome)}
        if block in PAIRS:
            found[block]["paired"] = paired(rows, outcome)
        if name == "lalonde":
            found[block]["continuous"] = continuous(rows, "re78")
        if name == "rossi":
            found[block]["survival"] = survival(rows, tree[block]["survival"])
        if block == "nearest_replace":
            found[block]["two_way"] = {outcome: two_way(rows, "risk_difference")}
            if name == "lalonde":
                found[block]["two_way"]["re78"] = two_way(rows, "mean_count_difference", "re78")
    return found


def by_the_error(rel):
    """Allow a number that is nought its rounding, as a share of its standard error."""
    return lambda around: (rel, 1e-12 * around["se"])


# Weights were stored with ten digits. Errors of models, and what is made of errors, 1e-5; limits by the standard error.
TOLERANCE = {
    "*/ci_*": lambda around: (0.0, 1e-5 * around["se"]),
    "*/estimate": by_the_error(1e-6),
    "*/z": lambda around: by_the_error(1e-5)(around) if "se" in around else (1e-5, 0.0),
    "*/sum_weights_*": 1e-9,
    "*/km/*/surv": 1e-9,
    "*/km/*/n_risk": 1e-9,
    "*/rmst/treated": 1e-8,
    "*/rmst/control": 1e-8,
    "*/rmst/difference": 1e-7,
    "*/logrank*": 1e-9,
    "*/peto_peto/*": 1e-9,
    "*/paired/*": 1e-9,
    "*/loglik*": 1e-9,
    "*/se*": 1e-5,
    "*_se": 1e-5,
    "*robust se": 1e-5,
    "*_low": 1e-5,
    "*_high": 1e-5,
    "*/p": 1e-5,
    "*/Pr(>|z|)": 1e-5,
    "*": 1e-6,
}


ASKED = ("*/km/*/time", "*/rmst/tau")
ORDINARY = "The error of a line whose residuals vary alike in both arms is another estimator: no interval here presumes that."


@pytest.mark.parametrize("name", FILES)
def test_every_effect_is_that_of_r(reach, name):
    asked, left_out = (ASKED, {}) if name == "rossi" else ((), {"*/continuous/diff_classical/*": ORDINARY})

    counts = reach(f"effects_{name}", found_in(name), TOLERANCE, asked=asked, left_out=left_out)

    assert counts.asserted >= 400


@pytest.mark.parametrize("measure", RISKS.values())
@pytest.mark.parametrize(("name", "block"), CASES)
def test_the_reported_error_is_hc1_clustered_on_the_sets(name, block, measure):
    rows = rows_of(name, block)
    key = next(k for k, m in RISKS.items() if m == measure)
    expected = stored(f"effects_{name}")[block]["binary"][FILES[name][2]][f"{key}_cluster_HC1"]

    found = estimate_effect(followup_of(rows, rows.time.max()), rows.design, measure, variance="sandwich")

    assert found.std_error == pytest.approx(expected["se"], rel=1e-5)
    on = "child" if block == "unmatched" else "matched set"
    assert found.interval == f"t, {found.df:.1f} df; sandwich, clustered on {on}".replace(".0 df", " df")


@pytest.mark.parametrize("block", SETS)
def test_a_cox_model_is_reported_with_the_same_correction(block):
    rows = rows_of("rossi", block)
    expected = stored("effects_rossi")[block]["survival"]["cox_efron"]

    found = estimate_effect(followup_of(rows, 52.0), rows.design, "hazard_ratio", variance="sandwich")

    correction = rows.n_clusters / (rows.n_clusters - 1) * (rows.n - 1) / (rows.n - 2)
    assert found.std_error == pytest.approx(expected["robust_se"] * correction**0.5, rel=1e-5)
    assert found.estimate == pytest.approx(expected["hr"], rel=1e-6)
