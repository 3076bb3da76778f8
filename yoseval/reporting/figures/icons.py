"""Icon arrays: of every 100 in each group, how many had the outcome."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path

from yoseval.errors import ReportError
from yoseval.reporting.figures.style import COMPARISON, COMPARISON_TEXT, MUTED, TREATED, house_style, new_figure

_ACROSS, _DOWN = 20, 5


def icon_array(
    treated_per_100: float,
    comparison_per_100: float,
    *,
    did: str = "had the outcome",
    group: str = "Started the programme",
) -> Figure:
    """Draw two arrays of 100 people side by side, filled where the outcome happened.

    Parameters
    ----------
    treated_per_100, comparison_per_100 : float
        Between 0 and 100; rounded to whole people.
    did : str
        What the filled ones did, a verb phrase in the past.
    group : str
        What those of the first group did, over their icons.

    Raises
    ------
    ReportError
        If a number lies outside 0 and 100 or is not there.
    """
    for value in (treated_per_100, comparison_per_100):
        if not 0 <= value <= 100:
            raise ReportError(f"An icon array shows between 0 and 100 of 100, not {value:g}.", "Draw it for shares only.")
    with house_style():
        figure = new_figure(1.62)
        arms = (
            (group, treated_per_100, TREATED, TREATED),
            ("Comparison group", comparison_per_100, COMPARISON, COMPARISON_TEXT),
        )
        for i, (name, value, fill, ink) in enumerate(arms):
            axes = figure.add_axes((0.004 + 0.507 * i, 0.0, 0.485, 0.74))
            _draw_people(axes, whole(value), fill)
            axes.text(-0.35, -1.5, name, fontweight="bold", va="baseline", color=ink)
            axes.text(-0.35, -0.78, f"{whole(value)} in every 100 {did}", va="baseline")
    return figure


def whole(per_100: float) -> int:
    """Return the number of filled icons: rounded half up, as readers round."""
    return int(np.floor(per_100 + 0.5))


def _draw_people(axes: Axes, filled: int, colour: str) -> None:
    x, y = np.tile(np.arange(_ACROSS), _DOWN), np.repeat(np.arange(_DOWN), _ACROSS)
    did = np.arange(_ACROSS * _DOWN) < filled
    axes.scatter(x[did], y[did], s=175, marker=_PERSON, facecolor=colour, edgecolor=colour, linewidth=0.7)
    axes.scatter(x[~did], y[~did], s=175, marker=_PERSON, facecolor="white", edgecolor=MUTED, linewidth=0.7)
    axes.set_xlim(-0.5, _ACROSS - 0.5)
    axes.set_ylim(_DOWN - 0.45, -0.55)
    axes.axis("off")


def _person() -> Path:
    """Draw a head and shoulders, centred, one unit high."""
    head = Path.circle((0.0, 0.36), 0.14)
    body = Path(
        [(-0.22, -0.5), (-0.22, 0.0), (-0.22, 0.17), (0.0, 0.17), (0.22, 0.17), (0.22, 0.0), (0.22, -0.5), (-0.22, -0.5)],
        [Path.MOVETO, Path.LINETO, Path.CURVE3, Path.CURVE3, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CLOSEPOLY],
    )
    return Path.make_compound_path(head, body)


_PERSON = _person()
