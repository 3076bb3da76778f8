"""The Cox model with weights, ties, delayed entry, strata and influence values.

Takes rows of times, events, covariates and weights and gives coefficients with each row's influence on them. Own code
because the peers' robust errors are wrong under ties or with entry, or quadratic in time. A child may have several rows:
covariates that change over time and recurrent events are rows (entry, time] of one cluster. It cannot see arms, designs or
files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.models.cox_newton import Maximum, climb
from yoseval.models.cox_sample import Sample, Ties, arrange, standardise
from yoseval.models.cox_sums import score_residuals

_MODEL = "Cox model"


@dataclass(frozen=True, slots=True, eq=False)
class BaselineSteps:
    """Increments of the baseline hazard of a Cox model.

    Parameters
    ----------
    centre : (p,) floats
        Covariates at which the increments are given: the weighted means, so that they do not overflow.
    time : (k,) floats
        Distinct event times, rising within each stratum.
    stratum : (k,) labels
        Stratum of each; all 0 without strata.
    increment : (k,) floats
        Zero or more.
    """

    centre: Floats
    time: Floats
    stratum: AnyArray
    increment: Floats


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted Cox model of n rows and p covariates.

    Parameters
    ----------
    coefficients : (p,) floats
        Logarithms of hazard ratios.
    covariance : (p, p) floats
        Inverse information: the model's own covariance, to be believed only without weights, for one row a child.
    influence : (n, p) floats
        Weight times derivative of each coefficient in the weight (weighted ``dfbeta``); columns sum to zero. Rows of one
        child are to be summed: see ``variance.clustered_sandwich``.
    loglik, loglik_null : float
        Log partial likelihood at the estimate and at zero.
    score_null, information_null : (p,), (p, p) floats
        First derivative at zero and minus the second: ``score_test`` is made of them.
    baseline : BaselineSteps
        Increments of the baseline hazard: see ``baseline_hazard``.
    n, n_events : int
        Rows and events of positive weight.
    iterations : int
        Newton steps taken.
    converged : bool
        True: a fit that did not converge raises an error.
    """

    coefficients: Floats
    covariance: Floats
    influence: Floats
    loglik: float
    loglik_null: float
    score_null: Floats
    information_null: Floats
    baseline: BaselineSteps
    n: int
    n_events: int
    iterations: int
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class CumulativeHazard:
    """A cumulative hazard that rises at k times to ``hazard``, (k,) floats, just after each ``time``, (k,) floats."""

    time: Floats
    hazard: Floats


@dataclass(frozen=True, slots=True, eq=False)
class CoxSolution:
    """A maximum on standardised columns, for what is computed from it.

    Parameters
    ----------
    sample : Sample
        The rows in order.
    rows : (n,) integers
        Which row was given for each of the sample.
    centre, scale : (p,) floats
        What was subtracted from, and divided out of, the columns.
    labels : (s,) labels or None
        Names of the strata.
    maximum : Maximum
        Coefficients and likelihoods.
    """

    sample: Sample
    rows: Indices
    centre: Floats
    scale: Floats
    labels: AnyArray | None
    maximum: Maximum


