"""What a reader can and cannot say, how sure we are, and how it was done, in plain sentences.

Takes a row of the public frame ``findings``, the study's words and the public frame ``protocol``; gives lists of
sentences without any number that is not in the row.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from yoseval.reporting.amounts import SCALES, count, difference, duration, is_known, magnitude, number, span
from yoseval.reporting.explanations import alternative, reason_codes, times_as_many
from yoseval.reporting.wording import WITH_NUMBERS, detectable, interval_in_words
from yoseval.reporting.words import Words, capital, method_words

Row = Mapping[str, Any]


def can_say(row: Row, words: Words) -> list[str]:
    """Return sentences that the finding supports."""
    noun, name = words.outcome(row["outcome"]).noun, row["name"]
    entered = words.entered(row["programme"])
    interval = interval_in_words(row)
    first = {
        "likely_reduced": f"{name} likely reduced {noun} among {words.people} like those who {entered.past} it.",
        "likely_increased": f"{name} likely increased {noun} among {words.people} like those who {entered.past} it.",
        "no_worthwhile_effect": f"An effect of {name} on {noun} large enough to matter is unlikely.",
        "cannot_tell": f"We have evaluated {name} and cannot yet tell whether it changes {noun}.",
        "not_comparable": f"We tried to evaluate {name}, and a fair comparison could not be made.",
        "not_evaluable": f"{name} cannot be evaluated yet; we know what to record until it can be.",
    }[row["verdict"]]
    if row["verdict"] not in WITH_NUMBERS:
        return [first]
    if not (interval and is_known(row["estimate"])):
        return [first]
    about = difference(row["measure"], row["estimate"], row["time_unit"])
    kind = "ratio to the comparison group" if SCALES[row["measure"]].is_ratio else "difference"
    return [first, f"The {kind} is about {about}; the true figure is likely to lie {interval}."]


def cannot_say(row: Row, words: Words) -> list[str]:
    """Return sentences that the finding does not support, each with the reason."""
    noun, name = words.outcome(row["outcome"]).noun, row["name"]
    entered = words.entered(row["programme"])
    everybody = f"“{name} works for everyone.” The result is an average over {words.people} like those who {entered.past} it."
    return {
        "likely_reduced": [f"“It is proven that {name} works.” One evaluation makes an effect likely, not certain.", everybody],
        "likely_increased": [
            f"“{name} harms everyone who {entered.present} it.” The result is an average over {words.people} like those who "
            f"{entered.past} it.",
            "“It is certain.” One evaluation makes an effect likely, not certain.",
        ],
        "no_worthwhile_effect": [
            f"“{name} does nothing.” A small effect on {noun}, or an effect on something else, remains possible.",
            everybody,
        ],
        "cannot_tell": [
            f"“{name} does not work.” Not being able to tell is not the same as finding no difference.",
            f"“{name} works, it only lacks numbers.” The records fit a change for the worse or for the better alike.",
        ],
        "not_comparable": [
            f"“{name} works”, or “{name} does not work”. Nothing was found out about either.",
            f"“Those who {entered.past} it had more, or less, {noun}.” The groups differed before {entered.event}.",
        ],
        "not_evaluable": [f"“{name} works”, or “{name} does not work”. Nothing was found out about either."],
    }[row["verdict"]]


def how_sure(row: Row, words: Words) -> list[str]:
    """Return what the confidence in a finding rests on; what could explain it otherwise comes last."""
    if row["verdict"] not in WITH_NUMBERS:
        return ["No claim is made, so there is nothing to be sure of."]
    return [*_alike(row, words), *_small(row), *_many_tests(row), " ".join([alternative(row, words), *_nearer_limit(row)])]


def power(row: Row, words: Words) -> list[str]:
    """Say what this evaluation could have seen, beside what would be worthwhile; empty where neither is known."""
    could = detectable(row, words)
    if not could:
        return []
    if not is_known(row["worthwhile"]):
        return [could, "No smallest worthwhile change was declared to compare that with."]
    size = magnitude(row["measure"], row["worthwhile"], row["time_unit"])
    declared = f"The smallest change worth having was declared as {size}"
    more = times_as_many(row)
    if more is not None:
        return [
            could,
            f"{declared}: it could well have missed that. It would take about {more:.1f} times as many {words.people}.",
        ]
    return [could, f"{declared}."]


def naive_beside_adjusted(row: Row, words: Words) -> str:
    """Say the difference without any adjustment beside the adjusted one; empty where either is not known."""
    if not is_known(row["naive_estimate"], row["estimate"]):
        return ""
    measure, unit = row["measure"], row["time_unit"]
    naive, fair = (difference(measure, row[c], unit) for c in ("naive_estimate", "estimate"))
    limits = ""
    if is_known(row["naive_conf_low"], row["naive_conf_high"]):
        limits = f" ({span(measure, row['naive_conf_low'], row['naive_conf_high'], unit)})"
    return f"Before the groups were made alike the estimate was {naive}{limits}; afterwards it was {fair}."


def how_done(row: Row, words: Words, protocol: pd.DataFrame) -> list[str]:
    """Return how the evaluation was done: who was compared, how, for how long, and what was fixed before.

    Parameters
    ----------
    row : mapping
        A row of ``findings``.
    words : Words
        What the study calls things.
    protocol : DataFrame
        The public frame ``protocol`` of the programme; what it says about time zero is repeated.
    """
    said = [f"{words.source.rstrip('.')}."] if words.source else []
    said += _who(row, words)
    said += [
        f"{capital(r['item'])}: {r['value'].rstrip('.')}."
        for r in protocol.to_dict("records")
        if _is_time_zero(r) and r["value"]
    ]
    said.append("The comparison was built without sight of any outcome, and locked before outcomes were opened.")
    return said


def _is_time_zero(part: Row) -> bool:
    return "time zero" in (part["section"].lower(), part["item"].lower())


def _who(row: Row, words: Words) -> list[str]:
    treated, comparison = count(row["n_treated"]), count(row["n_comparison"])
    length = duration(row["horizon"], row["time_unit"]) if is_known(row["horizon"]) else ""
    method = f" by {method_words(row['method'])}" if row["method"] else ""
    followed = f" Both groups were followed for {length}." if length else ""
    if not (treated and comparison):
        return [
            f"The groups were to be made alike{method}.{followed}" if method else f"The numbers are confidential.{followed}"
        ]
    if _is_randomised(row):
        return [
            f"{treated} {words.people} allocated at random to the programme were compared with {comparison} allocated to "
            f"the comparison ({words.comparison}){method.replace(' by random allocation, with', ', with')}.{followed}"
        ]
    past = words.entered(row["programme"]).past
    return [
        f"{treated} {words.people} who {past} the programme were compared with {comparison} in the comparison group "
        f"({words.comparison}), made alike{method}.{followed}"
    ]


def _alike(row: Row, words: Words) -> list[str]:
    if not is_known(row["max_smd"]) or pd.isna(row["balanced"]) or not bool(row["balanced"]):
        return []
    gap = number(float(row["max_smd"]), 2)
    alike = f"The groups were alike in everything recorded before {words.entered(row['programme']).event}"
    return [f"{alike}: the largest standardised difference was {gap}."]


def _small(row: Row) -> list[str]:
    if "small_sample" not in reason_codes(row):
        return []
    return ["The groups are small, so intervals were made by a method that is honest at such sizes."]


def _nearer_limit(row: Row) -> list[str]:
    """Say how strong it must be to reach the limit of the interval; only where that limit leaves no difference out."""
    if _is_randomised(row) or not is_known(row["e_value"], row["e_value_limit"]) or row["e_value_limit"] <= 1:
        return []
    return [f"A risk ratio of {row['e_value_limit']:.1f} would be enough for the interval to include no difference."]


def _many_tests(row: Row) -> list[str]:
    if not is_known(row["tests_made"]) or int(row["tests_made"]) < 2:
        return []
    made = f"{int(row['tests_made'])} tests were made in this study"
    return [f"{made}; the verdict rests on one, the main outcome, corrected for the number of programmes."]


def _is_randomised(row: Row) -> bool:
    return "randomised" in reason_codes(row) or (not pd.isna(row["randomised"]) and bool(row["randomised"]))
