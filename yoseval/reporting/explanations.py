"""What stands beside a claim: why, what else could explain it, and what to do next.

Takes a row of the public frame ``findings`` and the study's words; gives plain sentences, without any number
that is not in the row.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from yoseval.reporting.amounts import SCALES, is_known, magnitude
from yoseval.reporting.words import Words

NOT_COMPARABLE_REASONS: Mapping[str, str] = {
    "no_overlap": "too few of the {people} in the comparison resemble those who {past} it",
    "separation": "something recorded before {event} tells the two groups apart completely",
    "imbalance": "after matching or weighting the two groups still differed on something recorded before {event}",
    "treated_lost": "too many of the {people} who {past} it have nobody to be compared with",
    "design_failed": "no method of the study could make the two groups alike",
}

NOT_EVALUABLE_REASONS: Mapping[str, str] = {
    "too_few_treated": "too few {people} have {participle} it and been followed for long enough",
    "too_few_comparison": "too few {people} with {comparison} can be compared with them",
    "too_few_events": "too few of the {people} in one of the groups had the outcome ({noun}) for a difference to be estimated",
    "follow_up_too_short": "nobody in one of the groups has been followed for as long as the study asks",
    "not_estimable": "its effect on {noun} cannot be estimated by the measure and the model that the study asks for",
    "no_overlap": "too few of the {people} in the comparison resemble those who {past} it",
    "separation": "something recorded before {event} tells the two groups apart completely",
    "design_failed": "no method of the study could make the two groups alike",
}

_RECORD = {
    "too_few_treated": "Go on recording every start: who, when, and how it ended.",
    "too_few_comparison": "Record the same facts for {people} who could have {participle} the programme but {did_not}, so that "
    "there is somebody to compare.",
    "too_few_events": "Go on following everybody, for longer and for all outcomes that the records hold.",
    "follow_up_too_short": "Wait until everybody has been followed to the end, or choose a shorter follow-up for the next "
    "evaluation.",
    "not_estimable": "Read in the technical report what stands in the way, and choose another measure or model of the outcome.",
    "no_overlap": "Record why {people} are or are not referred, and compare only with those who could have been.",
    "separation": "Look for a rare category or a rule of referral that only one group has; merge it, or restrict the "
    "comparison to those whom it leaves a choice.",
    "imbalance": "Record more of what decides who is referred, or widen the group compared.",
    "treated_lost": "Look for a wider group to compare with, such as a neighbouring service or an earlier year.",
    "design_failed": "Look for a wider group to compare with, such as a neighbouring service or an earlier year.",
}


def reason_codes(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the codes of the reasons of a finding.

    Examples
    --------
    >>> reason_codes({"reasons": "imbalance | small_sample"})
    ('imbalance', 'small_sample')
    """
    return tuple(c.strip() for c in str(row["reasons"]).split("|") if c.strip())


def alternative(row: Mapping[str, Any], words: Words) -> str:
    """Return the strongest alternative explanation of a claim.

    Chance where the programme was allocated at random; otherwise a difference that was not recorded, for a claim
    with the E-value in words.
    """
    noun, event = words.outcome(row["outcome"]).noun, words.entered(row["programme"]).event
    if "randomised" in reason_codes(row) or (not pd.isna(row["randomised"]) and bool(row["randomised"])):
        return "The strongest alternative explanation is chance."
    first = "The strongest alternative explanation is a difference between the groups that was not recorded"
    if row["verdict"] not in ("likely_reduced", "likely_increased"):
        return f"{first}: it could hide an effect as well as feign one."
    if not is_known(row["e_value"]):
        return f"{first}."
    strength = (
        f"{first}; to explain the estimate away it would have to be tied to both {event} of the programme and {noun} "
        f"by a risk ratio of {row['e_value']:.1f} each."
    )
    if "hidden_bias_could_explain" in reason_codes(row):
        return f"{strength} A weak one would be enough."
    return strength


def next_steps(row: Mapping[str, Any], words: Words) -> list[str]:
    """Return what to do next, one sentence an item; never empty."""
    return _STEPS[row["verdict"]](row, words)


def times_as_many(row: Mapping[str, Any]) -> float | None:
    """Return how many times as many units it would take to see the smallest worthwhile change.

    The smallest change that can be seen falls with the square root of the number, so it is the square of their
    ratio; None where that does not apply or there are enough already.
    """
    if SCALES[row["measure"]].is_ratio or not is_known(row["mde"], row["worthwhile"]) or row["worthwhile"] <= 0:
        return None
    ratio = float(row["mde"] / row["worthwhile"]) ** 2
    return ratio if ratio > 1.05 else None


def _after_reduced(row: Mapping[str, Any], words: Words) -> list[str]:
    keep = "Keep the programme running as it is, and go on recording every start and how it ended."
    if "within_worthwhile" in reason_codes(row):
        keep = "Ask whether a change of this size is worth what the programme costs, and go on recording every start."
    return [keep, _repeat(row, words)]


def _after_increased(row: Mapping[str, Any], words: Words) -> list[str]:
    return [
        "Review the programme now: who is referred, what is delivered, and whether new starts should wait for the review.",
        "Look first for differences between the groups that were not recorded.",
        _repeat(row, words),
    ]


def _repeat(row: Mapping[str, Any], words: Words) -> str:
    if "randomised" in reason_codes(row):
        return "Check that the result holds in the next cohort."
    return (
        "Check that the result holds in the next cohort; where places are short, allocate them by lot, which rules "
        "hidden differences out."
    )


def _after_no_worthwhile(row: Mapping[str, Any], words: Words) -> list[str]:
    noun = words.outcome(row["outcome"]).noun
    return [
        f"Ask whether the programme is wanted for its other aims; on {noun} alone it is unlikely to make a difference "
        f"that matters.",
        "Another evaluation of the same programme is unlikely to change this; one of a changed programme could.",
    ]


def _after_cannot_tell(row: Mapping[str, Any], words: Words) -> list[str]:
    steps = [
        "Neither stop nor expand the programme on this evidence.",
        "Go on recording every start and every outcome, and evaluate again.",
    ]
    more = times_as_many(row)
    if more is not None:
        size = magnitude(row["measure"], row["worthwhile"], row["time_unit"])
        steps.append(f"To see a change of {size}, the next evaluation needs about {more:.1f} times as many {words.people}.")
    elif "no_worthwhile_declared" in reason_codes(row):
        steps.append("Decide now, before the next evaluation, which change would be large enough to matter.")
    if "checks_disagree" in reason_codes(row):
        steps.append("Find out first why the checks disagree.")
    return steps


def _after_not_comparable(row: Mapping[str, Any], words: Words) -> list[str]:
    return [*_to_record(row, words), "If places are short, allocate them by lot: the comparison is then fair by design."]


def _after_not_evaluable(row: Mapping[str, Any], words: Words) -> list[str]:
    return [*_to_record(row, words), "Evaluate again when the next year's records are complete."]


def _to_record(row: Mapping[str, Any], words: Words) -> list[str]:
    forms = words.entered(row["programme"]).forms()
    found = [_RECORD[c].format(people=words.people, **forms) for c in reason_codes(row) if c in _RECORD]
    return list(dict.fromkeys(found)) or [_RECORD["too_few_treated"]]


_STEPS = {
    "likely_reduced": _after_reduced,
    "likely_increased": _after_increased,
    "no_worthwhile_effect": _after_no_worthwhile,
    "cannot_tell": _after_cannot_tell,
    "not_comparable": _after_not_comparable,
    "not_evaluable": _after_not_evaluable,
}
