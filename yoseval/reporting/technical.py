"""The technical report of one programme, first part: the finding, the protocol, the flow and the comparison.

Takes a run and a programme and gives blocks, one function a section, in the order of the notebook
``technical_report``. Effects are in ``technical_effects``, methods and provenance in ``technical_method``.
"""

import pandas as pd

from yoseval.reporting.amounts import duration, is_known, number
from yoseval.reporting.blocks import Block
from yoseval.reporting.briefing import SIMULATED, key_facts, verdict_box
from yoseval.reporting.charts_balance import beyond_means, within_subgroups
from yoseval.reporting.charts_design import flow_block, love_block, overlap_block
from yoseval.reporting.charts_effects import icons_block
from yoseval.reporting.outlook_words import what_next
from yoseval.reporting.pieces import NOTHING, bullets, callout, facts, heading, paragraph, strong_paragraph, together
from yoseval.reporting.statements import power
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.technical_imputed import imputed_balance
from yoseval.reporting.technical_losses import who_was_kept
from yoseval.reporting.view import RunLike, View, views
from yoseval.reporting.words import capital, estimand_words, method_words

_USUAL_GATE = "every covariate within 0.10 standard deviations, and the prognostic score, where there is one, within 0.05"


def title(run: RunLike, programme: str | None = None) -> Block:
    """Return the one heading of the first level, and what this is about."""
    view = views(run, programme)[0]
    row, words = view.finding, view.words
    followed = f", followed for {duration(row['horizon'], row['time_unit'])}" if is_known(row["horizon"]) else ""
    line = (
        f"{words.title.rstrip('.')}. {words.about.rstrip('.')}{'. ' if words.about else ''}{capital(words.people)}{followed}."
    )
    simulated = strong_paragraph(SIMULATED) if words.simulated else NOTHING
    return together(heading(1, f"Does {view.name} reduce {view.noun}?"), paragraph(line), simulated)


def main_finding(run: RunLike, programme: str | None = None) -> Block:
    """Return the verdict, the key numbers, what could have been seen and what to do next."""
    view = views(run, programme)[0]
    until = "What to record until then" if view.finding["verdict"] == "not_evaluable" else "What to do next"
    return together(
        heading(2, "Main finding"),
        verdict_box(view, 3),
        facts(key_facts(view)),
        *[paragraph(p) for p in (power(view.finding, view.words) if key_facts(view) else [])],
        icons_block(view),
        heading(3, until),
        bullets(what_next(view)),
    )


def protocol(run: RunLike, programme: str | None = None) -> Block:
    """Return the target trial that was emulated: every item fixed before outcomes were opened."""
    view = views(run, programme)[0]
    rows = view.frame("protocol")
    if rows.empty:
        return together(heading(2, "The trial that was emulated"), paragraph("No protocol was recorded."))
    shown = rows.assign(part=[capital(i or s) for s, i in zip(rows["section"], rows["item"], strict=True)])
    return together(
        heading(2, "The trial that was emulated"),
        paragraph(
            "These are the parts of the randomised trial that this evaluation stands in for; all were fixed before "
            "outcomes were opened."
        ),
        table_block(
            shown,
            caption="Protocol of the target trial",
            columns=[Column("part", "Part"), Column("value", "Fixed as")],
            hidden=view.hidden("protocol"),
        ),
    )


def flow(run: RunLike, programme: str | None = None) -> Block:
    """Return who was read, who left and why, who was analysed."""
    view = views(run, programme)[0]
    return together(heading(2, f"Flow of {view.words.people}"), flow_block(view))


def comparability(run: RunLike, programme: str | None = None) -> Block:
    """Return whether the groups can be compared: the gate in words, balance of means and beyond, overlap, sizes."""
    view = views(run, programme)[0]
    return together(
        heading(2, "Are the two groups comparable?"),
        _gate(view),
        love_block(view),
        imputed_balance(view),
        beyond_means(view),
        within_subgroups(view),
        heading(3, "Do the groups overlap?"),
        overlap_block(view),
        heading(3, "How much information is left?"),
        _sizes(view),
        who_was_kept(run, programme),
    )


def _gate(view: View) -> Block:
    row = view.finding
    who = f"The effect is about {estimand_words(row['estimand'], view.entered)}. " if row["estimand"] else ""
    how = f"The groups were made alike by {method_words(row['method'])}. " if row["method"] else ""
    declared = [p["value"] for p in view.frame("protocol").to_dict("records") if p["item"].lower() == "balance gate"]
    rule = f"The gate, fixed before: {(declared or [_USUAL_GATE])[0].rstrip('.')}."
    if pd.isna(row["balanced"]):
        return callout(f"{how}{who}{rule} It could not be judged for this programme.")
    worst = f" (largest difference {number(float(row['max_smd']), 2)})" if is_known(row["max_smd"]) else ""
    if bool(row["balanced"]):
        return paragraph(f"{how}{who}{rule} The gate is passed{worst}.")
    return callout(f"{how}{who}{rule} The gate is not passed{worst}, so no headline is given.")


def _sizes(view: View) -> Block:
    sizes = view.frame("sizes")
    if sizes.empty:
        return paragraph("No sizes were recorded.")
    names = {"treated": "programme", "comparison": "comparison"}
    rows = sizes.assign(group=[f"{capital(names.get(a, a))}, {s}" for a, s in zip(sizes["arm"], sizes["sample"], strict=True)])
    columns = [
        Column("group", "Group"),
        Column("n", capital(view.words.people), "count"),
        Column("effective_n", "Effective number", "number", 1),
    ]
    return table_block(
        rows,
        caption="Sizes before and after",
        columns=columns,
        hidden=view.hidden("sizes"),
        note="The effective number is that of an unweighted group with the same precision: (Σw)² / Σw².",
    )
