"""Arms that form after time zero: waits at their edges, weights solved by hand, gradients by numerical derivatives."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.cloning import STARTS, clone_design, original_ids
from yoseval.design.methods import build_design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import EstimationError
from yoseval.models.variance import correct_for_estimated_weights
from yoseval.outcomes.time_zero import Waiting, settle_clones, settle_grace, started_or_not

NEVER = np.inf
DAYS = 60


def waiting_of(*rows):
    entry, trouble = np.array(rows, dtype=float).T
    return Waiting(entry, trouble, DAYS)


@pytest.mark.parametrize(
    ("entry", "trouble", "clean", "troubled", "at_risk"),
    [
        (0, NEVER, True, False, 1),
        (59, NEVER, True, False, 60),
        (60, NEVER, True, False, 61),
        (61, NEVER, False, False, 61),
        (NEVER, NEVER, False, False, 61),
        (NEVER, 1, False, True, 1),
        (NEVER, 60, False, True, 60),
        (NEVER, 61, False, False, 61),
        (10, 20, True, False, 11),
        (20, 10, False, True, 10),
        # On one day trouble comes first.
        (10, 10, False, True, 10),
        (61, 10, False, True, 10),
        (61, 62, False, False, 61),
        (70, 65, False, False, 61),
    ],
)
def test_how_a_wait_ends(entry, trouble, clean, troubled, at_risk):
    waiting = waiting_of((entry, trouble))

    found = (bool(waiting.clean_start[0]), bool(waiting.troubled[0]), float(waiting.days_at_risk[0]))
    assert found == (clean, troubled, at_risk)


def plain_design(treated):
    """Return a design in which everybody is alike."""
    n = len(treated)
    frame = pd.DataFrame({"id": [f"c{i}" for i in range(n)], "started": treated, "age": np.tile([13.0, 14.0], n)[:n]})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["age"])
    units = cohort.units.assign(order=[int(u[1:]) for u in cohort.units["unit_id"]]).sort_values("order").drop(columns="order")
    design = unadjusted_design(replace(cohort, units=units.assign(age=13.0).reset_index(drop=True)))
    return replace(design, weighting=replace(design.weighting, score=np.full(n, 0.5)))


def test_a_grace_period_solved_by_hand():
    # Two start on days 9 and 29; two get into trouble on days 10 and 40; two are never in trouble and never start.
    waiting = waiting_of((9, NEVER), (29, NEVER), (NEVER, 10), (NEVER, 40), (NEVER, NEVER), (NEVER, NEVER))

    settled = settle_grace(plain_design([True, True, False, False, False, False]), waiting)

    rate = 2 / (10 + 30 + 10 + 40 + 61 + 61)
    early, late = (np.expm1(rate * d) / np.expm1(rate * 61) for d in (10, 40))
    share = np.array([early, late, 1, 1]) / (early + late + 2)
    assert settled.weight == pytest.approx([1, 1, *(2 * share)], rel=1e-9)


def test_who_starts_after_trouble_leaves_and_those_in_trouble_who_never_start_stand_for_them():
    waiting = waiting_of((9, NEVER), (29, 20), (NEVER, 10), (NEVER, 40), (NEVER, NEVER), (NEVER, NEVER))

    settled = settle_grace(plain_design([True, True, False, False, False, False]), waiting)

    rate = 1 / (10 + 20 + 10 + 40 + 61 + 61)
    # Three are in trouble, one of them starts afterwards: the other two count for one and a half each.
    early, late = (1.5 * np.expm1(rate * d) / np.expm1(rate * 61) for d in (10, 40))
    share = np.array([early, late, 1, 1]) / (early + late + 2)
    assert settled.weight == pytest.approx([1, 0, *share], rel=1e-9)
    assert settled.attrition["n_lost"].sum() == 1


def test_without_trouble_nothing_changes():
    waiting = waiting_of((9, NEVER), (29, 300), (NEVER, 100), (NEVER, NEVER))
    design = plain_design([True, True, False, False])

    settled = settle_grace(design, waiting)

    np.testing.assert_allclose(settled.weight, [1, 1, 1, 1])
    assert len(settled.attrition) == len(design.attrition)


def test_a_grace_period_in_which_nobody_starts_before_trouble_is_refused():
    with pytest.raises(EstimationError, match="before new trouble"):
        settle_grace(plain_design([True, False, False]), waiting_of((30, 10), (NEVER, 10), (NEVER, NEVER)))


def draw_cohort(seed, n=400):
    """Draw children who differ, wait, and get into trouble the sooner the more they offended before."""
    rng = np.random.default_rng(seed)
    prior, age = rng.poisson(1.5, n), rng.uniform(11, 17, n)
    trouble = np.ceil(rng.exponential(150 * np.exp(-0.2 * prior)))
    entry = np.where(rng.random(n) < 0.6, np.floor(rng.exponential(50 * np.exp(0.1 * prior))), np.inf)
    # A few start in spite of trouble.
    entry = np.where((entry >= trouble) & (rng.random(n) < 0.8), np.inf, entry)
    frame = pd.DataFrame({"id": [f"c{i:04d}" for i in range(n)], "started": entry <= DAYS, "prior": prior, "age": age})
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["prior", "age"])
    return cohort, dict(zip(frame["id"], zip(entry, trouble, strict=True), strict=True))


def in_order_of(design, ends):
    return waiting_of(*(ends[u] for u in original_ids(design.cohort.units["unit_id"].to_numpy(dtype=object))))


@pytest.mark.parametrize("seed", range(3))
def test_after_settling_a_grace_period_the_covariates_balance(seed):
    cohort, ends = draw_cohort(seed)
    design = build_design(cohort, "entropy")

    settled = settle_grace(design, in_order_of(design, ends))

    x, t, w = settled.cohort.matrix().for_models(), settled.treated, settled.weight
    np.testing.assert_allclose(np.average(x[t], axis=0, weights=w[t]), np.average(x[~t], axis=0, weights=w[~t]), atol=1e-7)


def influence_of_means(design, y):
    """Return the influence of every child on the difference of weighted means, estimated weights allowed for."""
    w, t = design.weight, design.treated
    mean = {arm: np.average(y[t == arm], weights=w[t == arm]) for arm in (True, False)}
    away = np.where(t, (y - mean[True]) / w[t].sum(), -(y - mean[False]) / w[~t].sum())
    estimation = design.weighting.estimation
    corrected = correct_for_estimated_weights(w * away, w, estimation.gradient, estimation.influence)
    return mean[True] - mean[False], pd.Series(corrected).groupby(design.person_id).sum()


def left_out_of_means(design, y):
    """Return what leaving each child out changes, everything estimated again."""
    whole, _ = influence_of_means(design, y)
    changes = {}
    for child in np.unique(design.person_id.astype(str)):
        kept = np.flatnonzero(design.person_id != child)
        w, t, z = design.weighting.reweight(kept), design.treated[kept], y[kept]
        changes[child] = whole - (np.average(z[t], weights=w[t]) - np.average(z[~t], weights=w[~t]))
    return pd.Series(changes)


@pytest.mark.parametrize("settle", [settle_grace, settle_clones])
def test_the_correction_is_what_leaving_a_child_out_changes(settle):
    cohort, ends = draw_cohort(7)
    design = clone_design(cohort) if settle is settle_clones else build_design(cohort, "entropy")
    settled = settle(design, in_order_of(design, ends))
    assert settled.weighting.reweight_many is None
    trouble = in_order_of(design, ends).trouble
    y = np.sqrt(np.minimum(trouble, 365.0))

    _, influence = influence_of_means(settled, y)
    changes = left_out_of_means(settled, y)

    assert np.corrcoef(influence.loc[changes.index], changes)[0, 1] > 0.98
    assert (influence**2).sum() == pytest.approx((changes**2).sum(), rel=0.08)


def test_clones_solved_by_hand():
    # Starts on day 9; trouble on day 20; neither.
    design = clone_design_of([(9, NEVER), (NEVER, 20), (NEVER, NEVER)])

    settled, ids = settle_clones(*design), design[0].cohort.units["unit_id"]

    rate = 1 / (10 + 20 + 61)
    reached = 1 - np.exp(-rate * 61)
    grown, whole = np.exp(rate * 20), np.exp(rate * 61)
    by_id = dict(zip(ids, settled.weight, strict=True))
    expect = {
        "c0|starts": 1 / reached,
        "c0|does not": 0.0,
        "c1|starts": (1 - (1 - 1 / grown) / reached) * grown,
        "c1|does not": grown,
        "c2|starts": 0.0,
        "c2|does not": whole,
    }
    assert by_id == pytest.approx(expect, rel=1e-9)


def clone_design_of(rows):
    """Return a design of clones of children who are alike, and their waits in its order."""
    cohort = plain_design([entry <= DAYS for entry, _ in rows]).cohort
    marks = pd.concat([cohort.units.assign(treated=arm, unit_id=cohort.units["unit_id"] + mark)
                       for arm, mark in ((True, STARTS), (False, "|does not"))], ignore_index=True)  # fmt: skip
    design = unadjusted_design(replace(cohort, units=marks))
    return design, waiting_of(*rows, *rows)


def test_weights_of_clones_add_up_to_all_children_in_each_arm():
    cohort, ends = draw_cohort(3, n=20_000)
    design = clone_design(cohort, estimand="ATE")

    settled = settle_clones(design, in_order_of(design, ends))

    for arm in (settled.treated, ~settled.treated):
        assert settled.weight[arm].sum() == pytest.approx(20_000, rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_the_weights_of_clones_is_their_derivative(seed, monkeypatch):
    from yoseval.outcomes import time_zero

    cohort, ends = draw_cohort(seed)
    design = clone_design(cohort)
    waiting = in_order_of(design, ends)
    gradient = settle_clones(design, waiting).weighting.estimation.gradient
    fit_as_it_is = time_zero.fit_start_hazard

    def weights(parameter, step):
        def moved(*given):
            fit = fit_as_it_is(*given)
            theta = np.concatenate([fit.log_rate, fit.coefficients])
            theta[parameter] += step
            return replace(fit, log_rate=theta[: fit.log_rate.size], coefficients=theta[fit.log_rate.size :])

        monkeypatch.setattr(time_zero, "fit_start_hazard", moved)
        return settle_clones(design, waiting).weight

    for parameter in range(gradient.shape[1]):
        slope = (weights(parameter, 1e-6) - weights(parameter, -1e-6)) / 2e-6
        np.testing.assert_allclose(gradient[:, parameter], slope, atol=1e-6)


def test_what_is_said_of_clones_that_left_is_rounded_to_twentieths():
    cohort, ends = draw_cohort(1)
    design = clone_design(cohort)

    notes = settle_clones(design, in_order_of(design, ends)).notes[-2:]

    assert [n.split(",")[0] for n in notes] == ["Of the copies that start", "Of the copies that do not"]
    assert all(int(n.split("about ")[1].split(" %")[0]) % 5 == 0 for n in notes)


def test_the_naive_comparison_behind_clones_has_one_copy_of_each_child():
    design, waiting = clone_design_of([(9, NEVER), (NEVER, 20), (60, 5), (61, NEVER)])

    naive = started_or_not(design, waiting)

    counted = design.cohort.units.loc[naive.weight > 0, "unit_id"]
    assert sorted(counted) == ["c0|starts", "c1|does not", "c2|starts", "c3|does not"]
