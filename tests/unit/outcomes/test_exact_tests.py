"""Exact and permutation tests against R's stored table of pairs, scipy, and every allocation gone through."""

import json
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.outcomes.exact_tests import exact_set_test, pairs_table, permutation_test

R = json.loads((Path(__file__).parents[2] / "reference" / "results" / "sensitivity_power.json").read_text(encoding="utf-8"))[
    "rearrest_pairs"
]
CELLS = (R["both"], R["adult_only"], R["juvenile_only"], R["neither"])


def as_units(both, treated_only, comparison_only, neither):
    """Return events, arms and sets of the pairs of a table."""
    treated_event = np.repeat([True, True, False, False], [both, treated_only, comparison_only, neither])
    comparison_event = np.repeat([True, False, True, False], [both, treated_only, comparison_only, neither])
    n = treated_event.size
    return np.concatenate((treated_event, comparison_event)), np.arange(2 * n) < n, np.tile(np.arange(n), 2)


def draw(seed, sizes=(2, 3, 4, 3, 5)):
    rng = np.random.default_rng(seed)
    sets = np.repeat(np.arange(len(sizes)), sizes)
    treated = np.concatenate([np.arange(size) < 1 + (size == 5) for size in sizes])
    return rng.random(sets.size) < 0.5, treated, sets


def every_allocation(treated, sets):
    parts = []
    for s in np.unique(sets):
        members = np.flatnonzero(sets == s)
        parts.append([np.array(chosen) for chosen in combinations(members, int(treated[members].sum()))])
    for chosen in product(*parts):
        arm = np.zeros(sets.size, dtype=bool)
        arm[np.concatenate(chosen)] = True
        yield arm


def test_the_table_of_pairs_is_that_of_r_in_every_number():
    found = pairs_table(*CELLS)

    same = {
        "pairs": "pairs", "both": "both", "treated_only": "adult_only", "comparison_only": "juvenile_only",
        "neither": "neither",
        "risk_treated": "risk_adult", "risk_comparison": "risk_juvenile", "risk_difference": "rd", "std_error": "se_rd",
        "odds_ratio": "conditional_or", "std_error_log_odds_ratio": "se_log_conditional_or", "risk_ratio": "marginal_rr",
        "chisq": "chisq", "chisq_continuity": "chisq_continuity", "p_value": "p", "p_continuity": "p_continuity",
        "p_exact": "p_exact",
    }  # fmt: skip
    assert {*same.values(), "or_exact_ci"} == set(R)
    # Stored with 15 digits; p-values far in a tail lose some.
    for ours, theirs in same.items():
        assert getattr(found, ours) == pytest.approx(R[theirs], rel=1e-9 if ours.startswith("p_") else 1e-12), ours
    assert [found.conf_low, found.conf_high] == pytest.approx(R["or_exact_ci"], rel=1e-10)


