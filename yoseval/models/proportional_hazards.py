"""Whether hazard ratios change over time: the score test on a fitted Cox model, and the residuals to look at.

Takes the rows of a Cox model and gives chi-squared statistics of each term and of all. It cannot see arms, designs or files.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.cox import CoxSolution, solve_cox
from yoseval.models.cox_sample import Ties
from yoseval.models.cox_sums import expected_covariates, information_along, score_along, score_residuals
from yoseval.models.curves import number_at_risk
from yoseval.models.intervals import chi_square_p_value
from yoseval.models.variance import clustered_sandwich

Transform = Literal["km", "identity", "rank", "log"]

# A smallest eigenvalue this small against the sum of all: too few event times for so many terms.
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalHazardsTest:
    """Statistics against coefficients that change along a function of time; k terms.

    Parameters
    ----------
    statistic, df, p_value : (k,) floats, (k,) integers, (k,) floats
        Chi-squared of each term.
    global_statistic, global_df, global_p_value : float, int, float
        Of all terms together.
    """

    statistic: Floats
    df: Indices
    p_value: Floats
    global_statistic: float
    global_df: int
    global_p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class SchoenfeldResiduals:
    """Scaled Schoenfeld residuals of the e events, for a plot against time.

    Parameters
    ----------
    row : (e,) integers
        Which row has the event.
    time, transformed : (e,) floats
        Its time, and the function of time that the test uses.
    residual : (e, p) floats
        Each scatters about the coefficient at that time.
    """

    row: Indices
    time: Floats
    transformed: Floats
    residual: Floats


def proportional_hazards_test(
    time: Floats,
    event: Flags,
    covariates: Floats,
    weight: Floats,
    *,
    transform: Transform = "km",
    terms: AnyArray | None = None,
    ties: Ties = "efron",
    entry: Floats | None = None,
    strata: AnyArray | None = None,
    clusters: AnyArray | None = None,
) -> ProportionalHazardsTest:
    r"""Test whether coefficients change along a function of time.

    The score test of :math:`\gamma = 0` in :math:`\beta(t) = \beta + \gamma g(t)` at the fitted :math:`\beta`: with the
    score and information :math:`U_k, V_k` of each event time,

    .. math:: U = \sum_k g_k U_k, \quad V = \sum_k g_k^2 V_k - \Big(\sum_k g_k V_k\Big) I^{-1} \Big(\sum_k g_k V_k\Big),
              \quad \chi^2 = U^\top V^{-1} U,

    and of one term with its columns of U and V: as R's ``cox.zph`` from survival 3.0 on, and not the older approximation
    that takes :math:`V_k` as equal. Where weights are not counts, or rows depend on each other, V is not the variance of U;
    with ``clusters`` it is replaced by the sum over clusters of squares of U's influence.

    Parameters
    ----------
    time, event, covariates, weight, ties, entry, strata
        As for ``cox.fit_cox``.
    transform : str
        g: ``km`` (1 - Kaplan-Meier just before, of all strata together), ``identity``, ``rank`` (among all rows' times, ties
        at their mean) or ``log``. Curve and ranks are weighted; R's are not.
    terms : (p,) labels, optional
        Columns with one label are tested together; otherwise each by itself. Terms come in order of their labels.
    clusters : (n,) labels, optional
        For a robust test: one label a row without dependence.

    Returns
    -------
    ProportionalHazardsTest
        Statistics and p-values.

    Raises
    ------
    EstimationError
        If the model cannot be fitted, all events share one time or too few do not, or ``log`` meets an event at time 0.

    References
    ----------
    grambsch1994 : Grambsch and Therneau (1994), Biometrika 81(3), 515-526.
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, chapter 6.
    """
    solution = solve_cox(time, event, covariates, weight, ties=ties, entry=entry, strata=strata)
    factor = _centred_transform(solution, time, entry, transform)
    sample, found = solution.sample, solution.maximum.found
    score = score_along(sample, found, factor)
    mixed = information_along(sample, found, factor)
    slope = np.linalg.solve(found.information, mixed)
    variance = information_along(sample, found, factor**2) - mixed @ slope
    _require_varied(variance)
    if clusters is not None:
        pulled = score_residuals(sample, found, factor) - slope.T @ score_residuals(sample, found)
        variance = clustered_sandwich(pulled.T, clusters[solution.rows])
    codes = np.arange(score.size) if terms is None else np.unique(terms, return_inverse=True)[1]
    own = [np.flatnonzero(codes == k) for k in range(int(codes.max()) + 1)]
    statistic = np.array([_quadratic(score[i], variance[np.ix_(i, i)]) for i in own])
    df = np.array([i.size for i in own], dtype=np.int64)
    together = _quadratic(score, variance)
    p_value = np.array([chi_square_p_value(float(s), int(k)) for s, k in zip(statistic, df, strict=True)])
    return ProportionalHazardsTest(statistic, df, p_value, together, score.size, chi_square_p_value(together, score.size))


def scaled_schoenfeld(
    time: Floats,
    event: Flags,
    covariates: Floats,
    weight: Floats,
    *,
    transform: Transform = "km",
    ties: Ties = "efron",
    entry: Floats | None = None,
    strata: AnyArray | None = None,
) -> SchoenfeldResiduals:
    r"""Give the scaled Schoenfeld residuals, whose smooth curve over time is that of the coefficients.

    .. math:: \hat\beta + W I^{-1} (x_i - \bar x(t_i))

    with W the weight of all events; their weighted mean is :math:`\hat\beta`. Arguments and errors are those of
    ``proportional_hazards_test``. Each row is one event: not to be shown of few children.

    References
    ----------
    grambsch1994 : Grambsch and Therneau (1994), Biometrika 81(3), 515-526.
    """
    solution = solve_cox(time, event, covariates, weight, ties=ties, entry=entry, strata=strata)
    sample, found = solution.sample, solution.maximum.found
    at, row = sample.place[sample.events] - 1, solution.rows[sample.events]
    residual = sample.columns[:, sample.events] - expected_covariates(sample, found)[:, at]
    scaled = sample.moments.deaths.sum() * np.linalg.solve(found.information, residual)
    return SchoenfeldResiduals(
        row=row,
        time=time[row],
        transformed=_transform(solution, time, entry, transform)[at],
        residual=((solution.maximum.beta[:, None] + scaled) / solution.scale[:, None]).T,
    )


def _centred_transform(solution: CoxSolution, time: Floats, entry: Floats | None, transform: Transform) -> Floats:
    """Take the mean over events off: the statistic does not change, its rounding does."""
    moments, factor = solution.sample.moments, _transform(solution, time, entry, transform)
    centred: Floats = np.where(moments.deaths > 0, factor - moments.deaths @ factor / moments.deaths.sum(), 0.0)
    return centred


def _transform(solution: CoxSolution, time: Floats, entry: Floats | None, transform: Transform) -> Floats:
    """Give g at each event time, (m,) floats; 0 where nothing happens."""
    moments, weight = solution.sample.moments, solution.sample.weight
    some = moments.deaths > 0
    at, times = moments.time[some], time[solution.rows]
    found = np.zeros(some.size)
    if transform == "km":
        found[some] = 1.0 - _survival_before(solution, times, None if entry is None else entry[solution.rows], at)
    elif transform == "rank":
        later = number_at_risk(times, weight, at)
        found[some] = weight.sum() - (later + number_at_risk(times, weight, np.nextafter(at, np.inf))) / 2.0
    elif transform == "log":
        if at.min() <= 0:
            raise EstimationError(
                f"The logarithm needs event times above 0; the least is {at.min():g}.", "Choose another transform."
            )
        found[some] = np.log(at)
    else:
        found[some] = at
    return found


def _survival_before(solution: CoxSolution, times: Floats, entry: Floats | None, at: Floats) -> Floats:
    """Read the weighted product-limit curve of all strata together just before given times."""
    moments, weight = solution.sample.moments, solution.sample.weight
    some = moments.deaths > 0
    steps, which = np.unique(moments.time[some], return_inverse=True)
    at_risk = number_at_risk(times, weight, steps)
    if entry is not None:
        at_risk = at_risk - number_at_risk(entry, weight, steps)
    share = np.bincount(which, moments.deaths[some]) / at_risk
    survival = np.concatenate(([1.0], np.cumprod(np.maximum(1.0 - share, 0.0))))
    found: Floats = survival[np.searchsorted(steps, at, side="left")]
    return found


def _require_varied(variance: Floats) -> None:
    """Refuse a variance that is singular, of a function of time that does not vary enough."""
    values = np.linalg.eigvalsh(variance)
    if values[0] <= _SINGULAR * max(float(values.sum()), np.finfo(np.float64).tiny):
        raise EstimationError(
            f"The events stand at too few times to test {len(values)} coefficients for a change.", "Test fewer terms."
        )


def _quadratic(score: Floats, variance: Floats) -> float:
    return float(score @ np.linalg.solve(variance, score))
