"""Contrasts of the worst outcome of each unit, as an ordinal: an odds ratio and a win ratio.

Takes the worst outcome (0 none, higher is worse), arms and weights and gives a contrast with influence values. The worst
outcome is that of the whole follow-up, so a shorter horizon does not shorten it. Leaves take recorded outcomes only; who leaves
because it was not recorded is decided, and said, where a measure is estimated.
"""

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.models.ordinal import fit_proportional_odds
from yoseval.outcomes.types import Contrast


def severity_odds(severity: Floats, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Return the log odds ratio of a worse outcome, by a proportional-odds model of the arm alone.

    .. math:: \operatorname{logit} P(Y \ge k \mid A) = \beta A - \theta_k

    One ratio for every cut of the scale: the odds of anything rather than nothing, of level 2 or worse, and so on.

    Parameters
    ----------
    severity : (n,) floats
        The worst outcome as an ordinal, 0 where there was none.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Not used: the worst outcome is that of the whole follow-up.

    Returns
    -------
    Contrast
        A logarithm, negative = milder in the treated arm. An arm has no value of its own.

    Raises
    ------
    EstimationError
        If a worst outcome is not recorded, an arm is empty, nothing varies, or no finite odds ratio exists.

    References
    ----------
    mccullagh1980 : McCullagh (1980), Journal of the Royal Statistical Society B 42(2), 109-142, section 2.
    """
    _require_recorded(severity)
    fit = fit_proportional_odds(severity, treated, weight)
    return Contrast(fit.log_odds_ratio, fit.influence, np.nan, np.nan)


def win_ratio(severity: Floats, time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Compare every treated with every comparison unit: the log of wins over losses of the treated.

    The milder worst outcome wins. Between two units of the same, the later event wins, and having none by the horizon
    is later than any; otherwise the pair is a tie and left out.

    .. math:: \log WR = \log \sum_{i, j} w_i w_j 1\{i \succ j\} - \log \sum_{i, j} w_i w_j 1\{i \prec j\}

    A unit's influence is its share of the wins less its share of the losses: the first-order projection of the two
    U-statistics. Pairs are counted by cumulative weights in the order of outcomes, never one by one.

    Parameters
    ----------
    severity : (n,) floats
        The worst outcome as an ordinal, 0 where there was none.
    time : (n,) floats
        Time to the event or to the end.
    event : (n,) booleans
        True where the event happened at ``time``.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up.

    Returns
    -------
    Contrast
        A logarithm, positive = the treated fare better; the values of the arms are the shares of pairs that each wins.

    Raises
    ------
    EstimationError
        If a worst outcome is not recorded, an arm is empty or one arm wins no pair.

    References
    ----------
    bebu2016 : Bebu and Lachin (2016), Biostatistics 17(1), 178-187, section 2.
    luo2015 : Luo, Tian, Mohanty and Tsai (2015), Biometrics 71(1), 139-145, section 2.
    """
    _require_recorded(severity)
    place = _order(severity, time, event & (time <= horizon))
    better, worse = (_weight_beaten(place, weight * arm) for arm in (treated, ~treated))
    # Of a treated unit, the comparison weight that it beats; of a comparison unit, the treated weight that beats it.
    won = weight * np.where(treated, worse[0], better[1])
    lost = weight * np.where(treated, worse[1], better[0])
    # Each arm's wins are summed over its own units, so that swapped arms give the same two numbers.
    wins, losses = float(won @ treated), float(lost @ ~treated)
    if wins <= 0.0 or losses <= 0.0:
        raise TooFewEventsError("One arm wins no pair, so no win ratio exists.", "Choose another measure.")
    pairs = float(weight @ treated) * float(weight @ ~treated)
    return Contrast(float(np.log(wins / losses)), won / wins - lost / losses, wins / pairs, losses / pairs)


def _order(severity: Floats, time: Floats, happened: Flags) -> Indices:
    """Rank units from the worst, 0, to the best; equal ranks are ties."""
    until = np.where(happened, time, np.inf)
    order = np.lexsort((until, -severity))
    ahead = (np.diff(severity[order]) != 0) | (until[order][1:] != until[order][:-1])
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.concatenate(([0], np.cumsum(ahead)))
    return place


def _weight_beaten(place: Indices, weight: Floats) -> tuple[Floats, Floats]:
    """Return, for each unit, the weight of those that rank below it and of those that rank above it, (n,) each."""
    by_rank: Floats = np.bincount(place, weight).astype(float)
    through: Floats = np.cumsum(by_rank)
    return (through - by_rank)[place], (through[-1] - through)[place]


def _require_recorded(severity: Floats) -> None:
    if np.isnan(severity).any():
        raise EstimationError(
            "The worst outcome of some units is not recorded.",
            "Leave those units out, or choose whether there was an event.",
        )
