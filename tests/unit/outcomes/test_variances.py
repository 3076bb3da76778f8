"""The menu of variances: what each is, what ``auto`` chooses, and what does not go together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.imputed import build_imputed_designs
from yoseval.design.methods import build_design
from yoseval.design.nearest_replacement import weights_from_pairs
from yoseval.design.types import Design, WeightEstimation, Weighting
from yoseval.errors import DesignError, FollowUpTooShortError, UsageError
from yoseval.models.few_clusters import cr2_difference
from yoseval.models.variance import clustered_variance, jackknife_of_many
from yoseval.outcomes.clusters import cluster_levels
from yoseval.outcomes.imputed import estimate_designs
from yoseval.outcomes.measures import MEASURES, estimate_effect
from yoseval.outcomes.types import FollowUp
from yoseval.outcomes.variances import VARIANCES


def study(n=480, groups=12, *, seed=0, sets=None, persons=None, estimation=None):
    """Return a follow-up to the end and a weighted design whose children are taught in groups of one arm each."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % groups
    treated = group % 2 == 0
    event = rng.random(n) < np.clip(0.4 + 0.15 * rng.normal(size=groups)[group], 0.05, 0.95)
    time = np.where(event, np.ceil(rng.uniform(0, 365, n)), 365.0)
    frame = pd.DataFrame({"treated": treated.astype(int), "x": np.arange(n), "group": group, "event": event.astype(int)})
    frame = frame.assign(time=np.maximum(time, 1.0))
    frame = frame.assign(open=treated * 1.0)
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["x"], exact=["group"], instrument="open")
    if persons is not None:
        cohort = replace(cohort, units=cohort.units.assign(person_id=persons))
    weighting = Weighting(
        rng.uniform(0.5, 1.5, n), np.full(n, -1) if sets is None else sets, np.full(n, 0.5), "ATT", estimation=estimation
    )
    frame = frame.assign(
        cause=np.where(event, 1, 2 * (rng.random(n) < 0.2)), worst=event * rng.integers(1, 9, n), days=time + 1
    )
    columns = {"event": "event", "time": "time", "cause": "cause", "severity": "worst", "exposure": "days", "horizon": 365}
    followup = FollowUp.from_frame(frame, **columns)
    counted = np.repeat(np.arange(n), event * (1 + rng.poisson(0.5, n)))
    followup = followup.with_recurrences(followup.unit_id[counted], np.maximum(np.ceil(rng.uniform(0, 365, counted.size)), 1.0))
    return followup, Design(cohort, "any", {}, weighting, "ATT", cohort.attrition)


def in_groups(design):
    return replace(design, cohort=replace(design.cohort, cluster="group"))


def with_replacement():
    """Return a design in which 60 comparison children stand for 150 treated, in the groups of ``study``."""
    followup, design = study(300)
    rng = np.random.default_rng(2)
    lead = np.flatnonzero(design.treated)
    partner = rng.choice(np.flatnonzero(~design.treated)[:60], lead.size)
    weight = weights_from_pairs((lead, partner), design.treated)
    weighting = Weighting(weight, np.full(300, -1), np.full(300, 0.5), "ATT", pairs=(lead, partner))
    return followup, replace(design, weighting=replace(weighting, matched_on=np.arange(300.0)[:, None]))


def test_the_menu():
    assert list(VARIANCES) == ["auto", "sandwich", "jackknife", "cr2", "abadie_imbens"]


def test_few_groups_have_cr2_by_rule_exactly_that_of_a_difference_of_means():
    followup, design = study()

    found = estimate_effect(followup, in_groups(design), "risk_difference")

    wanted = cr2_difference(followup.event * 1.0, design.treated, design.weight, np.arange(480) % 12)
    assert (found.estimate, found.std_error, found.df) == pytest.approx(
        (wanted.estimate, wanted.std_error, wanted.df), rel=1e-9
    )
    assert found.interval == f"t, {found.df:.1f} df; CR2 with Satterthwaite's degrees of freedom, clustered on group"


def test_a_declared_group_and_one_that_is_asked_for_are_the_same():
    followup, design = study()

    asked = estimate_effect(followup, design, "risk_difference", clusters="group")

    assert asked.std_error == estimate_effect(followup, in_groups(design), "risk_difference").std_error
    assert "clustered on child" in estimate_effect(followup, design, "risk_difference").interval


