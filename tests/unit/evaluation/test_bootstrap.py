"""The bootstrap of a whole design: the same numbers on any number of workers, and the right spread."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import EstimationError, UsageError
from yoseval.evaluation import bootstrap
from yoseval.evaluation.bootstrap import bootstrap_effect
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp


@pytest.fixture(scope="module")
def children():
    """Return a cohort of 400 children, and whether they offended again."""
    rng = np.random.default_rng(8)
    age = rng.normal(size=400)
    frame = pd.DataFrame({"age": age, "started": rng.random(400) < 1 / (1 + np.exp(-0.5 * age))})
    frame["again"] = (rng.random(400) < 1 / (1 + np.exp(-0.5 * age))).astype(int)
    frame["id"] = [f"c{i:04d}" for i in range(400)]
    return Cohort.from_frame(frame, treated="started", id="id", covariates=["age"]), FollowUp.from_frame(
        frame, event="again", id="id"
    )


def test_workers_change_nothing(children):
    cohort, followup = children
    design = build_design(cohort, "nearest")

    one, two, four = (bootstrap_effect(followup, design, "risk_difference", replicates=100, seed=3, jobs=j) for j in (1, 2, 4))

    assert one.replicates.tobytes() == two.replicates.tobytes() == four.replicates.tobytes()
    assert one.to_frame().equals(four.to_frame())


def test_a_cluster_of_machines_changes_nothing(children, tmp_path, monkeypatch):
    joblib, distributed = pytest.importorskip("joblib"), pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    cohort, followup = children
    design = build_design(cohort, "overlap")
    alone = bootstrap_effect(followup, design, "risk_difference", replicates=100, seed=3)

    local = distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None)
    with local, distributed.Client(local), joblib.parallel_config(backend="dask"):
        there = bootstrap_effect(followup, design, "risk_difference", replicates=100, seed=3, jobs=-1)

    assert alone.replicates.tobytes() == there.replicates.tobytes()


@pytest.mark.parametrize("method", ["overlap", "entropy", "ipw"])
def test_the_spread_is_that_of_the_closed_form(children, method):
    # Two routes to one number: replicates that fit weights again, and influence corrected for estimated weights.
    cohort, followup = children
    design = build_design(cohort, method)

    drawn = bootstrap_effect(followup, design, "risk_difference", replicates=400, seed=1, jobs=2)

    closed = estimate_effect(followup, design, "risk_difference")
    # Monte Carlo error of a standard deviation of 400: 3.5 %; the closed form is of first order.
    assert drawn.estimate.std_error == pytest.approx(closed.std_error, rel=0.12)
    assert drawn.estimate.estimate == closed.estimate
    assert drawn.estimate.conf_low == pytest.approx(np.quantile(drawn.replicates, 0.025), rel=1e-12)


def test_a_mean_without_covariates_to_speak_of_has_its_textbook_error():
    # One binary covariate, matched exactly: the spread of a difference of two shares within two strata.
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"sex": np.repeat(["f", "m"], 400), "started": np.tile([1, 0], 400), "id": range(800)})
    frame["again"] = (rng.random(800) < 0.4).astype(int)
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["sex"])
    design = build_design(cohort, "exact")

    drawn = bootstrap_effect(FollowUp.from_frame(frame, event="again", id="id"), design, "risk_difference", replicates=400)

    share = frame.groupby("started")["again"].mean().to_numpy()
    assert drawn.estimate.std_error == pytest.approx(np.sqrt((share * (1 - share)).sum() / 400), rel=0.12)


def test_progress_is_told(children):
    cohort, followup = children
    seen = []

    bootstrap_effect(
        followup, build_design(cohort, "overlap"), "risk_difference", replicates=100, on_progress=lambda *s: seen.append(s)
    )

    assert seen[-1] == (100, 100)
    assert len(seen) == 4


def test_few_replicates_are_refused(children):
    cohort, followup = children

    with pytest.raises(UsageError, match="Ask for 100 or more"):
        bootstrap_effect(followup, build_design(cohort, "overlap"), "risk_difference", replicates=99)


@pytest.mark.parametrize(("share", "is_refused"), [(0.05, False), (0.2, True)])
def test_replicates_that_fail_are_left_out_until_they_are_too_many(children, monkeypatch, share, is_refused):
    cohort, followup = children
    design = build_design(cohort, "overlap")
    values = np.where(np.arange(100) < 100 * share, np.nan, np.linspace(-0.1, 0.1, 100))
    monkeypatch.setattr(bootstrap, "_replicates", lambda *given: values)

    if is_refused:
        with pytest.raises(EstimationError, match="no comparison could be built"):
            bootstrap_effect(followup, design, "risk_difference", replicates=100)
    else:
        found = bootstrap_effect(followup, design, "risk_difference", replicates=100)
        assert found.n_failed == 5
        assert "left out" in found.estimate.notes[-1]


def test_a_ratio_has_limits_that_are_ratios(children):
    cohort, followup = children
    design = build_design(cohort, "overlap")

    found = bootstrap_effect(followup, design, "risk_ratio", replicates=100)

    assert found.estimate.conf_low == pytest.approx(np.exp(np.quantile(found.replicates, 0.025)))
    assert 0 < found.estimate.conf_low < found.estimate.estimate < found.estimate.conf_high


def test_units_of_one_child_leave_and_come_together(children):
    cohort, followup = children
    # Every child twice over: as many independent children as before, so the same spread.
    units = pd.concat([cohort.units, cohort.units.assign(unit_id=cohort.units["unit_id"] + "b")], ignore_index=True)
    twice = replace(cohort, units=units)
    doubled = FollowUp(
        np.concatenate([followup.unit_id, followup.unit_id + "b"]),
        np.tile(followup.time, 2),
        np.tile(followup.event, 2),
        followup.horizon,
    )

    once = bootstrap_effect(followup, build_design(cohort, "overlap"), "risk_difference", replicates=100, seed=6)
    both = bootstrap_effect(doubled, build_design(twice, "overlap"), "risk_difference", replicates=100, seed=6)

    assert both.estimate.std_error == pytest.approx(once.estimate.std_error, rel=0.25)
