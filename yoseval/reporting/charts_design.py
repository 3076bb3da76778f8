"""Charts of a design as blocks: the flow, the balance and the overlap of one programme, with words and numbers.

Takes a view of a run and gives blocks; an empty frame gives a sentence instead of an empty chart.
"""

import pandas as pd

from yoseval.reporting.amounts import number
from yoseval.reporting.blocks import Block
from yoseval.reporting.figures.flow import first_words, flow_diagram, flow_steps, last_words
from yoseval.reporting.figures.love import LIMIT, MOST_TERMS, love_plot
from yoseval.reporting.figures.overlap import overlap_plot
from yoseval.reporting.figures.style import figure_block
from yoseval.reporting.pieces import paragraph
from yoseval.reporting.tables import HIDDEN, Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.words import capital

_JUDGED = ("binary", "numeric", "missing")
_NUMBERS = ("mean_treated", "mean_comparison", "std_mean_diff", "variance_ratio", "ks")


def source_of(view: View) -> str:
    """Return the source line of a chart; it says where records are simulated."""
    source = view.words.source or view.words.title
    return f"{source.rstrip('.')}. All records are simulated." if view.words.simulated else source


def flow_block(view: View) -> Block:
    """Return the flow of both groups as a diagram with its table."""
    attrition = view.frame("attrition")
    if attrition.empty:
        return paragraph("No flow was recorded for this programme.")
    steps = flow_steps(attrition)
    first, last = steps[0]["left"], steps[-1]["left"]
    people = view.words.people
    rows = [
        {
            "step": s["reason"],
            **{f"{what}_{arm}": s[what][arm] or "none" for what in ("lost", "left") for arm in ("treated", "comparison")},
        }
        for s in steps
    ]
    hidden = pd.DataFrame([{k: v == HIDDEN for k, v in r.items()} for r in rows])
    columns = [
        Column("step", "Step"),
        Column("lost_treated", "Left: programme", "printed"),
        Column("left_treated", "Remain: programme", "printed"),
        Column("lost_comparison", "Left: comparison", "printed"),
        Column("left_comparison", "Remain: comparison", "printed"),
    ]
    start, end = first_words(steps), last_words(steps)
    return figure_block(
        flow_diagram(attrition),
        title=_flow_title(first["treated"], last["treated"], end, view.entered.one),
        subtitle=f"Flow of {people} who were {start}: who left, and why",
        alt=(
            f"Of {first['treated']} {people} {start} in the programme group, {last['treated']} were {end}; of "
            f"{first['comparison']} in the comparison, {last['comparison']}. The steps between, with reasons, are in the table "
            f"below."
        ),
        source=source_of(view),
        numbers=table_block(
            pd.DataFrame(rows),
            caption=f"Flow: numbers of {people} who left at each step and who remained",
            columns=columns,
            hidden=hidden,
            wide=True,
        ),
    )


def _flow_title(first: str, last: str, end: str, entered: str) -> str:
    if first == "0":
        return f"Nobody {entered} the programme in time"
    return (
        f"Nobody of {first} in the programme group was {end}"
        if last == "0"
        else f"{last} of {first} in the programme group were {end}"
    )


def love_block(view: View) -> Block:
    """Return the love plot with the whole balance table as its numbers."""
    balance = view.frame("balance")
    if balance.empty:
        return paragraph("No balance was assessed for this programme.")
    after = _largest(balance, "after")
    before = _largest(balance, "before")
    return figure_block(
        love_plot(balance),
        title=_balance_title(balance, after),
        subtitle="Standardised mean differences between the groups, before and after matching or weighting" + _cut(balance),
        alt=(
            f"Before, the largest difference on a covariate was {_sized(before)}; after, {_sized(after)}. "
            f"{_within(balance)} The values of every term are in the table below."
        ),
        source=source_of(view),
        numbers=balance_table(view),
    )


def balance_table(view: View) -> Block:
    """Return every term before and after: means, standardised difference, variance ratio and KS distance."""
    wide = _side_by_side(view.frame("balance"))
    hidden = _side_by_side(view.frame("balance").assign(**{c: view.hidden("balance")[c] for c in _NUMBERS})).drop(
        columns="term"
    )
    columns = [Column("term", "Term")]
    for sample in ("before", "after"):
        columns += [
            Column(f"mean_treated_{sample}", f"Mean, programme ({sample})", "number", 2),
            Column(f"mean_comparison_{sample}", f"Mean, comparison ({sample})", "number", 2),
            Column(f"std_mean_diff_{sample}", f"SMD ({sample})", "number", 2),
        ]
    columns += [
        Column("variance_ratio_after", "Variance ratio (after)", "number", 2),
        Column("ks_after", "KS distance (after)", "number", 2),
    ]
    return table_block(
        wide,
        caption="Balance of every term before and after",
        columns=columns,
        hidden=hidden,
        wide=True,
        note="SMD: standardised mean difference, in standard deviations before. Variance ratios do not apply to 0/1 terms.",
    )


