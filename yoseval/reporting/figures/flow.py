"""The flow diagram: who was read, who left and why, who was analysed, in both groups."""

import textwrap
from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.reporting.figures.style import COMPARISON_TEXT, MUTED, SIZE, TREATED, house_style, new_figure

Step: TypeAlias = dict[str, Any]

_ARMS = (("treated", "Programme", 0.115, TREATED), ("comparison", "Comparison", 0.885, COMPARISON_TEXT))
_BOX, _LOSS, _LINE = 0.36, 0.44, 0.17  # inches: height of a box, least height of a loss, of each further line of its reason
_WIDTH = 46  # characters of a reason in a line: what fits between the numbers of the two groups


def flow_diagram(attrition: pd.DataFrame) -> Figure:
    """Draw the flow of both groups from the file to the analysis.

    Parameters
    ----------
    attrition : DataFrame
        The public frame ``attrition`` of one programme. Each step with a loss is a line between the boxes at the
        start and the end; confidential counts are ``[c]``.
    """
    steps = flow_steps(attrition)
    losses = [s for s in steps[1:] if s["has_loss"]]
    tall = [_height(s) for s in losses] or [_LOSS]
    with house_style():
        height = 0.3 + 2 * _BOX + sum(tall) + 0.1
        figure = new_figure(height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, 1)
        axes.set_ylim(height, 0)
        axes.axis("off")
        end = height - _BOX - 0.06
        _draw_ends(axes, steps, 0.3, end)
        for i, step in enumerate(losses):
            _draw_loss(axes, step, 0.3 + _BOX + sum(tall[:i]) + tall[i] / 2)
    return figure


def flow_steps(attrition: pd.DataFrame) -> list[Step]:
    """Return each step with its reason and the counts of both groups as texts."""
    found = []
    for _, rows in attrition.groupby("step", sort=True, dropna=False):
        by_arm = {r["arm"]: r for r in rows.to_dict("records")}
        lost = {arm: _shown(by_arm.get(arm), "n_lost") for arm, *_ in _ARMS}
        left = {arm: _shown(by_arm.get(arm), "n_left") for arm, *_ in _ARMS}
        found.append(
            {
                "reason": str(rows["reason"].iloc[0]),
                "stage": str(rows["stage"].iloc[0]),
                "lost": lost,
                "left": left,
                "has_loss": any(v not in ("0", "") for v in lost.values()),
            }
        )
    return found


def _shown(row: Mapping[str, Any] | None, column: str) -> str:
    if row is None:
        return ""
    return "[c]" if pd.isna(row[column]) else f"{int(row[column]):,}"


def _draw_ends(axes: Axes, steps: list[Step], start: float, end: float) -> None:
    for arm, name, x, colour in _ARMS:
        axes.text(x, 0.16, name, ha="center", va="center", color=colour, fontweight="bold")
        if not steps:
            continue
        for y, words in ((start, steps[0]["left"][arm]), (end, steps[-1]["left"][arm])):
            axes.text(
                x,
                y + _BOX / 2,
                words,
                ha="center",
                va="center",
                fontsize=12,
                fontweight="bold",
                color=colour,
                bbox={"boxstyle": "round,pad=0.35,rounding_size=0.15", "fc": "white", "ec": colour, "lw": 1.3},
            )
        arrow = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x, end - 0.02), (x, start + _BOX + 0.02), arrowprops=arrow)
    axes.text(0.5, start + _BOX / 2, first_words(steps), ha="center", va="center")
    axes.text(0.5, end + _BOX / 2, last_words(steps), ha="center", va="center", fontweight="bold")


def first_words(steps: list[Step]) -> str:
    """Say where the flow begins: in a prepared file, or in the records."""
    return "in the records" if steps and steps[0]["stage"] == "extract" else "read from the file"


def last_words(steps: list[Step]) -> str:
    """Say where the flow ends: with those analysed, or with those compared where no outcome was opened."""
    is_open = bool(steps) and steps[-1]["stage"] == "design" and set(steps[-1]["left"].values()) != {"0"}
    return "compared" if is_open else "analysed"


def _lines(step: Step) -> list[str]:
    """Return the whole reason in lines: nothing of it is cut off."""
    return textwrap.wrap(step["reason"], _WIDTH) or [""]


def _height(step: Step) -> float:
    return _LOSS + _LINE * max(len(_lines(step)) - 2, 0)


def _draw_loss(axes: Axes, step: Step, y: float) -> None:
    axes.text(0.5, y, "\n".join(_lines(step)), ha="center", va="center", fontsize=SIZE)
    for arm, _, x, colour in _ARMS:
        if step["lost"][arm] in ("0", ""):
            continue
        inward = 1 if x < 0.5 else -1
        axes.plot([x, x + 0.05 * inward], [y, y], color=MUTED, lw=1.0)
        shown = step["lost"][arm] if step["lost"][arm] == "[c]" else f"\N{MINUS SIGN}{step['lost'][arm]}"
        axes.text(x + 0.058 * inward, y, shown, ha="left" if inward > 0 else "right", va="center", color=colour)
