"""The weighting methods of the menu: overlap, inverse-score and matching weights, balancing, random allocation.

Each takes a cohort and gives a `Weighting`; the statistics are in the leaves.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from yoseval.cohort.build import Cohort
from yoseval.design.cbps import cbps_weighting
from yoseval.design.entropy import entropy_weighting
from yoseval.design.ipw import IpwOptions, ipw_weighting
from yoseval.design.matching_weights import matching_weighting
from yoseval.design.menu import Method, Rule, is_one_of, is_optional, is_share
from yoseval.design.propensity import PROPENSITY, is_model
from yoseval.design.randomised import randomised_weighting
from yoseval.design.trimming import MUST_BE, is_rule
from yoseval.design.types import Weighting
from yoseval.design.weighting import overlap_weighting

OVERLAP_NOTE = (
    "Overlap weights are about those who could have gone either way (ATO), not about all of the treated: "
    "those whose start was nearly certain count for little."
)


def build_overlap(cohort: Cohort, *, estimand: str, propensity: Any) -> Weighting:
    """Weight by the probability of being in the other arm; always about the overlap population."""
    weighting = overlap_weighting(cohort.matrix(), cohort.treated, propensity=propensity)
    return replace(weighting, notes=(OVERLAP_NOTE, *weighting.notes))


def build_entropy(cohort: Cohort, *, estimand: str, moments: int) -> Weighting:
    """Give the comparison the means of the treated, and with two moments the means of their squares."""
    return entropy_weighting(cohort.matrix(), cohort.treated, moments=moments)


def build_ipw(
    cohort: Cohort, *, estimand: str, propensity: Any, stabilize: bool, trim: str | float | None, truncate: float | None
) -> Weighting:
    """Weight by the inverse of the probability of the arm a unit is in; the options are those of `IpwOptions`."""
    return ipw_weighting(cohort.matrix(), cohort.treated, IpwOptions(estimand, propensity, stabilize, trim, truncate))


def build_matching_weights(cohort: Cohort, *, estimand: str, propensity: Any) -> Weighting:
    """Weight towards those who could be paired one to one; always about these."""
    return matching_weighting(cohort.matrix(), cohort.treated, propensity=propensity)


def build_cbps(cohort: Cohort, *, estimand: str, over: bool) -> Weighting:
    """Weight by covariate balancing propensity scores; ``over`` adds the equations of the likelihood."""
    return cbps_weighting(cohort.matrix(), cohort.treated, estimand=estimand, over=over)


def build_randomised(cohort: Cohort, *, estimand: str) -> Weighting:
    """Take chance differences out of a randomised comparison."""
    return randomised_weighting(cohort.matrix(), cohort.treated)


_SCORED = {"propensity": Rule(is_model, f"one of {', '.join(PROPENSITY)}, or a classifier with predict_proba")}
_FLAG = Rule(is_one_of(True, False), "true or false")
OVERLAP = Method(
    build=build_overlap,
    accepts=("ATT", "ATO"),
    options=MappingProxyType({"propensity": "logit"}),
    needs="no covariate that tells the arms apart without fail",
    cite="li2018",
    rules=MappingProxyType(_SCORED),
)
IPW = Method(
    build=build_ipw,
    accepts=("ATT", "ATC", "ATE"),
    options=MappingProxyType({"propensity": "logit", "stabilize": False, "trim": None, "truncate": None}),
    needs="every score away from 0 and 1",
    cite="lunceford2004",
    rules=MappingProxyType(
        {
            **_SCORED,
            "stabilize": _FLAG,
            "trim": Rule(is_rule, MUST_BE),
            "truncate": Rule(is_optional(is_share), "a share between 0 and 0.5, such as 0.01, or None"),
        }
    ),
)
MATCHING_WEIGHTS = Method(
    build=build_matching_weights,
    accepts=("ATT", "ATM"),
    options=MappingProxyType({"propensity": "logit"}),
    needs="no covariate that tells the arms apart without fail",
    cite="li2013",
    rules=MappingProxyType(_SCORED),
)
CBPS = Method(
    build=build_cbps,
    accepts=("ATT", "ATC", "ATE"),
    options=MappingProxyType({"over": False}),
    needs="means of the target within the reach of weights",
    cite="imai2014",
    rules=MappingProxyType({"over": _FLAG}),
)
ENTROPY = Method(
    build=build_entropy,
    accepts=("ATT",),
    options=MappingProxyType({"moments": 1}),
    needs="means of the treated within the reach of the comparison units",
    cite="hainmueller2012",
    rules=MappingProxyType({"moments": Rule(is_one_of(1, 2), "1 (means) or 2 (means and squares)")}),
)
RANDOMISED = Method(
    build=build_randomised,
    accepts=("ATT", "ATE"),
    options=MappingProxyType({}),
    needs="a programme that was allocated at random",
    cite="zeng2021",
)
