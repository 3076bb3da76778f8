"""The look all charts share, and the block a chart becomes: headline, picture with alt text, source, numbers.

Takes a matplotlib figure and its words and gives one block. Charts are made with ``Figure`` objects, never
pyplot: nothing global is left behind. The same inputs give the same bytes.
"""

import base64
import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.errors import ReportError
from yoseval.reporting.blocks import Block, text

TREATED = "#12436D"
COMPARISON = "#F46A25"
COMPARISON_TEXT = "#A3400F"  # the same hue, dark enough for text
INK = "#0b0c0c"
MUTED = "#484949"
GRID = "#d9dbdd"
BAND = "#e6ebf0"

WIDTH = 6.7  # inches: 170 mm, the text width of an A4 page
SIZE = 9.5  # points: nothing on a chart is smaller in print

_FONTS = ("Arial", "Liberation Sans", "DejaVu Sans")
_LOCK = threading.RLock()


@cache
def font_name() -> str:
    """Return the first of the report's fonts that is installed."""
    installed = set(font_manager.get_font_names())
    return next((f for f in _FONTS if f in installed), "DejaVu Sans")


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the report's style; settings of the caller come back afterwards."""
    settings: dict[Any, Any] = {
        "font.family": font_name(),
        "font.size": SIZE,
        "axes.labelsize": SIZE,
        "xtick.labelsize": SIZE,
        "ytick.labelsize": SIZE,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.edgecolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "axes.linewidth": 0.8,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "savefig.facecolor": "white",
        "hatch.linewidth": 0.6,
        "axes.unicode_minus": True,
        "svg.hashsalt": "yoseval",
        "svg.fonttype": "path",
        "path.simplify": False,
        "text.usetex": False,
        "text.parse_math": False,  # a dollar sign in a programme's name is a dollar sign
    }
    with _LOCK, mpl.rc_context(settings):
        yield


def new_figure(height: float) -> Figure:
    """Return an empty figure, as wide as the text of an A4 page.

    Parameters
    ----------
    height : float
        Inches.
    """
    return Figure(figsize=(WIDTH, height))


def bare(axes: Axes, *, keep: tuple[str, ...] = ()) -> None:
    """Take the frame of ``axes`` away, but for the sides in ``keep``."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in keep)
    axes.tick_params(length=0)


def svg(figure: Figure) -> str:
    """Return the figure as SVG: no date, fixed ids, letters drawn as shapes.

    Parameters
    ----------
    figure : Figure
        Any figure of this package.
    """
    buffer = io.StringIO()
    with house_style():
        # Axes' positions are fixed by each chart: cutting to the ink would make widths differ from chart to chart.
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def figure_block(figure: Figure, *, title: str, subtitle: str, alt: str, source: str, numbers: Block) -> Block:
    """Return a chart as a block: headline, picture, source and the numbers behind it.

    Parameters
    ----------
    figure : Figure
        The chart.
    title : str
        Headline that states the finding.
    subtitle : str
        What is drawn, with units.
    alt : str
        The finding in words, for those who do not see the chart; not the title again.
    source : str
        Where the records come from.
    numbers : Block
        Table of the numbers behind the chart.

    Raises
    ------
    ReportError
        If the alternative text is empty or repeats the title, or there are no numbers.
    """
    if not alt.strip() or alt.strip() == title.strip():
        raise ReportError(f"The chart '{title}' has no alternative text of its own.", "Say in words what the chart shows.")
    if "<table" not in numbers.html:
        raise ReportError(f"The chart '{title}' comes without the numbers behind it.", "Give them as a table.")
    drawing = svg(figure)
    words = "|".join((title, subtitle, alt, source, numbers.html, drawing))
    name = f"figure-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
    picture = base64.b64encode(drawing.encode()).decode("ascii")
    return Block(
        f'<div class="figure" role="group" aria-labelledby="{name}">\n'
        f'<p class="figure__title" id="{name}"><strong>{text(title)}</strong></p>\n'
        f'<p class="figure__subtitle">{text(subtitle)}</p>\n'
        f'<img alt="{text(alt)}" src="data:image/svg+xml;base64,{picture}">\n'
        f'<p class="figure__source">{text(f"Source: {source}")}</p>\n'
        f'<div class="numbers">\n{numbers.html}\n</div>\n</div>'
    )
