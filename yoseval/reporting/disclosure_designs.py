"""What the choice of a design and its ledger would give away: rules for ``candidates`` and ``kept_and_dropped``.

Takes raw public frames, and what is hidden in the frames they share counts with; gives booleans. Everybody of an arm is either
kept or dropped, so of the whole, the kept and the dropped any two tell the third, in counts and in means.
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats
from yoseval.reporting.suppression import is_small, telling_means, with_sisters

_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?!\.\d|\w)")
_SHARE = re.compile(r"(?<![\w.,])(\d[\d,]*) of (\d[\d,]*)(?!\.\d|\w)")


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """The frames that hold the sizes of designs, with what is hidden in them.

    Parameters
    ----------
    sizes, sizes_hidden : DataFrame of n rows
        The raw frame ``sizes`` and its mask.
    flow, flow_hidden : DataFrame of m rows
        The raw frame ``attrition`` and its mask.
    lost : DataFrame, optional
        The raw frame ``lost``, which runs of records have.
    """

    sizes: pd.DataFrame
    sizes_hidden: pd.DataFrame
    flow: pd.DataFrame
    flow_hidden: pd.DataFrame
    lost: pd.DataFrame | None = None

    def before(self, programmes: pd.Series, arm: str) -> Floats:
        """Return the size of an arm before the design, for each programme of a list."""
        rows = self.sizes[(self.sizes["sample"] == "before") & (self.sizes["arm"] == arm)]
        n: Floats = programmes.map(rows.set_index("programme")["n"].astype("float64")).to_numpy(dtype=np.float64)
        return n

    def is_hidden(self, programme: str, arm: str) -> bool:
        """Tell whether a size of an arm is hidden, before or after the design."""
        mine = (self.sizes["programme"] == programme) & (self.sizes["arm"] == arm)
        return bool(self.sizes_hidden.loc[mine.to_numpy(), "n"].any())

    def tells_lost(self, programme: str, arm: str, n_dropped: float, threshold: int) -> bool:
        """Tell whether the number dropped, beside the flow, gives a small loss away, or one that is hidden there."""
        flow = self.flow
        mine = ((flow["programme"] == programme) & (flow["arm"] == arm) & (flow["stage"] == "design")).to_numpy()
        unnamed = abs(n_dropped - float(flow.loc[mine, "n_lost"].astype("float64").sum()))
        return bool(self.flow_hidden.loc[mine, "n_lost"].any()) or 0 < unnamed < threshold

    def told_of_some(self, programme: str, arm: str, threshold: int) -> set[str]:
        """Return the terms of which the mean of those left out for one reason among several is hidden in ``lost``."""
        if self.lost is None:
            return set()
        at = self.lost[(self.lost["programme"] == programme) & (self.lost["arm"] == arm) & (self.lost["stage"] == "design")]
        hidden: set[str] = set()
        for _, rows in at.groupby("reason", sort=False):
            telling = telling_means(rows, "mean_lost", float(rows["n_lost"].iloc[0]), threshold)
            hidden |= set(rows.loc[telling, "term"])
        return hidden


def hidden_kept(frame: pd.DataFrame, sizes: Sizes, threshold: int) -> tuple[Flags, Flags, Flags]:
    """Tell what to hide of those kept and dropped: the number kept, the number dropped, and both means.

    Where either number is too small, or gives a hidden one away, nothing is told of the arm. A mean is hidden with the other
    one: with that of everybody, which the frame ``balance`` shows, one follows from the other.

    Parameters
    ----------
    frame : DataFrame of n rows
        The raw frame ``kept_and_dropped``.
    sizes : Sizes
        Of the same designs.
    threshold : int
        The policy's threshold.

    Returns
    -------
    kept, dropped, means : (n,) booleans
    """
    kept, dropped, means = (np.zeros(len(frame), dtype=bool) for _ in range(3))
    for (programme, arm), rows in frame.reset_index(drop=True).groupby(["programme", "arm"], sort=False):
        place, key = rows.index.to_numpy(), (str(programme), str(arm))
        n_kept, n_dropped = float(rows["n_kept"].iloc[0]), float(rows["n_dropped"].iloc[0])
        kept[place] = sizes.is_hidden(*key) or n_kept < threshold
        if n_dropped == 0:
            means[place] = telling_means(rows, "mean_kept", n_kept, threshold)
            continue
        whole = bool(kept[place[0]]) or 0 < n_dropped < threshold or sizes.tells_lost(*key, n_dropped, threshold)
        kept[place] = dropped[place] = whole
        telling = rows["term"].isin(sizes.told_of_some(*key, threshold)).to_numpy()
        for column, n in (("mean_kept", n_kept), ("mean_dropped", n_dropped)):
            telling |= telling_means(rows, column, n, threshold)
        counts = rows["mean_kept"].to_numpy(dtype=np.float64) * n_kept
        means[place] = whole | with_sisters(rows["term"], counts, telling, threshold)
    # The difference between the arms is shown, so that of the two means one follows from the other.
    somebody = (frame["n_dropped"] > 0).to_numpy(dtype=bool)
    either = pd.Series(means & somebody).groupby([frame["programme"].to_numpy(), frame["term"].to_numpy()]).transform("any")
    return kept, dropped, means | (somebody & either.to_numpy(dtype=bool))


def told_by_balance(balance: pd.DataFrame, kept: pd.DataFrame, hidden: Flags) -> Flags:
    """Tell which means after the design would give those of the dropped away, were they shown.

    Where all who are kept weigh the same, the mean after the design is that of the kept. With the mean before the design and
    the sizes, that of the dropped follows.

    Parameters
    ----------
    balance : DataFrame of m rows
        The raw frame ``balance``.
    kept : DataFrame of n rows
        The raw frame ``kept_and_dropped``.
    hidden : (n,) booleans
        Its means that are hidden.

    Returns
    -------
    (m,) booleans
    """
    told = np.zeros(len(balance), dtype=bool)
    after = (balance["sample"] == "after").to_numpy()
    somebody = (kept["n_dropped"] > 0).to_numpy(dtype=bool)
    for arm in ("treated", "comparison"):
        own = kept.assign(hidden=hidden)[somebody & (kept["arm"] == arm).to_numpy()]
        beside = balance[["programme", "term"]].merge(own, on=["programme", "term"], how="left")
        mean, ours = (v.to_numpy(dtype=np.float64) for v in (beside["mean_kept"], balance[f"mean_{arm}"]))
        differs = after & (np.abs(mean - ours) > 1e-9 * (1.0 + np.abs(mean)))
        weighted = set(beside.loc[differs, "programme"])
        # Where nothing is told of an arm, scores, which are no covariates, tell nothing either.
        silent = set(own["programme"]) - set(own.loc[~own["hidden"], "programme"])
        telling = beside["hidden"].eq(True) | beside["programme"].isin(silent)
        told |= after & (telling & ~beside["programme"].isin(weighted)).to_numpy(dtype=bool)
    return told


def lost_of_candidates(frame: pd.DataFrame, sizes: Sizes, threshold: int) -> tuple[Floats, Flags]:
    """Return how many of the treated each design keeps, and whether that, or the number it loses, is small.

    Parameters
    ----------
    frame : DataFrame of n rows
        The raw frame ``candidates``.
    sizes : Sizes
        Of the same programmes.
    threshold : int
        The policy's threshold.

    Returns
    -------
    n_kept : (n,) floats
        Not a number where a design could not be built.
    few : (n,) booleans
    """
    n = sizes.before(frame["programme"], "treated")
    n_lost = np.round(frame["lost_treated"].to_numpy(dtype=np.float64) * n)
    with np.errstate(invalid="ignore"):
        return n - n_lost, is_small(n_lost, threshold) | (n - n_lost < threshold)


def telling_reasons(reasons: pd.Series, threshold: int) -> Flags:
    """Tell which texts hold a small number, or one that is a few less than another it is set against.

    Parameters
    ----------
    reasons : Series of n texts
        Messages in words.
    threshold : int
        The policy's threshold.

    Examples
    --------
    >>> telling_reasons(pd.Series(["3 of 40 are negative.", "The caliper is 0.2.", "197 of 200 are outside."]), 10)
    array([ True, False,  True])
    """
    return np.array([_is_telling(str(text), threshold) for text in reasons], dtype=bool)


def _is_telling(text: str, threshold: int) -> bool:
    alone = [_number(found) for found in _NUMBER.findall(text)]
    gaps = [_number(whole) - _number(part) for part, whole in _SHARE.findall(text)]
    return any(0 < n < threshold for n in (*alone, *gaps))


def _number(text: str) -> int:
    return int(text.replace(",", ""))
