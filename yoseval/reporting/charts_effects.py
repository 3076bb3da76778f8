"""Charts of effects as blocks: people out of 100, outcome curves, and estimates side by side.

Takes a view of a run and gives blocks with headline, alternative text and the numbers behind each chart.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from yoseval.reporting.amounts import SCALES, difference, duration, is_known, natural
from yoseval.reporting.blocks import Block
from yoseval.reporting.charts_design import source_of
from yoseval.reporting.figures.forest import forest_plot
from yoseval.reporting.figures.icons import icon_array, whole
from yoseval.reporting.figures.style import figure_block
from yoseval.reporting.figures.survival import survival_plot
from yoseval.reporting.pieces import NOTHING
from yoseval.reporting.tables import HIDDEN, NOT_APPLICABLE, Column, table_block
from yoseval.reporting.view import View
from yoseval.reporting.wording import VERDICT_LOOK, WITH_NUMBERS
from yoseval.reporting.words import Words, capital

LOOKS = {verdict: (look.marker, look.colour) for verdict, look in VERDICT_LOOK.items()}
_SHORT_METHODS = {
    "nearest": "Nearest matching",
    "exact": "Exact matching",
    "cem": "Coarsened exact matching",
    "subclass": "Subclasses of the score",
    "optimal": "Optimal matching",
    "full": "Full matching",
    "cardinality": "Cardinality matching",
    "profile": "Profile matching",
    "overlap": "Overlap weighting",
    "entropy": "Entropy balancing",
    "ipw": "Inverse-probability weights",
    "matching_weights": "Matching weights",
    "cbps": "Balancing score",
    "clone_censor": "Cloned, weighted",
    "randomised": "As allocated at random",
    "unadjusted": "No adjustment",
    "two_stage_least_squares": "Two-stage least squares",
}


def icons_block(view: View) -> Block:
    """Return paired arrays of 100 people; nothing where a share is confidential or no claim is made."""
    row = view.finding
    if (
        row["verdict"] not in WITH_NUMBERS
        or SCALES[row["measure"]].arms not in ("share", "free")
        or not is_known(row["treated_value"], row["comparison_value"])
    ):
        return NOTHING
    treated, comparison = (100 * _with_outcome(row["measure"], row[c]) for c in ("treated_value", "comparison_value"))
    words, outcome = view.words, view.words.outcome(row["outcome"])
    did = f"{outcome.label} within {duration(row['horizon'], row['time_unit'])}"
    similar = "" if _is_true(row["randomised"]) else "similar "
    name = capital(f"{view.entered.past} the programme")
    numbers = pd.DataFrame({"group": [name, f"Comparison group ({words.comparison})"], "share": [treated, comparison]})
    return figure_block(
        icon_array(treated, comparison, did=outcome.label, group=name),
        title=_icons_title(view, treated - comparison),
        subtitle=f"{capital(words.people)} who {did}, of every 100 in each group, rounded to whole people",
        alt=(
            f"Of every 100 {words.people} who {view.entered.past} {view.name}, {whole(treated)} {did}; of every 100 "
            f"{similar}{words.people} "
            f"in the comparison group, {whole(comparison)} did."
        ),
        source=source_of(view),
        numbers=table_block(
            numbers,
            caption=f"{capital(words.people)} who {did}",
            columns=[Column("group", "Group"), Column("share", f"Per 100 {words.people}", "number", 1)],
        ),
    )


def curves_block(view: View, outcome: str) -> Block:
    """Return the outcome curves of one outcome with the numbers still followed."""
    curves = view.frame("curves")
    mine = (curves["outcome"] == outcome).to_numpy()
    curves, hidden = curves.loc[mine].reset_index(drop=True), view.hidden("curves").loc[mine].reset_index(drop=True)
    drawn = curves.loc[(curves["kind"] == "curve") & curves["incidence"].notna()]
    if drawn.empty:
        return NOTHING
    words = view.words.outcome(outcome)
    unit = str(curves["time_unit"].iloc[0])
    end = duration(float(drawn["time"].max()), unit)
    last = {arm: _last_share(drawn, arm) for arm in ("treated", "comparison")}
    return figure_block(
        survival_plot(curves, label=capital(words.label)),
        title=f"Within {end}, {last['treated']} in every 100 who {view.entered.past} the programme {words.label}, against "
        f"{last['comparison']} in the comparison",
        subtitle=f"Share who {words.label} as time went by, made alike by the design, with {view.words.interval}s",
        alt=(
            f"Two rising curves. By {end} the curve of those who {view.entered.past} {view.name} reaches "
            f"{last['treated']} in every 100, that of the comparison group {last['comparison']}. The table below gives both at "
            "several times."
        ),
        source=source_of(view),
        numbers=_curves_table(curves, hidden, words.label, unit),
    )


def estimates_forest(view: View) -> Block:
    """Return the main measure by every method that was used, the unadjusted difference among them."""
    row = view.finding
    estimates = view.frame("estimates")
    is_same = (estimates["outcome"] == row["outcome"]) & (estimates["measure"] == row["measure"])
    is_whole = (estimates["horizon"] == row["horizon"]) & ~(estimates["entry"] > 0)
    same = estimates.loc[is_same & is_whole].reset_index(drop=True)
    if same.empty or not same["estimate"].notna().any():
        return NOTHING
    same = same.assign(name=estimate_labels(same))
    main = same.loc[same["role"] == "primary", "estimate"]
    agree = _agreement(same, row["measure"])
    return forest_block(
        same,
        view.words,
        row,
        title=f"Every method points the same way as the main one: {agree}"
        if agree
        else "The methods do not all point the same way",
        alt=(
            f"{len(same)} estimates, one a row, with intervals. "
            + (
                f"The main one is {difference(row['measure'], float(main.iloc[0]), row['time_unit'])}. "
                if main.notna().any()
                else ""
            )
            + (f"All lie on the same side of no difference ({agree})." if agree else "They lie on both sides of no difference.")
        ),
        source=source_of(view),
        heads="Method",
    )


def forest_block(
    rows: pd.DataFrame, words: Words, row: Any, *, title: str, alt: str, source: str, heads: str, numbers: Block | None = None
) -> Block:
    """Return rows of estimates of one measure as a forest plot with its table.

    Parameters
    ----------
    rows : DataFrame
        Rows with ``name``, ``estimate``, ``conf_low``, ``conf_high``, optionally ``verdict`` and ``remark``.
    words : Words
        What the study calls things.
    row : mapping
        A finding that says measure, horizon, unit, outcome and worthwhile change.
    title, alt, source, heads : str
        Words of the figure, and the header of its first column.
    numbers : Block, optional
        A fuller table to stand for the numbers behind the chart.
    """
    measure, scale = row["measure"], SCALES[row["measure"]]
    worthwhile = float(row["worthwhile"]) if is_known(row["worthwhile"]) and not scale.is_ratio else None
    axis = axis_label(row, words)
    band = (
        f"; shaded: smaller than the smallest worthwhile change ({natural(measure, worthwhile).lstrip('+')})"
        if worthwhile
        else ""
    )
    return figure_block(
        forest_plot(rows, measure=measure, axis=axis, worthwhile=worthwhile, looks=LOOKS),
        title=title,
        subtitle=f"{axis}, with {words.interval}s{band}",
        alt=alt,
        source=source,
        numbers=numbers or _forest_table(rows, measure, axis, heads, words),
    )


def axis_label(row: Any, words: Words) -> str:
    """Return the label of an axis for the measure of a finding."""
    length = duration(row["horizon"], row["time_unit"]) if is_known(row["horizon"]) else "follow-up"
    return SCALES[row["measure"]].axis.format(
        noun=words.outcome(row["outcome"]).noun, horizon=length, people=words.people, unit=row["time_unit"]
    )


def estimate_labels(estimates: pd.DataFrame) -> list[str]:
    """Return a distinct label for each estimate: its method, and what sets it apart."""
    main = estimates.loc[estimates["role"] == "primary", "horizon"]
    labels: list[str] = []
    for r in estimates.to_dict("records"):
        label = short_method(r["method"])
        if r["role"] == "primary":
            label += " (main)"
        elif len(main) and is_known(r["horizon"]) and r["horizon"] != main.iloc[0]:
            label += f", {duration(r['horizon'], r['time_unit'])}"
        if label in labels or f"{label} (main)" in labels:
            again = sum(known.startswith(label) for known in labels) + 1
            label += f": {r['notes'].split(' | ')[0]}" if r["notes"] else f" ({again})"
        labels.append(label)
    return labels


def short_method(method: str) -> str:
    """Name a method in two or three words; its own name where there are none."""
    return _SHORT_METHODS.get(method, capital(method))


def _icons_title(view: View, gap: float) -> str:
    label = view.words.outcome(view.finding["outcome"]).label
    seen = f"About {difference('risk_difference', gap / 100)} {label}"
    return {
        "cannot_tell": f"{seen}, which is too uncertain to tell",
        "no_worthwhile_effect": f"Much the same share of each group {label}",
    }.get(view.finding["verdict"], seen)


def _with_outcome(measure: str, value: float) -> float:
    return 1.0 - value if SCALES[measure].arms == "free" else value


def _is_true(flag: Any) -> bool:
    return not pd.isna(flag) and bool(flag)


def _last_share(drawn: pd.DataFrame, arm: str) -> str:
    mine = drawn.loc[drawn["arm"] == arm].sort_values("time", kind="stable")
    return HIDDEN if mine.empty else f"{100 * float(mine['incidence'].iloc[-1]):.1f}"


def _curves_table(curves: pd.DataFrame, hidden: pd.DataFrame, label: str, unit: str) -> Block:
    is_risk = (curves["kind"] == "at_risk").to_numpy()
    risk = curves.loc[is_risk]
    times = sorted(set(risk["time"].dropna())) or sorted(set(curves["time"].dropna()))
    rows, masks = [], []
    for time in times:
        row: dict[str, Any] = {"time": f"{time:g}"}
        mask = {}
        for arm in ("treated", "comparison"):
            row[f"share_{arm}"] = _share_at(curves, arm, time)
            at = risk.loc[(risk["arm"] == arm) & (risk["time"] == time)]
            row[f"risk_{arm}"] = at["n_at_risk"].iloc[0] if len(at) else None
            mask[f"risk_{arm}"] = bool(hidden.loc[at.index, "n_at_risk"].any())
            mask[f"share_{arm}"] = row[f"share_{arm}"] == HIDDEN
        rows.append(row)
        masks.append(mask)
    columns = [Column("time", f"Time, {unit}")]
    for arm, name in (("treated", "programme"), ("comparison", "comparison")):
        columns += [
            Column(f"share_{arm}", f"Per 100 who {label}, {name} (interval)", "printed"),
            Column(f"risk_{arm}", f"Still followed, {name}", "count"),
        ]
    return table_block(
        pd.DataFrame(rows),
        caption=f"Share who {label} and number still followed, by time" + (f", to {times[-1]:g} {unit}" if times else ""),
        columns=columns,
        hidden=pd.DataFrame(masks),
        wide=True,
    )


def _share_at(curves: pd.DataFrame, arm: str, time: float) -> str:
    steps = curves.loc[
        (curves["kind"] == "curve") & (curves["arm"] == arm) & (curves["time"] <= time) & curves["incidence"].notna()
    ]
    if steps.empty:
        return HIDDEN
    last = steps.sort_values("time", kind="stable").iloc[-1]
    limits = (
        f" ({100 * last['conf_low']:.1f} to {100 * last['conf_high']:.1f})"
        if is_known(last["conf_low"], last["conf_high"])
        else ""
    )
    return f"{100 * last['incidence']:.1f}{limits}"


def _agreement(estimates: pd.DataFrame, measure: str) -> str:
    """Name the side of no difference on which all estimates lie; empty where they do not agree."""
    scale = SCALES[measure]
    known = estimates["estimate"].dropna()
    low, high = (scale.lower, scale.higher) if not scale.is_ratio else ("lower", "higher")
    if (known < scale.null).all():
        return low
    return high if (known > scale.null).all() else ""


def _forest_table(rows: pd.DataFrame, measure: str, axis: str, heads: str, words: Words) -> Block:
    shown = pd.DataFrame(
        {
            "name": rows["name"],
            "estimate": [natural(measure, v) if is_known(v) else "" for v in rows["estimate"]],
            "interval": [_limits(measure, lo, hi) for lo, hi in zip(rows["conf_low"], rows["conf_high"], strict=True)],
        }
    )
    remarks: Sequence[str] = rows["remark"].tolist() if "remark" in rows else [HIDDEN] * len(rows)
    blank = [v == "" for v in shown["estimate"]]
    shown["estimate"] = [(r or NOT_APPLICABLE) if b else v for v, b, r in zip(shown["estimate"], blank, remarks, strict=True)]
    shown["interval"] = [
        v or (HIDDEN if r == HIDDEN else NOT_APPLICABLE) for v, r in zip(shown["interval"], remarks, strict=True)
    ]
    hidden = shown == HIDDEN
    columns = [
        Column("name", heads),
        Column("estimate", "Estimate", "printed"),
        Column("interval", capital(words.interval), "printed"),
    ]
    return table_block(shown, caption=axis, columns=columns, hidden=hidden)


def _limits(measure: str, low: Any, high: Any) -> str:
    return f"{natural(measure, low)} to {natural(measure, high)}" if is_known(low, high) else ""