def overlap_block(view: View) -> Block:
    """Return the overlap plot with its bins."""
    overlap = view.frame("overlap")
    if overlap.empty:
        return paragraph("No overlap of propensity scores was assessed: the design did not use one, or there was none to show.")
    common = _common_range(overlap)
    return figure_block(
        overlap_plot(overlap),
        title=f"The two groups share propensity scores {common}"
        if common
        else "The two groups share no range of propensity scores",
        subtitle="Distribution of the propensity score in each group; the area of a bar is its share of the group",
        alt=(
            f"Mirrored histograms. Both groups have {view.words.people} with scores {common}, so there is like to "
            f"compare with like."
            if common
            else "Mirrored histograms. Nowhere do both groups have members, so there is no like to compare with like."
        ),
        source=source_of(view),
        numbers=_bins_table(view),
    )


def _bins_table(view: View) -> Block:
    """Return the bins in rows, the groups before and after in columns."""
    overlap = view.frame("overlap")
    hidden = overlap.assign(share=view.hidden("overlap")["share"])
    shares, masks = (
        f.pivot_table(index=["low", "high"], columns=["sample", "arm"], values="share", aggfunc="first", dropna=False)
        for f in (overlap, hidden)
    )
    keys = [
        k
        for k in (("before", "treated"), ("before", "comparison"), ("after", "treated"), ("after", "comparison"))
        if k in shares.columns
    ]
    bins = shares.index[shares.notna().any(axis=1) | masks.eq(True).any(axis=1)]
    table = {f"{s}_{a}": shares.loc[bins, (s, a)].tolist() for s, a in keys}
    mask = {f"{s}_{a}": masks.loc[bins, (s, a)].eq(True).tolist() for s, a in keys}
    rows = pd.DataFrame({"bin": [f"{lo:.2f} to {hi:.2f}" for lo, hi in bins], **table})
    names = {"treated": "programme", "comparison": "comparison"}
    columns = [Column("bin", "Propensity score")]
    columns += [Column(f"{s}_{a}", f"{capital(names[a])} {s}, per 100", "number", 1, factor=100) for s, a in keys]
    return table_block(
        rows, caption="Shares of each group by propensity score", columns=columns, hidden=pd.DataFrame(mask), wide=True
    )


def _side_by_side(balance: pd.DataFrame) -> pd.DataFrame:
    wide = balance.pivot_table(index="term", columns="sample", values=list(_NUMBERS), aggfunc="first", sort=False, dropna=False)
    wide = wide.reindex(columns=[(v, s) for v in _NUMBERS for s in ("before", "after")])
    wide.columns = [f"{v}_{s}" for v, s in wide.columns]
    return wide.reindex(list(dict.fromkeys(balance["term"]))).rename_axis("term").reset_index()


def _largest(balance: pd.DataFrame, sample: str) -> tuple[str, float] | None:
    """Find the covariate that differs most; scores are summaries of covariates and do not count."""
    mine = balance.loc[(balance["sample"] == sample) & balance["kind"].isin(_JUDGED) & balance["std_mean_diff"].notna()]
    if mine.empty:
        return None
    worst = mine.loc[mine["std_mean_diff"].abs().idxmax()]
    return str(worst["term"]), abs(float(worst["std_mean_diff"]))


def _sized(largest: tuple[str, float] | None) -> str:
    return "confidential" if largest is None else f"{number(largest[1], 2)} standard deviations ({largest[0]})"


def _within(balance: pd.DataFrame) -> str:
    after = balance.loc[(balance["sample"] == "after") & balance["kind"].isin(_JUDGED), "std_mean_diff"]
    return f"{int((after.abs() <= LIMIT).sum())} of {len(after)} terms lie within {LIMIT:.2f} after."


def _balance_title(balance: pd.DataFrame, after: tuple[str, float] | None) -> str:
    if after is None:
        return "How far the groups differed before and after"
    if after[1] <= LIMIT:
        return f"Afterwards the groups were alike: no term differed by more than {number(after[1], 2)}"
    return f"Afterwards the groups still differed by {number(after[1], 2)} on {after[0]}"


def _cut(balance: pd.DataFrame) -> str:
    terms = balance["term"].nunique()
    return f"; the {MOST_TERMS} of {terms} terms that differed most before" if terms > MOST_TERMS else ""


def _common_range(overlap: pd.DataFrame) -> str:
    """Find the range of scores where both groups have members, before the design."""
    sample = "before" if (overlap["sample"] == "before").any() else "after"
    used = overlap.loc[(overlap["sample"] == sample) & overlap["share"].gt(0)]
    ranges = [used.loc[used["arm"] == arm] for arm in ("treated", "comparison")]
    if any(r.empty for r in ranges):
        return ""
    low, high = max(r["low"].min() for r in ranges), min(r["high"].max() for r in ranges)
    return f"from {low:.2f} to {high:.2f}" if low < high else ""
