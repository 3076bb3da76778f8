"""Every number of R's models of competing causes, recurrences, counts and cure, by the leaves that the measures are made of.

Scripts: r/04_counts.R, r/05_competing_risks.R, r/06_recurrent_events.R, r/08_cure_models.R. Rows of recurrent events are those
of the file here; test_recurrent.py cuts its own.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.models.cox import fit_cox
from yoseval.models.cure import LATENCIES, fit_cure
from yoseval.models.curves import kaplan_meier, number_at_risk
from yoseval.models.fine_gray import fit_fine_gray
from yoseval.models.gray import gray_test
from yoseval.models.hazard_curve import cumulative_hazard_at, hazard_influence
from yoseval.models.incidence import cumulative_incidence, incidence_at, incidence_influence
from yoseval.models.intervals import interval
from yoseval.models.overdispersion import compare_dispersion
from yoseval.models.variance import clustered_sandwich
from yoseval.models.working_model import fit_working_model

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


# ---- Cox models of rows ----


def coefficients(fit, clusters=None):
    """Return R's table of a Cox model."""
    model = np.sqrt(np.diag(fit.covariance))
    error = model if clusters is None else np.sqrt(np.diag(clustered_sandwich(fit.influence, clusters)))
    robust = {} if clusters is None else {"robust se": error}
    p_value = [interval(value, se).p_value for value, se in zip(fit.coefficients, error, strict=True)]
    columns = {"coef": fit.coefficients, "exp(coef)": np.exp(fit.coefficients), "se(coef)": model, **robust}
    return pd.DataFrame(columns | {"z": fit.coefficients / error, "Pr(>|z|)": p_value}).to_dict("records")


# ---- competing risks -----------------------------------------------------------------------------------------------------


@cache
def mgus2():
    """Return times, causes (1 malignancy, 2 death), covariates and sex, as r/05 makes them."""
    frame = data("mgus2").dropna(subset=["age", "sex", "mspike"])
    malignant = frame["pstat"].to_numpy() == 1
    time = np.where(malignant, frame["ptime"], frame["futime"]).astype(float)
    cause = np.where(malignant, 1, 2 * frame["death"].to_numpy())
    x = np.column_stack([frame["age"], frame["sex"] == "M", frame["mspike"]]).astype(float)
    return time, cause, x, frame["sex"].to_numpy()


def competing():
    tree = stored("competing_risks")["mgus2"]
    time, cause, x, sex = mgus2()
    found = {"n": time.size, "events": {str(k): int((cause == k).sum()) for k in (0, 1, 2)}}
    tests = [gray_test(time, cause, sex, of=k) for k in (1, 2)]
    found["cuminc"] = {
        "estimate": [
            {str(t): share(row["group_cause"][0], int(row["group_cause"][-1]), float(t))[0] for t in tree["cuminc"]["times"]}
            for row in tree["cuminc"]["estimate"]
        ],
        "gray_test": [{"stat": t.chi2, "pv": t.p_value, "df": t.df} for t in tests],
    }
    both = [[share(row["group"][-1], k, float(row["time"])) for k in (1, 2)] for row in tree["aalen_johansen"]]
    found["aalen_johansen"] = [{"cif1": a[0], "se1": a[1], "cif2": b[0], "se2": b[1]} for a, b in both]
    return {"mgus2": found | {k: v for cause_of in (1, 2) for k, v in regressions(time, cause, x, cause_of).items()}}


def share(group, of, horizon):
    time, cause, _, sex = mgus2()
    own = (sex == group).astype(float)
    curve = cumulative_incidence(time, cause, own)
    influence = incidence_influence(time, cause, own, horizon, of=of)
    return incidence_at(curve, of, np.array([horizon]))[0], errors(influence)


def regressions(time, cause, x, of):
    ones = np.ones(time.size)
    fit, own = fit_fine_gray(time, cause, x, ones, of=of), fit_cox(time, cause == of, x, ones)
    # finegray takes whoever is censored at the time of an event as still at risk.
    later = fit_fine_gray(time + 0.5 * (cause == 0), cause, x, ones, of=of, ties="efron")
    return {
        f"fine_gray_cause{of}": table(coef=fit.coefficients, shr=np.exp(fit.coefficients), se=errors(fit.influence)),
        f"fine_gray_cause{of}_loglik": fit.loglik,
        f"cause_specific_cause{of}": table(
            coef=own.coefficients, hr=np.exp(own.coefficients), se=np.sqrt(np.diag(own.covariance))
        ),
        f"finegray_weighted_cox_cause{of}": table(coef=later.coefficients),
    }


# ---- recurrent events ----------------------------------------------------------------------------------------------------


