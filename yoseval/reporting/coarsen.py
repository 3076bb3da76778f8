"""Coarsen what would give single children away: curves to blocks of events, histograms to bins that hold enough."""

import re
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices
from yoseval.reporting.amounts import MINUS, SCALES
from yoseval.reporting.suppression import is_small

_PER_100 = re.compile(rf"([+{MINUS}])(\d+\.\d)(?!\d)")

_YEARS = {"days": 1 / 365.25, "weeks": 7 / 365.25, "months": 1 / 12}


def stepped_curve(curve: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Keep the steps of one arm's curve that stand on a block of at least ``threshold`` events.

    The last block reaches the end of follow-up, unless fewer than ``threshold`` units are left without the outcome;
    a remainder too small for a block joins the one before it.

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
    units = float(ordered["n_at_risk"].iloc[0])
    last = len(ordered) - 1
    keep, blocks, since = [0], [0.0], events[0]
    for i in range(1, last):
        since += events[i]
        # A block is closed only if what is left after it makes another one.
        if since >= threshold and total - (sum(blocks) + since) >= threshold:
            keep.append(i)
            blocks.append(since)
            since = 0.0
    since += events[last] if last else 0.0
    # Where fewer are left without the outcome, the end would give them away.
    if last and since >= threshold and units - total >= threshold:
        keep.append(last)
        blocks.append(since)
    stepped = ordered.iloc[keep].copy()
    stepped["n_events"] = pd.array([int(b) for b in blocks], dtype="Int64")
    # Events on the first day are part of the first block.
    stepped.loc[stepped.index[0], ["incidence", "conf_low", "conf_high"]] = 0.0
    return stepped


def merged_bins(bins: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Merge neighbouring bins until each holds nobody or at least ``threshold`` units of every series.

    Parameters
    ----------
    bins : DataFrame
        Rows of the public frame ``overlap`` of one programme: the same bins in each series of sample and arm.
    threshold : int
        The policy's threshold.

    Returns
    -------
    DataFrame
        The same series on fewer bins, each holding nobody or enough; none where that cannot be.
    """
    series = ["sample", "arm"]
    n = bins.pivot_table(index="low", columns=series, values="n", aggfunc="sum").sort_index().astype("int64")
    place = dict(zip(n.index, _places(n.to_numpy(), threshold), strict=True))
    grouped = bins.assign(place=bins["low"].map(place)).groupby([*series, "place"], sort=False)
    first = grouped.agg(
        programme=("programme", "first"), low=("low", "min"), high=("high", "max"), share=("share", "sum"), n=("n", "sum")
    )
    merged = first.reset_index()[list(bins.columns)]
    return merged.iloc[:0] if bool(((merged["n"] > 0) & (merged["n"] < threshold)).any()) else merged


def telling_answers(checks: pd.DataFrame, estimates: pd.DataFrame, hidden: Flags) -> Flags:
    """Tell which checks say in words what an estimate that is hidden would have said.

    Parameters
    ----------
    checks, estimates : DataFrame
        The public frames.
    hidden : (n,) booleans
        True for the estimates that are hidden.

    Returns
    -------
    (m,) booleans
        One for each check: every check names the estimate it is put to, and those it made itself.
    """
    primary = estimates[estimates["role"] == "primary"].set_index(["programme", "outcome"])
    told = set()
    for row in estimates[hidden].to_dict("records"):
        key = (row["programme"], row["outcome"])
        told |= {(*key, c) for c in (_check_of(row, primary.loc[[key]].iloc[0]) if key in primary.index else ())}
    found: Flags = np.array([k in told for k in checks[["programme", "outcome", "check"]].itertuples(index=False, name=None)])
    return found.astype(bool)


def whole_per_100(text: str) -> str:
    """Round the numbers per 100 of an answer, which carry a sign and one decimal, to whole ones.

    Examples
    --------
    >>> whole_per_100("it is −15.2 per 100 (−28.7 to +0.3)")
    'it is −15 per 100 (−29 to +0)'
    """
    return _PER_100.sub(lambda found: f"{found[1]}{float(found[2]):.0f}", text)


def _check_of(row: dict[Hashable, Any], primary: pd.Series) -> tuple[str, ...]:
    """Return the checks that an estimate stands in: all of them for the primary one."""
    if row["role"] == "primary":
        return (
            *("naive", "other_designs", "half_way", "lag", "bootstrap", "hidden_bias", "linkage"),
            *("ties", "missing_category", "exact_test", "proportional_hazards"),
        )
    if row["method"] == "unadjusted":
        return ("naive",)
    if row["measure"] != primary["measure"]:
        return ("hidden_bias",) if row["measure"] == "risk_ratio" else ("proportional_hazards",)
    if row["entry"] > 0:
        return ("proportional_hazards",)
    if row["horizon"] != primary["horizon"]:
        return ("half_way", "proportional_hazards")
    # Another design may go by the primary one's name, so that its estimate looks like that with a lag.
    own = ("lag", "bootstrap", "missing_category") if row["method"] == primary["method"] else ()
    return ("other_designs", "hidden_bias", *own)


def differs_by_few(estimates: pd.DataFrame, threshold: int) -> Flags:
    """Tell which checks differ from the primary estimate of the same units by a small number of events.

    A check that looks at less of the follow-up (the first half of it, or all but the first days) counts fewer units with the
    outcome. How many fewer follows by subtraction, and is as confidential as any other count. So is, of a mean number of
    events, how many events fewer.

    Parameters
    ----------
    estimates : DataFrame
        The public frame, n rows.
    threshold : int
        The policy's threshold.

    Returns
    -------
    (n,) booleans
    """
    found = np.zeros(len(estimates), dtype=bool)
    key = ["programme", "outcome", "method", "n_treated", "n_comparison"]
    primary = estimates[estimates["role"] == "primary"].drop_duplicates(key)
    beside = estimates[key].merge(primary, on=key, how="left")
    arms = estimates["measure"].map(lambda measure: SCALES[measure].arms)
    is_count = arms.isin(("count", "rate")).to_numpy()
    # A rate is of years at risk, of which nobody has more than the follow-up has.
    years = _numbers(estimates["horizon"]) * estimates["time_unit"].map(_YEARS).to_numpy(dtype=np.float64)
    length = np.where(arms == "rate", years, 1.0)
    for arm in ("treated", "comparison"):
        events, value, n = (_numbers(beside[c]) for c in (f"events_{arm}", f"{arm}_value", f"n_{arm}"))
        fewer = events - _numbers(estimates[f"events_{arm}"])
        found |= (np.abs(fewer) > 0) & (np.abs(fewer) < threshold)
        less = np.abs(value - _numbers(estimates[f"{arm}_value"])) * n * length
        found |= is_count & (less > 0.5) & (less < threshold - 0.5)
    checks: Flags = found & (estimates["role"] == "check").to_numpy()
    return checks


def differs_by_few_units(estimates: pd.DataFrame, threshold: int) -> Flags:
    """Tell which effects by an instrument are of nearly the same units as another effect of the programme.

    Its units are not those of a design: those whom a calendar kept out are among them, and who started later is followed to the
    end. A number of units, of those with the outcome or of those without, less another effect's, is a count like any other.

    Parameters
    ----------
    estimates : DataFrame
        The public frame, n rows.
    threshold : int
        The policy's threshold.

    Returns
    -------
    (n,) booleans
    """
    key = ["programme", "horizon", "time_unit"]
    mine = (estimates["measure"] == "instrument").to_numpy()
    placed = estimates.assign(place=np.arange(len(estimates)))
    pairs = placed[mine].merge(placed[~mine], on=key, suffixes=("", "_beside"))
    few = np.zeros(len(pairs), dtype=bool)
    for arm in ("treated", "comparison"):
        units, events = (_numbers(pairs[f"{c}_{arm}"]) - _numbers(pairs[f"{c}_{arm}_beside"]) for c in ("n", "events"))
        for more in (units, events, units - events):
            few |= is_small(np.abs(more), threshold)
    found: Flags = np.isin(placed["place"].to_numpy(), pairs.loc[few, "place"].to_numpy())
    return found


def _numbers(values: pd.Series) -> Floats:
    found: Floats = values.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _places(n: Indices, threshold: int) -> list[int]:
    """Give each of the bins in order, (k, series) counts, the number of the merged bin it goes to."""
    places: list[int] = []
    place, held = 0, np.zeros(n.shape[1], dtype=np.int64)
    for row in n:
        places.append(place)
        held = held + row
        if bool(((held == 0) | (held >= threshold)).all()):
            place, held = place + 1, np.zeros_like(held)
    # What is too little for a bin of its own joins the one before it.
    return [min(p, max(place - 1, 0)) for p in places] if held.any() else places
