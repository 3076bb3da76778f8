"""Charts of delivery: the way through a programme, suitability and waits, with what nobody recorded drawn as such."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from yoseval.reporting.figures.style import (
    BAND,
    COMPARISON,
    COMPARISON_TEXT,
    GRID,
    INK,
    MUTED,
    TREATED,
    bare,
    house_style,
    new_figure,
)


class Look(NamedTuple):
    """How one answer is drawn: its words, the bar, the ink on it and a pattern that grey print keeps."""

    words: str
    fill: str
    edge: str
    ink: str
    hatch: str = ""


NOT_RECORDED = Look("not recorded", "white", COMPARISON, COMPARISON_TEXT, "////")
CONFIDENTIAL = Look("confidential [c]", BAND, MUTED, INK, "....")
RESULT_LOOK: Mapping[str, Look] = {
    "reached": Look("yes", TREATED, TREATED, "white"),
    "under_way": Look("under way", "#6BACE6", TREATED, INK),
    "not_reached": Look("no", "white", MUTED, INK),
    "not_recorded": NOT_RECORDED,
}
SUITABILITY_LOOK: Mapping[str, Look] = {
    "met": Look("met", TREATED, TREATED, "white"),
    "not_met": Look("not met", "#801650", "#801650", "white"),
    "not_assessed": Look("not assessed", "white", MUTED, INK),
    "not_recorded": NOT_RECORDED,
}
STAGE_WORDS: Mapping[str, str] = {
    "referred": "Referred",
    "offered": "Offered a place",
    "started": "Started",
    "session_held": "Had a session held",
    "session_attended": "Attended a session",
    "completed": "Completed",
    "planned": "Planned",
    "held": "Held",
    "attended": "Attended",
}
_UNIT_WORDS = {"referrals": "Of every 100 referrals", "sessions": "Of every 100 sessions planned"}
_WHOLE = ("referred", "planned")
_BAR, _HEAD, _KEY = 0.23, 0.3, 0.27  # inches: a bar, a heading, the key
_STAGES, _NAMES = 0.21, 0.29  # share of the width for the names of stages, and of programmes
_LETTER = 0.0138  # share of the bars' width that a letter of the key takes
_ENOUGH = 0.045  # a narrower bar has no room for its number


def funnel_chart(delivery: pd.DataFrame) -> Figure:
    """Draw the way through one programme: a bar a stage, split into yes, under way, no and not recorded.

    All were referred and all sessions planned: these stages are the whole that the others are shares of.

    Parameters
    ----------
    delivery : DataFrame
        The public frame ``delivery`` of one programme. What is confidential is drawn together, as ``[c]``.
    """
    parts = delivery[~delivery["stage"].isin(_WHOLE)]
    blocks = [(u, rows) for u, rows in parts.groupby("unit", sort=False) if rows["share"].notna().any()]
    height = _KEY + sum(_HEAD + _BAR * rows["stage"].nunique() for _, rows in blocks)
    with house_style():
        figure = new_figure(height)
        axes = _canvas(figure, height, _STAGES)
        _draw_key(axes, RESULT_LOOK, [rows for _, rows in blocks], "result")
        y = _KEY
        for unit, rows in blocks:
            axes.text(0.0, y + _HEAD / 2 + 0.03, _UNIT_WORDS[str(unit)], va="center", fontweight="bold")
            y += _HEAD
            for stage, cells in rows.groupby("stage", sort=False):
                axes.text(-0.012, y + _BAR / 2, STAGE_WORDS[str(stage)], ha="right", va="center")
                _draw_split(axes, y, cells, RESULT_LOOK, "result")
                y += _BAR
    return figure


def suitability_chart(suitability: pd.DataFrame) -> Figure:
    """Draw for each programme of how many referrals suitability was met, not met, not assessed and not recorded.

    Parameters
    ----------
    suitability : DataFrame
        The public frame ``suitability``.
    """
    programmes = suitability.groupby(["programme", "name"], sort=False)
    height = _KEY + 0.06 + _BAR * programmes.ngroups
    with house_style():
        figure = new_figure(height)
        axes = _canvas(figure, height, _NAMES)
        _draw_key(axes, SUITABILITY_LOOK, [suitability], "suitability")
        for i, ((_, name), cells) in enumerate(programmes):
            y = _KEY + 0.06 + _BAR * i
            axes.text(-0.012, y + _BAR / 2, _short(str(name)), ha="right", va="center")
            _draw_split(axes, y, cells, SUITABILITY_LOOK, "suitability")
    return figure


def waits_chart(delays: pd.DataFrame) -> Figure:
    """Draw the wait of the middle half of the children of each programme, with its median.

    Parameters
    ----------
    delays : DataFrame
        The public frame ``delays`` for one wait, rows whose quartiles are known.
    """
    height = 0.52 + 0.31 * len(delays)
    with house_style():
        figure = new_figure(height)
        axes = figure.add_axes((_NAMES, 0.46 / height, 0.985 - _NAMES, 1 - 0.5 / height))
        for y, row in enumerate(delays.to_dict("records")):
            axes.axhline(y, color=GRID, lw=0.5, zorder=0.5)
            axes.plot([row["lower_quartile"], row["upper_quartile"]], [y, y], color="#6BACE6", lw=7, solid_capstyle="butt")
            axes.plot(row["median"], y, marker="D", color=TREATED, ms=7, ls="none", zorder=3)
            axes.annotate(
                f"{row['median']:.0f}",
                (row["median"], y),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontweight="bold",
            )
        axes.set_yticks(range(len(delays)), [_short(str(n)) for n in delays["name"]])
        axes.set_ylim(len(delays) - 0.5, -0.75)
        axes.set_xlim(left=0, right=float(delays["upper_quartile"].max()) * 1.06 + 1)
        axes.set_xlabel("Days (diamond: half had waited less; bar: the middle half)")
        bare(axes, keep=("bottom",))
        axes.tick_params(axis="x", length=3)
    return figure


def score_matrix(scores: pd.DataFrame, kinds: pd.DataFrame) -> Figure:
    """Draw the lowest score of each table on each dimension, as numbers on shades.

    Parameters
    ----------
    scores : DataFrame of floats, tables by dimensions
        From 0 to 100; empty where there is none.
    kinds : DataFrame of texts of the same shape
        ``score``, ``hidden``, ``absent`` (the table was not given) or empty.
    """
    height = 0.42 + 0.31 * len(scores)
    with house_style():
        figure = new_figure(height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-1.1, 5.03)
        axes.set_ylim(height, 0)
        axes.axis("off")
        for x, dimension in enumerate(scores.columns):
            axes.text(x + 0.5, 0.21, str(dimension).capitalize(), ha="center", va="center", fontweight="bold")
        for i, table in enumerate(scores.index):
            y = 0.42 + 0.31 * i
            axes.text(-0.06, y + 0.155, str(table).capitalize(), ha="right", va="center")
            if (kinds.loc[table] == "absent").any():
                _cell(axes, (0.03, y, 4.94), NOT_RECORDED, "not given")
                continue
            for x, dimension in enumerate(scores.columns):
                kind, score = kinds.loc[table, dimension], scores.loc[table, dimension]
                if kind:
                    _cell(axes, (x + 0.03, y, 0.94), *_score_look(str(kind), float(score)))
    return figure


def _score_look(kind: str, score: float) -> tuple[Look, str]:
    if kind == "hidden":
        return CONFIDENTIAL, "[c]"
    words = f"{score:.0f}" if score in (0, 100) else f"{min(max(score, 0.1), 99.9):.1f}"
    if score < 80:
        return Look("", TREATED, TREATED, "white"), words
    if score < 95:
        return Look("", "#ADD1F1", "#ADD1F1", INK), words
    return Look("", "#f3f5f8", "#f3f5f8", INK), words


def _cell(axes: Axes, box: tuple[float, float, float], look: Look, words: str) -> None:
    x, y, width = box
    _rectangle(axes, x, y + 0.015, width, 0.28, look)
    _label(axes, x + width / 2, y + 0.155, words, look)


def _canvas(figure: Figure, height: float, left: float) -> Axes:
    """Return axes in shares across, to the right of ``left``, and inches down."""
    axes = figure.add_axes((left, 0, 0.995 - left, 1))
    axes.set_xlim(0, 1.0)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return axes


def _draw_split(axes: Axes, y: float, cells: pd.DataFrame, looks: Mapping[str, Look], column: str) -> None:
    x = 0.0
    known = cells.set_index(column)["share"]
    parts = [(looks[a], float(known[a])) for a in looks if a in known.index and pd.notna(known[a])]
    rest = 1.0 - sum(share for _, share in parts)
    if known.isna().any() and rest > 1e-9:
        parts.append((CONFIDENTIAL, rest))
    for look, share in parts:
        if share > 0:
            _rectangle(axes, x, y + 0.025, share, _BAR - 0.05, look)
            if share >= _ENOUGH:
                _label(axes, x + share / 2, y + _BAR / 2, "[c]" if look is CONFIDENTIAL else _per_100(share), look)
        x += share


def _per_100(share: float) -> str:
    return f"{100 * share:.0f}"


def _rectangle(axes: Axes, x: float, y: float, width: float, height: float, look: Look) -> None:
    box = Rectangle((x, y), width, height, fc=look.fill, ec=look.edge, lw=0.9, hatch=look.hatch or None)
    axes.add_patch(box)


def _label(axes: Axes, x: float, y: float, words: str, look: Look) -> None:
    # On a pattern letters need a ground of their own.
    ground = {"boxstyle": "round,pad=0.12", "fc": look.fill, "ec": "none"} if look.hatch else None
    axes.text(x, y, words, ha="center", va="center", color=look.ink, fontweight="bold", bbox=ground)


def _draw_key(axes: Axes, looks: Mapping[str, Look], frames: Sequence[pd.DataFrame], column: str) -> None:
    shown = pd.concat(list(frames))
    used = [look for a, look in looks.items() if (shown.loc[shown[column] == a, "share"] > 0).any()]
    if shown["share"].isna().any():
        used.append(CONFIDENTIAL)
    x = 0.0
    for look in used:
        _rectangle(axes, x, 0.055, 0.03, 0.15, look)
        axes.text(x + 0.04, 0.13, look.words, va="center")
        x += 0.06 + _LETTER * len(look.words)


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"
