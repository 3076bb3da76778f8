"""Simulated offences: before the index disposal, the index offence itself, and what may follow it.

What may follow is drawn as *candidates*: more offences than happen. Each carries its own draw, and happens where
the draw lies below the child's rate at that time, as the programmes change it. One set of candidates therefore
holds both potential outcomes of every child (thinning of a Poisson process).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.records.schema import BREACH_GROUPS, OFFENCE_GROUPS, RESULTS
from yoseval.records.simulation.calendar import EXTRACT, MISSING, after, is_within
from yoseval.records.simulation.people import Children, pick

TIERS = ("summary", "either_way", "indictable")
CONVICTED, CAUTIONED, DIVERTED, NOT_PROVEN, OVERTURNED, PENDING = (
    RESULTS.index(r) for r in ("convicted", "cautioned", "diverted", "not_proven", "overturned", "pending")
)
#: The rate falls to this share of itself after a year without an offence being looked for: offending ages.
LATER_SHARE = 0.6
_GROUPS: Sequence[tuple[str, float, int, int]] = (
    # group, share, usual seriousness, place in TIERS
    ("violence_against_the_person", 0.30, 3, 1),
    ("robbery", 0.05, 6, 2),
    ("sexual", 0.03, 5, 2),
    ("drugs", 0.09, 3, 1),
    ("arson", 0.01, 4, 1),
    ("criminal_damage", 0.11, 2, 0),
    ("burglary_domestic", 0.02, 6, 2),
    ("burglary_other", 0.02, 4, 1),
    ("fraud_and_forgery", 0.01, 3, 1),
    ("motoring", 0.07, 2, 0),
    ("public_order", 0.09, 2, 0),
    ("racially_aggravated", 0.02, 4, 1),
    ("theft_and_handling", 0.09, 2, 1),
    ("vehicle_theft", 0.03, 3, 1),
    ("other", 0.01, 2, 0),
    ("breach_of_bail", 0.015, 2, 0),
    ("breach_of_conditional_discharge", 0.005, 2, 0),
    ("breach_of_statutory_order", 0.03, 2, 0),
)
_SHARES = tuple(g[1] for g in _GROUPS)
_CODES = np.array([OFFENCE_GROUPS.index(g[0]) for g in _GROUPS])
_SERIOUSNESS = np.array([g[2] for g in _GROUPS])
_TIER = np.array([g[3] for g in _GROUPS])
_BREACHES = np.array([OFFENCE_GROUPS.index(b) for b in BREACH_GROUPS])
_HISTORY_DAYS = 4 * 365


@dataclass(frozen=True, slots=True, eq=False)
class Offences:
    """Offences, m of them.

    Parameters
    ----------
    child : (m,) integers
        Whose, a place among the children.
    date, decided : (m,) integers
        When it was committed, and when it was dealt with, whatever the result.
    group, result, tier : (m,) integers
        Places in OFFENCE_GROUPS, RESULTS and TIERS.
    seriousness : (m,) integers
        1 to 8.
    custodial : (m,) booleans
        True where a custodial sentence was given for it.
    """

    child: Indices
    date: Indices
    decided: Indices
    group: Indices
    result: Indices
    tier: Indices
    seriousness: Indices
    custodial: Flags

    @property
    def is_proof(self) -> Flags:
        """True where the offence, once dealt with, is a proven offence and no breach."""
        proof: Flags = (self.result <= CAUTIONED) & ~np.isin(self.group, _BREACHES)
        return proof

    def take(self, rows: AnyArray) -> "Offences":
        """Return the rows marked or numbered."""
        return Offences(*(getattr(self, f.name)[rows] for f in fields(self)))

    def with_custodial(self, custodial: Flags) -> "Offences":
        """Return the same offences with other custodial sentences."""
        return replace(self, custodial=custodial)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Offences that may follow the index disposal, and the draw of each.

    Parameters
    ----------
    offences : Offences
        Sorted by child and date.
    draw : (m,) floats
        The offence happens where this lies below what multiplies the child's own rate on that day.
    time_factor : (m,) floats
        What time alone does to the rate.
    locked_from, locked_to : (m,) integers
        The spell on remand and in custody that follows a custodial offence.
    """

    offences: Offences
    draw: Floats
    time_factor: Floats
    locked_from: Indices
    locked_to: Indices

    def happen(self, log_factor: Floats | float = 0.0) -> Flags:
        """Tell which happen when the programmes multiply the rate by exp(log_factor); none while in custody."""
        kept: Flags = self.draw < self.time_factor * np.exp(log_factor)
        custodial = np.flatnonzero(kept & self.offences.custodial)
        child = self.offences.child
        locked_from, locked_to = self._first_spell(custodial)
        return kept & ~is_within(self.offences.date, locked_from[child], locked_to[child])

    def _first_spell(self, custodial: Indices) -> tuple[Indices, Indices]:
        # A child has one spell at most for offences after the index disposal: of the first that earns one.
        n = int(self.offences.child[-1]) + 1 if len(self.draw) else 0
        locked_from, locked_to = np.full(n, MISSING, dtype=np.int64), np.full(n, MISSING, dtype=np.int64)
        backwards = custodial[::-1]
        child = self.offences.child[backwards]
        locked_from[child], locked_to[child] = self.locked_from[backwards], self.locked_to[backwards]
        return locked_from, locked_to

    def take(self, rows: Flags) -> "Candidates":
        """Return the candidates marked."""
        offences = self.offences.take(rows)
        return Candidates(offences, self.draw[rows], self.time_factor[rows], self.locked_from[rows], self.locked_to[rows])


