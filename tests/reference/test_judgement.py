"""Pairs, E-values, corrections for many tests and power agree with R, by r/09_sensitivity_power_multiplicity.R.

Power of proportions is another definition: ``power.prop.test`` pools the two variances under the null, ours does not
(Fleiss, Levin and Paik, section 4.2). Here its numbers only show that; the closed form of ours is in the unit test.
"""

import json
import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from yoseval.evaluation.evaluability import minimum_detectable_difference, minimum_detectable_effect
from yoseval.evaluation.multiplicity import benjamini_hochberg, holm
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.counts import Counts, mean_count_difference
from yoseval.outcomes.exact_tests import pairs_table
from yoseval.outcomes.types import Estimate
from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit

R = json.loads((Path(__file__).parent / "results" / "sensitivity_power.json").read_text(encoding="utf-8"))
CONVERTED = ["odds_ratio_common", "hazard_ratio_common", "standardised_mean_difference"]


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def pairs():
    """Return the table of juveniles in adult and juvenile courts; the adult court stands where the treated do."""
    given = R["rearrest_pairs"]
    t = pairs_table(*(given[key] for key in ("both", "adult_only", "juvenile_only", "neither")))
    return {
        "pairs": t.pairs, "risk_adult": t.risk_treated, "risk_juvenile": t.risk_comparison, "rd": t.risk_difference,
        "se_rd": t.std_error, "conditional_or": t.odds_ratio, "se_log_conditional_or": t.std_error_log_odds_ratio,
        "or_exact_ci": [t.conf_low, t.conf_high], "marginal_rr": t.risk_ratio, "chisq": t.chisq,
        "chisq_continuity": t.chisq_continuity, "p": t.p_value, "p_continuity": t.p_continuity, "p_exact": t.p_exact,
    }  # fmt: skip


def e_values(row):
    return {"e_point": e_value(row["rr"]), "e_limit": e_value_of_limit(row["rr"], row["low"], row["high"])}


def corrected(lists):
    found = {"holm": holm(numbers(lists["p"])), "bh": benjamini_hochberg(numbers(lists["p"]))}
    return {key: [None if np.isnan(v) else v for v in values] for key, values in found.items()}


def detectable(events, share):
    """Return the hazard ratio that would be found, by Schoenfeld's standard error of its logarithm."""
    blank = {f.name: math.nan for f in fields(Estimate)}
    std_error = 1 / math.sqrt(events * share * (1 - share))
    return minimum_detectable_effect(
        Estimate(**{**blank, "measure": "hazard_ratio", "std_error": std_error}), 250, 250, scale="log"
    )


def earnings_in_pairs():
    """Return the mean difference of re78 in the pairs of R with its error, which clusters on the pair."""
    frame = pd.read_csv(Path(__file__).parent / "data" / "lalonde_matchit.csv")
    path = Path(__file__).parent / "results" / "match_lalonde.json"
    sets = json.loads(path.read_text())["matched"]["nearest_caliper_logit"]["subclass"]
    used = np.array([s is not None for s in sets])
    pair, treated = np.array([int(s) for s in sets if s is not None]), frame["treat"].to_numpy()[used] == 1
    earned = frame["re78"].to_numpy(float)[used]
    counts = Counts(earned, np.ones(earned.size))
    found = mean_count_difference(counts, treated, np.ones(earned.size), 1.0)
    error = clustered_variance(found.influence, pair) ** 0.5
    return {"n_pairs": len(set(pair)), "mean_difference": found.value, "se_paired": error}


def found():
    e, power = R["e_values"], R["power"]
    least = power["minimum_detectable_hr"]
    return {
        "rearrest_pairs": pairs(),
        "rosenbaum_wilcoxon_lalonde_caliper_pairs": earnings_in_pairs(),
        "e_values": {k: e_values(e[k]) for k in CONVERTED} | {"risk_ratio": [e_values(row) for row in e["risk_ratio"]]},
        "p_adjust": corrected(R["p_adjust"]) | {k: corrected(R["p_adjust"][k]) for k in ("with_missing", "ties")},
        "power": {
            # Schoenfeld's number of events is the one at which the ratio asked for is the least that would be found.
            "schoenfeld_events": [{"hr": detectable(r["events"], r["share_treated"])} for r in power["schoenfeld_events"]],
            "minimum_detectable_hr": {"hr": detectable(least["events"], least["share"])},
        },
    }


ASKED = (
    "rearrest_pairs/both", "rearrest_pairs/adult_only", "rearrest_pairs/juvenile_only", "rearrest_pairs/neither",
    "e_values/*/rr", "e_values/*/low", "e_values/*/high", "e_values/*/or/*", "e_values/*/hr/*", "e_values/*/d", "e_values/*/se",
    "p_adjust/p/*", "p_adjust/*/p/*", "power/schoenfeld_events/*/share_treated", "power/schoenfeld_events/*/events",
    "power/minimum_detectable_hr/events", "power/minimum_detectable_hr/share", "power/minimum_detectable_hr/power",
)  # fmt: skip
NO_BOUNDS = "Rosenbaum's bounds are not offered: hidden bias is told by E-values."
NO_OTHER = "Only Holm's and Benjamini and Hochberg's corrections are offered."
LEFT_OUT = {
    "rosenbaum_binary/*": NO_BOUNDS,
    "rosenbaum_wilcoxon_lalonde_caliper_pairs/table/*": NO_BOUNDS,
    "rosenbaum_wilcoxon_lalonde_caliper_pairs/hodges_lehmann/*": NO_BOUNDS,
    "rosenbaum_wilcoxon_lalonde_caliper_pairs/rbounds_psens/*": NO_BOUNDS,
    "rosenbaum_wilcoxon_lalonde_caliper_pairs/zero_differences": NO_BOUNDS,
    "p_adjust/bonferroni/*": NO_OTHER,
    "p_adjust/hochberg/*": NO_OTHER,
    "p_adjust/by/*": NO_OTHER,
    "power/prop/*": "power.prop.test pools the variances under the null, which is another definition; shown below.",
    "power/t_test/n": "The power of a t test is not offered: no measure here is a mean of normal values.",
    "power/design_effect/*": "A design effect is not offered: intervals are robust to clusters; power takes effective sizes.",
}


def test_every_number_of_judgement_is_that_of_r(reach):
    # Closed forms, stored with 15 digits; tail probabilities of 1e-15 keep fewer.
    reach(
        "sensitivity_power",
        found(),
        {"rearrest_pairs/p*": 1e-9, "*": 1e-12},
        asked=ASKED,
        left_out=LEFT_OUT,
    )


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
