"""Fit a mixture cure (split-population) model: who would ever have the event, and when.

Takes times, events, covariates and weights and gives coefficients with each unit's influence on them. Own code, because
lifelines' mixture has neither covariates nor influence values, and does not say when there is no maximum to be found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, log_expit, logit, ndtr

from yoseval.arrays import Flags, Floats
from yoseval.errors import EstimationError, TooFewEventsError
from yoseval.models.glm import standardise_columns

Latency = Literal["weibull", "lognormal", "loglogistic", "exponential"]

NO_CURE_DEVIANCE = 2.706
"""5 % point of the deviance for a cured fraction of zero, half 0 and half chi-squared: it lies on the boundary."""

_MOST_ITERATIONS = 100
_MOST_HALVINGS = 30
_SMALL_STEP = 1e-9
# Information, counting weights as units, below which some mix of coefficients has a standard error above 4 on the logit.
_FLAT = 1.0 / 16.0
_EXTREME = 7.0  # logit of a share of 0.999
_TOP = 50.0  # of the exponential's argument: beyond it a survival of exp(-exp(50)) is zero


@dataclass(frozen=True, slots=True, eq=False)
class CureFit:
    """A mixture cure model of n units.

    Parameters
    ----------
    incidence : (p + 1,) floats
        Coefficients of the logit of ever having the event, the intercept first.
    latency : (q + 1,) floats
        Coefficients of the location of log time among those who would.
    log_scale : float
        Logarithm of the scale of log time: 0 for the exponential.
    covariance : (k, k) floats
        Inverse information, in the order ``incidence``, ``latency``, ``log_scale``: to be believed only without weights.
    influence : (n, k) floats
        Weight times derivative of each coefficient in the weight.
    ever : (n,) floats
        Probability of ever having the event.
    loglik, loglik_no_cure : float
        Log-likelihood, and that of the model in which everybody would in the end.
    """

    incidence: Floats
    latency: Floats
    log_scale: float
    covariance: Floats
    influence: Floats
    ever: Floats
    loglik: float
    loglik_no_cure: float


@dataclass(frozen=True, slots=True, eq=False)
class _Standard:
    """A distribution of standardised log time: of u, log density, its first and second derivative, and survival, (n,) each."""

    log_density: Floats
    slope: Floats
    bend: Floats
    survival: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """Times on the log scale, events, weights of mean one, and the columns (n, .) of both parts."""

    log_time: Floats
    event: Flags
    weight: Floats
    incidence: Floats
    latency: Floats
    standard: Callable[[Floats], _Standard]
    has_scale: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One evaluation: likelihood, scores (n, k) of the units and information (k, k)."""

    loglik: float
    scores: Floats
    information: Floats


def _weibull(u: Floats) -> _Standard:
    e = np.exp(np.minimum(u, _TOP))
    return _Standard(u - e, 1.0 - e, -e, np.exp(-e))


def _lognormal(u: Floats) -> _Standard:
    return _Standard(-0.5 * (u * u + np.log(2.0 * np.pi)), -u, -np.ones_like(u), ndtr(-u))


def _loglogistic(u: Floats) -> _Standard:
    share = expit(u)
    return _Standard(log_expit(u) + log_expit(-u), 1.0 - 2.0 * share, -2.0 * share * (1.0 - share), expit(-u))


LATENCIES: Mapping[str, Callable[[Floats], _Standard]] = {
    "weibull": _weibull,
    "lognormal": _lognormal,
    "loglogistic": _loglogistic,
    "exponential": _weibull,
}


