"""Fit a logistic score by the balance it brings: covariate balancing, just identified.

Takes a matrix of numbers and arms; gives score, weights, and how far each unit moves them. Own code: no maintained
Python package has it, and with a logit link the balance equations are those of a concave function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from yoseval.arrays import Flags, Floats
from yoseval.errors import DesignError
from yoseval.models.glm import require_usable, standardise_columns

CONVERGED = 1e-9  # last step on the logit scale; Newton's next would be its square
REMEDY = "Merge rare categories, leave a covariate out, or choose another method."


@dataclass(frozen=True, slots=True, eq=False)
class BalancingFit:
    """A logistic score that was fitted to balance.

    Parameters
    ----------
    coefficients : (p + 1,) floats
        The intercept first, on the columns as given.
    score : (n,) floats
        Probabilities, strictly between 0 and 1.
    weight : (n,) floats
        Weights of the estimand at that score.
    gradient : (n, p + 1) floats
        Derivative of each weight in the coefficients of standardised columns.
    influence : (n, p + 1) floats
        Influence of each unit on those coefficients.
    iterations : int
        Steps taken.
    """

    coefficients: Floats
    score: Floats
    weight: Floats
    gradient: Floats = field(repr=False)
    influence: Floats = field(repr=False)
    iterations: int = 0


@dataclass(frozen=True, slots=True)
class BalanceTarget:
    """What an estimand is made of, as functions of arm (a) and odds (o), and of the odds alone.

    ``treated`` and ``comparison`` are weights, ``potential`` the concave function whose derivative in the logit is
    their signed sum r, ``slope`` = dr/d eta and ``bend`` its derivative. ``cross`` and ``square`` are E[(a - e) r | x]
    and E[r^2 | x], each with its derivative.
    """

    treated: Callable[[Floats], Floats]
    comparison: Callable[[Floats], Floats]
    potential: Callable[[Floats, Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]
    bend: Callable[[Floats, Floats], Floats]
    cross: Callable[[Floats], tuple[Floats, Floats]]
    square: Callable[[Floats], tuple[Floats, Floats]]


def _both(o: Floats) -> tuple[Floats, Floats]:
    variance = o / (1.0 + o) ** 2
    return 1.0 / variance, (o**2 - 1.0) / o


BALANCED: Mapping[str, BalanceTarget] = MappingProxyType(
    {
        "ATT": BalanceTarget(
            treated=np.ones_like,
            comparison=lambda o: o,
            potential=lambda a, o: a * np.log(o) - (1.0 - a) * o,
            slope=lambda a, o: -(1.0 - a) * o,
            bend=lambda a, o: -(1.0 - a) * o,
            cross=lambda o: (o / (1.0 + o), o / (1.0 + o) ** 2),
            square=lambda o: (o, o),
        ),
        "ATE": BalanceTarget(
            treated=lambda o: 1.0 + 1.0 / o,
            comparison=lambda o: 1.0 + o,
            potential=lambda a, o: a * (np.log(o) - 1.0 / o) - (1.0 - a) * (np.log(o) + o),
            slope=lambda a, o: -a / o - (1.0 - a) * o,
            bend=lambda a, o: a / o - (1.0 - a) * o,
            cross=lambda o: (np.ones_like(o), np.zeros_like(o)),
            square=_both,
        ),
        "ATC": BalanceTarget(
            treated=lambda o: 1.0 / o,
            comparison=np.ones_like,
            potential=lambda a, o: -a / o - (1.0 - a) * np.log(o),
            slope=lambda a, o: -a / o,
            bend=lambda a, o: a / o,
            cross=lambda o: (1.0 / (1.0 + o), -o / (1.0 + o) ** 2),
            square=lambda o: (1.0 / o, -1.0 / o),
        ),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class BalancingProblem:
    """Standardised columns ``z`` (n, q), arms ``a`` and weights ``w`` (n,), and the target."""

    z: Floats
    a: Floats
    w: Floats
    target: BalanceTarget

    def odds(self, beta: Floats) -> Floats:
        """Return the odds of starting at these coefficients, (n,) floats."""
        # Beyond 600 a weight is infinite for every purpose, and its square would overflow.
        odds: Floats = np.exp(np.clip(self.z @ beta, -600.0, 600.0))
        return odds

    def signed(self, o: Floats) -> Floats:
        """Return r: the weight, minus it for comparison units."""
        signed: Floats = np.where(self.a == 1.0, self.target.treated(o), -self.target.comparison(o))
        return signed


def fit_balancing(
    x: Floats, y: Flags, estimand: str, weight: Floats | None = None, *, max_iterations: int = 200
) -> BalancingFit:
    r"""Find the logistic score whose weights balance every column exactly.

    Solves :math:`\sum_i w_i\, r_i(\beta)\,(1, x_i) = 0`, with :math:`r_i` the weight of unit i for the estimand, minus
    it in the comparison arm. With a logit link this is the gradient of a concave function, maximised by Newton's method.
    For the ATT the weights are those of entropy balancing.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank beside an intercept.
    y : (n,) booleans
        True for the treated.
    estimand : str
        ``ATT``, ``ATE`` or ``ATC``.
    weight : (n,) floats, optional
        How often each unit counts; 1 if absent.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    BalancingFit
        Influence is the exact derivative in ``weight``.

    Raises
    ------
    DesignError
        If no score balances the columns, or an arm is empty.

    References
    ----------
    imai2014 : Imai and Ratkovic (2014), JRSS B 76(1), 243-263, section 2.
    zhao2019 : Zhao (2019), Annals of Statistics 47(2), 965-993, section 3.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [0.0], [1.0], [1.0]])
    >>> fit_balancing(x, np.array([True, True, False, False, False]), "ATT").weight.round(3)
    array([1. , 1. , 1. , 0.5, 0.5])
    """
    w = np.ones(len(y)) if weight is None else weight
    require_usable(x, y, w)
    scaled = standardise_columns(x)
    problem = BalancingProblem(scaled.z, y.astype(np.float64), w, BALANCED[estimand])
    beta, steps = _maximise(problem, _start(problem), max_iterations)
    odds = problem.odds(beta)
    half = problem.z * np.sqrt(w * -problem.target.slope(problem.a, odds))[:, None]
    influence = (problem.z * (w * problem.signed(odds))[:, None]) @ np.linalg.inv(half.T @ half)
    return finished_fit(problem, scaled.back @ beta, odds, influence, steps)


def _start(problem: BalancingProblem) -> Floats:
    share = float((problem.w @ problem.a) / problem.w.sum())
    beta = np.zeros(problem.z.shape[1])
    beta[0] = np.log(share / (1.0 - share))
    return beta


def _maximise(problem: BalancingProblem, beta: Floats, max_iterations: int) -> tuple[Floats, int]:
    for i in range(1, max_iterations + 1):
        odds = problem.odds(beta)
        half = problem.z * np.sqrt(problem.w * -problem.target.slope(problem.a, odds))[:, None]
        try:
            uphill = problem.z.T @ (problem.w * problem.signed(odds))
            step: Floats = np.asarray(np.linalg.solve(half.T @ half, uphill), dtype=np.float64)
        except np.linalg.LinAlgError:
            break
        beta = _climb(problem, beta, step)
        if not np.isfinite(beta).all():
            break
        if float(np.abs(problem.z @ step).max()) <= CONVERGED:
            return beta, i
    raise DesignError(
        "No score balances the covariates: the means lie outside, or at the edge of, what can be reached.", REMEDY
    )


def _climb(problem: BalancingProblem, beta: Floats, step: Floats) -> Floats:
    def height(at: Floats) -> float:
        return float(problem.w @ problem.target.potential(problem.a, problem.odds(at)))

    now, size = height(beta), 1.0
    slack = 1e-11 * (1.0 + abs(now))
    while not height(beta + size * step) >= now - slack and size > 1e-10:
        size /= 2
    moved: Floats = beta + size * step
    return moved


def finished_fit(problem: BalancingProblem, coefficients: Floats, odds: Floats, influence: Floats, steps: int) -> BalancingFit:
    """Gather what follows from the odds at a solution."""
    treated = problem.a == 1.0
    slope = problem.target.slope(problem.a, odds) * np.where(treated, 1.0, -1.0)
    return BalancingFit(
        coefficients=coefficients,
        score=odds / (1.0 + odds),
        weight=np.abs(problem.signed(odds)),
        gradient=problem.z * slope[:, None],
        influence=influence,
        iterations=steps,
    )
