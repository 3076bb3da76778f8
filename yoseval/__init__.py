"""yoseval tells a youth offending service, honestly, whether each of its programmes reduces reoffending.

The public names, by the step they belong to. Nothing is imported until it is used.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    # read
    "read_study": "cohort.protocol",
    "read_records": "records.records",
    "Records": "records.records",
    "quality_frame": "records.scoring.quality",
    "delivery_frame": "records.scoring.delivery",
    "suitability_frame": "records.scoring.delivery",
    "check_records": "evaluation.records_check",
    "simulate_records": "records.simulation.simulate",
    "write_simulation": "records.simulation.simulate",
    "Simulation": "records.simulation.simulate",
    "pseudonymise": "records.pseudonyms.pseudonymise",
    "make_key": "records.pseudonyms.key",
    "require_same_key": "records.pseudonyms.pseudonymise",
    "link_extracts": "records.linkage.link",
    "LinkSettings": "records.linkage.link",
    "Linkage": "records.linkage.link",
    "assess_linkage": "records.linkage.link",
    "linkage_bounds": "sensitivity.bounds",
    "read_prepared": "cohort.prepared",
    "read_cohort": "cohort.prepared",
    "read_outcomes": "outcomes.followup",
    "simulate_cohort": "cohort.simulate",
    "SimulatedProgramme": "cohort.simulate",
    # cohort and design, blind to outcomes
    "build_trials": "cohort.trials",
    "BuiltTrial": "cohort.built_trial",
    "observe_trials": "outcomes.recorded",
    "Cohort": "cohort.build",
    "Study": "cohort.protocol",
    "TrialProtocol": "cohort.protocol",
    "build_design": "design.methods",
    "capabilities": "design.methods",
    "choose_design": "design.choose",
    "assess_balance": "design.balance",
    "ledger_frame": "design.ledger",
    "kept_and_dropped": "design.ledger",
    "interaction_balance": "design.balance_details",
    "subgroup_balance": "design.balance_details",
    "distribution_balance": "design.balance_details",
    "distribution_frame": "design.balance_details",
    "impute_covariates": "design.imputation",
    "build_imputed_designs": "design.imputed",
    "ImputedDesigns": "design.imputed",
    "Design": "design.types",
    "Balance": "design.balance",
    # effects
    "FollowUp": "outcomes.types",
    "Contrast": "outcomes.types",
    "Estimate": "outcomes.types",
    "observe_outcome": "outcomes.followup",
    "estimate_effect": "outcomes.measures",
    "estimate_imputed_effect": "outcomes.imputed",
    "bootstrap_effect": "evaluation.bootstrap",
    "Bootstrap": "evaluation.bootstrap",
    "two_stage_least_squares": "outcomes.instrument",
    "exact_set_test": "outcomes.exact_tests",
    "permutation_test": "outcomes.exact_tests",
    "survival_curves": "outcomes.survival",
    # the survival engine, on arrays
    "kaplan_meier": "models.curves",
    "survival_at": "models.curves",
    "survival_influence": "models.curves",
    "restricted_mean": "models.curves",
    "restricted_mean_influence": "models.curves",
    "entry_notes": "models.curves",
    "cumulative_hazard_at": "models.hazard_curve",
    "hazard_influence": "models.hazard_curve",
    "cumulative_incidence": "models.incidence",
    "incidence_at": "models.incidence",
    "incidence_influence": "models.incidence",
    "time_lost": "models.incidence",
    "time_lost_influence": "models.incidence",
    "log_rank": "models.log_rank",
    "gray_test": "models.gray",
    "weighted_gray_test": "models.weighted_gray",
    "fit_cox": "models.cox",
    "baseline_hazard": "models.cox",
    "score_test": "models.cox",
    "proportional_hazards_test": "models.proportional_hazards",
    "scaled_schoenfeld": "models.proportional_hazards",
    "fit_fine_gray": "models.fine_gray",
    "recurrent_rows": "models.recurrent",
    "fit_clustered_logit": "models.clustered_logit",
    "clustered_sandwich": "models.variance",
    # checks
    "assess_sensitivity": "sensitivity.checks",
    "Check": "sensitivity.probing",
    "tie_sensitivity": "sensitivity.ties",
    "TieSensitivity": "sensitivity.ties",
    "e_value": "sensitivity.hidden_bias",
    # judgement
    "design_programme": "evaluation.trial",
    "EmulatedTrial": "evaluation.trial",
    "evaluate_programme": "evaluation.evaluate",
    "Finding": "evaluation.finding",
    "design_portfolio": "evaluation.portfolio",
    "evaluate_portfolio": "evaluation.portfolio",
    "Portfolio": "evaluation.portfolio",
    "minimum_detectable_difference": "evaluation.evaluability",
    # board figures
    "share": "indicators.rates",
    "rate": "indicators.rates",
    # runs and reports
    "tidy": "frames",
    "save_run": "reporting.run_folder",
    "open_run": "reporting.run_folder",
    "Run": "reporting.run_folder",
    "render_report": "reporting.render",
    "love_plot": "reporting.figures.love",
    "overlap_plot": "reporting.figures.overlap",
    "tie_plot": "reporting.figures.ties",
    "ecdf_plot": "reporting.figures.ecdf",
    "subgroup_balance_plot": "reporting.figures.subgroup_balance",
    "survival_plot": "reporting.figures.survival",
    "forest_plot": "reporting.figures.forest",
    "icon_array": "reporting.figures.icons",
    # errors
    "YosevalError": "errors",
    "UsageError": "errors",
    "DataError": "errors",
    "StudyError": "errors",
    "NotEvaluableError": "errors",
    "DesignError": "errors",
    "EstimationError": "errors",
    "FollowUpTooShortError": "errors",
    "TooFewEventsError": "errors",
    "ReportError": "errors",
    "EnvironmentFault": "errors",
}

__version__ = "0.1.0"
__all__ = sorted([*_NAMES, "__version__"])  # noqa: PLE0605 - a list of the keys above


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _NAMES:
        raise AttributeError(f"module 'yoseval' has no attribute {name!r}")
    return getattr(import_module(f"yoseval.{_NAMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
