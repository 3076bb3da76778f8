"""What ``yoseval check`` prints of a records study: a minute's reading, for the one who holds the records.

Takes validated tables and gives at most forty lines. They show counts as they are: they are for the screen of those who may
see the records, and go into no file. Nothing names a child.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
from ibis.expr import types as ir

from yoseval.records.schema import TABLES
from yoseval.records.scoring.delivery import delivery_frame
from yoseval.records.scoring.delivery_notes import delivery_notes
from yoseval.records.scoring.quality import ReportLike, quality_frame

MOST_LINES = 40
_MOST_PROGRAMMES, _MOST_WEAK = 12, 6
_WEAK = 95.0

#: What an issue means for what can be evaluated; the first that a programme has decides.
_CARRIES = {
    "starts_unclear": "cannot be evaluated: starts not recorded",
    "nobody_started": "cannot be evaluated: nobody is known to have started",
    "no_session_log": "only whether starting helps: no session log",
    "sessions_unclear": "only whether starting helps: sessions not recorded",
    "": "start and delivery are recorded",
}
_NOTED = {
    "nobody_referred": "on the menu, nobody was referred",
    "two_owners": "more than one owner",
    "sessions_without_referral": "sessions without a referral",
    "sessions_before_start": "sessions before the start",
    "sessions_after_end": "sessions after the end",
    "completed_without_session": "completed without a session attended",
    "started_unsuitable": "started although not suitable",
    "started_while_closed": "started while not available",
    "concurrent": "on two programmes at once",
    "contradictory_assessments": "contradictory assessments",
}


def check_lines(
    tables: Mapping[str, ir.Table],
    extract_date: date,
    report: ReportLike | None = None,
    *,
    scored: Mapping[str, pd.DataFrame] | None = None,
) -> list[str]:
    r"""Return what the records can carry as text: tables, programmes, what is weakest, what contradicts itself.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Validated tables.
    extract_date : date
        The day the extract was taken.
    report : ReadReport, optional
        What reading set aside.
    scored : mapping of DataFrame, optional
        ``quality``, ``delivery`` and ``delivery_notes``, where they have been made already.

    Returns
    -------
    list of str
        At most ``MOST_LINES`` lines.

    Examples
    --------
    >>> print("\\n".join(check_lines(records.tables, records.extract_date, records.report)))  # doctest: +SKIP
    """
    found = scored or {
        "quality": quality_frame(tables, extract_date, report),
        "delivery": delivery_frame(tables, extract_date),
        "delivery_notes": delivery_notes(tables, extract_date),
    }
    notes = found["delivery_notes"]
    lines = [
        *_table_lines(tables, report),
        "",
        *_programme_lines(found["delivery"], notes),
        "",
        *_weak_lines(found["quality"]),
        "",
        *_note_lines(notes),
    ]
    return lines[:MOST_LINES]


def _table_lines(tables: Mapping[str, ir.Table], report: ReportLike | None) -> list[str]:
    missing = [name for name in TABLES if name not in tables]
    aside = sum(report.rows_aside.values()) if report is not None else 0
    return [
        f"Tables given: {len(TABLES) - len(missing)} of {len(TABLES)}. Not given: {', '.join(missing) or 'none'}.",
        f"Rows set aside on reading: {aside:,}.",
    ]


def _programme_lines(delivery: pd.DataFrame, notes: pd.DataFrame) -> list[str]:
    names = delivery.drop_duplicates("programme")
    rows = [("Programme", "Referred", "Started", "Not recorded", "Sessions held", "The records carry")]
    for programme, name in zip(names["programme"], names["name"], strict=True):
        own = delivery[delivery["programme"] == programme].set_index(["stage", "result"])
        issues = set(notes.loc[notes["programme"] == programme, "issue"])
        rows.append(
            (
                str(name)[:28],
                f"{own['n'][('referred', 'reached')]:,}",
                _per_cent(own, "started", "reached"),
                _per_cent(own, "started", "not_recorded"),
                _per_cent(own, "held", "reached"),
                next(words for issue, words in _CARRIES.items() if issue in issues or not issue),
            )
        )
    more = len(rows) - 1 - _MOST_PROGRAMMES
    return [*_aligned(rows[: _MOST_PROGRAMMES + 1]), *([f"(and {more} more programmes)"] if more > 0 else [])]


def _weak_lines(quality: pd.DataFrame) -> list[str]:
    order = {"essential": 0, "important": 1, "useful": 2}
    weak = quality[(quality["score"] < _WEAK) & (quality["need"] != "useful")]
    ranked = weak.assign(rank=weak["need"].map(order)).sort_values(["rank", "score"], kind="stable")
    if ranked.empty:
        return [f"Nothing that an evaluation needs scores below {_WEAK:.0f} of 100."]
    lines = [f"Put right first ({len(ranked)} scores below {_WEAK:.0f} of 100):"]
    where = ranked["table"] + ("." + ranked["column"]).where(ranked["column"] != "", "")
    # What means the same for an evaluation is said once, with its lowest score.
    for consequence, own in list(ranked.assign(where=where).groupby("consequence", sort=False))[:_MOST_WEAK]:
        lines.append(f"  {own['score'].min():5.1f}  {', '.join(dict.fromkeys(own['where']))}: {consequence}")
    return lines


def _note_lines(notes: pd.DataFrame) -> list[str]:
    told = [f"  {words}: {_programmes(own)}" for issue, words in _NOTED.items() if len(own := notes[notes["issue"] == issue])]
    return ["Does not fit together:", *told] if told else ["Nothing that was looked for contradicts itself."]


def _programmes(own: pd.DataFrame) -> str:
    total = int(own["n"].sum())
    names = [str(n) for n in own["name"] if n]
    shown = f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""
    is_count = own["issue"].iloc[0] not in ("nobody_referred", "two_owners")
    return f"{total:,} of {int(own['n_of'].sum()):,}{shown}" if is_count else shown.strip(" ()")


def _per_cent(own: pd.DataFrame, stage: str, result: str) -> str:
    return f"{100 * own['share'][(stage, result)]:.0f} %" if (stage, result) in own.index else "no plan"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows]
