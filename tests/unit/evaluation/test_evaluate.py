"""The open half: every outcome of a locked trial, its checks, and Holm within the programme."""

import numpy as np
import pytest

from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.evaluation.evaluate import evaluate_programme, gather_evidence
from yoseval.evaluation.trial import design_programme
from yoseval.outcomes.followup import read_outcomes


@pytest.fixture(scope="module")
def evidence(service_portfolio):
    return {f.programme: f.evidence for f in service_portfolio.findings}


@pytest.fixture
def gathered(service_people, tmp_path, write_study, service_folder):
    """Return a function that gathers the evidence of one programme after a change of people or of the study file."""
    text = (service_folder / "study.toml").read_text(encoding="utf-8")

    def build(programme, *, people=service_people, extra="", change=("", "")):
        study = read_study(write_study(tmp_path / "study", people, text.replace(*change) + extra))
        return gather_evidence(read_outcomes(study), design_programme(read_prepared(study), study.protocol(programme)))

    return build


AREAS = 'covariates = ["age", "sex", "prior_offences", "seriousness", "looked_after", "area", "school_hours"]'
THIRD = '\n[[outcomes]]\nname = "rate"\nevent = "reoffended"\ndays = "days_to_reoffence"\nhorizon_days = 365\n'


def test_the_first_outcome_is_primary_and_the_others_secondary(evidence):
    outcomes = evidence["mentoring"].outcomes

    assert [o.estimate.role for o in outcomes] == ["primary", "secondary"]
    assert [o.estimate.measure for o in outcomes] == ["risk_difference", "restricted_mean_difference"]
    assert evidence["mentoring"].primary is outcomes[0]


def test_only_the_primary_outcome_is_probed(evidence):
    primary, secondary = evidence["mentoring"].outcomes

    assert [c.check for c in primary.checks] == ["naive", "other_designs", "half_way", "hidden_bias"]
    assert secondary.checks == ()


def test_a_secondary_ratio_of_hazards_says_whether_it_is_one_number(gathered):
    *_, ratio = gathered("mentoring", extra=f'{THIRD}measure = "hazard_ratio"\n').outcomes

    assert ratio.checks == ()
    assert "over the follow-up" in ratio.estimate.notes[-1]


def test_the_flow_ends_with_those_who_are_analysed(evidence):
    outcome = evidence["mentoring"].primary
    end = outcome.attrition.drop_duplicates("arm", keep="last").set_index("arm")

    assert set(end["stage"]) == {"analysis"}
    assert end["n_left"].to_dict() == {"treated": outcome.estimate.n_treated, "comparison": outcome.estimate.n_comparison}


def test_the_simulated_truth_lies_in_the_interval(evidence):
    estimates = {p: e.primary.estimate for p, e in evidence.items() if e.primary}

    assert estimates["mentoring"].conf_low < -0.2 < estimates["mentoring"].conf_high
    assert estimates["boot_camp"].conf_low < 0.2 < estimates["boot_camp"].conf_high
    assert estimates["art"].conf_low < 0.0 < estimates["art"].conf_high


def test_the_study_file_names_groups_and_the_variance_that_effects_and_checks_have(gathered):
    lines = 'covariates = ["age", "sex", "prior_offences", "seriousness", "looked_after", "school_hours"]\ncluster = "area"'
    found = gathered("mentoring", change=(AREAS, lines))
    asked = gathered("mentoring", change=(AREAS, f'{lines}\nvariance = "sandwich"'))

    assert "CR2 with Satterthwaite's degrees of freedom, clustered on area" in found.primary.estimate.interval
    checks = [e for o in asked.outcomes for c in o.checks for e in c.estimates if c.check in ("half_way", "hidden_bias")]
    assert {"sandwich, clustered on area" in e.interval for e in (asked.primary.estimate, *checks)} == {True}


def test_a_trial_without_design_has_no_outcomes(evidence):
    assert (evidence["tiny"].outcomes, evidence["tiny"].reasons) == ((), ("too_few_treated",))
    assert evidence["tiny"].primary is None
    assert np.isnan(evidence["tiny"].p_holm)


def test_one_confirmatory_outcome_needs_no_correction(evidence):
    assert evidence["mentoring"].p_holm == evidence["mentoring"].primary.estimate.p_value


