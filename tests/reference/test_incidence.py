"""Whole bands of cumulative incidence against R's survfit, and statsmodels and lifelines as a second opinion.

Script: r/05_competing_risks.R (R 4.2.2, survival 3.5-3, cmprsk 2.2-11); data: mgus2 (LGPL, survival), which is full of ties.
R's standard error of the Aalen-Johansen curve is the infinitesimal jackknife: the plain sum of squares of the influence.
Tolerance 1e-12 absolute for curves, 1e-9 relative for errors.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight

from yoseval.models.incidence import clustered_incidence_variance, cumulative_incidence, incidence_at

HERE = Path(__file__).parent
STORED = json.loads((HERE / "results" / "competing_risks.json").read_text())["mgus2"]
ROWS = STORED["aalen_johansen"]


@pytest.fixture(scope="module")
def patients():
    """Time, cause and sex as the script makes them: progression first, then death without it."""
    rows = pd.read_csv(HERE / "data" / "mgus2.csv")
    rows = rows[rows[["age", "sex", "mspike"]].notna().all(axis=1)]
    progressed = rows["pstat"].to_numpy() == 1
    time = np.where(progressed, rows["ptime"], rows["futime"]).astype(float)
    return time, np.where(progressed, 1, 2 * rows["death"].to_numpy()), rows["sex"].to_numpy()


def of_group(patients, group):
    time, cause, sex = patients
    return time[sex == group], cause[sex == group]


@pytest.mark.parametrize("group", ["F", "M"])
def test_the_whole_band_has_the_errors_of_survfit(patients, group):
    time, causes = of_group(patients, group)
    n, rows = time.size, [row for row in ROWS if row["group"][-1] == group]

    found = clustered_incidence_variance(
        time, causes, np.ones(n), np.arange(n), np.array([float(row["time"]) for row in rows]), of=1
    )

    np.testing.assert_allclose(np.sqrt(found * (n - 1) / n), [row["se1"] for row in rows], rtol=1e-9)


def test_statsmodels_agrees_at_every_time(patients):
    time, cause, _ = patients
    # With weights it leaves out its errors, which divide by zero where the last ones all have the event.
    theirs = CumIncidenceRight(time, cause, freq_weights=np.ones(time.size))

    ours = cumulative_incidence(time, cause, np.ones(time.size))

    for j in (1, 2):
        np.testing.assert_allclose(incidence_at(ours, j, theirs.times), theirs.cinc[j - 1], atol=1e-12)


def test_lifelines_agrees_where_its_jitter_of_ties_has_nothing_to_move():
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(6)
    time, cause = rng.exponential(1.0, 200), rng.integers(0, 3, 200)
    theirs = AalenJohansenFitter(calculate_variance=False).fit(time, cause, event_of_interest=1).cumulative_density_

    ours = incidence_at(cumulative_incidence(time, cause, np.ones(200)), 1, theirs.index.to_numpy())

    np.testing.assert_allclose(ours, theirs.iloc[:, 0], atol=1e-12)
