"""Index events: the caution, disposal or release that a child's evaluation starts from, one for each child.

Takes validated tables and the section ``[eligibility]``; gives one row a child in the extract, with the event that
was chosen and how many others there were. It sees no offence and nothing that followed.
"""

from collections.abc import Mapping

import ibis
import pandas as pd
from ibis.expr import types as ir

from yoseval.cohort.sections import EligibilitySection
from yoseval.records.engine import Engine
from yoseval.records.schema import DISPOSAL_GROUP, DISPOSAL_RANK
from yoseval.records.scoring.delivery_steps import is_given

#: What an index event is called, by the group of its disposal; custody counts at the release.
KINDS: Mapping[str, str] = {
    "diversion": "diversion",
    "pre_court": "caution",
    "first_tier": "disposal",
    "community": "disposal",
    "custody": "release",
}
CHILD_COLUMNS = (
    "person_id",
    "date_of_birth",
    "sex",
    "service",
    "resident",
    "index_date",
    "index_kind",
    "disposal_type",
    "index_offence_id",
    "n_events",
    "exit_date",
)


def children_frame(
    engine: Engine, tables: Mapping[str, ir.Table], section: EligibilitySection, months: tuple[int, ...] = ()
) -> pd.DataFrame:
    """Return one row a child in the extract, sorted by id, with its index event where it has one.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        Validated tables.
    section : EligibilitySection
        Which events count, and which of several.
    months : tuple of int
        Calendar months in which an event may fall; empty = all.

    Returns
    -------
    DataFrame
        ``CHILD_COLUMNS``; ``n_events`` is how many events the rule chose from, 0 where there was none.

    Examples
    --------
    >>> children_frame(records.engine, records.tables, study.file.eligibility)  # doctest: +SKIP
    """
    events = index_events(tables, section)
    if months:
        events = events.filter(events.index_date.month().isin(months))
    people = tables["people"]
    chosen = _chosen(events, section.index)
    counts = events.group_by("person_id").aggregate(n_events=events.count())
    joined = people.left_join(chosen, "person_id").drop("person_id_right")
    joined = joined.left_join(counts, "person_id").drop("person_id_right")
    joined = joined.left_join(_exits(tables), "person_id").drop("person_id_right")
    shown = joined.mutate(n_events=joined.n_events.fill_null(0)).select(*CHILD_COLUMNS)
    return engine.frame(shown).sort_values("person_id", kind="stable").reset_index(drop=True)


def index_events(tables: Mapping[str, ir.Table], section: EligibilitySection) -> ir.Table:
    """Return every event that could be an index event: one row an event.

    A caution, a diversion and a disposal count on the day they were given. Custody counts on the day of the release, as the
    custodial disposal that is the last before it.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Validated tables; without ``custody`` nobody is released.
    section : EligibilitySection
        Disposals and dates that count.

    Returns
    -------
    ibis.Table
        ``person_id``, ``index_date``, ``index_kind``, ``disposal_type``, ``index_offence_id``, ``rank`` (in the ladder) and
        ``key`` (which breaks ties).
    """
    at_liberty = [d for d in section.disposals if DISPOSAL_GROUP[d] != "custody"]
    sentences = [d for d in section.disposals if DISPOSAL_GROUP[d] == "custody"]
    disposals = tables["disposals"]
    given = disposals.filter(disposals.disposal_type.isin(at_liberty)) if at_liberty else disposals.filter(ibis.literal(False))
    events = _as_events(given, given.disposal_date)
    if sentences and "custody" in tables:
        events = ibis.union(events, _releases(tables["custody"], disposals.filter(disposals.disposal_type.isin(sentences))))
    first, last = (ibis.date(d.isoformat()) for d in section.index_dates)
    return events.filter(events.index_date.between(first, last))


def _as_events(disposals: ir.Table, index_date: ir.DateValue) -> ir.Table:
    kinds = {code: KINDS[group] for code, group in DISPOSAL_GROUP.items()}
    return disposals.select(
        person_id=disposals.person_id,
        index_date=index_date,
        index_kind=disposals.disposal_type.cases(*kinds.items(), else_="disposal"),
        disposal_type=disposals.disposal_type,
        index_offence_id=disposals.index_offence_id,
        rank=disposals.disposal_type.cases(*DISPOSAL_RANK.items(), else_=0).cast("int64"),
        key=disposals.disposal_id,
    )


def _releases(custody: ir.Table, sentences: ir.Table) -> ir.Table:
    """Return one event for each sentence spell that ended: the last custodial disposal up to its end."""
    ended = custody.filter((custody.kind == "sentence") & is_given(custody.end_date))
    spells = ended.select(person_id=ended.person_id, released=ended.end_date, begun=ended.start_date)
    joined = sentences.inner_join(spells, "person_id")
    joined = joined.filter(joined.disposal_date <= joined.released)
    place = ibis.row_number().over(
        group_by=[joined.person_id, joined.released, joined.begun],
        order_by=[joined.disposal_date.desc(), joined.disposal_id.desc()],
    )
    latest = joined.mutate(place=place)
    latest = latest.filter(latest.place == 0)
    return _as_events(latest, latest.released)


def _chosen(events: ir.Table, rule: str) -> ir.Table:
    """Keep one event a child; of several on one day the most severe."""
    by = {
        "first": [events.index_date.asc(), events["rank"].desc()],
        "last": [events.index_date.desc(), events["rank"].desc()],
        "most_severe": [events["rank"].desc(), events.index_date.asc()],
    }[rule]
    place = ibis.row_number().over(group_by=events.person_id, order_by=[*by, events.key.asc()])
    placed = events.mutate(place=place)
    return placed.filter(placed.place == 0).drop("place", "rank", "key")


def _exits(tables: Mapping[str, ir.Table]) -> ir.Table:
    if "exits" not in tables:
        people = tables["people"]
        return people.filter(ibis.literal(False)).select("person_id", exit_date=ibis.null("date"))
    exits = tables["exits"]
    return exits.group_by("person_id").aggregate(exit_date=exits.exit_date.min())
