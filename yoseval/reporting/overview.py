"""All programmes beside each other: one forest plot and one table, in the order of their names.

Takes views of a run and gives blocks for the briefing and the portfolio page. Programmes are never ordered by
their estimates, and those whose measure differs from the first are in the table only.
"""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from yoseval.reporting.amounts import count, difference, duration, is_known
from yoseval.reporting.blocks import Block, text
from yoseval.reporting.charts_design import source_of
from yoseval.reporting.charts_effects import forest_block
from yoseval.reporting.tables import HIDDEN, Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.wording import VERDICT_LOOK, WITH_NUMBERS, interval_in_words, verdict_title
from yoseval.reporting.words import capital

NOT_REPORTED = "not reported"


def opening_line(found: Sequence[View]) -> str:
    """Say what a report is about: the study, how many programmes, whom and for how long."""
    words = found[0].words
    row = found[0].finding
    followed = (
        f" {capital(words.people)} were followed for {duration(row['horizon'], row['time_unit'])}."
        if is_known(row["horizon"])
        else ""
    )
    programmes = f" {len(found)} programmes." if len(found) > 1 else ""
    about = f" {words.about.rstrip('.')}." if words.about else ""
    return f"{words.title.rstrip('.')}.{programmes}{about}{followed}"


def overview(found: Sequence[View]) -> Block:
    """Return all programmes in one forest plot with their table, in the order of their names.

    Where no programme has an estimate to draw, the table stands alone.
    """
    table = overview_table(found)
    first = next((v.finding for v in found if v.finding["verdict"] in WITH_NUMBERS and is_known(v.finding["estimate"])), None)
    if first is None:
        return table
    drawn = [v for v in found if v.finding["measure"] == first["measure"]]
    rows = [_forest_row(v) for v in drawn]
    return forest_block(
        pd.DataFrame(rows),
        found[0].words,
        first,
        title=_headline(found),
        alt=f"{len(rows)} rows in the order of names. " + " ".join(_in_words(v) for v in drawn),
        source=source_of(found[0]),
        heads="Programme",
        numbers=table,
    )


def overview_table(found: Sequence[View]) -> Block:
    """Return all programmes in one table: verdict, difference, interval, grade, numbers."""
    rows, masks = [], []
    for view in found:
        row, hidden = view.finding, view.hidden("findings").iloc[0]
        has_claim = row["verdict"] in WITH_NUMBERS
        cells = {
            "name": view.name,
            "verdict": verdict_title(row, view.words),
            "difference": difference(row["measure"], row["estimate"], row["time_unit"])
            if has_claim and is_known(row["estimate"])
            else "",
            "interval": interval_in_words(row) if has_claim else "",
            "grade": row["grade"] or "no claim",
            "n": count(row["n_treated"]),
        }
        sources = {"difference": "estimate", "interval": "conf_low", "n": "n_treated"}
        masks.append({k: bool(hidden[c]) and (has_claim or k == "n") for k, c in sources.items()})
        rows.append({k: v or NOT_REPORTED for k, v in cells.items()})
    words = found[0].words
    columns = [
        Column("name", "Programme"),
        Column("verdict", "Finding"),
        Column("difference", "Difference"),
        Column("interval", f"Likely range ({words.interval})"),
        Column("grade", "Grade"),
        Column("n", f"{capital(words.people)} who {words.entered_any.alone('past')}", "printed"),
    ]
    return table_block(
        pd.DataFrame(rows),
        caption="Findings by programme, in the order of their names",
        columns=columns,
        hidden=pd.DataFrame(masks),
        wide=True,
    )


def verdict_tiles(found: Sequence[View]) -> Block:
    """Return how many programmes have each verdict, in the order of the claim grammar."""
    counts = Counter(v.finding["verdict"] for v in found)
    noun = found[0].noun
    found_looks = [(v, text(f"{look.shape} {look.title(noun)}")) for v, look in VERDICT_LOOK.items() if counts[v]]
    tiles = "\n".join(f'<li class="tile verdict--{v}"><strong>{counts[v]}</strong> {words}</li>' for v, words in found_looks)
    return Block(f'<ul class="tiles">\n{tiles}\n</ul>')


def _forest_row(view: View) -> dict[str, object]:
    row = view.finding
    has_claim = row["verdict"] in WITH_NUMBERS
    numbers = {c: row[c] if has_claim else None for c in ("estimate", "conf_low", "conf_high")}
    remark = HIDDEN if has_claim else VERDICT_LOOK[row["verdict"]].phrase.lower()
    return {"name": view.name, "verdict": row["verdict"], "remark": remark, **numbers}


def _headline(found: Sequence[View]) -> str:
    counts = Counter(v.finding["verdict"] for v in found)
    noun = found[0].noun
    parts = [
        (counts["likely_reduced"], f"likely reduced {noun}"),
        (counts["likely_increased"], f"likely increased {noun}"),
        (counts["no_worthwhile_effect"], "made no important difference"),
        (counts["cannot_tell"], "cannot be told yet"),
        (counts["not_comparable"] + counts["not_evaluable"], "could not be compared or evaluated"),
    ]
    said = "; ".join(f"{n} {words}" for n, words in parts if n)
    return (
        f"Of {len(found)} programmes: {said}"
        if len(found) > 1
        else f"{found[0].name}: {verdict_title(found[0].finding, found[0].words)}"
    )


def _in_words(view: View) -> str:
    row = view.finding
    look = VERDICT_LOOK[row["verdict"]].title(view.noun).lower()
    interval = interval_in_words(row) if row["verdict"] in WITH_NUMBERS else ""
    return f"{view.name}: {look}, {interval}." if interval else f"{view.name}: {look}."
