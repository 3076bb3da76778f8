"""One replicate: whole children are drawn, and the design is built again on them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import EstimationError, UsageError
from yoseval.outcomes import bootstrap
from yoseval.outcomes.bootstrap import draw_children, resampler
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import FollowUp


def drawn(n=240, seed=3):
    """Return a cohort and the outcome of its children."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    frame = pd.DataFrame({"age": age, "sex": rng.choice(["f", "m"], n), "started": rng.random(n) < 1 / (1 + np.exp(1 - age))})
    frame["again"] = (rng.random(n) < 0.3 + 0.1 * frame["started"]).astype(int)
    frame["id"] = [f"c{i:04d}" for i in range(n)]
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "sex"])
    return cohort, FollowUp.from_frame(frame, event="again", id="id")


def test_children_are_drawn_with_all_their_units():
    child = np.array([0, 1, 1, 2, 2, 2])

    rows = draw_children(child, np.random.default_rng(4))

    times = np.bincount(rows, minlength=6)
    assert (np.diff(rows) >= 0).all()
    assert all(len(set(times[child == c])) == 1 for c in range(3))
    assert sum(times[[0, 1, 3]]) == 3


@pytest.mark.parametrize("method", ["nearest", "full", "overlap", "entropy", "ipw", "subclass", "exact", "cardinality"])
def test_drawing_every_child_once_gives_the_estimate(method, monkeypatch):
    cohort, followup = drawn()
    options = {"exact": {}, "cardinality": {"tols": 0.2}}.get(method, {})
    if method == "exact":
        cohort = replace(cohort, covariates=("sex",))
    design = build_design(cohort, method, **options)
    monkeypatch.setattr(bootstrap, "draw_children", lambda child, rng: np.arange(child.size))

    value = resampler(followup, design, "risk_difference").replicate(np.random.SeedSequence(1))

    assert value == pytest.approx(estimate_effect(followup, design, "risk_difference").estimate, abs=1e-9)


@pytest.mark.parametrize(
    "measure", [m.name for m in MEASURES.values() if m.takes == ("time", "event") and "cure" not in m.name]
)
def test_a_replicate_is_a_number_for_every_measure_of_times(measure):
    cohort, followup = drawn()

    value = resampler(followup, build_design(cohort, "overlap"), measure).replicate(np.random.SeedSequence(5))

    assert np.isfinite(value)


def test_a_replicate_depends_on_its_seed_alone():
    cohort, followup = drawn()
    task = resampler(followup, build_design(cohort, "nearest"), "risk_difference")

    values = [task.replicate(np.random.SeedSequence(s)) for s in (1, 2, 1)]

    assert values[0] == values[2] != values[1]


def test_a_draw_without_a_comparison_is_not_a_number(monkeypatch):
    cohort, followup = drawn()
    task = resampler(followup, build_design(cohort, "nearest"), "risk_difference")
    treated_only = np.flatnonzero(cohort.treated)
    monkeypatch.setattr(bootstrap, "draw_children", lambda child, rng: treated_only)

    assert np.isnan(task.replicate(np.random.SeedSequence(1)))


def test_matching_with_replacement_is_refused():
    cohort, followup = drawn()
    design = build_design(cohort, "nearest", replace=True)

    with pytest.raises(UsageError, match="not valid for nearest neighbours with replacement"):
        resampler(followup, design, "risk_difference")


def test_weights_that_were_settled_after_the_design_was_built_are_refused():
    cohort, followup = drawn()
    design = build_design(cohort, "nearest")
    settled = replace(design, weighting=replace(design.weighting, weight=design.weight * np.where(design.treated, 1.0, 0.5)))

    with pytest.raises(EstimationError, match="settled after it was built"):
        resampler(followup, settled, "risk_difference")
