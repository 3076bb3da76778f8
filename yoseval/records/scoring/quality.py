"""Score the quality of the records: complete, valid, unique, timely, consistent, and what each weakness costs an evaluation.

Takes validated tables and what was set aside on reading, and gives one public frame. One query a table counts every rule
at once; nothing but counts leaves the engine. A score says how many of every 100 rows pass, never whose do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Protocol, TypeAlias

import pandas as pd
from ibis.expr import types as ir

from yoseval.frames import join_frames, make_frame
from yoseval.records.schema import TABLES
from yoseval.records.scoring.links import linked
from yoseval.records.scoring.rules import DIMENSIONS, Rule, rules
from yoseval.records.scoring.tables import complete, count_if, fetched
from yoseval.records.scoring.words import REQUIRED, TABLE_MEANINGS, Meaning

Tables: TypeAlias = Mapping[str, ir.Table]
Row: TypeAlias = dict[str, Any]

#: What makes two rows of a table one and the same thing told twice.
SAME_ROW: Mapping[str, tuple[str, ...]] = {
    "disposals": ("person_id", "disposal_date", "disposal_type", "index_offence_id"),
    "starts": ("person_id", "programme_id", "start_date", "referral_date"),
    "assessments": ("person_id", "assessment_date", "instrument", "item"),
    "custody": ("person_id", "start_date", "kind"),
}
#: Tables in which something is expected to happen in every month.
MONTHLY: Mapping[str, str] = {
    "disposals": "disposal_date",
    "offences": "offence_date",
    "starts": "start_date",
    "sessions": "session_date",
    "assessments": "assessment_date",
}
MONTHS = 12

_TWICE = Meaning("important", "What is told twice is counted twice.", "Keep one row, and find out where the other came from.")
_SILENT = Meaning(
    "important",
    "Recording may have stopped: what happened in these months is missing, not zero, and recent children cannot be evaluated.",
    "Extract again, or find out whether anything happened.",
)
_INVALID = Meaning("important", "These rows were set aside and are in no count.", "Correct them in the extract.")
_TOLD_TWICE: Mapping[str, Meaning] = {
    "people": Meaning(
        "important",
        "A child under two ids is two children: part of the history is missing, and one child may be in both groups.",
        "Check these children with the service, and give each one id.",
    ),
    "offences": _TWICE,
    "custody": Meaning("useful", "Overlapping spells were joined; no day is counted twice.", "Correct the spells."),
}
_COLUMNS = ("table", "column", "source", "dimension", "rule", "n", "failing", "score", "need", "consequence", "remedy")


class FaultLike(Protocol):
    """Rows that were set aside on reading."""

    @property
    def table(self) -> str:
        """Table of the standard."""
        ...

    @property
    def column(self) -> str:
        """Column, or empty."""
        ...

    @property
    def source(self) -> str:
        """File."""
        ...

    @property
    def rule(self) -> str:
        """What is wrong with them."""
        ...

    @property
    def remedy(self) -> str:
        """What to do."""
        ...

    @property
    def n_wrong(self) -> int:
        """How many rows."""
        ...

    @property
    def n_rows(self) -> int:
        """Of how many."""
        ...


class NoticeLike(Protocol):
    """Something that was mended, or only counted."""

    @property
    def table(self) -> str:
        """Table of the standard."""
        ...

    @property
    def text(self) -> str:
        """What it is."""
        ...

    @property
    def n(self) -> int:
        """How many rows."""
        ...


class ReportLike(Protocol):
    """What reading gives besides the tables."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Table to its file."""
        ...

    @property
    def rows_read(self) -> Mapping[str, int]:
        """Rows of each table in its file."""
        ...

    @property
    def rows_aside(self) -> Mapping[str, int]:
        """Rows of each table that were set aside."""
        ...

    @property
    def notices(self) -> Sequence[NoticeLike]:
        """What was mended or only counted."""
        ...

    @property
    def faults(self) -> Sequence[FaultLike]:
        """Rules that rows broke; those rows are set aside."""
        ...


def quality_frame(tables: Tables, extract_date: date, report: ReportLike | None = None) -> pd.DataFrame:
    """Return a score for every rule on every table, column and source.

    ``completeness``: recorded where there was something to record ('unknown' is not recorded); a table that was not given
    scores 0. ``validity``: rows that broke a rule on reading, and durations nobody would believe. ``uniqueness``: nothing
    told twice. ``timeliness``: months of the last twelve with rows, cases decided and starts closed within a year, an
    assessment in the 180 days up to a disposal. ``consistency``: no column against another, across tables.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Validated tables.
    extract_date : date
        The day the extract was taken.
    report : ReadReport, optional
        What reading set aside.

    Returns
    -------
    DataFrame
        The public frame ``quality``, in the order of the standard and of ``DIMENSIONS``. Rules that concern no row are left
        out. ``score`` = 100 (n - failing) / n.

    Examples
    --------
    >>> quality_frame(records.tables, records.extract_date, records.report)  # doctest: +SKIP
    """
    whole = complete(tables)
    rows = [
        *_missing_tables(whole),
        *_ruled(linked(whole, extract_date), rules(extract_date)),
        *_repeats(whole),
        *_silent_months(whole, extract_date),
        *((*_kept(report), *_set_aside(report), *_mended(report)) if report is not None else ()),
    ]
    ordered = sorted(rows, key=_place)
    return make_frame("quality", pd.DataFrame(ordered, columns=list(_COLUMNS))) if ordered else join_frames("quality", [])


