"""Balancing scores against entropy weights of R, and stacked errors against a jackknife; all else: test_stored_weighting.py."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.covariates import code_covariates
from yoseval.design.cbps import cbps_weighting
from yoseval.design.entropy import entropy_weighting
from yoseval.design.ipw import IpwOptions, ipw_weighting
from yoseval.design.matching_weights import matching_weighting
from yoseval.design.weighting import overlap_weighting
from yoseval.models.variance import correct_for_estimated_weights, effective_size

HERE = Path(__file__).parent
FILES = {
    "lalonde": ("lalonde_matchit.csv", "treat", ("age", "educ", "race", "married", "nodegree", "re74", "re75")),
    "rossi": ("rossi.csv", "fin", ("age", "race", "wexp", "mar", "paro", "prio")),
}
IPW = {
    "ate": IpwOptions("ATE"),
    "att": IpwOptions("ATT"),
    "atc": IpwOptions("ATC"),
    "ate_stabilised": IpwOptions("ATE", stabilize=True),
    "ate_trim_1_99": IpwOptions("ATE", truncate=0.01),
}
KINDS = [*IPW, "matching", "overlap", "entropy_att"]


class Study:
    """One data set in file order, what R says of it, and its weightings."""

    def __init__(self, name):
        file, treated, covariates = FILES[name]
        self.frame = pd.read_csv(HERE / "data" / file)
        if name == "lalonde":
            self.frame["employed"] = (self.frame["re78"] > 0).astype(float)
        self.r = json.loads((HERE / "results" / f"weighting_{name}.json").read_text())
        self.treated = self.frame[treated].to_numpy() == 1
        self.matrix = code_covariates(self.frame, covariates)

    def weighting(self, kind):
        if kind in IPW:
            return ipw_weighting(self.matrix, self.treated, IPW[kind])
        leaf = {"matching": matching_weighting, "overlap": overlap_weighting, "entropy_att": entropy_weighting}
        return leaf[kind](self.matrix, self.treated)

    def effect(self, outcome, weighting):
        """Weighted means by arm and the influence of each unit on their difference, weights as known and as estimated."""
        y, w, means, influence = self.frame[outcome].to_numpy(float), weighting.weight, [], np.zeros(len(self.frame))
        for arm, sign in ((self.treated, 1.0), (~self.treated, -1.0)):
            means.append(w[arm] @ y[arm] / w[arm].sum())
            influence[arm] = sign * w[arm] * (y[arm] - means[-1]) / w[arm].sum()
        estimation = weighting.estimation
        return means, influence, correct_for_estimated_weights(influence, w, estimation.gradient, estimation.influence)


STUDIES = {name: Study(name) for name in FILES}


def length(influence):
    return float(np.sqrt(influence @ influence))


@pytest.mark.parametrize("name", list(FILES))
def test_balancing_scores_of_the_treated_give_the_entropy_weights_of_r(name):
    study = STUDIES[name]
    wanted = study.r["entropy_balance"]

    weight = cbps_weighting(study.matrix, study.treated).weight[~study.treated]

    # Just identified, with a logit link, for the ATT: the two methods solve one system of equations.
    assert weight[:10] == pytest.approx(wanted["first10_control"], rel=1e-6)
    assert effective_size(weight) == pytest.approx(wanted["ess_control"], rel=1e-6)
    assert weight.max() == pytest.approx(wanted["max_weight_normalised_to_n_treated"], rel=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, "cbps", "cbps_ate", "over", "over_ate"])
def test_stacked_errors_are_those_of_a_jackknife_that_refits_the_weights(kind):
    study = STUDIES["rossi"]
    y, treated = study.frame["arrest"].to_numpy(float), study.treated
    if kind in KINDS:
        weighting = study.weighting(kind)
    else:
        target = "ATE" if kind.endswith("ate") else "ATT"
        weighting = cbps_weighting(study.matrix, treated, estimand=target, over=kind.startswith("over"))

    _, _, corrected = study.effect("arrest", weighting)

    everybody, replicates = np.arange(len(y)), []
    for i in everybody[::3]:
        kept = np.delete(everybody, i)
        w, arm = weighting.reweight(kept), treated[kept]
        replicates.append(np.average(y[kept][arm], weights=w[arm]) - np.average(y[kept][~arm], weights=w[~arm]))
    # A unit left out moves the estimate by minus its influence, but for terms of the order of 7 parameters over 432 units;
    # weights with a corner or a cut are a little further off.
    value = np.subtract(*study.effect("arrest", weighting)[0])
    moved = value - np.array(replicates)
    assert np.corrcoef(moved, corrected[::3])[0, 1] > 0.995
    assert length(moved) == pytest.approx(length(corrected[::3]), rel=0.05)
