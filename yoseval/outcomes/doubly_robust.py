"""Means of both arms by augmented weighting (AIPW) and targeted maximum likelihood (TMLE), cross-fitted.

Takes outcomes, arms, the design's weights, covariates and folds, and gives each arm's mean with influence values. The weights
are the model of treatment: they were fixed before any outcome was seen, and no second one is fitted here. What is fitted is
a model of the outcome in each arm, which never sees the children it predicts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import DesignError, EstimationError, TooFewEventsError
from yoseval.models.learners import EDGE, deal_folds, learn_from
from yoseval.models.working_model import Family, WorkingModel, fit_working_model, inverse_link
from yoseval.outcomes.standardised import Population, Standardised, is_population, observed_mean, target_population

FOLDS = 5
SEED = 20200101
SETTLED = 1e-12  # last step of the fluctuation on the logit scale


@dataclass(frozen=True, slots=True, eq=False)
class Nuisance:
    """Predictions of one arm's outcomes by models that never saw the unit.

    Parameters
    ----------
    index : (n,) floats
        On the scale of the link.
    family : str
        ``logistic`` or ``linear``.
    models : tuple of (model, (n,) booleans)
        The models and the units each predicts; empty where a learner tells nothing of how far it depends on each unit.
    covariates : (n, p) floats
        Columns of the models.
    """

    index: Floats
    family: Family
    models: tuple[tuple[WorkingModel, Flags], ...]
    covariates: Floats

    def through(self, slope: Floats) -> Floats:
        """Return each unit's influence on a sum of predictions with these slopes, (n,)."""
        through = np.zeros(self.index.size)
        for model, predicted in self.models:
            through += model.through(slope * predicted, self.covariates)
        return through


def deal_children(child: Indices, treated: Flags) -> Indices:
    """Deal children to folds, with all their units, from a fixed seed: (n,) integers from 0.

    Children with a unit in the treated arm and the others are dealt in turn, so that both are in each fold.

    Raises
    ------
    EstimationError
        If either group has fewer children than folds.

    Examples
    --------
    >>> np.bincount(deal_children(np.arange(20), np.arange(20) < 10))
    array([4, 4, 4, 4, 4])
    """
    _, own = np.unique(child, return_inverse=True)
    started = np.zeros(int(own.max()) + 1, dtype=bool)
    started[own[treated]] = True
    try:
        return deal_folds(started, FOLDS, SEED)[own]
    except DesignError as problem:
        raise EstimationError(
            f"A group has fewer children than the {FOLDS} parts that cross-fitting deals them into.",
            "Use 'g_computation', or no adjustment.",
        ) from problem


def cross_fit(
    y: Floats,
    arm: Flags,
    covariates: Floats,
    fold: Indices,
    *,
    family: Family = "logistic",
    learner: Any = None,
    stands_for: Floats | None = None,
) -> Nuisance:
    """Predict every unit's outcome in an arm by a model of that arm's units of other folds.

    Parameters
    ----------
    y : (n,) floats
        Outcomes.
    arm : (n,) booleans
        Units of the arm.
    covariates : (n, p) floats
        Columns.
    fold : (n,) integers
        From 0; with one fold only, models see the units they predict.
    family : str
        ``logistic`` or ``linear``.
    learner : classifier of scikit-learn, optional
        In place of the logistic model; it learns from known outcomes alike, whomever they stand for.
    stands_for : (n,) floats, optional
        As for ``g_computation``.

    Raises
    ------
    DesignError
        If the outcomes of an arm do not vary outside a fold.

    References
    ----------
    chernozhukov2018 : Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68, definition 3.1.
    """
    names = np.unique(fold)
    index, models = np.empty(len(y)), []
    counts = arm.astype(np.float64) if stands_for is None else arm * stands_for
    for k in names:
        own = fold == k
        seen = (counts > 0) & ~own if names.size > 1 else counts > 0
        if learner is not None:
            _require_both_values(y[seen])
            learnt = np.clip(learn_from(learner, covariates[seen], y[seen] == 1.0, covariates[own], SEED), EDGE, 1.0 - EDGE)
            index[own] = np.log(learnt / (1.0 - learnt))
            continue
        model = fit_working_model(family, covariates, y, counts * seen)
        index[own] = model.index(covariates[own])
        models.append((model, own))
    return Nuisance(index, family, tuple(models), covariates)


def _require_both_values(y: Floats) -> None:
    if y.all() or not y.any():
        raise DesignError("The outcome has one value only in a group that a model is fitted to.", "Use a larger group.")


