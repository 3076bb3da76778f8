"""Disclosure control for the frames about records: quality, delivery, suitability, waits and what contradicts itself.

Takes the raw frames and a policy and gives `SafeFrames`, as `disclosure.protect` does for the frames of an evaluation. Small
counts are hidden with their shares; so is whatever gives them away: the rest of the same split, the same count one stage
further along the funnel, and the same total in another frame.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.frames import make_frame
from yoseval.reporting.disclosure import Policy, SafeFrames, is_small, secondary

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
        masks[name] = _RULES[name](frame, open_mask, policy.threshold, _hidden_totals(frames, masks))
    safe = {n: make_frame(n, _rounded(frames[n].reset_index(drop=True), n, policy).astype(object).mask(m, None)) for n, m in masks.items()}
    return SafeFrames(policy, safe, masks)


Hidden: TypeAlias = set[tuple[str, str, str]]


def _quality(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, totals: Hidden) -> pd.DataFrame:
    """Hide failures and passes that are few, and numbers of rows concerned that leave few rows out."""
    is_open = frame["table"].isin(_ABOUT_PROGRAMMES) | frame["rule"].str.startswith(_MONTHS)
    n, failing = _counts(frame, "n"), _counts(frame, "failing")
    whole = frame["n"].astype("float64").where(~is_open).groupby([frame["table"], frame["source"]]).transform("max").to_numpy()
    few_left_out = is_small(whole - n, threshold)
    few = is_small(n, threshold) | few_left_out
    told = few | is_small(failing, threshold) | is_small(n - failing, threshold)
    _hide(mask, ~is_open.to_numpy() & few, "n")
    _hide(mask, ~is_open.to_numpy() & told, "failing", "score")
    return mask


def _delivery(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, totals: Hidden) -> pd.DataFrame:
    for _, own in frame.groupby("programme", sort=False):
        by_unit = {unit: own[own["unit"] == unit] for unit in ("referrals", "sessions")}
        hidden = _along_the_funnel(by_unit["referrals"], threshold)
        started = by_unit["referrals"]["stage"].isin(("started", "session_held")) & (by_unit["referrals"]["result"] == "reached")
        # Sessions of so few children that their number is confidential are theirs alone.
        if bool(hidden[started].any()):
            hidden = pd.concat([hidden, pd.Series(True, index=by_unit["sessions"].index)])
        else:
            hidden = pd.concat([hidden, _along_the_funnel(by_unit["sessions"], threshold)])
        for column in ("n", "share"):
            mask.loc[hidden.index[hidden], column] = True
    return mask


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


def _suitability(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, totals: Hidden) -> pd.DataFrame:
    for _, cells in frame.groupby("programme", sort=False):
        values = _counts(cells, "n")
        few = values.sum() < threshold
        hidden = np.ones(len(cells), dtype=bool) if few else secondary(values, is_small(values, threshold), threshold)
        for column in ("n", "share"):
            mask.loc[cells.index[hidden], column] = True
    return mask


def _delays(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, totals: Hidden) -> pd.DataFrame:
    parts = ["n", "n_reversed", "n_not_recorded"]
    for i, row in frame.iterrows():
        values = row[parts].to_numpy(dtype=np.float64)
        is_total_hidden = (str(row["programme"]), *_TOTALS[str(row["wait"])]) in totals or values.sum() < threshold
        hidden = np.ones(3, dtype=bool) if is_total_hidden else secondary(values, is_small(values, threshold), threshold)
        mask.loc[i, parts] = hidden
        # A quartile of a few is nearly the wait of one of them.
        if is_total_hidden or values[0] < threshold:
            mask.loc[i, ["lower_quartile", "median", "upper_quartile"]] = bool(values[0] > 0)
    return mask


def _delivery_notes(frame: pd.DataFrame, mask: pd.DataFrame, threshold: int, totals: Hidden) -> pd.DataFrame:
    n, n_of = _counts(frame, "n"), _counts(frame, "n_of")
    is_open = frame["issue"].isin(_OPEN_ISSUES).to_numpy()
    is_total_hidden, is_cell_hidden = (_in_funnel(frame, places, totals) for places in (_TOTALS, _CELLS))
    few = is_small(n_of, threshold) | is_total_hidden
    _hide(mask, ~is_open & few, "n_of")
    _hide(mask, ~is_open & (few | is_cell_hidden | is_small(n, threshold) | is_small(n_of - n, threshold)), "n")
    return mask


def _in_funnel(frame: pd.DataFrame, places: Mapping[str, tuple[str, str]], hidden: Hidden) -> Flags:
    """Tell the issues whose place in the funnel is hidden."""
    keys = zip(frame["programme"], frame["issue"], strict=True)
    return np.array([(programme, *places.get(issue, ("", ""))) in hidden for programme, issue in keys], dtype=bool)


def _hidden_totals(frames: Frames, masks: Mapping[str, pd.DataFrame]) -> Hidden:
    """Return programme, stage and result of every hidden cell of the funnel of referrals."""
    if "delivery" not in masks:
        return set()
    rows = frames["delivery"].reset_index(drop=True)
    hidden = rows[masks["delivery"]["n"].to_numpy() & (rows["unit"] == "referrals").to_numpy()]
    return set(zip(hidden["programme"], hidden["stage"], hidden["result"], strict=True))


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


_RULES: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame, int, Hidden], pd.DataFrame]] = {
    "quality": _quality,
    "delivery": _delivery,
    "suitability": _suitability,
    "delays": _delays,
    "delivery_notes": _delivery_notes,
}