def fit_cox(
    time: Floats,
    event: Flags,
    covariates: Floats,
    weight: Floats,
    *,
    ties: Ties = "efron",
    entry: Floats | None = None,
    strata: AnyArray | None = None,
) -> CoxFit:
    r"""Fit a Cox model by Newton-Raphson on the weighted partial likelihood.

    At a time with m tied events of mean weight :math:`\bar w`, Efron's contribution is

    .. math:: \sum_{i \in D} w_i x_i\beta - \bar w \sum_{l=0}^{m-1} \log\Big(\sum_{R} w_j e^{x_j\beta}
              - \tfrac{l}{m} \sum_{D} w_j e^{x_j\beta}\Big);

    Breslow's has 0 for l/m. Those at risk, R, at time t are the rows of the stratum with entry < t <= time. The influence
    values are the exact derivatives of the solution in the weights, so the sum of squares over clusters is the robust
    variance of R's ``coxph(cluster =)``: ties, weights, strata and entry included. Rows of one child with the gaps between
    its events as times, or with the number of the event as stratum, give the models of Andersen and Gill (of Lin, Wei,
    Yang and Ying with the robust variance), of Prentice, Williams and Peterson, and of Wei, Lin and Weissfeld.

    Whole weights equal repeated rows with Breslow's method only: Efron's counts tied events by rows, so two rows are two
    tied events and one row of weight 2 is one.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring.
    event : (n,) booleans
        True where the event happened at ``time``.
    covariates : (n, p) floats
        Columns; they are centred and scaled inside.
    weight : (n,) floats
        Zero or more; a row of weight 0 is as if absent.
    ties : str
        ``efron`` or ``breslow``.
    entry : (n,) floats, optional
        A row is at risk after this time. Sums over those at risk lose precision where the relative hazard at risk is many
        orders of magnitude below what it is later on: about 1e-16 of the largest sum.
    strata : (n,) labels, optional
        Each has a baseline hazard of its own; one without events tells nothing.

    Returns
    -------
    CoxFit
        The fit.

    Raises
    ------
    EstimationError
        If there are no events, a row ends before its entry, a column is constant or a combination of others, no finite
        maximum exists (for instance no event in one arm), or the steps do not converge.

    References
    ----------
    efron1977 : Efron (1977), JASA 72(359), 557-565.
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, chapters 3, 7 and 8.
    binder1992 : Binder (1992), Biometrika 79(1), 139-147.
    lin2000 : Lin, Wei, Yang and Ying (2000), JRSS B 62(4), 711-730.

    Examples
    --------
    >>> x, ones = np.array([[1.0], [0.0], [1.0]]), np.ones(3)
    >>> fit_cox(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), x, ones).coefficients.round(4)
    array([-0.3466])
    """
    solution = solve_cox(time, event, covariates, weight, ties=ties, entry=entry, strata=strata)
    sample, scale, top = solution.sample, solution.scale, solution.maximum
    covariance = np.linalg.inv(top.found.information)
    influence = np.zeros((len(time), scale.size))
    influence[solution.rows] = score_residuals(sample, top.found).T @ (covariance / scale)
    return CoxFit(
        coefficients=top.beta / scale,
        covariance=covariance / np.outer(scale, scale),
        influence=influence,
        loglik=top.found.loglik,
        loglik_null=top.null.loglik,
        score_null=top.null.score * scale,
        information_null=top.null.information * np.outer(scale, scale),
        baseline=_baseline(solution),
        n=solution.rows.size,
        n_events=sample.events.size,
        iterations=top.iterations,
        converged=True,
    )


def solve_cox(
    time: Floats,
    event: Flags,
    covariates: Floats,
    weight: Floats,
    *,
    ties: Ties,
    entry: Floats | None,
    strata: AnyArray | None,
) -> CoxSolution:
    """Find the maximum on standardised columns; arguments and errors are those of ``fit_cox``."""
    if not (event & (weight > 0)).any():
        raise TooFewEventsError("A Cox model needs events; there are none.", "Choose a longer follow-up or another outcome.")
    arranged = arrange(time, event, covariates, weight, ties=ties, entry=entry, strata=strata)
    standard = standardise(arranged.sample, _MODEL)
    return CoxSolution(
        standard.sample,
        arranged.rows,
        standard.centre,
        standard.scale,
        arranged.labels,
        climb(standard.sample, _MODEL),
    )


def baseline_hazard(fit: CoxFit, covariates: Floats, *, stratum: object = None) -> CumulativeHazard:
    r"""Give the cumulative hazard of somebody with given covariates.

    .. math:: \hat H(t \mid x) = e^{x\hat\beta} \sum_{t_k \le t} \sum_{l=0}^{m_k-1}
              \frac{\bar w_k}{\sum_R w_j e^{x_j\hat\beta} - \tfrac{l}{m_k} \sum_D w_j e^{x_j\hat\beta}}

    with the same l/m as the fit: Efron's estimate after Efron's fit (as R's ``basehaz``), Breslow's after Breslow's.

    Parameters
    ----------
    fit : CoxFit
        The fit.
    covariates : (p,) floats
        Of that person; zeros for the baseline itself.
    stratum : label, optional
        Needed if the model has strata.

    Returns
    -------
    CumulativeHazard
        At the distinct event times of the stratum: none if it has no events.

    Raises
    ------
    EstimationError
        If the model has several strata and none is named.

    References
    ----------
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, section 10.2.
    """
    steps = fit.baseline
    several = np.unique(steps.stratum).size
    if stratum is None and several > 1:
        raise EstimationError(f"The Cox model has {several} strata with events; no stratum was named.", "Name one of them.")
    own = np.ones(steps.time.size, dtype=bool) if stratum is None else np.asarray(steps.stratum == stratum)
    relative = np.exp((covariates - steps.centre) @ fit.coefficients)
    return CumulativeHazard(steps.time[own], relative * np.cumsum(steps.increment[own]))


def score_test(fit: CoxFit) -> float:
    """Give the score statistic against all coefficients being zero: chi-squared with p degrees of freedom."""
    return float(fit.score_null @ np.linalg.solve(fit.information_null, fit.score_null))


def _baseline(solution: CoxSolution) -> BaselineSteps:
    moments, found = solution.sample.moments, solution.maximum.found
    some = moments.deaths > 0
    code = moments.stratum[some]
    return BaselineSteps(
        centre=solution.centre,
        time=moments.time[some],
        stratum=code if solution.labels is None else solution.labels[code],
        increment=found.rates.one[some] * np.exp(-found.top[code]),
    )
