"""The proportional-odds model against statsmodels, the 2 x 2 table and numerical derivatives."""

import numpy as np
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from yoseval.errors import EstimationError
from yoseval.models.ordinal import fit_proportional_odds


def draw(seed=0, n=120):
    rng = np.random.default_rng(seed)
    group = rng.random(n) < 0.4
    outcome = np.where(rng.random(n) < 0.5 - 0.1 * group, 0.0, rng.integers(1, 9, n))
    return outcome, group, rng.uniform(0.3, 3.0, n)


def test_the_fit_is_that_of_statsmodels():
    outcome, group, _ = draw()

    found = fit_proportional_odds(outcome, group, np.ones(outcome.size))

    peer = OrderedModel(outcome, group[:, None].astype(float), distr="logit").fit(method="newton", disp=0)
    thresholds = np.cumsum([peer.params[1], *np.exp(peer.params[2:])])
    assert found.log_odds_ratio == pytest.approx(peer.params[0], abs=1e-6)
    assert found.std_error == pytest.approx(peer.bse[0], rel=1e-5)
    np.testing.assert_allclose(found.thresholds, thresholds, atol=1e-5)


def test_whole_weights_are_repeated_units():
    outcome, group, _ = draw()
    times = np.random.default_rng(1).integers(0, 4, outcome.size)

    found = fit_proportional_odds(outcome, group, times.astype(float))

    repeated = fit_proportional_odds(np.repeat(outcome, times), np.repeat(group, times), np.ones(times.sum()))
    assert found.log_odds_ratio == pytest.approx(repeated.log_odds_ratio, abs=1e-9)
    assert found.std_error == pytest.approx(repeated.std_error, rel=1e-9)
    np.testing.assert_allclose(found.influence[times == 0], 0.0)


def test_with_two_levels_it_is_the_odds_ratio_of_the_table():
    outcome, group, weight = draw()

    found = fit_proportional_odds(np.where(outcome > 2, 7.0, 0.0), group, weight)

    shares = [np.average(outcome[arm] > 2, weights=weight[arm]) for arm in (group, ~group)]
    odds = [share / (1 - share) for share in shares]
    assert found.log_odds_ratio == pytest.approx(np.log(odds[0] / odds[1]), abs=1e-10)


def test_only_the_order_of_the_levels_counts():
    outcome, group, weight = draw()

    one, other = (fit_proportional_odds(values, group, weight) for values in (outcome, np.exp(outcome)))

    assert one.log_odds_ratio == pytest.approx(other.log_odds_ratio, abs=1e-12)


def test_influence_is_the_derivative_in_each_weight():
    outcome, group, weight = draw(n=40)

    found = fit_proportional_odds(outcome, group, weight).influence

    step = 1e-5 * weight * np.eye(40)
    up, down = ([fit_proportional_odds(outcome, group, weight + s * h).log_odds_ratio for h in step] for s in (1, -1))
    np.testing.assert_allclose(found, (np.array(up) - down) / 2e-5, atol=1e-8)
    assert abs(found.sum()) < 1e-12


@pytest.mark.parametrize(("ours", "theirs"), [([2, 3], [0, 1]), ([0, 0], [0, 5]), ([2, 2], [0, 2])])
def test_arms_that_do_not_overlap_have_no_odds_ratio(ours, theirs):
    outcome = np.array([*ours, *theirs], dtype=float)

    with pytest.raises(EstimationError, match="no finite odds ratio"):
        fit_proportional_odds(outcome, np.array([True, True, False, False]), np.ones(4))


@pytest.mark.parametrize(
    ("outcome", "group", "said"),
    [
        (np.array([0.0, 1.0]), np.array([True, True]), "no unit"),
        (np.zeros(4), np.arange(4) > 1, "2 to 100 levels; there are 1"),
        (np.arange(101.0), np.arange(101) % 2 == 0, "there are 101"),
    ],
)
def test_what_is_no_ordinal_of_two_arms_is_refused(outcome, group, said):
    with pytest.raises(EstimationError, match=said):
        fit_proportional_odds(outcome, group, np.ones(outcome.size))