def draw_history(rng: np.random.Generator, children: Children, mean: float) -> Offences:
    """Draw the offences before the index offence.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    children : Children
        Whose.
    mean : float
        Mean number a child.
    """
    first = np.maximum(children.index_date - _HISTORY_DAYS, tenth_birthday(children) + 1)
    room = np.maximum(children.index_date - 1 - first, 0)
    many = rng.poisson(mean * children.frailty * np.exp(0.15 * (children.age - 15.5)))
    child = np.repeat(np.arange(len(room)), np.where(room > 0, many, 0))
    date = first[child] + (rng.random(len(child)) * room[child]).astype(np.int64)
    return draw_marks(rng, child, date)


def draw_index(rng: np.random.Generator, children: Children, cautioned: Flags) -> Offences:
    """Draw the offence that each index disposal was given for, in the order of the children."""
    n = len(children.born)
    drawn = draw_marks(rng, np.arange(n), children.index_date)
    breach = np.isin(drawn.group, _BREACHES)
    date = np.maximum(children.index_date - (drawn.decided - drawn.date), tenth_birthday(children) + 1)
    result = np.where(cautioned, CAUTIONED, CONVICTED)
    group = np.where(breach, OFFENCE_GROUPS.index("public_order"), drawn.group)
    return Offences(
        drawn.child, date, children.index_date, group, result, drawn.tier, drawn.seriousness, np.zeros(n, dtype=np.bool_)
    )


def draw_candidates(rng: np.random.Generator, children: Children, rate: Floats, most: float) -> Candidates:
    """Draw what may follow the index disposal.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    children : Children
        Whose.
    rate : (n,) floats
        Offences a year without any programme, in the first year.
    most : float
        The largest factor by which programmes may multiply the rate, 1 or more.
    """
    reach = np.maximum(EXTRACT - children.index_date, 2 * 366)
    many = rng.poisson(rate * most * reach / 365.25)
    child = np.repeat(np.arange(len(rate)), many)
    since = 1 + (rng.random(len(child)) * reach[child]).astype(np.int64)
    order = np.argsort(child * 2**16 + since, kind="stable")
    since = since[order]
    marked = draw_marks(rng, child, children.index_date[child] + since)
    offences = marked.with_custodial(_may_be_custodial(marked) & (rng.random(len(child)) < 0.3))
    remanded = (offences.decided - offences.date <= 180) & (rng.random(len(child)) < 0.5)
    return Candidates(
        offences,
        draw=rng.random(len(child)) * most,
        time_factor=np.where(since <= 365, 1.0, LATER_SHARE),
        locked_from=np.where(remanded, offences.date + 2, offences.decided),
        locked_to=after(offences.decided, rng.uniform(60, 240, len(child))),
    )


