"""Cardinality and profile matching: the largest sample, its balance, and the methods of the menu."""

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from yoseval.design.balance import assess_balance
from yoseval.design.cardinality import largest_balanced, largest_profile
from yoseval.design.methods import build_design
from yoseval.errors import DesignError, UsageError


def people(seed, n_treated, n_comparison):
    rng = np.random.default_rng(seed)
    treated = np.arange(n_treated + n_comparison) < n_treated
    values = np.column_stack([rng.normal(size=len(treated)) + 0.5 * treated, rng.random(len(treated)) < 0.4 + 0.2 * treated])
    return values, treated


def gaps(values, one, other):
    return np.abs(values[one].mean(axis=0) - values[other].mean(axis=0))


def whole_programme(values, treated, tolerance):
    """The largest 1:1 sample by one whole-number programme over everybody, to proven optimality."""
    sign = np.where(treated, 1.0, -1.0)
    moment = (sign[:, None] * values).T
    room = np.where(treated, 1.0, 0.0) * tolerance[:, None]
    rows = np.vstack([moment - room, -moment - room])
    limits = [LinearConstraint(rows, -np.inf, 0.0), LinearConstraint(sign, 0.0, 0.0)]
    found = milp(-np.ones(len(sign)), integrality=np.ones(len(sign)), bounds=Bounds(0, 1), constraints=limits)
    assert found.status == 0
    return round(-found.fun)


@pytest.mark.parametrize("seed", range(12))
def test_a_sample_said_to_be_the_largest_is_that_of_the_whole_programme(seed):
    values, treated = people(seed, 25, 35)
    tolerance = np.array([0.05, 0.02])

    kept = largest_balanced(values, treated, tolerance)

    largest = whole_programme(values, treated, tolerance)
    assert kept.units.sum() <= largest <= kept.bound
    assert kept.units.sum() == largest or not kept.is_largest
    assert largest - kept.units.sum() <= 2


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_ratio_and_the_tolerances_hold(ratio):
    values, treated = people(3, 40, 160)

    kept = largest_balanced(values, treated, np.array([0.02, 0.01]), ratio=ratio).units

    assert (kept & ~treated).sum() == ratio * (kept & treated).sum()
    assert (gaps(values, kept & treated, kept & ~treated) <= [0.02 + 1e-9, 0.01 + 1e-9]).all()


def test_the_ratio_holds_in_every_cell():
    values, treated = people(4, 40, 160)
    cells = np.random.default_rng(5).integers(0, 3, 200)

    kept = largest_balanced(values, treated, np.array([0.1, 0.1]), cells=cells).units

    for cell in range(3):
        assert (kept & treated & (cells == cell)).sum() == (kept & ~treated & (cells == cell)).sum()


def test_a_profile_is_met_by_as_many_as_can():
    values, treated = people(6, 60, 240)
    target = values[treated].mean(axis=0)

    kept = largest_profile(values[~treated], target, np.array([0.05, 0.02]))

    assert (np.abs(values[~treated][kept.units].mean(axis=0) - target) <= [0.05 + 1e-9, 0.02 + 1e-9]).all()
    assert kept.bound - kept.units.sum() <= 2


def test_wide_tolerances_keep_everybody():
    values, treated = people(7, 30, 30)

    assert largest_balanced(values, treated, np.array([9.0, 9.0])).units.all()


def test_no_balanced_sample_is_an_error():
    values, treated = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([True, True, False, False])

    with pytest.raises(DesignError, match="No sample is balanced"):
        largest_balanced(values, treated, np.array([0.5]))
    with pytest.raises(DesignError, match="No sample is balanced"):
        largest_profile(values[~treated], np.array([0.0]), np.array([0.5]))


@pytest.mark.parametrize("options", [{}, {"tols": 0.02}, {"ratio": 2, "tols": 0.1}, {"ratio": None}])
def test_every_term_of_a_design_is_balanced(cohort, options):
    design = build_design(cohort, "cardinality", **options)

    assert assess_balance(design).max_smd <= options.get("tols", 0.05) + 1e-9
    assert set(design.weight) <= {0.0, 1.0}
    assert not design.is_matched


