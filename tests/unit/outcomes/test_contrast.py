"""When the sandwich, when the jackknife, on what it clusters, with how many degrees of freedom."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.design.nearest_replacement import weights_from_pairs
from yoseval.design.types import Design, WeightEstimation, Weighting
from yoseval.errors import DataError, DesignError, EstimationError
from yoseval.models.matching_variance import centre_within_strata, matched_difference, neighbour_variance
from yoseval.models.variance import clustered_variance
from yoseval.outcomes.clusters import cluster_codes, degrees_of_freedom
from yoseval.outcomes.contrast import align_followup, correct_contrast, infer
from yoseval.outcomes.types import Contrast, FollowUp


def build(n, *, weight=None, set_id=None, estimation=None, reweight=None):
    """Return a design of n units, every other one treated, in the order of the rows."""
    frame = pd.DataFrame({"treated": (np.arange(n) + 1) % 2, "x": np.arange(n)})
    cohort = Cohort.from_frame(frame, treated="treated", covariates=["x"])
    weights = np.ones(n) if weight is None else weight
    sets = np.full(n, -1) if set_id is None else set_id
    weighting = Weighting(weights, sets, np.full(n, 0.5), "ATT", estimation=estimation, reweight=reweight)
    return Design(cohort, "any", {}, weighting, "ATT", cohort.attrition)


def followup_of(values):
    frame = pd.DataFrame({"event": (np.asarray(values) > 0).astype(int)})
    return FollowUp.from_frame(frame, event="event")


class MeanDifference:
    """A difference of weighted means of fixed values, by its formula."""

    def __init__(self, n, seed=0):
        self.values = np.random.default_rng(seed).normal(size=n)
        self.treated = (np.arange(n) + 1) % 2 == 1

    def value(self, kept, weight):
        arms = [kept_of & (weight > 0) for kept_of in (self.treated[kept], ~self.treated[kept])]
        means = [np.average(self.values[kept][a], weights=weight[a]) for a in arms]
        return float(means[0] - means[1])

    def contrast(self, weight):
        influence = np.zeros(weight.size)
        for arm, sign in ((self.treated, 1.0), (~self.treated, -1.0)):
            mean = np.average(self.values[arm], weights=weight[arm])
            influence[arm] = sign * weight[arm] * (self.values[arm] - mean) / weight[arm].sum()
        return Contrast(self.value(np.arange(weight.size), weight), influence, np.nan, np.nan)


def run(design, statistic=None, values=None):
    n = design.weight.size
    mean = MeanDifference(n)
    sample = align_followup(followup_of(np.ones(n) if values is None else values), design)
    contrast = correct_contrast(mean.contrast(design.weight), design, sample.weight)
    return contrast, infer(contrast, design, sample, statistic or mean.value)


def test_a_large_sample_has_the_sandwich_clustered_on_the_child():
    contrast, found = run(build(300))

    assert found.interval.std_error == pytest.approx(clustered_variance(contrast.influence, np.arange(300), kind="HC1") ** 0.5)
    assert found.how == "t, 149 df; sandwich, clustered on child"
    assert found.notes == ()


def test_a_large_matched_sample_clusters_on_the_set():
    sets = np.arange(300) // 2

    contrast, found = run(build(300, set_id=sets))

    assert found.interval.std_error == pytest.approx(clustered_variance(contrast.influence, sets, kind="HC1") ** 0.5)
    assert found.how == "t, 149 df; sandwich, clustered on matched set"


def test_estimated_weights_are_corrected_for_and_named():
    rng = np.random.default_rng(1)
    estimation = WeightEstimation(rng.normal(size=(300, 1)), rng.normal(size=(300, 1)) / 300)

    corrected, found = run(build(300, estimation=estimation))

    plain = MeanDifference(300).contrast(np.ones(300))
    expected = plain.influence + estimation.influence[:, 0] * (plain.influence @ estimation.gradient[:, 0])
    np.testing.assert_allclose(corrected.influence, expected, rtol=1e-12)
    assert found.how == "t, 149 df; sandwich, clustered on child, corrected for estimated weights"


def test_a_small_matched_sample_leaves_out_one_set_at_a_time():
    sets = np.arange(60) // 2
    mean = MeanDifference(60)

    _, found = run(build(60, set_id=sets))

    # Pairs: the jackknife of a mean of differences is their variance over their number.
    differences = mean.values[::2] - mean.values[1::2]
    assert found.interval.std_error == pytest.approx((differences.var(ddof=1) / 30) ** 0.5, rel=1e-12)
    assert found.how == "t, 29 df; jackknife over matched sets"


def test_a_small_unmatched_sample_leaves_out_one_child_at_a_time():
    _, found = run(build(60))

    mean = MeanDifference(60)
    replicates = np.array([mean.value(np.delete(np.arange(60), i), np.ones(59)) for i in range(60)])
    assert found.interval.std_error == pytest.approx((59 * replicates.var()) ** 0.5, rel=1e-12)
    assert found.how == "t, 29 df; jackknife over children"


def test_a_small_weighted_sample_fits_the_weights_again_on_all_kept_units():
    asked = []

    def reweight(kept):
        asked.append(kept)
        return np.where(kept == 7, 0.0, 1.0 + kept / 100.0)

    weight = np.where(np.arange(40) == 7, 0.0, 1.0 + np.arange(40) / 100.0)
    design = build(40, weight=weight, reweight=reweight)
    mean = MeanDifference(40)

    _, found = run(design)

    # The unit of weight 0 has a say in the weights: it stays among the kept, and leaves in its turn.
    assert [sorted(set(range(40)) - set(kept.tolist())) for kept in asked] == [[i] for i in range(40)]
    replicates = np.array([mean.value(np.delete(np.arange(40), i), np.delete(weight, i)) for i in range(40)])
    assert found.interval.std_error == pytest.approx((39 * replicates.var()) ** 0.5, rel=1e-12)
    assert found.how.endswith("jackknife over children, weights fitted again")


def test_weights_fitted_again_are_not_given_to_units_without_follow_up():
    seen = []
    design = build(40, reweight=lambda kept: np.ones(kept.size))
    sample = align_followup(followup_of(np.ones(39)), design)

    def statistic(kept, weight):
        seen.append(dict(zip(kept.tolist(), weight.tolist(), strict=True)))
        return float(len(seen))

    infer(MeanDifference(40).contrast(np.ones(40)), design, sample, statistic)

    assert {replicate[39] for replicate in seen[:-1]} == {0.0}
    assert {weight for replicate in seen for unit, weight in replicate.items() if unit != 39} == {1.0}


def test_many_children_are_left_out_in_groups():
    n = 1_200
    weight = np.where((np.arange(n) % 2 == 1) | (np.arange(n) < 80), 1.0, 0.0)

    _, found = run(build(n, weight=weight))

    assert found.how == "t, 39 df; jackknife over groups of children"


@pytest.mark.parametrize("error", [EstimationError("no events"), DesignError("separated"), np.linalg.LinAlgError("singular")])
def test_a_jackknife_that_fails_leaves_the_sandwich_with_a_note(error):
    def statistic(kept, weight):
        raise error

    contrast, found = run(build(60), statistic)

    assert found.interval.std_error == pytest.approx(clustered_variance(contrast.influence, np.arange(60), kind="HC1") ** 0.5)
    assert found.how == "t, 29 df; sandwich, clustered on child"
    assert "jackknife could not be computed" in found.notes[0]


def test_the_border_between_the_two_lies_at_an_effective_hundred_in_the_smaller_arm():
    assert "sandwich" in run(build(200))[1].how
    assert "jackknife" in run(build(198))[1].how


def test_degrees_of_freedom_are_the_smaller_of_effective_comparison_and_treated_less_one():
    treated = np.array([True] * 5 + [False] * 4)

    assert degrees_of_freedom(np.ones(9), treated) == pytest.approx(3.0)
    assert degrees_of_freedom(np.r_[np.ones(5), 1.0, 1.0, 2.0, 0.0], treated) == pytest.approx(16 / 6 - 1)
    assert degrees_of_freedom(np.r_[1.0, 9.0, 0.0, 0.0, 0.0, np.ones(4)], treated) == pytest.approx(1.0)


def test_one_unit_in_an_arm_has_no_interval():
    with pytest.raises(EstimationError, match="there are 1 treated"):
        degrees_of_freedom(np.ones(4), np.array([True, False, False, False]))


def paired_with_replacement():
    """Return a small design in which five comparison units stand for twenty treated, and a statistic on it."""
    rng = np.random.default_rng(8)
    statistic = MeanDifference(40)
    lead = np.flatnonzero(statistic.treated)
    partner = rng.choice(np.flatnonzero(~statistic.treated)[:5], 20)
    design = build(40, weight=weights_from_pairs((lead, partner), statistic.treated))
    points = np.arange(40.0)[:, None]
    weighting = replace(design.weighting, pairs=(lead, partner), matched_on=points)
    return replace(design, weighting=weighting), statistic, points


def test_matching_with_replacement_has_the_variance_of_abadie_and_imbens_at_any_size():
    design, statistic, points = paired_with_replacement()

    _, found = run(design)

    lead, partner = design.weighting.pairs
    used, residual = np.unique(partner), np.zeros(40)
    residual[used] = neighbour_variance(statistic.values[used], points[used])
    wanted = matched_difference(statistic.values, lead, partner, residual=residual)
    assert found.how.endswith("df; Abadie-Imbens, for matching with replacement")
    assert found.interval.std_error == pytest.approx(wanted.std_error, rel=1e-12)
    assert statistic.value(np.arange(40), design.weight) == pytest.approx(wanted.value, rel=1e-12)


def test_strata_are_centred_and_cluster_on_the_child():
    statistic = MeanDifference(400)
    strata, target = np.arange(400) // 2 % 4, np.array(statistic.treated)
    design = build(400, set_id=strata)
    design = replace(design, weighting=replace(design.weighting, stratified=True))
    contrast = correct_contrast(statistic.contrast(design.weight), design, design.weight)

    _, found = run(design)

    raw = statistic.contrast(design.weight).influence
    assert contrast.influence == pytest.approx(centre_within_strata(raw, strata, statistic.treated, target), abs=1e-15)
    assert "sandwich, clustered on child, corrected for estimated weights" in found.how
    assert len(set(cluster_codes(design))) == 400


def test_an_outcome_that_does_not_vary_has_no_interval():
    design = build(300)
    sample = align_followup(followup_of(np.ones(300)), design)

    with pytest.raises(EstimationError, match="does not vary"):
        infer(Contrast(0.0, np.zeros(300), 1.0, 1.0), design, sample, lambda kept, weight: 0.0)


def test_follow_up_is_brought_into_the_order_of_the_design():
    design = build(4)
    followup = FollowUp(
        unit_id=np.array(["000000004", "000000002", "unknown", "000000001", "000000003"], dtype=object),
        time=np.array([4.0, 2.0, 9.0, 1.0, 3.0]),
        event=np.array([True, False, True, False, True]),
        horizon=5.0,
    )

    found = align_followup(followup, design)

    assert found.time.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found.event.tolist() == [False, False, True, True]
    assert found.notes == ()


def test_a_unit_without_follow_up_has_left_and_is_counted():
    found = align_followup(followup_of(np.ones(3)), build(4, weight=np.array([1.0, 2.0, 3.0, 4.0])))

    assert found.weight.tolist() == [1.0, 2.0, 3.0, 0.0]
    assert found.followed.tolist() == [True, True, True, False]
    assert found.notes == ("Units without follow-up were left out; the flow counts them.",)


def test_a_follow_up_that_names_a_unit_twice_is_refused():
    followup = followup_of(np.ones(3))

    with pytest.raises(DataError, match="1 of 3 follow-ups repeat"):
        align_followup(replace(followup, unit_id=np.array(["a", "b", "a"], dtype=object)), build(4))


def test_a_follow_up_of_other_units_is_refused():
    followup = followup_of(np.ones(3))

    with pytest.raises(EstimationError, match="No unit of the design"):
        align_followup(replace(followup, unit_id=np.array(["a", "b", "c"], dtype=object)), build(4))


def test_clusters_are_children_without_sets_and_sets_with_them():
    assert cluster_codes(build(4)).tolist() == [0, 1, 2, 3]
    assert cluster_codes(build(5, set_id=np.array([7, 7, 3, -1, -1]))).tolist() == [0, 0, 1, 2, 3]


def test_a_child_with_several_rows_is_one_cluster():
    design = build(4)
    units = design.cohort.units.assign(person_id=["b", "a", "b", "c"])

    assert cluster_codes(replace(design, cohort=replace(design.cohort, units=units))).tolist() == [0, 1, 0, 2]
