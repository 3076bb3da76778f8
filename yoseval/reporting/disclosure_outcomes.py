"""Disclosure control for the frames on what happened after time zero that only runs of records have.

These are the Justice Data Lab outputs, reoffences not yet proven, and what else happened during follow-up. Takes the raw
frames, what the other frames of the run show, and a policy, and gives `SafeFrames`, as `disclosure.protect` does. Beside
small counts and their complements it hides what follows from others: the rest of a split by tier, those who reoffended more
than once (reoffences less children), and a size that differs by a few from one shown elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Texts
from yoseval.frames import make_frame
from yoseval.reporting.policies import Policy, SafeFrames
from yoseval.reporting.suppression import is_small, secondary

Frames: TypeAlias = Mapping[str, pd.DataFrame]
OUTCOME_FRAMES = ("jdl", "completeness", "follow_up")

#: Why a row of `jdl` is not shown, whichever count of whichever group is too small: the cause would tell more than the row.
TOO_FEW = "Too few, or all but too few, in one of the groups."

_ARMS = ("treated", "comparison")
#: Frames with a row an arm, and its size.
_BY_ARM = ("attrition", "sizes", "completeness")
_RATE, _FREQUENCY, _DAYS = "jdl_rate", "jdl_frequency", "jdl_days_to_first"
_TIERS = ("jdl_first_summary", "jdl_first_either_way", "jdl_first_indictable")
#: Fewer treated reoffenders than this are the reason why the mean days to the first are not shown, and it may be said.
_LEAST_REOFFENDERS = 30
_VALUES = ["treated_value", "comparison_value", "difference", "conf_low", "conf_high"]
_MEANS = ["uncorrected", "corrected"]
_ABOUT_REOFFENCES = ["n_reoffended", "n_reoffences", *_MEANS, "n_truncated", "share_complete", "lowest_share"]
_HAPPENED = ["n_pseudo", "n_turned_18", "n_died", "n_moved", "n_custody"]
_AT_RISK, _NOT_AT_RISK = "mean_days_at_risk", "mean_days_not_at_risk"
#: Days to which the longest delay is rounded down: it is the age of the earliest records.
_MONTH = 30.0


def protect_outcomes(frames: Frames, others: SafeFrames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frames that only runs of records have.

    Parameters
    ----------
    frames : mapping of DataFrame
        Raw public frames by name, these and all others of the run.
    others : SafeFrames
        What ``disclosure.protect`` made of the others: sizes shown there are compared with sizes here.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        ``jdl``, ``completeness`` and ``follow_up``, those that were given. Of a row of ``jdl`` that is hidden, ``shown`` is
        False and ``reason`` says no more than that there are too few.
    """
    told = _Told(frames, dict(others.hidden))
    safe: dict[str, pd.DataFrame] = {}
    for name in (n for n in OUTCOME_FRAMES if n in frames):
        frame = frames[name].reset_index(drop=True)
        made, mask = _RULES[name](frame.copy(), pd.DataFrame(False, index=frame.index, columns=frame.columns), policy, told)
        safe[name] = make_frame(name, made.astype(object).mask(mask, None))
        told.hidden[name] = mask
    return SafeFrames(policy, safe, {n: told.hidden[n] for n in safe})


@dataclass(frozen=True, slots=True)
class _Told:
    """What a reader is told elsewhere: raw frames, and the masks of those that are done."""

    frames: Frames
    hidden: dict[str, pd.DataFrame]

    def sizes(self, programme: str, arm: str) -> Floats:
        """Return every size of an arm that is shown: in the flow, among the sizes, beside effects."""
        found = [self._shown(name, "n_left" if name == "attrition" else "n", programme, arm) for name in _BY_ARM]
        found += [self._shown(name, f"n_{arm}", programme) for name in ("estimates", "findings", "jdl")]
        return np.concatenate(found)

    def _shown(self, name: str, column: str, programme: str, arm: str = "") -> Floats:
        if name not in self.hidden:
            return np.empty(0)
        frame = self.frames[name].reset_index(drop=True)
        mine = (frame["programme"] == programme) & ~self.hidden[name][column].astype(bool)
        if arm:
            mine &= frame["arm"] == arm
        if name == "jdl":
            mine &= ~frame["conditioned"].astype(bool)
        return _numbers(frame.loc[mine, column])


Rule: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame, Policy, _Told], tuple[pd.DataFrame, pd.DataFrame]]


