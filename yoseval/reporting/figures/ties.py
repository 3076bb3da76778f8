"""The tie plot: how far an estimate moves when ties among equal matches are broken otherwise, beside its interval."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.reporting.amounts import SCALES, natural
from yoseval.reporting.figures.style import BAND, INK, MUTED, SIZE, TREATED, bare, house_style, new_figure

_HEIGHT = 1.45
_BELOW = 0.46  # inches for the axis and its name
_ABOVE = 0.42  # inches for the words above
_LEFT = 0.015


def tie_plot(ties: pd.DataFrame, estimates: pd.DataFrame, *, axis: str = "") -> Figure:
    """Draw the range of an effect over the order of rows, on its interval.

    Parameters
    ----------
    ties : DataFrame
        The safe frame ``ties`` of one programme, with a row on an effect.
    estimates : DataFrame
        The safe frame ``estimates`` of the same programme.
    axis : str
        Label of the axis.

    Returns
    -------
    Figure
        A shaded band for the interval of the primary estimate, a diamond for the estimate, a thick bar from the lowest to
        the highest effect, and a line at no difference.
    """
    row = effect_row(ties)
    scale = SCALES[row["quantity"]]
    main = estimates.loc[estimates["role"] == "primary"].iloc[0]
    low, high, own = (scale.factor * float(row[c]) for c in ("lowest", "highest", "as_designed"))
    limits = [scale.factor * float(main[c]) for c in ("conf_low", "conf_high")]
    with house_style():
        figure = new_figure(_HEIGHT)
        axes = figure.add_axes((_LEFT, _BELOW / _HEIGHT, 0.985 - _LEFT, 1 - (_BELOW + _ABOVE) / _HEIGHT))
        axes.axvspan(limits[0], limits[1], color=BAND, lw=0, zorder=0)
        axes.axvline(scale.null, color=INK, lw=1.1, zorder=1)
        axes.plot([low, high], [0, 0], color=TREATED, lw=7, solid_capstyle="butt", zorder=3)
        axes.plot(own, 0, marker="D", color=INK, mec="white", mew=1.0, ms=8, ls="none", zorder=4)
        _finish(axes, [low, high, scale.null, *limits], is_ratio=scale.is_ratio)
        words = (
            (f"bar: {natural(row['quantity'], row['lowest'])} to {natural(row['quantity'], row['highest'])}", TREATED, 0.0),
            ("diamond: as designed", INK, 0.36),
            ("shaded: its interval", MUTED, 0.66),
        )
        for label, colour, x in words:
            figure.text(_LEFT + x, 1 - 0.24 / _HEIGHT, label, color=colour, fontweight="bold", fontsize=SIZE)
        figure.text(0.5, 0.05 / _HEIGHT, axis, va="bottom", ha="center")
    return figure


def effect_row(ties: pd.DataFrame) -> pd.Series:
    """Return the row on the effect, of the safe frame ``ties`` of one programme."""
    return ties.loc[ties["quantity"].isin(list(SCALES))].iloc[0]


def _finish(axes: Axes, values: list[float], *, is_ratio: bool) -> None:
    low, high = float(np.min(values)), float(np.max(values))
    if is_ratio:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.08, high * 1.08)
        ticks = [t for t in (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10) if low / 1.08 <= t <= high * 1.08]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.set_xticks([], minor=True)
    else:
        room = 0.06 * max(high - low, 1e-6)
        axes.set_xlim(low - room, high + room)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", "\N{MINUS SIGN}") if x else "0")
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    bare(axes, keep=("bottom",))
    axes.tick_params(axis="x", length=3)