def test_tolerances_may_be_in_the_unit_of_the_covariate(cohort):
    design = build_design(cohort, "cardinality", tols=0.03, std_tols=False)

    found = assess_balance(design).statistics.query("sample == 'after' and kind in ('numeric', 'binary')")
    assert (found["mean_treated"] - found["mean_comparison"]).abs().max() <= 0.03 + 1e-9


@pytest.mark.parametrize(("method", "options"), [("cardinality", {"ratio": None}), ("profile", {})])
def test_a_profile_of_the_treated_keeps_all_of_them(cohort, method, options):
    design = build_design(cohort, method, **options)

    assert design.estimand == "ATT"
    assert (design.weight[design.treated] == 1).all()


def test_a_profile_of_everybody_selects_both_arms(cohort):
    design = build_design(cohort, "profile", estimand="ATE")

    values, spread = cohort.matrix().values, cohort.matrix().values.std(axis=0, ddof=1)
    for arm in (design.treated, ~design.treated):
        kept = values[arm & (design.weight > 0)]
        assert (np.abs(kept.mean(axis=0) - values.mean(axis=0)) <= 0.06 * spread).all()


def test_a_profile_of_the_comparison_keeps_all_of_it(cohort):
    design = build_design(cohort, "profile", estimand="ATC")

    assert (design.weight[~design.treated] == 1).all()
    assert assess_balance(design).max_smd <= 0.05 + 1e-9


def test_the_flow_accounts_for_every_unit_that_left(cohort):
    design = build_design(cohort, "cardinality")

    last = design.attrition.groupby("arm")["n_left"].last()
    assert last["treated"] == (design.treated & (design.weight > 0)).sum()
    assert last["comparison"] == (~design.treated & (design.weight > 0)).sum()


def test_the_notes_say_how_near_the_largest_it_is(cohort):
    note = build_design(cohort, "cardinality").notes[0]

    assert note.startswith(("No larger sample is balanced", "A balanced sample could be larger by"))


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("cardinality", {"ratio": 0.5}, "'ratio' is 0.5"),
        ("cardinality", {"tols": -0.1}, "'tols' is -0.1"),
        ("cardinality", {"tols": "narrow"}, "'tols' is 'narrow'"),
        ("cardinality", {"std_tols": 1}, "'std_tols' is 1"),
        ("cardinality", {"ratio": None, "exact": "sex"}, "'exact' has no say in this design. It applies with a ratio"),
        ("cardinality", {"exact": "colour"}, "match exactly on: colour"),
        ("cardinality", {"estimand": "ATE"}, "cannot be asked for the estimand 'ATE'"),
        ("profile", {"estimand": "ATO"}, "cannot be asked for the estimand 'ATO'"),
    ],
)
def test_what_there_is_not_is_a_usage_error(cohort, method, options, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, method, **options)


@pytest.mark.parametrize("replicate", [8, 19])
def test_a_sample_is_found_where_rows_come_sorted_and_neighbours_are_alike(replicate):
    # Two simulated services for which the first rows alone, all without prior offences, could not repair the rounding.
    rng = np.random.default_rng([20261123, replicate])
    prior, age = np.minimum(rng.poisson(2.0, 600), 8).astype(float), rng.uniform(12, 18, 600)
    girl = (rng.random(600) < 0.25).astype(float)
    logit = -0.75 + 0.35 * (prior - 2) - 0.12 * (age - 15) - 0.4 * (girl - 0.25)
    treated = rng.random(600) < 1 / (1 + np.exp(-logit))
    order = np.lexsort((treated, girl, age, prior))
    values, treated = np.column_stack([prior, age, girl])[order], treated[order]

    kept = largest_balanced(values, treated, 0.05 * values[treated].std(axis=0))

    assert kept.bound - kept.units.sum() <= 2
