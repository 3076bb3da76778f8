"""A study whose missing covariates are imputed several times, from its file to its report."""

import json

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.design.balance import assess_balance
from yoseval.design.imputation import impute_covariates
from yoseval.design.imputed import ImputedDesigns
from yoseval.design.methods import build_design
from yoseval.evaluation.imputed import across_imputations
from yoseval.evaluation.portfolio import design_portfolio, evaluate_portfolio
from yoseval.frames import check_frame
from yoseval.outcomes.followup import observe_outcome, read_outcomes
from yoseval.outcomes.measures import estimate_effect
from yoseval.reporting.run_folder import open_run, save_run
from yoseval.reporting.technical import comparability
from yoseval.reporting.technical_method import method, references

STUDY = """
[study]
title = "Mentoring"
cohort = "people.csv"
[cohort]
id = "id"
programme = "programme"
comparison = "none"
[design]
method = "{method}"
candidates = ["overlap"]
covariates = ["age", "risk", "area"]
{missing}
[[outcomes]]
name = "again"
event = "event"
days = "days"
horizon_days = 365
"""
IMPUTED = 'missing = "multiple_imputation"\nimputations = 3\nimputation_seed = 4'


def people(lost, n=900):
    rng = np.random.default_rng(5)
    risk = rng.normal(size=n)
    started = rng.random(n) < 1 / (1 + np.exp(0.6 - risk))
    event = rng.random(n) < np.clip(0.5 + 0.15 * risk - 0.12 * started, 0.02, 0.98)
    frame = pd.DataFrame({"id": [f"c{i:03d}" for i in range(n)], "programme": np.where(started, "mentoring", "none")})
    frame = frame.assign(age=rng.integers(10, 18, n) + np.round(risk / 2, 1), risk=np.round(risk, 2))
    frame["area"] = rng.choice(["north", "south"], n)
    frame.loc[rng.random(n) < lost, "risk"] = np.nan
    frame.loc[rng.random(n) < lost / 2, "area"] = None
    return frame.assign(event=event.astype(int), days=np.where(event, rng.integers(1, 366, n), 365))


@pytest.fixture(scope="module")
def make_study(tmp_path_factory):
    def make(missing=IMPUTED, *, lost=0.25, method="entropy"):
        folder = tmp_path_factory.mktemp("study")
        people(lost).to_csv(folder / "people.csv", index=False)
        (folder / "study.toml").write_text(STUDY.format(method=method, missing=missing), encoding="utf-8")
        return read_study(folder)

    return make


@pytest.fixture(scope="module")
def portfolio(make_study):
    return evaluate_portfolio(make_study())


@pytest.fixture(scope="module")
def run(portfolio, tmp_path_factory):
    return open_run(save_run(portfolio, tmp_path_factory.mktemp("run") / "run"))


def test_the_effect_is_pooled_over_designs_that_were_built_in_each_imputation(portfolio, make_study):
    study = make_study()
    protocol = study.protocol("mentoring")
    cohort = read_prepared(study).cohort(protocol)
    followup = observe_outcome(read_outcomes(study), cohort, protocol.outcomes[0])

    each = [
        estimate_effect(followup, build_design(c, "entropy"), "risk_difference")
        for c in impute_covariates(cohort, imputations=3, seed=4)
    ]

    values, errors = np.array([e.estimate for e in each]), np.array([e.std_error for e in each])
    error = np.sqrt((errors**2).mean() + (1 + 1 / 3) * values.var(ddof=1))
    found = portfolio.findings[0].evidence.primary.estimate
    assert (found.estimate, found.std_error) == pytest.approx((values.mean(), error), rel=1e-10)
    assert np.ptp(values) > 0
    assert found.interval.endswith("Rubin's rules over 3 imputations")


def test_the_public_frames_say_what_was_imputed(portfolio):
    frames = portfolio.frames()

    balance = check_frame(frames["imputed_balance"], "imputed_balance")
    assert set(balance["term"]) >= {"risk", "area: north"}
    assert not balance["term"].str.contains("not recorded").any()
    assert (balance["imputations"] == 3).all()
    notes = frames["findings"]["notes"].item()
    assert "imputed 3 times by chained equations" in notes
    assert "of the first imputation" in notes
    assert "of the information about this effect is missing" in notes
    assert "category of its own" not in notes
    protocol = frames["protocol"].set_index("item")["value"]
    assert protocol["Missing covariates"] == "Imputed 3 times by chained equations, without the outcome (seed 4)."


def test_other_designs_are_pooled_and_missing_as_a_category_is_a_check(portfolio, make_study):
    frames = portfolio.frames()
    asked = evaluate_portfolio(make_study("")).findings[0].evidence.primary.estimate

    checks = {c.check: c for c in portfolio.findings[0].evidence.primary.checks}
    assert "Rubin's rules over 3" in checks["other_designs"].estimates[0].interval
    (category,) = checks["missing_category"].estimates
    assert (category.estimate, category.std_error) == pytest.approx((asked.estimate, asked.std_error), rel=1e-12)
    assert "missing as a category" in set(frames["estimates"]["notes"].str.split(" | ", regex=False).str[0])


@pytest.fixture(scope="module")
def trial(portfolio):
    return portfolio.trials[0]


def test_the_report_shows_balance_across_imputations_and_how_effects_were_pooled(run):
    html = comparability(run, "mentoring").html

    assert "Are they comparable whatever was not recorded?" in html
    assert "Balance of every term across 3 imputations" in html
    assert "Rubin’s rules" in method(run, "mentoring").html
    assert "Leyrat C" in references(run, "mentoring").html
    assert json.loads((run.folder / "manifest.json").read_text())["disclosure"]["hidden"]["imputed_balance"] == 0


def test_the_lock_holds_every_imputation(make_study, trial):
    digests = [
        design_portfolio(make_study(IMPUTED.replace("seed = 4", f"seed = {seed}"))).digests()["mentoring"] for seed in (4, 5)
    ]

    assert digests[0] == trial.digest
    assert digests[1] != trial.digest


def test_where_nothing_is_missing_the_numbers_are_those_without_imputation(make_study):
    imputed, plain = (evaluate_portfolio(make_study(m, lost=0.0)).frames() for m in (IMPUTED, ""))

    for name in ("estimates", "balance", "sizes", "curves", "checks", "overlap", "attrition"):
        pd.testing.assert_frame_equal(imputed[name], plain[name], check_exact=True)
    assert "imputed_balance" not in imputed
    assert "nothing was imputed" in imputed["findings"]["notes"].item()


def test_the_gate_is_passed_only_if_every_imputation_passes(trial):
    bad = assess_balance(trial.imputed.designs[1], max_smd=-1.0)

    balance = across_imputations(ImputedDesigns(trial.imputed.designs, (*trial.imputed.balances[:2], bad)))

    assert trial.balance.balanced
    assert not balance.balanced
    assert balance.max_smd == max(b.max_smd for b in trial.imputed.balances)


def test_the_design_sees_cells_that_are_missing_and_no_outcome(trial):
    assert trial.cohort.units["risk"].isna().any()
    assert not trial.design.cohort.units[list(trial.cohort.covariates)].isna().any().any()
    assert not {"event", "days"} & set(trial.design.cohort.units)
    assert trial.reordered == ()
