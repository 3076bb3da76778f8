"""Learners predict whom they have not seen, and boosting stops where it is told that balance is best."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from yoseval.errors import DesignError
from yoseval.models.learners import EDGE, ROUNDS, boosted_score, cross_fitted_score, deal_folds


def sample(n=400, seed=5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] ** 2 - 1)))


def test_each_unit_is_predicted_by_a_fit_on_the_other_folds():
    x, y = sample()
    fold = deal_folds(y, 4, 7)

    score = cross_fitted_score(LogisticRegression(C=3.0), x, y, folds=4, seed=7).score

    for k in range(4):
        by_hand = LogisticRegression(C=3.0).fit(x[fold != k], y[fold != k]).predict_proba(x[fold == k])[:, 1]
        assert score[fold == k] == pytest.approx(by_hand, abs=1e-12)


def test_nobody_is_their_own_nearest_neighbour():
    x, _ = sample()
    noise = np.random.default_rng(1).random(len(x)) < 0.5

    learned = cross_fitted_score(KNeighborsClassifier(1), x, noise)

    # In sample one neighbour is always right; out of sample noise cannot be predicted.
    assert np.mean((learned.score > 0.5) == noise) == pytest.approx(0.5, abs=0.1)


def test_scores_at_the_edge_are_held_there_and_told():
    x, y = sample()

    learned = cross_fitted_score(DecisionTreeClassifier(), x, y)

    assert (learned.score.min(), learned.score.max()) == (EDGE, 1 - EDGE)
    assert learned.held.all()


def test_folds_hold_both_groups_in_equal_parts():
    y = np.arange(103) % 4 == 0

    fold = deal_folds(y, 5, 1)

    for group in (y, ~y):
        counts = np.bincount(fold[group])
        assert counts.max() - counts.min() <= 1


def test_a_group_smaller_than_the_folds_is_an_error():
    with pytest.raises(DesignError, match="group of 3 cannot be dealt into 5"):
        deal_folds(np.arange(30) < 3, 5, 0)


def test_the_same_seed_gives_the_same_scores_and_the_classifier_is_left_alone():
    x, y = sample()
    tree = DecisionTreeClassifier(max_depth=3)

    first, second = (cross_fitted_score(tree, x, y, seed=3).score for _ in range(2))

    assert (first == second).all()
    assert not hasattr(tree, "tree_")
    assert tree.random_state is None


def test_a_classifier_without_randomness_is_taken_as_it_is():
    x, y = sample()

    assert cross_fitted_score(DummyClassifier(), x, y).score == pytest.approx(y.mean(), abs=0.01)


def test_boosting_keeps_the_round_with_the_least_imbalance():
    x, y = sample()
    seen = []

    def imbalance(score):
        seen.append(score)
        return abs(len(seen) - 17.0)

    learned = boosted_score(x, y, imbalance)

    assert (learned.rounds, len(seen)) == (17, ROUNDS)
    assert learned.score == pytest.approx(seen[16], abs=1e-15)


def test_boosting_finds_what_a_line_cannot():
    x, y = sample(2000)

    learned = boosted_score(x, y, lambda s: -float(np.mean(np.where(y, np.log(s), np.log(1 - s)))))

    assert np.corrcoef(learned.score, x[:, 0] ** 2)[0, 1] > 0.6
