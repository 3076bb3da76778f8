"""Write a simulated service down as the eleven tables of the standard, as its own staff would have recorded it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Indices
from yoseval.records.schema import DISPOSALS, LADDER, OFFENCE_GROUPS, RESULTS
from yoseval.records.simulation.calendar import EXTRACT, FIRST_INDEX, MISSING, after, hidden_after
from yoseval.records.simulation.offences import CAUTIONED, CONVICTED, DIVERTED, TIERS, Offences, seen_by, stacked
from yoseval.records.simulation.people import ETHNICITIES, EXITS, NEEDS, SERVICES, SEXES, pick
from yoseval.records.simulation.programmes import REASONS, STATUSES, SUITABILITY
from yoseval.records.simulation.service import Service
from yoseval.records.simulation.texts import Texts, codes, dates, flags, frame, ids, whole

PERSON, OFFENCE, DISPOSAL, START, GROUP = "SIM", "SIMO", "SIMD", "SIMS", "SIMG"
OWNER, OTHER_OWNER = "Simulated service", "Simulated partner service"
_TWICE_OWNED = "stop_and_search_awareness"
_DETENTION = DISPOSALS.index("detention_and_training_order")


def tables_of(service: Service, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return all tables of a service but assessments and statuses.

    Parameters
    ----------
    service : Service
        What happened.
    rng : Generator
        Source of chance for what was written down how.
    """
    offences, index_rows = _all_offences(service)
    return {
        "people": _people(service),
        "disposals": _disposals(service, offences, index_rows, rng),
        "offences": _offences(offences, len(service.rate), rng),
        "starts": _starts(service, rng),
        "programmes": _programmes(service),
        "sessions": _sessions(service),
        "availability": _availability(service),
        "custody": _custody(service, rng),
        "exits": _exits(service),
    }


def person_ids(service: Service, child: Indices) -> Texts:
    """Return the ids of children, numbered from 1."""
    return ids(PERSON, child + 1, len(service.rate))


def _people(service: Service) -> pd.DataFrame:
    children = service.children
    return frame(
        "people",
        {
            "person_id": person_ids(service, np.arange(len(service.rate))),
            "date_of_birth": dates(children.born),
            "sex": codes(children.sex, SEXES),
            "ethnicity": codes(children.ethnicity, ETHNICITIES),
            "service": codes(children.service, SERVICES),
            "resident": flags(children.resident),
            "send": codes(children.send, NEEDS),
        },
    )


def _all_offences(service: Service) -> tuple[Offences, Indices]:
    """Return the recorded offences and, for each child, the row of the index offence."""
    followed = service.candidates.offences.take(service.followed)
    first_custodial = np.zeros(len(followed.date), dtype=np.bool_)
    earned = np.flatnonzero(followed.custodial)
    first_custodial[earned[np.unique(followed.child[earned], return_index=True)[1]]] = True
    last_seen = service.children.last_seen
    lots = [seen_by(o, last_seen) for o in (service.history, followed.with_custodial(first_custodial))]
    index = service.index.with_custodial(service.index_type == _DETENTION)
    everything = stacked([index, *lots])
    # A stable sort leaves the index offence first among those of its day.
    marks = np.repeat([True, False], [len(index.date), sum(len(o.date) for o in lots)])
    child = np.concatenate([index.child, *(o.child for o in lots)])
    date = np.concatenate([index.date, *(o.date for o in lots)])
    order = np.argsort(child * 2**16 + date, kind="stable")
    return everything, np.flatnonzero(marks[order])


def _offences(offences: Offences, n: int, rng: np.random.Generator) -> pd.DataFrame:
    m = len(offences.date)
    proven = np.isin(offences.result, (CONVICTED, CAUTIONED, RESULTS.index("overturned")))
    return frame(
        "offences",
        {
            "offence_id": ids(OFFENCE, np.arange(1, m + 1), m),
            "person_id": ids(PERSON, offences.child + 1, n),
            "offence_date": dates(offences.date),
            "offence_group": codes(offences.group, OFFENCE_GROUPS),
            "seriousness": whole(_forgotten(rng, offences.seriousness, 0.03, MISSING)),
            "proof_date": dates(np.where(proven, offences.decided, MISSING)),
            "result": codes(offences.result, RESULTS),
            "tier": codes(offences.tier, TIERS),
            "custodial": flags(offences.custodial),
        },
    )


