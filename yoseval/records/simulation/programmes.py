"""Simulated programmes: the menu, when each could be started, who was referred and started, and what was delivered.

Referral and starting depend on the recorded risk. A child who offends before the planned start mostly never
starts: whoever compares those who started with those who did not, from the disposal on, meets immortal time.
"""

from dataclasses import dataclass, replace

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.records.simulation.calendar import EXTRACT, FIRST_INDEX, MISSING, NEVER, after, is_within
from yoseval.records.simulation.people import Children, pick

STATUSES = ("completed", "stopped", "never_started", "ongoing")
SUITABILITY = ("met", "not_met", "not_assessed")
REASONS = ("not_offered", "declined", "not_running", "new_offence", "custody", "left_area", "disengaged")
_NOT_OFFERED, _DECLINED, _NOT_RUNNING, _NEW_OFFENCE, _CUSTODY, _LEFT, _DISENGAGED = range(7)
_COMPLETED, _STOPPED, _NEVER_STARTED, _ONGOING = range(4)
_LONGEST_WAIT = 90
#: A share of sessions attended at or above this has the whole effect; below it the effect shrinks to nothing.
FULL_DOSE = 0.5


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme of the simulated menu.

    Parameters
    ----------
    programme_id, name, mode, target_need : str
        As in the register.
    sessions : int
        Planned for each child.
    unit_cost : int
        Pounds a start.
    min_age : int
        Youngest age referred.
    intercept : float
        Log odds of referral for the average child.
    held : float
        Share of planned sessions that are held while the child is on the programme.
    log_factor : float
        Logarithm of what a full dose multiplies the rate of offending by, from the day after the start on.
    logged : bool
        False where nobody kept a log of sessions.
    taken_up : bool
        False where everybody declines.
    """

    programme_id: str
    name: str
    mode: str
    target_need: str
    sessions: int
    unit_cost: int
    min_age: int
    intercept: float
    held: float
    log_factor: float = 0.0
    logged: bool = True
    taken_up: bool = True


MENU = (
    Programme("victim_awareness", "Victim awareness", "one_to_one", "attitudes", 6, 210, 10, -1.75, 0.45),
    Programme("weapons_awareness", "Weapons awareness", "group", "attitudes", 8, 340, 12, -2.2, 0.55, 0.60),
    Programme("employability", "Employability", "mixed", "ete", 12, 900, 15, -1.6, 0.48, -0.75),
    Programme("stop_and_search_awareness", "Stop-and-search awareness", "group", "attitudes", 4, 90, 12, -2.3, 0.60),
    Programme("first_aid", "First aid", "group", "lifestyle", 4, 70, 10, -2.4, 0.35),
    Programme("health", "Health", "one_to_one", "substance_misuse", 8, 480, 10, -2.1, 0.30, logged=False),
    Programme("mentoring", "Mentoring", "one_to_one", "lifestyle", 12, 1400, 10, -1.8, 0.62, -1.1),
    Programme("cadets", "Cadets", "group", "lifestyle", 10, 260, 12, -4.2, 0.40, taken_up=False),
)


@dataclass(frozen=True, slots=True, eq=False)
class Circumstances:
    """What decides, besides the child, whether a programme is started.

    Parameters
    ----------
    risk : (n,) floats
        Logarithm of the recorded risk.
    eligible, violent : (n,) booleans
        Whether the index disposal is of an evaluated type, and its offence violent.
    first_offence : (n,) integers
        First offence after the index disposal without any programme, NEVER if none.
    locked_from, locked_to : (n,) integers
        Custody for an offence before the index disposal, or by it.
    """

    risk: Floats
    eligible: Flags
    violent: Flags
    first_offence: Indices
    locked_from: Indices
    locked_to: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Uptake:
    """Everyone referred to one programme, m children, and every session of the s planned.

    Parameters
    ----------
    programme : Programme
        Which.
    windows : (w, 2) integers
        First and last day of each spell in which it could be started.
    child : (m,) integers
        Who was referred.
    referral, offer, start, end : (m,) integers
        Dates, MISSING where it never came to that.
    suitability, status, reason : (m,) integers
        Places in SUITABILITY, STATUSES and REASONS, -1 where not recorded.
    session : (m, s) integers
        The day of each session, MISSING where none was arranged.
    held, attended : (m, s) booleans
        What became of it.
    """

    programme: Programme
    windows: Indices
    child: Indices
    referral: Indices
    offer: Indices
    start: Indices
    end: Indices
    suitability: Indices
    status: Indices
    reason: Indices
    session: Indices
    held: Flags
    attended: Flags

    @property
    def attended_share(self) -> Floats:
        """Share of the planned sessions that each child attended."""
        share: Floats = self.attended.sum(axis=1) / self.programme.sessions
        return share

    def start_of(self, n: int) -> Indices:
        """Return the start of each of n children, NEVER where there was none."""
        starts = np.full(n, NEVER, dtype=np.int64)
        started = self.start != MISSING
        starts[self.child[started]] = self.start[started]
        return starts

    def log_factor_of(self, n: int) -> Floats:
        """Return the logarithm of what the programme multiplies each child's rate by once started."""
        factors = np.zeros(n)
        factors[self.child] = self.programme.log_factor * np.minimum(1.0, self.attended_share / FULL_DOSE)
        return factors


