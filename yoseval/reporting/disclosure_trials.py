"""Disclosure control for what trials tell before any outcome: when programmes can be evaluated, who was lost, other programmes.

Takes the raw frames, what is hidden in the frames they share counts with, and a policy; gives `SafeFrames`. A count is hidden
where it is small, where it stands hidden in the flow or the funnel, and where it differs little from one that is shown; means
of few and shares of nearly nobody or nearly everybody are hidden, and what is left is rounded.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from yoseval.frames import make_frame
from yoseval.reporting.policies import Policy, SafeFrames
from yoseval.reporting.suppression import is_small, secondary, telling_means

Frames: TypeAlias = Mapping[str, pd.DataFrame]
TRIAL_FRAMES = ("evaluability", "lost", "coexposure")

_ROUNDED_COUNTS: Mapping[str, tuple[str, ...]] = {
    "evaluability": ("n_started", "n_eligible", "n_mature", "n_comparable", "n_recent"),
    "lost": ("n_kept", "n_lost"),
    "coexposure": ("n", "n_of"),
}
#: Rounded whatever the policy, so that no exact fraction gives a hidden size back.
_ROUNDED_VALUES: Mapping[str, tuple[str, ...]] = {
    "evaluability": ("mde_now", "mde_later"),
    "lost": ("mean_kept", "mean_lost", "std_mean_diff"),
    "coexposure": ("share",),
}
_DECIMALS = 2


def protect_trials(frames: Frames, hidden: Frames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frames that trials give before any outcome.

    Parameters
    ----------
    frames : mapping of DataFrame
        All raw public frames of the run: ``attrition`` and ``delivery`` share counts with those of ``TRIAL_FRAMES``.
    hidden : mapping of DataFrame of booleans
        What is hidden in ``attrition`` and ``delivery``.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        Of those of ``TRIAL_FRAMES`` that are there.
    """
    told = _Told(frames, hidden, policy.threshold)
    masks = {n: _RULES[n](frames[n].reset_index(drop=True), told) for n in TRIAL_FRAMES if n in frames}
    safe = {
        n: make_frame(n, _rounded(frames[n].reset_index(drop=True), n, policy).astype(object).mask(m, None))
        for n, m in masks.items()
    }
    return SafeFrames(policy, safe, masks)


@dataclass(frozen=True, slots=True)
class _Told:
    """What other frames of the run tell."""

    frames: Frames
    hidden: Frames
    threshold: int

    def gives_away(self, n: float, *shown: float) -> bool:
        """Tell whether a count is small, or a few more or less than one that is shown."""
        return bool(0 < n < self.threshold or any(0 < abs(n - s) < self.threshold for s in shown))

    def left(self, programme: str, arm: str) -> tuple[list[float], list[float]]:
        """Return how many were left after each step of a flow: the counts that are shown, and those that are hidden."""
        return self._split("attrition", "n_left", {"programme": programme, "arm": arm})

    def is_hidden_left(self, programme: str, arm: str, n: float) -> bool:
        """Tell whether a count is small, hidden in the flow, or gives away a loss that is hidden there."""
        shown, hidden = self.left(programme, arm)
        return self.gives_away(n, *shown) or (n in hidden and n not in shown)

    def hidden_losses(self) -> set[tuple[Hashable, ...]]:
        """Return programme, arm, stage and reason of every loss that is hidden in the flow."""
        if "attrition" not in self.hidden:
            return set()
        rows = self.frames["attrition"].reset_index(drop=True)
        mine = rows[self.hidden["attrition"]["n_lost"].to_numpy(dtype=bool)]
        return set(mine[["programme", "arm", "stage", "reason"]].itertuples(index=False, name=None))

    def started(self, programme: str) -> tuple[list[float], list[float]]:
        """Return how many referrals were started, shown or hidden."""
        return self._split("delivery", "n", {"programme": programme, "stage": "started", "result": "reached"})

    def _split(self, name: str, column: str, where: Mapping[str, str]) -> tuple[list[float], list[float]]:
        if name not in self.hidden:
            return [], []
        rows = self.frames[name].reset_index(drop=True)
        mine = np.all([rows[c] == v for c, v in where.items()], axis=0)
        values = rows.loc[mine, column].astype("float64")
        is_hidden = self.hidden[name].loc[mine, column].to_numpy(dtype=bool)
        return values[~is_hidden].tolist(), values[is_hidden].tolist()