def _disposals(service: Service, offences: Offences, index_rows: Indices, rng: np.random.Generator) -> pd.DataFrame:
    """Every conviction, caution and diversion is a disposal; only the index one may be of an evaluated type till then."""
    given = (offences.result <= DIVERTED) & (offences.decided != MISSING)
    kind = _disposal_types(service, offences, rng)
    kind[index_rows] = service.index_type
    # The order of what was given on the day of the index disposal decides which is the index: it comes first.
    rows = np.flatnonzero(given)
    rows = rows[np.lexsort((~np.isin(rows, index_rows), offences.decided[rows], offences.child[rows]))]
    length = after(offences.decided[rows], rng.uniform(90, 365, len(rows)))
    order = np.isin(kind[rows], [DISPOSALS.index(c) for c in (*LADDER["community"], *LADDER["custody"], "referral_order")])
    m = len(offences.date)
    return frame(
        "disposals",
        {
            "disposal_id": ids(DISPOSAL, np.arange(1, len(rows) + 1), m),
            "person_id": person_ids(service, offences.child[rows]),
            "disposal_date": dates(offences.decided[rows]),
            "disposal_type": codes(kind[rows], DISPOSALS),
            "start_date": dates(np.where(order, offences.decided[rows], MISSING)),
            "end_date": dates(np.where(order, hidden_after(length, EXTRACT), MISSING)),
            "index_offence_id": ids(OFFENCE, rows + 1, m),
        },
    )


def _disposal_types(service: Service, offences: Offences, rng: np.random.Generator) -> Indices:
    n = len(offences.date)
    lesser = _drawn(rng, n, {"conditional_discharge": 0.4, "fine": 0.2, "reparation_order": 0.25, "absolute_discharge": 0.15})
    court = _drawn(rng, n, {"referral_order": 0.45, "youth_rehabilitation_order": 0.3, "conditional_discharge": 0.25})
    diverted = _drawn(rng, n, {"community_resolution": 0.6, "outcome_22": 0.4})
    decided = offences.decided
    waiting = (decided >= FIRST_INDEX) & (decided <= service.children.index_date[offences.child])
    adult = decided - service.children.born[offences.child] >= 18 * 365.25
    return np.select(
        [offences.custodial, offences.result == DIVERTED, offences.result == CAUTIONED, waiting | adult],
        [_DETENTION, diverted, DISPOSALS.index("youth_caution"), lesser],
        court,
    )


def _drawn(rng: np.random.Generator, n: int, shares: Mapping[str, float]) -> Indices:
    places = np.array([DISPOSALS.index(c) for c in shares], dtype=np.int64)
    return places[pick(rng, n, tuple(shares.values()))]


def _starts(service: Service, rng: np.random.Generator) -> pd.DataFrame:
    """Every referral; what staff forget to write down is forgotten here too, but never that a child started."""
    parts = service.uptakes
    programme = np.repeat(np.arange(len(parts)), [len(u.child) for u in parts])
    child, referral = _joined(service, "child"), _joined(service, "referral")
    order = np.lexsort((referral, child))
    programme, child = programme[order], child[order]
    started, offer = _joined(service, "start")[order] != MISSING, _joined(service, "offer")[order]
    planned = np.array([u.programme.sessions for u in parts])[programme]
    return frame(
        "starts",
        {
            "start_id": ids(START, np.arange(1, len(child) + 1), len(child)),
            "person_id": person_ids(service, child),
            "programme_id": codes(programme, [u.programme.programme_id for u in parts]),
            "referral_date": dates(_forgotten(rng, referral[order], 0.03, MISSING)),
            "offer_date": dates(np.where(started, _forgotten(rng, offer, 0.15, MISSING), offer)),
            "start_date": dates(_joined(service, "start")[order]),
            "end_date": dates(_joined(service, "end")[order]),
            "suitability": codes(_joined(service, "suitability")[order], SUITABILITY),
            "planned_sessions": whole(_forgotten(rng, planned, 0.08, MISSING)),
            "status": codes(_forgotten(rng, _joined(service, "status")[order], 0.10, -1), STATUSES),
            "reason": codes(_joined(service, "reason")[order], REASONS),
        },
    )


def _joined(service: Service, field: str) -> Indices:
    return np.concatenate([getattr(u, field) for u in service.uptakes])


def _forgotten(rng: np.random.Generator, values: Indices, share: float, nothing: int) -> Indices:
    """Leave a share of the values out, as if nobody had written them down."""
    return np.where(rng.random(len(values)) < share, nothing, values)


