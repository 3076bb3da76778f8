"""Scores from learning machines: cross-fitted classifiers, and boosting that stops where balance is best.

Takes a matrix of numbers and an outcome of 0 and 1; gives probabilities. A learner tells nothing of how far its
scores depend on each unit, so there are no influence values here. scikit-learn is imported when it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import DesignError

EDGE = 0.001  # scores of learners are kept this far from 0 and 1, where weights have no bound
ROUNDS = 300
LEARNING_RATE = 0.05
LEAVES = 8


@dataclass(frozen=True, slots=True, eq=False)
class LearnedScore:
    """Scores of a learner.

    Parameters
    ----------
    score : (n,) floats
        From ``EDGE`` to 1 - ``EDGE``.
    held : (n,) booleans
        True where the learner said less or more and was held at the edge.
    rounds : int
        Rounds of boosting used; 0 for other learners.
    """

    score: Floats
    held: Flags
    rounds: int = 0


def cross_fitted_score(classifier: Any, x: Floats, y: Flags, *, folds: int = 5, seed: int = 0) -> LearnedScore:
    """Predict each unit by a classifier that never saw it.

    Parameters
    ----------
    classifier : estimator of scikit-learn
        Has ``fit`` and ``predict_proba``; it is cloned, never fitted itself.
    x : (n, p) floats
        Columns.
    y : (n,) booleans
        The outcome.
    folds : int
        Parts into which each group is dealt, 2 or more.
    seed : int
        Of the dealing, and of the classifier where it has a ``random_state`` that is not set.

    Returns
    -------
    LearnedScore
        Out-of-fold probabilities.

    Raises
    ------
    DesignError
        If a group has fewer units than folds.

    References
    ----------
    chernozhukov2018 : Chernozhukov et al. (2018), Econometrics Journal 21(1), C1-C68, definition 3.1.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x = np.arange(20.0)[:, None]
    >>> cross_fitted_score(LogisticRegression(), x, x[:, 0] % 3 == 0).score.shape
    (20,)
    """
    fold = deal_folds(y, folds, seed)
    raw = np.empty(len(y))
    for k in range(folds):
        inside = fold == k
        raw[inside] = learn_from(classifier, x[~inside], y[~inside], x[inside], seed)
    return _held(raw, 0)


def learn_from(classifier: Any, x: Floats, y: Flags, new: Floats, seed: int) -> Floats:
    """Fit a clone of a classifier and predict the rows of ``new``: (m,) probabilities that ``y`` is true."""
    from sklearn.base import clone  # noqa: PLC0415 - slow to import, and few need it

    raw: Floats = _seeded(clone(classifier), seed).fit(x, y).predict_proba(new)[:, 1]
    return raw


def boosted_score(x: Floats, y: Flags, imbalance: Callable[[Floats], float], *, seed: int = 0) -> LearnedScore:
    """Boost trees and keep the round whose scores balance best.

    Parameters
    ----------
    x : (n, p) floats
        Columns.
    y : (n,) booleans
        The outcome.
    imbalance : callable
        From scores, (n,) floats, to how far the groups differ when weighted by them; the least wins.
    seed : int
        Of the trees.

    Returns
    -------
    LearnedScore
        In-sample probabilities, of the best of ``ROUNDS`` rounds.

    References
    ----------
    mccaffrey2004 : McCaffrey, Ridgeway and Morral (2004), Psychological Methods 9(4), 403-425.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow to import, and few need it

    machine = HistGradientBoostingClassifier(
        learning_rate=LEARNING_RATE,
        max_iter=ROUNDS,
        max_leaf_nodes=LEAVES,
        early_stopping=False,
        min_samples_leaf=max(2, min(20, int(min(y.sum(), (~y).sum())) // 4)),
        random_state=seed,
    ).fit(x, y)
    best, rounds, least = np.full(len(y), float(y.mean())), 0, np.inf
    for i, staged in enumerate(machine.staged_predict_proba(x), start=1):
        score = np.clip(staged[:, 1], EDGE, 1.0 - EDGE)
        worth = imbalance(score)
        if worth < least:
            best, rounds, least = staged[:, 1].copy(), i, worth
    return _held(best, rounds)


def deal_folds(y: Flags, folds: int, seed: int) -> Indices:
    """Deal the units of each group in turn to folds, after a shuffle: (n,) integers from 0.

    Raises
    ------
    DesignError
        If a group has fewer units than folds.
    """
    smallest = int(min(y.sum(), (~y).sum()))
    if smallest < folds or folds < 2:
        problem = f"A group of {smallest} cannot be dealt into {folds} folds."
        raise DesignError(problem, "Use the propensity model 'logit' or 'firth'.")
    rng = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    for group in (y, ~y):
        members = rng.permutation(np.flatnonzero(group))
        fold[members] = np.arange(len(members)) % folds
    return fold


def _seeded(classifier: Any, seed: int) -> Any:
    unset = "random_state" in classifier.get_params() and classifier.get_params()["random_state"] is None
    return classifier.set_params(random_state=seed) if unset else classifier


def _held(raw: Floats, rounds: int) -> LearnedScore:
    score = np.clip(raw, EDGE, 1.0 - EDGE)
    return LearnedScore(score, score != raw, rounds)