def fit_cure(
    time: Floats,
    event: Flags,
    weight: Floats,
    *,
    incidence: Floats | None = None,
    latency: Floats | None = None,
    distribution: Latency = "lognormal",
) -> CureFit:
    r"""Fit a mixture cure model by Newton's method on the weighted likelihood.

    .. math:: S(t \mid x, z) = 1 - p(x) + p(x)\, S_0\!\left(\frac{\log t - z^\top\beta}{\sigma}\right), \qquad
              \operatorname{logit} p(x) = x^\top\gamma

    The influence of a unit is its weight times its score times the inverse of the observed information: the exact derivative
    of the solution in its weight, so that clusters are served by sums. A cured fraction is told from the plateau of
    the curve alone; where the data show none, the maximum is at an edge or nowhere, and the fit is refused.

    Parameters
    ----------
    time : (n,) floats
        Time to the event or to censoring, above 0.
    event : (n,) booleans
        True where the event happened at ``time``.
    weight : (n,) floats
        Zero or more; a unit of weight 0 is as if absent.
    incidence, latency : (n, p) and (n, q) floats, optional
        Columns besides the intercepts.
    distribution : str
        A key of ``LATENCIES``.

    Returns
    -------
    CureFit
        The fit.

    Raises
    ------
    EstimationError
        If a time is not above 0, nobody or everybody had the event, the likelihood has no interior maximum, or it is so flat
        there that a coefficient would have a standard error above 4.

    References
    ----------
    schmidt1989 : Schmidt and Witte (1989), Journal of Econometrics 40(1), 141-159, section 3: the likelihood.
    maller1996 : Maller and Zhou (1996), Survival Analysis with Long-Term Survivors, Wiley, chapter 5: when a maximum exists.

    Examples
    --------
    >>> fit_cure(time, event, np.ones(n), distribution="weibull").ever[0]  # doctest: +SKIP
    """
    used = weight > 0
    _require_events(time[used], event[used])
    columns = [standardise_columns(np.empty((time.size, 0)) if x is None else x) for x in (incidence, latency)]
    scale = float(used.sum() / weight.sum())
    problem = _Problem(
        np.log(np.where(used, time, 1.0)),
        event,
        weight * scale,
        columns[0].z,
        columns[1].z,
        LATENCIES[distribution],
        distribution != "exponential",
    )
    parameters, at = _maximise(problem)
    _require_interior(problem, parameters, at)
    back = _block(columns[0].back, columns[1].back, int(problem.has_scale))
    return _as_given(problem, parameters, at, back, scale)


def _as_given(problem: _Problem, parameters: Floats, at: _Pass, back: Floats, scale: float) -> CureFit:
    """Take a maximum on standardised columns and scaled weights back to columns and weights as given."""
    inverse = np.linalg.inv(at.information)
    found, p = back @ parameters, problem.incidence.shape[1]
    q = p + problem.latency.shape[1]
    return CureFit(
        found[:p],
        found[p:q],
        float(found[q]) if problem.has_scale else 0.0,
        back @ inverse @ back.T * scale,
        problem.weight[:, None] * at.scores @ inverse @ back.T,
        expit(problem.incidence @ parameters[:p]),
        at.loglik / scale,
        _maximise(problem, cured=False)[1].loglik / scale,
    )


def _require_events(time: Floats, event: Flags) -> None:
    # Messages may reach a published page: how many they are about stays out of them.
    if (time <= 0).any():
        raise EstimationError(
            "A cure model needs times above 0.", "Count from the day before time zero, or leave those units out."
        )
    if not event.any():
        raise TooFewEventsError("Nobody had the event, so nothing tells when it happens.", "Follow up for longer.")
    if event.all():
        raise TooFewEventsError("Everybody had the event: the cured fraction is at its edge, 0.", "Choose a measure of time.")


def _maximise(problem: _Problem, *, cured: bool = True) -> tuple[Floats, _Pass]:
    """Climb from a few starting points to the highest maximum found."""
    best: tuple[Floats, _Pass] | None = None
    for start in _starts(problem, cured):
        found = _climb(problem, start)
        if found is not None and (best is None or found[1].loglik > best[1].loglik + 1e-7):
            best = found
    if best is None:
        raise EstimationError(
            "The cured fraction cannot be told: the likelihood rises without end, as it does when the curve shows no plateau.",
            "Follow up for longer, or choose the difference in risk.",
        )
    return best


def _starts(problem: _Problem, cured: bool) -> list[Floats]:
    """Start near the share seen, and with everybody having the event late; without incidence where nobody is cured."""
    w, event = problem.weight, problem.event
    share = float(w @ event / w.sum())
    seen = problem.log_time[event & (w > 0)]
    spread = max(float(np.log(seen.std())) if seen.std() > 0 else 0.0, -2.0)
    scale = [spread] if problem.has_scale else []
    first = int(cured) * problem.incidence.shape[1]
    found = []
    for more in (0.1, 0.5) if cured else (0.5,):
        start = np.zeros(first + problem.latency.shape[1])
        if cured:
            start[0] = logit(share + more * (1.0 - share))
        start[first] = seen.mean() + more
        found.append(np.append(start, scale))
    return found


def _climb(problem: _Problem, start: Floats) -> tuple[Floats, _Pass] | None:
    """Take Newton steps, made to lead upwards and halved until they do; None where they do not end."""
    parameters, at = start, _evaluate(problem, start)
    for _ in range(_MOST_ITERATIONS):
        gradient = problem.weight @ at.scores
        values, vectors = np.linalg.eigh(at.information)
        # Where the likelihood is not concave the step follows its bend turned round, never longer than 3 in any direction.
        along = vectors.T @ gradient / np.maximum(np.abs(values), 1e-8 * np.abs(values).max())
        step = vectors @ np.clip(along, -3.0, 3.0)
        if values[0] > 0 and np.abs(step).max() < _SMALL_STEP:
            return parameters, at
        moved = _halved(problem, parameters, step, at)
        if moved is None:
            return (parameters, at) if values[0] > 0 and np.abs(step).max() < 1e-6 else None
        parameters, at = moved
    return None


