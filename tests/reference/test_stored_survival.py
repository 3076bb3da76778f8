"""Every number of R's models of the time to an arrest, and of its curves by arm.

Script: r/07_survival_models.R. The public measures have the arm alone as covariate, so models of several covariates are
asserted of the leaves; the measures themselves are asserted on designs in test_stored_effects.py.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from yoseval.models.cox import baseline_hazard, fit_cox, score_test
from yoseval.models.curves import kaplan_meier, number_at_risk, survival_at, survival_influence
from yoseval.models.intervals import chi_square_p_value, interval, limits
from yoseval.models.log_rank import log_rank
from yoseval.models.proportional_hazards import proportional_hazards_test
from yoseval.models.variance import clustered_sandwich
from yoseval.models.working_model import fit_working_model
from yoseval.outcomes.arm_contrasts import ArmMean, log_ratio
from yoseval.outcomes.survival import restricted_mean_difference, restricted_mean_ratio

HERE = Path(__file__).parent
ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
CRIME = ["pcnv", "avgsen", "tottime", "ptime86", "qemp86", "inc86", "black", "hispan", "born60"]


@cache
def stored(name):
    return json.loads((HERE / "results" / f"{name}.json").read_text())


def data(name):
    return pd.read_csv(HERE / "data" / f"{name}.csv")


def table(**named):
    """Return R's rows of named columns."""
    return pd.DataFrame(named).to_dict("records")


def errors(influence):
    return np.sqrt((influence**2).sum(axis=0))


# ---- Cox models ----------------------------------------------------------------------------------------------------------


def coefficients(fit, clusters=None):
    """Return R's table of a Cox model."""
    model = np.sqrt(np.diag(fit.covariance))
    error = model if clusters is None else np.sqrt(np.diag(clustered_sandwich(fit.influence, clusters)))
    robust = {} if clusters is None else {"robust se": error}
    p_value = [interval(value, se).p_value for value, se in zip(fit.coefficients, error, strict=True)]
    columns = {"coef": fit.coefficients, "exp(coef)": np.exp(fit.coefficients), "se(coef)": model, **robust}
    return pd.DataFrame(columns | {"z": fit.coefficients / error, "Pr(>|z|)": p_value}).to_dict("records")


def rossi(terms):
    frame = data("rossi")
    return frame["week"].to_numpy(float), frame["arrest"].to_numpy() == 1, frame[terms].to_numpy(float), np.ones(len(frame))


def chi_square_row(chi2, df):
    return [chi2, df, chi_square_p_value(chi2, df)]


def cox_of(terms, tree):
    given, found, k = rossi(terms), {}, len(terms)
    for ties in ("efron", "breslow"):
        fit = fit_cox(*given, ties=ties)
        wald = fit.coefficients @ np.linalg.solve(fit.covariance, fit.coefficients)
        found[ties] = {
            "coefficients": coefficients(fit),
            "loglik": [fit.loglik_null, fit.loglik],
            "lr": chi_square_row(2.0 * (fit.loglik - fit.loglik_null), k),
            # R prints the statistic with two decimals; its p-value is of all of them.
            "wald": [round(float(wald), 2), *chi_square_row(float(wald), k)[1:]],
            "score": chi_square_row(score_test(fit), k),
        }
    fit = fit_cox(*given)
    hazard, times = baseline_hazard(fit, np.zeros(k)), [row["time"] for row in tree["baseline_cumhaz_at_zero"]]
    reached = np.searchsorted(hazard.time, times, side="right") - 1
    return found | {
        "n": fit.n,
        "events": fit.n_events,
        "robust_se": dict(zip(terms, errors(fit.influence), strict=True)),
        "zph": {transform: zph(given, transform) for transform in ("km", "identity", "rank", "log")},
        "baseline_cumhaz_at_zero": [{"hazard": h} for h in hazard.hazard[reached]],
    }


def zph(given, transform):
    t = proportional_hazards_test(*given, transform=transform)
    return pd.DataFrame({
        "chisq": [*t.statistic, t.global_statistic], "df": [*t.df, t.global_df], "p": [*t.p_value, t.global_p_value]
    }).to_dict("records")  # fmt: skip


def person_weeks():
    """Return a row for each week of each person with the employment of that week and of the week before."""
    wide = data("rossi_wide_employment")
    week = np.concatenate([np.arange(1, last + 1) for last in wide["week"]])
    person = np.repeat(np.arange(len(wide)), wide["week"])
    employed = wide[[f"emp{k}" for k in range(1, 53)]].to_numpy(float)
    rows = wide.iloc[person].reset_index(drop=True)
    before = np.where(week > 1, employed[person, np.maximum(week - 2, 0)], np.nan)
    last = (rows["week"] == week) & (rows["arrest"] == 1)
    return rows.assign(start=week - 1.0, stop=week.astype(float), emp=employed[person, week - 1], emp_lag=before, last=last)


def by_the_week(rows, column):
    own = rows[rows[column].notna()]
    x = own[[*ROSSI, column]].to_numpy(float)
    stop, start, event = own["stop"].to_numpy(), own["start"].to_numpy(), own["last"].to_numpy()
    return coefficients(fit_cox(stop, event, x, np.ones(len(own)), entry=start))


# ---- curves by arm -------------------------------------------------------------------------------------------------------


