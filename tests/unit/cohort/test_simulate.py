"""Simulated children: the same for one seed, with the effect and the selection that were asked for."""

import numpy as np
import pytest

from yoseval.cohort.simulate import COMPARISON, FOLLOW_UP_DAYS, SimulatedProgramme, simulate_cohort

COLUMNS = [
    "person",
    "programme",
    "age",
    "sex",
    "prior_offences",
    "seriousness",
    "looked_after",
    "area",
    "school_hours",
    "reoffended",
    "days_to_reoffence",
    "simulated",
]


@pytest.fixture(scope="module")
def large():
    programmes = [
        SimulatedProgramme("helps", 8000, effect=-0.15),
        SimulatedProgramme("nothing", 8000),
        SimulatedProgramme("random", 8000, selection=0.0),
        SimulatedProgramme("frequent", 500, min_prior_offences=11),
    ]
    return simulate_cohort(programmes, n_comparison=8000, seed=11)


def arm(simulated, programme):
    return simulated.people[simulated.people["programme"] == programme]


def test_a_cohort_has_one_row_a_child_and_says_that_it_is_simulated():
    people = simulate_cohort([SimulatedProgramme("a", 50)], n_comparison=100, seed=1).people

    assert people.columns.tolist() == COLUMNS
    assert people["person"].is_unique
    assert people["programme"].value_counts().to_dict() == {COMPARISON: 100, "a": 50}
    assert set(people["simulated"]) == {"yes"}


def test_one_seed_gives_one_cohort_and_another_seed_another():
    first, again, other = (simulate_cohort([SimulatedProgramme("a", 50)], n_comparison=100, seed=s).people for s in (1, 1, 2))

    assert first.equals(again)
    assert not first.equals(other)


def test_times_lie_within_the_follow_up(large):
    days = large.people["days_to_reoffence"]

    assert days.between(1, FOLLOW_UP_DAYS).all()
    assert set(large.people["reoffended"]) == {0, 1}


def test_school_hours_are_not_always_recorded(large):
    # 12 % of 32,500: standard error 0.18 points.
    assert large.people["school_hours"].isna().mean() == pytest.approx(0.12, abs=0.008)


def test_the_truth_is_the_effect_that_was_asked_for_but_for_risks_cut_at_the_ends(large):
    truth = large.truth.set_index("programme")["effect"]

    # A risk below 16 % cannot fall by 15 points; few are as low.
    assert -0.15 <= truth["helps"] < -0.13
    assert truth["nothing"] == 0.0


def test_without_selection_the_arms_differ_by_chance_only(large):
    a, b = arm(large, "random"), arm(large, COMPARISON)

    for column in ("age", "prior_offences", "looked_after"):
        gap = a[column].mean() - b[column].mean()
        error = np.sqrt(a[column].var() / len(a) + b[column].var() / len(b))
        assert abs(gap) < 4 * error


def test_with_selection_riskier_children_start(large):
    a, b = arm(large, "nothing"), arm(large, COMPARISON)

    gap = a["prior_offences"].mean() - b["prior_offences"].mean()
    assert gap > 10 * np.sqrt(a["prior_offences"].var() / len(a) + b["prior_offences"].var() / len(b))


def test_without_selection_and_effect_the_outcome_is_that_of_the_comparison(large):
    a, b = arm(large, "random")["reoffended"], arm(large, COMPARISON)["reoffended"]

    # Four standard errors of a difference of two proportions of 8,000.
    assert abs(a.mean() - b.mean()) < 4 * np.sqrt(0.25 / 8000 * 2)


def test_a_programme_for_the_most_frequent_offenders_has_no_overlap(large):
    assert arm(large, "frequent")["prior_offences"].min() >= 11
    assert arm(large, COMPARISON)["prior_offences"].max() <= 10


def test_the_true_effect_is_found_again_among_the_same_children():
    # The same seed draws the same children, with and without the effect.
    helps, nothing = (
        simulate_cohort([SimulatedProgramme("a", 20000, effect=e)], n_comparison=10, seed=5) for e in (-0.15, 0.0)
    )

    found = arm(helps, "a")["reoffended"].mean() - arm(nothing, "a")["reoffended"].mean()

    # 4 % are censored before a year, half of their offences on average: the fall seen is about 2 % smaller.
    assert found == pytest.approx(helps.truth["effect"].iloc[0], abs=0.02)
