"""The effect of a programme by an instrument, such as its calendar: two-stage least squares.

Takes an outcome by the horizon, who started, an instrument and covariates; gives an effect with influence values and the two
changes that it is the quotient of, from which limits come that hold however weak the instrument. It is about those whose start
depends on the instrument, and weighs everybody alike: a design that balances who started would undo the instrument.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.outcomes.censored import known_outcomes
from yoseval.outcomes.types import Contrast, Quotient

ASSUMPTIONS = (
    "The instrument changes who starts the programme.",
    "Given the covariates it is as if dealt by chance, with no cause in common with the outcome; a calendar marks more.",
    "It changes the outcome only by way of starting the programme in the days that count as a start.",
    "It keeps nobody from the programme whom its absence would have brought there.",
    "The effect is that on children whose start depends on the instrument, who cannot be named one by one.",
)
"""What must hold for the effect to be one; none but the first can be seen in the data."""

_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentFit:
    """A two-stage least squares fit with one instrument on n units.

    Parameters
    ----------
    value : float
        Effect of the programme on the outcome.
    influence : (n,) floats
        Weight times derivative of ``value`` in the weight.
    first_stage : float
        Change in the share who start for one unit of the instrument.
    first_influence, reduced_influence : (n,) floats
        Likewise of the first stage and of ``reduced``.
    reduced : float
        Change in the outcome for one unit of the instrument.
    """

    value: float
    influence: Floats
    first_stage: float
    first_influence: Floats
    reduced: float
    reduced_influence: Floats


def instrument(
    time: Floats,
    event: Flags,
    instrument: Floats,
    covariates: Floats,
    treated: Flags,
    weight: Floats,
    horizon: float,
) -> Contrast:
    """Estimate the difference in risk that starting makes, by an instrument: see ``two_stage_least_squares``.

    Parameters
    ----------
    time, event, treated, weight, horizon
        As for ``binary.risk_difference``. Those followed stand for those who left: see ``outcomes.censored``.
    instrument : (n,) floats
        Numbers; 0 and 1 for a calendar.
    covariates : (n, p) floats
        Taken out first; p may be 0.

    Returns
    -------
    Contrast
        Negative = fewer by the programme. The arms have no values of their own.

    Raises
    ------
    TooFewEventsError
        If nobody or everybody had the event.
    EstimationError
        As ``two_stage_least_squares`` and ``known_outcomes``.

    Examples
    --------
    >>> z, started = np.array([0.0, 0.0, 1.0, 1.0]), np.array([False, False, True, False])
    >>> event = np.array([True, True, False, True])
    >>> instrument(np.ones(4), event, z, np.empty((4, 0)), started, np.ones(4), 1.0).value
    -1.0
    """
    known = known_outcomes(time, event, treated, weight, horizon)
    counts = weight * known.stands_for
    if np.ptp(known.outcome[counts > 0]) == 0:
        raise TooFewEventsError("The outcome does not vary, so it has no interval.", "Choose another outcome.")
    fit = two_stage_least_squares(known.outcome, treated, instrument, counts, covariates)
    value, above, below = (own + known.through(own) for own in (fit.influence, fit.reduced_influence, fit.first_influence))
    parts = Quotient(fit.reduced, fit.first_stage, above, below, 2 + covariates.shape[1], ASSUMPTIONS)
    return Contrast(fit.value, value, float("nan"), float("nan"), quotient=parts)


def two_stage_least_squares(
    outcome: Floats, treated: Flags, instrument: Floats, weight: Floats, covariates: Floats | None = None
) -> InstrumentFit:
    r"""Fit a linear model of the outcome with one instrument for the programme.

    With covariates and an intercept taken out of each by weighted least squares,

    .. math:: \hat\beta = \frac{\sum_i w_i \tilde z_i \tilde y_i}{\sum_i w_i \tilde z_i \tilde a_i}, \qquad
              \hat\phi_i = \frac{w_i \tilde z_i (\tilde y_i - \hat\beta \tilde a_i)}{\sum_j w_j \tilde z_j \tilde a_j} .

    Without covariates and with an instrument of 0 and 1 it is Wald's ratio of differences.

    Parameters
    ----------
    outcome : (n,) floats
        Numbers; 0 and 1 for an event.
    treated : (n,) booleans
        True where the unit started the programme.
    instrument : (n,) floats
        Numbers; 0 and 1 for a calendar.
    weight : (n,) floats
        Zero or more.
    covariates : (n, p) floats, optional
        Columns besides the intercept; those that others explain change nothing.

    Returns
    -------
    InstrumentFit
        The fit.

    Raises
    ------
    EstimationError
        If nobody or everybody started, the instrument does not vary once covariates are taken out, or is not at all related to
        who started.

    References
    ----------
    angrist1996 : Angrist, Imbens and Rubin (1996), JASA 91(434), 444-455, equation 9.
    wooldridge2010 : Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, 2nd ed., section 5.2.

    Examples
    --------
    >>> z, a = np.array([0.0, 0.0, 1.0, 1.0]), np.array([False, False, True, False])
    >>> two_stage_least_squares(np.array([1.0, 1.0, 0.0, 1.0]), a, z, np.ones(4)).value
    -1.0
    """
    plain = [np.ones((outcome.size, 1))] + ([covariates] if covariates is not None else [])
    y, a, z = _residuals(np.column_stack([outcome, treated, instrument]), np.hstack(plain), weight).T
    spread = float(weight @ z**2)
    if spread <= _SINGULAR * float(weight @ instrument**2):
        raise EstimationError("The instrument does not vary beyond the covariates.", "Choose another, or fewer covariates.")
    reduced, first = float(weight * z @ y) / spread, float(weight * z @ a) / spread
    if first**2 * spread <= _SINGULAR * float(weight @ a**2) or not (weight @ a**2) > _SINGULAR * weight.sum():
        raise EstimationError("Who starts does not depend on the instrument at all.", "Choose another instrument.")
    value = reduced / first
    lever = weight * z / spread
    return InstrumentFit(
        value, lever * (y - value * a) / first, first, lever * (a - first * z), reduced, lever * (y - reduced * z)
    )


def _residuals(columns: Floats, plain: Floats, weight: Floats) -> Floats:
    root = np.sqrt(weight)[:, None]
    found: Floats = columns - plain @ np.linalg.lstsq(root * plain, root * columns, rcond=None)[0]
    return found
