"""Coarsen what would give single children away: curves to blocks of events, histograms to bins that hold enough."""

from typing import Any

import pandas as pd


def stepped_curve(curve: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Keep the steps of one arm's curve that stand on a block of at least ``threshold`` events.

    The last block reaches the end of follow-up; a remainder too small for a block joins the one before it.

    Parameters
    ----------
    curve : DataFrame
        Rows of the public frame ``curves`` of one arm.
    threshold : int
        The policy's threshold.

    Returns
    -------
    DataFrame
        The rows that are drawn, ``n_events`` being the events since the row before.
    """
    ordered = curve.sort_values("time", kind="stable")
    events = ordered["n_events"].astype("float64").fillna(0.0).to_numpy()
    total = events.sum()
    last = len(ordered) - 1
    keep, blocks, since = [0], [0.0], 0.0
    for i in range(1, last):
        since += events[i]
        # A block is closed only if what is left after it makes another one.
        if since >= threshold and total - (sum(blocks) + since) >= threshold:
            keep.append(i)
            blocks.append(since)
            since = 0.0
    since += events[last] if last else 0.0
    if last and (since >= threshold):
        keep.append(last)
        blocks.append(since)
    stepped = ordered.iloc[keep].copy()
    stepped["n_events"] = pd.array([int(b) for b in blocks], dtype="Int64")
    return stepped


def merged_bins(bins: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Merge neighbouring bins of one arm until each holds nobody or at least ``threshold`` units.

    Parameters
    ----------
    bins : DataFrame
        Rows of the public frame ``overlap`` of one arm and sample.
    threshold : int
        The policy's threshold.

    Returns
    -------
    DataFrame
        Fewer rows; none where the whole arm is below the threshold.
    """
    merged: list[dict[Any, Any]] = []
    open_bin: dict[Any, Any] | None = None
    for row in bins.sort_values("low", kind="stable").to_dict("records"):
        if open_bin is None and row["n"] == 0:
            merged.append(row)
            continue
        open_bin = row if open_bin is None else _joined(open_bin, row)
        if open_bin["n"] >= threshold:
            merged.append(open_bin)
            open_bin = None
    if open_bin is not None:
        merged = _with_rest(merged, open_bin)
    return pd.DataFrame(merged, columns=bins.columns)


def _with_rest(merged: list[dict[Any, Any]], rest: dict[Any, Any]) -> list[dict[Any, Any]]:
    """Add what is too little for a bin of its own to the last bin that holds somebody, and all between."""
    filled = [i for i, row in enumerate(merged) if row["n"] > 0]
    if not filled:
        return []
    return [*merged[: filled[-1]], _joined(merged[filled[-1]], rest)]


def _joined(left: dict[Any, Any], right: dict[Any, Any]) -> dict[Any, Any]:
    return {**left, "high": right["high"], "share": left["share"] + right["share"], "n": left["n"] + right["n"]}
