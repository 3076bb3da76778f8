"""Disclosure control for the frames about records: quality, delivery, suitability, waits and what contradicts itself.

Takes the raw frames and a policy and gives `SafeFrames`, as `disclosure.protect` does for the frames of an evaluation. Small
counts are hidden with their shares; so is whatever gives them away: the rest of the same split, the same count one stage
further along the funnel, and the same total in another frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.frames import make_frame
from yoseval.reporting.policies import Policy, SafeFrames
from yoseval.reporting.suppression import is_small, secondary

Frames: TypeAlias = Mapping[str, pd.DataFrame]
RECORD_FRAMES = ("quality", "delivery", "suitability", "delays", "delivery_notes")

#: Rows of these tables are no children, nor are months.
_ABOUT_PROGRAMMES = ("programmes", "availability")
_MONTHS = "months with rows"
#: Issues that count no children: owners, and referrals there are none of.
_OPEN_ISSUES = ("two_owners", "nobody_referred")
#: Where the total of another frame stands in the funnel.
_TOTALS = {
    "order_to_referral": ("referred", "reached"),
    "referral_to_offer": ("offered", "reached"),
    "offer_to_start": ("started", "reached"),
    "order_to_start": ("started", "reached"),
    "start_to_session": ("started", "reached"),
    "nobody_started": ("referred", "reached"),
    "starts_unclear": ("referred", "reached"),
    "sessions_unclear": ("started", "reached"),
    "no_session_log": ("started", "reached"),
    "completed_without_session": ("completed", "reached"),
    "started_unsuitable": ("started", "reached"),
    "started_while_closed": ("started", "reached"),
    "concurrent": ("started", "reached"),
}
#: And where the count itself does.
_CELLS = {"starts_unclear": ("started", "not_recorded"), "sessions_unclear": ("session_held", "not_recorded")}
_ROUNDED = {
    "quality": ("n", "failing"),
    "delivery": ("n",),
    "suitability": ("n",),
    "delays": ("n", "n_reversed", "n_not_recorded", "lower_quartile", "median", "upper_quartile"),
    "delivery_notes": ("n", "n_of"),
}


def protect_records(frames: Frames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frames about records.

    Parameters
    ----------
    frames : mapping of DataFrame
        Raw public frames, some or all of ``RECORD_FRAMES``; ``delivery`` must be there if another that hangs on it is.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        As ``disclosure.protect`` gives them.

    Raises
    ------
    KeyError
        If a frame has no rule: nothing leaves by default.
    """
    masks: dict[str, pd.DataFrame] = {}
    for name in sorted(frames, key=lambda n: RECORD_FRAMES.index(n) if n in RECORD_FRAMES else -1):
        frame = frames[name].reset_index(drop=True)
        open_mask = pd.DataFrame(False, index=frame.index, columns=frame.columns)
        masks[name] = _RULES[name](frame, open_mask, policy.threshold, _Told(frames, masks))
    safe = {
        n: make_frame(n, _rounded(frames[n].reset_index(drop=True), n, policy).astype(object).mask(m, None))
        for n, m in masks.items()
    }
    return SafeFrames(policy, safe, masks)


@dataclass(frozen=True, slots=True)
class _Told:
    """What other frames tell: the raw frames, and the masks of those that are done."""

    frames: Frames
    masks: Mapping[str, pd.DataFrame]

    def hidden_cells(self) -> set[tuple[str, str, str]]:
        """Return programme, stage and result of every hidden cell of the funnel of referrals."""
        if "delivery" not in self.masks:
            return set()
        rows = self.frames["delivery"].reset_index(drop=True)
        hidden = rows[self.masks["delivery"]["n"].to_numpy() & (rows["unit"] == "referrals").to_numpy()]
        return set(zip(hidden["programme"], hidden["stage"], hidden["result"], strict=True))

    def not_met(self) -> Mapping[str, float]:
        """Return how many referrals of each programme were not suitable, where that is shown."""
        if "suitability" not in self.masks:
            return {}
        rows = self.frames["suitability"].reset_index(drop=True)
        shown = rows[~self.masks["suitability"]["n"].to_numpy() & (rows["suitability"] == "not_met").to_numpy()]
        return dict(zip(shown["programme"], shown["n"].astype("float64"), strict=True))


