"""Replacement, covariate distances, strata and their variances agree with R: MatchIt 4.7.1, by r/01_matching.R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.distances import mahalanobis_points
from yoseval.design.methods import build_design
from yoseval.design.nearest_lines import number_sets
from yoseval.design.nearest_profiles import Features
from yoseval.design.nearest_replacement import match_with_replacement, weights_from_pairs
from yoseval.design.nearest_search import search_matches
from yoseval.design.propensity import fit_propensity
from yoseval.design.reordering import pair_distances
from yoseval.design.strata import coarsen, exact_strata, weights_from_strata
from yoseval.design.subclass import subclasses
from yoseval.design.types import Design, Weighting
from yoseval.models.matching_variance import matched_difference, predict_untreated
from yoseval.models.variance import effective_size
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp

HERE = Path(__file__).parent
FILES = {
    "lalonde": ("lalonde_matchit.csv", "treat", ("age", "educ", "race", "married", "nodegree", "re74", "re75")),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio")),
}


class Study:
    """One data set in file order, what R says of it, and the cohort that yoseval makes of it."""

    def __init__(self, name):
        file, self.treated_column, self.covariates = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file).assign(id=lambda d: d["id"].astype(str))
        self.r = json.loads((HERE / "results" / f"match_{name}.json").read_text())["matched"]
        self.treated = self.frame[self.treated_column].to_numpy() == 1
        self.matrix = code_covariates(self.frame, self.covariates)
        self.score = np.round(fit_propensity(self.matrix, self.treated).score, 8)
        self.table = self.frame[list(self.covariates)]
        self.cohort = Cohort.from_frame(self.frame, treated=self.treated_column, id="id", covariates=self.covariates)

    def weights(self, key):
        return np.array(self.r[key]["weights"], dtype=float)

    def pairs_in_r(self, key):
        place = {unit: i for i, unit in enumerate(self.frame["id"])}
        found = zip(self.r[key]["pairs"]["treated"], self.r[key]["pairs"]["controls"], strict=True)
        return [(place[str(t)], place[str(c[0] if isinstance(c, list) else c)]) for t, c in found]


@pytest.fixture(scope="module", params=list(FILES))
def study(request):
    return Study(request.param)


@pytest.fixture(scope="module")
def lalonde():
    return Study("lalonde")


def plain(points):
    n = len(points)
    nothing = np.zeros((n, 0))
    return Features(points, np.zeros(n, dtype=int), nothing, np.zeros(0), nothing.astype(int))


def test_distances_with_replacement_are_those_of_r(study):
    wanted = study.r["nearest_replace"]

    lead, partner = match_with_replacement(study.score, study.treated)

    away = np.abs(study.score[lead] - study.score[partner])
    # Scores are rounded to 8 decimals: half of that for each of some 200 pairs.
    assert away.sum() == pytest.approx(wanted["total_pair_distance"], abs=1e-6)
    assert away.max() == pytest.approx(wanted["max_pair_distance"], abs=1e-8)
    assert len(lead) == wanted["matched_treated"]


def test_partners_with_replacement_are_those_of_r_where_nobody_else_is_as_near(study):
    lead, partner = match_with_replacement(study.score, study.treated)
    mine = dict(zip(lead.tolist(), partner.tolist(), strict=True))

    # Scores are rounded to 8 decimals, so that nearer than 2e-8 is a tie; rossi has one across the treated unit.
    away = np.sort(np.abs(study.score[study.treated][:, None] - study.score[~study.treated][None, :]), axis=1)
    alone = dict(zip(np.flatnonzero(study.treated).tolist(), (away[:, 1] - away[:, 0] > 2e-8).tolist(), strict=True))
    theirs = [(t, c) for t, c in study.pairs_in_r("nearest_replace") if alone[t]]
    assert len(theirs) >= 60
    assert all(mine[t] == c for t, c in theirs)


def test_partners_with_replacement_have_the_scores_of_those_of_r(study):
    lead, partner = match_with_replacement(study.score, study.treated)
    mine = np.abs(study.score[partner] - study.score[lead])

    theirs = np.array([abs(study.score[t] - study.score[c]) for t, c in sorted(study.pairs_in_r("nearest_replace"))])
    assert mine == pytest.approx(theirs, abs=2e-8)


def test_weights_of_the_pairs_of_r_are_the_weights_of_r(study):
    pairs = np.array(study.pairs_in_r("nearest_replace")).T

    weight = weights_from_pairs((pairs[0], pairs[1]), study.treated)

    assert weight == pytest.approx(study.weights("nearest_replace"), abs=1e-9)
    assert effective_size(weight[~study.treated]) == pytest.approx(study.r["nearest_replace"]["ess_control"], rel=1e-9)


def test_the_mahalanobis_pairs_of_r_are_the_nearest_by_our_distances(study):
    points = mahalanobis_points(study.matrix.values, study.treated)
    free = set(np.flatnonzero(~study.treated))

    for t, c in study.pairs_in_r("nearest_mahalanobis"):
        others = np.array(sorted(free))
        away = np.sqrt(((points[others] - points[t]) ** 2).sum(axis=1))
        # R took one of the nearest; which of several equally near ones is its own business.
        assert np.sqrt(((points[c] - points[t]) ** 2).sum()) <= away.min() + 1e-9
        free.remove(c)


def test_mahalanobis_pairs_in_file_order_are_those_of_r_but_for_ties(lalonde):
    points = mahalanobis_points(lalonde.matrix.values, lalonde.treated)
    turns = np.flatnonzero(lalonde.treated)

    mine = search_matches(plain(points), lalonde.treated, turns=turns, most=lalonde.treated.astype(int))

    theirs = np.array(lalonde.pairs_in_r("nearest_mahalanobis")).T
    away = [np.sqrt(((points[i] - points[j]) ** 2).sum(axis=1)) for i, j in (mine, theirs)]
    assert away[0] == pytest.approx(away[1], abs=1e-8)
    assert len(set(zip(*mine, strict=True)) & set(zip(*theirs, strict=True))) >= 170


def test_coarsened_strata_and_weights_are_those_of_r(study):
    strata = exact_strata(coarsen(study.table, "sturges", {}), study.treated)

    named = pd.Series(study.r["cem"]["subclass"])
    assert strata.max() + 1 == study.r["cem"]["n_subclass"]
    assert ((strata < 0) == named.isna().to_numpy()).all()
    assert (pd.crosstab(strata[strata >= 0], named[strata >= 0].to_numpy()) > 0).to_numpy().sum() == strata.max() + 1
    assert weights_from_strata(strata, study.treated) == pytest.approx(study.weights("cem"), abs=1e-9)


def test_subclasses_and_weights_are_those_of_r(study):
    subclass = subclasses(study.score, study.treated, number=5)

    assert (subclass + 1).tolist() == [int(s) for s in study.r["subclass5"]["subclass"]]
    assert weights_from_strata(subclass, study.treated) == pytest.approx(study.weights("subclass5"), abs=1e-9)


@pytest.mark.parametrize("key", ["cem", "subclass5", "nearest_replace"])
def test_the_public_function_has_the_sizes_of_r(study, key):
    method, options = {
        "cem": ("cem", {}),
        "subclass5": ("subclass", {"subclass": 5}),
        "nearest_replace": ("nearest", {"replace": True, "caliper": None, "distance": "score"}),
    }[key]

    design = build_design(study.cohort, method, **options)

    wanted = study.r[key]
    assert (design.weight[design.treated] > 0).sum() == wanted["matched_treated"]
    if key == "nearest_replace":  # which of two tied comparison units is used changes their number
        assert pair_distances(design).sum() == pytest.approx(wanted["total_pair_distance"], abs=1e-6)
    else:
        assert (design.weight[~design.treated] > 0).sum() == wanted["matched_control"]
        assert effective_size(design.weight[~design.treated]) == pytest.approx(wanted["ess_control"], rel=1e-9)


@pytest.mark.parametrize(("method", "options", "effect"), [("cem", {}, 1070.9073), ("subclass", {}, 1359.4875)])
def test_golden_effects_of_strata_on_earnings(lalonde, method, options, effect):
    design = build_design(lalonde.cohort, method, **options)

    earned = lalonde.frame.set_index("id")["re78"].loc[design.cohort.units["unit_id"]].to_numpy()
    weight, treated = design.weight, design.treated
    found = np.average(earned[treated], weights=weight[treated]) - np.average(earned[~treated], weights=weight[~treated])
    # Four decimals are printed.
    assert found == pytest.approx(effect, abs=5e-5)


def pairs_with_ties(points, treated):
    """Match each treated unit with all its nearest: within 1e-5 of the least squared distance, as R's Matching does."""
    lead, partner = [], []
    comparison = np.flatnonzero(~treated)
    for i in np.flatnonzero(treated):
        away = ((points[comparison] - points[i]) ** 2).sum(axis=1)
        near = comparison[away <= away.min() + 1e-5]
        lead += [i] * len(near)
        partner += near.tolist()
    return np.array(lead), np.array(partner)