def _evaluability(frame: pd.DataFrame, told: _Told) -> pd.DataFrame:
    mask = _open(frame)
    for i, row in frame.iterrows():
        for column in _hidden_sizes(row.to_dict(), told):
            mask.loc[i, column] = bool(pd.notna(row[column]) and row[column] != "")
    return mask


def _hidden_sizes(row: Mapping[Hashable, Any], told: _Told) -> set[str]:
    """Return the columns of one programme to hide: the counts along its way, and what follows from them."""
    programme = str(row["programme"])
    hidden = {
        c
        for c, arm in (("n_mature", "treated"), ("n_comparable", "comparison"))
        if told.is_hidden_left(programme, arm, float(row[c]))
    }
    shown = [] if "n_mature" in hidden else [float(row["n_mature"])]
    # From the last to the first: each may differ from those already shown by nobody or by enough.
    if told.is_hidden_left(programme, "treated", float(row["n_eligible"])) or told.gives_away(float(row["n_eligible"]), *shown):
        hidden.add("n_eligible")
    else:
        shown.append(float(row["n_eligible"]))
    referrals, hidden_referrals = told.started(programme)
    others = [*shown, *referrals, *told.left(programme, "treated")[0]]
    if told.gives_away(float(row["n_started"]), *others) or hidden_referrals:
        hidden.add("n_started")
    if told.gives_away(float(row["n_recent"]), *shown):
        hidden.add("n_recent")
    # What can be seen follows from the sizes, and an extrapolated month from the rate of starts.
    hidden |= {"mde_now"} if hidden & {"n_mature", "n_comparable"} else set()
    hidden |= {"mde_later"} if "n_comparable" in hidden else set()
    hidden |= {"from_month", "mde_later"} if row["extrapolated"] and hidden & {"n_recent", "n_comparable"} else set()
    return hidden


def _lost(frame: pd.DataFrame, told: _Told) -> pd.DataFrame:
    mask = _open(frame)
    losses = told.hidden_losses()
    for key, rows in frame.groupby(["programme", "arm", "stage", "reason"], sort=False):
        n_lost, n_kept = (float(rows[c].iloc[0]) for c in ("n_lost", "n_kept"))
        few_lost = key in losses or bool(is_small(np.array([n_lost]), told.threshold)[0])
        mask.loc[rows.index, "n_lost"] = few_lost
        mask.loc[rows.index, "n_kept"] = told.is_hidden_left(str(key[0]), str(key[1]), n_kept)
        mask.loc[rows.index, "mean_lost"] = few_lost | telling_means(rows, "mean_lost", n_lost, told.threshold)
        mask.loc[rows.index, "mean_kept"] = telling_means(rows, "mean_kept", n_kept, told.threshold)
    # Of the difference and one mean the other follows.
    mask["std_mean_diff"] = (mask["mean_lost"] | mask["mean_kept"]) & frame["std_mean_diff"].notna()
    return mask


def _coexposure(frame: pd.DataFrame, told: _Told) -> pd.DataFrame:
    mask = _open(frame)
    for (programme, arm, _), rows in frame.groupby(["programme", "arm", "when"], sort=False):
        n, n_of = (rows[c].astype("float64").to_numpy() for c in ("n", "n_of"))
        few = is_small(n, told.threshold) | is_small(n_of - n, told.threshold) | is_small(n_of, told.threshold)
        # Their sum may be known: the number of other programmes is a covariate, whose mean the balance table shows.
        hide = secondary(n, few, told.threshold)
        is_total_hidden = told.is_hidden_left(str(programme), str(arm), float(n_of[0]))
        mask.loc[rows.index, "n"] = hide
        mask.loc[rows.index, "n_of"] = is_total_hidden
        # A count and its share give the total back, the closer the more of them there are.
        mask.loc[rows.index, "share"] = (hide | is_total_hidden) & rows["share"].notna().to_numpy()
    return mask


def _open(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(False, index=frame.index, columns=frame.columns)


def _rounded(frame: pd.DataFrame, name: str, policy: Policy) -> pd.DataFrame:
    out = frame.copy()
    for column in _ROUNDED_VALUES[name]:
        out[column] = out[column].round(_DECIMALS)
    if policy.round_to > 1:
        for column in _ROUNDED_COUNTS[name]:
            rounded = (out[column].astype("float64") / policy.round_to).round() * policy.round_to
            out[column] = rounded.astype(out[column].dtype)
    return out


_RULES: Mapping[str, Callable[[pd.DataFrame, _Told], pd.DataFrame]] = {
    "evaluability": _evaluability,
    "lost": _lost,
    "coexposure": _coexposure,
}
