"""Disclosure control for the frames that look closer at balance.

Takes raw frames and a policy and gives `SafeFrames`, as `disclosure.protect` does for the frames of an evaluation.
Cross-classified means would give small cells away by subtraction, so whole families of them are hidden together.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags
from yoseval.frames import make_frame
from yoseval.reporting.coarsen import merged_bins
from yoseval.reporting.disclosure import Policy, SafeFrames
from yoseval.reporting.suppression import is_small, secondary

Frames: TypeAlias = Mapping[str, pd.DataFrame]
Draft: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]

BALANCE_FRAMES = ("interactions", "subgroup_balance", "distribution_balance", "distributions", "imputed_balance")
_MEANS = ["mean_treated", "mean_comparison"]
_SPREADS = ["variance_ratio", "ks"]


def protect_balance(frames: Frames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frames that look closer at balance.

    Parameters
    ----------
    frames : mapping of DataFrame
        Raw frames, some or all of ``BALANCE_FRAMES``, with the frame ``sizes`` of the same designs.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        The frames of ``BALANCE_FRAMES`` that were given.

    Raises
    ------
    KeyError
        If a frame has no rule, or ``sizes`` is missing: nothing leaves by default.
    """
    few = _few(frames["sizes"], policy)
    safe: dict[str, pd.DataFrame] = {}
    hidden: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        if name == "sizes":
            continue
        values, mask = _RULES[name](frame.reset_index(drop=True), policy, few, frames["sizes"])
        safe[name] = make_frame(name, values.astype(object).mask(mask, None))
        hidden[name] = mask
    return SafeFrames(policy, safe, hidden)


def _few(sizes: pd.DataFrame, policy: Policy) -> set[tuple[str, str]]:
    """Return the programmes and samples of which an arm is too small to be shown."""
    small = sizes["n"].astype("float64") < policy.threshold
    return set(zip(sizes.loc[small, "programme"], sizes.loc[small, "sample"], strict=True))


def _is_few(frame: pd.DataFrame, few: set[tuple[str, str]]) -> Flags:
    return np.array([(p, s) in few for p, s in zip(frame["programme"], frame["sample"], strict=True)], dtype=bool)


def _masked(frame: pd.DataFrame, hide: Mapping[str, Flags]) -> Draft:
    mask = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for column, rows in hide.items():
        mask[column] = rows & frame[column].notna().to_numpy()
    return frame, mask


def _interactions(frame: pd.DataFrame, policy: Policy, few: set[tuple[str, str]], sizes: pd.DataFrame) -> Draft:
    small = _is_few(frame, few)
    n = sizes.set_index(["programme", "sample", "arm"])["n"].astype("float64")
    unsafe = small.copy()
    for arm in ("treated", "comparison"):
        units = np.array([n[p, s, arm] for p, s in zip(frame["programme"], frame["sample"], strict=True)])
        counts = frame[f"mean_{arm}"].to_numpy() * units
        tails = (counts < policy.threshold - 0.5) | (units - counts < policy.threshold - 0.5)
        unsafe |= tails & (frame["kind"] == "binary").to_numpy()
    # One cell of a cross-classification follows from the others: a family is shown whole or not at all.
    family = frame["term"].map(_family)
    whole = pd.Series(unsafe).groupby([frame["programme"], family]).transform("any").to_numpy(dtype=bool)
    rounded = frame.assign(std_mean_diff=frame["std_mean_diff"].round(2))
    return _masked(rounded, {**dict.fromkeys([*_MEANS, *_SPREADS], whole), "std_mean_diff": small})


def _family(term: str) -> str:
    return " × ".join(part.split(": ")[0] for part in term.split(" × "))


def _subgroups(frame: pd.DataFrame, policy: Policy, few: set[tuple[str, str]], sizes: pd.DataFrame) -> Draft:
    everything = np.ones(len(frame), dtype=bool)
    hide = {f"n_{arm}": _hidden_sizes(frame, f"n_{arm}", policy) for arm in ("treated", "comparison")}
    unsafe = hide["n_treated"] | hide["n_comparison"] | _is_few(frame, few)
    # Means of all subgroups add up to those of everybody, so none is shown.
    hidden = {**hide, "std_mean_diff": unsafe, **dict.fromkeys([*_MEANS, *_SPREADS], everything)}
    rounded = frame.assign(std_mean_diff=frame["std_mean_diff"].round(2))
    if policy.round_to > 1:
        for column in ("n_treated", "n_comparison"):
            nearest = (frame[column].astype("float64") / policy.round_to).round() * policy.round_to
            rounded[column] = nearest.astype("Int64")
    return _masked(rounded, hidden)


def _hidden_sizes(frame: pd.DataFrame, column: str, policy: Policy) -> Flags:
    """Hide small sizes, and with them enough of the other values of the same column."""
    hidden = np.zeros(len(frame), dtype=bool)
    of = frame["subgroup"].str.split(": ").str[0]
    for _, rows in frame.groupby(["programme", "sample", of], sort=False).groups.items():
        sizes = frame.loc[rows].drop_duplicates("subgroup").set_index("subgroup")[column].astype("float64")
        values = sizes.to_numpy()
        gone = secondary(values, is_small(values, policy.threshold), policy.threshold)
        hidden[np.asarray(rows)] = frame.loc[rows, "subgroup"].isin(sizes.index[gone]).to_numpy()
    return hidden


def _distribution_balance(frame: pd.DataFrame, policy: Policy, few: set[tuple[str, str]], sizes: pd.DataFrame) -> Draft:
    rounded = frame.assign(
        overlap_coefficient=frame["overlap_coefficient"].round(2), energy_distance=frame["energy_distance"].round(3)
    )
    return _masked(rounded, dict.fromkeys(["overlap_coefficient", "energy_distance"], _is_few(frame, few)))


def _distributions(frame: pd.DataFrame, policy: Policy, few: set[tuple[str, str]], sizes: pd.DataFrame) -> Draft:
    parts = [_merged_steps(rows, policy) for _, rows in frame.groupby(["programme", "term"], sort=False)]
    merged = pd.concat(parts, ignore_index=True) if parts else frame
    # Numbers of units in steps add up to the size of the arm, which may have to stay hidden.
    return _masked(merged, {"n": np.ones(len(merged), dtype=bool), "cumulative": _is_few(merged, few)})


def _merged_steps(steps: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    series = steps.groupby(["sample", "arm"], sort=False)
    bins = steps.assign(
        low=series["high"].shift().fillna(-np.inf),
        share=series["cumulative"].diff().fillna(steps["cumulative"]),
    )
    names = ["programme", "sample", "arm", "low", "high", "share", "n"]
    merged = merged_bins(bins[names], policy.threshold).reset_index(drop=True)
    cumulative = merged.groupby(["sample", "arm"], sort=False)["share"].cumsum().round(3)
    found = merged.assign(term=steps["term"].iloc[0], cumulative=cumulative)
    return found[["programme", "sample", "arm", "term", "high", "cumulative", "n"]]


def _imputed(frame: pd.DataFrame, policy: Policy, few: set[tuple[str, str]], sizes: pd.DataFrame) -> Draft:
    numbers = ["std_mean_diff", "max_smd", "ks"]
    return _masked(frame.assign(**frame[numbers].round(2)), dict.fromkeys(numbers, _is_few(frame, few)))


_RULES: Mapping[str, Callable[[pd.DataFrame, Policy, set[tuple[str, str]], pd.DataFrame], Draft]] = {
    "interactions": _interactions,
    "subgroup_balance": _subgroups,
    "distribution_balance": _distribution_balance,
    "distributions": _distributions,
    "imputed_balance": _imputed,
}
