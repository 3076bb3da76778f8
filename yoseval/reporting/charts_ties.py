"""The chart of what ties decide as a block, with words and numbers, for the technical report.

Takes a view of a run and gives one block; nothing where the design has no ties, or the range is confidential.
"""

import pandas as pd

from yoseval.reporting.amounts import SCALES, is_known, natural, number, span
from yoseval.reporting.blocks import Block
from yoseval.reporting.charts_design import source_of
from yoseval.reporting.charts_effects import axis_label
from yoseval.reporting.figures.style import figure_block
from yoseval.reporting.figures.ties import effect_row, tie_plot
from yoseval.reporting.pieces import NOTHING, heading, paragraph, together
from yoseval.reporting.tables import HIDDEN, Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.words import measure_words

_HEADING = "Does it matter which of several equal matches was taken?"


def ties_section(view: View) -> Block:
    """Return what ties decide, under a heading of its own; nothing for a design that has no pairs.

    Parameters
    ----------
    view : View
        One programme.
    """
    ties = view.frame("ties")
    effects = ties.loc[ties["quantity"].isin(list(SCALES))]
    if effects.empty:
        return NOTHING
    row = effects.iloc[0]
    if not row["different"]:
        said = (
            f"Matching was repeated with the rows in {row['reorderings']} other orders, and every time the same "
            f"{view.words.people} were matched: no ties decide the result."
        )
        return together(heading(3, _HEADING), paragraph(said))
    return together(heading(3, _HEADING), paragraph(_meaning(view, row)), _figure(view, ties))


def _meaning(view: View, row: pd.Series) -> str:
    return (
        f"Where several {view.words.people} are equally near, only some can be matched, and the order of rows decides. "
        f"Matching was repeated with the rows in {row['reorderings']} other orders, fixed before outcomes were opened; "
        f"{row['different']} of them gave other matches."
    )


def _figure(view: View, ties: pd.DataFrame) -> Block:
    row = effect_row(ties)
    main = view.frame("estimates")
    main = main.loc[main["role"] == "primary"]
    shown = is_known(row["lowest"], row["highest"], row["as_designed"]) and len(main)
    if not shown or not is_known(main["conf_low"].iloc[0], main["conf_high"].iloc[0]):
        return paragraph("How far the result moves is confidential: it rests on too few people.")
    first = main.iloc[0]
    inside = first["conf_low"] <= row["lowest"] and row["highest"] <= first["conf_high"]
    reach = span(row["quantity"], row["lowest"], row["highest"], view.finding["time_unit"])
    axis = axis_label(view.finding, view.words)
    return figure_block(
        tie_plot(ties, main, axis=axis),
        title=f"With ties broken otherwise, the estimate lies {reach}",
        subtitle=f"{axis}: the range over other matches that are as near, on the {view.words.interval} of the estimate",
        alt=(
            f"A bar from {natural(row['quantity'], row['lowest'])} to {natural(row['quantity'], row['highest'])}, with the "
            f"estimate at {natural(row['quantity'], row['as_designed'])}. The bar lies "
            f"{'wholly inside' if inside else 'partly outside'} the shaded interval, which runs from "
            f"{natural(row['quantity'], first['conf_low'])} to {natural(row['quantity'], first['conf_high'])}."
        ),
        source=source_of(view),
        numbers=_numbers(ties, view.hidden("ties")),
    )


def _numbers(ties: pd.DataFrame, hidden: pd.DataFrame) -> Block:
    values = ("as_designed", "lowest", "highest")
    shown = pd.DataFrame({"quantity": [_named(q) for q in ties["quantity"]]})
    for column in values:
        cells = zip(ties["quantity"], ties[column], hidden[column], strict=True)
        shown[column] = [HIDDEN if h else _printed(q, v) for q, v, h in cells]
    columns = [
        Column("quantity", "What"),
        Column("as_designed", "As designed", "printed"),
        Column("lowest", "Lowest", "printed"),
        Column("highest", "Highest", "printed"),
    ]
    return table_block(shown, caption="Results with ties broken otherwise", columns=columns, hidden=shown == HIDDEN)


def _named(quantity: str) -> str:
    return measure_words(quantity) if quantity in SCALES else "total distance of the pairs"


def _printed(quantity: str, value: float) -> str:
    return natural(quantity, value) if quantity in SCALES else number(value, 3)
