"""The love plot: how far the groups differed on each covariate, before and after the design."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

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

MOST_TERMS = 40
LIMIT = 0.10
_ROW = 0.225  # inches a row
_BELOW = 0.46  # inches for the axis and its name


def love_plot(balance: pd.DataFrame) -> Figure:
    """Draw standardised mean differences before and after matching or weighting.

    Parameters
    ----------
    balance : DataFrame
        The public frame ``balance`` of one programme. The ``MOST_TERMS`` terms that differed most are drawn, in
        the order of their difference before.

    Returns
    -------
    Figure
        Hollow circles before, filled diamonds after; the band is the limit of 0.10. What is confidential is ``[c]``.
    """
    wide = love_order(balance)
    with house_style():
        height = _BELOW + 0.35 + _ROW * max(len(wide), 1)
        figure = new_figure(height)
        left = _label_width(list(wide.index))
        axes = figure.add_axes((left, _BELOW / height, 0.985 - left, 1 - (_BELOW + 0.35) / height))
        _draw_band(axes, len(wide))
        for y, (_, row) in enumerate(wide.iterrows()):
            _draw_term(axes, y, row["before"], row["after"])
        _finish(axes, wide)
    return figure


def love_order(balance: pd.DataFrame) -> pd.DataFrame:
    """Return the terms to draw, one a row, with ``before`` and ``after``, largest difference before first."""
    wide = balance.pivot_table(
        index="term", columns="sample", values="std_mean_diff", aggfunc="first", sort=False, dropna=False
    )
    wide = wide.reindex(columns=["before", "after"])
    order = wide["before"].abs().fillna(-1.0).sort_values(ascending=False, kind="stable").index
    return wide.loc[order].head(MOST_TERMS)


def _label_width(terms: list[str]) -> float:
    longest = max((len(str(t)) for t in terms), default=10)
    return min(max(0.075 * min(longest, 40) + 0.2, 0.9), 3.0) / WIDTH


def _draw_band(axes: Axes, rows: int) -> None:
    axes.axvspan(-LIMIT, LIMIT, color=BAND, lw=0)
    axes.axvline(0.0, color=MUTED, lw=0.9)
    for y in range(rows):
        axes.axhline(y, color=GRID, lw=0.5, zorder=0.5)


def _draw_term(axes: Axes, y: int, before: float, after: float) -> None:
    if pd.notna(before) and pd.notna(after):
        axes.plot([before, after], [y, y], color="#9aa0a6", lw=1.0, zorder=2)
    if pd.notna(before):
        axes.plot(before, y, marker="o", mfc="white", mec=COMPARISON, mew=1.5, ms=6, ls="none", zorder=3)
    if pd.notna(after):
        axes.plot(after, y, marker="D", mfc=TREATED, mec=TREATED, ms=5, ls="none", zorder=4)
    if pd.isna(before) or pd.isna(after):
        axes.annotate("[c]", (1.0, y), xycoords=("axes fraction", "data"), ha="right", va="center", color=MUTED, fontsize=SIZE)


def _finish(axes: Axes, wide: pd.DataFrame) -> None:
    reach = max(float(wide.abs().max().max()) if wide.notna().any().any() else 0.0, 0.15) * 1.12
    axes.set_xlim(-reach, reach)
    axes.set_ylim(len(wide) - 0.5, -0.5)
    axes.set_yticks(range(len(wide)), [_short(str(t)) for t in wide.index])
    axes.set_xlabel("Standardised mean difference (shaded: within 0.10)")
    bare(axes, keep=("bottom",))
    axes.tick_params(axis="x", length=3)
    for x, label, colour, marker, fill in (
        (0.0, "before", COMPARISON_TEXT, "o", "white"),
        (0.16, "after", TREATED, "D", TREATED),
    ):
        edge = COMPARISON if label == "before" else TREATED
        axes.plot(
            x + 0.012, 1.0, marker=marker, mfc=fill, mec=edge, mew=1.5, ms=6, ls="none", transform=_above(axes), clip_on=False
        )
        axes.text(x + 0.035, 1.0, label, transform=_above(axes), color=colour, va="center", fontweight="bold")


def _above(axes: Axes) -> Transform:
    return axes.transAxes + ScaledTranslation(0, 0.17, axes.figure.dpi_scale_trans)


def _short(term: str) -> str:
    return term if len(term) <= 42 else f"{term[:41]}…"
