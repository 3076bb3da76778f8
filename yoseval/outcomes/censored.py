"""What is known at the horizon of units some of which left before, and whom those that did not leave stand for.

Takes times, events, arms and weights and gives each unit whose outcome is known the inverse of its arm's chance of being
followed that far, and what each unit does to an effect through these. With it a mean of known outcomes is the Kaplan-Meier
estimate, to the last digit and the last influence value; a model of the outcome may then be fitted to them.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import FollowUpTooShortError
from yoseval.models.risk_sets import RiskSets, arrange_risk_sets, reverse_cumsum, spread_steps

LEAVING_NOTE = "Those not followed to the horizon are stood for by others of their group, whatever their covariates."


@dataclass(frozen=True, slots=True, eq=False)
class _Leaving:
    """The censoring of one arm: its k units, their weights, and the risk sets of leaving at m distinct times."""

    rows: Indices
    weight: Floats
    sets: RiskSets


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Outcomes at the horizon of n units.

    Parameters
    ----------
    outcome : (n,) floats
        1 where the event happened by the horizon, else 0.
    stands_for : (n,) floats
        How many each stands for: 0 where it left before and nothing is known, else at least 1.
    """

    outcome: Floats
    stands_for: Floats
    leaving: tuple[_Leaving, ...]

    def through(self, influence: Floats) -> Floats:
        r"""Return what weights do to an effect through ``stands_for``, (n,) floats that sum to 0 in each arm.

        .. math:: w_j \sum_s \Big(1[j \text{ leaves at } s] - Y_j(s) \frac{c_s}{Y_s}\Big) \frac{1}{Y_s - c_s}
                  \sum_{i:\, T_i > s} u_i

        Parameters
        ----------
        influence : (n,) floats
            :math:`u_i`: ``stands_for`` times the derivative of the effect in it.
        """
        found = np.zeros(influence.size)
        for arm in self.leaving:
            found[arm.rows] = arm.weight * _gathered(arm.sets, influence[arm.rows])
        return found


def left_before(time: Floats, event: Flags, horizon: float) -> Flags:
    """Tell who left before the horizon without the event: (n,) booleans."""
    left: Flags = ~event & (time < horizon)
    return left


def known_outcomes(time: Floats, event: Flags, treated: Flags, weight: Floats, horizon: float) -> Known:
    r"""Find what is known at the horizon, and let those followed stand for those who left, in each arm.

    .. math:: r_i = \frac{1[i \text{ known}]}{\hat G_a(\min(T_i, t)-)}

    with the weighted product-limit curve of leaving in the unit's arm. At one time events come before leaving, as in
    ``kaplan_meier``. It takes leaving to be independent of the outcome in each arm.

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``binary.risk_difference``.

    Returns
    -------
    Known
        Where nobody left before the horizon all stand for themselves.

    Raises
    ------
    FollowUpTooShortError
        If all who were left in an arm left at one time before the horizon.

    References
    ----------
    robins1992 : Robins and Rotnitzky (1992), in AIDS Epidemiology: Methodological Issues, 297-331.
    satten2001 : Satten and Datta (2001), The American Statistician 55(3), 207-210.

    Examples
    --------
    >>> time, event = np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, True, False, False])
    >>> known_outcomes(time, event, np.ones(4, dtype=bool), np.ones(4), 3.0).stands_for.round(3)
    array([0.   , 1.333, 1.333, 1.333])
    """
    happened, left = event & (time <= horizon), left_before(time, event, horizon)
    stands_for = np.where(left, 0.0, 1.0)
    leaving = []
    for arm in (treated, ~treated):
        rows = np.flatnonzero(arm & (weight > 0))
        if not left[rows].any():
            continue
        sets = _risk_sets(np.minimum(time[rows], horizon), left[rows], weight[rows])
        if (sets.survivors <= 0).any():
            raise FollowUpTooShortError(
                f"The horizon is {horizon:g}, but nobody in one arm was followed to it or to an event.",
                "Choose a shorter follow-up.",
            )
        share = np.concatenate(([1.0], np.cumprod(sets.survivors / sets.at_risk, dtype=np.float64)))
        stands_for[rows] /= share[sets.place]
        leaving.append(_Leaving(rows, weight[rows], sets))
    return Known(happened.astype(np.float64), stands_for, tuple(leaving))


def _risk_sets(time: Floats, left: Flags, weight: Floats) -> RiskSets:
    """Arrange who could leave: at one time events come first, so leaving is put half a rank later."""
    _, rank = np.unique(time, return_inverse=True)
    return arrange_risk_sets((2 * rank + left).astype(np.float64), left, weight)


def _gathered(sets: RiskSets, influence: Floats) -> Floats:
    """Spread over units what each step of leaving does to the effect: those who have reached k steps pass the first k."""
    m = sets.time.size
    # A unit that itself leaves at a step stands for nobody.
    passed = reverse_cumsum(np.bincount(sets.place, influence, m + 1).astype(np.float64))[1:]
    pull = passed / sets.survivors
    share = sets.events[:, 0] / sets.at_risk
    return spread_steps(sets, -pull * share, (pull * (1.0 - share))[:, None]).gathered()
