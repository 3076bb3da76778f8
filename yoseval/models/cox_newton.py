"""Newton's method for a partial likelihood.

Takes rows laid out for the passes and gives the standardised coefficients at the maximum, or says why there is none.
It cannot see arms, designs or files.
"""

from dataclasses import dataclass

import numpy as np

from yoseval.arrays import Floats
from yoseval.errors import EstimationError
from yoseval.models.cox_sample import Sample
from yoseval.models.cox_sums import Pass, evaluate

_MOST_ITERATIONS = 40
_MOST_HALVINGS = 30
# On standardised columns: quadratic convergence makes the step after this one a rounding error.
_SMALL_STEP = 1e-8
# A smallest eigenvalue that has shrunk so far against the start means a coefficient on its way to infinity.
_FLAT = 1e-9
# A smallest eigenvalue this small against the sum of all, or a sum this small an event, at the start: collinear columns.
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where the likelihood is highest.

    Parameters
    ----------
    beta : (p,) floats
        Standardised coefficients.
    null, found : Pass
        The likelihood at zero and at ``beta``.
    iterations : int
        Newton steps taken.
    """

    beta: Floats
    null: Pass
    found: Pass
    iterations: int


def climb(sample: Sample, model: str) -> Maximum:
    """Take Newton steps, halved while they lead downhill, until they no longer move.

    Parameters
    ----------
    sample : Sample
        The rows.
    model : str
        What the model is called in errors.

    Returns
    -------
    Maximum
        Coefficients and likelihoods.

    Raises
    ------
    EstimationError
        If a column is a combination of others, no finite maximum exists or the steps do not converge.
    """
    beta = np.zeros(len(sample.columns))
    null = here = evaluate(sample, beta)
    smallest = _smallest_eigenvalue(null)
    if smallest <= _SINGULAR * max(float(np.trace(null.information)), float(sample.moments.deaths.sum())):
        raise EstimationError(
            f"A column of the {model} is a combination of the others, or one value in each set of those at risk.",
            "Leave one of them out.",
        )
    for iteration in range(1, _MOST_ITERATIONS + 1):
        step = np.asarray(np.linalg.solve(here.information, here.score), dtype=np.float64)
        beta, here = _uphill(sample, beta, here, step)
        if _smallest_eigenvalue(here) < _FLAT * smallest:
            break
        if np.abs(step).max() < _SMALL_STEP:
            return Maximum(beta, null, here, iteration)
    raise EstimationError(
        f"The {model} has no finite maximum or did not converge in {_MOST_ITERATIONS} steps.",
        "Look for an arm or a level without events, and leave it out, or choose a risk difference.",
    )


def _uphill(sample: Sample, beta: Floats, here: Pass, step: Floats) -> tuple[Floats, Pass]:
    slack = 1e-12 * (1.0 + abs(here.loglik))
    for _ in range(_MOST_HALVINGS):
        there = evaluate(sample, beta + step)
        if there.loglik >= here.loglik - slack:
            return beta + step, there
        step = step / 2.0
    return beta, here


def _smallest_eigenvalue(found: Pass) -> float:
    return float(np.linalg.eigvalsh(found.information)[0])
