"""Propensity scores, matched sets and balance agree with R: MatchIt 4.7.1, by r/01_matching.R."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.arm_statistics import balance_statistics
from yoseval.design.balance import assess_balance
from yoseval.design.methods import build_design
from yoseval.design.nearest import nearest_match
from yoseval.design.propensity import fit_propensity
from yoseval.design.strata import weights_from_strata
from yoseval.models.variance import effective_size

HERE = Path(__file__).parent
FILES = {
    "lalonde": (
        "lalonde_matchit.csv",
        "treat",
        ("age", "educ", "race", "married", "nodegree", "re74", "re75"),
        ("race", "married"),
    ),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio"), ("race",)),
}
# The options of each design that R made; R matches in file order.
DESIGNS = {
    "nearest_1to1_ps": {"caliper": None, "distance": "score"},
    "nearest_1to1_logit": {"caliper": None},
    "nearest_caliper_logit": {},
    "nearest_caliper_ps": {"distance": "score", "caliper_scale": "score"},
    "nearest_ratio2_logit": {"caliper": None, "ratio": 2},
    "nearest_ratio3_caliper": {"ratio": 3},
    "nearest_exact": {"caliper": None, "exact": True},
}
WEIGHTED = [*DESIGNS, "nearest_replace", "nearest_mahalanobis", "subclass5", "cem", "optimal_1to1_logit", "full_logit_att"]


class Study:
    """One data set, what R says of it, and the score of yoseval in file order."""

    def __init__(self, name):
        file, treated, self.covariates, self.exact = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file).assign(id=lambda d: d["id"].astype(str))
        self.r = json.loads((HERE / "results" / f"match_{name}.json").read_text())
        self.treated_column = treated
        self.treated = self.frame[treated].to_numpy() == 1
        self.matrix = code_covariates(self.frame, self.covariates)
        self.propensity = fit_propensity(self.matrix, self.treated)

    def distance(self, key):
        return np.round(self.propensity.score, 8) if DESIGNS[key].get("distance") == "score" else self.propensity.linear

    def matched_in_file_order(self, key):
        """Run the leaf on the rows as R has them."""
        options, distance = DESIGNS[key], self.distance(key)
        caliper = None if "caliper" in options else 0.2 * distance.std(ddof=1)
        cells = self.frame.groupby(list(self.exact)).ngroup().to_numpy() if "exact" in options else None
        return nearest_match(distance, self.treated, ratio=options.get("ratio", 1), caliper=caliper, cells=cells)

    def designed(self, key):
        """Run the public function, which sorts rows by content."""
        options = {k: self.exact if k == "exact" else v for k, v in DESIGNS[key].items()}
        cohort = Cohort.from_frame(self.frame, treated=self.treated_column, id="id", covariates=self.covariates)
        return build_design(cohort, "nearest", **options)


@pytest.fixture(scope="module", params=list(FILES))
def study(request):
    return Study(request.param)


def pair_distances(distance, treated, set_id):
    lead = np.zeros(set_id.max() + 1)
    lead[set_id[treated & (set_id >= 0)]] = distance[treated & (set_id >= 0)]
    taken = ~treated & (set_id >= 0)
    return np.abs(distance[taken] - lead[set_id[taken]])


def pairs_of(ids, treated, set_id):
    lead = {set_id[i]: ids[i] for i in np.flatnonzero(treated & (set_id >= 0))}
    return {(lead[set_id[i]], ids[i]) for i in np.flatnonzero(~treated & (set_id >= 0))}


def pairs_in_r(matched):
    found = zip(matched["pairs"]["treated"], matched["pairs"]["controls"], strict=True)
    return {(str(t), str(c)) for t, taken in found for c in (taken if isinstance(taken, list) else [taken])}


def glm_as_r_stops_it(x, y):
    """Repeat R's glm.fit: it stops when the deviance moves by 1e-8 of itself, with the weights of the step before.

    Returns coefficients, their standard errors and fitted values.
    """
    design = np.column_stack([np.ones(len(x)), x])
    mu, before = (y + 0.5) / 2, np.inf
    while True:
        eta, weight = np.log(mu / (1 - mu)), mu * (1 - mu)
        information = design.T @ (weight[:, None] * design)
        beta = np.linalg.solve(information, design.T @ (weight * eta + y - mu))
        mu = 1 / (1 + np.exp(-design @ beta))
        deviance = -2 * np.log(np.where(y == 1, mu, 1 - mu)).sum()
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            return beta, np.sqrt(np.diag(np.linalg.inv(information))), mu
        before = deviance


def test_coefficients_are_those_of_r(study):
    names = [t.replace(": ", "") for t in ("(Intercept)", *study.propensity.terms_used)]

    for row in study.r["propensity"]["coefficients"]:
        # R stops when the deviance moves by less than 1e-8 of itself, which leaves 1e-8 in a coefficient.
        mine = study.propensity.fit.coefficients[names.index(row["term"])]
        assert mine == pytest.approx(row["Estimate"], rel=1e-6)


def test_errors_are_those_of_r_once_r_is_at_the_maximum(study):
    # R's errors (and its mean fitted) belong to the step before the last: on lalonde 2e-5 away from the maximum.
    # Stopping where R stops gives R's numbers; ours are at the maximum, as statsmodels' are.
    names = [t.replace(": ", "") for t in ("(Intercept)", *study.propensity.terms_used)]
    x = study.matrix.for_models()
    _, stopped, fitted = glm_as_r_stops_it(x, study.treated.astype(float))
    other = sm.Logit(study.treated.astype(float), sm.add_constant(x / x.std(axis=0))).fit(disp=0, tol=1e-14, maxiter=100)

    wanted = {row["term"]: row["Std. Error"] for row in study.r["propensity"]["coefficients"]}
    mine = np.sqrt(np.diag(study.propensity.fit.covariance))
    assert stopped == pytest.approx([wanted[t] for t in names], rel=1e-8)
    assert fitted.mean() == pytest.approx(study.r["propensity"]["fitted_mean"], rel=1e-10)
    assert mine == pytest.approx(other.bse / np.append(1.0, x.std(axis=0)), rel=1e-8)
    assert mine == pytest.approx(stopped, rel=1e-4)


def test_likelihood_fitted_values_and_spreads_are_those_of_r(study):
    wanted, fit = study.r["propensity"], study.propensity.fit

    assert fit.loglik == pytest.approx(wanted["logLik"], rel=1e-10)
    assert -2 * fit.loglik == pytest.approx(wanted["deviance"], rel=1e-10)
    assert 2 * len(fit.coefficients) - 2 * fit.loglik == pytest.approx(wanted["aic"], rel=1e-10)
    assert study.frame["id"].head(20).tolist() == [str(i) for i in wanted["fitted_ids_first20"]]
    assert fit.fitted[:20] == pytest.approx(wanted["fitted_first20"], rel=1e-6)
    assert fit.fitted.mean() == pytest.approx(study.treated.mean(), abs=1e-12)
    assert [fit.fitted.min(), fit.fitted.max()] == pytest.approx([wanted["fitted_min"], wanted["fitted_max"]], rel=1e-6)
    assert study.propensity.linear.std(ddof=1) == pytest.approx(wanted["sd_linear_predictor_all"], rel=1e-6)
    assert study.propensity.score.std(ddof=1) == pytest.approx(wanted["sd_ps_all"], rel=1e-6)


def test_pooled_spread_and_area_under_the_curve_are_those_of_r(study):
    wanted, linear, treated = study.r["propensity"], study.propensity.linear, study.treated

    pooled = np.sqrt((linear[treated].var(ddof=1) + linear[~treated].var(ddof=1)) / 2)
    higher = linear[treated][:, None] - linear[~treated][None, :]
    assert pooled == pytest.approx(wanted["pooled_sd_linear_predictor"], rel=1e-6)
    assert ((higher > 0) + 0.5 * (higher == 0)).mean() == pytest.approx(wanted["auc"], rel=1e-6)


@pytest.mark.parametrize("key", DESIGNS)
def test_sizes_and_distances_of_matching_in_file_order_are_those_of_r(study, key):
    wanted, distance = study.r["matched"][key], study.distance(key)

    set_id = study.matched_in_file_order(key)

    away = pair_distances(distance, study.treated, set_id)
    weight = weights_from_strata(set_id, study.treated)
    assert (set_id[study.treated] >= 0).sum() == wanted["matched_treated"]
    assert (set_id[~study.treated] >= 0).sum() == wanted["matched_control"]
    assert set_id.max() + 1 == wanted["n_subclass"]
    # Scores are rounded to 8 decimals: each distance is right to 1e-8, which on the least total is 1e-6 relative.
    assert away.sum() == pytest.approx(wanted["total_pair_distance"], rel=1e-6)
    assert away.mean() == pytest.approx(wanted["mean_pair_distance"], rel=1e-6)
    assert away.max() == pytest.approx(wanted["max_pair_distance"], rel=1e-6)
    assert effective_size(weight[study.treated]) == pytest.approx(wanted["ess_treated"], rel=1e-12)
    assert effective_size(weight[~study.treated]) == pytest.approx(wanted["ess_control"], rel=1e-12)
    assert np.sort(weight) == pytest.approx(np.sort(wanted["weights"]), abs=1e-9)


@pytest.mark.parametrize("key", DESIGNS)
def test_the_public_function_gives_the_same_sizes_and_distances_in_content_order(study, key):
    wanted = study.r["matched"][key]

    design = study.designed(key)

    score = design.weighting.score
    distance = np.round(score if DESIGNS[key].get("distance") == "score" else np.log(score / (1 - score)), 8)
    away = pair_distances(distance, design.treated, design.weighting.set_id)
    assert (design.weight[design.treated] > 0).sum() == wanted["matched_treated"]
    assert (design.weight[~design.treated] > 0).sum() == wanted["matched_control"]
    assert away.sum() == pytest.approx(wanted["total_pair_distance"], rel=1e-6)
    assert away.max() == pytest.approx(wanted["max_pair_distance"], rel=1e-6)
    assert effective_size(design.weight[~design.treated]) == pytest.approx(wanted["ess_control"], rel=1e-12)


@pytest.mark.parametrize("key", DESIGNS)
def test_the_public_function_gives_the_balance_of_r_in_content_order(study, key):
    # Pairs of tied scores differ from R's, but children with one score are alike here: balance must not differ.
    wanted = pd.DataFrame(study.r["matched"][key]["balance"]["matched"]).set_index("term").drop(index="distance").astype(float)

    statistics = assess_balance(study.designed(key)).statistics.query("sample == 'after' and kind != 'score'")

    found = statistics.set_index(statistics["term"].str.replace(": ", "")).loc[wanted.index]
    for mine, theirs in (
        ("mean_treated", "Means Treated"),
        ("mean_comparison", "Means Control"),
        ("std_mean_diff", "Std. Mean Diff."),
        ("variance_ratio", "Var. Ratio"),
        ("ks", "eCDF Max"),
    ):
        assert found[mine].to_numpy() == pytest.approx(wanted[theirs].to_numpy(), rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("key", DESIGNS)
def test_pairs_of_untied_scores_are_those_of_r(study, key):
    ids, linear = study.frame["id"].to_numpy(), study.propensity.linear
    tied = set(ids[pd.Series(linear).duplicated(keep=False)])

    mine = pairs_of(ids, study.treated, study.matched_in_file_order(key))

    theirs = pairs_in_r(study.r["matched"][key])
    untied = {pair for pair in theirs if not tied & set(pair)}
    assert len(untied) >= 25
    assert {pair for pair in mine if not tied & set(pair)} == untied


@pytest.mark.parametrize("key", DESIGNS)
def test_pairs_of_tied_scores_are_those_of_r_in_their_scores(study, key):
    score_of = dict(zip(study.frame["id"], study.distance(key), strict=True))

    mine = pairs_of(study.frame["id"].to_numpy(), study.treated, study.matched_in_file_order(key))

    theirs = pairs_in_r(study.r["matched"][key])
    assert sorted((score_of[t], score_of[c]) for t, c in mine) == sorted((score_of[t], score_of[c]) for t, c in theirs)


@pytest.mark.parametrize(("key", "scale"), [("nearest_caliper_logit", "logit"), ("nearest_caliper_ps", "score")])
def test_the_caliper_is_as_wide_as_in_r(study, key, scale):
    distance = study.propensity.linear if scale == "logit" else study.propensity.score

    wanted = study.r["matched"][key]["caliper_abs"]
    assert 0.2 * distance.std(ddof=1) == pytest.approx(wanted, rel=1e-6)
    assert f"({wanted:.4f})" in study.designed(key).notes[0]


# MatchIt prints no table of all subclasses together.
@pytest.mark.parametrize(
    ("key", "sample"), [(k, s) for k in WEIGHTED for s in ("all", "matched") if (k, s) != ("subclass5", "matched")]
)
def test_every_balance_table_is_that_of_r(study, key, sample):
    matched = study.r["matched"][key]
    table = matched["balance"][sample]
    weight = np.ones(len(study.frame)) if sample == "all" else np.array(matched["weights"], dtype=float)
    terms = {t.replace(": ", ""): j for j, t in enumerate(study.matrix.terms)}
    score = study.propensity.score if key in {"nearest_1to1_ps", "nearest_caliper_ps", "nearest_replace", "subclass5"} else None
    columns = {"distance": study.propensity.linear if score is None else score}
    columns |= {t: study.matrix.values[:, j] for t, j in terms.items()}
    is_flag = {"distance": False} | {t: study.matrix.kinds[j] == "binary" for t, j in terms.items()}
    names = [row["term"] for row in table]

    found = balance_statistics(
        np.column_stack([columns[t] for t in names]), np.array([is_flag[t] for t in names]), study.treated, weight
    )

    wanted = pd.DataFrame(table).astype({"Var. Ratio": float})
    # Weights are stored with 10 decimals and R's scores end at 1e-8.
    close = {"rel": 1e-6, "abs": 1e-8}
    assert found.mean_treated == pytest.approx(wanted["Means Treated"].to_numpy(), **close)
    assert found.mean_comparison == pytest.approx(wanted["Means Control"].to_numpy(), **close)
    assert found.std_mean_diff == pytest.approx(wanted["Std. Mean Diff."].to_numpy(), **close)
    assert found.variance_ratio == pytest.approx(wanted["Var. Ratio"].to_numpy(), nan_ok=True, **close)
    assert found.ks == pytest.approx(wanted["eCDF Max"].to_numpy(), **close)


@pytest.mark.parametrize("key", DESIGNS)
def test_sizes_before_and_after_are_those_of_r(study, key):
    table = {row["sample"]: row for row in study.r["matched"][key]["balance"]["nn"]}
    set_id = study.matched_in_file_order(key)
    weight = weights_from_strata(set_id, study.treated)

    for arm, column in ((study.treated, "Treated"), (~study.treated, "Control")):
        assert arm.sum() == table["All"][column]
        assert (weight[arm] > 0).sum() == table["Matched"][column]
        assert (weight[arm] == 0).sum() == table["Unmatched"][column]
        assert effective_size(weight[arm]) == pytest.approx(table["Matched (ESS)"][column], rel=1e-12)


def test_golden_totals_on_lalonde():
    study = Study("lalonde")
    golden = [  # published with the reference: options, pairs, sum of distances of the score
        ({"caliper": None, "distance": "score"}, 185, 39.692799),
        ({"distance": "score", "caliper_scale": "score"}, 113, 3.775139),
        ({"caliper": None, "distance": "score", "exact": ("married",)}, 185, 39.870163),
    ]

    for options, n_pairs, total in golden:
        cohort = Cohort.from_frame(study.frame, treated="treat", id="id", covariates=study.covariates)
        design = build_design(cohort, **options)
        away = pair_distances(design.weighting.score, design.treated, design.weighting.set_id)
        # Six decimals are printed.
        assert (len(away), away.sum()) == (n_pairs, pytest.approx(total, abs=1e-6))
