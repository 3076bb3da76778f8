"""Optimal pairs and full matching agree with R: exact minima of clue 0.3-64 (r/12_optimal_exact.R), MatchIt and optmatch."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.balance import assess_balance
from yoseval.design.builders_optimal import read_limits
from yoseval.design.full import full_match
from yoseval.design.methods import build_design
from yoseval.design.optimal import optimal_match
from yoseval.design.propensity import fit_propensity
from yoseval.design.strata import weights_from_strata
from yoseval.models.variance import effective_size

HERE = Path(__file__).parent
FILES = {
    "lalonde": ("lalonde_matchit.csv", "treat", ("age", "educ", "race", "married", "nodegree", "re74", "re75")),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio")),
}
EXACT = json.loads((HERE / "results" / "optimal_exact.json").read_text())


class Study:
    """One data set in file order, and what R says of it."""

    def __init__(self, name):
        file, self.treated_column, self.covariates = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file).assign(id=lambda d: d["id"].astype(str))
        self.treated = self.frame[self.treated_column].to_numpy() == 1
        self.propensity = fit_propensity(code_covariates(self.frame, self.covariates), self.treated)
        self.score, self.logit = np.round(self.propensity.score, 8), self.propensity.linear
        self.matched = json.loads((HERE / "results" / f"match_{name}.json").read_text())["matched"]
        self.exact = EXACT[name]

    def cohort(self):
        return Cohort.from_frame(self.frame, treated=self.treated_column, id="id", covariates=self.covariates)


@pytest.fixture(scope="module", params=list(FILES))
def study(request):
    return Study(request.param)


@pytest.fixture(scope="module")
def lalonde():
    return Study("lalonde")


def distances(place, treated, set_id):
    same = (set_id[treated][:, None] == set_id[~treated]) & (set_id[treated] >= 0)[:, None]
    return np.abs(place[treated][:, None] - place[~treated])[same]


def test_the_total_is_the_exact_minimum_of_r(study):
    away = distances(study.logit, study.treated, optimal_match(study.logit, study.treated))

    # Both logits of a pair are rounded to 8 decimals.
    assert len(away) == study.exact["pairs"]
    assert away.sum() == pytest.approx(study.exact["total"], abs=1e-8 * len(away))


def test_the_total_is_not_above_that_of_optmatch(study):
    away = distances(study.logit, study.treated, optimal_match(study.logit, study.treated))

    # optmatch rounds distances: it ends up to a thousandth above the minimum.
    assert away.sum() <= study.matched["optimal_1to1_logit"]["total_pair_distance"] + 1e-8 * len(away)
    assert away.sum() == pytest.approx(study.matched["optimal_1to1_logit"]["total_pair_distance"], rel=1e-3)


def test_pairs_of_the_public_function_are_as_many_and_as_close(study):
    design = build_design(study.cohort(), "optimal", caliper=None)

    logit = np.round(np.log(design.weighting.score / (1 - design.weighting.score)), 8)
    away = distances(logit, design.treated, design.weighting.set_id)
    wanted = study.matched["optimal_1to1_logit"]
    assert (design.weight[design.treated] > 0).sum() == wanted["matched_treated"]
    assert (design.weight[~design.treated] > 0).sum() == wanted["matched_control"]
    assert away.sum() == pytest.approx(study.exact["total"], abs=2e-8 * len(away))


def test_within_the_caliper_no_fewer_are_matched_than_greedily(study):
    wanted = study.matched["nearest_caliper_logit"]

    set_id = optimal_match(study.logit, study.treated, caliper=0.2 * study.logit.std(ddof=1))

    away = distances(study.logit, study.treated, set_id)
    assert len(away) >= wanted["matched_treated"]
    assert len(away) > wanted["matched_treated"] or away.sum() <= wanted["total_pair_distance"] + 1e-6


def test_full_matching_is_not_above_that_of_optmatch(study):
    theirs = pd.Series(study.matched["full_logit_att"]["subclass"]).astype(int).to_numpy() - 1

    mine = full_match(study.logit, study.treated)

    total, wanted = (distances(study.logit, study.treated, s).sum() for s in (mine, theirs))
    assert total <= wanted + 1e-8 * len(mine)
    assert total == pytest.approx(wanted, rel=0.01)


def test_weights_of_the_sets_of_r_are_those_of_r(study):
    wanted = study.matched["full_logit_att"]
    sets = pd.Series(wanted["subclass"]).astype(int).to_numpy() - 1

    weight = weights_from_strata(sets, study.treated, "ATT")

    # Stored with 10 decimals.
    assert weight == pytest.approx(wanted["weights"], abs=1e-9)
    assert effective_size(weight[~study.treated]) == pytest.approx(wanted["ess_control"], rel=1e-8)


def test_golden_totals_on_lalonde(lalonde):
    # Published with the reference: sums of distances of the score, with six decimals.
    score, treated = lalonde.score, lalonde.treated

    limited = full_match(score, treated, limits=read_limits(1 / 5, 5, None))
    assert distances(score, treated, optimal_match(score, treated)).sum() == pytest.approx(39.692799, abs=1e-6)
    assert distances(score, treated, full_match(score, treated)).sum() == pytest.approx(2.141616, abs=1e-6)
    assert distances(score, treated, limited).sum() == pytest.approx(99.561535, abs=1e-6)


def test_golden_limited_total_holds_by_the_other_route(lalonde):
    # Beside coordinates the limits go through the flow of all pairs instead of the walk along the line.
    score, treated = lalonde.score, lalonde.treated

    set_id = full_match(score[:, None], treated, limits=read_limits(1 / 5, 5, None))

    assert distances(score, treated, set_id).sum() == pytest.approx(99.561535, abs=1e-6)


def test_the_largest_balanced_sample_of_lalonde_is_as_large_as_that_of_matchit(lalonde):
    # MatchIt's own tests (solver highs, tols 0.05) keep 118 of the treated and as many comparison units.
    design = build_design(lalonde.cohort(), "cardinality")

    assert (design.weight[design.treated] > 0).sum() == (design.weight[~design.treated] > 0).sum() == 118
    assert assess_balance(design).max_smd <= 0.05 + 1e-9
    assert design.notes[0].startswith("No larger sample is balanced")
