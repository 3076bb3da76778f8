"""Contrasts of the rate of recurrent events, by Cox models of rows cut at each event.

Takes the counts of units with their times, arms and weights and gives the logarithm of a ratio with influence values: rows of
one unit count as one, so that every interval is robust to how events of a child hang together.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.models.cox import fit_cox
from yoseval.models.recurrent import Clock, recurrent_rows
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.types import Contrast


def lwyy(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit the proportional rates model of the arm alone; the value is the logarithm of the rate ratio.

    .. math:: E\{dN_i(t)\} = e^{\beta A_i} d\mu_0(t)

    The ratio of mean numbers of events, at any time, whatever the dependence of a child's events on each other. Nobody leaves
    the risk set by an event.

    Parameters
    ----------
    counts : Counts
        Events and follow-up of n units, with the time of each event.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up; an event at exactly the horizon counts.

    Returns
    -------
    Contrast
        The arms have no values of their own.

    Raises
    ------
    EstimationError
        If an arm has no event by the horizon, or it is not known when events happened.

    References
    ----------
    lin2000 : Lin, Wei, Yang and Ying (2000), JRSS B 62(4), 711-730.
    """
    return _ratio(counts, treated, weight, horizon, clock="total", by_number=False)


def ag(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit the intensity model of Andersen and Gill of the arm alone; the value is the logarithm of the ratio.

    .. math:: \lambda_i(t) = Y_i(t) e^{\beta A_i} \lambda_0(t)

    The estimate is that of ``lwyy``, and so is the interval: the model's own, which presumes that events of a child do not
    depend on each other, is not given.

    Parameters
    ----------
    counts, treated, weight, horizon
        As for ``lwyy``.

    References
    ----------
    andersen1982 : Andersen and Gill (1982), Annals of Statistics 10(4), 1100-1120.
    """
    return _ratio(counts, treated, weight, horizon, clock="total", by_number=False)


def pwp_total(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit the conditional model in total time, stratified by the number of the event; the value is the logarithm of the ratio.

    .. math:: \lambda_{ik}(t) = Y_{ik}(t) e^{\beta A_i} \lambda_{0k}(t)

    A unit is at risk of its k-th event after its (k - 1)-th. Who reaches a later stratum depends on the programme, so this
    describes and does not compare like with like beyond the first event.

    Parameters
    ----------
    counts, treated, weight, horizon
        As for ``lwyy``.

    References
    ----------
    prentice1981 : Prentice, Williams and Peterson (1981), Biometrika 68(2), 373-379, model 1.
    """
    return _ratio(counts, treated, weight, horizon, clock="total", by_number=True)


def pwp_gap(counts: Counts, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Fit the conditional model in gap time, stratified by the number of the event; the value is the logarithm of the ratio.

    .. math:: \lambda_{ik}(t) = Y_{ik}(t) e^{\beta A_i} \lambda_{0k}(t - t_{k-1})

    Parameters
    ----------
    counts, treated, weight, horizon
        As for ``lwyy``.

    References
    ----------
    prentice1981 : Prentice, Williams and Peterson (1981), Biometrika 68(2), 373-379, model 2.
    """
    return _ratio(counts, treated, weight, horizon, clock="gap", by_number=True)


def _ratio(counts: Counts, treated: Flags, weight: Floats, horizon: float, *, clock: Clock, by_number: bool) -> Contrast:
    if counts.recurrences is None:
        raise EstimationError(
            "A rate of recurrent events needs the time of each event, and only their number is known.",
            "Choose the difference of mean counts.",
        )
    rows = recurrent_rows(counts.recurrences.unit, counts.recurrences.time, counts.followed, horizon, clock=clock)
    happened = rows.event & (weight[rows.unit] > 0)
    for arm, name in ((treated, "treated"), (~treated, "comparison")):
        if not (happened & arm[rows.unit]).any():
            raise TooFewEventsError(f"A ratio needs events in both arms; the {name} arm has none.", "Choose a difference.")
    fit = fit_cox(
        rows.time,
        rows.event,
        treated[rows.unit][:, None].astype(np.float64),
        weight[rows.unit],
        entry=None if clock == "gap" else rows.entry,
        strata=rows.number if by_number else None,
    )
    influence = np.bincount(rows.unit, weights=fit.influence[:, 0], minlength=weight.size).astype(np.float64)
    return Contrast(float(fit.coefficients[0]), influence, np.nan, np.nan)