# A cure model needs a curve with a plateau: its laws are in test_cured.
@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "cure_fraction_difference"])
@pytest.mark.parametrize("variance", ["sandwich", "jackknife", "cr2"])
def test_every_measure_has_every_variance_and_they_agree_where_clusters_are_many(measure, variance):
    followup, design = study(600, groups=150)

    found = estimate_effect(followup, in_groups(design), measure, variance=variance)

    plain = clustered_variance(found.influence, np.arange(600) % 150) ** 0.5
    # Corrections of 150 clusters, 75 of them an arm: of the order of 1 / 75.
    assert found.std_error == pytest.approx(plain, rel=0.04)


def test_the_jackknife_may_be_asked_for_in_a_large_sample():
    followup, design = study()

    found = estimate_effect(followup, design, "risk_difference", variance="jackknife", clusters="group")

    def statistic(kept):
        y, a, w = followup.event[kept] * 1.0, design.treated[kept], design.weight[kept]
        return np.average(y[a], weights=w[a]) - np.average(y[~a], weights=w[~a])

    def replicates(kept):
        return np.array([statistic(row) for row in kept])

    assert found.std_error**2 == pytest.approx(jackknife_of_many(replicates, np.arange(480) % 12), rel=1e-9)
    assert found.df == 11.0
    assert found.interval == "t, 11 df; jackknife over clusters of 'group'"


def test_many_groups_in_large_arms_have_the_sandwich_and_no_more_df_than_clusters():
    followup, design = study(600, groups=100)

    found = estimate_effect(followup, in_groups(design), "risk_difference")

    assert found.std_error**2 == pytest.approx(clustered_variance(found.influence, np.arange(600) % 100, kind="HC1"), rel=1e-12)
    assert found.interval == "t, 99 df; sandwich, clustered on group"


def test_small_arms_of_few_groups_have_cr2_and_of_many_the_jackknife():
    few, many = study(120, groups=12), study(160, groups=80)

    assert "CR2" in estimate_effect(few[0], in_groups(few[1]), "risk_difference").interval
    assert "jackknife over clusters of 'group'" in estimate_effect(many[0], in_groups(many[1]), "risk_difference").interval


