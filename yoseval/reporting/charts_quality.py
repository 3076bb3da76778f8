"""Charts of the records as blocks: scores, the way through each programme, suitability and waits.

Takes an opened run and gives blocks with words and numbers; an empty frame gives a sentence instead of an empty chart.
"""

from collections.abc import Mapping

import pandas as pd

from yoseval.reporting.amounts import count, is_known, number
from yoseval.reporting.blocks import Block
from yoseval.reporting.figures.delivery import (
    RESULT_LOOK,
    STAGE_WORDS,
    SUITABILITY_LOOK,
    funnel_chart,
    score_matrix,
    suitability_chart,
    waits_chart,
)
from yoseval.reporting.figures.style import figure_block
from yoseval.reporting.pieces import paragraph
from yoseval.reporting.tables import HIDDEN, Column, table_block
from yoseval.reporting.view import RunLike
from yoseval.reporting.words import Words, capital

DIMENSIONS = ("completeness", "validity", "uniqueness", "timeliness", "consistency")
WAIT_WORDS: Mapping[str, str] = {
    "order_to_referral": "Order to referral",
    "referral_to_offer": "Referral to offer",
    "offer_to_start": "Offer to start",
    "order_to_start": "Order to start",
    "start_to_session": "Start to first session held",
}
GOOD = 95.0


def source_line(run: RunLike) -> str:
    """Return the source line of a chart; it says where records are simulated."""
    words = Words.from_manifest(run.manifest)
    source = words.source or words.title
    return f"{source.rstrip('.')}. All records are simulated." if words.simulated else source


def scores_block(run: RunLike) -> Block:
    """Return the lowest score of each table on each dimension, of what an evaluation needs."""
    quality, hidden = run.frame("quality"), run.hidden("quality")
    needed = quality["need"].isin(("essential", "important"))
    scores, kinds = _lowest(quality[needed], hidden[needed])
    absent = [t for t in scores.index if (kinds.loc[t] == "absent").any()]
    low = [t for t in scores.index if t not in absent and (scores.loc[t] < 80).any()]
    title = (
        f"{_sentence(low)} fall below 80 of 100 on something an evaluation needs" if low else "No table falls below 80 of 100"
    )
    gone = f" Not given at all: {_sentence(absent).lower()}." if absent else " Every table was given."
    return figure_block(
        score_matrix(scores, kinds),
        title=title,
        subtitle="Of every 100 rows, how many pass: the lowest score among the rules that an evaluation needs",
        alt=(
            f"{_sentence(low) or 'No table'} has a score below 80; "
            f"{_sentence([t for t in scores.index if t not in (*low, *absent)]) or 'no other'} does not.{gone}"
        ),
        source=source_line(run),
        numbers=_matrix_table(scores, kinds),
    )


def funnel_block(run: RunLike, programme: str) -> Block:
    """Return the way through one programme as a chart with its table."""
    whole = run.frame("delivery")
    mine = (whole["programme"] == programme).to_numpy()
    delivery, hidden = whole[mine].reset_index(drop=True), run.hidden("delivery")[mine].reset_index(drop=True)
    if not delivery["share"].notna().any():
        return paragraph(
            "So few were referred to this programme that every number of its way is confidential, which protects the children."
        )
    name = str(delivery["name"].iloc[0])
    return figure_block(
        funnel_chart(delivery),
        title=_funnel_title(delivery),
        subtitle=f"{name}: what happened to every 100 referrals{_and_sessions(delivery)}, by stage",
        alt=" ".join(_stage_sentence(rows) for _, rows in delivery.groupby("step", sort=True)),
        source=source_line(run),
        numbers=_funnel_table(delivery, hidden, name),
    )


def suitability_block(run: RunLike) -> Block:
    """Return the suitability of the referrals of every programme."""
    frame = run.frame("suitability")
    if not frame["share"].notna().any():
        return paragraph("No suitability can be shown: there are no referrals, or too few.")
    shown = frame[frame.groupby("programme")["share"].transform(lambda s: s.notna().any())].reset_index(drop=True)
    unknown = shown[shown["suitability"].isin(("not_assessed", "not_recorded"))].groupby("name", sort=False)["share"].sum()
    worst, share = str(unknown.idxmax()), float(unknown.max())
    return figure_block(
        suitability_chart(shown),
        title=f"Nobody knows whether {number(100 * share, 0)} of every 100 referrals to {worst} were suitable"
        if share > 0
        else "Suitability was assessed and recorded",
        subtitle="Of every 100 referrals to each programme: was suitability met?",
        alt=" ".join(f"{n}: {number(100 * s, 0)} of every 100 not assessed or not recorded." for n, s in unknown.items()),
        source=source_line(run),
        numbers=_suitability_table(run),
    )


