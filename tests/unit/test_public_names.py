"""The public names, written out: a change here is a change for every user."""

import inspect
from collections.abc import Mapping

import pytest

import yoseval

NAMES = [
    "Balance",
    "Bootstrap",
    "BuiltTrial",
    "Check",
    "Cohort",
    "Contrast",
    "DataError",
    "Design",
    "DesignError",
    "EmulatedTrial",
    "EnvironmentFault",
    "Estimate",
    "EstimationError",
    "Finding",
    "FollowUp",
    "FollowUpTooShortError",
    "ImputedDesigns",
    "LinkSettings",
    "Linkage",
    "NotEvaluableError",
    "Portfolio",
    "Records",
    "ReportError",
    "Run",
    "SimulatedProgramme",
    "Simulation",
    "Study",
    "StudyError",
    "TieSensitivity",
    "TooFewEventsError",
    "TrialProtocol",
    "UsageError",
    "YosevalError",
    "__version__",
    "assess_balance",
    "assess_linkage",
    "assess_sensitivity",
    "baseline_hazard",
    "bootstrap_effect",
    "build_design",
    "build_imputed_designs",
    "build_trials",
    "capabilities",
    "check_records",
    "choose_design",
    "clustered_sandwich",
    "cumulative_hazard_at",
    "cumulative_incidence",
    "delivery_frame",
    "design_portfolio",
    "design_programme",
    "distribution_balance",
    "distribution_frame",
    "e_value",
    "ecdf_plot",
    "entry_notes",
    "estimate_effect",
    "estimate_imputed_effect",
    "evaluate_portfolio",
    "evaluate_programme",
    "exact_set_test",
    "fit_clustered_logit",
    "fit_cox",
    "fit_fine_gray",
    "forest_plot",
    "gray_test",
    "hazard_influence",
    "icon_array",
    "impute_covariates",
    "incidence_at",
    "incidence_influence",
    "interaction_balance",
    "kaplan_meier",
    "kept_and_dropped",
    "ledger_frame",
    "link_extracts",
    "linkage_bounds",
    "log_rank",
    "love_plot",
    "make_key",
    "minimum_detectable_difference",
    "observe_outcome",
    "observe_trials",
    "open_run",
    "overlap_plot",
    "permutation_test",
    "proportional_hazards_test",
    "pseudonymise",
    "quality_frame",
    "rate",
    "read_cohort",
    "read_outcomes",
    "read_prepared",
    "read_records",
    "read_study",
    "recurrent_rows",
    "render_report",
    "require_same_key",
    "restricted_mean",
    "restricted_mean_influence",
    "save_run",
    "scaled_schoenfeld",
    "score_test",
    "share",
    "simulate_cohort",
    "simulate_records",
    "subgroup_balance",
    "subgroup_balance_plot",
    "suitability_frame",
    "survival_at",
    "survival_curves",
    "survival_influence",
    "survival_plot",
    "tidy",
    "tie_plot",
    "tie_sensitivity",
    "time_lost",
    "time_lost_influence",
    "two_stage_least_squares",
    "weighted_gray_test",
    "write_simulation",
]


def test_the_public_names_are_exactly_these():
    assert sorted(yoseval.__all__) == NAMES
    assert sorted(dir(yoseval)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_can_be_got_and_is_documented(name):
    found = getattr(yoseval, name)

    if name == "__version__":
        assert found == "0.1.0"
    else:
        assert found.__name__ == name
        assert inspect.getdoc(found)


@pytest.mark.parametrize("name", [n for n in NAMES if n[0].isupper()])
def test_public_members_of_a_class_are_documented(name):
    members = {k: v for k, v in vars(getattr(yoseval, name)).items() if not k.startswith("_")}
    described = {k: v for k, v in members.items() if callable(v) or isinstance(v, property | classmethod)}

    assert isinstance(described, Mapping)
    assert [k for k, v in described.items() if not inspect.getdoc(v)] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evaluate_programmes'"):
        yoseval.evaluate_programmes  # noqa: B018 - the access is the test
