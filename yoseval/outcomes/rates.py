"""The contrast of rates: events for each day in which one could happen.

Takes the counts of units, their days at risk, arms and weights and gives a contrast with influence values. Units may have been
at risk for different lengths of time; the rate is taken to be the same throughout.
"""

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError
from yoseval.models.overdispersion import compare_dispersion
from yoseval.outcomes.arm_contrasts import ArmMean, log_ratio
from yoseval.outcomes.counts import Counts
from yoseval.outcomes.types import Contrast

YEAR = 365.25  # days
DOUBTFUL = 0.05  # p-value of Poisson's fit below which a reader is told


def rate_ratio(counts: Counts, days_at_risk: Floats, treated: Flags, weight: Floats, horizon: float) -> Contrast:
    r"""Divide the treated arm's rate of events by the comparison arm's; the value is the logarithm.

    .. math:: \log IRR = \log \frac{\sum_i w_i A_i N_i}{\sum_i w_i A_i D_i}
        - \log \frac{\sum_i w_i (1 - A_i) N_i}{\sum_i w_i (1 - A_i) D_i}

    with :math:`N_i` events in :math:`D_i` days at risk: the estimate of a weighted Poisson regression on the arm with
    the days as offset. Its variance is the robust one, from influence values, whatever the counts' distribution.

    Parameters
    ----------
    counts : Counts
        Events of n units.
    days_at_risk : (n,) floats
        Zero or more.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Zero or more.
    horizon : float
        Length of follow-up; no count may reach beyond it.

    Returns
    -------
    Contrast
        The value is a logarithm, the values of the arms are events per year (365.25 days) at risk.

    Raises
    ------
    EstimationError
        If an arm has no day at risk or no event, events are without days, or counts reach beyond the horizon.

    References
    ----------
    zou2004 : Zou (2004), American Journal of Epidemiology 159(7), 702-706.

    Examples
    --------
    >>> counts = Counts(np.array([1.0, 3.0, 2.0, 2.0]), np.full(4, 100.0))
    >>> days = np.array([100.0, 100.0, 50.0, 50.0])
    >>> round(float(np.exp(rate_ratio(counts, days, np.array([True, True, False, False]), np.ones(4), 100.0).value)), 6)
    0.5
    """
    _require_days(counts, days_at_risk, weight > 0, horizon)
    arms = [_rate(counts.count, days_at_risk, weight * arm) for arm in (treated, ~treated)]
    return log_ratio(*arms, instead="the difference in mean number of events")


def dispersion_note(counts: Counts, days_at_risk: Floats, treated: Flags) -> str:
    """Say whether counts vary more than a Poisson model of the arms allows; empty where they do not.

    A check of fit, unweighted. No count is in the note, which may reach a published page.
    """
    seen = days_at_risk > 0
    x = treated[seen].astype(np.float64)[:, None]
    found = compare_dispersion(x, counts.count[seen], exposure=days_at_risk[seen])
    if found.p_value >= DOUBTFUL:
        return ""
    return (
        "Numbers of events vary more between units than a Poisson model allows (likelihood ratio test against the negative "
        "binomial); the interval allows for that."
    )


def count_dispersion_note(counts: Counts, treated: Flags) -> str:
    """Say the same of counts over follow-up, without days at risk."""
    return dispersion_note(counts, counts.followed, treated)


def _rate(count: Floats, days: Floats, weight: Floats) -> ArmMean:
    total = float(weight @ days)
    if total <= 0.0:
        raise EstimationError("An arm has no day at risk.", "Choose another design or outcome.")
    rate = float(weight @ count) / total
    return ArmMean(YEAR * rate, YEAR * weight * (count - rate * days) / total)


def _require_days(counts: Counts, days: Floats, used: Flags, horizon: float) -> None:
    if not np.isfinite(days[used]).all() or (days[used] < 0).any():
        raise EstimationError("Days at risk of some units are missing or negative.", "Correct them.")
    if (counts.count[used & (days <= 0)] > 0).any():
        raise EstimationError("Some units have events and no day at risk.", "Correct the days at risk.")
    if (counts.followed[used] > horizon).any():
        raise EstimationError(f"Counts reach beyond {horizon:g}.", "Give the horizon of the counts and of the days at risk.")
