"""Balance beyond the means as blocks: distributions, squares and products, subgroups of one programme.

Takes a view of a run and gives blocks; runs without these frames, as earlier ones are, give nothing.
"""

import pandas as pd

from yoseval.reporting.amounts import number
from yoseval.reporting.blocks import Block
from yoseval.reporting.charts_design import source_of
from yoseval.reporting.figures.ecdf import ecdf_plot, ecdf_words, edge_text
from yoseval.reporting.figures.style import figure_block
from yoseval.reporting.figures.subgroup_balance import LIMIT, subgroup_balance_plot, subgroup_balance_words
from yoseval.reporting.pieces import NOTHING, heading, paragraph, together
from yoseval.reporting.tables import Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.words import capital

_SAMPLES = ("before", "after")
_SERIES = tuple((s, a) for s in _SAMPLES for a in ("treated", "comparison"))
_NAMES = {"treated": "programme", "comparison": "comparison"}
_MOST_PRODUCTS = 8  # rows of the table
_SOURCE_OF_ALL = "All that may be shown are in {file}.csv."


def beyond_means(view: View) -> Block:
    """Return how far whole distributions agree, and squares and products; nothing where that was not assessed."""
    if view.frame("distribution_balance").empty:
        return NOTHING
    return together(
        heading(3, "Are they alike beyond the means?"), _distances(view), _distribution_block(view), _products_table(view)
    )


def within_subgroups(view: View) -> Block:
    """Return the balance within the declared subgroups; nothing where none were declared."""
    frame = view.frame("subgroup_balance")
    if frame.empty:
        return NOTHING
    title = heading(3, "Are they alike within subgroups?")
    if frame["std_mean_diff"].isna().all():
        return together(title, paragraph(subgroup_balance_words(frame)))
    table = _subgroups_table(frame)
    shown = table[table["after"].notna()]
    within = int((shown["after"] <= LIMIT).sum())
    figure = figure_block(
        subgroup_balance_plot(frame),
        title=f"In {_of(within, len(shown))} no term that may be shown differs by more than {LIMIT:.2f}",
        subtitle="Standardised mean differences within each declared subgroup, without sign",
        alt=subgroup_balance_words(frame),
        source=source_of(view),
        numbers=table_block(
            table,
            caption="Largest differences within each subgroup",
            columns=[
                Column("subgroup", "Subgroup"),
                Column("terms", "Terms shown", "count"),
                Column("before", "Largest SMD before", "number", 2),
                Column("after", "Largest SMD after", "number", 2),
                Column("worst", "Of the term"),
            ],
            hidden=_where_unknown(table),
            note=f"Terms that few of a subgroup have are confidential. {_SOURCE_OF_ALL.format(file='subgroup_balance')}",
            wide=True,
        ),
    )
    return together(title, figure)


def _distances(view: View) -> Block:
    """Say in words how far distributions overlap, and how far apart they lie over all covariates together."""
    frame = view.frame("distribution_balance")
    lowest = [_lowest(frame.loc[frame["sample"] == s]) for s in _SAMPLES]
    apart = [frame.loc[frame["sample"] == s, "energy_distance"].dropna() for s in _SAMPLES]
    sentences = []
    if all(lowest):
        (b, of_b), (a, of_a) = ((x[0], x[1]) for x in lowest if x)
        sentences.append(
            f"Of each covariate’s two distributions, the overlap coefficient is the share they have in common, 1 where they "
            f"are the same: the lowest was {number(b, 2)} before ({of_b}) and {number(a, 2)} after ({of_a})."
        )
    if all(len(e) for e in apart):
        b, a = (float(e.iloc[0]) for e in apart)
        sentences.append(
            f"The energy distance compares all covariates at once, joint patterns too: {number(b, 3)} before and "
            f"{number(a, 3)} after, where 0 would be the same distribution; chance alone keeps it above 0, the more so the "
            f"fewer the {view.words.people}."
        )
    return paragraph(" ".join(sentences) or "How far the distributions agree is confidential: the groups are too small.")


def _lowest(frame: pd.DataFrame) -> tuple[float, str] | None:
    known = frame.dropna(subset=["overlap_coefficient"])
    if known.empty:
        return None
    row = known.loc[known["overlap_coefficient"].idxmin()]
    return float(row["overlap_coefficient"]), str(row["term"])