def curves(tree):
    time, event, x, ones = rossi(["fin"])
    arms = {f"fin={g}": ones * (x[:, 0] == g) for g in (0, 1)}
    found = [curve_row(time, event, arms[row["group"]], float(row["time"])) for row in tree["table"]]
    plain, early = log_rank(time, event, x[:, 0], ones), log_rank(time, event, x[:, 0], ones, rho=1.0)
    tests = {"chisq": plain.chi2, "p": plain.p_value, "observed": plain.observed, "expected": plain.expected}
    return {
        "table": found,
        "rmst": {tau: restricted(time, event, x[:, 0] == 1, float(tau)) for tau in tree["rmst"]},
        "logrank": tests,
        "peto_peto_rho1": {"chisq": early.chi2},
    }


def curve_row(time, event, own, at):
    surv = survival_at(kaplan_meier(time, event, own), np.array([at]))
    error = np.array([errors(survival_influence(time, event, own, at))])
    low, high = limits(np.log(surv), error / surv, scale="log")
    inside = limits(surv, error, scale="loglog")
    return {
        "n_risk": number_at_risk(time, own, np.array([at]))[0], "surv": surv[0], "se": error[0],
        "low_log": low[0], "high_log": min(high[0], 1.0), "low_loglog": inside[0][0], "high_loglog": inside[1][0],
    }  # fmt: skip


def restricted(time, event, treated, tau):
    found = restricted_mean_difference(time, event, treated, np.ones(time.size), tau)
    return {
        "rmst": [found.comparison_value, found.treated_value],
        "se": [errors(found.influence[arm]) for arm in (~treated, treated)],
        "difference_2_minus_1": found.value,
        "se_difference": errors(found.influence),
    }


def survrm2():
    """Return difference, ratio and ratio of time lost, and each arm: all of them followed to 52 weeks."""
    time, event, x, ones = rossi(["fin"])
    treated = x[:, 0] == 1
    given = (time, event, treated, ones, 52.0)
    apart, ratio = restricted_mean_difference(*given), restricted_mean_ratio(*given)
    one, nought = (np.where(arm, sign * apart.influence, 0.0) for arm, sign in ((treated, 1.0), (~treated, -1.0)))
    lost = log_ratio(ArmMean(52.0 - apart.treated_value, -one), ArmMean(52.0 - apart.comparison_value, -nought))
    rows = [with_limits(apart.value, errors(apart.influence)) | {"p": interval(apart.value, errors(apart.influence)).p_value}]
    for found in (ratio, lost):
        made = interval(found.value, errors(found.influence), scale="log")
        rows.append({"Est.": np.exp(found.value), "lower .95": made.conf_low, "upper .95": made.conf_high, "p": made.p_value})
    arms = {"arm1": (apart.treated_value, one), "arm0": (apart.comparison_value, nought)}
    return {"unadjusted": rows} | {a: with_limits(v, errors(phi)) | {"se": errors(phi)} for a, (v, phi) in arms.items()}


def with_limits(value, error):
    made = interval(value, error)
    return {"Est.": value, "lower .95": made.conf_low, "upper .95": made.conf_high}


def survrm2_adjusted():
    """Return the regression of time until 52 weeks; all were followed until then, so nobody stands for another."""
    time, _, x, ones = rossi(ROSSI)
    model = fit_working_model("linear", x, np.minimum(time, 52.0), ones)
    rows = []
    for value, error in zip(model.coefficients, errors(model.influence), strict=True):
        made = interval(value, error)
        rows.append({
            "coef": value, "se(coef)": error, "z": value / error, "p": made.p_value,
            "lower .95": made.conf_low, "upper .95": made.conf_high,
        })  # fmt: skip
    return rows


def survival():
    tree, weeks = stored("survival_models")["rossi"], person_weeks()
    groups = np.digitize(data("rossi")["age"], [19, 25, 30], right=True)
    return {"rossi": {
        "cox": cox_of(ROSSI, tree["cox"]),
        "cox_reduced": cox_of(["fin", "age", "prio"], tree["cox_reduced"]),
        "cox_stratified_by_age_group": coefficients(fit_cox(*rossi(["fin", "prio"]), strata=groups)),
        "km_by_fin": curves(tree["km_by_fin"]),
        "time_varying_employment": by_the_week(weeks, "emp"),
        "time_varying_employment_lag1": by_the_week(weeks, "emp_lag"),
        "person_weeks": len(weeks),
        "rmst_survRM2": survrm2(),
        "rmst_survRM2_adjusted_difference": survrm2_adjusted(),
    }}  # fmt: skip


# ---- what is asserted, and what is not ----------------------------------------------------------------------------------


# Maxima 1e-6: R stops a step before them. Closed forms are nearer; R's p-values end at 1e-16.
TOLERANCE = {
    "*/loglik/*": 1e-10,
    "*/lr/*": 1e-10,
    "*/score/*": 1e-10,
    "rossi/km_by_fin/*": 1e-9,
    "rossi/rmst_survRM2*": 1e-8,
    "*": 1e-6,
}
NO_AFT = "Accelerated failure time models are not offered: the only distribution of times here is inside the cure model."
LEFT_OUT = {
    "rossi/aft/*": NO_AFT,
    "rossi/*/concordance": "Concordance describes how well a model predicts, not an effect.",
    "rossi/cox_exact_ties/*": "The exact likelihood for times in whole units is not offered; ties are Efron's or Breslow's.",
    "rossi/km_by_fin/quantiles/*": "Quantiles of the time to an offence are not offered: most never reach the median.",
}
ASKED = ("rossi/*/baseline_cumhaz_at_zero/*/time", "rossi/km_by_fin/table/*/time", "rossi/km_by_fin/rmst/*/tau")


def test_every_number_of_survival_is_that_of_r(reach):
    reach("survival_models", survival(), TOLERANCE, asked=ASKED, left_out=LEFT_OUT)