def _place(row: Row) -> tuple[int, int, int]:
    columns = TABLES[row["table"]].names
    column = columns.index(row["column"]) if row["column"] in columns else -1
    return (list(TABLES).index(row["table"]), column, DIMENSIONS.index(row["dimension"]))


def _row(table: str, column: str, source: str, dimension: str, words: str, counts: tuple[int, int], meaning: Meaning) -> Row:
    n, failing = counts
    score = 100.0 * (n - failing) / n if n else 0.0
    values = (table, column, source, dimension, words, n, failing, score, meaning.need, meaning.consequence, meaning.remedy)
    return dict(zip(_COLUMNS, values, strict=True))


def _missing_tables(tables: Tables) -> Iterator[Row]:
    for name in TABLES:
        if name not in tables:
            yield _row(name, "", "", "completeness", "the table is given", (0, 0), TABLE_MEANINGS[name])


def _ruled(tables: Tables, all_rules: Sequence[Rule]) -> Iterator[Row]:
    """Count every rule of a table in one pass."""
    for name, table in tables.items():
        mine = [r for r in all_rules if r.table == name and all(n in tables for n in r.needs)]
        counts = {}
        for i, rule in enumerate(mine):
            concerned = rule.applies(table).fill_null(False)
            counts[f"n{i}"] = count_if(concerned)
            counts[f"f{i}"] = count_if(concerned & rule.fails(table).fill_null(False))
        counted = fetched(table.group_by("_file").aggregate(**counts)).sort_values("_file")
        for i, rule in enumerate(mine):
            for source, n, failing in zip(counted["_file"], counted[f"n{i}"], counted[f"f{i}"], strict=True):
                if n:
                    yield _row(name, rule.column, str(source), rule.dimension, rule.words, (int(n), int(failing)), rule.meaning)


def _repeats(tables: Tables) -> Iterator[Row]:
    for name, keys in SAME_ROW.items():
        if name in tables:
            groups = tables[name].group_by(list(keys)).aggregate(n=lambda t: t.count(), _file=lambda t: t["_file"].min())
            sums = fetched(groups.group_by("_file").aggregate(n=groups.n.sum(), distinct=groups.count())).sort_values("_file")
            words = f"no second row has the same {', '.join(keys)}"
            for source, n, distinct in zip(sums["_file"], sums["n"], sums["distinct"], strict=True):
                yield _row(name, "", str(source), "uniqueness", words, (int(n), int(n - distinct)), _TWICE)


def _silent_months(tables: Tables, extract_date: date) -> Iterator[Row]:
    """Count the months, of the last twelve that are over, in which a table has no row."""
    current = 12 * extract_date.year + extract_date.month
    words = f"months with rows, of the last {MONTHS} before the extract"
    for name, column in MONTHLY.items():
        if name not in tables:
            continue
        table = tables[name]
        month = table[column].year() * 12 + table[column].month()
        recent = (month >= current - MONTHS) & (month < current)
        counted = fetched(table.group_by("_file").aggregate(seen=month.nunique(where=recent))).sort_values("_file")
        for source, seen in zip(counted["_file"], counted["seen"], strict=True):
            yield _row(name, column, str(source), "timeliness", words, (MONTHS, MONTHS - int(seen)), _SILENT)


def _kept(report: ReportLike) -> Iterator[Row]:
    for table, n in report.rows_read.items():
        if n:
            meaning = Meaning(TABLE_MEANINGS[table].need, _INVALID.consequence, _INVALID.remedy)
            counts = (int(n), int(report.rows_aside.get(table, 0)))
            yield _row(table, "", report.sources[table], "validity", "the row broke no rule on reading", counts, meaning)


def _mended(report: ReportLike) -> Iterator[Row]:
    """Take what was told twice; an overturned result is no weakness of the records."""
    for notice in report.notices:
        if notice.table in _TOLD_TWICE and notice.n and "overturned" not in notice.text:
            n = int(report.rows_read[notice.table])
            words = f"not among the {notice.text}"
            yield _row(
                notice.table,
                "",
                report.sources[notice.table],
                "uniqueness",
                words,
                (n, int(notice.n)),
                _TOLD_TWICE[notice.table],
            )


def _set_aside(report: ReportLike) -> Iterator[Row]:
    for fault in report.faults:
        if fault.n_rows and fault.table in TABLES:
            dimension = "uniqueness" if "earlier row" in fault.rule else "validity"
            need = TABLE_MEANINGS[fault.table].need if not fault.column else REQUIRED.need
            meaning = Meaning(need, _INVALID.consequence, fault.remedy or _INVALID.remedy)
            counts = (int(fault.n_rows), int(fault.n_wrong))
            yield _row(fault.table, fault.column, fault.source, dimension, f"not set aside: {fault.rule}", counts, meaning)
