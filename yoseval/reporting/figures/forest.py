"""The forest plot: estimates with intervals, one a row, beside the smallest worthwhile change."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.arrays import Floats
from yoseval.reporting.amounts import SCALES, natural
from yoseval.reporting.figures.style import BAND, GRID, INK, MUTED, SIZE, WIDTH, house_style, new_figure

_ROW = 0.31  # inches a row
_BELOW = 0.46  # inches for the axis and its name


def forest_plot(
    rows: pd.DataFrame,
    *,
    measure: str,
    label: str = "name",
    axis: str = "",
    worthwhile: float | None = None,
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> Figure:
    """Draw estimates of one measure, in the order given.

    Parameters
    ----------
    rows : DataFrame
        Public rows with ``estimate``, ``conf_low``, ``conf_high`` (natural scale), the column ``label``, and
        optionally ``verdict`` for the look and ``remark``, shown instead of ``[c]`` where there is no estimate.
    measure : str
        A key of ``SCALES``; ratios are drawn on a logarithmic axis.
    label : str
        Column that names each row.
    axis : str
        Label of the axis.
    worthwhile : float, optional
        Smallest worthwhile change on the measure's scale: shaded, for differences.
    looks : mapping of verdict to (marker, colour), optional
        Shapes and colours of verdicts.
    """
    with house_style():
        height = _BELOW + 0.08 + _ROW * max(len(rows), 1)
        figure = new_figure(height)
        left = _label_width(rows[label].tolist()) / WIDTH
        axes = figure.add_axes((left, _BELOW / height, 0.74 - left, 1 - (_BELOW + 0.04) / height))
        _frame(axes, rows, measure, worthwhile)
        for y, row in enumerate(rows.to_dict("records")):
            _draw_row(axes, y, row, measure, (looks or {}).get(row.get("verdict", ""), ("D", INK)))
        axes.set_yticks(range(len(rows)), [_in_lines(str(n)) for n in rows[label]], linespacing=1.0)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        figure.text(0.37 + left / 2, 0.05 / height, axis, va="bottom", ha="center")
    return figure


def _label_width(labels: list[str]) -> float:
    longest = max((len(str(t)) for t in labels), default=10)
    return min(max(0.075 * min(longest, 34) + 0.15, 0.9), 2.5)


def _frame(axes: Axes, rows: pd.DataFrame, measure: str, worthwhile: float | None) -> None:
    scale = SCALES[measure]
    drawn = rows[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=np.float64, na_value=np.nan)
    known = drawn[np.isfinite(drawn)]
    if scale.is_ratio:
        axes.set_xscale("log")
        _set_ratio_limits(axes, known)
    else:
        _set_difference_limits(axes, scale.factor * known, scale.factor * (worthwhile or 0.0))
    axes.axvline(scale.null, color=INK, lw=1.1, zorder=1)
    axes.xaxis.grid(visible=True, which="major", color=GRID, lw=0.6)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _set_difference_limits(axes: Axes, values: Floats, worthwhile: float) -> None:
    reach = max([float(np.abs(values).max()) if len(values) else 0.0, 1.3 * worthwhile, 0.01]) * 1.08
    axes.set_xlim(-reach, reach)
    if worthwhile > 0:
        axes.axvspan(-worthwhile, worthwhile, color=BAND, lw=0, zorder=0)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", "\N{MINUS SIGN}") if x else "0")


def _set_ratio_limits(axes: Axes, values: Floats) -> None:
    positive = values[values > 0]
    reach = max([1.3, *(positive.max(), 1 / positive.min())]) * 1.1 if len(positive) else 2.0
    axes.set_xlim(1 / reach, reach)
    ticks = [t for t in (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10) if 1 / reach <= t <= reach]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)


def _draw_row(axes: Axes, y: int, row: Mapping[str, Any], measure: str, look: tuple[str, str]) -> None:
    marker, colour = look
    beside: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "xytext": (8, 0),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": SIZE,
    }
    if pd.isna(row["estimate"]):
        axes.annotate(row.get("remark") or "[c]", (1.0, y), color=MUTED, annotation_clip=False, **beside)
        return
    factor = SCALES[measure].factor
    shown = natural(measure, row["estimate"])
    if pd.notna(row["conf_low"]) and pd.notna(row["conf_high"]):
        low, high = factor * row["conf_low"], factor * row["conf_high"]
        axes.plot([low, high], [y, y], color=colour, lw=2.2, solid_capstyle="butt", zorder=3)
        shown += f" ({natural(measure, row['conf_low'])} to {natural(measure, row['conf_high'])})"
    axes.plot(factor * row["estimate"], y, marker=marker, color=colour, ms=8, ls="none", zorder=4)
    axes.annotate(shown, (1.0, y), color=INK, annotation_clip=False, **beside)


def _in_lines(label: str) -> str:
    """Break a long label into two lines, of which the second may end early."""
    return "\n".join(wrap(label, 36, max_lines=2, placeholder="…"))
