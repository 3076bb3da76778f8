"""The claim grammar: which sentence a verdict allows, and what to do next.

Takes rows of the public frame ``findings`` that passed disclosure control and the study's words; gives plain
text. A sentence holds no number that is not in its row: what is confidential is empty there, and left out here.
There is no sentence for "proven to work", none for "no effect", and none that orders programmes by their estimate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from yoseval.reporting.amounts import SCALES, difference, duration, is_known, magnitude, per_cent, span
from yoseval.reporting.explanations import NOT_COMPARABLE_REASONS, NOT_EVALUABLE_REASONS, alternative, next_steps, reason_codes
from yoseval.reporting.words import Words

Row: TypeAlias = Mapping[str, Any]

#: What a ratio is of; the second map is of those that an arm has no value of.
_RATIO_OF_ARMS: Mapping[str, str] = {
    "risk_ratio": "risk",
    "odds_ratio": "odds",
    "mean_count_ratio": "number",
    "restricted_mean_ratio": "time",
}
_RATIO_OF_HAZARDS: Mapping[str, str] = {
    "hazard_ratio": "rate",
    "cause_specific_ratio": "rate",
    "subdistribution_ratio": "subdistribution hazard",
    "rate_ratio": "rate",
    "lwyy": "rate of all events",
    "ag": "rate of all events",
    "pwp_total": "rate of each next event",
    "pwp_gap": "rate of each next event",
    "severity_odds": "odds of a worse outcome",
}
_RATIO_OF: Mapping[str, str] = {**_RATIO_OF_ARMS, **_RATIO_OF_HAZARDS}
#: What follows an interval where that is said as it is.
_SPANS_SAID: Mapping[str, str] = {
    "restricted_mean_difference": "free of {noun} {within}",
    "win_ratio": "as many pairs of {people} in which its group fared better as in which it fared worse {within}",
    "cure_fraction_difference": "{people} will never have {noun}",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a verdict looks: shape, words and colour say the same, so that none is needed alone.

    Parameters
    ----------
    shape : str
        A character.
    phrase : str
        Words, with ``{noun}`` for the outcome.
    colour : str
        Text and line, at least 4.5:1 on white.
    marker : str
        The shape as a marker of charts.
    """

    shape: str
    phrase: str
    colour: str
    marker: str

    def title(self, noun: str) -> str:
        """Return the words for an outcome.

        Examples
        --------
        >>> VERDICT_LOOK["likely_reduced"].title("returns to prison")
        'Likely reduces returns to prison'
        """
        return self.phrase.replace("{noun}", noun)


VERDICT_LOOK: Mapping[str, Look] = {
    "likely_reduced": Look("▼", "Likely reduces {noun}", "#0f7a52", "v"),
    "no_worthwhile_effect": Look("■", "No important difference", "#3d3d3d", "s"),
    "cannot_tell": Look("◆", "We cannot tell yet", "#8a4b00", "D"),
    "likely_increased": Look("▲", "Likely increases {noun}", "#801650", "^"),
    "not_comparable": Look("○", "No fair comparison", "#484949", "o"),
    "not_evaluable": Look("○", "Cannot be evaluated yet", "#484949", "o"),
}

WITH_NUMBERS = ("likely_reduced", "likely_increased", "no_worthwhile_effect", "cannot_tell")