def test_a_second_confirmatory_outcome_is_corrected_for_by_holm(gathered):
    extra = f'{THIRD}measure = "hazard_ratio"\nconfirmatory = true\n'

    found = gathered("football", extra=extra)

    own, other = found.outcomes[0].estimate.p_value, found.outcomes[2].estimate.p_value
    # Holm for two: the smaller is doubled, the larger is at least that.
    expected = min(1.0, 2 * own) if own <= other else min(1.0, max(2 * other, own))
    assert found.p_holm == pytest.approx(expected, rel=1e-12)


def test_too_few_events_are_a_reason(gathered, service_people):
    rare = service_people.copy()
    mentored = rare.index[(rare["programme"] == "mentoring") & (rare["reoffended"] == 1)]
    rare.loc[mentored[8:], "reoffended"] = 0

    found = gathered("mentoring", people=rare)

    assert "too_few_events" in found.reasons
    assert found.primary is not None


def test_without_any_follow_up_to_the_horizon_the_programme_has_no_finding(gathered, service_people):
    short = service_people.assign(reoffended=0, days_to_reoffence=10)

    found = gathered("mentoring", people=short)

    assert found.primary is None
    assert "follow_up_too_short" in found.reasons


def test_no_recorded_outcome_at_all_is_a_reason_not_a_failure(gathered, service_people):
    unknown = service_people.copy()
    unknown.loc[unknown["programme"] == "mentoring", ["reoffended", "days_to_reoffence"]] = np.nan

    found = gathered("mentoring", people=unknown)

    assert found.primary is None
    assert "too_few_events" in found.reasons


def test_a_programme_by_itself_is_judged_with_its_own_p_value(service_study, service_portfolio):
    trial = next(t for t in service_portfolio.trials if t.protocol.programme == "mentoring")

    finding = evaluate_programme(read_outcomes(service_study), trial)

    assert finding.verdict == "likely_reduced"
    assert finding.p_adjusted == finding.evidence.primary.estimate.p_value
    assert finding.tests_made == 1


def test_a_bootstrap_that_the_study_asks_for_is_a_check(gathered):
    change = ("horizon_days = 365", "horizon_days = 365\nbootstrap = 100")

    primary = gathered("mentoring", change=change).primary

    check = next(c for c in primary.checks if c.check == "bootstrap")
    assert check.estimates[0].interval.startswith("percentiles of 100 bootstrap replicates")
    assert check.estimates[0].estimate == primary.estimate.estimate


def test_an_adjusted_outcome_is_adjusted_in_its_checks_but_the_naive_one_and_says_so(gathered, service_people):
    change = ("[[outcomes]]\n", '[[outcomes]]\nadjustment = "g_computation"\n')
    whole = service_people.copy()
    whole.loc[whole["reoffended"] == 0, "days_to_reoffence"] = 365
    found = gathered("mentoring", people=whole, change=(*change, 1))

    primary = found.primary
    estimates = {c.check: c.estimates[0].adjustment for c in primary.checks if c.estimates}
    assert primary.estimate.adjustment == "g_computation"
    assert estimates["naive"] == "none"
    assert set(estimates.values()) == {"none", "g_computation"}
    assert any(n.startswith("Adjusted after the design: outcomes predicted by a weighted regression") for n in found.notes)


def test_a_measure_that_the_follow_up_cannot_tell_is_not_a_lack_of_events(gathered):
    # Curves without a plateau say nothing of those who never reoffend.
    found = gathered(
        "mentoring", change=('name = "reoffended_1y"', 'name = "reoffended_1y"\nmeasure = "cure_fraction_difference"')
    )

    assert found.primary is None
    assert "not_estimable" in found.reasons
    assert "too_few_events" not in found.reasons


def test_an_instrument_is_a_secondary_outcome_with_units_locked_beside_the_design(gathered, service_people):
    rng = np.random.default_rng(1)
    started = service_people["programme"] != "usual_supervision"
    people = service_people.assign(offered=np.where(rng.random(len(service_people)) < 0.3, ~started, started).astype(int))
    by = {"extra": f'{THIRD}measure = "instrument"\n', "change": (AREAS, f'{AREAS}\ninstrument = "offered"')}

    plain, found = gathered("mentoring", people=people), gathered("mentoring", people=people, **by)

    estimate = found.outcomes[-1].estimate
    assert (estimate.measure, estimate.role, estimate.method, estimate.estimand) == (
        "instrument", "secondary", "two_stage_least_squares", "LATE",
    )  # fmt: skip
    assert estimate.conf_low < estimate.estimate < estimate.conf_high
    assert found.trial.instrumented is not None
    assert found.trial.digest != plain.trial.digest
    np.testing.assert_array_equal(found.primary.estimate.influence, plain.primary.estimate.influence)
    assert found.outcomes[-1].checks == ()
