"""Do intervals hold where children are taught in few groups? Simulated services without effect, children of a group alike.

The slice runs in every test run; ``pytest -m grid tests/statistical/test_few_clusters.py`` runs the full grid.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import FollowUp

# Of the latent variable; the outcome, of which half have it, then has (2 / pi) asin(0.156) = 0.1 within a group.
CORRELATION = 0.156
SLICE, GRID = 200, 1000
ACCEPTED = (0.93, 0.975)


def draw(rng, groups):
    """Return a follow-up and a weighted design of whole groups, of 6 to 34 children, half of the groups treated."""
    group = np.repeat(np.arange(groups), rng.integers(6, 35, groups))
    n, treated = group.size, group % 2 == 0
    latent = np.sqrt(CORRELATION) * rng.normal(size=groups)[group] + np.sqrt(1 - CORRELATION) * rng.normal(size=n)
    event = latent < 0.0
    time = np.where(event, np.ceil(365 * special.ndtr(latent) / 0.5), 365.0)
    frame = pd.DataFrame({"treated": treated * 1, "x": np.arange(n), "team": group, "event": event * 1, "time": time})
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["x"], cluster="team")
    weight = np.where(treated, 1.0, rng.uniform(0.5, 1.5, n))
    design = Design(cohort, "any", {}, Weighting(weight, np.full(n, -1), np.full(n, 0.5), "ATT"), "ATT", cohort.attrition)
    return FollowUp.from_frame(frame, event="event", time="time", horizon=365), design


def coverage(groups, measure, replicates):
    truth, held = MEASURES[measure].null, []
    for k in range(replicates):
        followup, design = draw(np.random.default_rng([groups, k]), groups)
        found = [
            estimate_effect(followup, design, measure),
            estimate_effect(followup, design, measure, variance="sandwich"),
        ]
        held.append([e.conf_low <= truth <= e.conf_high for e in found])
        assert "CR2" in found[0].interval
    return np.mean(held, axis=0)


def test_few_groups_keep_their_coverage():
    auto, plain = coverage(10, "risk_difference", SLICE)

    # 0.95 within three Monte Carlo errors of 200 replicates.
    assert 0.904 <= auto <= 0.996
    assert plain < auto - 0.02


@pytest.mark.grid
@pytest.mark.parametrize("measure", ["risk_difference", "risk_ratio", "restricted_mean_difference", "hazard_ratio"])
@pytest.mark.parametrize("groups", [10, 14, 20])
def test_the_grid_of_few_groups(groups, measure):
    auto, plain = coverage(groups, measure, GRID)
    print(f"{groups} groups, {measure}: auto {auto:.3f}, sandwich {plain:.3f}")

    assert ACCEPTED[0] <= auto <= ACCEPTED[1]
    # The sandwich counts clusters in its degrees of freedom too; what it lacks is most seen with ten.
    assert plain < auto
