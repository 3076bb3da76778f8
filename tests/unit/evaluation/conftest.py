"""Evidence made by hand, so that every branch of the claim grammar can be reached."""

import math

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.protocol import TrialProtocol
from yoseval.cohort.sections import CohortSection, DesignSection, OutcomeSection
from yoseval.design.types import Design, Weighting
from yoseval.evaluation.finding import Evidence, Outcome
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import make_frame
from yoseval.outcomes.types import Estimate
from yoseval.sensitivity.checks import Check


def _protocol(programme, measure, worthwhile, randomised, outcome_worthwhile):
    outcome = OutcomeSection(
        name="again", measure=measure, event="e", days="t", horizon_days=365, worthwhile=outcome_worthwhile
    )
    design = DesignSection(method="randomised") if randomised else DesignSection(method="nearest", covariates=("age",))
    return TrialProtocol(
        programme, programme.title(), CohortSection(programme="p", comparison="c"), design, (outcome,), worthwhile
    )


def _design(n_treated, n_comparison, estimand, randomised):
    n = n_treated + n_comparison
    frame = pd.DataFrame({"started": [1] * n_treated + [0] * n_comparison, "age": np.arange(n) % 7})
    cohort = Cohort.from_frame(frame, treated="started", covariates=["age"], randomised=randomised)
    weighting = Weighting(np.ones(n), np.full(n, -1, dtype=np.int64), np.full(n, 0.5), estimand)
    return Design(cohort, "nearest", {}, weighting, estimand, cohort.attrition)


@pytest.fixture(scope="session")
def make_evidence():
    """Return a function that makes evidence; everything but what a test is about is favourable to a claim."""

    def make(
        low=-0.12,
        high=-0.04,
        *,
        programme="mentoring",
        measure="risk_difference",
        worthwhile=5.0,
        outcome_worthwhile=None,
        randomised=False,
        estimand="ATT",
        reasons=(),
        agrees=True,
        limit=2.0,
        n=(400, 400),
        effective_n=None,
        p_holm=0.001,
        estimated=True,
    ):
        trial = EmulatedTrial(
            _protocol(programme, measure, worthwhile, randomised, outcome_worthwhile),
            "0" * 64,
            design=_design(*n, estimand, randomised),
            reasons=reasons,
        )
        estimate = Estimate(
            programme=programme,
            outcome="again",
            measure=measure,
            method="nearest",
            estimand=estimand,
            treated_value=0.3,
            comparison_value=0.38,
            estimate=math.sqrt(low * high) if measure in ("hazard_ratio", "risk_ratio") else (low + high) / 2,
            std_error=0.02,
            df=399.0,
            conf_low=low,
            conf_high=high,
            p_value=p_holm,
            interval="t",
            n_treated=n[0],
            n_comparison=n[1],
            effective_n=float(n[1] if effective_n is None else effective_n),
            events_treated=int(0.3 * n[0]),
            events_comparison=int(0.38 * n[1]),
            horizon=365.0,
            time_unit="days",
            influence=np.zeros(sum(n)),
        )
        checks = (
            Check(programme, "again", "other_designs", "?", ".", "", agrees),
            Check(programme, "again", "hidden_bias", "?", ".", "", None, e_value=limit + 0.5, e_value_limit=limit),
        )
        outcome = Outcome(trial.protocol.outcomes[0], estimate, checks, make_frame("curves", {}), make_frame("attrition", {}))
        return Evidence(trial, (outcome,) if estimated else (), reasons, (), p_holm)

    return make
