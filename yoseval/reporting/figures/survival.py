"""Outcome curves: the share with the outcome as time goes by, with intervals and the numbers still followed."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.reporting.figures.style import COMPARISON, COMPARISON_TEXT, GRID, SIZE, TREATED, house_style, new_figure

_ARMS = (
    ("treated", "Programme", TREATED, TREATED, "-", "o"),
    ("comparison", "Comparison", COMPARISON, COMPARISON_TEXT, (0, (5, 2)), "s"),
)
_HEIGHT = 3.7  # inches
_LEFT, _ACROSS = 0.16, 0.645  # shares of the width: names of rows on the left, names of lines on the right
_NAMES = -0.24  # where names of rows begin, in shares of the axis


def survival_plot(curves: pd.DataFrame, *, label: str = "With the outcome") -> Figure:
    """Draw cumulative incidence in both groups with bands, and a table of those at risk under the axis.

    Parameters
    ----------
    curves : DataFrame
        The public frame ``curves`` of one programme and outcome: rows of kind ``curve`` and ``at_risk``.
    label : str
        What is counted, for the vertical axis.

    Returns
    -------
    Figure
        Lines differ in colour, dashes and end marker, and carry their names. Confidential numbers are ``[c]``.
    """
    drawn = curves.loc[(curves["kind"] == "curve") & curves["incidence"].notna() & curves["time"].notna()]
    risk = curves.loc[(curves["kind"] == "at_risk") & curves["time"].notna()]
    unit = next((u for u in curves["time_unit"] if u), "time")
    with house_style():
        figure = new_figure(_HEIGHT)
        axes = figure.add_axes((_LEFT, 0.345, _ACROSS, 0.63))
        ends = [_draw_arm(axes, drawn.loc[drawn["arm"] == arm[0]], arm) for arm in _ARMS]
        _finish(axes, drawn, risk, f"{label}, per 100")
        _name_lines(axes, ends)
        axes.set_xlabel(f"{unit[:1].upper()}{unit[1:]} since time zero", labelpad=3)
        _risk_table(figure.add_axes((_LEFT, 0.0, _ACROSS, 0.2)), risk, axes.get_xlim())
    return figure


def _draw_arm(axes: Axes, rows: pd.DataFrame, arm: tuple[Any, ...]) -> float | None:
    rows = rows.sort_values("time", kind="stable")
    if rows.empty:
        return None
    _, _, colour, _, line, marker = arm
    bounded = rows.dropna(subset=["conf_low", "conf_high"])
    axes.fill_between(
        bounded["time"], 100 * bounded["conf_low"], 100 * bounded["conf_high"], step="post", color=colour, alpha=0.16, lw=0
    )
    axes.plot(rows["time"], 100 * rows["incidence"], drawstyle="steps-post", color=colour, ls=line, lw=1.9)
    last = rows.iloc[-1]
    axes.plot(last["time"], 100 * last["incidence"], marker=marker, color=colour, ms=5, clip_on=False)
    return float(100 * last["incidence"])


def _finish(axes: Axes, drawn: pd.DataFrame, risk: pd.DataFrame, label: str) -> None:
    end = float(max(drawn["time"].max() if len(drawn) else 0.0, risk["time"].max() if len(risk) else 0.0)) or 1.0
    top = float(100 * drawn[["incidence", "conf_high"]].max().max()) if len(drawn) else 100.0
    axes.set_xlim(0, end)
    axes.set_ylim(0, min(100.0, max(top * 1.08, 5.0)))
    if len(risk):
        axes.set_xticks(sorted(risk["time"].unique()))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.yaxis.grid(visible=True, color=GRID, lw=0.6)
    axes.set_ylabel(label)


def _name_lines(axes: Axes, ends: list[float | None]) -> None:
    """Write each line's name at its end, apart where the ends are close."""
    top = axes.get_ylim()[1]
    apart = 0.075 * top
    known = [e for e in ends if e is not None]
    middle = sum(known) / len(known) if known else 0.0
    close = len(known) == 2 and abs(known[0] - known[1]) < apart
    for end, (_, name, _, colour, _, _) in zip(ends, _ARMS, strict=True):
        if end is None:
            continue
        above = end > middle or (end == middle and name == "Comparison")
        y = middle + (apart / 2 if above else -apart / 2) if close else end
        axes.annotate(
            f"{name} {end:.1f}",
            (1.0, y),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
        )


def _risk_table(axes: Axes, risk: pd.DataFrame, limits: tuple[float, float]) -> None:
    axes.set_xlim(*limits)
    axes.set_ylim(0, 3)
    axes.axis("off")
    axes.text(
        _NAMES,
        2.55,
        "Still followed, without the outcome so far",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontweight="bold",
    )
    for y, (arm, name, _, colour, _, _) in zip((1.6, 0.7), _ARMS, strict=True):
        axes.text(_NAMES, y, name, transform=axes.get_yaxis_transform(), va="center", color=colour, fontweight="bold")
        for r in risk.loc[risk["arm"] == arm].to_dict("records"):
            shown = "[c]" if pd.isna(r["n_at_risk"]) else f"{int(r['n_at_risk']):,}"
            axes.text(r["time"], y, shown, ha="center", va="center", color=colour, fontsize=SIZE)
