"""Estimate the propensity score: the probability of starting the programme, given what was known at time zero.

Takes the coded covariates and who was treated; gives scores that every method of matching or weighting shares.
`PROPENSITY` is the menu of models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.cohort.covariates import CovariateMatrix
from yoseval.design.score_weights import score_weights
from yoseval.design.spreads import standard_deviations
from yoseval.design.types import Refit
from yoseval.errors import DesignError, UsageError
from yoseval.models.firth import fit_firth
from yoseval.models.glm import SEPARATION_REMEDY, LogitFit, fit_logit, independent_columns, standardise_columns
from yoseval.models.learners import LearnedScore, boosted_score, cross_fitted_score
from yoseval.models.many_fits import fit_many, logistic
from yoseval.models.ridge import fit_ridge

KNOWN_NOTE = "Scores are a learner's: the interval takes the weights as known."


@dataclass(frozen=True, slots=True)
class ScoreModel:
    """A model of the score.

    Parameters
    ----------
    fit : callable, optional
        Of a parametric model, from columns and arms to its `LogitFit`; None for a learner.
    needs : str
        What must hold, in words.
    cite : str
        Key of the reference.
    """

    fit: Callable[..., LogitFit] | None
    needs: str
    cite: str


PROPENSITY: Mapping[str, ScoreModel] = MappingProxyType(
    {
        "logit": ScoreModel(fit_logit, "no covariate that tells the arms apart without fail", "rosenbaum1983"),
        "firth": ScoreModel(fit_firth, "both arms in at least one value of every category", "firth1993"),
        "ridge": ScoreModel(fit_ridge, "no category that only one arm has", "lecessie1992"),
        "boosting": ScoreModel(None, "no category that only one arm has", "mccaffrey2004"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Propensity:
    """Propensity scores of n units.

    Parameters
    ----------
    score : (n,) floats
        Strictly between 0 and 1; of ``logit`` and ``ridge`` their mean is the share treated.
    linear : (n,) floats
        Logit of the score, rounded to 8 decimals so that equal children have equal scores on every machine.
    fit : LogitFit, optional
        The logistic regression behind them; None where a learner made them.
    columns : (k',) booleans
        Which columns of ``matrix.for_models()`` were used.
    terms_used, terms_dropped : tuple of str
        The terms in the model, and those left out because others, or nothing, stand behind them.
    model : str
        A name of ``PROPENSITY``, or of the classifier's class.
    remarks : tuple of str
        What else a reader must know.
    """

    score: Floats
    linear: Floats
    fit: LogitFit | None
    columns: Flags
    terms_used: tuple[str, ...]
    terms_dropped: tuple[str, ...]
    model: str = "logit"
    remarks: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Return what a reader must know: the terms that were left out, and whose scores these are."""
        if not self.terms_dropped:
            return self.remarks
        dropped = ", ".join(self.terms_dropped)
        return (f"Left out of the propensity score, being constant or implied by others: {dropped}.", *self.remarks)


def fit_propensity(
    matrix: CovariateMatrix,
    treated: Flags,
    *,
    model: Any = "logit",
    estimand: str = "ATT",
    folds: int = 5,
    seed: int = 0,
) -> Propensity:
    """Fit the propensity score on all terms that are independent.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units, of any number of terms.
    treated : (n,) booleans
        True where the unit started the programme.
    model : str or classifier of scikit-learn
        ``logit`` (maximum likelihood), ``firth`` (finite where covariates separate the arms), ``ridge``, ``boosting``
        (trees, stopped where the weighted arms balance best), or a classifier, which is cross-fitted.
    estimand : str
        Whose weights ``boosting`` balances: ``ATT``, ``ATE`` or ``ATC``.
    folds, seed : int
        Of the cross-fitting; ``seed`` also of the trees.

    Returns
    -------
    Propensity
        Scores and the fit.

    Raises
    ------
    UsageError
        If there is no such model.
    DesignError
        If a 0/1 term takes one value only within an arm, or covariates separate the arms in another way: then
        no score exists. The terms are named. ``firth`` refuses only a term that is constant in both arms.

    References
    ----------
    rosenbaum1983 : Rosenbaum and Rubin (1983), Biometrika 70(1), 41-55.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [14.0, 15.0, 16.0, 15.0]})
    >>> fit_propensity(code_covariates(frame, ("age",)), np.array([True, True, False, False])).linear  # doctest: +SKIP
    """
    require_model(model)
    require_both_values(matrix, treated, in_each_arm=model != "firth")
    x, names = matrix.for_models(), np.array(matrix.term_names_for_models(), dtype=object)
    columns = independent_columns(x)
    terms = (tuple(names[columns]), tuple(names[~columns]))
    used = x if columns.all() else x[:, columns]
    fit_of = score_fit(model)
    if fit_of is None:
        learned = _learned(used, treated, model, estimand, folds, seed)
        linear: Floats = np.asarray(np.round(np.log(learned.score / (1.0 - learned.score)), 8) + 0.0, dtype=np.float64)
        name = model if isinstance(model, str) else type(model).__name__
        return Propensity(learned.score, linear, None, columns, *terms, name, _learned_remarks(learned, name))
    fit = fit_of(used, treated, names=names[columns].tolist())
    return Propensity(fit.fitted, np.round(fit.linear_predictor, 8) + 0.0, fit, columns, *terms, str(model))


def require_model(model: Any) -> None:
    """Refuse what is neither a name of ``PROPENSITY`` nor a classifier.

    Raises
    ------
    UsageError
        Naming the models there are.
    """
    if not is_model(model):
        raise UsageError(f"There is no propensity model {model!r}.", f"Choose one of: {', '.join(PROPENSITY)}.")


def is_model(model: Any) -> bool:
    """Tell whether a value is a name of ``PROPENSITY`` or a classifier."""
    if isinstance(model, str):
        return model in PROPENSITY
    return hasattr(model, "fit") and hasattr(model, "predict_proba")


def score_fit(model: Any) -> Callable[..., LogitFit] | None:
    """Return the function that fits a parametric model, None for a learner."""
    return PROPENSITY[model].fit if isinstance(model, str) else None


def score_again(x: Floats, treated: Flags, fit: Callable[..., LogitFit], start: Floats, kept: Indices) -> Floats:
    """Fit a parametric score again on the kept units alone, for a jackknife.

    Parameters
    ----------
    x : (n, p) floats
        The columns of the score's model for all units, without the intercept.
    treated : (n,) booleans
        True where the unit started the programme.
    fit : callable
        From ``score_fit``.
    start : (p + 1,) floats
        Coefficients fitted on all units.
    kept : (m,) integers
        Positions of the units that are kept.

    Returns
    -------
    (m,) floats
        Scores in the order of ``kept``; columns that are constant among these are left out.
    """
    rows = x[kept]
    columns = independent_columns(rows)
    used = rows if columns.all() else rows[:, columns]
    return fit(used, treated[kept], start=start[np.append(True, columns)]).fitted


def scores_of_many(x: Floats, treated: Flags, start: Floats, kept: Flags) -> Floats:
    """Fit the score of ``logit`` again on many parts of the units at once, as ``score_again`` does on one.

    Parameters
    ----------
    x, treated, start
        As for ``score_again``.
    kept : (r, n) booleans
        The units of each part.

    Returns
    -------
    (r, n) floats
        Scores, of the units left out too; a row of NaN where a part has to be fitted alone.
    """
    scaled = standardise_columns(x)
    score = fit_many(scaled.z, kept, (kept & treated) @ scaled.z, scaled.on_scale(start), logistic)
    is_one = (kept & ~((score > 0) & (score < 1))).any(axis=1)  # within rounding of an end: refused
    score[is_one] = np.nan
    return score


def score_refit(
    x: Floats,
    treated: Flags,
    fit: Callable[..., LogitFit],
    start: Floats,
    weigh: Callable[[Floats, Flags], Floats],
) -> Callable[[Indices], Floats]:
    """Return a way to fit a score and the weights made of it again: many parts at once where the score is ``logit``'s.

    Parameters
    ----------
    x, treated, fit, start
        As for ``score_again``.
    weigh : callable
        From the scores and arms of some units to their weights.
    """
    one = partial(_weights_again, x, treated, fit, start, weigh)
    return Refit(one, partial(_weights_of_many, x, treated, start, weigh)) if fit is fit_logit else one


def _weights_again(
    x: Floats,
    treated: Flags,
    fit: Callable[..., LogitFit],
    start: Floats,
    weigh: Callable[[Floats, Flags], Floats],
    kept: Indices,
) -> Floats:
    return weigh(score_again(x, treated, fit, start, kept), treated[kept])


def _weights_of_many(x: Floats, treated: Flags, start: Floats, weigh: Callable[[Floats, Flags], Floats], kept: Flags) -> Floats:
    score = scores_of_many(x, treated, start, kept)
    weight = np.where(np.isnan(score[:, :1]), np.nan, np.zeros(kept.shape))
    for r in np.flatnonzero(~np.isnan(score[:, 0])):
        weight[r, kept[r]] = weigh(score[r, kept[r]], treated[kept[r]])
    return weight


def require_both_values(matrix: CovariateMatrix, treated: Flags, *, in_each_arm: bool = True) -> None:
    """Refuse 0/1 terms that vary between the arms but not within one of them.

    Parameters
    ----------
    matrix : CovariateMatrix
        The coded covariates of n units.
    treated : (n,) booleans
        True where the unit started the programme.
    in_each_arm : bool
        False refuses only terms that vary within neither arm.

    Raises
    ------
    DesignError
        Naming every such term: a category that only one arm has leaves nobody to compare with.
    """
    if treated.all() or not treated.any():
        raise DesignError("One of the two groups is empty.", "Widen the eligibility.")
    flags = np.flatnonzero([k != "numeric" for k in matrix.kinds])
    found = [_shares(matrix.values[:, flags], arm) for arm in (treated, ~treated)]
    alone = [(share == 0) | (share == 1) for share in found]
    fixed = (alone[0] | alone[1] if in_each_arm else alone[0] & alone[1]) & (found[0] != found[1])
    if fixed.any():
        terms = ", ".join(f"'{matrix.terms[j]}'" for j in flags[fixed])
        problem = f"Within one of the two groups everybody, or nobody, has {terms}: there is nobody to compare with."
        raise DesignError(problem, SEPARATION_REMEDY)


def _shares(values: Floats, arm: Flags) -> Floats:
    share: Floats = (arm.astype(np.float64) @ values) / int(arm.sum())
    return share


def _learned(x: Floats, treated: Flags, model: Any, estimand: str, folds: int, seed: int) -> LearnedScore:
    if model == "boosting":
        return boosted_score(x, treated, partial(_mean_difference, _standard(x, treated), treated, estimand), seed=seed)
    return cross_fitted_score(model, x, treated, folds=folds, seed=seed)


def _standard(x: Floats, treated: Flags) -> Floats:
    """Divide columns by their SD among the treated; where these do not vary, by that of everybody."""
    spread = standard_deviations(x[treated])
    scaled: Floats = x / np.where(spread > 0, spread, x.std(axis=0))
    return scaled


def _mean_difference(x: Floats, treated: Flags, estimand: str, score: Floats) -> float:
    """Return the mean of the absolute differences of the weighted means."""
    weight = score_weights(score, treated, estimand)
    arms = (np.where(treated, weight, 0.0), np.where(treated, 0.0, weight))
    means = [w @ x / w.sum() for w in arms]
    return float(np.abs(means[0] - means[1]).mean())


def _learned_remarks(learned: LearnedScore, name: str) -> tuple[str, ...]:
    how = "boosted trees, stopped where the arms balance best" if name == "boosting" else f"{name}, cross-fitted"
    held = ("Some scores were held at 0.001 or 0.999.",) if learned.held.any() else ()
    return (f"Propensity score by {how}.", KNOWN_NOTE, *held)