def _completeness(frame: pd.DataFrame, mask: pd.DataFrame, policy: Policy, told: _Told) -> tuple[pd.DataFrame, pd.DataFrame]:
    least = policy.threshold
    n, again, number, truncated = (_numbers(frame[c]) for c in ("n", "n_reoffended", "n_reoffences", "n_truncated"))
    few = is_small(n, least)
    # Reoffences less children are the reoffences of those who reoffended more than once.
    unsafe = few | (again < least) | (n - again < least) | (number - again < least)
    near = np.array(
        [_is_near(k, told.sizes(p, a), least) for p, a, k in zip(frame["programme"], frame["arm"], n, strict=True)], dtype=bool
    )
    _hide(mask, few | near, "n")
    _hide(mask, near, "n_reoffended", "n_reoffences", "n_truncated")
    _hide(mask, is_small(truncated, least) | ((truncated > 0) & (number - truncated < least)), "n_truncated")
    complete = np.round(_numbers(frame["share_complete"]) * number)
    _hide(mask, is_small(complete, least) | is_small(number - complete, least), "share_complete")
    _hide(mask, unsafe, *_ABOUT_REOFFENCES)
    return _rounded_completeness(frame, policy), mask


def _rounded_completeness(frame: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Round counts as the policy says, means and shares to two decimals, and what rests on one offence further down.

    The lowest share is that of a single reoffence, by its age: tenths leave weeks or months of it open.
    """
    out = _rounded_counts(frame, ["n", "n_reoffended", "n_reoffences", "n_truncated"], policy)
    out[[*_MEANS, "share_complete"]] = out[[*_MEANS, "share_complete"]].round(2)
    # 0.3 is a little less than three tenths of 1.
    out["lowest_share"] = np.floor(out["lowest_share"] * 10.0 + 1e-9) / 10.0
    out["longest_delay"] = np.floor(out["longest_delay"] / _MONTH) * _MONTH
    return out


def _follow_up(frame: pd.DataFrame, mask: pd.DataFrame, policy: Policy, told: _Told) -> tuple[pd.DataFrame, pd.DataFrame]:
    least = policy.threshold
    n = _numbers(frame["n"])
    few = is_small(n, least)
    near = np.array(
        [_is_near(k, told.sizes(p, a), least) for p, a, k in zip(frame["programme"], frame["arm"], n, strict=True)], dtype=bool
    )
    _hide(mask, few | near, "n")
    told_by = {_AT_RISK: few, _NOT_AT_RISK: few}
    for column in _HAPPENED:
        count = _numbers(frame[column])
        # That it happened to everybody would tell it of each of them; that it happened to nobody tells little.
        unsafe = few | is_small(count, least) | ((count > 0) & (n - count < least))
        _hide(mask, unsafe & ~np.isnan(count), column)
        if column in ("n_died", "n_moved", "n_custody"):
            # Follow-up has a length that everybody knows: days short of it are days of the few who left, or were in custody.
            told_by[_AT_RISK] = told_by[_AT_RISK] | unsafe
        if column == "n_custody":
            told_by[_NOT_AT_RISK] = told_by[_NOT_AT_RISK] | unsafe
    for column, unsafe in told_by.items():
        _hide(mask, unsafe & frame[column].notna().to_numpy(dtype=bool), column)
    return _rounded_follow_up(frame, policy), mask


def _rounded_follow_up(frame: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Round counts as the policy says, and means to whole days."""
    out = _rounded_counts(frame, ["n", *_HAPPENED], policy)
    out[[_AT_RISK, _NOT_AT_RISK]] = out[[_AT_RISK, _NOT_AT_RISK]].round(0)
    return out


def _jdl(frame: pd.DataFrame, mask: pd.DataFrame, policy: Policy, told: _Told) -> tuple[pd.DataFrame, pd.DataFrame]:
    withheld, near = np.zeros(len(frame), dtype=bool), {a: np.zeros(len(frame), dtype=bool) for a in _ARMS}
    few = {a: is_small(_numbers(frame[f"n_{a}"]), policy.threshold) for a in _ARMS}
    for programme, own in frame.groupby("programme", sort=False):
        at = np.asarray(own.index)
        withheld[at] = _withheld(own, policy)
        is_base_withheld = bool(withheld[at][(own["measure"] == _RATE).to_numpy()].any())
        conditioned = own["conditioned"].to_numpy(dtype=bool)
        for arm in _ARMS:
            near[arm][at] = _near(own, arm, told.sizes(str(programme), arm), policy.threshold)
            # How many reoffended is the size of every row on reoffenders.
            few[arm][at] |= conditioned & is_base_withheld
    for arm in _ARMS:
        _hide(mask, few[arm] | near[arm], f"n_{arm}")
        _hide(mask, few[arm] | near[arm] | withheld, f"events_{arm}")
    _hide(mask, withheld, *_VALUES)
    frame.loc[withheld, "shown"], frame.loc[withheld, "reason"] = False, TOO_FEW
    return _rounded_jdl(frame, near["treated"] | near["comparison"], policy), mask


def _withheld(own: pd.DataFrame, policy: Policy) -> Flags:
    """Tell which rows of one programme keep no value: unsafe themselves, or telling of one that is."""
    measure = own["measure"].to_numpy()
    is_days, conditioned = measure == _DAYS, own["conditioned"].to_numpy(dtype=bool)
    n, events = ({a: _numbers(own[f"{kind}_{a}"]) for a in _ARMS} for kind in ("n", "events"))
    unsafe: Flags = n["treated"] + n["comparison"] - 2 < policy.min_residual_df
    # The reason of a row that is not shown is a count, but for the days to the first: that so few reoffended is on the page.
    unsafe |= ~own["shown"].to_numpy(dtype=bool) & ~(is_days & (n["treated"] < _LEAST_REOFFENDERS))
    for arm in _ARMS:
        tail = (events[arm] < policy.threshold) | (n[arm] - events[arm] < policy.threshold)
        unsafe |= (tail & ~is_days) | (n[arm] < policy.threshold)
        more = _numbers(own[f"{arm}_value"]) * n[arm] - events[arm]
        unsafe |= (measure == _FREQUENCY) & (more < policy.threshold - 0.5)
    if unsafe[measure == _RATE].any():
        unsafe |= conditioned
    return _with_other_tiers(measure, events, unsafe, policy.threshold)


def _with_other_tiers(measure: Texts, events: Mapping[str, Floats], unsafe: Flags, threshold: int) -> Flags:
    """Hide more rows on tiers until none follows from the others in either arm: they add up to those whose tier is known."""
    hidden = unsafe.copy()
    tiers = np.isin(measure, _TIERS)
    while True:
        before = hidden.copy()
        for arm in _ARMS:
            hidden[tiers] |= secondary(events[arm][tiers], hidden[tiers], threshold)
        if (hidden == before).all():
            return hidden


def _near(own: pd.DataFrame, arm: str, told: Floats, threshold: int) -> Flags:
    """Tell the rows whose size, less one that is shown, is a small number of children.

    A row on everybody is compared with the sizes of the other frames, a row on reoffenders with how many reoffended; where
    the size of everybody is hidden, how many reoffended would give it back through the rate.
    """
    conditioned = own["conditioned"].to_numpy(dtype=bool)
    n = _numbers(own[f"n_{arm}"])
    base = np.array([_is_near(k, told, threshold) for k in n]) & ~conditioned
    reoffended = _numbers(own.loc[(own["measure"] == _RATE).to_numpy(), f"events_{arm}"])
    among = np.array([_is_near(k, reoffended, threshold) for k in n]) | bool(base.any())
    found: Flags = np.where(conditioned, among, base).astype(bool)
    return found


def _rounded_jdl(frame: pd.DataFrame, near: Flags, policy: Policy) -> pd.DataFrame:
    counts = [f"{kind}_{arm}" for kind in ("n", "events") for arm in _ARMS]
    out = _rounded_counts(frame, counts, policy)
    is_days = (frame["measure"] == _DAYS).to_numpy()
    out.loc[is_days, _VALUES] = out.loc[is_days, _VALUES].round(0)
    # An exact share is a fraction, and gives its denominator back.
    out.loc[near & ~is_days, _VALUES] = out.loc[near & ~is_days, _VALUES].round(2)
    if policy.rate_decimals is not None:
        out.loc[~is_days, _VALUES] = out.loc[~is_days, _VALUES].round(policy.rate_decimals)
    return out


def _is_near(size: float, shown: Floats, threshold: int) -> bool:
    return bool(is_small(np.abs(shown - size), threshold).any())


def _numbers(values: pd.Series) -> Floats:
    found: Floats = values.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _hide(mask: pd.DataFrame, rows: Flags, *columns: str) -> None:
    for column in columns:
        mask[column] |= rows


def _rounded_counts(frame: pd.DataFrame, columns: list[str], policy: Policy) -> pd.DataFrame:
    out = frame.copy()
    for column in columns if policy.round_to > 1 else []:
        rounded = (out[column].astype("float64") / policy.round_to).round() * policy.round_to
        out[column] = rounded.astype(out[column].dtype)
    return out


_RULES: Mapping[str, Rule] = {"jdl": _jdl, "completeness": _completeness, "follow_up": _follow_up}
