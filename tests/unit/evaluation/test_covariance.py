"""Children who are compared in several programmes, or treated in one, are known to the covariance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.types import Design, Weighting
from yoseval.evaluation.covariance import programme_covariance
from yoseval.frames import check_frame
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.measures import estimate_effect
from yoseval.outcomes.types import FollowUp

ARM, POOL = 120, 180


def programme(name, treated_ids, pool_ids, outcome, *, sets=None):
    """Return the difference in risk between two groups of named children, with its design."""
    ids = [*treated_ids, *pool_ids]
    frame = pd.DataFrame({"id": ids, "treated": [1] * len(treated_ids) + [0] * len(pool_ids), "x": np.arange(len(ids))})
    cohort = Cohort.from_frame(frame, treated="treated", id="id", covariates=["x"], programme=name)
    weighting = Weighting(np.ones(len(ids)), np.full(len(ids), -1) if sets is None else sets, np.full(len(ids), 0.5), "ATT")
    design = Design(cohort, "any", {}, weighting, "ATT", cohort.attrition)
    followup = FollowUp.from_frame(frame.assign(event=[outcome[i] for i in ids]), event="event", id="id")
    return estimate_effect(followup, design, "risk_difference", variance="sandwich"), design


def children(prefix, n):
    return [f"{prefix}{i:03d}" for i in range(n)]


def outcomes_of(rng, ids, risk=0.4):
    return dict(zip(ids, (rng.random(len(ids)) < risk).astype(int), strict=True))


def service(seed, *, shared=True):
    rng = np.random.default_rng(seed)
    pools = [children("c", POOL), children("c" if shared else "d", POOL)]
    arms = [children("a", ARM), children("b", ARM)]
    outcome = outcomes_of(rng, [*arms[0], *arms[1], *dict.fromkeys([*pools[0], *pools[1]])])
    return [programme(n, arm, pool, outcome) for n, arm, pool in zip("ab", arms, pools, strict=True)]


def test_the_diagonal_is_the_squared_clustered_error():
    found = programme_covariance(service(1))

    errors = [e.std_error for e, _ in service(1)]
    assert np.diag(found.covariance) == pytest.approx(np.square(errors), rel=1e-12)
    assert np.diag(found.correlation) == pytest.approx([1.0, 1.0])


def test_programmes_that_share_nobody_have_covariance_exactly_zero():
    found = programme_covariance(service(1, shared=False))

    assert found.covariance[0, 1] == found.covariance[1, 0] == found.correlation[0, 1] == 0.0


def test_a_shared_comparison_gives_the_closed_form():
    estimates = service(2)

    found = programme_covariance(estimates)

    # The variance of the shared arm's mean, with the corrections of HC1 and of clusters.
    n, p = ARM + POOL, estimates[0][0].comparison_value
    assert found.covariance[0, 1] == pytest.approx(p * (1 - p) / POOL * n / (n - 1) * (n - 1) / (n - 2), rel=1e-12)


def test_children_treated_in_one_and_compared_in_the_other_make_it_negative():
    rng = np.random.default_rng(3)
    first, second, rest = children("a", ARM), children("b", ARM), children("c", POOL)
    outcome = outcomes_of(rng, [*first, *second, *rest])

    found = programme_covariance([programme("a", first, [*second, *rest], outcome), programme("b", second, rest, outcome)])

    # The treated of b lower a's estimate when they do badly; the shared comparison pulls the other way.
    alone = programme_covariance([programme("a", first, second, outcome), programme("b", second, rest, outcome)])
    assert alone.correlation[0, 1] < -0.2
    assert alone.correlation[0, 1] < found.correlation[0, 1]


def test_other_variances_keep_their_size_and_lend_their_correlation():
    first, second = service(4)
    doubled = replace(first[0], std_error=2 * first[0].std_error)

    found, plain = programme_covariance([(doubled, first[1]), second]), programme_covariance([first, second])

    assert found.correlation[0, 1] == plain.correlation[0, 1]
    assert found.covariance[0, 1] == pytest.approx(2 * plain.covariance[0, 1], rel=1e-12)
    assert found.covariance[0, 0] == pytest.approx(4 * plain.covariance[0, 0], rel=1e-12)


def test_the_order_of_the_units_changes_nothing():
    first, second = service(5)
    order = np.random.default_rng(0).permutation(ARM + POOL)
    cohort = replace(first[1].cohort, units=first[1].cohort.units.iloc[order].reset_index(drop=True))
    moved = (replace(first[0], influence=first[0].influence[order]), replace(first[1], cohort=cohort))

    assert programme_covariance([moved, second]).covariance == pytest.approx(
        programme_covariance([first, second]).covariance, rel=1e-12
    )


def test_the_frame_has_one_row_for_every_two_and_for_each():
    frame = check_frame(programme_covariance(service(6)).to_frame(), "programme_covariance")

    assert frame[["programme", "other"]].to_numpy().tolist() == [["a", "a"], ["a", "b"], ["b", "b"]]
    assert len(programme_covariance([]).to_frame()) == 0


def again(estimate, design, happened):
    """Return an estimate as it would be with other outcomes, (n,) floats: what ``estimate_effect`` gives, in one step."""
    influence, means = np.zeros(len(happened)), []
    for arm, sign in ((design.treated, 1.0), (~design.treated, -1.0)):
        means.append(happened[arm].mean())
        influence[arm] = sign * (happened[arm] - means[-1]) / arm.sum()
    error = clustered_variance(influence, np.arange(len(happened)), kind="HC1") ** 0.5
    return replace(estimate, estimate=means[0] - means[1], influence=influence, std_error=error)


def test_the_correlation_is_that_of_repeated_studies_and_a_difference_has_the_right_interval():
    replicates, rng, made = 1000, np.random.default_rng(7), service(0)
    known = pd.Index(np.unique(np.concatenate([d.person_id for _, d in made])))
    places = [known.get_indexer(d.person_id) for _, d in made]
    values, correlations, held, as_if_apart = [], [], [], []

    for _ in range(replicates):
        happened = (rng.random(len(known)) < 0.4).astype(float)
        drawn = [(again(e, d, happened[place]), d) for (e, d), place in zip(made, places, strict=True)]
        found = programme_covariance(drawn)
        one, two = (e.estimate for e, _ in drawn)
        apart = found.covariance[0, 0] + found.covariance[1, 1]
        values.append((one, two))
        correlations.append(found.correlation[0, 1])
        held.append(abs(one - two) <= 1.96 * np.sqrt(apart - 2 * found.covariance[0, 1]))
        as_if_apart.append(abs(one - two) <= 1.96 * np.sqrt(apart))

    empirical = np.corrcoef(np.transpose(values))[0, 1]
    assert np.mean(correlations) == pytest.approx(ARM / (ARM + POOL), abs=0.005)
    # Within three Monte Carlo errors.
    assert abs(empirical - np.mean(correlations)) < 3 * (1 - empirical**2) / np.sqrt(replicates)
    assert abs(np.mean(held) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / replicates)
    # Taken as if they shared nobody, a difference would have an interval that is too wide.
    assert np.mean(as_if_apart) > 0.975


def test_the_short_cut_of_the_simulation_is_what_an_estimate_is():
    (estimate, design), _ = service(8)
    outcome = outcomes_of(np.random.default_rng(8), [*children("a", ARM), *children("b", ARM), *children("c", POOL)])

    found = again(estimate, design, np.array([float(outcome[i]) for i in design.person_id]))

    assert (found.estimate, found.std_error) == pytest.approx((estimate.estimate, estimate.std_error), rel=1e-12)
    assert found.influence == pytest.approx(estimate.influence, abs=1e-15)


def test_a_service_names_the_programmes_that_share_their_comparison(service_portfolio):
    frame = service_portfolio.frames()["programme_covariance"]

    own = frame[frame["programme"] == frame["other"]].set_index("programme")["covariance"]
    estimates = service_portfolio.frames()["estimates"].query("role == 'primary'").set_index("programme")
    assert own.to_numpy() == pytest.approx(estimates.loc[own.index, "std_error"].to_numpy() ** 2, rel=1e-12)
    assert (frame.loc[frame["programme"] != frame["other"], "correlation"] > 0).any()
