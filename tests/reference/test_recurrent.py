"""Models of recurrent events against R's coxph on bladder tumours.

Script: r/06_recurrent_events.R (R 4.2.2, survival 3.5-3); data: bladder2 (LGPL, survival). Rows are cut by our own code from
events and follow-up, not taken from the file. Maximum likelihood and robust errors: 1e-6 relative.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.models.cox import fit_cox
from yoseval.models.recurrent import recurrent_rows
from yoseval.models.variance import clustered_sandwich

HERE = Path(__file__).parent
STORED = json.loads((HERE / "results" / "recurrent_events.json").read_text())["bladder2"]
MODELS = {
    "andersen_gill_lwyy": ("total", False, "efron"),
    "andersen_gill_breslow": ("total", False, "breslow"),
    "pwp_total_time": ("total", True, "efron"),
    "pwp_gap_time": ("gap", True, "efron"),
}


@pytest.fixture(scope="module")
def patients():
    rows = pd.read_csv(HERE / "data" / "bladder2.csv")
    ids, unit = np.unique(rows["id"], return_inverse=True)
    followed = rows.groupby("id")["stop"].max().loc[ids].to_numpy(float)
    seen = rows["event"].to_numpy() == 1
    columns = rows.groupby("id")[["rx", "number", "size"]].first().loc[ids].to_numpy(float)
    return unit[seen], rows["stop"].to_numpy(float)[seen], followed, columns


def fitted(patients, name):
    unit, time, followed, columns = patients
    clock, by_number, ties = MODELS[name]
    rows = recurrent_rows(unit, time, followed, followed.max(), clock=clock)
    fit = fit_cox(
        rows.time,
        rows.event,
        columns[rows.unit],
        np.ones(rows.unit.size),
        ties=ties,
        entry=rows.entry if clock == "total" else None,
        strata=rows.number if by_number else None,
    )
    return rows, fit


@pytest.mark.parametrize("name", MODELS)
def test_coefficients_and_robust_errors_are_those_of_coxph(patients, name):
    rows, fit = fitted(patients, name)

    stored = pd.DataFrame(STORED[name]["coefficients"])
    by_patient = np.column_stack([np.bincount(rows.unit, fit.influence[:, j]) for j in range(3)])
    assert (rows.unit.size, int(rows.event.sum())) == (STORED[name]["n"], STORED[name]["events"])
    assert fit.coefficients == pytest.approx(stored["coef"].to_numpy(), rel=1e-6)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(stored["se(coef)"].to_numpy(), rel=1e-6)
    assert np.sqrt((by_patient**2).sum(axis=0)) == pytest.approx(stored["robust se"].to_numpy(), rel=1e-6)
    assert (fit.loglik_null, fit.loglik) == pytest.approx(STORED[name]["loglik"], rel=1e-9)


@pytest.mark.parametrize(
    ("name", "coefficient", "error"),
    [
        ("andersen_gill_lwyy", -0.464687, 0.265561),
        ("pwp_total_time", -0.333489, 0.204787),
        ("pwp_gap_time", -0.279005, 0.215624),
    ],
)
def test_published_effects_of_treatment_on_recurrence(patients, name, coefficient, error):
    rows, fit = fitted(patients, name)

    # Six decimals are published.
    assert fit.coefficients[0] == pytest.approx(coefficient, abs=5e-7)
    assert clustered_sandwich(fit.influence, rows.unit)[0, 0] ** 0.5 == pytest.approx(error, abs=5e-7)
