"""Write down the circumstances of simulated children: assessments and episodes, some after the fact, some missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Indices
from yoseval.records.simulation.calendar import MISSING, after, hidden_after
from yoseval.records.simulation.people import EDUCATION, pick
from yoseval.records.simulation.service import Service
from yoseval.records.simulation.tables import person_ids
from yoseval.records.simulation.texts import codes, dates, frame, repeated

ITEMS = ("family", "substance_misuse", "lifestyle", "attitudes", "thinking", "total")
_BANDS = tuple(str(i) for i in range(41))
_VALUES = (*EDUCATION, "suitable", "unsuitable")
_STATUSES = ("ete", "looked_after", "child_in_need", "accommodation", "school_exclusion")


@dataclass(frozen=True, slots=True, eq=False)
class _Episodes:
    """Episodes of one status: whose, a place in _VALUES (-1 if none), from, to, because of the order (-1 not said)."""

    status: str
    child: Indices
    value: Indices
    start: Indices
    end: Indices
    because: Indices


def assessments(service: Service, rng: np.random.Generator) -> pd.DataFrame:
    """Return assessments: around the index disposal (one in eight after it), and a review for half of the children.

    The total follows the recorded risk with error. Children without an assessment exist, as they do.
    """
    n = len(service.rate)
    first = service.children.index_date + rng.integers(-35, 6, n)
    review = after(service.children.index_date, rng.uniform(120, 240, n))
    assessed, reviewed = rng.random(n) < 0.92, rng.random(n) < 0.5
    child = np.concatenate([np.flatnonzero(assessed), np.flatnonzero(assessed & reviewed)])
    date = np.concatenate([first[assessed], review[assessed & reviewed]])
    seen = date <= service.children.last_seen[child]
    order = np.lexsort((date[seen], child[seen]))
    child, date = child[seen][order], date[seen][order]
    level = 2.0 + 1.1 * service.risk[child]
    sections = np.clip(np.rint(level[:, None] + rng.standard_normal((len(child), len(ITEMS) - 1))), 0, 4).astype(np.int64)
    values = np.column_stack([sections, sections.sum(axis=1)])
    rows = np.repeat(np.arange(len(child)), len(ITEMS))
    return frame(
        "assessments",
        {
            "person_id": person_ids(service, child[rows]),
            "assessment_date": dates(date[rows]),
            "instrument": repeated("asset_plus", len(rows)),
            "item": codes(np.tile(np.arange(len(ITEMS)), len(child)), ITEMS),
            "value": codes(values.ravel(), _BANDS),
        },
    )


def statuses(service: Service, rng: np.random.Generator) -> pd.DataFrame:
    """Return episodes: education, care (before the disposal, and because of it), need, accommodation, exclusion."""
    lots = [
        *_education(service, rng),
        _care(service, rng),
        _care_by_order(service, rng),
        _episode(service, rng, "child_in_need", 0.18 + 0.1 * service.children.looked_after),
        _accommodation(service, rng),
        _episode(service, rng, "school_exclusion", 0.1 + 0.15 * (service.children.ete == 0)),
    ]
    status = np.repeat([_STATUSES.index(lot.status) for lot in lots], [len(lot.child) for lot in lots])
    child, value, start, end, because = (
        np.concatenate([getattr(lot, name) for lot in lots]) for name in ("child", "value", "start", "end", "because")
    )
    seen = service.children.last_seen[child]
    order = np.lexsort((start, status, child))
    order = order[(start <= seen)[order]]
    return frame(
        "statuses",
        {
            "person_id": person_ids(service, child[order]),
            "status": codes(status[order], _STATUSES),
            "start_date": dates(start[order]),
            "value": codes(value[order], _VALUES),
            "end_date": dates(hidden_after(end, seen)[order]),
            "because_of_order": codes(because[order], ("no", "yes")),
        },
    )


def _education(service: Service, rng: np.random.Generator) -> list[_Episodes]:
    """Return what the child did at the disposal, unless nobody asked; and, for some, a change after it."""
    children, n = service.children, len(service.rate)
    asked = np.flatnonzero(rng.random(n) < 0.94)
    changed = rng.random(n) < 0.35
    start = _before(children.index_date, children.born, rng, 300)
    change = after(children.index_date, rng.uniform(40, 400, n))
    end = np.where(changed, change - 1, MISSING)
    later = asked[changed[asked]]
    then = pick(rng, n, (0.3, 0.3, 0.4))
    not_said, open_end = np.full(n, -1, dtype=np.int64), np.full(n, MISSING, dtype=np.int64)
    return [
        _Episodes("ete", asked, children.ete[asked], start[asked], end[asked], not_said[asked]),
        _Episodes("ete", later, then[later], change[later], open_end[later], not_said[later]),
    ]


def _care(service: Service, rng: np.random.Generator) -> _Episodes:
    children = service.children
    child = np.flatnonzero(children.looked_after)
    start = _before(children.index_date, children.born, rng, 900)[child]
    end = after(children.index_date[child], rng.uniform(30, 900, len(child)))
    return _Episodes("looked_after", child, np.full(len(child), -1), start, end, np.zeros(len(child), dtype=np.int64))


def _care_by_order(service: Service, rng: np.random.Generator) -> _Episodes:
    # Care that the disposal itself brought about begins with it and is no baseline.
    children = service.children
    child = np.flatnonzero(~children.looked_after & (rng.random(len(service.rate)) < 0.04))
    start = children.index_date[child]
    end = after(start, rng.uniform(20, 200, len(child)))
    return _Episodes("looked_after", child, np.full(len(child), -1), start, end, np.ones(len(child), dtype=np.int64))


def _episode(service: Service, rng: np.random.Generator, status: str, chance: AnyArray) -> _Episodes:
    children = service.children
    child = np.flatnonzero(rng.random(len(service.rate)) < chance)
    start = _before(children.index_date, children.born, rng, 500)[child]
    end = after(start, rng.uniform(30, 700, len(child)))
    nothing = np.full(len(child), -1, dtype=np.int64)
    return _Episodes(status, child, nothing, start, end, nothing)


def _accommodation(service: Service, rng: np.random.Generator) -> _Episodes:
    children = service.children
    child = np.flatnonzero(rng.random(len(service.rate)) < 0.6)
    start = _before(children.index_date, children.born, rng, 400)[child]
    unsuitable: Flags = rng.random(len(child)) < 0.08
    value = np.where(unsuitable, _VALUES.index("unsuitable"), _VALUES.index("suitable"))
    return _Episodes(
        "accommodation", child, value, start, np.full(len(child), MISSING), np.full(len(child), -1, dtype=np.int64)
    )


def _before(index_date: Indices, born: Indices, rng: np.random.Generator, most: int) -> Indices:
    """Return a day before each index disposal, after the birth."""
    days: Indices = np.maximum(index_date - rng.integers(1, most, len(born)), born + 1)
    return days
