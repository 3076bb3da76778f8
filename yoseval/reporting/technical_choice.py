"""The technical report of one programme, on the choice of the comparison: what it was chosen from, and by which rule.

Takes a view of a programme and gives a block; nothing where the comparison was named, so that there was no choice.
"""

import pandas as pd

from yoseval.reporting.blocks import Block
from yoseval.reporting.pieces import NOTHING, heading, paragraph, together
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.words import capital, method_words

_RULE = "Rule of the choice"
_PASSES = {True: "yes", False: "no"}


def how_chosen(view: View) -> Block:
    """Return the ranking of the candidates and the rule, as they were before any outcome was opened."""
    frame = view.frame("candidates")
    if len(frame) < 2:
        return NOTHING
    declared = [p["value"] for p in view.frame("protocol").to_dict("records") if p["item"] == _RULE]
    shown = frame.assign(
        method=[capital(method_words(m)) for m in frame["method"]],
        balanced=["" if pd.isna(b) else _PASSES[bool(b)] for b in frame["balanced"]],
    )
    table = table_block(
        shown,
        caption="Comparisons that could have been used, the one that was used first",
        columns=_columns(shown),
        hidden=view.hidden("candidates"),
        wide=True,
        note="SMD: standardised mean difference after, in standard deviations. Effective sizes are rounded to 5 or more.",
    )
    return together(heading(3, "How the comparison was chosen"), *[paragraph(rule) for rule in declared[:1]], table)


def _columns(shown: pd.DataFrame) -> list[Column]:
    columns = [
        Column("method", "Comparison by"),
        Column("place", "Place", "count"),
        Column("balanced", "Passes the gate"),
        Column("prognostic_smd", "Prognostic score, |SMD|", "number", 3),
        Column("max_smd", "Largest |SMD| of a covariate", "number", 3),
        Column("effective_n", "Effective comparison group", "count"),
        Column("lost_treated", "Left out of the programme group, per 100", "number", 0, factor=100),
        Column("reason", "Why it could not be built"),
    ]
    unused = {c for c in ("prognostic_smd", "reason") if (shown[c].isna() | (shown[c] == "")).all()}
    return [c for c in columns if c.name not in unused]
