"""The ecdf plot: how a covariate is distributed in each group, before and after the design."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from yoseval.errors import ReportError
from yoseval.reporting.amounts import MINUS
from yoseval.reporting.figures.style import COMPARISON, COMPARISON_TEXT, GRID, MUTED, SIZE, TREATED, house_style, new_figure

_TITLES = {"before": "Before", "after": "After matching or weighting"}


def ecdf_plot(distributions: pd.DataFrame, term: str) -> Figure:
    """Draw the distribution function of one number in both groups, before and after.

    Parameters
    ----------
    distributions : DataFrame
        The safe frame ``distributions`` of one programme.
    term : str
        A number in it.

    Returns
    -------
    Figure
        Steps of several people each, solid for the programme and dashed for the comparison; ``[c]`` where none may be shown.
        The last step has no upper edge, which would be somebody's value: the lines end before it.

    Raises
    ------
    ReportError
        If the term is not in the frame.
    """
    rows = _rows_of(distributions, term)
    with house_style():
        figure = new_figure(2.9)
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        figure.subplots_adjust(left=0.105, right=0.985, bottom=0.19, top=0.88, wspace=0.08)
        for axes, sample in zip(panels, _TITLES, strict=True):
            _draw_panel(axes, rows.loc[rows["sample"] == sample], _TITLES[sample])
            axes.set_xlabel(term if len(term) <= 36 else f"{term[:35]}…")
        panels[0].set_ylabel("Share at or below, of every 100")
    return figure


def ecdf_words(distributions: pd.DataFrame, term: str) -> str:
    """State the finding of an ecdf plot: the widest gap between the groups before and after, and where it lies.

    Parameters
    ----------
    distributions : DataFrame
        The safe frame ``distributions`` of one programme.
    term : str
        A number in it.

    Returns
    -------
    str
        One sentence for whoever does not see the chart.
    """
    rows = _rows_of(distributions, term)
    gaps = [_widest(rows.loc[rows["sample"] == sample]) for sample in _TITLES]
    if any(g is None for g in gaps):
        return f"The distribution of {term} is confidential in part: the groups are too small to show it."
    (before, at), (after, _) = ((g[0], g[1]) for g in gaps if g is not None)
    way = "closer together" if after < before else "no closer together"
    where = f", at {edge_text(at)}" if before > 0 else ""
    return (
        f"Read at its steps, the two groups’ distributions of {term} were before at most {before:.0f} of every 100 people "
        f"apart{where}; after, at most {after:.0f}: they lie {way}."
    )


def edge_text(edge: float) -> str:
    """Return the edge of a step as it is printed: three digits, and all of those before the point.

    Examples
    --------
    >>> edge_text(13.4872), edge_text(1250.5)
    ('13.5', '1250')
    """
    shown = f"{edge:.3g}" if abs(edge) < 1000 else f"{edge:.0f}"
    return shown.replace("-", MINUS)


def _rows_of(distributions: pd.DataFrame, term: str) -> pd.DataFrame:
    rows = distributions.loc[distributions["term"] == term]
    if rows.empty:
        known = ", ".join(map(str, distributions["term"].unique())) or "none"
        raise ReportError(f"There is no distribution of '{term}'.", f"Choose from: {known}.")
    return rows


def _widest(rows: pd.DataFrame) -> tuple[float, float] | None:
    shown = rows.dropna(subset=["high"])
    wide = shown.pivot_table(index="high", columns="arm", values="cumulative", aggfunc="first", dropna=False)
    if not {"treated", "comparison"} <= set(wide.columns) or wide.isna().any().any() or wide.empty:
        return None
    gap = 100 * (wide["treated"] - wide["comparison"]).abs()
    return float(gap.max()), float(gap.idxmax())


def _draw_panel(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=SIZE, fontweight="bold")
    axes.set_ylim(0, 104)
    axes.set_yticks([0, 25, 50, 75, 100])
    for y in (25, 50, 75, 100):
        axes.axhline(y, color=GRID, lw=0.5, zorder=0.5)
    drawn = [_draw_arm(axes, rows.loc[rows["arm"] == arm], arm) for arm in ("treated", "comparison")]
    if not all(drawn):
        axes.text(0.5, 0.5, "[c]", transform=axes.transAxes, ha="center", color=MUTED)
    axes.text(0.98, 0.14, "programme", transform=axes.transAxes, ha="right", color=TREATED, fontweight="bold")
    axes.text(0.98, 0.04, "- - comparison", transform=axes.transAxes, ha="right", color=COMPARISON_TEXT, fontweight="bold")


def _draw_arm(axes: Axes, rows: pd.DataFrame, arm: str) -> bool:
    shown = rows.dropna(subset=["high"])
    if shown.empty or rows["cumulative"].isna().any():
        return False
    colour, dashes = (TREATED, "-") if arm == "treated" else (COMPARISON, (0, (4, 2)))
    # A line from edge to edge: within a step nothing is known.
    axes.plot(shown["high"], 100 * shown["cumulative"], color=colour, ls=dashes, lw=1.8, marker=".", ms=5)
    return True