def waits_block(run: RunLike) -> Block:
    """Return how long children wait from the order to the start, and the table of all waits."""
    delays = run.frame("delays")
    if delays.empty:
        return paragraph("No waits can be shown: there are no referrals.")
    shown = delays[(delays["wait"] == "order_to_start") & delays["median"].notna()].reset_index(drop=True)
    if shown.empty:
        return waits_table(run)
    slow = shown.loc[shown["median"].idxmax()]
    return figure_block(
        waits_chart(shown),
        title=f"Half of those who start {slow['name']} wait more than {slow['median']:.0f} days after the order",
        subtitle="Days from the last order before the start to the start of the programme",
        alt=" ".join(
            f"{r['name']}: half within {r['median']:.0f} days, the middle half between {r['lower_quartile']:.0f} and "
            f"{r['upper_quartile']:.0f}."
            for r in shown.to_dict("records")
        ),
        source=source_line(run),
        numbers=_starts_table(run),
    ) + waits_table(run)


def _lowest(quality: pd.DataFrame, hidden: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = list(dict.fromkeys(quality["table"]))
    scores = pd.DataFrame(float("nan"), index=tables, columns=list(DIMENSIONS))
    kinds = pd.DataFrame("", index=tables, columns=list(DIMENSIONS))
    for (table, dimension), rows in quality.groupby(["table", "dimension"], sort=False):
        place = (table, dimension)
        if rows["score"].notna().any():
            scores.loc[place], kinds.loc[place] = rows["score"].min(), "score"
        elif hidden.loc[rows.index, "score"].any():
            kinds.loc[place] = "hidden"
        # A table that was not given is one rule on no rows.
        if ((rows["source"] == "") & (rows["n"] == 0)).any():
            kinds.loc[place] = "absent"
    return scores, kinds


def _matrix_table(scores: pd.DataFrame, kinds: pd.DataFrame) -> Block:
    words = {"hidden": HIDDEN, "absent": "not given", "": "no rule"}
    cells = {
        d: [words.get(kinds.loc[t, d]) or number(float(scores.loc[t, d]), 1) for t in scores.index] for d in scores.columns
    }
    rows = pd.DataFrame({"table": [capital(str(t)) for t in scores.index], **cells})
    columns = [Column("table", "Table"), *(Column(d, f"{capital(d)}, of 100", "printed") for d in scores.columns)]
    return table_block(
        rows, caption="Lowest score of each table on each dimension", columns=columns, hidden=rows == HIDDEN, wide=True
    )


def _funnel_title(delivery: pd.DataFrame) -> str:
    share = delivery.set_index(["stage", "result"])["share"]
    started, unsaid = share.get(("started", "reached")), share.get(("session_held", "not_recorded"))
    if started is None or pd.isna(started):
        return "How many of those referred started is confidential"
    first = f"{number(100 * started, 0)} of every 100 referred are known to have started"
    if unsaid is not None and pd.notna(unsaid) and unsaid > 0:
        return f"{first}; for {number(100 * unsaid, 0)} nobody recorded whether they had a session"
    return first


def _and_sessions(delivery: pd.DataFrame) -> str:
    return " and to every 100 planned sessions" if (delivery["unit"] == "sessions").any() else ""


def _stage_sentence(rows: pd.DataFrame) -> str:
    stage = STAGE_WORDS[str(rows["stage"].iloc[0])]
    told = [
        f"{RESULT_LOOK[r['result']].words} {number(100 * r['share'], 0)}"
        for r in rows.to_dict("records")
        if pd.notna(r["share"]) and r["share"] > 0
    ]
    confidential = ["the rest confidential"] if rows["share"].isna().any() else []
    return f"{stage}, of every 100: {', '.join([*told, *confidential])}."


def _funnel_table(delivery: pd.DataFrame, hidden: pd.DataFrame, name: str) -> Block:
    """Return the answers in rows, the stages in columns."""
    # An answer that nobody gave at any stage needs no row of its own.
    is_told = (delivery["n"] > 0) | hidden["n"]
    used = [r for r in RESULT_LOOK if (is_told & (delivery["result"] == r)).any()]
    rows: list[dict[str, str]] = [{"answer": capital(RESULT_LOOK[r].words)} for r in used]
    columns = [Column("answer", "Answer")]
    for _, cells in delivery.groupby("step", sort=True):
        stage, unit = str(cells["stage"].iloc[0]), str(cells["unit"].iloc[0])
        columns.append(Column(stage, f"{STAGE_WORDS[stage]}{', sessions' if unit == 'sessions' else ''}", "printed"))
        told = {str(r): i for i, r in zip(cells.index, cells["result"], strict=True)}
        for row, result in zip(rows, used, strict=True):
            at = told.get(result)
            row[stage] = "0" if at is None else HIDDEN if hidden.loc[at, "n"] else count(delivery.loc[at, "n"])
    table = pd.DataFrame(rows)
    return table_block(
        table, caption=f"{name}: numbers of referrals and of sessions", columns=columns, hidden=table == HIDDEN, wide=True
    )


def _suitability_table(run: RunLike) -> Block:
    frame, hidden = run.frame("suitability"), run.hidden("suitability")
    rows = [
        {
            "name": name,
            **{
                str(a): HIDDEN if hidden.loc[i, "n"] else count(frame.loc[i, "n"])
                for i, a in zip(cells.index, cells["suitability"], strict=True)
            },
        }
        for (_, name), cells in frame.groupby(["programme", "name"], sort=False)
    ]
    table = pd.DataFrame(rows)
    columns = [Column("name", "Programme"), *(Column(a, capital(k.words), "printed") for a, k in SUITABILITY_LOOK.items())]
    return table_block(table, caption="Referrals by suitability", columns=columns, hidden=table == HIDDEN, wide=True)


def _starts_table(run: RunLike) -> Block:
    """Return the wait from order to start in full."""
    mine = (run.frame("delays")["wait"] == "order_to_start").to_numpy()
    columns = [
        Column("name", "Programme"),
        Column("n", "Starts with both dates", "count"),
        Column("lower_quartile", "A quarter within, days", "number", 0),
        Column("median", "Half within, days", "number", 0),
        Column("upper_quartile", "Three quarters within, days", "number", 0),
        Column("n_reversed", "Before any order", "count"),
        Column("n_not_recorded", "No order recorded", "count"),
    ]
    return table_block(
        run.frame("delays")[mine].reset_index(drop=True),
        caption="From the order to the start",
        columns=columns,
        hidden=run.hidden("delays")[mine].reset_index(drop=True),
        wide=True,
        note="The order is the last disposal dated no later than the start.",
    )


def waits_table(run: RunLike) -> Block:
    """Return the median of every wait of every programme, with its middle half."""
    delays, hidden = run.frame("delays"), run.hidden("delays")
    rows: dict[str, dict[str, str]] = {}
    for row, is_hidden in zip(delays.to_dict("records"), hidden["median"], strict=True):
        told = (
            f"{row['median']:.0f} ({row['lower_quartile']:.0f} to {row['upper_quartile']:.0f})"
            if is_known(row["median"])
            else HIDDEN
            if is_hidden
            else "no dates"
        )
        rows.setdefault(str(row["programme"]), {"name": str(row["name"])})[str(row["wait"])] = told
    table = pd.DataFrame(list(rows.values())).reindex(columns=["name", *WAIT_WORDS]).fillna("nobody yet")
    columns = [Column("name", "Programme"), *(Column(w, words, "printed") for w, words in WAIT_WORDS.items())]
    return table_block(
        table,
        caption="Every wait in days: half within (the middle half)",
        columns=columns,
        hidden=table == HIDDEN,
        wide=True,
    )


def _sentence(tables: list[str]) -> str:
    if len(tables) < 2:
        return "".join(capital(str(t)) for t in tables)
    return capital(f"{', '.join(str(t) for t in tables[:-1])} and {tables[-1]}")