def _distribution_block(view: View) -> Block:
    """Return the two distributions of the number on which they are furthest apart after the design."""
    frame, term = view.frame("distributions"), _furthest(view)
    if term is None:
        return paragraph("No distribution of a number can be shown: there is none, or too few stand in each of its steps.")
    steps = frame.loc[frame["term"] == term]
    gap = _gap(view, term)
    return figure_block(
        ecdf_plot(frame, term),
        title=f"The groups agree least on {term}: afterwards they lie up to {number(100 * gap, 0)} of every 100 apart",
        subtitle=f"Share of each group at or below each value of {term}, before and after matching or weighting",
        alt=ecdf_words(frame, term),
        source=source_of(view),
        numbers=_steps_table(steps, term),
    )


def _furthest(view: View) -> str | None:
    """Find the number with the largest KS distance after, of those of which something can be shown."""
    frame, steps = view.frame("distribution_balance"), view.frame("distributions")
    told = steps.dropna(subset=["high", "cumulative"])
    drawn = {t for t, own in told.groupby("term") if len(own[["sample", "arm"]].drop_duplicates()) == len(_SERIES)}
    mine = frame.loc[(frame["sample"] == "after") & frame["term"].isin(drawn) & frame["ks"].notna()]
    return None if mine.empty else str(mine.loc[mine["ks"].idxmax(), "term"])


def _gap(view: View, term: str) -> float:
    frame = view.frame("distribution_balance")
    return float(frame.loc[(frame["sample"] == "after") & (frame["term"] == term), "ks"].iloc[0])


def _steps_table(steps: pd.DataFrame, term: str) -> Block:
    """Return the steps in rows, the groups before and after in columns."""
    series = {f"{s}_{a}": steps.loc[(steps["sample"] == s) & (steps["arm"] == a)] for s, a in _SERIES}
    edges = next(iter(series.values()))["high"].tolist()
    values = ["everybody" if pd.isna(e) else edge_text(float(e)) for e in edges]
    table = pd.DataFrame({"edge": values, **{name: own["cumulative"].tolist() for name, own in series.items()}})
    columns = [Column("edge", "Value, up to", "printed")]
    columns += [Column(f"{s}_{a}", f"{capital(_NAMES[a])} {s}, per 100", "number", 0, factor=100) for s, a in _SERIES]
    return table_block(
        table,
        caption=f"Shares of each group up to each value of {term}",
        columns=columns,
        hidden=_where_unknown(table),
        wide=True,
    )


def _products_table(view: View) -> Block:
    """Return the squares and products that differ most after the design."""
    frame = view.frame("interactions")
    wide = frame.pivot_table(index="term", columns="sample", values="std_mean_diff", aggfunc="first", sort=False)
    if not set(_SAMPLES) <= set(wide.columns) or wide.dropna().empty:
        return paragraph("No square of a number and no product of two terms can be shown.")
    known = wide.dropna()
    worst = known.loc[known["after"].abs().sort_values(ascending=False, kind="stable").index[:_MOST_PRODUCTS]]
    return table_block(
        worst.reset_index(),
        caption="Squares of numbers and products of two terms that differ most after",
        columns=[
            Column("term", "Square or product"),
            Column("before", "SMD (before)", "number", 2),
            Column("after", "SMD (after)", "number", 2),
        ],
        note="Where means agree, a square tells of different spreads, a product of covariates that go together differently. "
        f"The gate does not look at these. {_SOURCE_OF_ALL.format(file='interactions')}",
        wide=True,
    )


def _subgroups_table(frame: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for name, own in frame.assign(size=frame["std_mean_diff"].abs()).groupby("subgroup", sort=False):
        before, after = (own.loc[own["sample"] == s].dropna(subset=["size"]) for s in _SAMPLES)
        rows.append(
            {
                "subgroup": name,
                "terms": len(after) or None,
                "before": before["size"].max(),
                "after": after["size"].max(),
                "worst": None if after.empty else after.loc[after["size"].idxmax(), "term"],
            }
        )
    return pd.DataFrame(rows)


def _of(some: int, all_of_them: int) -> str:
    subgroups = "1 subgroup" if all_of_them == 1 else f"{all_of_them} subgroups"
    return f"{'none' if some == 0 else 'all' if some == all_of_them > 1 else some} of {subgroups}"


def _where_unknown(table: pd.DataFrame) -> pd.DataFrame:
    """Return which cells are confidential: none of these tables is empty for another reason."""
    return table.isna()
