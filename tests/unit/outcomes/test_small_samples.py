"""Gates and the choice of an interval, at their edges."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.errors import EstimationError
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.small_samples import SMALL_SAMPLE, event_reasons, interval_kind, size_reasons
from yoseval.outcomes.types import FollowUp


@pytest.mark.parametrize(
    ("treated", "comparison", "reasons"),
    [
        (30, 30.0, ()),
        (29, 30.0, ("too_few_treated",)),
        (30, 29.9, ("too_few_comparison",)),
        (12, 5.0, ("too_few_treated", "too_few_comparison")),
    ],
)
def test_thirty_of_each_are_needed(treated, comparison, reasons):
    assert size_reasons(treated, comparison) == reasons


@pytest.mark.parametrize(
    ("events", "sizes", "reasons"),
    [
        ((10, 10), (40, 40), ()),
        ((9, 10), (40, 40), ("too_few_events",)),
        ((10, 9), (40, 40), ("too_few_events",)),
        ((31, 10), (40, 40), ("too_few_events",)),
        ((10, 31), (40, 40), ("too_few_events",)),
        ((30, 30), (40, 40), ()),
    ],
)
def test_ten_with_and_ten_without_the_outcome_are_needed_in_each_arm(events, sizes, reasons):
    assert event_reasons(events, sizes) == reasons


def test_the_interval_follows_the_smaller_arm():
    below = np.nextafter(SMALL_SAMPLE, 0.0)

    assert [interval_kind(*sizes) for sizes in ((below, 500.0), (500.0, below), (SMALL_SAMPLE, SMALL_SAMPLE))] == [
        "jackknife",
        "jackknife",
        "sandwich",
    ]


@pytest.mark.parametrize("size", [10.0, 1000.0])
def test_matching_with_replacement_has_one_interval_at_any_size(size):
    assert interval_kind(size, size, with_replacement=True) == "abadie_imbens"


def certain_arm(rate, seed, n=80):
    """Return a follow-up in which nobody of the treated has the outcome, and a share of the others."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"treated": np.arange(n) % 2, "x": np.arange(n), "id": [f"c{i:03d}" for i in range(n)]})
    frame["event"] = np.where(frame["treated"] == 1, rng.random(n) < rate, rng.random(n) < 0.3).astype(int)
    cohort = Cohort.from_frame(frame, treated="treated", id="id", covariates=["x"])
    weighting = Weighting(np.ones(n), np.full(n, -1), np.full(n, 0.5), "ATE")
    return FollowUp.from_frame(frame, event="event", id="id"), Design(cohort, "any", {}, weighting, "ATE", cohort.attrition)


def test_an_arm_without_events_has_a_variance_too():
    found = estimate_effect(*certain_arm(0.0, 1), "risk_difference", variance="sandwich")

    share = found.comparison_value
    near = 1 / 42
    assert found.std_error**2 == pytest.approx(share * (1 - share) / 40 * (80 / 79) * (79 / 78) + near * (1 - near) / 42)
    assert found.interval.endswith("with one more of each kind in an arm of one kind")


def test_intervals_cover_where_an_arm_hardly_ever_has_the_outcome():
    covered = 0
    for seed in range(200):
        found = estimate_effect(*certain_arm(0.02, seed), "risk_difference", variance="sandwich")
        covered += found.conf_low <= 0.02 - 0.3 <= found.conf_high

    assert covered / 200 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)


def test_an_outcome_that_varies_in_no_arm_has_no_interval():
    followup, design = certain_arm(0.0, 1)
    never = replace(followup, event=np.zeros(80, dtype=bool))

    with pytest.raises(EstimationError, match="does not vary"):
        estimate_effect(never, design, "risk_difference")
