"""The overlap plot: how the two groups' propensity scores lie, before and after the design."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.reporting.figures.style import COMPARISON, COMPARISON_TEXT, MUTED, SIZE, TREATED, house_style, new_figure

_TITLES = {"before": "Before", "after": "After matching or weighting"}


def overlap_plot(overlap: pd.DataFrame) -> Figure:
    """Draw mirrored histograms of the propensity score: the programme above the line, the comparison below.

    Parameters
    ----------
    overlap : DataFrame
        The public frame ``overlap`` of one programme: bins with edges and the share of the arm inside. Bins may
        differ in width; areas are shares. Confidential bins are left open and marked ``[c]``.
    """
    samples = [s for s in ("before", "after") if (overlap["sample"] == s).any()]
    with house_style():
        figure = new_figure(2.75)
        panels = figure.subplots(1, max(len(samples), 1), sharex=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.09, right=0.985, bottom=0.2, top=0.88, wspace=0.08)
        for axes, sample in zip(panels, samples, strict=False):
            _draw_panel(axes, overlap.loc[overlap["sample"] == sample], _TITLES[sample])
        panels[0].set_ylabel("Share of the group (area)")
    return figure


def _draw_panel(axes: Axes, bins: pd.DataFrame, title: str) -> None:
    heights = [_draw_arm(axes, bins.loc[bins["arm"] == arm], sign) for arm, sign in (("treated", 1), ("comparison", -1))]
    top = max(*heights, 1e-9) * 1.25
    axes.set_ylim(-top, top)
    axes.set_xlim(0, min(1.0, float(bins["high"].max()) * 1.05) if bins["high"].notna().any() else 1.0)
    axes.axhline(0.0, color=MUTED, lw=0.9)
    axes.set_title(title, loc="left", fontsize=SIZE, fontweight="bold")
    axes.set_xlabel("Propensity score")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.text(0.985, 0.97, "programme", transform=axes.transAxes, ha="right", va="top", color=TREATED, fontweight="bold")
    axes.text(
        0.985, 0.03, "comparison", transform=axes.transAxes, ha="right", va="bottom", color=COMPARISON_TEXT, fontweight="bold"
    )


def _draw_arm(axes: Axes, bins: pd.DataFrame, sign: int) -> float:
    style: dict[str, Any] = (
        {"facecolor": TREATED, "edgecolor": "white"}
        if sign > 0
        else {"facecolor": "white", "edgecolor": COMPARISON, "hatch": "////"}
    )
    tallest = 0.0
    for b in bins.to_dict("records"):
        width = b["high"] - b["low"]
        middle = (b["low"] + b["high"]) / 2
        if pd.isna(b["share"]) or not width > 0:
            axes.text(middle, 0.0, "[c]", ha="center", va="bottom" if sign > 0 else "top", color=MUTED, fontsize=SIZE)
            continue
        height = b["share"] / width
        tallest = max(tallest, height)
        axes.bar(middle, sign * height, width=width, linewidth=0.8, **style)
    return tallest
