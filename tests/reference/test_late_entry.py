"""Curves with late entries against R's survfit on start-stop rows, statsmodels, lifelines and the definitions written out.

Script: r/06_recurrent_events.R (R 4.2.2, survival 3.5-3); data: bladder2 (LGPL, survival), one row an interval between tumours,
so that all but the first begin late. R's robust error of the cumulative hazard is the plain sum of squares of the patients'
influence. Tolerance 1e-9 relative; the peers' curves 1e-12.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, NelsonAalenFitter
from statsmodels.duration.survfunc import SurvfuncRight

from yoseval.models.curves import kaplan_meier, number_at_risk, restricted_mean, survival_at
from yoseval.models.hazard_curve import cumulative_hazard_at, hazard_influence
from yoseval.models.incidence import cumulative_incidence, incidence_at, time_lost

HERE = Path(__file__).parent
STORED = json.loads((HERE / "results" / "recurrent_events.json").read_text())["bladder2"]["mean_cumulative_function"]


@pytest.fixture(scope="module")
def intervals():
    return pd.read_csv(HERE / "data" / "bladder2.csv")


@pytest.mark.parametrize("row", STORED, ids=lambda row: f"{row['group']}-{row['time']}")
def test_hazard_error_and_number_at_risk_are_those_of_survfit(intervals, row):
    mine = intervals[intervals["rx"] == int(row["group"][-1])]
    start, stop = mine["start"].to_numpy(float), mine["stop"].to_numpy(float)
    event, ones, horizon = mine["event"].to_numpy() == 1, np.ones(len(mine)), float(row["time"])

    found = cumulative_hazard_at(kaplan_meier(stop, event, ones, start), np.array([horizon]))[0]
    influence = hazard_influence(stop, event, ones, horizon, start)

    assert found == pytest.approx(row["mean_events"], rel=1e-9)
    by_patient = np.bincount(mine["id"].to_numpy(), influence)
    assert np.sqrt((by_patient**2).sum()) == pytest.approx(row["se"], rel=1e-9)
    assert number_at_risk(stop, ones, np.array([horizon]), start)[0] == row["n_risk"]


def drawn(seed, n=80):
    """Draw ties, late entries at event times, three states and weights; enough are there from the start."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 12, n).astype(float)
    entry = np.where(rng.random(n) < 0.5, 0.0, np.floor(time * rng.random(n)))
    return time, rng.integers(0, 3, n), rng.uniform(0.2, 3.0, n), entry


@pytest.mark.parametrize("seed", range(3))
def test_statsmodels_and_lifelines_agree_without_weights(seed):
    time, cause, _, entry = drawn(seed)
    event, ones, times = cause > 0, np.ones(80), np.arange(1.0, 12.0)

    curve = kaplan_meier(time, event, ones, entry)

    theirs = SurvfuncRight(time, event.astype(int), entry=entry)
    np.testing.assert_allclose(survival_at(curve, theirs.surv_times), theirs.surv_prob, atol=1e-12)
    levels = KaplanMeierFitter().fit(time, event, entry=entry).survival_function_at_times(times)
    np.testing.assert_allclose(survival_at(curve, times), levels, atol=1e-12)
    hazard = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(time, event, entry=entry).cumulative_hazard_at_times(times)
    np.testing.assert_allclose(cumulative_hazard_at(curve, times), hazard, atol=1e-12)


def written_out(time, cause, weight, entry, upto):
    """Go through every unit at every time: survival, hazard, incidence of cause 1, and the areas of the first and last."""
    survival, hazard, incidence, area, lost, last = 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for t in sorted({t for t, c in zip(time, cause, strict=True) if c > 0 and t <= upto}):
        at_risk = sum(w for x, w, e in zip(time, weight, entry, strict=True) if e < t <= x)
        dead = [
            sum(w for x, c, w in zip(time, cause, weight, strict=True) if x == t and c in wanted) for wanted in ((1,), (1, 2))
        ]
        area, lost, last = area + survival * (t - last), lost + incidence * (t - last), t
        incidence, hazard = incidence + survival * dead[0] / at_risk, hazard + dead[1] / at_risk
        survival *= 1.0 - dead[1] / at_risk
    return survival, hazard, incidence, area + survival * (upto - last), lost + incidence * (upto - last)


@pytest.mark.parametrize("upto", [1.0, 4.5, 9.0, 11.0])
def test_the_definitions_written_out_agree_with_weights(upto):
    time, cause, weight, entry = drawn(9)
    curve, causes = kaplan_meier(time, cause > 0, weight, entry), cumulative_incidence(time, cause, weight, entry)
    at = np.array([upto])

    found = (
        survival_at(curve, at)[0],
        cumulative_hazard_at(curve, at)[0],
        incidence_at(causes, 1, at)[0],
        restricted_mean(curve, upto),
        time_lost(causes, 1, upto),
    )

    assert found == pytest.approx(written_out(time, cause, weight, entry, upto), rel=1e-12, abs=1e-12)
