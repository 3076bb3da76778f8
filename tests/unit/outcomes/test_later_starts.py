"""Comparison children who enter later: who leaves, who stands for them, and how much."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.methods import build_design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.models import start_hazard
from yoseval.outcomes.later_starts import LEAST_LATER, stand_for_later

NEVER = np.inf


def design_of(treated, score=None):
    n = len(treated)
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"id": np.arange(n).astype(str), "started": treated, "age": rng.uniform(11, 17, n)})
    design = unadjusted_design(Cohort.from_frame(frame, treated="started", id="id", covariates=["age"]))
    return replace(design, weighting=replace(design.weighting, score=np.full(n, 0.3) if score is None else score))


def some(design, n_later, n_troubled, *, entry=100.0, trouble=50.0):
    """Return entry and trouble of a design's units: of the comparison some enter later, some are in trouble first."""
    pool = np.flatnonzero(~design.treated)
    entries, troubles = np.full(design.treated.size, NEVER), np.full(design.treated.size, NEVER)
    entries[pool[:n_later]] = entry
    troubles[pool[n_later : n_later + n_troubled]] = trouble
    return entries, troubles


def test_solved_by_hand():
    design = design_of([True] * 5 + [False] * 40)
    entry, trouble = some(design, 10, 10)

    found = stand_for_later(design, entry, trouble, np.full(45, 365.0), first_day=0)

    # Ten enter on day 100 (at risk 101 days), ten are in trouble on day 50, twenty are followed to day 365 (366 days).
    rate = 10 / (10 * 101 + 10 * 50 + 20 * 366)
    pool = np.flatnonzero(~design.treated)
    assert (found.weight[design.treated] == 1).all()
    assert (found.weight[pool[:10]] == 0).all()
    assert found.weight[pool[10:20]] == pytest.approx(np.full(10, np.exp(50 * rate)))
    assert found.weight[pool[20:]] == pytest.approx(np.full(20, np.exp(366 * rate)))
    assert found.attrition["n_lost"].sum() == 10


def test_days_before_an_entry_counts_as_later_are_not_days_at_risk():
    design = design_of([True] * 5 + [False] * 40)
    entry, trouble = some(design, 10, 10)

    found = stand_for_later(design, entry, trouble, np.full(45, 365.0), first_day=61)

    # Trouble on day 50 comes before anybody could enter later: those children count once.
    rate = 10 / (10 * (101 - 61) + 20 * (366 - 61))
    pool = np.flatnonzero(~design.treated)
    assert found.weight[pool[10:20]] == pytest.approx(np.ones(10))
    assert found.weight[pool[20:]] == pytest.approx(np.full(20, np.exp((366 - 61) * rate)))


@pytest.mark.parametrize(
    ("entry", "trouble", "is_later"),
    [(100, NEVER, True), (60, NEVER, False), (61, NEVER, True), (365, NEVER, True), (366, NEVER, False), (100, 101, True),
     (100, 100, False), (100, 99, False)],
)  # fmt: skip
def test_who_enters_later_and_out_of_trouble_leaves(entry, trouble, is_later):
    design = design_of([True] * 5 + [False] * 40)
    entries, troubles = some(design, LEAST_LATER, 0)
    last = np.flatnonzero(~design.treated)[-1]
    entries[last], troubles[last] = entry, trouble

    found = stand_for_later(design, entries, troubles, np.full(45, 365.0), first_day=61)

    assert (found.weight[last] == 0) == is_later


@pytest.mark.parametrize("n", [0, LEAST_LATER - 1])
def test_with_few_later_entries_the_design_stays(n):
    design = design_of([True] * 5 + [False] * 40)

    assert stand_for_later(design, *some(design, n, 5), np.full(45, 365.0), first_day=0) is design


def test_entries_of_the_treated_and_of_unused_units_do_not_count():
    design = design_of([True] * 20 + [False] * 40)
    entry, trouble = some(design, LEAST_LATER, 0)
    design = replace(design, weighting=replace(design.weighting, weight=np.where(entry == 100.0, 0.0, 1.0)))
    entry[design.treated] = 50.0

    assert stand_for_later(design, entry, trouble, np.full(60, 365.0), first_day=0) is design


def draw(seed, n=500):
    rng = np.random.default_rng(seed)
    prior = rng.poisson(1.5, n).astype(float)
    started = rng.random(n) < 1 / (1 + np.exp(1 - 0.3 * prior))
    frame = pd.DataFrame({"id": [f"{i:04d}" for i in range(n)], "started": started, "prior": prior})
    design = build_design(Cohort.from_frame(frame, treated="started", id="id", covariates=["prior"]), "entropy")
    prior = design.cohort.units["prior"].to_numpy(dtype=float)
    entry = np.where(rng.random(n) < 0.7, np.ceil(rng.exponential(250 * np.exp(-0.15 * prior))), NEVER)
    trouble = np.ceil(rng.exponential(400 * np.exp(-0.2 * prior)))
    return design, np.where(design.treated, NEVER, entry), trouble


def test_those_who_stay_stand_for_all():
    design, entry, trouble = draw(1, n=20_000)

    found = stand_for_later(design, entry, trouble, np.full(entry.size, 365.0), first_day=0)

    pool = ~design.treated
    assert found.weight[pool].sum() == pytest.approx(design.weight[pool].sum(), rel=0.03)


def test_the_correction_is_what_leaving_a_child_out_changes(monkeypatch):
    design, entry, trouble = draw(2)
    y = np.minimum(trouble, 365.0)
    later = ~design.treated & (entry < trouble) & (entry <= 365)
    # The days on which the pieces of the hazard part are taken as given: with a child left out they would jump.
    edges = start_hazard._edges(entry[later] + 1.0, 366.0)
    monkeypatch.setattr(start_hazard, "_edges", lambda *_: edges)
    found = stand_for_later(design, entry, trouble, np.full(entry.size, 365.0), first_day=0)

    def mean(weight, rows):
        pool = ~design.treated[rows]
        return np.average(y[rows][pool], weights=weight[pool])

    w, pool, everybody = found.weight, ~design.treated, np.arange(entry.size)
    whole = mean(w, everybody)
    away = np.where(pool, y - whole, 0.0) / w[pool].sum()
    # A unit of weight 0 moves the mean through the estimated weights only.
    per_weight = np.where(w > 0, away, 0.0)
    influence = w * away + found.weighting.estimation.influence @ (per_weight @ found.weighting.estimation.gradient)
    rows = everybody[::5]
    left_out = np.array([whole - mean(found.weighting.reweight(k), k) for k in (np.delete(everybody, i) for i in rows)])
    assert np.corrcoef(influence[rows], left_out)[0, 1] > 0.999
    assert (influence[rows] ** 2).sum() == pytest.approx((left_out**2).sum(), rel=0.06)


def test_who_stands_for_whom_is_fitted_again_one_at_a_time():
    design, entry, trouble = draw(3)

    found = stand_for_later(design, entry, trouble, np.full(entry.size, 365.0), first_day=0)

    # The design's own fits of many at once know nothing of later entries.
    assert design.weighting.reweight_many is not None
    assert found.weighting.reweight_many is None


def test_a_matched_design_keeps_its_sets_and_is_not_fitted_again():
    design, entry, trouble = draw(3)
    matched = build_design(design.cohort, "nearest")

    found = stand_for_later(matched, entry, trouble, np.full(entry.size, 365.0), first_day=0)

    assert found.weighting.reweight is None
    np.testing.assert_array_equal(found.weighting.set_id, matched.weighting.set_id)
