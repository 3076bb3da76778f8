"""Published fits, the public frame of curves against R, and lifelines as a second opinion on whole curves and models.

Every stored effect of R is in test_stored_effects.py, and the second source of each measure in test_second_sources.py.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.models.cox import fit_cox
from yoseval.models.curves import kaplan_meier
from yoseval.outcomes.survival import survival_curves
from yoseval.outcomes.types import FollowUp

HERE = Path(__file__).parent
COVARIATES = ["age", "race", "wexp", "mar", "paro", "prio"]


def data(name):
    return pd.read_csv(HERE / "data" / f"{name}.csv")


def test_cox_model_of_recidivism_is_the_published_one():
    frame = data("recid")
    terms = ["workprg", "priors", "tserved", "felon", "drugs", "black", "married", "educ", "age"]

    fit = fit_cox(
        frame["durat"].to_numpy(float), frame["cens"].to_numpy() == 0, frame[terms].to_numpy(float), np.ones(len(frame))
    )

    ratios = dict(zip(terms, np.exp(fit.coefficients), strict=True))
    # Published with four decimals, the likelihood with two.
    assert [round(ratios[term], 4) for term in ("workprg", "priors", "felon")] == [1.0543, 1.1002, 0.7361]
    assert round(fit.loglik, 2) == -3820.91
    assert fit.n_events == 552


def test_rows_of_the_curves_frame_are_those_of_r():
    stored = json.loads((HERE / "results" / "survival_models.json").read_text())
    expected, rossi = pd.DataFrame(stored["rossi"]["km_by_fin"]["table"]), data("rossi")
    cohort, n = Cohort.from_frame(rossi, treated="fin", id="id", covariates=COVARIATES), len(rossi)
    design = Design(
        cohort, "unadjusted", {}, Weighting(np.ones(n), np.full(n, -1), np.full(n, 0.5), "ATT"), "ATT", cohort.attrition
    )

    frame = survival_curves(FollowUp.from_frame(rossi, event="arrest", time="week", id="id", time_unit="weeks"), design)

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


def test_lifelines_draws_the_same_curve():
    frame = data("recid")
    time, event = frame["durat"].to_numpy(float), frame["cens"].to_numpy() == 0

    curve = kaplan_meier(time, event, np.ones(len(time)))

    theirs = KaplanMeierFitter().fit(time, event).survival_function_at_times(curve.time).to_numpy()
    np.testing.assert_allclose(curve.survival, theirs, atol=1e-10)


def test_lifelines_fits_the_same_cox_model():
    frame, terms = data("rossi"), ["fin", *COVARIATES]

    fit = fit_cox(
        frame["week"].to_numpy(float), frame["arrest"].to_numpy() == 1, frame[terms].to_numpy(float), np.ones(len(frame))
    )

    theirs = CoxPHFitter().fit(frame[["week", "arrest", *terms]], "week", "arrest", fit_options={"precision": 1e-10})
    np.testing.assert_allclose(fit.coefficients, theirs.params_[terms], rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs.standard_errors_[terms], rtol=1e-5)