def _quality(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, told: _Told) -> pd.DataFrame:
    """Hide failures and passes that are few, and numbers of rows concerned that leave few rows out."""
    is_open = frame["table"].isin(_ABOUT_PROGRAMMES) | frame["rule"].str.startswith(_MONTHS)
    n, failing = _counts(frame, "n"), _counts(frame, "failing")
    kept = frame["n"].astype("float64").where(~is_open & (frame["dimension"] == "completeness"))
    whole = kept.groupby([frame["table"], frame["source"]]).transform("max").to_numpy()
    few_left_out = is_small(np.abs(whole - n), threshold)
    few = is_small(n, threshold) | few_left_out
    tail = few | is_small(failing, threshold) | is_small(n - failing, threshold)
    _hide(mask, ~is_open.to_numpy() & few, "n")
    _hide(mask, ~is_open.to_numpy() & tail, "failing", "score")
    return mask


def _delivery(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, told: _Told) -> pd.DataFrame:
    hidden = pd.Series(False, index=frame.index)
    for _, own in frame.groupby(["programme", "unit"], sort=False):
        hidden.loc[own.index] = _along_the_funnel(own, threshold)
    hidden = _both_ways(frame, hidden, ["programme", "step"], ["step", "result"], threshold)
    _hide(mask, (hidden | _sessions_of_few(frame, threshold)).to_numpy(), "n", "share")
    return mask


def _sessions_of_few(frame: pd.DataFrame, threshold: int) -> pd.Series:
    """Tell the sessions of programmes that few children started: however many they are, they are theirs alone."""
    children = frame[frame["stage"].isin(("started", "session_held")) & (frame["result"] == "reached")]
    few = set(children.loc[is_small(_counts(children, "n"), threshold), "programme"])
    return (frame["unit"] == "sessions") & frame["programme"].isin(few)


def _both_ways(frame: pd.DataFrame, hidden: pd.Series, across: list[str], down: list[str], threshold: int) -> pd.Series:
    """Hide more cells until none follows from the total of its split, nor from the sum over programmes.

    Sums over programmes are known: the frame ``quality`` counts all rows of a table. A cell that is the whole of its split
    hides nothing, as the total is shown, so it is no company for another.
    """
    values = pd.Series(_counts(frame, "n"), index=frame.index)
    is_part = values < values.groupby([frame[k] for k in across]).transform("sum")
    done = hidden.copy()
    while True:
        before = done.copy()
        for _, rows in frame.groupby(down, sort=False):
            done.loc[rows.index] = _with_company(values[rows.index], done[rows.index], is_part[rows.index], threshold)
        for _, rows in frame.groupby(across, sort=False):
            done.loc[rows.index] = secondary(values[rows.index].to_numpy(), done[rows.index].to_numpy(), threshold)
        if done.equals(before):
            return done


def _with_company(values: pd.Series, hidden: pd.Series, is_part: pd.Series, threshold: int) -> pd.Series:
    """Hide the smallest parts beside hidden counts until two are hidden and their sum reaches the threshold."""
    done = hidden.copy()
    while (told := values[done & (values > 0)]).size > 0 and (told.size < 2 or told.sum() < threshold):
        left = values[~done & (values > 0) & is_part]
        if left.empty:
            break
        done[left.idxmin()] = True
    return done


def _along_the_funnel(rows: pd.DataFrame, threshold: int) -> pd.Series:
    """Hide small cells of every stage, those that differ little from a cell shown before, and their company.

    Every stage splits one total, so a cell that is hidden alone follows from the others; and a cell that is a few less
    than the same one of an earlier stage tells how few left in between.
    """
    hidden = pd.Series(False, index=rows.index)
    shown: dict[str, list[float]] = {}
    for _, cells in rows.groupby("step", sort=True):
        values = _counts(cells, "n")
        near = np.array([_is_near(v, shown.get(r, []), threshold) for r, v in zip(cells["result"], values, strict=True)])
        primary = is_small(values, threshold) | near
        # A total below the threshold hides with all its parts.
        mine = np.ones(len(cells), dtype=bool) if values.sum() < threshold else secondary(values, primary, threshold)
        hidden.loc[cells.index] = mine
        for result, value, is_hidden in zip(cells["result"], values, mine, strict=True):
            if not is_hidden:
                shown.setdefault(str(result), []).append(float(value))
    return hidden


