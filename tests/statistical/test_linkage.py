"""Is a link right, and are few children lost? Two simulated extracts of 2,000 and 5,000 with 1,700 children in both."""

import math
import time
from datetime import date

import numpy as np
import pytest

from yoseval.records.linkage.link import LinkSettings, assess_linkage, link_extracts
from yoseval.records.linkage.simulate import ErrorRates, simulate_identities
from yoseval.sensitivity.bounds import linkage_bounds

SHARED = 1700
SECONDS = 40
# Twice the errors of the default on every count.
HARSH = ErrorRates(
    typo=0.06, nickname=0.30, surname_changed=0.06, names_swapped=0.02, day_month=0.02, birth_digit=0.03, moved=0.40,
    missing=0.01, sex=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def extracts():
    return simulate_identities(2000, 5000, n_shared=SHARED, seed=20261123)


@pytest.fixture(scope="module")
def timed_linkage(extracts):
    start = time.perf_counter()
    linkage = link_extracts(extracts.left, extracts.right, LinkSettings(ethnicity="ethnicity", age_at=date(2020, 1, 1)))
    return linkage, time.perf_counter() - start


@pytest.fixture(scope="module")
def linkage(timed_linkage):
    return timed_linkage[0]


def test_links_are_right_and_children_are_found_in_time(timed_linkage, extracts):
    linkage, seconds = timed_linkage
    accuracy = assess_linkage(linkage, extracts.truth, (linkage.threshold,)).iloc[0]

    assert linkage.threshold == 0.95
    assert accuracy["precision"] >= 0.98
    assert accuracy["recall"] >= 0.90
    assert seconds < SECONDS


def test_links_are_right_and_children_are_found_with_twice_the_errors():
    extracts = simulate_identities(2000, 5000, n_shared=SHARED, errors=HARSH, seed=5)

    accuracy = assess_linkage(link_extracts(extracts.left, extracts.right), extracts.truth, (0.95,)).iloc[0]

    assert accuracy["precision"] >= 0.98
    assert accuracy["recall"] >= 0.90


def test_a_higher_threshold_finds_fewer_children_and_never_links_more(linkage, extracts):
    accuracy = assess_linkage(linkage, extracts.truth)

    assert (np.diff(accuracy["recall"]) <= 0).all()
    assert (np.diff(accuracy["n_linked"]) <= 0).all()
    assert accuracy["precision"].iloc[-1] > accuracy["precision"].iloc[0]


@pytest.fixture(scope="module")
def few():
    """Extracts that share 100 children, and their linkage."""
    extracts = simulate_identities(2000, 5000, n_shared=100, seed=6)
    return extracts, link_extracts(extracts.left, extracts.right)


def test_links_are_right_when_few_children_are_in_both(few):
    extracts, linkage = few
    accuracy = assess_linkage(linkage, extracts.truth, (0.95,)).iloc[0]

    # With 1,900 children who have nobody to be linked to, and some 100 links: each wrong one is a hundredth. Twins
    # alone would take a sixth of the precision if they were not set aside.
    assert accuracy["precision"] >= 0.95
    assert accuracy["recall"] >= 0.90


def test_most_of_the_possible_twins_are_twins_when_few_children_are_in_both(few):
    extracts, linkage = few
    twins = linkage.possible_twins

    known = set(zip(extracts.truth["left_key"], extracts.truth["right_key"], strict=True))
    n_own = sum(pair in known for pair in zip(twins["left_key"], twins["right_key"], strict=True))
    # So 0.95 would be a false promise for such a pair.
    assert len(twins) >= 10
    assert n_own / len(twins) < 0.5


@pytest.mark.parametrize(
    ("comparison", "column"),
    [("forename", "forename"), ("surname", "surname"), ("date_of_birth", "date_of_birth"), ("sex", "sex")],
)
def test_what_is_learned_without_the_truth_agrees_with_the_truth(linkage, extracts, comparison, column):
    both = extracts.truth.merge(extracts.left, left_on="left_key", right_on="key")
    both = both.merge(extracts.right, left_on="right_key", right_on="key", suffixes=("", "_police")).dropna(
        subset=[f"{column}_police"]
    )
    share = (both[column] == both[f"{column}_police"]).mean()
    learned = linkage.levels.set_index(["comparison", "level"])["m_probability"][comparison, "the same"]

    # Learned from pairs that agree on a date or on names, about 1,400: four standard errors, and the children whom
    # neither rule sees.
    assert learned == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 1400) + 0.01)


def test_bounds_hold_the_effect_on_everybody_whoever_is_lost(linkage, extracts):
    keys = extracts.truth["left_key"].to_numpy()
    rng = np.random.default_rng(1)
    treated = rng.random(len(keys)) < 0.4
    is_linked = np.isin(keys, linkage.pairs["left_key"])
    # The hardest case: everybody who was lost reoffended in one arm and nobody in the other.
    event = np.where(is_linked, rng.random(len(keys)) < 0.436, treated)
    risks = [event[is_linked & (treated == arm)].mean() for arm in (True, False)]
    shares = [linkage.share_linked_of(keys[treated == arm]) for arm in (True, False)]

    low, high = linkage_bounds(*risks, *shares)
    effect = event[treated].mean() - event[~treated].mean()

    assert effect == pytest.approx(high, abs=1e-12)
    assert low < risks[0] - risks[1] < high
