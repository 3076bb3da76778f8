"""The subgroup balance plot: how far the groups differ within each subgroup, after the design."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.reporting.figures.style import (
    BAND,
    COMPARISON,
    COMPARISON_TEXT,
    GRID,
    MUTED,
    SIZE,
    TREATED,
    WIDTH,
    bare,
    house_style,
    new_figure,
)

LIMIT = 0.10
_ROW = 0.27  # inches a row
_BELOW = 0.48  # inches for the axis and its name
_ABOVE = 0.35


def subgroup_balance_plot(subgroup_balance: pd.DataFrame) -> Figure:
    """Draw, for each subgroup, the differences of all terms after the design, and the largest before it.

    Parameters
    ----------
    subgroup_balance : DataFrame
        The safe frame ``subgroup_balance`` of one programme.

    Returns
    -------
    Figure
        A row a subgroup: a filled dot a term after, a hollow circle for the largest before; the band is the limit of 0.10.
        Subgroups too small to be shown are ``[c]``.
    """
    names = list(dict.fromkeys(subgroup_balance["subgroup"]))
    with house_style():
        height = _BELOW + _ABOVE + _ROW * max(len(names), 1)
        figure = new_figure(height)
        left = min(max(0.075 * min(max((len(n) for n in names), default=10), 40) + 0.2, 0.9), 3.0) / WIDTH
        axes = figure.add_axes((left, _BELOW / height, 0.985 - left, 1 - (_BELOW + _ABOVE) / height))
        axes.axvspan(0, LIMIT, color=BAND, lw=0)
        reach = 0.15
        for y, name in enumerate(names):
            axes.axhline(y, color=GRID, lw=0.5, zorder=0.5)
            reach = max(reach, _draw_row(axes, y, subgroup_balance.loc[subgroup_balance["subgroup"] == name]))
        _finish(axes, names, reach * 1.08)
    return figure


def subgroup_balance_words(subgroup_balance: pd.DataFrame) -> str:
    """State the finding: in how many subgroups every term lies within the limit, and where the largest difference is.

    Parameters
    ----------
    subgroup_balance : DataFrame
        The safe frame ``subgroup_balance`` of one programme.

    Returns
    -------
    str
        For whoever does not see the chart.
    """
    after = subgroup_balance.loc[subgroup_balance["sample"] == "after"]
    worst = after.assign(size=after["std_mean_diff"].abs()).groupby("subgroup", sort=False)["size"].max()
    shown = worst.dropna()
    hidden = len(worst) - len(shown)
    left = f" {hidden} of {len(worst)} subgroups are too small to be shown." if hidden else ""
    if shown.empty:
        return f"No subgroup can be shown.{left}"
    within = int((shown <= LIMIT).sum())
    return (
        f"After the design, every term that may be shown lies within {LIMIT:.2f} standard deviations in {within} of the "
        f"{len(shown)} subgroups shown; the largest difference is {shown.max():.2f}, in {shown.idxmax()}.{left}"
    )


def _draw_row(axes: Axes, y: int, rows: pd.DataFrame) -> float:
    sizes = {s: rows.loc[rows["sample"] == s, "std_mean_diff"].abs().dropna() for s in ("before", "after")}
    if sizes["after"].empty:
        axes.annotate("[c]", (1.0, y), xycoords=("axes fraction", "data"), ha="right", va="center", color=MUTED, fontsize=SIZE)
        return 0.0
    axes.plot(
        sizes["after"], [y] * len(sizes["after"]), marker="D", mfc=TREATED, mec="white", mew=0.5, ms=5.5, ls="none", zorder=4
    )
    if not sizes["before"].empty:
        axes.plot(sizes["before"].max(), y, marker="o", mfc="white", mec=COMPARISON, mew=1.5, ms=6, ls="none", zorder=3)
    return float(max(sizes["after"].max(), sizes["before"].max() if len(sizes["before"]) else 0.0))


def _finish(axes: Axes, names: list[str], reach: float) -> None:
    axes.set_xlim(-0.02 * reach, reach)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [n if len(n) <= 42 else f"{n[:41]}…" for n in names])
    axes.set_xlabel("Standardised mean difference, without sign (shaded: within 0.10)")
    bare(axes, keep=("bottom",))
    axes.tick_params(axis="x", length=3)
    words = (("hollow: largest before", COMPARISON_TEXT, 0.0), ("filled: each term after", TREATED, 0.36))
    for label, colour, x in words:
        axes.annotate(
            label,
            (x, 1.0),
            xycoords="axes fraction",
            xytext=(0, 5),
            textcoords="offset points",
            color=colour,
            fontweight="bold",
        )
