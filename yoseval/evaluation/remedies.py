"""What to record until a programme can be evaluated: from where the children who started it were lost.

Takes one programme's candidates and the gaps of its records; gives codes and sentences. They hold no count of children.
"""

from collections.abc import Mapping

import pandas as pd

from yoseval.cohort.built_trial import BuiltTrial

WAIT = "wait"
STARTED_LATER = "started_later"
OTHER = "other"

#: How the reason of a criterion begins, and its code. Criteria: ``cohort.eligibility.criteria``.
REASONS: Mapping[str, str] = {
    "no eligible caution": "no_index_event",
    "hosted for another service": "hosted",
    "not aged": "study_ages",
    "outside the ages of the programme": "programme_ages",
    "had started the programme before": "started_before",
    "moved, left or died": "left_before",
    "in custody": "in_custody",
    "the programme could not be started": "not_available",
    "had started a part of the joint strategy": "started_a_part",
    "had started the programme by then": "had_started",
    "a new offence": "new_offence",
    "on another programme": "on_another",
    "follow-up and the wait": WAIT,
}
#: What is missing in the records themselves, most telling first, and what to do.
GAPS: Mapping[str, str] = {
    "nobody_referred": "Nobody was referred to it: refer, and record each referral, or take it off the menu.",
    "starts_unclear": "For each referral record the first day, or that the child never started: for too many nobody wrote "
    "down which.",
    "nobody_started": "Record the first day of every child who starts: there are referrals, but no start.",
    "too_few_referred": "Record every referral to it: those on record are fewer than an evaluation needs starts.",
}
#: What costs most of those who started, and what to do about it.
LOSSES: Mapping[str, str] = {
    "no_index_event": "Record the caution, disposal or release that each start belongs to: many of those lost have none "
    "of the kinds and dates that the study names. Or let disposals and index_dates take in more.",
    "hosted": "Ask the home services for the outcomes of children who are hosted: many of those lost are.",
    "study_ages": "Check dates of birth, or let the study's ages take in more: many of those lost are outside them.",
    "programme_ages": "Correct the programme's ages in the register, or record why children outside them start it.",
    "started_before": "Record with each start the order it belongs to: many of those lost had started it before.",
    "left_before": "Record the day on which children move or leave, and ask their new service for outcomes.",
    "in_custody": "Record the day of release: many of those lost were in custody when follow-up would begin.",
    "not_available": "Correct the calendar of the programme: many of those lost started when it says that it could not "
    "be started.",
    "started_a_part": "Record the start of each part of the joint strategy: many of those lost had started only a part.",
    "had_started": "Record the first day of the programme itself, not of the referral.",
    "new_offence": "Shorten the time from the order to the start: many of those lost had a new offence in between.",
    "on_another": "Record when each programme ends: many of those lost were on another one too.",
    STARTED_LATER: "Shorten the time from the order to the start, and record both: many of those lost started later than "
    "the protocol allows. Or let it count later starts (rule = 'nested').",
    OTHER: "Record why children who started cannot be counted.",
}
KEEP = "Go on recording every start with its first day, and how it ended."
FOLLOW = "Wait until those who have started are followed up, and go on recording every offence with its dates."
GROW = "Record more starts: too few children have started it. Let index_dates run on to the next extract."
COMPARE = "Record the same facts for children who could have started it but did not: too few can be compared."


def remedies_of(
    trial: BuiltTrial, started: int, issues: tuple[str, ...], state: str, *, enough: tuple[bool, bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the codes of what stands in the way of an evaluation, and what to record until then.

    Parameters
    ----------
    trial : BuiltTrial
        One programme's.
    started : int
        How many children ever started it.
    issues : tuple of str
        Codes of gaps in its records: keys of ``GAPS``, and others, which are left to the page on the records.
    state : str
        ``now``, ``from_date`` or ``not_with_these_data``.
    enough : (bool, bool)
        Whether enough children who started it are eligible, mature or not, and whether enough can be compared now.

    Returns
    -------
    codes, sentences : tuples of str
        Where a programme can be evaluated now: the gaps, and to keep recording. There is always a sentence.
    """
    gaps = [(code, GAPS[code]) for code in GAPS if code in issues]
    if state == "now":
        found = [*gaps, ("", KEEP)]
    else:
        waiting = [(WAIT, FOLLOW)] if bool(trial.candidates.loc[trial.candidates["treated"], "immature_only"].any()) else []
        compare = [] if enough[1] else [("too_few_comparison", COMPARE)]
        grow = [] if enough[0] else [("too_few_treated", GROW)]
        found = [*gaps, *_costliest(trial, started), *waiting, *compare, *grow]
    return tuple(code for code, _ in found if code), tuple(sentence for _, sentence in found)


def losses_of(trial: BuiltTrial, started: int) -> pd.Series:
    """Return how many children who started were lost for each code, the largest first; the unfinished follow-up is none.

    Parameters
    ----------
    trial : BuiltTrial
        One programme's.
    started : int
        How many children ever started it.

    Returns
    -------
    Series
        Counts by code, only above 0.
    """
    candidates = trial.candidates[trial.candidates["treated"]]
    codes = candidates.loc[candidates["stage"] != "", "reason"].map(code_of)
    counts = codes[codes != WAIT].value_counts()
    later = started - candidates["person_id"].nunique()
    if later > 0:
        counts = pd.concat([counts, pd.Series({STARTED_LATER: later})])
    return counts.sort_values(ascending=False, kind="stable")


def code_of(reason: str) -> str:
    """Return the code of the reason of a criterion.

    Examples
    --------
    >>> code_of("in custody at time zero")
    'in_custody'
    """
    return next((code for start, code in REASONS.items() if reason.startswith(start)), OTHER)


def _costliest(trial: BuiltTrial, started: int) -> list[tuple[str, str]]:
    losses = losses_of(trial, started)
    return [(str(losses.index[0]), LOSSES[str(losses.index[0])])] if len(losses) else []
