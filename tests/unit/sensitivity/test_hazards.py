"""Whether a ratio of hazards is one number: truths known by construction, and the ratios of the halves by start-stop rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.imputed import ImputedDesigns
from yoseval.design.methods import build_design
from yoseval.models.cox import fit_cox
from yoseval.models.proportional_hazards import proportional_hazards_test
from yoseval.outcomes.contrast import align_followup
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp
from yoseval.sensitivity.checks import assess_sensitivity
from yoseval.sensitivity.hazards import proportionality_note, proportionality_p_value, split_effect
from yoseval.sensitivity.probing import Probed

HALF, HORIZON = 180.0, 360.0


def made(first, second, *, n=900, method="overlap", seed=3):
    """Times with hazard ratios ``first`` before half and ``second`` after it, censored at 400 or on the way; causes as well."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(12, 18, n)
    treated = rng.random(n) < 1 / (1 + np.exp(-(age - 15) / 3))
    rates = [0.004 * np.where(treated, r, 1.0) * np.exp((age - 15) / 10) for r in (first, second)]
    hazard = rng.exponential(size=n)
    time = np.where(hazard < HALF * rates[0], hazard / rates[0], HALF + (hazard - HALF * rates[0]) / rates[1])
    stop = np.minimum(rng.uniform(100, 800, n), 400.0)
    other = rng.exponential(3000.0, n)
    seen = np.ceil(np.minimum(np.minimum(time, stop), other))
    cause = np.where(time <= np.minimum(stop, other), 1, np.where(other < stop, 2, 0))
    frame = pd.DataFrame({"treated": treated, "age": age, "event": (cause == 1).astype(int), "time": seen, "cause": cause})
    followup = FollowUp.from_frame(frame, event="event", time="time", cause="cause", horizon=HORIZON)
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["age"])
    return followup, build_design(cohort, method)


def put(followup, design, measure="hazard_ratio", noun="reoffending"):
    estimate = estimate_effect(followup, design, measure)
    return assess_sensitivity(estimate, followup, design, ["proportional_hazards"], noun=noun)


def test_a_constant_ratio_agrees():
    (check,) = put(*made(0.6, 0.6))

    assert check.agrees is True
    assert check.answer.startswith("No sign that it changes")
    assert "difference in mean time without reoffending" in check.answer


def test_a_ratio_that_changes_disagrees_and_leads_with_what_to_read_instead():
    followup, design = made(0.4, 2.5)

    (check,) = put(followup, design)

    instead = estimate_effect(followup, design, "restricted_mean_difference")
    lead = "The ratio is not constant over the follow-up, so read the difference in mean time without reoffending: "
    assert check.agrees is False
    assert check.value == "1 in 1,000 or fewer"
    assert check.answer.startswith(f"{lead}{instead.estimate:.2f} days ({instead.conf_low:.2f} to {instead.conf_high:.2f})")


@pytest.mark.parametrize("method", ["overlap", "nearest"])
@pytest.mark.parametrize("measure", ["hazard_ratio", "cause_specific_ratio"])
def test_the_ratios_of_the_halves_are_those_of_one_model_of_start_stop_rows(method, measure):
    followup, design = made(0.5, 1.5, method=method)
    sample = align_followup(followup, design)
    time, event = np.minimum(sample.time, HORIZON), sample.event & (sample.time <= HORIZON)
    late = time > HALF
    first, second = design.treated.astype(float), design.treated[late].astype(float)
    columns = np.column_stack([np.r_[first, 0 * second], np.r_[0 * first, second]])

    model = fit_cox(
        np.r_[np.minimum(time, HALF), time[late]],
        np.r_[event & ~late, event[late]],
        columns,
        np.r_[sample.weight, sample.weight[late]],
        entry=np.r_[np.zeros(late.size), np.full(late.sum(), HALF)],
    )
    halves = split_effect(Probed(estimate_effect(followup, design, measure), followup, design))

    found = [halves.first.estimate, halves.second.estimate]
    assert found == pytest.approx(np.exp(model.coefficients), rel=1e-8)
    assert [e.entry for e in (halves.first, halves.second)] == [0.0, HALF]
    assert [e.horizon for e in (halves.first, halves.second)] == [HALF, HORIZON]
    assert {e.role for e in (halves.first, halves.second)} == {"check"}


def test_each_half_has_an_interval_of_its_own():
    followup, design = made(0.5, 1.5)

    halves = split_effect(Probed(estimate_effect(followup, design, "hazard_ratio"), followup, design))

    assert halves.first.conf_low < 0.5 < halves.first.conf_high
    assert halves.second.conf_low < 1.5 < halves.second.conf_high


def test_the_test_has_the_weights_and_clusters_of_the_design_and_ends_at_the_horizon():
    followup, design = made(0.5, 0.8, method="nearest")
    sample = align_followup(followup, design)
    used = sample.weight > 0
    time, event = np.minimum(sample.time, HORIZON)[used], (sample.event & (sample.time <= HORIZON))[used]
    arm = design.treated[used, None].astype(float)

    by_hand = proportional_hazards_test(time, event, arm, sample.weight[used], clusters=design.weighting.set_id[used])

    assert proportionality_p_value(followup, design) == pytest.approx(by_hand.p_value[0], rel=1e-12)


def test_of_imputations_the_median_counts():
    followup, design = made(0.5, 0.8)
    designs = [design, *(build_design(design.cohort, m) for m in ("nearest", "entropy"))]

    found = proportionality_p_value(followup, ImputedDesigns(tuple(designs), ()))

    assert found == np.median([proportionality_p_value(followup, d) for d in designs])


def test_where_other_events_compete_the_incidence_is_to_be_read():
    followup, design = made(0.4, 2.5)

    (check,) = put(followup, design, "cause_specific_ratio")

    assert check.estimates[-1].measure == "incidence_difference"
    assert "read the difference in the share with reoffending by the end: " in check.answer


@pytest.mark.parametrize("measure", ["risk_difference", "restricted_mean_difference", "subdistribution_ratio"])
def test_other_measures_are_not_asked(measure):
    followup, design = made(0.6, 0.6, n=300)
    complete = replace(followup, time=np.where(followup.event, followup.time, 400.0))

    assert put(complete, design, measure) == ()
    assert proportionality_note(estimate_effect(complete, design, measure), complete, design) == ""


@pytest.mark.parametrize("n", [16, 24, 40])
def test_small_groups_have_an_answer_without_a_number_of_children(n):
    (check,) = put(*made(0.6, 0.6, n=n, seed=1))

    assert check.answer
    assert "nan" not in check.answer


def test_events_at_one_time_cannot_be_tested():
    followup, design = made(0.6, 0.6, n=200)
    at_once = replace(followup, time=np.where(followup.event, 200.0, 400.0))
    estimate = estimate_effect(at_once, design, "hazard_ratio")

    (check,) = put(at_once, design)

    assert check.agrees is None
    assert (check.value, check.answer[:24]) == ("not tested", "It could not be tested: ")
    assert proportionality_note(estimate, at_once, design).startswith("Whether the ratio is the same")


@pytest.mark.parametrize(("second", "begins"), [(0.4, "No sign"), (2.5, "The ratio is not constant")])
def test_a_ratio_without_checks_has_a_note(second, begins):
    followup, design = made(0.4, second)

    assert proportionality_note(estimate_effect(followup, design, "hazard_ratio"), followup, design).startswith(begins)
