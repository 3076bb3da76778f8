"""Cut the propensity score into subclasses in which both arms are alike.

Takes scores and who was treated; gives the subclass of each unit, repaired where an arm would be missing.
"""

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.design.strata import strata_of_both_arms
from yoseval.errors import DesignError


def subclasses(score: Floats, treated: Flags, *, number: int = 6, by: str = "treated", min_n: int = 1) -> Indices:
    r"""Cut at the quantiles of the score in one arm, or in both.

    Subclass k holds the scores from the quantile :math:`(k-1)/K` up to, but without, :math:`k/K`; the ends are open.
    Where a subclass has fewer than ``min_n`` units of an arm, units of that arm move in from the next subclass that
    has some, those nearest in score first.

    Parameters
    ----------
    score : (n,) floats
        Propensity scores.
    treated : (n,) booleans
        True where the unit started the programme.
    number : int
        K, 2 or more.
    by : str
        Whose quantiles: ``treated``, ``comparison`` or ``all``.
    min_n : int
        Least units of each arm in a subclass; with 0 nobody moves, and units of subclasses that lack an arm are out.

    Returns
    -------
    (n,) integers
        Subclass from 0 by rising score, -1 where a unit is out.

    Raises
    ------
    DesignError
        If an arm has fewer units than ``number`` times ``min_n``.

    References
    ----------
    rosenbaum1984 : Rosenbaum and Rubin (1984), JASA 79(387), 516-524; quantiles and repair as in MatchIt.

    Examples
    --------
    >>> score, treated = np.array([0.2, 0.8, 0.1, 0.3, 0.7, 0.9]), np.array([True, True, False, False, False, False])
    >>> subclasses(score, treated, number=2)
    array([0, 1, 0, 0, 1, 1])
    """
    base = {"treated": score[treated], "comparison": score[~treated], "all": score}[by]
    edges = np.quantile(base, np.arange(1, number) / number)
    place = np.searchsorted(edges, score, side="right").astype(np.int64)
    # Quantiles that coincide leave a subclass without anybody: there are fewer then.
    found, subclass = np.unique(place, return_inverse=True)
    if not min_n:
        inside = strata_of_both_arms(subclass.astype(np.int64), treated) >= 0
        return np.where(inside, np.searchsorted(np.unique(subclass[inside]), subclass), -1).astype(np.int64)
    return _filled_up(subclass.astype(np.int64), len(found), score, treated, min_n)


def _filled_up(subclass: Indices, number: int, score: Floats, treated: Flags, min_n: int) -> Indices:
    filled = subclass.copy()
    for arm, name in ((treated, "treated"), (~treated, "comparison")):
        units = np.flatnonzero(arm)
        if len(units) < number * min_n:
            raise DesignError(
                f"{number} subclasses with at least {min_n} {name} units each need more of them than there are.",
                "Use fewer subclasses.",
            )
        filled[units] = _fill_arm(filled[units], number, score[units], min_n)
    return filled


def _fill_arm(subclass: Indices, number: int, score: Floats, min_n: int) -> Indices:
    """Give every subclass its first unit of an arm, then its second, until each has ``min_n``."""
    own = subclass.copy()
    counts = np.bincount(own, minlength=number)
    for least in range(min_n):
        spare = counts - least
        while (spare <= 0).any():
            short = int(np.flatnonzero(spare <= 0)[0])
            giver = _giver(spare, short)
            members = np.flatnonzero(own == giver)
            moved = _nearest_end(score[members], from_below=giver < short)
            own[members[moved]] = short
            spare[short] += 1
            spare[giver] -= 1
        counts = spare + least
    return own


def _giver(spare: Indices, short: int) -> int:
    """Return the nearest subclass with a unit to spare on the side where more are, nearer ones counting for more."""
    if short == len(spare) - 1:
        left = True
    elif short == 0:
        left = False
    else:
        others = np.flatnonzero(spare > 1)
        left = float(((spare[others] - 1) / (others - short)).sum()) <= 0
    candidates = np.flatnonzero(spare > 0)
    return int(candidates[candidates < short][-1]) if left else int(candidates[candidates > short][0])


def _nearest_end(score: Floats, *, from_below: bool) -> int:
    """Return the index of the highest score, or the lowest; the last one among equals."""
    extreme = score.max() if from_below else score.min()
    return int(np.flatnonzero(score == extreme)[-1])
