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
from yoseval.design.spreads import standard_deviations
from yoseval.design.tilt import GAP, exact_step, tilt, tilt_estimation
from yoseval.design.types import Refit, Weighting
from yoseval.errors import DesignError
from yoseval.models.glm import independent_columns
from yoseval.models.many_fits import exponential, fit_many

MEANS_ONLY = "The squares of the numbers could not be balanced between the groups; their means are."
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


def entropy_weighting(matrix: CovariateMatrix, treated: Flags, *, moments: int = 1) -> Weighting:
    """Balance the means of all independent terms for the treated (ATT), and with two moments those of squares of numbers.

    Where risk bends with a number, such as that of prior offences, equal means leave the groups different in who is
    far from the mean; equal squares take nearly all of that away.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    moments : int
        1 or 2. Where squares cannot be balanced the means alone are, with a note.

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
    notes = propensity.notes()
    if moments > 1:
        wide = np.hstack([x, squared_terms(matrix)])
        wide = wide[:, independent_columns(wide)]
        try:
            return _weighting(wide, treated, entropy_weights(wide, treated), propensity.score, notes)
        except DesignError:
            notes = (*notes, MEANS_ONLY)
    fit = entropy_weights(x, treated, names=propensity.terms_used)
    return _weighting(x, treated, fit, propensity.score, notes)


def squared_terms(matrix: CovariateMatrix) -> Floats:
    """Return the squared distances of every number from its mean, in variances, (n, k) floats; categories have none."""
    numbers = matrix.values[:, [kind == "numeric" for kind in matrix.kinds]]
    spread = standard_deviations(numbers)
    squares: Floats = ((numbers - numbers.mean(axis=0)) / np.where(spread > 0, spread, 1.0)) ** 2
    return squares


def _weighting(x: Floats, treated: Flags, fit: EntropyFit, score: Floats, notes: tuple[str, ...]) -> Weighting:
    return Weighting(
        weight=fit.weight,
        set_id=np.full(len(treated), -1, dtype=np.int64),
        score=score,
        estimand="ATT",
        notes=notes,
        estimation=tilt_estimation(x - x[treated].mean(axis=0), treated, fit.weight),
        reweight=Refit(
            partial(entropy_weights_again, x, treated, fit.multipliers),
            partial(entropy_weights_of_many, x, treated, fit.multipliers),
        ),
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
    # Newton converges quadratically, so a far smaller gap than the one allowed costs one more step.
    multipliers, share = tilt(z, np.ones(len(z)), begin, step_of=exact_step, close=GAP * 1e-3, max_steps=max_iterations)
    _require_balance(z, share)
    weight = np.ones(len(treated))
    weight[~treated] = share * int(treated.sum())
    return EntropyFit(weight, multipliers / scale)


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


def entropy_weights_of_many(x: Floats, treated: Flags, start: Floats, kept: Flags) -> Floats:
    """Fit entropy weights again on many parts of the units at once, as ``entropy_weights_again`` does on one.

    Parameters
    ----------
    x, treated, start
        As for ``entropy_weights_again``.
    kept : (r, n) booleans
        The units of each part.

    Returns
    -------
    (r, n) floats
        Weights, 0 for units left out; a row of NaN where a part has to be fitted alone.
    """
    scale = x.std(axis=0)
    z = (x - x[treated].mean(axis=0)) / scale
    pool, among = z[~treated], kept[:, ~treated]
    index = pool @ (start * scale)
    level = -index.max() - np.log(np.exp(index - index.max()).sum())
    n_treated = kept[:, treated].sum(axis=1)[:, None].astype(np.float64)
    with np.errstate(invalid="ignore"):  # a part without treated units
        means = kept[:, treated] @ z[treated] / n_treated
    share = fit_many(
        np.column_stack([np.ones(len(pool)), pool]),
        among,
        np.column_stack([np.ones(len(kept)), means]),
        np.append(level, start * scale),
        exponential,
    )
    share = share * among
    total = share.sum(axis=1, keepdims=True)
    weight = kept.astype(np.float64)
    weight[:, ~treated] = n_treated * share / total
    weight[~(n_treated * total > 0)[:, 0]] = np.nan
    return weight


def _require_within_reach(z: Floats, names: tuple[str, ...]) -> None:
    """Refuse columns whose treated mean (0 here) no mixture of comparison units with positive weights has."""
    beyond = np.flatnonzero((z.min(axis=0) >= 0) | (z.max(axis=0) <= 0)) if z.size else np.zeros(0, dtype=np.int64)
    if len(beyond):
        shown = ", ".join(f"'{names[j]}'" if names else f"column {j + 1}" for j in beyond[:5])
        raise DesignError(f"No weights give the comparison units the mean of the treated in {shown}.", REMEDY)


def _require_balance(z: Floats, share: Floats) -> None:
    gap = share @ z
    step = exact_step(z, share, gap)
    # At the edge of what can be reached the gap tends to zero, but the multipliers grow for ever: steps stay long.
    if np.abs(gap).max(initial=0.0) > GAP or step is None or np.abs(z @ step).max(initial=0.0) > 1e-3:
        problem = (
            "No weights give the comparison units the means of the treated: these lie outside, or at the edge of, their reach."
        )
        raise DesignError(problem, REMEDY)
