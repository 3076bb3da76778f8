"""Exposure and time zero: who entered a programme, when follow-up begins, and who stands in which arm.

Takes one row a child and the dates of entry and gives the candidates of one emulated trial, by one of four rules. Dates
are whole days since 1970. A rule reads nothing after the last day that it declares; `cohort.licence` holds that against
what each rule may.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Indices
from yoseval.cohort.sections import TimeZeroSection

NEVER = 2**31
_MIX = 2654435761  # Knuth's multiplicative hash: spreads neighbouring numbers evenly


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """When each of n children entered a programme, NEVER where it did not.

    Parameters
    ----------
    index : (n,) integers
        The index event; NEVER where a child has none.
    entry : (n,) integers
        The first entry on or after the index event: into the programme, or into all programmes of a joint strategy.
    any_entry : (n,) integers
        The first entry into any programme of a joint strategy; ``entry`` itself for one programme.
    before : (n,) booleans
        True where the child had started the programme before the index event.
    content : (n,) integers
        A number made of what was known at the index event, by which comparison children are dealt start dates.
    """

    index: Indices
    entry: Indices
    any_entry: Indices
    before: Flags
    content: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Those who may enter one emulated trial, m rows.

    Parameters
    ----------
    child : (m,) integers
        Position among the children.
    time_zero : (m,) integers
        When follow-up begins; NEVER where the child has no index event.
    treated : (m,) booleans
        The arm. Without an index event, or having started before it: whether the child ever started.
    trial : (m,) integers
        Number of the sequential trial, 0 where there is one only.
    fits : (m,) booleans
        False where the child followed only a part of a joint strategy by time zero, or had entered before its trial.
    """

    child: Indices
    time_zero: Indices
    treated: Flags
    trial: Indices
    fits: Flags


def line_up(entries: Entries, section: TimeZeroSection) -> Candidates:
    """Give every child its time zero and its arm by the rule of the protocol.

    Parameters
    ----------
    entries : Entries
        When n children entered.
    section : TimeZeroSection
        The rule and its days.

    Returns
    -------
    Candidates
        One row a child, or one for each child and trial.

    References
    ----------
    hernan2016 : Hernán, Sauer, Hernández-Díaz, Platt and Shrier (2016), Journal of Clinical Epidemiology 79, 70-75.
    danaei2013 : Danaei, García Rodríguez, Cantero, Logan and Hernán (2013), Statistical Methods in Medical Research 22, 70-96.

    Examples
    --------
    >>> one = Entries(np.array([0, 0]), np.array([10, NEVER]), np.array([10, NEVER]), np.zeros(2, bool), np.arange(2))
    >>> line_up(one, TimeZeroSection(rule="landmark", days=60)).time_zero
    array([60, 60])
    """
    return RULES[section.rule](entries, section)


def _from_index(entries: Entries, section: TimeZeroSection) -> Candidates:
    """Time zero is the index event; treated is who enters within the days of grace."""
    return _one_each(entries, entries.index, entries.entry <= entries.index + section.days)


def _landmark(entries: Entries, section: TimeZeroSection) -> Candidates:
    """Time zero is so many days after the index event; treated is who had entered by then."""
    has_index = entries.index != NEVER
    zero = np.where(has_index, entries.index + section.days, NEVER)
    entered = entries.entry <= zero
    found = _one_each(entries, zero, entered)
    partly = has_index & ~entered & (entries.any_entry <= zero)
    return Candidates(found.child, found.time_zero, found.treated, found.trial, ~partly)


def _nested(entries: Entries, section: TimeZeroSection) -> Candidates:
    """Begin a trial every so many days after the index event; comparison children inherit a start date.

    The treated of a trial enter within its days: time zero is the day they do. Everybody else who had not entered by then is
    dealt, by a number made of what was known at the index event, one of the waits of those treated.
    """
    outside = np.flatnonzero((entries.index == NEVER) | entries.before)
    inside = np.flatnonzero((entries.index != NEVER) & ~entries.before)
    wait = np.where(entries.entry != NEVER, entries.entry - entries.index, NEVER)
    trial_of = wait // section.days
    enters = inside[wait[inside] < section.within_days]
    everyone = _one_each(entries, entries.index, entries.entry != NEVER)
    parts = [
        Candidates(outside, entries.index[outside], everyone.treated[outside], trial_of[outside] * 0, everyone.fits[outside]),
        Candidates(
            enters, entries.entry[enters], np.ones(enters.size, bool), trial_of[enters], np.ones(enters.size, dtype=bool)
        ),
    ]
    for trial in range(-(-section.within_days // section.days)):
        waits = np.sort(wait[enters[trial_of[enters] == trial]])
        if waits.size:
            zero = entries.index[inside] + _dealt(entries.content[inside], waits, trial)
            # Whoever had entered by that day, or a part of a joint strategy, is not at risk of starting it.
            fits = entries.any_entry[inside] > zero
            parts.append(Candidates(inside, zero, np.zeros(inside.size, bool), np.full(inside.size, trial), fits))
    joined = [np.concatenate([getattr(p, f) for p in parts]) for f in ("child", "time_zero", "treated", "trial", "fits")]
    return Candidates(*joined)


def _dealt(content: Indices, waits: Indices, trial: int) -> Indices:
    """Deal the waits evenly by content: the same child gets the same wait whatever its id or row."""
    mixed = ((content.astype(np.uint64) * np.uint64(_MIX) + np.uint64(trial * 40503)) % np.uint64(2**32)).astype(np.int64)
    place: Indices = (mixed * waits.size) >> 32
    return waits[place]


def _one_each(entries: Entries, zero: Indices, entered: Flags) -> Candidates:
    n = entries.index.size
    has_index = entries.index != NEVER
    ever = entries.before | (entries.entry != NEVER)
    treated = np.where(has_index & ~entries.before, entered, ever)
    return Candidates(np.arange(n), zero, treated, np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool))


RULES: Mapping[str, Callable[[Entries, TimeZeroSection], Candidates]] = {
    "grace": _from_index,
    "clone_censor": _from_index,
    "landmark": _landmark,
    "nested": _nested,
}
