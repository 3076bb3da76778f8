"""The technical report of one programme: balance across imputations of what was not recorded.

Takes a view of a run and gives one block; nothing where nothing was imputed.
"""

import pandas as pd

from yoseval.reporting.amounts import number
from yoseval.reporting.blocks import Block
from yoseval.reporting.pieces import NOTHING, heading, paragraph, together
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.view import View

_VALUES = ("std_mean_diff", "max_smd", "ks")


def imputed_balance(view: View) -> Block:
    """Return the balance across imputations as a table, under a heading of its own.

    Parameters
    ----------
    view : View
        One programme.
    """
    rows = view.frame("imputed_balance")
    if rows.empty:
        return NOTHING
    hidden = view.hidden("imputed_balance")
    times = int(rows["imputations"].iloc[0])
    columns = [
        Column("term", "Term"),
        Column("std_mean_diff_before", "SMD (before), mean", "number", 2),
        Column("max_smd_before", "SMD (before), largest", "number", 2),
        Column("std_mean_diff_after", "SMD (after), mean", "number", 2),
        Column("max_smd_after", "SMD (after), largest", "number", 2),
        Column("ks_after", "KS distance (after), largest", "number", 2),
    ]
    return together(
        heading(3, "Are they comparable whatever was not recorded?"),
        paragraph(_words(rows, times)),
        table_block(
            _side_by_side(rows),
            caption=f"Balance of every term across {times} imputations",
            columns=columns,
            hidden=_side_by_side(rows.assign(**{c: hidden[c] for c in _VALUES})).drop(columns="term"),
            wide=True,
            note="SMD: standardised mean difference, in standard deviations before; its mean has a sign, the largest has none.",
        ),
    )


def _words(rows: pd.DataFrame, times: int) -> str:
    judged = rows.loc[(rows["sample"] == "after") & rows["kind"].isin(("binary", "numeric")) & rows["max_smd"].notna()]
    begun = f"What was not recorded was imputed {times} times, and the groups were made alike in each imputation."
    if judged.empty:
        return begun
    worst = judged.loc[judged["max_smd"].idxmax()]
    return f"{begun} The largest difference in any of them is {number(worst['max_smd'], 2)} ({worst['term']})."


def _side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    wide = rows.pivot_table(index="term", columns="sample", values=list(_VALUES), aggfunc="first", sort=False, dropna=False)
    wide = wide.reindex(columns=[(v, s) for v in _VALUES for s in ("before", "after")])
    wide.columns = [f"{v}_{s}" for v, s in wide.columns]
    return wide.reindex(list(dict.fromkeys(rows["term"]))).rename_axis("term").reset_index()