def augmented_mean(y: Floats, arm: Flags, weight: Floats, nuisance: Nuisance, population: Population) -> Standardised:
    r"""Add to the standardised prediction the weighted mean of what it missed.

    .. math:: \hat\mu_a = \sum_i s_i\, m_a(x_i) + \frac{\sum_i w_i 1(A_i = a) \{y_i - m_a(x_i)\}}{\sum_i w_i 1(A_i = a)}

    Doubly robust: right if the weights make the arm like the population, or if the model of the outcome is right. The
    influence goes through the population, the weighted residuals and the coefficients of the models (not those of a
    learner, which do not matter to first order where both converge fast enough).

    Parameters
    ----------
    y : (n,) floats
        Outcomes.
    arm : (n,) booleans
        Units of the arm.
    weight : (n,) floats
        The design's.
    nuisance : Nuisance
        Predictions of this arm.
    population : Population
        Whom the mean is about.

    References
    ----------
    robins1994 : Robins, Rotnitzky and Zhao (1994), JASA 89(427), 846-866.
    lunceford2004 : Lunceford and Davidian (2004), Statistics in Medicine 23(19), 2937-2960, eq. 9.
    """
    mean, slope = inverse_link(nuisance.family, nuisance.index)
    own = weight * arm / (weight @ arm)
    missed = float(own @ (y - mean))
    level = float(population.share @ mean)
    through = nuisance.through((population.share - own) * slope)
    return _parts(level + missed, population, mean - level, own * (y - mean - missed), through)


def targeted_mean(y: Floats, arm: Flags, weight: Floats, nuisance: Nuisance, population: Population) -> Standardised:
    r"""Shift the predictions of an arm on the logit scale until the weighted residuals sum to 0, then standardise.

    .. math:: m^*_a(x) = \operatorname{expit}\{\operatorname{logit} m_a(x) + \hat\epsilon_a\}, \qquad
        \sum_i w_i 1(A_i = a) \{y_i - m^*_a(x_i)\} = 0, \qquad \hat\mu_a = \sum_i s_i\, m^*_a(x_i)

    The fluctuation is an intercept fitted with the design's weights, so that means stay within 0 and 1 and large weights do not
    become large covariates. Doubly robust as ``augmented_mean``.

    Parameters
    ----------
    y, arm, weight, nuisance, population
        As for ``augmented_mean``; outcomes are 0 and 1.

    Raises
    ------
    EstimationError
        If the arm's outcomes do not vary.

    References
    ----------
    vanderlaan2006 : van der Laan and Rubin (2006), International Journal of Biostatistics 2(1), article 11.
    """
    own = weight * arm / (weight @ arm)
    index = nuisance.index + _fluctuation(y, own, nuisance.index)
    mean, slope = inverse_link("logistic", index)
    level = float(population.share @ mean)
    # What the mean gains by a shift that makes good one more unit of residual.
    gain = float(population.share @ slope) / float(own @ slope)
    through = nuisance.through((population.share - gain * own) * slope)
    return _parts(level, population, mean - level, gain * own * (y - mean), through)


def _fluctuation(y: Floats, own: Floats, index: Floats) -> float:
    """Solve for the shift: Newton's steps, each at most 1, on a sum that falls in the shift."""
    if not 0.0 < own @ y < 1.0:
        raise TooFewEventsError("The outcome does not vary within an arm, so it cannot be targeted.", "Use no adjustment.")
    shift = 0.0
    for _ in range(200):
        mean, slope = inverse_link("logistic", index + shift)
        step = float(np.clip(own @ (y - mean) / (own @ slope), -1.0, 1.0))
        shift += step
        if abs(step) <= SETTLED:
            break
    return shift


def _parts(value: float, population: Population, about: Floats, residual: Floats, through: Floats) -> Standardised:
    who = population.share * about
    # The models of the outcome are fitted without the design's weights.
    by_weight = residual + who if population.by_weight else residual
    return Standardised(value, who, residual + through, by_weight, residual + through)


def doubly_robust(
    method: str,
    y: Floats,
    treated: Flags,
    weight: Floats,
    covariates: Floats,
    fold: Indices,
    *,
    estimand: str,
    family: Family = "logistic",
    learner: Any = None,
    stands_for: Floats | None = None,
) -> tuple[Standardised, Standardised]:
    """Return the means of both arms by ``aipw`` or ``tmle``.

    Parameters
    ----------
    method : str
        ``aipw`` or ``tmle``.
    y, treated, weight, covariates, estimand, family
        As for ``g_computation``.
    fold : (n,) integers
        From ``deal_children``.
    learner : classifier of scikit-learn, optional
        In place of the logistic model of the outcome.
    stands_for : (n,) floats, optional
        As for ``g_computation``.

    Returns
    -------
    (Standardised, Standardised)
        Of the treated and of the comparison arm.

    Raises
    ------
    DesignError, EstimationError
        If outcomes do not vary where a model needs it.

    Examples
    --------
    >>> x, treated = np.zeros((8, 0)), np.arange(8) % 2 == 0
    >>> y = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    >>> one, nought = doubly_robust("aipw", y, treated, np.ones(8), x, np.zeros(8, dtype=int), estimand="ATE")
    >>> round(one.value, 6), round(nought.value, 6)
    (0.75, 0.5)
    """
    population = target_population(estimand, treated, weight)
    known = weight if stands_for is None else weight * stands_for
    mean = targeted_mean if method == "tmle" else augmented_mean
    found = []
    for arm in (treated, ~treated):
        if is_population(arm, population):
            found.append(observed_mean(y, arm, known))
            continue
        nuisance = cross_fit(y, arm, covariates, fold, family=family, learner=learner, stands_for=stands_for)
        found.append(mean(y, arm, known, nuisance, population))
    return found[0], found[1]