def menu_of(many: int) -> tuple[Programme, ...]:
    """Return the first programmes of the menu; beyond the eighth it begins again, without effects."""
    again = (
        replace(p, programme_id=f"{p.programme_id}_{i // len(MENU) + 1}", name=f"{p.name} {i // len(MENU) + 1}", log_factor=0.0)
        for i, p in ((i, MENU[i % len(MENU)]) for i in range(len(MENU), many))
    )
    return (*MENU[:many], *again)


def largest_factor(programmes: tuple[Programme, ...]) -> float:
    """Return the most that all programmes together may multiply a rate by."""
    return float(np.exp(sum(max(p.log_factor, 0.0) for p in programmes)))


def draw_uptake(rng: np.random.Generator, programme: Programme, children: Children, circumstances: Circumstances) -> Uptake:
    """Draw who was referred to a programme, who started when, and what was delivered.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    programme : Programme
        The programme.
    children : Children
        Everybody.
    circumstances : Circumstances
        What decides besides.
    """
    windows = _windows(rng)
    child, referral = _referrals(rng, programme, children, circumstances)
    seen = children.last_seen[child]
    offer = after(referral, rng.exponential(8.0, len(child)))
    offer = np.where((rng.random(len(child)) < 0.9) & (offer <= seen), offer, MISSING)
    planned = np.where(offer == MISSING, MISSING, after(offer, 3 + rng.gamma(2.0, 11.0, len(child))))
    possible = _next_open(planned, windows)
    reason = _obstacles(rng, programme, circumstances, child, planned, possible, seen)
    reason = np.where(offer == MISSING, _NOT_OFFERED, reason)
    start = np.where(reason < 0, possible, MISSING)
    session, held, attended, stays = _sessions(rng, programme, children, circumstances.risk, child, start)
    end, status = _close(start, session, stays, seen, programme.sessions)
    suitability = pick(rng, len(child), (0.14, 0.05, 0.69, 0.12))
    return Uptake(
        programme=programme,
        windows=windows,
        child=child,
        referral=referral,
        offer=offer,
        start=start,
        end=end,
        suitability=np.where(suitability < len(SUITABILITY), suitability, -1),
        status=status,
        reason=np.where(start == MISSING, reason, np.where(status == _STOPPED, _DISENGAGED, -1)),
        session=session,
        held=held,
        attended=attended,
    )


def _windows(rng: np.random.Generator) -> Indices:
    # On for 7 to 14 months, off for 1 to 4.
    spells, opens = [], FIRST_INDEX + int(rng.integers(-60, 60))
    while opens < EXTRACT:
        closes = opens + int(rng.integers(210, 420))
        spells.append((opens, min(closes, EXTRACT)))
        opens = closes + int(rng.integers(30, 120))
    return np.array(spells, dtype=np.int64)


