"""The model of Fine and Gray against R's ``finegray`` and ``coxph``, whose errors take the censoring distribution as known.

Script: r/05_competing_risks.R. Against ``cmprsk::crr``, and of the coefficients: test_stored_models.py.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.models.fine_gray import fit_fine_gray

HERE = Path(__file__).parent


@pytest.mark.parametrize("cause", [1, 2])
def test_errors_of_finegray_and_coxph_are_within_one_per_cent(cause):
    stored = json.loads((HERE / "results" / "competing_risks.json").read_text())["mgus2"]
    frame = pd.read_csv(HERE / "data" / "mgus2.csv").dropna(subset=["age", "sex", "mspike"])
    malignant = frame["pstat"].to_numpy() == 1
    time = np.where(malignant, frame["ptime"], frame["futime"]).astype(float)
    causes = np.where(malignant, 1, 2 * frame["death"].to_numpy())
    x = np.column_stack([frame["age"], frame["sex"] == "M", frame["mspike"]]).astype(float)

    fit = fit_fine_gray(time + 0.5 * (causes == 0), causes, x, np.ones(len(frame)), of=cause, ties="efron")

    theirs = [row["robust_se"] for row in stored[f"finegray_weighted_cox_cause{cause}"]]
    np.testing.assert_allclose(np.sqrt((fit.influence**2).sum(axis=0)), theirs, rtol=0.01)
