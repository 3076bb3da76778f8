"""From options to arrays: ratios, turns, calipers and cells."""

import numpy as np
import pytest

from yoseval.design.nearest_request import exact_cells, read_calipers, turns_of, wanted_ratios
from yoseval.design.propensity import fit_propensity


@pytest.fixture
def propensity(cohort):
    return fit_propensity(cohort.matrix(), cohort.treated)


def test_a_fixed_ratio_is_the_same_for_all_treated():
    assert wanted_ratios(np.zeros(3), np.array([True, False, True]), 2, None, None).tolist() == [2, 0, 2]


@pytest.mark.parametrize(("ratio", "least", "most"), [(2, 1, 5), (2.5, 2, 4), (1.3, 1, 2), (3, 1, 4)])
def test_a_ratio_that_varies_keeps_its_mean_and_bounds(ratio, least, most):
    rng = np.random.default_rng(1)
    treated = np.arange(60) < 23
    linear = rng.normal(size=60) + treated

    wanted = wanted_ratios(linear, treated, ratio, least, most)

    assert wanted[treated].sum() == round(ratio * 23)
    assert wanted[treated].min() >= least
    assert wanted[treated].max() <= most
    # Whoever has a lower score never gets fewer.
    assert (np.diff(wanted[treated][np.argsort(linear[treated])]) <= 0).all()
    # At most one lies strictly between.
    assert ((wanted[treated] > least) & (wanted[treated] < most)).sum() <= 1


def test_turns_follow_the_score_the_rows_or_a_seed():
    score, treated = np.array([0.2, 0.5, 0.2, 0.9]), np.array([True, True, True, False])

    assert turns_of(score, treated, "largest", None).tolist() == [1, 0, 2]
    assert turns_of(score, treated, "smallest", None).tolist() == [0, 2, 1]
    assert turns_of(score, treated, "data", None).tolist() == [0, 1, 2]
    assert turns_of(score, treated, "closest", None) is None
    shuffled = [turns_of(score, treated, "random", 1).tolist() for _ in range(2)]
    assert shuffled[0] == shuffled[1]
    assert sorted(shuffled[0]) == [0, 1, 2]


def test_a_number_is_a_caliper_on_the_score(cohort, propensity):
    found = read_calipers(cohort, propensity, 0.2, "score", standardised=True)

    assert found.score == pytest.approx(0.2 * propensity.score.std(ddof=1), rel=1e-6)
    assert not found.any_covariate
    assert read_calipers(cohort, propensity, 0.2, "score", standardised=False).score == 0.2


def test_a_mapping_gives_calipers_by_column_in_their_sds(cohort, propensity):
    found = read_calipers(cohort, propensity, {"prior": 0.5, "age": -1, "propensity score": 0.1}, "logit", standardised=True)

    spread = cohort.units[["age", "prior"]].std(ddof=1)
    assert found.widths == pytest.approx([-spread["age"], 0.5 * spread["prior"]])
    assert found.score == pytest.approx(0.1 * propensity.linear.std(ddof=1))
    assert "'age' differs by at least 1 SD" in found.notes[1]
    assert "'prior' differs by at most 0.5 SD" in found.notes[2]


def test_a_mapping_without_the_score_has_no_caliper_on_it(cohort, propensity):
    found = read_calipers(cohort, propensity, {"age": 1}, "logit", standardised=True)

    assert found.score is None
    assert found.notes[0].startswith("No caliper on the propensity score")


def test_what_was_not_recorded_pairs_with_the_like_only(frame, make_cohort):
    frame.loc[frame.index[::6], "prior"] = np.nan
    cohort = make_cohort(frame)
    calipers = read_calipers(cohort, fit_propensity(cohort.matrix(), cohort.treated), {"prior": 1}, "logit", standardised=True)

    cells = exact_cells(cohort, (), calipers.missing)

    missing = cohort.units["prior"].isna().to_numpy()
    assert set(cells[missing]).isdisjoint(cells[~missing])