def test_golden_variance_of_matching_on_the_score(lalonde):
    scaled = lalonde.score / lalonde.score.std(ddof=1)

    found = matched_difference(lalonde.frame["re78"].to_numpy(), *pairs_with_ties(scaled[:, None], lalonde.treated))

    # Three decimals are printed.
    assert (found.value, found.std_error) == pytest.approx((1933.392, 1090.605), abs=5e-4)


def test_golden_variance_and_bias_adjustment_of_matching_on_covariates(lalonde):
    outcome, x = lalonde.frame["re78"].to_numpy(), lalonde.matrix.for_models()
    # R's Matching takes the covariance of all units, not within the arms.
    points = x @ np.linalg.cholesky(np.linalg.inv(np.cov(x, rowvar=False)))
    lead, partner = pairs_with_ties(points, lalonde.treated)
    share = 1 / np.bincount(lead)[lead]

    plain_found = matched_difference(outcome, lead, partner)
    predicted = predict_untreated(outcome, x, lead, partner, share)
    adjusted = matched_difference(outcome, lead, partner, predicted=predicted)

    assert (plain_found.value, plain_found.std_error) == pytest.approx((262.2401, 1252.83), abs=1e-3)
    assert (adjusted.value, adjusted.std_error) == pytest.approx((27.963, 1254.749), abs=1e-3)


