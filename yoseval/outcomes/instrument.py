"""The effect of a programme by an instrument, such as its calendar: two-stage least squares and robust limits.

Takes an outcome by the horizon, who started, an instrument and covariates; gives an effect with influence values, the strength
of the first stage and an Anderson-Rubin interval. It stands beside `MEASURES`, not in it: it needs a column that no other
measure does, weighs everybody alike whatever the design (a design that balances who started would undo the instrument), and is
about other children than any design. Trials built from records offer no calendar as an instrument, because children who could
not start the programme are not eligible; a column of a prepared file does.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from yoseval.arrays import AnyArray, Flags, Floats
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError, EstimationError, UsageError
from yoseval.models.intervals import interval, limits
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.contrast import align_followup
from yoseval.outcomes.types import FollowUp

STRONG_F = 23.1
"""Effective F above which, with one instrument, the bias is at most a tenth of the worst case, at the 5 % level."""

ASSUMPTIONS = (
    "The instrument changes who starts the programme.",
    "Given the covariates it is as if dealt by chance, with no cause in common with the outcome; a calendar marks more.",
    "It changes the outcome only by way of the programme.",
    "It keeps nobody from the programme whom its absence would have brought there.",
    "The effect is that on children whose start depends on the instrument, who cannot be named one by one.",
)
"""What must hold for the effect to be one; none but the first can be seen in the data."""

_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True)
class RobustSet:
    """The effects that an Anderson-Rubin test does not reject.

    Parameters
    ----------
    shape : str
        ``interval``; ``two rays`` (everything but what lies between the limits); ``whole line``; ``empty``.
    low, high : float
        Its limits; infinite on a whole line, not a number in an empty set.
    """

    shape: str
    low: float
    high: float

    def __str__(self) -> str:
        """Return the set in words."""
        return {
            "interval": f"{self.low:.4f} to {self.high:.4f}",
            "two rays": f"up to {self.low:.4f}, or from {self.high:.4f}",
            "whole line": "any effect: the instrument is too weak to exclude one",
            "empty": "no effect at all: the model does not fit",
        }[self.shape]


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


@dataclass(frozen=True, slots=True, eq=False)
class Instrumented:
    """The effect of a programme by an instrument.

    Parameters
    ----------
    programme, outcome : str
        What this is an effect of, and on.
    estimate, std_error, df, conf_low, conf_high, p_value : float
        Two-stage least squares, clustered on the child; to be believed only where ``effective_f`` is large.
    first_stage, effective_f : float
        Change in the share who start for one unit of the instrument, and its clustered F.
    robust : RobustSet
        Anderson and Rubin's: holds its level however weak the instrument.
    n, n_clusters : int
        Units and children used.
    influence : (n_units,) floats
        In the order of the design's units; 0 where a unit was not used.
    assumptions, notes : tuple of str
        What must hold, and what a reader must know.
    """

    programme: str
    outcome: str
    estimate: float
    std_error: float
    df: float
    conf_low: float
    conf_high: float
    p_value: float
    first_stage: float
    effective_f: float
    robust: RobustSet
    n: int
    n_clusters: int
    influence: Floats
    assumptions: tuple[str, ...] = ASSUMPTIONS
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row: the numbers, and the robust set by its shape, limits and in words."""
        own = ("programme", "outcome", "estimate", "std_error", "df", "conf_low", "conf_high", "p_value", "first_stage")
        row = {name: [getattr(self, name)] for name in (*own, "effective_f", "n", "n_clusters")}
        robust = {"robust_shape": self.robust.shape, "robust_low": self.robust.low, "robust_high": self.robust.high}
        return pd.DataFrame({**row, **robust, "robust": str(self.robust), "notes": " | ".join(self.notes)})

    def __str__(self) -> str:
        """Return a summary of at most eight lines."""
        return (
            f"Effect by an instrument: {self.programme} on {self.outcome}\nestimate: {self.estimate:.4f}\n"
            f"interval: {self.conf_low:.4f} to {self.conf_high:.4f}\nrobust to weakness: {self.robust}\n"
            f"first stage: {self.first_stage:.4f}, effective F {self.effective_f:.1f}\nunits: {self.n}"
        )


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


def robust_set(fit: InstrumentFit, clusters: AnyArray, reach: float, n_parameters: int) -> RobustSet:
    r"""Invert the Anderson-Rubin test exactly: the solution of a quadratic inequality.

    An effect :math:`\beta` is kept where :math:`(\hat\rho - \beta\hat\pi)^2 \le q^2 (V_{\rho\rho} - 2\beta V_{\rho\pi} +
    \beta^2 V_{\pi\pi})`, :math:`\rho` and :math:`\pi` being the changes in outcome and in starts for one unit of the
    instrument, with clustered variances.

    Parameters
    ----------
    fit : InstrumentFit
        The fit.
    clusters : (n,) labels
        Units with one label are dependent.
    reach : float
        q: the quantile of the test.
    n_parameters : int
        For the correction of the variances.

    Returns
    -------
    RobustSet
        A weak instrument gives two rays or the whole line. With one instrument it always holds the estimate.

    References
    ----------
    anderson1949 : Anderson and Rubin (1949), Annals of Mathematical Statistics 20(1), 46-63.
    andrews2019 : Andrews, Stock and Sun (2019), Annual Review of Economics 11, 727-753, section 5.1.
    """

    def variance(influence: Floats) -> float:
        return clustered_variance(influence, clusters, kind="HC1", n_parameters=n_parameters)

    outcome, starts = variance(fit.reduced_influence), variance(fit.first_influence)
    both = (variance(fit.reduced_influence + fit.first_influence) - outcome - starts) / 2.0
    square = fit.first_stage**2 - reach**2 * starts
    middle = fit.first_stage * fit.reduced - reach**2 * both
    inside = middle**2 - square * (fit.reduced**2 - reach**2 * outcome)
    return _solved(square, middle, inside)