def test_large_samples_of_few_matched_sets_have_cr2():
    followup, design = study(480, groups=2, sets=np.arange(480) // 16)

    assert "CR2 with Satterthwaite's degrees of freedom, clustered on matched set" in (
        estimate_effect(followup, design, "risk_difference").interval
    )


def test_two_levels_that_cross_have_the_two_way_variance():
    persons = np.array([f"p{i:03d}" for i in np.arange(480) % 311], dtype=object)
    sets = np.arange(480) // 2
    followup, design = study(groups=2, sets=sets, persons=persons)

    found = estimate_effect(followup, design, "risk_difference", variance="sandwich")

    phi, child = found.influence, np.arange(480) % 311
    one = [clustered_variance(phi, labels, kind="HC1") for labels in (sets, child, sets * 1000 + child)]
    assert found.std_error**2 == pytest.approx(max(one[0] + one[1] - one[2], one[0], one[1]), rel=1e-12)
    assert "clustered on matched set and child (two-way, at least the larger of the one-way variances)" in found.interval


def test_three_levels_that_cross_follow_inclusion_and_exclusion():
    persons = np.array([f"p{i:03d}" for i in np.arange(480) % 311], dtype=object)
    sets, groups = np.arange(480) // 2, np.arange(480) % 50
    followup, design = study(groups=50, sets=sets, persons=persons)

    found = estimate_effect(followup, in_groups(design), "risk_difference", variance="sandwich")

    levels = [groups, sets, np.arange(480) % 311]
    assert [level.name for level in cluster_levels(in_groups(design))] == ["group", "matched set", "child"]

    def cross(*labels):
        return np.unique(np.column_stack(labels), axis=0, return_inverse=True)[1].ravel()

    def v(*labels):
        return clustered_variance(found.influence, cross(*labels), kind="HC1")

    a, b, c = levels
    total = v(a) + v(b) + v(c) - v(a, b) - v(a, c) - v(b, c) + v(a, b, c)
    assert found.std_error**2 == pytest.approx(max(total, v(a), v(b), v(c)), rel=1e-12)
    assert "three-way" in found.interval


def test_a_two_way_variance_is_never_below_the_larger_one_way():
    # Pairs of opposite influence within the set: the set's own variance is near nothing, the child's is all there is.
    persons = np.array([f"p{i:03d}" for i in np.arange(480) % 311], dtype=object)
    for seed in range(5):
        followup, design = study(groups=2, sets=np.arange(480) // 2, persons=persons, seed=seed)
        found = estimate_effect(followup, design, "risk_difference", variance="sandwich")
        both = [clustered_variance(found.influence, c, kind="HC1") for c in (np.arange(480) // 2, np.arange(480) % 311)]

        assert found.std_error**2 >= max(both) * (1 - 1e-12)


def test_estimated_weights_keep_their_correction_in_cr2():
    rng = np.random.default_rng(3)
    estimation = WeightEstimation(rng.normal(size=(600, 1)), rng.normal(size=(600, 1)) / 600)
    followup, design = study(600, groups=150, estimation=estimation)

    found = estimate_effect(followup, design, "risk_difference", variance="cr2", clusters="group")

    wanted = clustered_variance(found.influence, np.arange(600) % 150) ** 0.5
    assert found.std_error == pytest.approx(wanted, rel=0.03)
    assert found.interval.endswith("clustered on group, corrected for estimated weights")


def test_abadie_imbens_is_for_matching_with_replacement_only():
    followup, design = study()

    with pytest.raises(UsageError, match="for matching with replacement; this design is 'any'"):
        estimate_effect(followup, design, "risk_difference", variance="abadie_imbens")


def test_resampling_is_not_for_matching_with_replacement():
    followup, design = with_replacement()

    with pytest.raises(UsageError, match="Neither jackknife nor bootstrap"):
        estimate_effect(followup, design, "risk_difference", variance="jackknife")


def test_matching_with_replacement_in_groups_has_the_larger_of_two_variances():
    followup, design = with_replacement()

    own = estimate_effect(followup, design, "risk_difference")
    by_group = estimate_effect(followup, design, "risk_difference", variance="cr2", clusters="group")
    found = estimate_effect(followup, design, "risk_difference", clusters="group")

    assert "Abadie-Imbens" in own.interval
    assert found.std_error == max(own.std_error, by_group.std_error)


def test_a_variance_that_is_not_there_is_refused_with_those_that_are():
    followup, design = study()

    with pytest.raises(UsageError, match=r"'bootstrap' is not a variance.*auto, sandwich, jackknife, cr2, abadie_imbens"):
        estimate_effect(followup, design, "risk_difference", variance="bootstrap")


def weighted_study(n=160, *, seed=0, leave=False, gaps=False, clusters=None, high=False):
    """Return a follow-up and a cohort of two numbers and a category, of which one of the treated alone has the rarest value."""
    rng = np.random.default_rng(seed)
    age, prior, area = rng.uniform(12, 18, n), rng.poisson(2.0, n).astype(float), rng.choice(["a", "b", "c"], n)
    treated = rng.random(n) < 1 / (1 + np.exp(0.8 - 0.3 * (prior - 2)))
    area[[*np.flatnonzero(treated)[:1], *np.flatnonzero(~treated)[:4]]] = "rare"
    if high:
        # Without one comparison child nobody is as old as the treated.
        age = np.where(treated, rng.uniform(17.0, 17.5, n), rng.uniform(12.0, 16.5, n))
        age[np.flatnonzero(~treated)[9]] = 40.0
    frame = pd.DataFrame(
        {"id": [f"u{i:04d}" for i in range(n)], "started": treated * 1, "age": age, "prior": prior, "area": area}
    )
    event = rng.random(n) < 0.4
    time = np.where(event, rng.integers(1, 365, n), 365.0)
    gone = rng.integers(30, 900, n) if leave else np.full(n, 400)
    frame = frame.assign(again=(event & (time <= gone)) * 1, days=np.minimum(time, gone).astype(float))
    if gaps:
        frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    cohort = Cohort.from_frame(frame, treated="started", id="id", covariates=["age", "prior", "area"])
    if clusters is not None:
        cohort = replace(cohort, units=cohort.units.assign(person_id=[f"p{i % clusters:03d}" for i in range(n)]))
    # Two units without follow-up keep their say in the weights.
    return FollowUp.from_frame(frame[2:], event="again", time="days", id="id", horizon=365), cohort


def one_at_a_time(monkeypatch, design):
    """Return the same design with neither refits nor values of many replicates at once."""
    for name, measure in MEASURES.items():
        monkeypatch.setitem(MEASURES, name, replace(measure, of_arm=None))
    again = design.weighting.reweight
    return replace(design, weighting=replace(design.weighting, reweight=again.one))


QUICK = ["risk_difference", "risk_ratio", "odds_ratio", "survival_difference", "restricted_mean_ratio", "hazard_ratio"]


@pytest.mark.parametrize(
    ("method", "more", "how"),
    [
        ("entropy", {"leave": True}, {}),
        ("entropy", {"leave": True, "clusters": 70}, {"moments": 2}),
        ("overlap", {"clusters": 70}, {}),
    ],
)
def test_replicates_at_once_have_the_variance_of_one_at_a_time(monkeypatch, method, more, how):
    followup, cohort = weighted_study(**more)
    design = build_design(cohort, method, **how)

    found = [estimate_effect(followup, design, measure, variance="jackknife") for measure in QUICK]

    slow = one_at_a_time(monkeypatch, design)
    for measure, quick in zip(QUICK, found, strict=True):
        wanted = estimate_effect(followup, slow, measure, variance="jackknife")
        assert (quick.std_error, quick.df, quick.interval) == (
            pytest.approx(wanted.std_error, rel=1e-9),
            wanted.df,
            wanted.interval,
        )


def test_imputed_designs_have_the_same_variance_at_once(monkeypatch):
    followup, cohort = weighted_study(120, gaps=True)
    designs = build_imputed_designs(cohort, "entropy", imputations=2)

    found = estimate_designs(followup, designs, "risk_difference")

    slow = replace(designs, designs=tuple(one_at_a_time(monkeypatch, design) for design in designs.designs))
    assert found.std_error == pytest.approx(estimate_designs(followup, slow, "risk_difference").std_error, rel=1e-9)


def test_weights_that_stay_have_the_same_jackknife_at_once(monkeypatch):
    followup, design = study(300, groups=150)
    found = estimate_effect(followup, design, "risk_ratio", variance="jackknife")

    monkeypatch.setitem(MEASURES, "risk_ratio", replace(MEASURES["risk_ratio"], of_arm=None))
    assert found.std_error == pytest.approx(
        estimate_effect(followup, design, "risk_ratio", variance="jackknife").std_error, rel=1e-9
    )


def test_a_replicate_that_cannot_be_balanced_is_an_error_and_by_rule_the_sandwich(monkeypatch):
    followup, cohort = weighted_study(high=True)
    design = build_design(cohort, "entropy")

    found = estimate_effect(followup, design, "risk_difference")
    with pytest.raises(DesignError) as problem:
        estimate_effect(followup, design, "risk_difference", variance="jackknife")

    assert "sandwich" in found.interval
    assert any("the jackknife could not be computed" in note for note in found.notes)
    slow = one_at_a_time(monkeypatch, design)
    assert estimate_effect(followup, slow, "risk_difference").notes == found.notes
    with pytest.raises(DesignError) as wanted:
        estimate_effect(followup, slow, "risk_difference", variance="jackknife")
    assert str(problem.value) == str(wanted.value)


def test_a_replicate_without_the_last_who_was_followed_is_the_same_error_as_before():
    followup, cohort = weighted_study(60)
    treated, units = cohort.treated, cohort.units["unit_id"].to_numpy()
    # One of the treated alone is followed to the end.
    last = np.isin(followup.unit_id, units[np.flatnonzero(treated)[5]])
    short = np.isin(followup.unit_id, units[treated]) & ~last
    time = np.where(short, np.minimum(followup.time, 300.0), np.where(last, 365.0, followup.time))
    followup = replace(followup, time=time, event=followup.event & ~last & ~(short & (followup.time > 300.0)))

    with pytest.raises(FollowUpTooShortError, match=r"365.*beyond 300"):
        estimate_effect(followup, build_design(cohort, "entropy"), "risk_difference", variance="jackknife")