def test_golden_bias_adjustment_is_reached_through_estimate_effect(lalonde):
    matrix = lalonde.matrix.for_models()
    points = matrix @ np.linalg.cholesky(np.linalg.inv(np.cov(matrix, rowvar=False)))
    lead, partner = pairs_with_ties(points, lalonde.treated)
    # The pairs of R in the order of the cohort's units; earnings stand where counts of events do.
    place = pd.Index(lalonde.cohort.units["unit_id"]).get_indexer(lalonde.frame["id"])
    moved = np.empty_like(points)
    moved[place] = points
    pairs, n = (place[lead], place[partner]), len(place)
    weight = weights_from_pairs(pairs, lalonde.cohort.treated)
    weighting = Weighting(weight, np.full(n, -1), np.full(n, 0.5), "ATT", pairs=pairs, matched_on=moved)
    design = Design(lalonde.cohort, "nearest", {}, weighting, "ATT", lalonde.cohort.attrition)
    earnings, ids = lalonde.frame["re78"].to_numpy(dtype=float), lalonde.frame["id"].to_numpy(dtype=object)
    followup = FollowUp(ids, np.ones(n), earnings > 0, 1.0, count=earnings, followed=np.ones(n))

    plain = estimate_effect(followup, design, "mean_count_difference")
    adjusted = estimate_effect(followup, design, "mean_count_difference", adjust=lalonde.covariates)

    # R's errors, for one variance of all, are compared above; here each comparison unit's is estimated.
    assert (plain.estimate, adjusted.estimate) == pytest.approx((262.2401, 27.963), abs=1e-3)
    assert "Abadie-Imbens" in adjusted.interval


def test_pairs_within_coarsened_strata_stay_within_them(study):
    design = build_design(study.cohort, "cem", k2k=True)

    strata = exact_strata(coarsen(design.cohort.units[list(study.covariates)], "sturges", {}), design.treated)
    used = pd.DataFrame({"set": design.weighting.set_id, "stratum": strata}).query("set >= 0")
    assert (used.groupby("set").size() == 2).all()
    assert (used.groupby("set")["stratum"].max() == used.groupby("set")["stratum"].min()).all()
    counts = [np.bincount(strata[(strata >= 0) & arm]) for arm in (design.treated, ~design.treated)]
    assert len(used) == 2 * np.minimum(*counts).sum()


def test_sets_are_numbered_by_their_treated_unit_in_every_leaf(lalonde):
    design = build_design(lalonde.cohort, distance="mahalanobis", caliper=None)

    sets, treated = design.weighting.set_id, design.treated
    partner = np.full(len(sets), -1)
    lead = np.flatnonzero(treated & (sets >= 0))
    taken = np.flatnonzero(~treated & (sets >= 0))
    partner[taken] = lead[sets[taken]]
    assert number_sets(partner).tolist() == sets.tolist()