def recurrent_fit(frame, x, *, ties="efron", gap=False, strata=None, event="event"):
    stop, start = frame["stop"].to_numpy(float), frame["start"].to_numpy(float)
    seen, options = frame[event].to_numpy() == 1, {"ties": ties, "strata": strata}
    if gap:
        fit = fit_cox(stop - start, seen, x, np.ones(len(frame)), **options)
    else:
        fit = fit_cox(stop, seen, x, np.ones(len(frame)), entry=start, **options)
    loglik = [fit.loglik_null, fit.loglik]
    table = coefficients(fit, frame["id"].to_numpy())
    return {"coefficients": table, "loglik": loglik, "n": fit.n, "events": fit.n_events}


def mean_counts(frame, rows, group, event):
    """Return the mean cumulative count of each row of R's table, with its robust error by patient."""
    found = []
    for row in rows:
        label, at = row["group"].split("=")[1], float(row["time"])
        own = frame[frame[group].astype(str) == label]
        given = (own["stop"].to_numpy(float), own[event].to_numpy() == 1, np.ones(len(own)))
        entry = own["start"].to_numpy(float)
        influence = hazard_influence(*given, at, entry)
        by_patient = np.bincount(np.unique(own["id"], return_inverse=True)[1], influence)
        at_risk = number_at_risk(given[0], given[2], np.array([at]), entry)[0]
        found.append({
            "mean_events": cumulative_hazard_at(kaplan_meier(*given, entry), np.array([at]))[0],
            "n_risk": at_risk,
            "se": errors(by_patient),
        })  # fmt: skip
    return found


def recurrent():
    tree, frame = stored("recurrent_events"), data("bladder2")
    x, enum = frame[["rx", "number", "size"]].to_numpy(float), frame["enum"].to_numpy()
    by_event = np.column_stack([x[:, 1:], *(x[:, 0] * (enum == k) for k in (1, 2, 3, 4))])
    bladder2 = {
        "andersen_gill_lwyy": recurrent_fit(frame, x),
        "andersen_gill_breslow": recurrent_fit(frame, x, ties="breslow"),
        "pwp_total_time": recurrent_fit(frame, x, strata=enum),
        "pwp_gap_time": recurrent_fit(frame, x, gap=True, strata=enum),
        "pwp_total_time_by_event": recurrent_fit(frame, by_event, strata=enum),
        "mean_cumulative_function": mean_counts(frame, tree["bladder2"]["mean_cumulative_function"], "rx", "event"),
    }
    # Each patient is at risk of each of four events from the start: R's ``bladder``, made of bladder2.
    wide = frame.set_index(["id", "enum"]).reindex(pd.MultiIndex.from_product([frame["id"].unique(), [1, 2, 3, 4]]))
    wide = wide.rename_axis(["id", "enum"]).reset_index()
    wide[["event", "start"]] = wide.assign(start=0.0)[["event", "start"]].fillna(0)
    wide[["rx", "number", "size", "stop"]] = wide.groupby("id")[["rx", "number", "size", "stop"]].ffill()
    wlw = recurrent_fit(wide, wide[["rx", "number", "size"]].to_numpy(float), gap=True, strata=wide["enum"].to_numpy())
    return {"bladder2": bladder2, "bladder_wlw": wlw, "bladder1_all_recurrences": all_recurrences(tree)}


def all_recurrences(tree):
    frame = data("bladder1").query("stop > start")
    frame = frame.assign(event=(frame["status"] == 1).astype(int))
    arms = [frame["treatment"] == arm for arm in ("pyridoxine", "thiotepa")]
    x = np.column_stack([*arms, frame["number"], frame["size"]]).astype(float)
    means = mean_counts(frame, tree["bladder1_all_recurrences"]["mcf"], "treatment", "event")
    return {"n_rows": len(frame), "events": int(frame["event"].sum()), "ag": recurrent_fit(frame, x), "mcf": means}


# ---- counts and cure -----------------------------------------------------------------------------------------------------


