"""Evidence made by hand, so that every branch of the claim grammar can be reached."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort, next_step, starting_flow
from yoseval.cohort.built_trial import BuiltTrial
from yoseval.cohort.design_section import DesignSection
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import TrialProtocol, read_study
from yoseval.cohort.sections import CohortSection
from yoseval.design.types import Design, Weighting
from yoseval.evaluation.finding import Evidence, Outcome
from yoseval.evaluation.trial import EmulatedTrial
from yoseval.frames import make_frame
from yoseval.outcomes.types import Estimate
from yoseval.sensitivity.probing import Check


def _protocol(programme, measure, worthwhile, randomised, outcome_worthwhile):
    # Events are counted in studies of records, whose outcomes name no columns.
    columns = {} if measure == "mean_count_difference" else {"event": "e", "days": "t", "horizon_days": 365}
    outcome = OutcomeSection(name="again", measure=measure, worthwhile=outcome_worthwhile, **columns)
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


@pytest.fixture(scope="session")
def example_study():
    """The study of the simulated service: 12 months and 6 for the proof, index events from 2022 to 2024."""
    return read_study(Path(__file__).parents[3] / "data" / "example")


def day_of(text):
    """Return a date as days since 1970."""
    return int(np.datetime64(text, "D").astype(np.int64))


def children(
    n, arm, day, reason="", *, stage="eligibility", immature=False, born="2008-01-01", sex="male", area="east", events=1
):
    """Return n candidates of one kind; ``reason`` is why they were lost."""
    return pd.DataFrame(
        {
            "treated": [arm == "treated"] * n,
            "time_zero": day_of(day) if isinstance(day, str) else day,
            "stage": "follow-up" if immature else stage if reason else "",
            "reason": "follow-up and the wait for proof were not over by the extract" if immature else reason,
            "immature_only": immature,
            "birth": day_of(born),
            "sex": sex,
            "area": area,
            "n_events": events,
        }
    )


@pytest.fixture
def make_trial(example_study):
    """Build a trial by hand from kinds of children; the flow follows from them."""

    def make(*kinds, others=(), programme="mentoring", **changes):
        candidates = pd.concat(kinds, ignore_index=True)
        candidates.insert(0, "person_id", [f"P{i:04d}" for i in range(len(candidates))])
        treated = candidates["treated"].to_numpy()
        flow = starting_flow(programme, treated, stage="extract", reason="children in the records")
        lost = candidates[candidates["stage"] != ""].groupby(["stage", "reason"], sort=False)["treated"].agg(["sum", "size"])
        for (stage, reason), row in lost.iterrows():
            arms = {"lost_treated": int(row["sum"]), "lost_comparison": int(row["size"] - row["sum"])}
            flow = next_step(flow, stage=stage, reason=reason, **arms)
        kept = candidates[candidates["stage"] == ""]
        units = kept[["person_id", "treated", "time_zero"]].assign(unit_id=kept["person_id"]).reset_index(drop=True)
        protocol = replace(example_study.protocol(programme), name=programme.title(), **changes)
        return BuiltTrial(protocol, units, flow, candidates, pd.DataFrame(others, columns=["unit_id", "treated", "programme"]))

    return make


@pytest.fixture
def kind():
    """Return the maker of children of one kind."""
    return children
