"""Weight the comparison units so that their means equal those of the treated: entropy balancing.

Takes coded covariates and who was treated; gives weights about the treated, how far they depend on what was
estimated, and a way to fit them again on fewer units. Own code: the packaged solvers stop with visible gaps.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.propensity import fit_propensity
from yoseval.design.types import WeightEstimation, Weighting
from yoseval.errors import DesignError
from yoseval.models.glm import independent_columns

GAP = 1e-9  # largest difference of means left over, in SDs of all units
REMEDY = "Merge rare categories, leave a covariate out, or choose another method."


@dataclass(frozen=True, slots=True, eq=False)
class EntropyFit:
    """Weights that balance means, and the multipliers behind them.

    Parameters
    ----------
    weight : (n,) floats
        1 for the treated; for comparison units they sum to the number of treated.
    multipliers : (p,) floats
        Lagrange multipliers of the p means, on the columns as given.
    """

    weight: Floats
    multipliers: Floats


def entropy_weighting(matrix: CovariateMatrix, treated: Flags) -> Weighting:
    """Balance the means of all independent terms for the treated (ATT).

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.

    Returns
    -------
    Weighting
        Entropy weights; the score is a logistic regression's, for the figures of overlap.

    Raises
    ------
    DesignError
        If no weights can balance the means.
    """
    propensity = fit_propensity(matrix, treated)
    x = matrix.for_models()[:, propensity.columns]
    fit = entropy_weights(x, treated, names=propensity.terms_used)
    return Weighting(
        weight=fit.weight,
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=propensity.score,
        estimand="ATT",
        notes=propensity.notes(),
        estimation=entropy_estimation(x, treated, fit.weight),
        reweight=partial(entropy_weights_again, x, treated, fit.multipliers),
    )


def entropy_weights(
    x: Floats,
    treated: Flags,
    *,
    names: tuple[str, ...] = (),
    start: Floats | None = None,
    max_iterations: int = 100,
) -> EntropyFit:
    r"""Find the comparison weights closest to equal ones whose means are those of the treated.

    .. math:: \min_w \sum_{A_i = 0} w_i \log w_i \quad \text{subject to} \quad
        \frac{\sum_{A_i = 0} w_i x_i}{\sum_{A_i = 0} w_i} = \bar{x}_1 ,

    solved by Newton's method on the dual, in which :math:`w_i \propto \exp(\lambda^\top x_i)`.

    Parameters
    ----------
    x : (n, p) floats
        Columns of full rank beside an intercept; p may be 0.
    treated : (n,) booleans
        True where the unit started the programme.
    names : tuple of p str
        Names of the columns, for messages.
    start : (p,) floats, optional
        Multipliers to start from.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    EntropyFit
        Weights, 1 for the treated; comparison weights sum to the number of treated.

    Raises
    ------
    DesignError
        If the means of the treated lie outside, or at the edge of, what comparison units can be weighted to.

    References
    ----------
    hainmueller2012 : Hainmueller (2012), Political Analysis 20(1), 25-46, equations 4 and 7-9.
    """
    if treated.all() or not treated.any():
        raise DesignError("One of the two groups is empty.", "Widen the eligibility.")
    scale = x.std(axis=0)
    z = (x[~treated] - x[treated].mean(axis=0)) / scale
    _require_within_reach(z, names)
    begin = np.zeros(x.shape[1]) if start is None else start * scale
    multipliers, share = _solve_dual(z, begin, max_iterations)
    weight = np.ones(len(treated))
    weight[~treated] = share * int(treated.sum())
    return EntropyFit(weight, multipliers / scale)


def entropy_estimation(x: Floats, treated: Flags, weight: Floats) -> WeightEstimation:
    r"""Say how entropy weights depend on the multipliers, which rest on both arms.

    At the solution :math:`\partial w_i / \partial \lambda = w_i (x_i - \bar{x}_1)` for comparison units. With
    :math:`H = \sum_{A_i = 0} w_i (x_i - \bar{x}_1)(x_i - \bar{x}_1)^\top` the multipliers' influence values are
    :math:`H^{-1} (2 A_i - 1)\, w_i (x_i - \bar{x}_1)`: the treated enter through their means, which are
    estimated as well.

    Parameters
    ----------
    x : (n, p) floats
        The balanced columns.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Entropy weights.

    Returns
    -------
    WeightEstimation
        Gradient in, and influence of, the p multipliers.

    References
    ----------
    zhao2017 : Zhao and Percival (2017), Journal of Causal Inference 5(1), 20160010, section 3.
    """
    away = x - x[treated].mean(axis=0)
    pull = weight[:, None] * away
    gradient = np.where(treated[:, None], 0.0, pull)
    curvature = gradient.T @ away
    signed = np.where(treated[:, None], pull, -pull)
    return WeightEstimation(gradient, np.linalg.solve(curvature, signed.T).T)


def entropy_weights_again(x: Floats, treated: Flags, start: Floats, kept: Indices) -> Floats:
    """Fit entropy weights again on the kept units alone, for a jackknife.

    Parameters
    ----------
    x : (n, p) floats
        The balanced columns for all units.
    treated : (n,) booleans
        True where the unit started the programme.
    start : (p,) floats
        Multipliers fitted on all units.
    kept : (m,) integers
        Positions of the units that are kept.

    Returns
    -------
    (m,) floats
        Weights of the kept units, in the order of ``kept``.

    Raises
    ------
    DesignError
        If the kept units cannot be balanced.
    """
    rows = x[kept]
    columns = independent_columns(rows)
    return entropy_weights(rows[:, columns], treated[kept], start=start[columns]).weight


def _require_within_reach(z: Floats, names: tuple[str, ...]) -> None:
    """Refuse columns whose treated mean (0 here) no mixture of comparison units with positive weights has."""
    beyond = np.flatnonzero((z.min(axis=0) >= 0) | (z.max(axis=0) <= 0)) if z.size else np.zeros(0, dtype=np.int64)
    if len(beyond):
        shown = ", ".join(f"'{names[j]}'" if names else f"column {j + 1}" for j in beyond[:5])
        raise DesignError(f"No weights give the comparison units the mean of the treated in {shown}.", REMEDY)


def _solve_dual(z: Floats, multipliers: Floats, max_iterations: int) -> tuple[Floats, Floats]:
    value, share = _dual(z, multipliers)
    for _ in range(max_iterations):
        gap = share @ z
        # Newton converges quadratically, so a far smaller gap than the one allowed costs one more step.
        if np.abs(gap).max(initial=0.0) <= GAP * 1e-3:
            break
        step = _newton_step(z, share, gap)
        if step is None:
            break
        size, trial = 1.0, _dual(z, multipliers - step)
        while trial[0] > value - 1e-4 * size * (step @ gap) + 1e-14 and size > 1e-10:
            size /= 2
            trial = _dual(z, multipliers - size * step)
        multipliers = multipliers - size * step
        value, share = trial
    _require_balance(z, share)
    return multipliers, share


def _dual(z: Floats, multipliers: Floats) -> tuple[float, Floats]:
    """Return the dual objective, log of the sum of exp, and the shares it implies."""
    index = z @ multipliers
    top = index.max()
    share = np.exp(index - top)
    total = share.sum()
    return float(top + np.log(total)), share / total


def _newton_step(z: Floats, share: Floats, gap: Floats) -> Floats | None:
    half = z * np.sqrt(share)[:, None]
    curvature = half.T @ half - np.outer(gap, gap)
    try:
        step: Floats = np.asarray(np.linalg.solve(curvature, gap), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def _require_balance(z: Floats, share: Floats) -> None:
    gap = share @ z
    step = _newton_step(z, share, gap)
    # At the edge of what can be reached the gap tends to zero, but the multipliers grow for ever: steps stay long.
    if np.abs(gap).max(initial=0.0) > GAP or step is None or np.abs(z @ step).max(initial=0.0) > 1e-3:
        problem = (
            "No weights give the comparison units the means of the treated: these lie outside, or at the edge of, their reach."
        )
        raise DesignError(problem, REMEDY)
