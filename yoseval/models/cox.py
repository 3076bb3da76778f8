"""The Cox model with weights, ties and influence values.

Takes times, events, covariates and weights and gives coefficients with each unit's influence on them. Own code because
the peers' robust errors are wrong under ties, or quadratic in time. Every pass is a handful of cumulative sums over
the distinct event times and one weighted cross product; it cannot see arms, designs or files.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.curves import event_places

Ties = Literal["efron", "breslow"]

_MOST_ITERATIONS = 40
_MOST_HALVINGS = 30
# On standardised columns: quadratic convergence makes the step after this one a rounding error.
_SMALL_STEP = 1e-8
# A smallest eigenvalue that has shrunk so far against the start means a coefficient on its way to infinity.
_FLAT = 1e-9
# A smallest eigenvalue this small against the sum of all, at the start, means collinear columns.
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fitted Cox model of n units and p covariates.

    Parameters
    ----------
    coefficients : (p,) floats
        Logarithms of hazard ratios.
    covariance : (p, p) floats
        Inverse information: the model's own covariance, to be believed only without weights.
    influence : (n, p) floats
        Weight times derivative of each coefficient in the weight (weighted ``dfbeta``); columns sum to zero.
    loglik, loglik_null : float
        Log partial likelihood at the estimate and at zero.
    n, n_events : int
        Units and events of positive weight.
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
    n: int
    n_events: int
    iterations: int
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Units in the order of their cells. Cell 2k - 1 holds the events at the k-th time, cell 2k those censored from then on."""

    columns: Floats  # (p, n), standardised
    weight: Floats
    place: Indices
    event: Flags
    filled: Indices  # the cells that are not empty
    starts: Indices  # where they begin
    m: int  # distinct event times
    tie: Indices  # (events,) time each event belongs to
    keep: Floats  # (events,) 1 - l/m of Efron; 1 for Breslow
    share: Floats  # (events,) mean weight of the events at that time


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One evaluation of the likelihood."""

    loglik: float
    score: Floats
    information: Floats
    risk: Floats  # (n,) exp(linear predictor), up to a factor
    hazard: Floats  # (n,) what each unit was exposed to
    mean: Floats  # (p, events) mean covariates of those at risk
    rate: Floats  # (events,) share / denominator


def fit_cox(time: Floats, event: Flags, covariates: Floats, weight: Floats, *, ties: Ties = "efron") -> CoxFit:
    r"""Fit a Cox model by Newton-Raphson on the weighted partial likelihood.

    At a time with m tied events of mean weight :math:`\bar w`, Efron's contribution is

    .. math:: \sum_{i \in D} w_i x_i\beta - \bar w \sum_{l=0}^{m-1} \log\Big(\sum_{R} w_j e^{x_j\beta}
              - \tfrac{l}{m} \sum_{D} w_j e^{x_j\beta}\Big);

    Breslow's has 0 for l/m. The influence values are the exact derivatives of the solution in the weights, so the sum of
    squares over clusters is the robust variance of R's ``coxph(robust = TRUE)``, ties and weights included.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring.
    event : (n,) booleans
        True where the event happened at ``time``.
    covariates : (n, p) floats
        Columns; they are centred and scaled inside.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    ties : str
        ``efron`` or ``breslow``.

    Returns
    -------
    CoxFit
        The fit.

    Raises
    ------
    EstimationError
        If there are no events, a column is constant or a combination of others, no finite maximum exists
        (for instance no event in one arm), or the steps do not converge.

    References
    ----------
    efron1977 : Efron (1977), JASA 72(359), 557-565.
    therneau2000 : Therneau and Grambsch (2000), Modeling Survival Data, chapters 3 and 7.
    binder1992 : Binder (1992), Biometrika 79(1), 139-147.
    """
    used = np.flatnonzero(weight > 0)
    if not event[used].any():
        raise EstimationError("A Cox model needs events; there are none.", "Choose a longer follow-up or another outcome.")
    centre, scale = _centre_and_scale(covariates[used], weight[used])
    standard = (covariates[used] - centre) / scale
    sample, order = _arrange(time[used], event[used], standard, weight[used], ties)
    null = _evaluate(sample, np.zeros(scale.size))
    beta, found, iterations = _climb(sample, null)
    covariance = np.linalg.inv(found.information)
    influence = np.zeros((len(time), scale.size))
    influence[used[order]] = (_score_residuals(sample, found) @ covariance) / scale
    return CoxFit(
        coefficients=beta / scale,
        covariance=covariance / np.outer(scale, scale),
        influence=influence,
        loglik=found.loglik,
        loglik_null=null.loglik,
        n=used.size,
        n_events=int(event[used].sum()),
        iterations=iterations,
        converged=True,
    )


def _centre_and_scale(columns: Floats, weight: Floats) -> tuple[Floats, Floats]:
    centre = np.average(columns, axis=0, weights=weight)
    scale = np.sqrt(np.average((columns - centre) ** 2, axis=0, weights=weight))
    flat = scale <= 1e-12 * (1.0 + np.abs(centre))
    if flat.any():
        raise EstimationError(
            f"{int(flat.sum())} of {flat.size} columns of the Cox model have one value only (first: column "
            f"{int(np.flatnonzero(flat)[0]) + 1}).",
            "Leave them out.",
        )
    return centre, scale


def _arrange(time: Floats, event: Flags, columns: Floats, weight: Floats, ties: Ties) -> tuple[_Sample, Indices]:
    moments, place = event_places(time, event)
    cell = 2 * place - event
    order = np.argsort(cell, kind="stable")
    filled, starts = np.unique(cell[order], return_index=True)
    tie = place[order][event[order]] - 1
    sizes = np.bincount(tie)
    rank = np.arange(tie.size) - (np.cumsum(sizes) - sizes)[tie]
    keep = 1.0 - rank / sizes[tie] if ties == "efron" else np.ones(tie.size)
    share = (np.bincount(tie, weight[order][event[order]]) / sizes)[tie]
    ordered = np.ascontiguousarray(columns[order].T)
    sample = _Sample(ordered, weight[order], place[order], event[order], filled, starts, moments.size, tie, keep, share)
    return sample, order


def _climb(sample: _Sample, null: _Pass) -> tuple[Floats, _Pass, int]:
    """Take Newton steps, halved while they lead downhill, until they no longer move."""
    beta, here = np.zeros(null.score.size), null
    smallest = _smallest_eigenvalue(null)
    if smallest <= _SINGULAR * float(np.trace(null.information)):
        raise EstimationError("A column of the Cox model is a combination of the others.", "Leave one of them out.")
    for iteration in range(1, _MOST_ITERATIONS + 1):
        step = np.asarray(np.linalg.solve(here.information, here.score), dtype=np.float64)
        beta, here = _uphill(sample, beta, here, step)
        if _smallest_eigenvalue(here) < _FLAT * smallest:
            break
        if np.abs(step).max() < _SMALL_STEP:
            return beta, here, iteration
    raise EstimationError(
        f"The Cox model has no finite maximum or did not converge in {_MOST_ITERATIONS} steps.",
        "Look for an arm or a level without events, and leave it out, or choose a risk difference.",
    )


def _uphill(sample: _Sample, beta: Floats, here: _Pass, step: Floats) -> tuple[Floats, _Pass]:
    slack = 1e-12 * (1.0 + abs(here.loglik))
    for _ in range(_MOST_HALVINGS):
        there = _evaluate(sample, beta + step)
        if there.loglik >= here.loglik - slack:
            return beta + step, there
        step = step / 2.0
    return beta, here


def _smallest_eigenvalue(found: _Pass) -> float:
    return float(np.linalg.eigvalsh(found.information)[0])


def _evaluate(sample: _Sample, beta: Floats) -> _Pass:
    linear = beta @ sample.columns
    linear = linear - linear.max()
    risk = np.exp(linear)
    weighted = sample.weight * risk
    dead, alive = _at_risk_sums(sample, np.vstack([weighted[None, :], sample.columns * weighted]))
    sums = alive[:, sample.tie] + sample.keep * dead[:, sample.tie]
    mean = sums[1:] / sums[0]
    rate = sample.share / sums[0]
    hazard = _exposure(sample, rate[None, :])[0]
    own = sample.weight[sample.event]
    score = sample.columns[:, sample.event] @ own - mean @ sample.share
    information = (sample.columns * (weighted * hazard)) @ sample.columns.T - (mean * sample.share) @ mean.T
    loglik = float(own @ linear[sample.event] - sample.share @ np.log(sums[0]))
    return _Pass(loglik, score, information, risk, hazard, mean, rate)


def _at_risk_sums(sample: _Sample, rows: Floats) -> tuple[Floats, Floats]:
    """Sum rows, (q, n), over the events at, and over the survivors of, each event time: two (q, m) arrays."""
    cells = np.zeros((rows.shape[0], 2 * sample.m + 1))
    cells[:, sample.filled] = np.add.reduceat(rows, sample.starts, axis=1)
    onwards = np.cumsum(cells[:, ::-1], axis=1)[:, ::-1]
    return cells[:, 1::2], onwards[:, 2::2]


def _exposure(sample: _Sample, increments: Floats) -> Floats:
    """Sum increments, (q, events), over each unit's time at risk: (q, n).

    At its own event a unit is exposed to the share of each increment that Efron keeps of the tied events.
    """
    by_time = np.vstack([np.bincount(sample.tie, row, sample.m) for row in increments])
    kept = np.vstack([np.bincount(sample.tie, row, sample.m) for row in increments * sample.keep])
    none = np.zeros((len(increments), 1))
    total = np.hstack([none, np.cumsum(by_time, axis=1)])
    own = total[:, :-1] + kept
    return np.where(sample.event, own[:, np.maximum(sample.place, 1) - 1], total[:, sample.place])


def _score_residuals(sample: _Sample, found: _Pass) -> Floats:
    """Give the derivative of the score in each weight, times the weight: (n, p) floats in the order of the sample."""
    sizes = np.bincount(sample.tie, minlength=sample.m)
    expected = np.vstack([np.bincount(sample.tie, row, sample.m) for row in found.mean]) / sizes
    residuals = found.risk * (_exposure(sample, found.mean * found.rate) - sample.columns * found.hazard)
    residuals[:, sample.event] += sample.columns[:, sample.event] - expected[:, sample.tie]
    return (residuals * sample.weight).T
