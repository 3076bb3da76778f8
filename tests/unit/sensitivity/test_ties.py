"""How far a design moves when its ties are broken otherwise."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import UsageError
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp
from yoseval.sensitivity.ties import tie_sensitivity


@pytest.fixture
def study():
    rng = np.random.default_rng(3)
    age, sex = rng.integers(10, 14, 160), rng.choice(["f", "m"], 160)
    columns = {"id": [f"c{i:03d}" for i in range(160)], "started": (rng.random(160) < 0.3).astype(int), "age": age, "sex": sex}
    frame = pd.DataFrame({**columns, "again": rng.integers(0, 2, 160)})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "sex"])
    return build_design(cohort), FollowUp.from_frame(frame, event="again", id="id")


def test_among_children_with_equal_scores_the_effect_moves_and_the_distance_does_not(study):
    found = tie_sensitivity(*study, reorderings=30)

    assert found.distance_low == pytest.approx(found.distance_high)
    assert found.estimate_low < found.estimate_high


def test_the_range_holds_the_design_itself(study):
    found = tie_sensitivity(*study, measure="risk_ratio", reorderings=5)

    assert found.estimate == pytest.approx(estimate_effect(study[1], study[0], "risk_ratio").estimate, rel=1e-12)
    assert found.estimate_low <= found.estimate <= found.estimate_high


def test_without_a_follow_up_the_answer_stays_blind(study):
    found = tie_sensitivity(study[0], reorderings=2)

    assert np.isnan(found.estimate)
    assert found.to_frame()["quantity"].tolist() == ["total distance"]


def test_the_same_seed_gives_the_same_answer(study):
    assert tie_sensitivity(*study, reorderings=4, seed=2) == tie_sensitivity(*study, reorderings=4, seed=2)


def test_without_ties_nothing_moves():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"id": [f"c{i}" for i in range(80)], "started": np.arange(80) % 3 == 0, "x": rng.normal(size=80)})
    design = build_design(Cohort.from_frame(frame.assign(again=1), treated="started", id="id", covariates=["x"]))
    followup = FollowUp.from_frame(frame.assign(again=rng.integers(0, 2, 80)), event="again", id="id")

    found = tie_sensitivity(design, followup, reorderings=5)

    assert found.estimate_low == found.estimate_high


@pytest.mark.parametrize(
    ("options", "message"), [({"measure": "odds"}, "'odds' is not a measure"), ({"reorderings": 0}, "0 reorderings")]
)
def test_what_cannot_be_asked_is_an_error(study, options, message):
    with pytest.raises(UsageError, match=message):
        tie_sensitivity(*study, **options)


def test_it_tells_itself_in_at_most_eight_lines(study):
    text = str(tie_sensitivity(*study, reorderings=2))

    assert text.startswith("Ties broken in 2 other ways")
    assert len(text.splitlines()) == 3