def add_sentences(findings: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Fill ``sentence`` and ``next_step`` of every finding.

    Parameters
    ----------
    findings : DataFrame
        The public frame ``findings``, after disclosure control.
    words : Words
        What the study calls things.

    Returns
    -------
    DataFrame
        The same frame with both columns filled.

    Examples
    --------
    >>> add_sentences(safe_findings, Words.from_manifest(manifest))["sentence"]  # doctest: +SKIP
    """
    rows = findings.to_dict("records")
    sentences = pd.Series([sentence(r, words) for r in rows], index=findings.index, dtype=object)
    steps = pd.Series([" ".join(next_steps(r, words)) for r in rows], index=findings.index, dtype=object)
    return findings.assign(sentence=sentences, next_step=steps)


def sentence(row: Row, words: Words) -> str:
    """Return the claim that the verdict of one finding allows, in full sentences.

    Raises
    ------
    KeyError
        If the verdict is not part of the claim grammar.
    """
    is_claim = row["verdict"] in ("likely_reduced", "likely_increased", "no_worthwhile_effect")
    return " ".join([short_claim(row, words), *([alternative(row, words)] if is_claim else [])])


def short_claim(row: Row, words: Words) -> str:
    """Return the claim without its strongest alternative explanation, for pages that give that elsewhere."""
    return " ".join(s for s in _CLAIMS[row["verdict"]](row, words) if s)


def verdict_title(row: Row, words: Words) -> str:
    """Return the verdict as shape and words, such as "▼ Likely reduces reoffending"."""
    look = VERDICT_LOOK[row["verdict"]]
    return f"{look.shape} {look.title(words.outcome(row['outcome']).noun)}"


def comparison_of_arms(row: Row, words: Words) -> str:
    """Say what was seen in each group and the difference; empty where it is confidential.

    For shares: "25.0% of children who started it reoffended within 12 months, against 33.4% of similar children
    in the comparison group (usual supervision): about 8.4 fewer in every 100."
    """
    if not is_known(row["estimate"]):
        return ""
    about = f"about {difference(row['measure'], row['estimate'], row['time_unit'])}"
    if row["measure"] in _RATIO_OF_HAZARDS:
        return _rates(row, words, about)
    if not is_known(row["treated_value"], row["comparison_value"]):
        return f"The estimate is {about}; the values of each group are confidential."
    return _ARMS_SAID.get(SCALES[row["measure"]].arms, _shares)(row, words, about)


def interval_in_words(row: Row) -> str:
    """Say the interval, such as "between 1.2 fewer and 7.8 more in every 100"; empty where confidential."""
    if not is_known(row["conf_low"], row["conf_high"]):
        return ""
    return span(row["measure"], row["conf_low"], row["conf_high"], row["time_unit"])


def detectable(row: Row, words: Words) -> str:
    """Say the smallest change this evaluation could have seen; empty where it is not known."""
    if not is_known(row["mde"]):
        return ""
    return f"This evaluation could only have seen {detectable_size(row)} (with 80% power)."


def detectable_size(row: Row) -> str:
    """Say the size of the changes that could have been seen; the minimum detectable effect must be known."""
    size = magnitude(row["measure"], row["mde"], row["time_unit"])
    return f"{size} or further from 1" if SCALES[row["measure"]].is_ratio else f"changes of at least {size}"


def is_within_worthwhile(row: Row) -> bool:
    """Tell whether the whole interval lies within the smallest worthwhile change, either way."""
    if "within_worthwhile" in reason_codes(row):
        return True
    if SCALES[row["measure"]].is_ratio or not is_known(row["worthwhile"], row["conf_low"], row["conf_high"]):
        return False
    return bool(max(abs(row["conf_low"]), abs(row["conf_high"])) < row["worthwhile"])


def _likely_reduced(row: Row, words: Words) -> list[str]:
    return _likely(row, words, "reduced")


def _likely_increased(row: Row, words: Words) -> list[str]:
    return _likely(row, words, "increased")


def _likely(row: Row, words: Words, verb: str) -> list[str]:
    noun = words.outcome(row["outcome"]).noun
    return [
        _randomised(row),
        f"{row['name']} likely {verb} {noun}{_by_how_much(row, words)}.",
        comparison_of_arms(row, words),
        _both_ways(row, words),
        f"The grade of this evidence is {row['grade']}." if row["grade"] else "",
    ]


def _by_how_much(row: Row, words: Words) -> str:
    """Say the interval as the object of "likely reduced reoffending"."""
    if not is_known(row["conf_low"], row["conf_high"]):
        return "; the numbers are confidential"
    within = f"within {duration(row['horizon'], row['time_unit'])}"
    low, high, measure = row["conf_low"], row["conf_high"], row["measure"]
    if measure in _RATIO_OF:
        return f" to {span(measure, low, high)} the {_RATIO_OF[measure]} in the comparison group {within}"
    if measure in _SPANS_SAID:
        noun = words.outcome(row["outcome"]).noun
        said = _SPANS_SAID[measure].format(people=words.people, noun=noun, within=within)
        return f": {span(measure, low, high, row['time_unit'])} {said}"
    nearer, further = sorted((abs(low), abs(high)))
    if measure == "mean_count_difference":
        return f" by between {100 * nearer:.1f} and {100 * further:.1f} {_events(row, words)} per 100 {words.people} {within}"
    return f" by between {100 * nearer:.1f} and {100 * further:.1f} in every 100 {words.people} {within}"


def _both_ways(row: Row, words: Words) -> str:
    if not is_within_worthwhile(row):
        return ""
    return (
        f"The whole interval lies within {_worthwhile(row)}: a difference is likely, and so is that it is too small to matter."
    )


def _no_worthwhile_effect(row: Row, words: Words) -> list[str]:
    noun = words.outcome(row["outcome"]).noun
    interval = interval_in_words(row)
    return [
        _randomised(row),
        f"An effect of {row['name']} on {noun} large enough to matter is unlikely.",
        comparison_of_arms(row, words),
        f"The interval, {interval}, lies within {_worthwhile(row)}." if interval else "",
        f"The grade of this evidence is {row['grade']}." if row["grade"] else "",
    ]


def _worthwhile(row: Row) -> str:
    if not is_known(row["worthwhile"]):
        return "the smallest worthwhile change that the study declared"
    size = magnitude(row["measure"], row["worthwhile"], row["time_unit"])
    return f"the {size} that the study declared as the smallest worthwhile change"


def _cannot_tell(row: Row, words: Words) -> list[str]:
    noun = words.outcome(row["outcome"]).noun
    interval = interval_in_words(row)
    return [
        _randomised(row),
        f"We cannot tell whether {row['name']} changes {noun}.",
        comparison_of_arms(row, words),
        f"Effects {interval} are all compatible with these records." if interval else "",
        _why_not_told(row),
        detectable(row, words),
    ]


def _why_not_told(row: Row) -> str:
    codes = reason_codes(row)
    found = []
    if "not_significant_after_adjustment" in codes:
        tests = f"the {int(row['tests_made'])} tests made" if is_known(row["tests_made"]) else "all the tests made"
        found.append(f"On its own the interval leaves out no difference, but not after correction for {tests} in this study.")
    if "checks_disagree" in codes:
        found.append("The checks do not agree with the main result.")
    if "no_worthwhile_declared" in codes:
        found.append(
            "No smallest worthwhile change was declared, so it cannot be said that an effect would be too small to matter."
        )
    return " ".join(found)


def _not_comparable(row: Row, words: Words) -> list[str]:
    reasons = [t for c, t in NOT_COMPARABLE_REASONS.items() if c in reason_codes(row)] or [
        "the two groups could not be made alike"
    ]
    because = "; ".join(r.format(people=words.people, **words.entered(row["programme"]).forms()) for r in reasons)
    return [
        f"A fair comparison could not be made for {row['name']}: {because}.",
        "So nothing is said here about what it does; the numbers are in the annex of the technical report only.",
    ]


def _not_evaluable(row: Row, words: Words) -> list[str]:
    noun, forms = words.outcome(row["outcome"]).noun, words.entered(row["programme"]).forms()
    reasons = [t for c, t in NOT_EVALUABLE_REASONS.items() if c in reason_codes(row)] or ["the records do not allow it"]
    because = "; ".join(r.format(people=words.people, noun=noun, comparison=words.comparison, **forms) for r in reasons)
    return [f"{row['name']} cannot be evaluated yet: {because}.", "This says nothing about what it does."]


def _randomised(row: Row) -> str:
    return "This was a randomised comparison." if _is_randomised(row) else ""


def _is_randomised(row: Row) -> bool:
    return "randomised" in reason_codes(row) or (not pd.isna(row["randomised"]) and bool(row["randomised"]))


def _groups(row: Row, words: Words) -> tuple[str, str]:
    """Name the two groups; an allocated group is not "similar", it is equal by design."""
    if _is_randomised(row):
        return (f"{words.people} allocated to it", f"{words.people} allocated to the comparison group ({words.comparison})")
    past = words.entered(row["programme"]).past
    return (f"{words.people} who {past} it", f"similar {words.people} in the comparison group ({words.comparison})")


def _shares(row: Row, words: Words, about: str) -> str:
    outcome = words.outcome(row["outcome"])
    length = duration(row["horizon"], row["time_unit"])
    did = {
        "survival_difference": f"were free of {outcome.noun} at {length}",
        "cure_fraction_difference": f"will never have {outcome.noun}, as far as {length} can tell,",
    }.get(row["measure"], f"{outcome.label} within {length}")
    treated, comparison = _groups(row, words)
    tail = _tail(row)
    shares = f"{per_cent(row['treated_value'])} of {treated} {did}, against {per_cent(row['comparison_value'])} of {comparison}"
    return f"{shares}: {about}{tail}."


def _free_times(row: Row, words: Words, about: str) -> str:
    noun = words.outcome(row["outcome"]).noun
    treated, comparison = _groups(row, words)
    length = duration(row["horizon"], row["time_unit"])
    return (
        f"On average {treated} spent {row['treated_value']:.1f} of {length} free of {noun}, "
        f"against {row['comparison_value']:.1f} for {comparison}: {about}{_tail(row)}."
    )


def _tail(row: Row) -> str:
    """Say what "0.8 times" is of."""
    return f" the {_RATIO_OF[row['measure']]}" if row["measure"] in _RATIO_OF else ""


def _numbers(row: Row, words: Words, about: str) -> str:
    treated, comparison = _groups(row, words)
    length = duration(row["horizon"], row["time_unit"])
    tail = _tail(row)
    return (
        f"Within {length} there were {100 * row['treated_value']:.1f} {_events(row, words)} per 100 {treated}, "
        f"against {100 * row['comparison_value']:.1f} per 100 {comparison}: {about}{tail}."
    )


def _events(row: Row, words: Words) -> str:
    """Name what is counted: an outcome's noun may be the doing, of which one cannot count two."""
    noun = words.outcome(row["outcome"]).noun
    return "reoffences" if noun in ("reoffending", "reoffences") else f"events of {noun}"


def _rates(row: Row, words: Words, about: str) -> str:
    treated, comparison = _groups(row, words)
    noun = words.outcome(row["outcome"]).noun
    ratio_of = _RATIO_OF[row["measure"]]
    what = f"rate of {noun}" if ratio_of == "rate" else f"{ratio_of} ({noun})"
    return f"The {what} among {treated} was {about} that among {comparison}."


def _pairs(row: Row, words: Words, about: str) -> str:
    treated, comparison = _groups(row, words)
    length = duration(row["horizon"], row["time_unit"])
    return (
        f"If {treated} are each held against each of {comparison}, the first fared better within {length} in "
        f"{per_cent(row['treated_value'])} of pairs and worse in {per_cent(row['comparison_value'])}: {about} as often."
    )


_ARMS_SAID = {"time": _free_times, "count": _numbers, "pairs": _pairs}

_CLAIMS = {
    "likely_reduced": _likely_reduced,
    "likely_increased": _likely_increased,
    "no_worthwhile_effect": _no_worthwhile_effect,
    "cannot_tell": _cannot_tell,
    "not_comparable": _not_comparable,
    "not_evaluable": _not_evaluable,
}
