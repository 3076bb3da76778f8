"""The dates on which children entered programmes, from the records.

Takes validated tables and gives one row an entry. What counts as an entry is the exposure of the protocol: an offer, a start,
so many sessions attended, or completion.
"""

from collections.abc import Mapping, Sequence

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import Indices
from yoseval.cohort.eligibility import Menu, days_of
from yoseval.cohort.exposure import NEVER, Entries
from yoseval.cohort.sections import TimeZeroSection
from yoseval.errors import DataError
from yoseval.records.engine import Engine
from yoseval.records.schema import DISPOSAL_RANK
from yoseval.records.scoring.delivery_steps import is_given

STARTED = TimeZeroSection()


def entries_frame(
    engine: Engine, tables: Mapping[str, ir.Table], programmes: Sequence[str], section: TimeZeroSection
) -> pd.DataFrame:
    """Return one row an entry: ``person_id``, ``programme_id``, ``entry`` (days since 1970).

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        Validated tables.
    programmes : sequence of str
        Whose entries.
    section : TimeZeroSection
        The exposure. An offer that nobody wrote down is no later than the start that followed it.

    Raises
    ------
    DataError
        If sessions are asked for and there is no log of them.
    """
    starts = tables["starts"].filter(tables["starts"].programme_id.isin(list(programmes)))
    if section.exposure == "received":
        found = _received(tables, programmes, section.sessions or 1)
    else:
        dates = {
            "started": starts.start_date,
            "offered": ibis.coalesce(starts.offer_date, starts.start_date),
            "completed": ibis.ifelse(starts.status == "completed", starts.end_date, ibis.null("date")),
        }
        found = starts.select(person_id=starts.person_id, programme_id=starts.programme_id, entry=dates[section.exposure])
    frame = engine.frame(found.filter(is_given(found.entry)))
    return frame.assign(entry=days_of(frame["entry"]))


def _received(tables: Mapping[str, ir.Table], programmes: Sequence[str], sessions: int) -> ir.Table:
    """Return for each child and programme the day on which so many sessions had been attended."""
    if "sessions" not in tables:
        raise DataError("exposure = 'received' needs the table sessions, and there is none.", "Use exposure = 'started'.")
    log = tables["sessions"]
    attended = log.filter(log.held & log.attended & log.programme_id.isin(list(programmes)))
    place = ibis.row_number().over(group_by=[attended.person_id, attended.programme_id], order_by=attended.session_date.asc())
    placed = attended.mutate(place=place)
    reached = placed.filter(placed.place == sessions - 1)
    return reached.select(person_id=reached.person_id, programme_id=reached.programme_id, entry=reached.session_date)


def make_entries(children: pd.DataFrame, entered: pd.DataFrame, started: pd.DataFrame, parts: Sequence[str]) -> Entries:
    """Return when each child entered a programme, or all programmes of a joint strategy.

    Parameters
    ----------
    children : DataFrame
        From ``cohort.index.children_frame``, n rows.
    entered, started : DataFrame
        From ``entries_frame``: by the exposure of the protocol, and starts.
    parts : sequence of str
        The programme, or those of a joint strategy.

    Returns
    -------
    Entries
    """
    index = days_of(children["index_date"])
    people = pd.Index(children["person_id"])
    firsts = np.column_stack([_first_from(people, entered, p, index) for p in parts])
    # An offer before the index event makes a former starter too, though the start itself came later.
    known = (started, entered)
    begun = np.column_stack([_first_from(people, rows, p, np.full(index.size, -NEVER)) for p in parts for rows in known])
    begun = begun.min(axis=1)
    before = np.where(index == NEVER, begun != NEVER, begun < index)
    return Entries(index, firsts.max(axis=1), firsts.min(axis=1), before, _content(children, index))


def _first_from(people: pd.Index, entries: pd.DataFrame, programme: str, earliest: Indices) -> Indices:
    """Return each child's first entry on or after a day, NEVER where there is none."""
    own = entries[entries["programme_id"] == programme]
    place = people.get_indexer(own["person_id"])
    day = own["entry"].to_numpy(dtype=np.int64)
    counts = (place >= 0) & (day >= earliest[place])
    first = np.full(len(people), NEVER, dtype=np.int64)
    np.minimum.at(first, place[counts], day[counts])
    return first


def _content(children: pd.DataFrame, index: Indices) -> Indices:
    """Make a number of what was known at the index event, so that neither ids nor rows decide who is dealt which day."""
    born = days_of(children["date_of_birth"])
    rank = children["disposal_type"].map(DISPOSAL_RANK).fillna(0).to_numpy(dtype=np.int64)
    male = (children["sex"] == "male").to_numpy(dtype=np.int64)
    content: Indices = np.where(index == NEVER, 0, index) * 100_003 + born * 31 + rank * 7 + male
    return np.abs(content)


def menu_frame(engine: Engine, tables: Mapping[str, ir.Table]) -> dict[str, tuple[str, Menu]]:
    """Return of each programme its name and what the register and the calendar say: by programme_id, in its order.

    Programmes that are started but in no register go by their ids.
    """
    ids = engine.frame(tables["starts"].select("programme_id").distinct())["programme_id"].tolist()
    named = {p: (str(p), Menu()) for p in sorted(ids)}
    if "programmes" in tables:
        rows = engine.frame(tables["programmes"]).sort_values("programme_id").to_dict("records")
        named |= {str(r["programme_id"]): (str(r["name"]), Menu(_whole(r["min_age"]), _whole(r["max_age"]))) for r in rows}
    if "availability" in tables:
        for programme, own in engine.frame(tables["availability"]).groupby("programme_id"):
            if programme in named:
                name, menu = named[programme]
                spells = zip(days_of(own["start_date"]).tolist(), days_of(own["end_date"]).tolist(), strict=True)
                named[programme] = (name, Menu(menu.min_age, menu.max_age, tuple(sorted(spells))))
    return named


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)  # type: ignore[call-overload]