def _solved(square: float, middle: float, inside: float) -> RobustSet:
    """Solve ``square b^2 - 2 middle b + constant <= 0``, ``inside`` being a quarter of its discriminant."""
    if inside < 0:
        return RobustSet("empty", np.nan, np.nan) if square > 0 else RobustSet("whole line", -np.inf, np.inf)
    if square == 0:
        return RobustSet("whole line", -np.inf, np.inf)
    low, high = sorted(((middle - np.sqrt(inside)) / square, (middle + np.sqrt(inside)) / square))
    return RobustSet("interval" if square > 0 else "two rays", float(low), float(high))


def estimate_instrument(
    followup: FollowUp,
    design: Design,
    instrument: str | Floats,
    *,
    adjust: bool = True,
    conf_level: float = 0.95,
) -> Instrumented:
    """Estimate the effect of a programme on having the event by the horizon, by an instrument.

    Parameters
    ----------
    followup : FollowUp
        The outcome.
    design : Design
        Its cohort's units are used, all with weight 1; its weights and sets are not.
    instrument : str or (n,) floats
        A column of ``design.cohort.units``, which ``exact=`` of ``Cohort.from_frame`` carries along, or numbers in the
        order of these units; such as whether the programme could be started at time zero.
    adjust : bool
        True to take the cohort's covariates out first.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    Instrumented
        With its assumptions in words.

    Raises
    ------
    UsageError
        If there is no such column.
    DataError
        If the instrument is not a number of each unit.
    EstimationError
        As ``two_stage_least_squares``, or if there are fewer than two children.

    References
    ----------
    montielolea2013 : Montiel Olea and Pflueger (2013), Journal of Business & Economic Statistics 31(3), 358-369, table 1.

    Examples
    --------
    >>> estimate_instrument(followup, design, "programme_open").robust.shape  # doctest: +SKIP
    'interval'
    """
    cohort = design.cohort
    sample = align_followup(followup, unadjusted_design(cohort))
    happened = sample.event & (sample.time <= sample.horizon)
    known = sample.followed & (happened | (sample.time >= sample.horizon))
    z = _instrument(design, instrument)[known]
    matrix = cohort.matrix()
    covariates = matrix.values[known][:, ~matrix.reference] if adjust else np.empty((z.size, 0))
    n_parameters = 2 + covariates.shape[1]
    fit = two_stage_least_squares(happened[known].astype(float), cohort.treated[known], z, np.ones(z.size), covariates)
    clusters = design.person_id[known]
    df = float(np.unique(clusters).size - 1)
    variance = clustered_variance(fit.influence, clusters, kind="HC1", n_parameters=n_parameters)
    made = interval(fit.value, float(np.sqrt(variance)), df, conf_level=conf_level)
    reach = float(limits(np.zeros(1), np.ones(1), df, conf_level=conf_level)[1][0])
    effective_f = fit.first_stage**2 / clustered_variance(fit.first_influence, clusters, kind="HC1", n_parameters=n_parameters)
    influence = np.zeros(known.size)
    influence[known] = fit.influence
    return Instrumented(
        cohort.programme,
        followup.outcome,
        fit.value,
        made.std_error,
        made.df,
        made.conf_low,
        made.conf_high,
        made.p_value,
        fit.first_stage,
        effective_f,
        robust_set(fit, clusters, reach, n_parameters),
        int(known.sum()),
        int(df) + 1,
        influence,
        notes=_notes(effective_f, is_whole=bool(known.all())),
    )


def _instrument(design: Design, instrument: str | Floats) -> Floats:
    units = design.cohort.units
    if isinstance(instrument, str):
        if instrument not in units.columns:
            raise UsageError(f"'{instrument}' is not a column of the cohort.", "Carry it along with exact=.")
        values: Floats = pd.to_numeric(units[instrument], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.asarray(instrument, dtype=np.float64)
    if values.shape != (len(units),) or not np.isfinite(values).all():
        raise DataError(f"An instrument is a number of each of the {len(units)} units.", "Give numbers, such as 0 and 1.")
    return values


def _notes(effective_f: float, *, is_whole: bool) -> tuple[str, ...]:
    notes = [] if is_whole else ["Units not followed to the horizon were left out."]
    if effective_f < STRONG_F:
        notes.append(
            f"The instrument is weak: its effective F is {effective_f:.1f}, below {STRONG_F:g}. Read the robust set, not the "
            "interval."
        )
    return tuple(notes)