def _halved(problem: _Problem, parameters: Floats, step: Floats, at: _Pass) -> tuple[Floats, _Pass] | None:
    for _ in range(_MOST_HALVINGS):
        found = _evaluate(problem, parameters + step)
        if found.loglik >= at.loglik - 1e-12 * abs(at.loglik):
            return parameters + step, found
        step = step / 2.0
    return None


def _require_interior(problem: _Problem, parameters: Floats, at: _Pass) -> None:
    index = problem.incidence @ parameters[: problem.incidence.shape[1]]
    if np.abs(index[problem.weight > 0]).max() > _EXTREME:
        raise EstimationError(
            "The likelihood has no interior maximum: the cured fraction goes to 0 or to 1.",
            "Follow up for longer, use fewer covariates, or choose the difference in risk.",
        )
    smallest = np.linalg.eigvalsh(at.information)[0]
    if smallest < _FLAT:
        raise EstimationError(
            "The likelihood is flat, as it is when follow-up ends before the curve does: the smallest eigenvalue of the "
            f"information is {smallest:.2g}, below {_FLAT:g}.",
            "Follow up for longer, or choose the difference in risk.",
        )


def _evaluate(problem: _Problem, parameters: Floats) -> _Pass:
    """Evaluate likelihood and derivatives; with no incidence among the parameters everybody has the event in the end."""
    q = problem.latency.shape[1]
    p = parameters.size - q - int(problem.has_scale)
    columns = problem.incidence[:, :p]
    index = columns @ parameters[:p] if p else np.full(problem.log_time.size, np.inf)
    log_scale = float(parameters[-1]) if problem.has_scale else 0.0
    # A step that goes too far overflows and is halved.
    with np.errstate(all="ignore"):
        inverse_scale = float(np.exp(-log_scale))
        u = (problem.log_time - problem.latency @ parameters[p : p + q]) * inverse_scale
        loglik, first, second = _derivatives(problem.standard(u), problem.event, index)
        loglik = loglik - problem.event * (log_scale + problem.log_time)
        # From the index and u to the coefficients: du/dmu = -1 / sigma, du/dlog sigma = -u.
        reach = np.hstack([-problem.latency * inverse_scale, *([-u[:, None]] if problem.has_scale else [])])
        scores = np.hstack([columns * first[0][:, None], reach * first[1][:, None]])
        w = problem.weight[:, None]
        on_index, on_u = columns.T @ (w * second[0][:, None] * columns), reach.T @ (w * second[2][:, None] * reach)
        information = -_block(on_index, on_u, 0)
        information[:p, p:] = -columns.T @ (w * second[1][:, None] * reach)
        information[p:, :p] = information[:p, p:].T
        if problem.has_scale:
            scores[:, -1] -= problem.event
            _add_bend_of_u(information[p:, p:], problem, first[1], u, inverse_scale)
        return _Pass(float(problem.weight @ loglik), scores, information)


def _add_bend_of_u(information: Floats, problem: _Problem, slope: Floats, u: Floats, inverse_scale: float) -> None:
    """Add what the second derivatives of u itself give: 1 / sigma in location and log scale, u in log scale twice."""
    mixed = problem.latency.T @ (problem.weight * slope) * inverse_scale
    information[:-1, -1] -= mixed
    information[-1, :-1] -= mixed
    information[-1, -1] -= problem.weight @ (slope * u)


def _derivatives(
    at: _Standard, event: Flags, index: Floats
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats, Floats]]:
    """Return log-likelihoods, first derivatives in (index, u) and second ones in (index, index), (index, u), (u, u)."""
    ever, never = expit(index), expit(-index)
    bend = ever * never
    density = np.exp(at.log_density)
    alive = np.maximum(never + ever * at.survival, 1e-300)
    by_index = np.where(event, never, -bend * (1.0 - at.survival) / alive)
    by_u = np.where(event, at.slope, -ever * density / alive)
    twice_index = np.where(event, -bend, by_index * (never - ever) - by_index**2)
    crossed = np.where(event, 0.0, -bend * density / alive - by_index * by_u)
    twice_u = np.where(event, at.bend, -ever * density * at.slope / alive - by_u**2)
    loglik = np.where(event, log_expit(index) + at.log_density, np.log(alive))
    return loglik, (by_index, by_u), (twice_index, crossed, twice_u)


def _block(one: Floats, other: Floats, ones: int) -> Floats:
    """Return the block-diagonal matrix of two blocks and so many ones."""
    p, q = one.shape[0], other.shape[0]
    whole = np.eye(p + q + ones)
    whole[:p, :p], whole[p : p + q, p : p + q] = one, other
    return whole