def test_in_pairs_the_test_inside_sets_is_mcnemars():
    found, table = exact_set_test(*as_units(*CELLS)), pairs_table(*CELLS)

    assert found.p_value == pytest.approx(R["p_exact"], rel=1e-9)
    assert found.p_mid == pytest.approx(table.p_mid, rel=1e-9)
    assert found.odds_ratio == pytest.approx(R["conditional_or"], rel=1e-9)
    assert [found.conf_low, found.conf_high] == pytest.approx(R["or_exact_ci"], rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_in_one_set_the_test_is_fishers(seed):
    rng = np.random.default_rng(seed)
    event, treated = rng.random(40) < 0.4, rng.random(40) < 0.5

    found = exact_set_test(event, treated, np.zeros(40, dtype=np.int64))

    table = [[(treated & event).sum(), (treated & ~event).sum()], [(~treated & event).sum(), (~treated & ~event).sum()]]
    peer = stats.contingency.odds_ratio(table)
    assert found.p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)
    assert found.odds_ratio == pytest.approx(peer.statistic, rel=1e-6)
    assert (found.conf_low, found.conf_high) == pytest.approx(tuple(peer.confidence_interval(0.95)), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_in_sets_the_p_value_is_that_of_every_allocation(seed):
    event, treated, sets = draw(seed)

    found = exact_set_test(event, treated, sets)

    counts = np.array([(event & arm).sum() for arm in every_allocation(treated, sets)])
    share = np.bincount(counts) / counts.size
    own = share[(event & treated).sum()]
    assert found.p_value == pytest.approx(share[share <= own * (1 + 1e-7)].sum(), rel=1e-10)
    assert found.p_value - found.p_mid == pytest.approx(share[np.isclose(share, own, rtol=1e-7)].sum() / 2, rel=1e-9)
    assert found.expected + _certain(event, treated, sets) == pytest.approx(counts.mean(), rel=1e-10)


def _certain(event, treated, sets):
    """Count treated events of sets that tell nothing, whatever the allocation."""
    return sum(treated[sets == s].sum() for s in np.unique(sets) if event[sets == s].all())


@pytest.mark.parametrize("seed", range(5))
def test_the_p_value_holds_its_level_whoever_is_allocated(seed):
    event, treated, sets = draw(seed)

    allocations = {int((event & arm).sum()): arm for arm in every_allocation(treated, sets)}
    counts = np.array([(event & arm).sum() for arm in every_allocation(treated, sets)])
    p_values = {count: exact_set_test(event, arm, sets).p_value for count, arm in allocations.items()}
    for level in (0.01, 0.05, 0.2):
        assert np.mean([p_values[int(count)] <= level for count in counts]) <= level


def test_at_an_edge_one_limit_is_none():
    found = exact_set_test(*as_units(3, 6, 0, 4))

    assert (found.odds_ratio, found.conf_high) == (np.inf, np.inf)
    # Clopper and Pearson: 6 of 6, q = 0.025 ** (1 / 6).
    low = 0.025 ** (1 / 6)
    assert found.conf_low == pytest.approx(low / (1 - low), rel=1e-9)
    table = pairs_table(3, 6, 0, 4)
    assert (table.conf_low, table.conf_high) == (pytest.approx(found.conf_low, rel=1e-9), np.inf)


def test_swapped_arms_turn_the_odds_ratio_over():
    event, treated, sets = as_units(30, 25, 14, 40)

    one, other = (exact_set_test(event, arm, sets) for arm in (treated, ~treated))

    assert one.p_value == pytest.approx(other.p_value, rel=1e-10)
    assert one.odds_ratio == pytest.approx(1 / other.odds_ratio, rel=1e-9)
    assert (one.conf_low, one.conf_high) == pytest.approx((1 / other.conf_high, 1 / other.conf_low), rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_few_allocations_are_all_gone_through(seed):
    _, treated, sets = draw(seed)
    outcome = np.random.default_rng(seed).integers(0, 5, sets.size).astype(float)

    found = permutation_test(outcome, treated, sets)

    def difference(arm):
        gaps = [outcome[arm & (sets == s)].sum() - arm[sets == s].sum() * outcome[~arm & (sets == s)].mean() for s in range(5)]
        return sum(gaps) / arm.sum()

    every = np.array([difference(arm) for arm in every_allocation(treated, sets)])
    assert found.is_exact
    assert found.arrangements == every.size == 2 * 3 * 4 * 3 * 10
    assert found.difference == pytest.approx(difference(treated), abs=1e-12)
    assert found.p_value == pytest.approx((np.abs(every) >= abs(difference(treated)) - 1e-9).mean(), abs=1e-12)


def test_drawn_allocations_come_near_to_all_of_them_and_are_repeatable():
    _, treated, sets = draw(2)
    outcome = np.random.default_rng(9).normal(size=sets.size) + 0.8 * treated

    exact, drawn, again = (permutation_test(outcome, treated, sets, most=most, seed=4) for most in (20_000, 1, 1))

    assert not drawn.is_exact
    assert drawn == again
    # Monte Carlo error of 9,999 draws.
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * (0.25 / 9999) ** 0.5)


def test_units_in_no_set_are_not_used():
    event, treated, sets = as_units(3, 6, 2, 4)
    more = [np.append(column, extra) for column, extra in ((event, True), (treated, True), (sets, -1))]

    assert exact_set_test(*more) == exact_set_test(event, treated, sets)
    assert permutation_test(more[0].astype(float), *more[1:]) == permutation_test(event.astype(float), treated, sets)


def test_sets_that_tell_nothing_are_refused():
    event, treated, sets = as_units(3, 0, 0, 4)

    with pytest.raises(EstimationError, match="both outcomes"):
        exact_set_test(event, treated, sets)
    with pytest.raises(EstimationError, match="both arms"):
        permutation_test(event.astype(float), treated, np.arange(14))
    with pytest.raises(EstimationError, match="discordant"):
        pairs_table(3, 0, 0, 4)
