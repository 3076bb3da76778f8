"""Disclosure control for the range of a design's results over the order of rows.

Takes the raw frame ``ties``, what the other frames of the run show, and a policy; gives `SafeFrames`. Each value is an effect
or a distance of as many people as the primary estimate is of, and stays hidden where that does.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from yoseval.arrays import Flags
from yoseval.frames import make_frame
from yoseval.reporting.policies import Policy, SafeFrames

TIE_FRAMES = ("ties",)
_VALUES = ["as_designed", "lowest", "highest"]
#: Rounded whatever the policy, so that no exact fraction gives a size back.
_DECIMALS = 3
_FEWER_DECIMALS = 2
_DISTANCE = "total_distance"


def protect_ties(frames: Mapping[str, pd.DataFrame], others: SafeFrames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frame ``ties``.

    Parameters
    ----------
    frames : mapping of DataFrame
        All raw public frames of the run.
    others : SafeFrames
        What ``disclosure.protect`` made of ``estimates`` and ``sizes``.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        The frame ``ties``, if it was given.
    """
    if "ties" not in frames:
        return SafeFrames(policy, {}, {})
    frame = frames["ties"].reset_index(drop=True)
    few = _of_few(frame, frames["sizes"], policy)
    hide = few | _primary(frame, frames["estimates"], others.hidden["estimates"], "estimate")
    told = _primary(frame, frames["estimates"], others.hidden["estimates"], "interval")
    mask = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for column in _VALUES:
        mask[column] = hide
    values = _rounded(frame, told, policy).astype(object).mask(mask, None)
    return SafeFrames(policy, {"ties": make_frame("ties", values)}, {"ties": mask})


def _of_few(frame: pd.DataFrame, sizes: pd.DataFrame, policy: Policy) -> Flags:
    """Tell the programmes of which an arm is too small to be shown."""
    small = sizes.loc[(sizes["sample"] == "after") & (sizes["n"].astype("float64") < policy.threshold), "programme"]
    found: Flags = frame["programme"].isin(set(small)).to_numpy(dtype=bool)
    return found


def _primary(frame: pd.DataFrame, estimates: pd.DataFrame, hidden: pd.DataFrame, column: str) -> Flags:
    """Tell the effects whose primary estimate has ``column`` hidden."""
    mine = (estimates["role"] == "primary").to_numpy() & hidden[column].to_numpy(dtype=bool)
    found: Flags = (frame["programme"].isin(set(estimates.loc[mine, "programme"])) & (frame["outcome"] != "")).to_numpy(bool)
    return found


def _rounded(frame: pd.DataFrame, told: Flags, policy: Policy) -> pd.DataFrame:
    out = frame.copy()
    decimals = np.where(told, _FEWER_DECIMALS, _DECIMALS)
    if policy.rate_decimals is not None:
        effect = (frame["quantity"] != _DISTANCE).to_numpy()
        decimals = np.where(effect, np.minimum(decimals, policy.rate_decimals), decimals)
    for column in _VALUES:
        out[column] = [round(float(v), int(d)) for v, d in zip(frame[column], decimals, strict=True)]
    return out