def _referrals(
    rng: np.random.Generator, programme: Programme, children: Children, circumstances: Circumstances
) -> tuple[Indices, Indices]:
    log_odds = programme.intercept + 1.0 * circumstances.risk
    if programme.target_need == "ete":
        log_odds = log_odds + 0.8 * (children.ete == 0)
    if programme.programme_id.startswith("weapons"):
        log_odds = log_odds + 0.9 * circumstances.violent
    chance = np.where(circumstances.eligible, 1.0, 0.3) / (1.0 + np.exp(-log_odds))
    chance = np.where(children.age >= programme.min_age, chance, 0.0)
    referral = after(children.index_date, rng.exponential(11.0, len(chance)))
    referred = (rng.random(len(chance)) < chance) & (referral <= children.last_seen)
    child = np.flatnonzero(referred)
    return child, referral[child]


def _next_open(planned: Indices, windows: Indices) -> Indices:
    """Return the planned day, or the first day of the next spell; NEVER where there is none."""
    following = np.searchsorted(windows[:, 1], planned)
    opens = np.append(windows[:, 0], NEVER)[following]
    possible: Indices = np.maximum(planned, opens)
    return possible


def _obstacles(
    rng: np.random.Generator,
    programme: Programme,
    circumstances: Circumstances,
    child: Indices,
    planned: Indices,
    possible: Indices,
    seen: Indices,
) -> Indices:
    """Return why each child never started, -1 where nothing stood in the way."""
    refuses = 1.0 / (1.0 + np.exp(2.0 + 0.5 * circumstances.risk[child])) if programme.taken_up else np.ones(len(child))
    offended = circumstances.first_offence[child] <= possible
    locked = is_within(possible, circumstances.locked_from[child], circumstances.locked_to[child])
    return np.select(
        [
            rng.random(len(child)) < refuses,
            possible - planned > _LONGEST_WAIT,
            possible > seen,
            offended & (rng.random(len(child)) < 0.65),
            locked,
        ],
        [_DECLINED, _NOT_RUNNING, _LEFT, _NEW_OFFENCE, _CUSTODY],
        -1,
    )


def _sessions(
    rng: np.random.Generator, programme: Programme, children: Children, risk: Floats, child: Indices, start: Indices
) -> tuple[Indices, Flags, Flags, Flags]:
    """Draw weekly sessions: their days, which were held, which were attended, and who stayed to the end."""
    shape = (len(child), programme.sessions)
    week = np.arange(programme.sessions)
    stays = (rng.random(len(child)) >= 0.2) | (start == MISSING)
    last_week = np.where(stays, programme.sessions, rng.integers(1, programme.sessions, len(child), endpoint=True))
    day = start[:, None] + 7 * week + rng.integers(0, 3, shape)
    arranged = (start != MISSING)[:, None] & (week < last_week[:, None]) & (day <= children.last_seen[child][:, None])
    held = arranged & (rng.random(shape) < programme.held)
    willing = 1.0 / (1.0 + np.exp(-(1.7 - 0.5 * risk[child] - 0.4 * (children.ete[child] == 0))))
    attended = held & (rng.random(shape) < willing[:, None])
    return np.where(arranged, day, MISSING), held, attended, stays


def _close(start: Indices, session: Indices, stays: Flags, seen: Indices, sessions: int) -> tuple[Indices, Indices]:
    """Return when each child's time on the programme ended, MISSING while it goes on, and its status."""
    over = start + 7 * sessions
    last = np.maximum(session.max(axis=1, initial=MISSING), start)
    end = np.where(stays, np.minimum(over, seen), last)
    never, ongoing = start == MISSING, stays & (over > EXTRACT) & (seen == EXTRACT)
    status = np.select([never, ongoing, ~stays | (over > seen)], [_NEVER_STARTED, _ONGOING, _STOPPED], _COMPLETED)
    return np.where(never | ongoing, MISSING, end), status