def _programmes(service: Service) -> pd.DataFrame:
    """One row a programme, and one more where another team registered the same programme a second time."""
    rows = [
        (p.programme_id, p.name, OWNER, OWNER, p.mode, p.target_need, p.sessions, p.unit_cost, 2024, p.min_age, 17)
        for p in (u.programme for u in service.uptakes)
    ]
    again = [(f"{r[0]}_partner", r[1], OTHER_OWNER, *r[3:]) for r in rows if r[0] == _TWICE_OWNED]
    columns = zip(*((str(cell) for cell in row) for row in [*rows, *again]), strict=True)
    names = ("programme_id", "name", "owner", "provider", "mode", "target_need", "planned_sessions", "unit_cost")
    texts = [codes(np.arange(len(rows) + len(again)), cells) for cells in columns]
    return frame("programmes", dict(zip((*names, "price_year", "min_age", "max_age"), texts, strict=True)))


def _sessions(service: Service) -> pd.DataFrame:
    logged = [u for u in service.uptakes if u.programme.logged]
    many = [int((u.session != MISSING).sum()) for u in logged]
    which = np.repeat(np.arange(len(logged)), many)
    child = np.concatenate([np.repeat(u.child, u.programme.sessions)[(u.session != MISSING).ravel()] for u in logged])
    day = np.concatenate([u.session[u.session != MISSING] for u in logged])
    held = np.concatenate([u.held[u.session != MISSING] for u in logged])
    attended = np.concatenate([u.attended[u.session != MISSING] for u in logged])
    taught = np.array([u.programme.mode == "group" for u in logged])[which]
    month = (day - day.min(initial=EXTRACT)) // 28
    group = (which * 100 + month) * len(SERVICES) + service.children.service[child]
    order = np.lexsort((day, child))
    return frame(
        "sessions",
        {
            "person_id": person_ids(service, child[order]),
            "programme_id": codes(which[order], [u.programme.programme_id for u in logged]),
            "session_date": dates(day[order]),
            "held": flags(held[order]),
            "attended": flags(attended[order]),
            "minutes": whole(np.where(attended, 60, MISSING)[order]),
            "group_id": ids(GROUP, np.where(taught & held, group, -1)[order], len(logged) * 400),
            "reason_missed": codes(_reason_missed(held, attended)[order], ("cancelled", "absent")),
        },
    )


def _reason_missed(held: Flags, attended: Flags) -> Indices:
    return np.select([~held, ~attended], [0, 1], -1).astype(np.int64)


def _availability(service: Service) -> pd.DataFrame:
    which = np.repeat(np.arange(len(service.uptakes)), [len(u.windows) for u in service.uptakes])
    windows = np.concatenate([u.windows for u in service.uptakes])
    return frame(
        "availability",
        {
            "programme_id": codes(which, [u.programme.programme_id for u in service.uptakes]),
            "start_date": dates(windows[:, 0]),
            "end_date": dates(windows[:, 1]),
        },
    )


def _custody(service: Service, rng: np.random.Generator) -> pd.DataFrame:
    """Custody that nothing could change, remand before the index disposal, and what reoffending led to."""
    children, candidates = service.children, service.candidates
    fixed = np.flatnonzero(service.locked_from != MISSING)
    held_before = np.flatnonzero((rng.random(len(service.rate)) < 0.04) & (service.index.date < children.index_date - 30))
    earned = np.flatnonzero(service.followed & candidates.offences.custodial)
    earned = earned[np.unique(candidates.offences.child[earned], return_index=True)[1]]
    decided = candidates.offences.decided[earned]
    remanded = earned[candidates.locked_from[earned] < decided]
    lots = (
        (fixed, service.locked_from[fixed], service.locked_to[fixed], 0),
        (held_before, children.index_date[held_before] - 21, children.index_date[held_before], 1),
        (candidates.offences.child[earned], decided, candidates.locked_to[earned], 0),
        # A child on remand on the day of the sentence: the spells touch, as they do in records.
        (candidates.offences.child[remanded], candidates.locked_from[remanded], candidates.offences.decided[remanded], 1),
    )
    child, start, end = (np.concatenate([lot[i] for lot in lots]) for i in range(3))
    kind = np.repeat([lot[3] for lot in lots], [len(lot[0]) for lot in lots])
    seen = children.last_seen[child]
    order = np.lexsort((start, child))
    order = order[(start <= seen)[order]]
    return frame(
        "custody",
        {
            "person_id": person_ids(service, child[order]),
            "start_date": dates(start[order]),
            "end_date": dates(hidden_after(end, seen)[order]),
            "kind": codes(kind[order], ("sentence", "remand")),
        },
    )


def _exits(service: Service) -> pd.DataFrame:
    left = np.flatnonzero(service.children.exit_date != MISSING)
    return frame(
        "exits",
        {
            "person_id": person_ids(service, left),
            "exit_date": dates(service.children.exit_date[left]),
            "reason": codes(service.children.exit_reason[left], EXITS),
        },
    )
