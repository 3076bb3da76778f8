"""A simulated service as arrays: children, offences, programmes and custody, before anything is written down."""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.records.schema import DISPOSALS
from yoseval.records.simulation.calendar import NEVER
from yoseval.records.simulation.offences import (
    Candidates,
    Offences,
    draw_candidates,
    draw_history,
    draw_index,
    draw_old_custody,
    outside,
)
from yoseval.records.simulation.people import Children, draw_children, log_risk, yearly_rate
from yoseval.records.simulation.programmes import Circumstances, Uptake, draw_uptake, largest_factor, menu_of
from yoseval.records.simulation.truth import log_factors

#: Index disposals that the simulated study evaluates.
EVALUATED = ("youth_conditional_caution", "referral_order", "youth_rehabilitation_order")
USUAL_HISTORY = 1.5
_INDEX_TYPES = ("youth_caution", *EVALUATED, "yro_intensive", "detention_and_training_order")
_VIOLENT = (0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """Everything that happened, n children.

    Parameters
    ----------
    children : Children
        Who they are.
    risk, rate : (n,) floats
        Logarithm of the recorded risk, and offences a year without any programme.
    index_type : (n,) integers
        Index disposals, places in DISPOSALS.
    index, history : Offences
        The index offences in the order of the children, and those before.
    candidates : Candidates
        What may follow.
    followed : (m,) booleans
        Which candidates happened.
    uptakes : tuple of Uptake
        Who was referred to what.
    locked_from, locked_to : (n,) integers
        Custody that no programme can change.
    """

    children: Children
    risk: Floats
    rate: Floats
    index_type: Indices
    index: Offences
    history: Offences
    candidates: Candidates
    followed: Flags
    uptakes: tuple[Uptake, ...]
    locked_from: Indices
    locked_to: Indices

    @property
    def evaluated(self) -> Flags:
        """True for children of the evaluated population: resident, with an index disposal of an evaluated type."""
        return self.children.resident & np.isin(self.index_type, _places(EVALUATED))


def draw_service(n: int, programmes: int, seed: int, history: float = USUAL_HISTORY) -> Service:
    """Draw a service.

    Parameters
    ----------
    n : int
        Children.
    programmes : int
        Programmes on the menu.
    seed : int
        Seed; the same seed gives the same service.
    history : float
        Mean number of offences before the index offence. The risk counts them on the scale of USUAL_HISTORY, so
        that more of them make bigger tables and not more reoffending.
    """
    rngs = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4 + programmes)]
    children = draw_children(rngs[0], n)
    before = draw_history(rngs[1], children, history)
    proven = _proven_before(before, children.index_date) * (USUAL_HISTORY / history)
    risk = log_risk(children, proven)
    rate = yearly_rate(children, risk)
    index_type = _draw_index_type(rngs[2], risk)
    index = draw_index(rngs[2], children, cautioned=np.isin(index_type, _places(_INDEX_TYPES[:2])))
    sentenced = index_type == DISPOSALS.index(_INDEX_TYPES[-1])
    before, locked_from, locked_to = draw_old_custody(rngs[2], children, before, sentenced)
    menu = menu_of(programmes)
    candidates = outside(draw_candidates(rngs[3], children, rate, largest_factor(menu)), locked_from, locked_to)
    circumstances = Circumstances(
        risk=risk,
        eligible=np.isin(index_type, _places(EVALUATED)),
        violent=np.isin(index.group, _VIOLENT),
        first_offence=_first_offence(candidates, n),
        locked_from=locked_from,
        locked_to=locked_to,
    )
    uptakes = tuple(draw_uptake(g, p, children, circumstances) for g, p in zip(rngs[4:], menu, strict=True))
    followed = candidates.happen(log_factors(candidates, uptakes, n))
    return Service(children, risk, rate, index_type, index, before, candidates, followed, uptakes, locked_from, locked_to)


def _proven_before(history: Offences, index_date: Indices) -> Floats:
    known = history.is_proof & (history.decided <= index_date[history.child])
    counts: Floats = np.bincount(history.child[known], minlength=len(index_date)).astype(np.float64)
    return counts


def _draw_index_type(rng: np.random.Generator, risk: Floats) -> Indices:
    """Draw index disposals: the higher the risk, the further up the ladder."""
    higher = risk + 0.8 * rng.standard_normal(len(risk))
    edges = np.array([-1.6, -0.42, 0.62, 1.30, 1.45])
    return _places(_INDEX_TYPES)[np.searchsorted(edges, higher)]


def _first_offence(candidates: Candidates, n: int) -> Indices:
    """Return the first offence of each child had there been no programme, NEVER where none."""
    first = np.full(n, NEVER, dtype=np.int64)
    happened = np.flatnonzero(candidates.happen())[::-1]
    first[candidates.offences.child[happened]] = candidates.offences.date[happened]
    return first


def _places(types: tuple[str, ...]) -> Indices:
    return np.array([DISPOSALS.index(t) for t in types], dtype=np.int64)
