"""Every headline measure, by the public function, against software that is not R: statsmodels or lifelines.

What neither of them has, the subdistribution ratio, is solved by hand in test_effects_by_hand.py and written out in
tests/unit/models/test_fine_gray.py. Tolerances as against R. With each unit its own cluster our HC1 is n / (n - 2) of HC0.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxTimeVaryingFitter, KaplanMeierFitter, MixtureCureFitter, WeibullFitter
from lifelines.utils import restricted_mean_survival_time
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight
from statsmodels.stats.contingency_tables import Table2x2

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cure import fit_cure
from yoseval.outcomes.cured import cure_fraction_difference
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp, Recurrences

DATA = Path(__file__).parent / "data"
ROSSI = pd.read_csv(DATA / "rossi.csv")
TREATED, N = ROSSI["fin"].to_numpy() == 1, len(ROSSI)
TIME, EVENT = ROSSI["week"].to_numpy(float), ROSSI["arrest"].to_numpy() == 1


def effect(measure, treated, **outcome):
    """Return the estimate without weights."""
    n = len(treated)
    ids = np.array([f"{i:04d}" for i in range(n)], dtype=object)
    frame = pd.DataFrame({"id": ids, "arm": treated.astype(int), "x": np.arange(n) % 2})
    cohort = Cohort.from_frame(frame, treated="arm", id="id", covariates=["x"])
    weighting = Weighting(np.ones(n), np.full(n, -1), np.full(n, 0.5), "ATE")
    design = Design(cohort, "unadjusted", {}, weighting, "ATE", cohort.attrition)
    return estimate_effect(FollowUp(ids, **outcome), design, measure, variance="sandwich")


def on_rossi(measure, horizon=52.0):
    return effect(measure, TREATED, time=TIME, event=EVENT, horizon=horizon)


def test_risk_difference_is_the_slope_of_a_line_in_statsmodels():
    theirs = sm.OLS(EVENT.astype(float), sm.add_constant(TREATED.astype(float))).fit(cov_type="HC1")

    found = on_rossi("risk_difference")

    assert found.estimate == pytest.approx(theirs.params[1], rel=1e-10)
    assert found.std_error == pytest.approx(theirs.bse[1], rel=1e-10)


@pytest.mark.parametrize(("measure", "of"), [("risk_ratio", "riskratio"), ("odds_ratio", "oddsratio")])
def test_ratios_are_those_of_the_table_in_statsmodels(measure, of):
    table = Table2x2([[(EVENT & arm).sum(), (~EVENT & arm).sum()] for arm in (TREATED, ~TREATED)])

    found = on_rossi(measure)

    assert found.estimate == pytest.approx(getattr(table, of), rel=1e-12)
    # The variance of the logarithm: 1/a - 1/(a + b) and so on, or the sum of four reciprocals.
    assert found.std_error * ((N - 2) / N) ** 0.5 == pytest.approx(getattr(table, f"log_{of}_se"), rel=1e-12)


@pytest.mark.parametrize("horizon", [13.0, 26.0, 52.0])
def test_survival_difference_is_that_of_curves_in_lifelines_and_statsmodels(horizon):
    curves = [KaplanMeierFitter().fit(TIME[arm], EVENT[arm]).predict(horizon) for arm in (TREATED, ~TREATED)]
    theirs = [SurvfuncRight(TIME[arm], EVENT[arm].astype(int)) for arm in (TREATED, ~TREATED)]
    at = [np.searchsorted(curve.surv_times, horizon, side="right") - 1 for curve in theirs]

    found = on_rossi("survival_difference", horizon)

    assert (found.treated_value, found.comparison_value) == pytest.approx(tuple(curves), rel=1e-9)
    assert found.estimate == pytest.approx(theirs[0].surv_prob[at[0]] - theirs[1].surv_prob[at[1]], rel=1e-9)
    greenwood = sum(curve.surv_prob_se[k] ** 2 for curve, k in zip(theirs, at, strict=True))
    assert found.std_error**2 * (N - 2) / N == pytest.approx(greenwood, rel=1e-9)


@pytest.mark.parametrize("horizon", [26.0, 52.0])
def test_restricted_mean_difference_is_that_of_lifelines(horizon):
    theirs = [restricted_mean_survival_time(KaplanMeierFitter().fit(TIME[a], EVENT[a]), t=horizon) for a in (TREATED, ~TREATED)]

    found = on_rossi("restricted_mean_difference", horizon)

    assert (found.treated_value, found.comparison_value) == pytest.approx(tuple(theirs), rel=1e-8)


def test_hazard_ratio_is_that_of_statsmodels():
    theirs = PHReg(TIME, TREATED.astype(float), status=EVENT.astype(int), ties="efron").fit()

    found = on_rossi("hazard_ratio")

    assert np.log(found.estimate) == pytest.approx(theirs.params[0], rel=1e-6)


@pytest.mark.parametrize("horizon", [120.0, 240.0])
def test_incidence_difference_is_that_of_statsmodels(horizon):
    rows = pd.read_csv(DATA / "mgus2.csv")
    malignant, male = rows["pstat"].to_numpy() == 1, rows["sex"].to_numpy() == "M"
    time = np.where(malignant, rows["ptime"], rows["futime"]).astype(float)
    cause = np.where(malignant, 1, 2 * rows["death"].to_numpy())
    ones = np.ones(len(rows))
    theirs = [CumIncidenceRight(time[arm], cause[arm], freq_weights=ones[arm]) for arm in (male, ~male)]
    levels = [curve.cinc[0][np.searchsorted(curve.times, horizon, side="right") - 1] for curve in theirs]

    found = effect("incidence_difference", male, time=time, event=cause == 1, cause=cause, horizon=horizon)

    assert (found.treated_value, found.comparison_value) == pytest.approx(tuple(levels), rel=1e-9)
    assert found.estimate == pytest.approx(levels[0] - levels[1], rel=1e-9)


@pytest.fixture(scope="module")
def tumours():
    """Rows of bladder2 with one patient each as a follow-up to 36 months."""
    rows = pd.read_csv(DATA / "bladder2.csv")
    ids, unit = np.unique(rows["id"], return_inverse=True)
    seen, followed = rows["event"].to_numpy() == 1, rows.groupby("id")["stop"].max().loc[ids].to_numpy(float)
    recurrences = Recurrences(unit[seen], rows["stop"].to_numpy(float)[seen])
    count = np.bincount(unit[seen], minlength=ids.size).astype(float)
    first = rows[rows["enum"] == 1].set_index("id")["stop"].loc[ids].to_numpy(float)
    more = {"time": first, "event": count > 0, "count": count, "followed": followed, "recurrences": recurrences}
    return rows, rows.groupby("id")["rx"].first().loc[ids].to_numpy() == 2, more


def test_rate_ratio_of_recurrent_events_is_that_of_lifelines(tumours):
    rows, treated, more = tumours
    given = rows.assign(arm=(rows["rx"] == 2).astype(float))[["id", "start", "stop", "event", "arm"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CoxTimeVaryingFitter().fit(given, id_col="id", event_col="event", start_col="start", stop_col="stop")

    found = effect("lwyy", treated, horizon=64.0, **more)

    assert np.log(found.estimate) == pytest.approx(theirs.params_["arm"], rel=1e-6)


@pytest.mark.parametrize("horizon", [20.0, 36.0])
def test_mean_counts_are_sums_over_those_still_followed(tumours, horizon):
    _, treated, more = tumours
    time, unit, levels = more["recurrences"].time, more["recurrences"].unit, []
    for arm in (treated, ~treated):
        own = [t for u, t in zip(unit, time, strict=True) if arm[u] and t <= horizon]
        levels.append(sum(1.0 / (more["followed"][arm] >= t).sum() for t in own))

    found = effect("mean_count_difference", treated, horizon=horizon, **more)

    assert (found.treated_value, found.comparison_value) == pytest.approx(tuple(levels), rel=1e-12)


def test_rate_ratio_is_that_of_a_poisson_regression_in_statsmodels(tumours):
    _, treated, more = tumours
    count, days = more["count"], more["followed"]
    model = sm.GLM(count, sm.add_constant(treated.astype(float)), family=sm.families.Poisson(), offset=np.log(days))
    theirs = model.fit(cov_type="HC0", tol=1e-12)
    given = {key: more[key] for key in ("time", "event", "count", "followed")}

    found = effect("rate_ratio", treated, horizon=64.0, days_at_risk=days, **given)

    assert np.log(found.estimate) == pytest.approx(theirs.params[1], rel=1e-8)
    n = len(treated)
    assert found.std_error * ((n - 2) / n) ** 0.5 == pytest.approx(theirs.bse[1], rel=1e-6)


def test_the_fraction_who_never_return_is_that_of_lifelines():
    people = pd.read_csv(DATA / "recid.csv")
    time, event = people["durat"].to_numpy(float), people["cens"].to_numpy() == 0
    worked, levels = people["workprg"].to_numpy() == 1, []
    for arm in (worked, ~worked):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = MixtureCureFitter(base_fitter=WeibullFitter()).fit(time[arm], event[arm])
        levels.append(fitted.cured_fraction_)
        ours = fit_cure(time[arm], event[arm], np.ones(arm.sum()), distribution="weibull")
        assert ours.loglik == pytest.approx(fitted.log_likelihood_, rel=1e-6)

    found = cure_fraction_difference(time, event, worked, np.ones(len(people)), 81.0, distribution="weibull")

    assert (found.treated_value, found.comparison_value) == pytest.approx(tuple(levels), abs=1e-4)