def draw_old_custody(
    rng: np.random.Generator, children: Children, history: Offences, sentenced: Flags
) -> tuple[Offences, Indices, Indices]:
    """Draw custody that no programme can change: the index sentence itself, or one for an offence before it.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    children : Children
        Whose.
    history : Offences
        Before the index offence.
    sentenced : (n,) booleans
        True where the index disposal is custody.

    Returns
    -------
    Offences, (n,) integers, (n,) integers
        The history with its custodial sentences, and the first and last day of each child's spell, MISSING if none.
    """
    late = history.decided > children.index_date[history.child] + 5
    earned = np.flatnonzero(_may_be_custodial(history) & late & (rng.random(len(late)) < 0.4))[::-1]
    first_of = np.full(len(sentenced), -1, dtype=np.int64)
    first_of[history.child[earned]] = earned
    first_of[sentenced] = -1
    custodial = np.zeros(len(late), dtype=np.bool_)
    custodial[first_of[first_of >= 0]] = True
    start = np.where(sentenced, children.index_date, MISSING)
    start[first_of >= 0] = history.decided[first_of[first_of >= 0]]
    end = np.where(start == MISSING, MISSING, after(start, rng.uniform(60, 200, len(start))))
    return history.with_custodial(custodial), start, end


def _may_be_custodial(offences: Offences) -> Flags:
    serious: Flags = offences.is_proof & (offences.result == CONVICTED) & (offences.seriousness >= 5)
    return serious


def draw_marks(rng: np.random.Generator, child: Indices, date: Indices) -> Offences:
    """Draw everything about offences but whose and when they were.

    The wait for the court is log-normal: its median is 170 days, 230 for indictable offences; 60 for cautions.
    """
    n = len(child)
    place = pick(rng, n, _SHARES)
    seriousness = np.clip(_SERIOUSNESS[place] + rng.integers(-1, 2, n), 1, 8)
    result = pick(rng, n, (0.66, 0.15, 0.065, 0.12, 0.005))
    tier = _TIER[place]
    # Serious offences are not cautioned or diverted.
    result = np.where((tier == 2) & (result <= DIVERTED), CONVICTED, result)
    median = np.select([result == CAUTIONED, result == DIVERTED, tier == 2], [60.0, 45.0, 230.0], 170.0)
    wait = np.minimum(median * np.exp(0.45 * rng.standard_normal(n)), 1200.0)
    return Offences(child, date, after(date, wait), _CODES[place], result, tier, seriousness, np.zeros(n, dtype=np.bool_))


def seen_by(offences: Offences, last_seen: Indices) -> Offences:
    """Return the offences as recorded: none after the child was lost from sight, pending until dealt with.

    Parameters
    ----------
    offences : Offences
        What happened.
    last_seen : (n,) integers
        The last day with records of each child.
    """
    known = offences.take(offences.date <= last_seen[offences.child])
    pending = known.decided > last_seen[known.child]
    return Offences(
        known.child,
        known.date,
        np.where(pending, MISSING, known.decided),
        known.group,
        np.where(pending, PENDING, known.result),
        known.tier,
        known.seriousness,
        known.custodial & ~pending,
    )


def stacked(parts: Sequence[Offences]) -> Offences:
    """Return the offences of several lots as one, sorted by child and date; the order within a day is kept."""
    joined = Offences(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Offences)))
    return joined.take(np.argsort(joined.child * 2**16 + joined.date, kind="stable"))


def outside(candidates: Candidates, first: Indices, last: Indices) -> Candidates:
    """Leave out what would have happened within a spell of each child, such as custody."""
    child = candidates.offences.child
    return candidates.take(~is_within(candidates.offences.date, first[child], last[child]))


def tenth_birthday(children: Children) -> Indices:
    """Return a day by which each child was certainly ten."""
    return children.born + 3653