def _is_near(value: float, earlier: list[float], threshold: int) -> bool:
    return any(0 < abs(value - v) < threshold for v in earlier)


def _suitability(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, told: _Told) -> pd.DataFrame:
    values = pd.Series(_counts(frame, "n"), index=frame.index)
    total = values.groupby(frame["programme"]).transform("sum")
    small = pd.Series(is_small(values.to_numpy(), threshold), index=frame.index) | (total < threshold)
    hidden = _both_ways(frame, small, ["programme"], ["suitability"], threshold)
    _hide(mask, hidden.to_numpy(), "n", "share")
    return mask


def _delays(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, told: _Told) -> pd.DataFrame:
    parts = ["n", "n_reversed", "n_not_recorded"]
    totals = told.hidden_cells()
    for i, row in frame.iterrows():
        values = row[parts].to_numpy(dtype=np.float64)
        is_total_hidden = (str(row["programme"]), *_TOTALS[str(row["wait"])]) in totals or values.sum() < threshold
        hidden = np.ones(3, dtype=bool) if is_total_hidden else secondary(values, is_small(values, threshold), threshold)
        mask.loc[i, parts] = hidden
        # A quartile of a few is nearly the wait of one of them.
        if is_total_hidden or values[0] < threshold:
            mask.loc[i, ["lower_quartile", "median", "upper_quartile"]] = bool(values[0] > 0)
    return mask


def _delivery_notes(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, told: _Told) -> pd.DataFrame:
    n, n_of = _counts(frame, "n"), _counts(frame, "n_of")
    is_open = frame["issue"].isin(_OPEN_ISSUES).to_numpy()
    is_total_hidden, is_cell_hidden = (_in_funnel(frame, places, told.hidden_cells()) for places in (_TOTALS, _CELLS))
    not_met = frame["programme"].map(told.not_met()).where(frame["issue"] == "started_unsuitable").to_numpy(dtype=np.float64)
    few = is_small(n_of, threshold) | is_total_hidden
    tail = few | is_cell_hidden | is_small(n, threshold) | is_small(n_of - n, threshold) | is_small(not_met - n, threshold)
    _hide(mask, ~is_open & few, "n_of")
    _hide(mask, ~is_open & tail, "n")
    return mask


def _in_funnel(frame: pd.DataFrame, places: Mapping[str, tuple[str, str]], hidden: set[tuple[str, str, str]]) -> Flags:
    """Tell the issues whose place in the funnel is hidden."""
    keys = zip(frame["programme"], frame["issue"], strict=True)
    return np.array([(programme, *places.get(issue, ("", ""))) in hidden for programme, issue in keys], dtype=bool)


def _hide(mask: pd.DataFrame, rows: Flags, *columns: str) -> None:
    for column in columns:
        mask[column] |= rows


def _counts(frame: pd.DataFrame, column: str) -> Floats:
    values: Floats = frame[column].astype("float64").to_numpy(dtype=np.float64)
    return values


def _rounded(frame: pd.DataFrame, name: str, policy: Policy) -> pd.DataFrame:
    out = frame.copy()
    if policy.round_to > 1:
        is_open = _open_rows(frame, name)
        for column in _ROUNDED[name]:
            base = 1 if column in ("lower_quartile", "median", "upper_quartile") else policy.round_to
            rounded = (out[column].astype("float64") / base).round() * base
            out[column] = out[column].where(is_open, rounded.astype(out[column].dtype))
    if policy.rate_decimals is not None:
        for column, decimals in (("share", policy.rate_decimals), ("score", policy.rate_decimals - 2)):
            if column in out:
                out[column] = out[column].round(decimals)
    return out


def _open_rows(frame: pd.DataFrame, name: str) -> pd.Series:
    """Tell rows that count no children: they are not rounded."""
    if name == "quality":
        return frame["table"].isin(_ABOUT_PROGRAMMES) | frame["rule"].str.startswith(_MONTHS)
    if name == "delivery_notes":
        return frame["issue"].isin(_OPEN_ISSUES)
    return pd.Series(False, index=frame.index)


_RULES: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame, int, _Told], pd.DataFrame]] = {
    "quality": _quality,
    "delivery": _delivery,
    "suitability": _suitability,
    "delays": _delays,
    "delivery_notes": _delivery_notes,
}
