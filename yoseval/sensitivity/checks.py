"""The menu of checks: each asks one question of an estimate and answers it in words.

Takes an estimate, its follow-up and its design (with the other designs that were locked beside it) and gives
checks and the estimates they rest on. No count of children is ever written into an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from yoseval.design.imputed import Designs
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.outcomes.measures import MEASURES
from yoseval.outcomes.types import Estimate, FollowUp
from yoseval.sensitivity.bounds import linkage_bounds
from yoseval.sensitivity.chance_checks import check_bootstrap, check_exact_test, check_missing_category, check_ties
from yoseval.sensitivity.hazards import check_proportional_hazards
from yoseval.sensitivity.hidden_bias import e_value, e_value_of_limit
from yoseval.sensitivity.probing import (
    Check,
    Lagged,
    Linked,
    Probed,
    Redrawn,
    as_check,
    in_words,
    lies_inside,
    signed,
    try_effect,
)
from yoseval.sensitivity.ties import TieSensitivity


def assess_sensitivity(
    estimate: Estimate,
    followup: FollowUp,
    design: Designs,
    checks: Sequence[str] | None = None,
    *,
    alternatives: Sequence[Designs] = (),
    noun: str = "the outcome",
    linked: Linked | None = None,
    naive: Design | None = None,
    lagged: Lagged | None = None,
    redrawn: Redrawn | None = None,
    variance: str = "auto",
    ties: TieSensitivity | None = None,
    with_category: Design | None = None,
) -> tuple[Check, ...]:
    """Put every check of ``checks`` (all of them by default) to an estimate.

    Parameters
    ----------
    estimate : Estimate
        The estimate that is probed.
    followup, design
        What it was made from.
    checks : sequence of str, optional
        Names in ``CHECKS``.
    alternatives : sequence of Design or ImputedDesigns
        Other designs that were locked before outcomes were opened.
    noun : str
        The outcome as a noun, for the answers.
    linked : Linked, optional
        Which share of each arm was linked, where outcomes come from linked records.
    naive : Design, optional
        The comparison without any adjustment, where it is not that of the design's own arms.
    lagged : Lagged, optional
        The follow-up that begins to count later, where the source of outcomes can tell it.
    redrawn : Redrawn, optional
        What a bootstrap says, where one was asked for.
    variance : str
        The variance that was asked for the estimate; checks on the same design have it too, other designs their own.
    ties : TieSensitivity, optional
        How far the effect moves with the order of rows, where the design is matched.
    with_category : Design, optional
        Where ``design`` is one of imputations: the same method with 'not recorded' as a category of its own.

    Examples
    --------
    >>> assess_sensitivity(estimate, followup, design)[0].answer  # doctest: +SKIP
    """
    probed = Probed(
        estimate,
        followup,
        design,
        tuple(alternatives),
        noun=noun,
        linked=linked,
        naive=naive,
        lagged=lagged,
        redrawn=redrawn,
        variance=variance,
        ties=ties,
        with_category=with_category,
    )
    return tuple(check for name in (checks or CHECKS) if (check := CHECKS[name](probed)) is not None)


def check_naive(probed: Probed) -> Check | None:
    """Ask what a comparison without any adjustment would have said."""
    plain = replace(probed, estimate=replace(probed.estimate, adjustment="none", adjust=()))
    naive = try_effect(plain, probed.naive or unadjusted_design(probed.design.cohort))
    if naive is None:
        return None
    shown = in_words(naive)
    answer = f"A naive comparison would have said {shown}; after adjustment it is {in_words(probed.estimate)}."
    return as_check(probed, "naive", "What would a naive comparison have said?", answer, shown, None, (naive,))


def check_other_designs(probed: Probed) -> Check | None:
    """Ask whether the other designs that were locked would have said the same."""
    found = [e for e in (try_effect(probed, d) for d in probed.alternatives) if e is not None]
    if not found:
        return None
    same = [lies_inside(e, probed.estimate) for e in found]
    words = "; ".join(f"{e.method}: {in_words(e)}" for e in found)
    verb = "Yes" if all(same) else "Not all of them"
    answer = f"{verb}: {words}."
    value = f"{sum(same)} of {len(found)} within the interval's reach"
    return as_check(
        probed, "other_designs", "Would another fair comparison have said the same?", answer, value, all(same), tuple(found)
    )


def check_half_way(probed: Probed) -> Check | None:
    """Ask whether it looked the same half way through the follow-up."""
    if "severity" in MEASURES[probed.estimate.measure].takes:
        # The worst event is that of the whole follow-up: there is no half of it.
        return None
    half = replace(probed.followup, horizon=probed.followup.horizon / 2)
    estimate = try_effect(probed, probed.design, half)
    if estimate is None:
        return None
    shown = in_words(estimate)
    answer = f"After {half.horizon:g} {half.time_unit} it was {shown}; at the end it is {in_words(probed.estimate)}."
    return as_check(probed, "half_way", "Was it the same half way through the follow-up?", answer, shown, None, (estimate,))


def check_lag(probed: Probed) -> Check | None:
    """Ask whether it matters when counting begins; offences soon after time zero may precede what a programme can do."""
    later = probed.lagged
    estimate = None if later is None else try_effect(probed, probed.design, later.followup)
    if later is None or estimate is None:
        return None
    shown = in_words(estimate)
    answer = (
        f"If offences of the first {later.days} days after time zero are not counted as reoffences, it is {shown}; "
        f"with them it is {in_words(probed.estimate)}."
    )
    marked = replace(estimate, notes=(f"counted from day {later.days + 1} on", *estimate.notes))
    return as_check(probed, "lag", "Does it matter when counting begins?", answer, shown, None, (marked,))


def check_hidden_bias(probed: Probed) -> Check | None:
    """Ask how strong something unmeasured would have to be; not asked of a randomised programme."""
    if probed.design.cohort.randomised:
        return None
    ratio = try_effect(probed, probed.design, measure="risk_ratio")
    if ratio is None:
        return None
    point, limit = e_value(ratio.estimate), e_value_of_limit(ratio.estimate, ratio.conf_low, ratio.conf_high)
    question = "How strong would something we did not measure have to be to explain the result?"
    linked = f"To explain the estimate it would have to be linked with taking part and with {probed.noun}"
    strength = f"{linked} by a risk ratio of at least {point:.2f} each"
    rest = (
        "; the interval includes no difference already, so nothing hidden is needed to explain that."
        if limit == 1.0
        else f", and of at least {limit:.2f} each for the interval to include no difference."
    )
    return replace(
        as_check(probed, "hidden_bias", question, strength + rest, f"{point:.2f} (limit {limit:.2f})", None, (ratio,)),
        e_value=point,
        e_value_limit=limit,
    )


def check_linkage(probed: Probed) -> Check | None:
    """Ask what those who could not be linked to the records of outcomes could do to a difference of risks."""
    linked, e = probed.linked, probed.estimate
    if linked is None or e.measure != "risk_difference":
        return None
    low, high = linkage_bounds(e.treated_value, e.comparison_value, linked.treated, linked.comparison, ratio=linked.ratio)
    shown = f"{signed(100 * low)} to {signed(100 * high)} per 100"
    assumed = (
        "whatever happened to them"
        if linked.ratio is None
        else f"if their risk is at most {linked.ratio:g} times as high, or as low, as that of the others"
    )
    answer = f"With those who could not be linked the difference lies between {shown}, {assumed}. Chance comes on top."
    return as_check(probed, "linkage", "What if those who could not be linked fared otherwise?", answer, shown, None, ())


CHECKS: Mapping[str, Callable[[Probed], Check | None]] = {
    "naive": check_naive,
    "other_designs": check_other_designs,
    "half_way": check_half_way,
    "proportional_hazards": check_proportional_hazards,
    "lag": check_lag,
    "bootstrap": check_bootstrap,
    "hidden_bias": check_hidden_bias,
    "linkage": check_linkage,
    "ties": check_ties,
    "missing_category": check_missing_category,
    "exact_test": check_exact_test,
}
