"""How far a design moves when its ties are broken otherwise."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.errors import UsageError
from yoseval.frames import check_frame
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
    assert found.to_frame()["quantity"].tolist() == ["total_distance"]


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


def every_greedy_match(treated, comparison):
    """Yield the pairs of every order of turns and every choice among the nearest, as (treated, comparison) places."""
    for turns in permutations(range(len(treated))):
        yield from _matched(turns, treated, comparison, ())


def _matched(turns, treated, comparison, pairs):
    if not turns:
        yield pairs
        return
    free = [j for j in range(len(comparison)) if j not in {p[1] for p in pairs}]
    gaps = np.array([abs(treated[turns[0]] - comparison[j]) for j in free])
    for j in np.flatnonzero(np.isclose(gaps, gaps.min())):
        yield from _matched(turns[1:], treated, comparison, (*pairs, (turns[0], free[j])))


def test_the_ranges_are_those_of_every_order_there_is():
    treated, comparison = [1.0, 2.0, 2.0], [0.0, 0.0, 1.5, 2.0, 4.5, 4.5]
    again = np.array([1, 0, 1, 0, 1, 1, 0, 1, 0])
    frame = pd.DataFrame({"id": list("abcdefghi"), "started": [1] * 3 + [0] * 6, "x": [*treated, *comparison], "again": again})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["x"])
    options = {"distance": "scaled_euclidean", "caliper": None, "m_order": "data"}
    followup = FollowUp.from_frame(frame, event="again", id="id")

    found = tie_sensitivity(build_design(cohort, **options), followup, reorderings=60)

    ways = list(every_greedy_match(treated, comparison))
    scale = found.distance_high / max(sum(abs(treated[i] - comparison[j]) for i, j in w) for w in ways)
    totals = [scale * sum(abs(treated[i] - comparison[j]) for i, j in w) for w in ways]
    effects = [again[:3].mean() - np.mean([again[3 + j] for _, j in w]) for w in ways]
    assert (found.distance_low, found.distance_high) == pytest.approx((min(totals), max(totals)))
    assert (found.estimate_low, found.estimate_high) == pytest.approx((min(effects), max(effects)))
    assert found.distance_low < found.distance_high


def test_among_equal_scores_the_effect_ranges_over_every_choice():
    x = np.repeat([0, 1, 2], [4, 5, 3])
    started = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0])
    again = np.array([1, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0])
    frame = pd.DataFrame({"id": [f"c{i:02d}" for i in range(12)], "started": started, "x": x, "again": again})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["x"])
    followup = FollowUp.from_frame(frame, event="again", id="id")

    found = tie_sensitivity(build_design(cohort, caliper=None), followup, reorderings=60)

    choices = product(*(again[(x == level) & (started == 0)] for level in (0, 1, 2)))
    effects = [again[started == 1].mean() - np.mean(c) for c in choices]
    assert (found.estimate_low, found.estimate_high) == pytest.approx((min(effects), max(effects)))


def test_counts_of_events_range_too(study):
    frame = study[0].cohort.units.assign(again=study[1].event[np.argsort(np.argsort(study[0].cohort.units["unit_id"]))])
    followup = FollowUp.from_frame(
        frame.assign(event=frame["again"].astype(int), count=2 * frame["again"]), event="event", id="unit_id", count="count"
    )

    found = tie_sensitivity(study[0], followup, measure="mean_count_difference", reorderings=5)

    single = tie_sensitivity(study[0], followup, reorderings=5)
    assert (found.estimate_low, found.estimate_high) == pytest.approx((2 * single.estimate_low, 2 * single.estimate_high))


def test_ties_are_a_public_frame(study):
    frame = check_frame(tie_sensitivity(*study, reorderings=3).to_frame(), "ties")

    assert frame["quantity"].tolist() == ["total_distance", "risk_difference"]
    assert frame["outcome"].tolist() == ["", "again"]
