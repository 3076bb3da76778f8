"""Which counts are hidden: the small ones, and whatever would give them away by subtraction.

Takes counts and a threshold and gives booleans; what is done with them is for the rules of each frame.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Indices

#: Where a flow of records begins, and the steps that everybody in the extract passes in every programme.
EXTRACT = "extract"
SHARED_STAGES = ("index", "eligibility", "time zero", "follow-up")


def is_small(count: Floats, threshold: int) -> Flags:
    """Tell which counts are hidden: from 1 to ``threshold - 1``; empty counts are not.

    Examples
    --------
    >>> is_small(np.array([0.0, 9.0, 10.0]), 10)
    array([False,  True, False])
    """
    with np.errstate(invalid="ignore"):
        return (count > 0) & (count < threshold)


def secondary(values: Floats, primary: Flags, threshold: int) -> Flags:
    """Hide more cells of a list with a known total until what is hidden cannot be worked out.

    One hidden cell follows by subtraction, and several are bounded by their sum: each holds one at least, so k of
    them can only hide a count of the threshold or more if they add up to the threshold + k - 1. The smallest of
    the cells that are left joins them until they do.

    Parameters
    ----------
    values : (n,) floats
        Counts that add up to a published total.
    primary : (n,) booleans
        Cells that are hidden already.
    threshold : int
        The policy's threshold.

    Returns
    -------
    (n,) booleans
        Cells to hide; all of them where nothing less will do.

    Examples
    --------
    >>> secondary(np.array([3.0, 40.0, 60.0]), np.array([True, False, False]), 10)
    array([ True,  True, False])
    """
    hide = primary.copy()
    while hide.any() and is_bounded(values[hide], threshold):
        left = np.flatnonzero(~hide & (values > 0))
        if not left.size:
            return np.ones_like(hide)
        hide[left[np.argmin(values[left])]] = True
    return hide


def is_bounded(hidden: Floats, threshold: int) -> bool:
    """Tell whether cells, their sum being known, are all known to lie below the threshold.

    Parameters
    ----------
    hidden : (k,) floats
        Counts above 0.
    threshold : int
        The policy's threshold.
    """
    return len(hidden) < 2 or float(np.nansum(hidden)) < threshold + len(hidden) - 1


def telling_means(rows: pd.DataFrame, column: str, n: float, threshold: int) -> Flags:
    """Tell which means of n units to hide: all of few; shares of few, or of all but few; sums of nearly none.

    Parameters
    ----------
    rows : DataFrame of k rows
        With ``term``, ``kind`` and the means.
    column : str
        Of the means.
    n : float
        Units behind each mean.
    threshold : int
        The policy's threshold.

    Returns
    -------
    (k,) booleans
    """
    if n < threshold:
        return np.ones(len(rows), dtype=bool)
    is_share = rows["kind"].isin(("binary", "missing")).to_numpy()
    sums: Floats = rows[column].astype("float64").to_numpy() * n
    rounded = np.round(sums)
    tails = (rounded < threshold) | (n - rounded < threshold)
    # A count that is 0, or 1, for all but a few says how many those few are.
    nearly = is_small(rounded, threshold) | is_small(np.abs(rounded - n), threshold)
    hide: Flags = np.where(is_share, tails, nearly)
    return with_sisters(rows["term"], rounded, hide, threshold)


def with_sisters(terms: pd.Series, counts: Floats, primary: Flags, threshold: int) -> Flags:
    """Hide a second level of a category where one alone would follow from the others: they add up to everybody.

    Parameters
    ----------
    terms : Series of k texts
        Levels of a category are named like ``sex: female``.
    counts : (k,) floats
        Units with each term.
    primary : (k,) booleans
        Terms that are hidden already.
    threshold : int
        The policy's threshold.

    Returns
    -------
    (k,) booleans

    Examples
    --------
    >>> levels = pd.Series(["sex: female", "sex: male", "looked after"])
    >>> with_sisters(levels, np.array([3.0, 97.0, 40.0]), np.array([True, False, False]), 10)
    array([ True,  True, False])
    """
    hide = primary.copy()
    families = terms.str.split(": ").str[0].where(terms.str.contains(": "), "").to_numpy(dtype=object)
    for family in {f for f in families[primary] if f}:
        own = families == family
        hide[own] = secondary(counts[own], primary[own], threshold)
    return hide


def hidden_flow(flow: pd.DataFrame, threshold: int) -> tuple[Flags, Flags]:
    """Tell which losses of one programme's flow are hidden, and which numbers of those who are left.

    Small losses are hidden, and whatever gives them away. Everybody in the extract stands in the flow of every programme, so
    of the steps before the design both arms together lose as many in one programme as in another: there a loss is hidden in
    both arms or in none. That holds where more than a few of the extract are lost on the whole way.

    Parameters
    ----------
    flow : DataFrame
        Rows of the public frame ``attrition`` of one programme, n of them.
    threshold : int
        The policy's threshold.

    Returns
    -------
    lost, left : (n,) booleans
        For the columns ``n_lost`` and ``n_left``.
    """
    arm = flow["arm"].to_numpy(dtype=object)
    lost, left = (flow[c].astype("float64").to_numpy(dtype=np.float64) for c in ("n_lost", "n_left"))
    shared = flow["stage"].isin(SHARED_STAGES).to_numpy()
    places = {a: np.flatnonzero(arm == a) for a in dict.fromkeys(arm)}
    whole = bool((flow["stage"] == EXTRACT).any())
    hide = _in_both_arms(lost, shared, places, threshold, whole=whole)
    gone = np.zeros(lost.size, dtype=bool)
    for place in places.values():
        gone[place] = _left_that_tells(lost[place], hide[place], threshold)
    # Everybody less the one arm is the other: also of those who are left.
    return hide, _joined(gone, shared | (flow["stage"] == EXTRACT).to_numpy(), places) | is_small(left, threshold)


def _in_both_arms(lost: Floats, shared: Flags, places: Mapping[str, Indices], threshold: int, *, whole: bool) -> Flags:
    """Hide losses arm by arm, then in the other arm too, until nothing changes.

    Of a ``whole`` extract it is known how many both arms lose together.
    """
    hide = is_small(lost, threshold)
    while True:
        done = hide.copy()
        for place in places.values():
            done[place] = secondary(lost[place], hide[place], threshold) & (lost[place] > 0)
        joint = done | (_joined(done, shared, places) & (lost > 0))
        joint = secondary(lost, joint, threshold) & (lost > 0) if whole else joint
        if (joint == hide).all():
            return joint
        hide = joint


def _joined(hide: Flags, shared: Flags, places: Mapping[str, Indices]) -> Flags:
    """Hide a shared step in every arm where it is hidden in one."""
    joint = hide.copy()
    if len({p.size for p in places.values()}) == 1:
        either = np.any([hide[p] for p in places.values()], axis=0)
        for place in places.values():
            joint[place] |= either & shared[place]
    return joint


def _left_that_tells(lost: Floats, hide: Flags, threshold: int) -> Flags:
    """Tell where the number left gives a hidden loss of one arm away: up to the next step that is shown."""
    step = np.arange(lost.size)
    if not hide.any():
        return np.zeros(lost.size, dtype=bool)
    first, last = np.flatnonzero(hide)[[0, -1]]
    gone: Flags = (step >= first) & (step < last)
    return gone | (step < last) if is_bounded(lost[hide], threshold) else gone