def counts():
    frame = data("crime1")
    x, y = frame[CRIME].to_numpy(float), frame["narr86"].to_numpy(float)
    found, line, n, k = compare_dispersion(x, y), fit_working_model("linear", x, y, np.ones(len(y))), len(y), x.shape[1] + 1
    poisson, negbin = found.poisson, found.negative_binomial
    model, robust = np.sqrt(np.diag(poisson.covariance)), errors(poisson.influence)
    mean = poisson.fitted
    safe = np.where(y > 0, y, 1.0)
    return {"crime1": {
        "n": n,
        "poisson": {
            "model": rates(poisson, model),
            "robust_HC0": rates(poisson, robust),
            "robust_HC1": rates(poisson, robust * np.sqrt(n / (n - k))),
            "logLik": poisson.loglik,
            "deviance": 2.0 * (y * np.log(safe / mean) - (y - mean)).sum(),
            "pearson_dispersion": found.pearson,
            "quasi_se": model * np.sqrt(found.pearson),
        },
        "negbin": {
            "theta": found.theta,
            "alpha": 1.0 / found.theta,
            "se_theta": found.std_error,
            "logLik": negbin.loglik,
            "model": rates(negbin, np.sqrt(np.diag(negbin.covariance))),
            "robust_HC0": rates(negbin, errors(negbin.influence)),
        },
        "lr_poisson_vs_negbin": found.likelihood_ratio,
        "ols": [{"coef": value} for value in line.coefficients],
    }}  # fmt: skip


def rates(fit, error):
    return table(coef=fit.coefficients, se=error, rate_ratio=np.exp(fit.coefficients))


def cure():
    frame, found = data("recid"), {}
    time, event = frame["durat"].to_numpy(float), frame["cens"].to_numpy() == 0
    for name in LATENCIES:
        fit = fit_cure(time, event, np.ones(len(frame)), distribution=name)
        k = 2 if name == "exponential" else 3
        values = np.concatenate([fit.incidence, fit.latency, [fit.log_scale]])[:k]
        found[name] = {
            "loglik": fit.loglik,
            "coefficients": table(coef=values, se=np.sqrt(np.diag(fit.covariance))[:k]),
            "aic": 2.0 * k - 2.0 * fit.loglik,
            "mean_ever_return": fit.ever.mean(),
            "sigma": np.exp(fit.log_scale),
        }
    return {"recid": {"intercept_only": found}}


# ---- what is asserted, and what is not ----------------------------------------------------------------------------------


# Maxima and their errors 1e-6, closed forms 1e-9. ``crr`` takes censoring at tied times a little differently in its errors.
TOLERANCE = {
    "mgus2/fine_gray_cause?/*/se": 5e-4,
    "mgus2/fine*loglik": 1e-10,
    "mgus2/fine*": 1e-7,
    "mgus2/cuminc/*": 1e-9,
    "mgus2/aalen_johansen/*": 1e-9,
    "*/loglik/*": 1e-10,
    "*/mean_cumulative_function/*": 1e-9,
    "*/mcf/*": 1e-9,
    "crime1/*/logLik": 1e-9,
    "crime1/lr_poisson_vs_negbin": 1e-8,
    "crime1/poisson/pearson_dispersion": 1e-8,
    "crime1/negbin/theta": 1e-7,
    "crime1/negbin/alpha": 1e-7,
    "crime1/negbin/se_theta": 1e-5,
    "recid/*/loglik": 1e-9,
    "recid/*/aic": 1e-9,
    "*": 1e-6,
}
OF_CAUSES = {
    "mgus2/cuminc/variance/*": "cuminc's variance is another one; ours is the infinitesimal jackknife, as survfit's.",
    "mgus2/finegray_weighted_cox_cause?/*/robust_se": (
        "It takes the censoring distribution as known; within 1 % of ours, which is a test of its own."
    ),
}
OF_RECURRENCES = {
    "bladder2/gamma_frailty/*": "Shared frailty is not offered: intervals are robust to how events of a child hang together.",
    "bladder1_ghosh_lin/*/mean_events/*": (
        "Deaths leave R's sum of later risks; here whoever died has no more events and stays in the mean count."
    ),
}
OF_COUNTS = {
    "crime1/ols/*/se": "The error of a line whose residuals vary alike is another estimator: no interval here presumes that.",
    "crime1/ols/*/rate_ratio": "The exponential of a slope of a line, which means nothing.",
}
OF_CURE = {"recid/*/max_gradient": "How near the optimiser came in R, which is no result."}


@pytest.mark.parametrize(
    ("name", "found", "asked", "left_out"),
    [
        ("competing_risks", competing, ("mgus2/cuminc/times/*", "mgus2/aalen_johansen/*/time"), OF_CAUSES),
        (
            "recurrent_events",
            recurrent,
            ("*/mean_cumulative_function/*/time", "*/mcf/*/time", "bladder1_ghosh_lin/*/times/*"),
            OF_RECURRENCES,
        ),
        ("counts", counts, (), OF_COUNTS),
        ("cure_models", cure, (), OF_CURE),
    ],
)
def test_every_number_is_that_of_r(reach, name, found, asked, left_out):
    reach(name, found(), TOLERANCE, asked=asked, left_out=left_out)
