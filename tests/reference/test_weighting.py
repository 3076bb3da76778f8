"""Overlap and entropy weights: accuracy, order, balance and refits; the weights themselves: test_stored_weighting.py."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.covariates import code_covariates
from yoseval.design.balance import assess_balance
from yoseval.design.entropy import entropy_weighting
from yoseval.design.methods import build_design
from yoseval.design.weighting import overlap_weighting
from yoseval.models.variance import effective_size

HERE = Path(__file__).parent
FILES = {
    "lalonde": ("lalonde_matchit.csv", "treat", ("age", "educ", "race", "married", "nodegree", "re74", "re75")),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio")),
}


class Study:
    """One data set in file order and what R says of it."""

    def __init__(self, name):
        file, treated, covariates = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file)
        self.r = json.loads((HERE / "results" / f"weighting_{name}.json").read_text())
        self.treated = self.frame[treated].to_numpy() == 1
        self.matrix = code_covariates(self.frame, covariates)
        self.cohort = Cohort.from_frame(self.frame, treated=treated, id="id", covariates=covariates)


@pytest.fixture(scope="module", params=list(FILES))
def study(request):
    return Study(request.param)


def test_means_under_entropy_weights_are_at_least_as_close_as_in_r(study):
    weight, treated = entropy_weighting(study.matrix, study.treated).weight, study.treated

    gap = np.average(study.matrix.values[~treated], axis=0, weights=weight[~treated]) - study.matrix.values[treated].mean(
        axis=0
    )

    # R's own gap, 2e-13, is that of earnings in the thousands; rounding of such sums is 1e-11.
    assert np.abs(gap).max() <= study.r["entropy_balance"]["max_moment_gap"] + 1e-10


@pytest.mark.parametrize("method", ["overlap", "entropy"])
def test_content_order_changes_no_weight(study, method):
    leaf = {"overlap": overlap_weighting, "entropy": entropy_weighting}[method]
    in_file_order = dict(zip(study.frame["id"].astype(str), leaf(study.matrix, study.treated).weight, strict=True))

    design = build_design(study.cohort, method)

    assert design.weight == pytest.approx([in_file_order[i] for i in design.cohort.units["unit_id"]], rel=1e-9)


def test_unweighted_differences_of_numbers_are_those_of_r(study):
    treated_sd = assess_balance(build_design(study.cohort, "entropy")).statistics.query("sample == 'before'").set_index("term")
    pooled_sd = assess_balance(build_design(study.cohort, "overlap")).statistics.query("sample == 'before'").set_index("term")

    numeric = treated_sd.index[treated_sd["kind"] == "numeric"]
    wanted = pd.DataFrame(study.r["balance"]["unweighted"]).set_index("term").loc[numeric]
    assert treated_sd.loc[numeric, "std_mean_diff"].to_numpy() == pytest.approx(wanted["smd_sd_treated"].to_numpy(), rel=1e-9)
    assert pooled_sd.loc[numeric, "std_mean_diff"].to_numpy() == pytest.approx(wanted["smd_sd_pooled"].to_numpy(), rel=1e-9)


def stacked_estimate(y, treated, weighting):
    """Weighted difference of means with its error, stacked with the equations of the estimated weights."""
    w, means, influence, slope = weighting.weight, [], np.zeros(len(y)), np.zeros(len(y))
    for arm, sign in ((treated, 1.0), (~treated, -1.0)):
        means.append(w[arm] @ y[arm] / w[arm].sum())
        slope[arm] = sign * (y[arm] - means[-1]) / w[arm].sum()
        influence[arm] = w[arm] * slope[arm]
    corrected = influence + weighting.estimation.influence @ (weighting.estimation.gradient.T @ slope)
    return means, np.sqrt(corrected @ corrected)


@pytest.mark.parametrize("method", [overlap_weighting, entropy_weighting])
def test_the_stacked_error_is_that_of_a_jackknife_that_refits_the_weights(method):
    study = Study("rossi")
    y, weighting = study.frame["arrest"].to_numpy(dtype=float), method(study.matrix, study.treated)

    _, error = stacked_estimate(y, study.treated, weighting)

    everybody = np.arange(len(y))
    replicates = []
    for i in everybody:
        kept = np.delete(everybody, i)
        w, arm = weighting.reweight(kept), study.treated[kept]
        replicates.append(np.average(y[kept][arm], weights=w[arm]) - np.average(y[kept][~arm], weights=w[~arm]))
    jackknife = np.sqrt((len(y) - 1) * np.var(replicates))
    # With 432 units and 7 parameters the jackknife is wider by about 7 / 432, under 3 %.
    assert error == pytest.approx(jackknife, rel=0.03)


def test_the_golden_effective_size_of_entropy_balancing_on_lalonde():
    study = Study("lalonde")

    weight = entropy_weighting(study.matrix, study.treated).weight

    # Three decimals are printed.
    assert effective_size(weight[~study.treated]) == pytest.approx(98.458, abs=5e-4)
