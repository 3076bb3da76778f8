"""Disclosure control for the frames that look closer at balance.

Takes raw frames, what is hidden in the frame ``balance``, and a policy; gives `SafeFrames`, as `disclosure.protect` does for
the frames of an evaluation. Cells of two covariates would follow from their margins by subtraction, so of products and of
subgroups only rounded standardised differences are shown, and those of few not at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.frames import make_frame
from yoseval.reporting.coarsen import merged_bins
from yoseval.reporting.policies import Policy, SafeFrames
from yoseval.reporting.suppression import is_small, secondary

Frames: TypeAlias = Mapping[str, pd.DataFrame]
Draft: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]

#: Those of a run, and one more that only multiple imputation gives.
BALANCE_FRAMES = ("interactions", "distribution_balance", "distributions", "subgroup_balance")
IMPUTED = "imputed_balance"
_ARMS = ("treated", "comparison")
_BEHIND = ["mean_treated", "mean_comparison", "variance_ratio", "ks"]
_FLAGS = ("binary", "missing")
_DECIMALS = 2


def protect_balance(frames: Frames, others: SafeFrames, policy: Policy) -> SafeFrames:
    """Apply disclosure control to the frames that look closer at balance.

    Parameters
    ----------
    frames : mapping of DataFrame
        All raw public frames of the run: besides those of ``BALANCE_FRAMES`` and ``imputed_balance``, ``balance`` and ``sizes``
        of the same designs.
    others : SafeFrames
        What ``disclosure.protect`` made of the others: whose mean is hidden in ``balance`` is hidden here.
    policy : Policy
        The rules.

    Returns
    -------
    SafeFrames
        The frames of ``BALANCE_FRAMES`` and ``imputed_balance`` that were given.

    Raises
    ------
    KeyError
        If ``balance`` or ``sizes`` is missing: nothing leaves by default.
    """
    named = [n for n in (*BALANCE_FRAMES, IMPUTED) if n in frames]
    told = _tell(frames, others, policy) if named else None
    drafts = {n: _RULES[n](frames[n].reset_index(drop=True), told) for n in named if told is not None}
    safe = {n: make_frame(n, values.astype(object).mask(mask, None)) for n, (values, mask) in drafts.items()}
    return SafeFrames(policy, safe, {n: mask for n, (_, mask) in drafts.items()})


@dataclass(frozen=True, slots=True)
class _Told:
    """What other frames of the run tell of programmes p, samples s, arms a and terms t.

    ``n`` is the size of an arm by (p, s, a); ``few`` has the (p, s) with an arm too small to be shown; ``terms`` every (p, t)
    and ``rare`` those that hardly anybody has, or hardly anybody has not.
    """

    threshold: int
    n: Mapping[tuple[str, str, str], float]
    few: frozenset[tuple[str, str]]
    terms: frozenset[tuple[str, str]]
    rare: frozenset[tuple[str, str]]

    def is_few(self, frame: pd.DataFrame) -> Flags:
        """Tell which rows are of an arm that is too small."""
        return _among(frame, ["programme", "sample"], self.few)


def _tell(frames: Frames, others: SafeFrames, policy: Policy) -> _Told:
    sizes, balance = frames["sizes"], frames["balance"].reset_index(drop=True)
    counts = sizes["n"].astype("float64")
    small = sizes[counts < policy.threshold]
    hidden = others.hidden["balance"]["mean_treated"].to_numpy(dtype=bool) & balance["kind"].isin(_FLAGS).to_numpy()
    return _Told(
        policy.threshold,
        dict(zip(zip(sizes["programme"], sizes["sample"], sizes["arm"], strict=True), counts, strict=True)),
        frozenset(zip(small["programme"], small["sample"], strict=True)),
        frozenset(zip(balance["programme"], balance["term"], strict=True)),
        frozenset(zip(balance.loc[hidden, "programme"], balance.loc[hidden, "term"], strict=True)),
    )


def _among(frame: pd.DataFrame, columns: list[str], keys: frozenset[tuple[str, str]]) -> Flags:
    return np.array([k in keys for k in frame[columns].itertuples(index=False, name=None)], dtype=bool)


def _masked(frame: pd.DataFrame, hide: Mapping[str, Flags]) -> Draft:
    mask = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for column, rows in hide.items():
        mask[column] = rows & frame[column].notna().to_numpy()
    return frame, mask


def _in_groups(unsafe: Flags, frame: pd.DataFrame, columns: list[str]) -> Flags:
    """Spread what is unsafe over all rows that agree in some columns."""
    whole: Flags = pd.Series(unsafe).groupby([frame[c] for c in columns]).transform("any").to_numpy(dtype=bool)
    return whole


def _interactions(frame: pd.DataFrame, told: _Told) -> Draft:
    unsafe = np.array([_is_unsafe(p, t, told) for p, t in zip(frame["programme"], frame["term"], strict=True)], dtype=bool)
    keys = list(zip(frame["programme"], frame["sample"], strict=True))
    for arm in _ARMS:
        units = np.array([told.n[p, s, arm] for p, s in keys], dtype=np.float64)
        unsafe |= _is_tail(frame, arm, units, told.threshold)
    hide = _in_groups(unsafe, frame, ["programme", "term"]) | told.is_few(frame)
    rounded = frame.assign(std_mean_diff=frame["std_mean_diff"].round(_DECIMALS))
    return _masked(rounded, {**dict.fromkeys(_BEHIND, np.ones(len(frame), dtype=bool)), "std_mean_diff": hide})


def _is_unsafe(programme: str, term: str, told: _Told) -> bool:
    """Tell whether a square or product is of terms that are not known, or that few have."""
    words = term.split(" × ")
    splits = [(" × ".join(words[:i]), " × ".join(words[i:])) for i in range(1, len(words))]
    whole = [(term.removesuffix(" squared"),)] if term.endswith(" squared") else []
    known = [parts for parts in [*whole, *splits] if all((programme, p) in told.terms for p in parts)]
    return not known or any((programme, p) in told.rare for parts in known for p in parts)


def _is_tail(frame: pd.DataFrame, arm: str, units: Floats, threshold: int) -> Flags:
    """Tell which 0/1 terms hardly anybody of an arm has, or hardly anybody has not; nobody counts as hardly anybody."""
    counts = frame[f"mean_{arm}"].to_numpy(dtype=np.float64) * units
    tails = (counts < threshold - 0.5) | (units - counts < threshold - 0.5)
    found: Flags = tails & frame["kind"].isin(_FLAGS).to_numpy()
    return found


def _subgroups(frame: pd.DataFrame, told: _Told) -> Draft:
    everything = np.ones(len(frame), dtype=bool)
    small = told.is_few(frame)
    cells = np.zeros(len(frame), dtype=bool)
    for arm in _ARMS:
        small |= _small_subgroups(frame, f"n_{arm}", told.threshold)
        cells |= _is_tail(frame, arm, frame[f"n_{arm}"].to_numpy(dtype=np.float64), told.threshold)
    # With two subgroups, their differences and the means of everybody give the means of each: what few of a subgroup have is
    # hidden with the other levels of its covariate, which add up to all of the subgroup.
    covariate = frame.assign(covariate=frame["term"].str.split(": ").str[0])
    hide = _in_groups(small, frame, ["programme", "subgroup"])
    hide |= _in_groups(cells, covariate, ["programme", "subgroup", "covariate"]) & frame["kind"].isin(_FLAGS).to_numpy()
    # Sizes add up to those of the arms, and those after differ by few from those before: none is shown, nor any mean.
    never = dict.fromkeys(["n_treated", "n_comparison", *_BEHIND], everything)
    return _masked(frame.assign(std_mean_diff=frame["std_mean_diff"].round(_DECIMALS)), {**never, "std_mean_diff": hide})


def _small_subgroups(frame: pd.DataFrame, column: str, threshold: int) -> Flags:
    """Tell which subgroups are too small, and which others of the same column would give them back by subtraction."""
    hidden = np.zeros(len(frame), dtype=bool)
    of = frame["subgroup"].str.split(": ").str[0]
    for _, rows in frame.groupby(["programme", "sample", of], sort=False).groups.items():
        sizes = frame.loc[rows].drop_duplicates("subgroup").set_index("subgroup")[column].astype("float64")
        values = sizes.to_numpy()
        gone = secondary(values, is_small(values, threshold), threshold)
        hidden[np.asarray(rows)] = frame.loc[rows, "subgroup"].isin(sizes.index[gone]).to_numpy()
    return hidden


def _distribution_balance(frame: pd.DataFrame, told: _Told) -> Draft:
    rounded = frame.assign(
        **frame[["overlap_coefficient", "ks"]].round(_DECIMALS), energy_distance=frame["energy_distance"].round(3)
    )
    # Of a 0/1 term both are its difference of shares: with the standardised difference it gives the share away.
    few, rare = told.is_few(frame), _among(frame, ["programme", "term"], told.rare)
    return _masked(rounded, {**dict.fromkeys(["overlap_coefficient", "ks"], few | rare), "energy_distance": few})


def _distributions(frame: pd.DataFrame, told: _Told) -> Draft:
    parts = [_merged_steps(rows, told.threshold) for _, rows in frame.groupby(["programme", "term"], sort=False)]
    merged = pd.concat(parts, ignore_index=True) if parts else frame
    # The last edge says how high the highest value is, which is one child's. Numbers of units in steps add up to the size of
    # the arm, which may have to stay hidden.
    is_last = ~merged.duplicated(["programme", "term", "sample", "arm"], keep="last").to_numpy()
    return _masked(merged, {"n": np.ones(len(merged), dtype=bool), "high": is_last, "cumulative": told.is_few(merged)})


def _merged_steps(steps: pd.DataFrame, threshold: int) -> pd.DataFrame:
    series = steps.groupby(["sample", "arm"], sort=False)
    bins = steps.assign(
        low=series["high"].shift().fillna(-np.inf),
        share=series["cumulative"].diff().fillna(steps["cumulative"]),
    )
    names = ["programme", "sample", "arm", "low", "high", "share", "n"]
    merged = merged_bins(bins[names], threshold).reset_index(drop=True)
    cumulative = merged.groupby(["sample", "arm"], sort=False)["share"].cumsum().round(_DECIMALS)
    found = merged.assign(term=steps["term"].iloc[0], cumulative=cumulative)
    return found[["programme", "sample", "arm", "term", "high", "cumulative", "n"]]


def _imputed(frame: pd.DataFrame, told: _Told) -> Draft:
    numbers = ["std_mean_diff", "max_smd", "ks"]
    return _masked(frame.assign(**frame[numbers].round(_DECIMALS)), dict.fromkeys(numbers, told.is_few(frame)))


_RULES: Mapping[str, Callable[[pd.DataFrame, _Told], Draft]] = {
    "interactions": _interactions,
    "subgroup_balance": _subgroups,
    "distribution_balance": _distribution_balance,
    "distributions": _distributions,
    IMPUTED: _imputed,
}
