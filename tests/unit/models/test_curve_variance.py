"""The variance of a whole curve: sums of squares over clusters, step by step, against one influence value after another."""

import numpy as np
import pytest

from yoseval.errors import EstimationError
from yoseval.models.curve_variance import variance_by_step
from yoseval.models.risk_sets import arrange_risk_sets, spread_steps


def sample(late):
    rng = np.random.default_rng(2)
    time = rng.integers(1, 8, 40).astype(float)
    entry = np.floor(time * rng.random(40)) if late else None
    weight = rng.uniform(0.3, 2.0, 40)
    return rng, time, rng.integers(0, 3, 40), weight, entry


@pytest.mark.parametrize("late", [False, True])
def test_two_parts_are_added_before_they_are_squared(late):
    rng, time, cause, weight, entry = sample(late)
    sets = arrange_risk_sets(time, cause, weight, entry, n_causes=2)
    m, cluster = sets.time.size, rng.integers(0, 9, 40)
    steps = [(rng.normal(size=m), rng.normal(size=(m, 2))) for _ in range(2)]
    scale = rng.normal(size=(m + 1, 2))

    found = variance_by_step(sets, tuple(spread_steps(sets, *s) for s in steps), scale, weight, cluster)

    for k in range(m + 1):
        early = np.arange(m) < k
        # Steps after the k-th count nothing.
        gathered = [spread_steps(sets, gain * early, own * early[:, None]).gathered() for gain, own in steps]
        by_cluster = np.bincount(cluster, weight * (np.column_stack(gathered) @ scale[k]))
        n_clusters = np.unique(cluster).size
        assert found[k] == pytest.approx((by_cluster**2).sum() * n_clusters / (n_clusters - 1), rel=1e-10, abs=1e-14)


def test_one_cluster_of_positive_weight_is_refused():
    _, time, cause, weight, _ = sample(late=False)
    sets = arrange_risk_sets(time, cause, weight, n_causes=2)
    part = spread_steps(sets, np.ones(sets.time.size), np.ones((sets.time.size, 2)))
    cluster = np.arange(40)

    with pytest.raises(EstimationError, match="two independent"):
        variance_by_step(sets, (part,), np.ones((sets.time.size + 1, 1)), np.where(cluster == 3, 1.0, 0.0), cluster)
