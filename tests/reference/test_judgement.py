"""E-values, corrections for many tests and power agree with R, by r/09_sensitivity_power_multiplicity.R.

Power of proportions is another definition: ``power.prop.test`` pools the two variances under the null, ours does not
(Fleiss, Levin and Paik, section 4.2). Here its numbers only show that; the closed form of ours is in the unit test.
"""

import json
import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from yoseval.evaluation.evaluability import minimum_detectable_difference, minimum_detectable_effect
from yoseval.evaluation.multiplicity import benjamini_hochberg, holm
from yoseval.outcomes.types import Estimate
from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit

R = json.loads((Path(__file__).parent / "results" / "sensitivity_power.json").read_text(encoding="utf-8"))
# Closed forms, stored with 15 digits.
EXACT = 1e-12
CONVERTED = ["odds_ratio_common", "hazard_ratio_common", "standardised_mean_difference"]
RATIOS = [*R["e_values"]["risk_ratio"], *(R["e_values"][k] for k in CONVERTED)]
LISTS = {
    "25 p-values": {"p": R["p_adjust"]["p"], "holm": R["p_adjust"]["holm"], "bh": R["p_adjust"]["bh"]},
    "with missing": R["p_adjust"]["with_missing"],
    "with ties": R["p_adjust"]["ties"],
}


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


@pytest.mark.parametrize("case", RATIOS, ids=lambda c: f"RR {c['rr']:.2f}")
def test_e_values_of_estimate_and_limit_agree_with_r(case):
    assert e_value(case["rr"]) == pytest.approx(case["e_point"], rel=EXACT)
    assert e_value_of_limit(case["rr"], case["low"], case["high"]) == pytest.approx(case["e_limit"], rel=EXACT)


@pytest.mark.parametrize("case", LISTS.values(), ids=LISTS)
def test_adjusted_p_values_agree_with_r(case):
    np.testing.assert_allclose(holm(numbers(case["p"])), numbers(case["holm"]), rtol=EXACT)
    np.testing.assert_allclose(benjamini_hochberg(numbers(case["p"])), numbers(case["bh"]), rtol=EXACT)


def test_the_minimum_detectable_hazard_ratio_agrees_with_r():
    case = R["power"]["minimum_detectable_hr"]
    # The log hazard ratio's standard error with this many events (Schoenfeld).
    std_error = 1 / math.sqrt(case["events"] * case["share"] * (1 - case["share"]))
    blank = {f.name: math.nan for f in fields(Estimate)}
    estimate = Estimate(**{**blank, "measure": "hazard_ratio", "std_error": std_error})

    assert minimum_detectable_effect(estimate, 250, 250, scale="log") == pytest.approx(case["hr"], rel=EXACT)


def pooled_power(n, p1, p2, sides=2):
    """Return the power of ``power.prop.test``: variances pooled under the null."""
    middle = (p1 + p2) / 2
    null = norm.ppf(1 - 0.05 / sides) * math.sqrt(2 * middle * (1 - middle))
    return norm.cdf((math.sqrt(n) * abs(p1 - p2) - null) / math.sqrt(p1 * (1 - p1) + p2 * (1 - p2)))


@pytest.mark.parametrize("case", R["power"]["prop"][:4], ids=lambda c: f"n {c['n']:.0f}")
def test_power_prop_test_is_another_definition(case):
    # R solves for n or p2 by uniroot to 1.2e-4; with 1,306 in each arm power rises by 15 for each unit of p2.
    assert pooled_power(case["n"], case["p1"], case["p2"]) == pytest.approx(case["power"], abs=2e-3)

    low, high = sorted((case["p1"], case["p2"]))
    ours = minimum_detectable_difference(high, case["n"], case["n"], power=case["power"])

    # Never the same number, yet close enough that nobody would decide otherwise.
    assert abs(ours - (high - low)) > 1e-6
    assert ours == pytest.approx(high - low, abs=0.002)
