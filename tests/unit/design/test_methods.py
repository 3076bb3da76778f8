"""The menu: options, estimands, notes, the flow of units and the lock."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from yoseval.design.methods import METHODS, build_design, design_digest
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DesignError, UsageError
from yoseval.frames import check_frame


def test_the_default_is_nearest_within_a_caliper_on_the_logit(cohort):
    design = build_design(cohort)

    assert design.method == "nearest"
    assert dict(design.options) == {
        "ratio": 1,
        "min_controls": None,
        "max_controls": None,
        "replace": False,
        "reuse_max": None,
        "distance": "logit",
        "mahvars": (),
        "caliper": 0.2,
        "caliper_scale": "logit",
        "std_caliper": True,
        "exact": (),
        "antiexact": (),
        "m_order": "largest",
        "seed": None,
    }
    assert "0.2 SD of the logit of the propensity score" in design.notes[0]


def test_the_caliper_is_in_standard_deviations_over_all_units(cohort):
    design = build_design(cohort, caliper=0.1)

    logit = np.log(design.weighting.score / (1 - design.weighting.score))
    pairs = pd.DataFrame({"set": design.weighting.set_id, "logit": logit}).query("set >= 0").groupby("set")["logit"]
    # Scores are rounded to 8 decimals before they are compared.
    assert (pairs.max() - pairs.min()).max() <= 0.1 * logit.std(ddof=1) + 2e-8


def test_a_caliper_on_the_score_may_go_with_matching_on_the_logit(cohort):
    design = build_design(cohort, caliper=0.05, caliper_scale="score")

    pairs = pd.DataFrame({"set": design.weighting.set_id, "score": design.weighting.score}).query("set >= 0").groupby("set")
    widest = (pairs["score"].max() - pairs["score"].min()).max()
    assert widest <= 0.05 * design.weighting.score.std(ddof=1) + 2e-8
    assert "SD of the propensity score," in design.notes[0]


def test_matching_on_the_score_is_not_matching_on_the_logit(cohort):
    sets = [build_design(cohort, distance=distance, caliper=None).weighting.set_id for distance in ("logit", "score")]

    assert (sets[0] != sets[1]).any()


def test_without_a_caliper_the_notes_say_so(cohort):
    assert "No caliper" in build_design(cohort, caliper=None).notes[0]


@pytest.mark.parametrize("exact", ["sex", ("sex", "area")])
def test_no_set_mixes_the_values_of_an_exact_column(cohort, exact):
    design = build_design(cohort, exact=exact)

    columns = [exact] if isinstance(exact, str) else list(exact)
    used = cohort.units.assign(set=design.weighting.set_id).query("set >= 0")
    assert used.groupby("set")[columns].nunique().to_numpy().max() == 1


def test_missing_is_a_value_of_its_own_for_exact_matching(frame, make_cohort):
    frame.loc[frame.index[::5], "sex"] = None
    cohort = make_cohort(frame, covariates=["age", "prior"], exact=["sex"])

    design = build_design(cohort, exact=("sex",), caliper=None)

    used = cohort.units.assign(set=design.weighting.set_id, sex=cohort.units["sex"].fillna("?")).query("set >= 0")
    assert used.groupby("set")["sex"].nunique().max() == 1
    assert (used["sex"] == "?").any()


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("closest", {}, "There is no method 'closest'"),
        ("nearest", {"calliper": 0.1}, "'nearest' has no option 'calliper'"),
        ("overlap", {"caliper": 0.1}, "'overlap' has no option 'caliper'"),
        ("nearest", {"ratio": 0}, "'ratio' is 0"),
        ("nearest", {"ratio": 1.5}, "'ratio' is 1.5"),
        ("nearest", {"caliper": -0.1}, "'caliper' is -0.1"),
        ("nearest", {"caliper": "wide"}, "'caliper' is 'wide'"),
        ("nearest", {"distance": "probit"}, "'distance' is 'probit'"),
        ("nearest", {"caliper_scale": "sd"}, "'caliper_scale' is 'sd'"),
        ("nearest", {"exact": ("colour",)}, "match exactly on: colour"),
        ("entropy", {"estimand": "ATE"}, "cannot be asked for the estimand 'ATE'"),
        ("nearest", {"estimand": "ATO"}, "cannot be asked for the estimand 'ATO'"),
    ],
)
def test_what_there_is_not_is_a_usage_error(cohort, method, options, message):
    with pytest.raises(UsageError, match=message):
        build_design(cohort, method, **options)


def test_an_estimand_that_cannot_be_given_names_the_methods_that_can(cohort):
    with pytest.raises(UsageError, match="Methods that can: overlap"):
        build_design(cohort, "entropy", estimand="ATO")


def test_overlap_asked_for_the_treated_says_whom_it_is_about(cohort):
    design = build_design(cohort, "overlap", estimand="ATT")

    assert design.estimand == "ATO"
    assert "not about all of the treated" in design.notes[0]


def test_a_randomised_programme_is_not_matched(frame, make_cohort):
    with pytest.raises(DesignError, match="was allocated at random"):
        build_design(make_cohort(frame, randomised=True), "nearest")


def test_a_programme_that_was_not_randomised_is_not_taken_for_it(cohort):
    with pytest.raises(DesignError, match="was not allocated at random"):
        build_design(cohort, "randomised")


def test_a_randomised_design_is_about_everybody_and_leaves_nobody_out(frame, make_cohort):
    design = build_design(make_cohort(frame, randomised=True), "randomised")

    assert design.estimand == "ATE"
    assert (design.weight > 0).all()
    assert design.attrition["step"].max() == 1


def test_few_lost_treated_keep_the_estimand(cohort):
    design = build_design(cohort, caliper=0.5)

    lost = 1 - (design.weight[design.treated] > 0).mean()
    assert lost <= 0.10
    assert design.estimand == "ATT"


def test_many_lost_treated_rename_the_estimand_without_giving_their_number_away(cohort):
    design = build_design(cohort, caliper=0.001)

    lost = 1 - (design.weight[design.treated] > 0).mean()
    assert lost > 0.10
    assert design.estimand == "ATM"
    assert design.notes[-1].startswith("More than a tenth of the treated had no acceptable comparison")


@pytest.mark.parametrize("options", [{}, {"caliper": 0.001}, {"exact": ("sex", "area")}, {"caliper": None, "exact": "sex"}])
def test_the_flow_accounts_for_every_unit_that_left(cohort, options):
    design = build_design(cohort, **options)

    check_frame(design.attrition, "attrition")
    last = design.attrition.groupby("arm")["n_left"].last()
    assert last["treated"] == (design.treated & (design.weight > 0)).sum()
    assert last["comparison"] == (~design.treated & (design.weight > 0)).sum()


@pytest.mark.parametrize("options", [{}, {"exact": ("sex", "area")}, {"caliper": None}])
def test_every_unit_that_left_has_one_reason(cohort, options):
    design = build_design(cohort, **options)

    given = np.sum([who for _, who in design.weighting.left], axis=0)
    assert (given == (design.weight == 0)).all()


def test_reasons_are_in_words(frame, make_cohort):
    frame["unit"] = np.where((frame["started"] == 1) & (frame["age"] == 17), "secure", "open")
    cohort = make_cohort(frame, covariates=["age", "prior"], exact=["unit"])

    reasons = dict(build_design(cohort, exact=("unit",)).weighting.left)

    secure = (cohort.units["unit"] == "secure").to_numpy()
    assert set(reasons) <= {
        "no comparison unit left in the same exact cell",
        "no comparison unit within the caliper",
        "not needed: not the closest to anybody",
    }
    assert reasons["no comparison unit left in the same exact cell"][secure].all()


def test_treated_left_over_when_comparison_units_run_out_say_so(frame, make_cohort):
    swapped = frame.assign(started=1 - frame["started"])

    reasons = dict(build_design(make_cohort(swapped), caliper=None).weighting.left)

    assert list(reasons) == ["no comparison unit left"]


def test_not_one_pair_is_an_error(frame, make_cohort):
    frame["place"] = np.where(frame["started"] == 1, "in", "out")

    with pytest.raises(DesignError, match="Not one treated unit"):
        build_design(make_cohort(frame, covariates=["age"], exact=["place"]), exact=("place",))


def test_terms_left_out_of_the_score_are_noted(frame, make_cohort):
    design = build_design(make_cohort(frame.assign(one=1.0), covariates=["age", "one"]))

    assert "Left out of the propensity score" in design.notes[-1]


@pytest.mark.parametrize("method", ["nearest", "overlap", "entropy"])
def test_weights_are_not_negative_and_finite(cohort, method):
    weight = build_design(cohort, method).weight

    assert np.isfinite(weight).all()
    assert (weight >= 0).all()


def test_every_method_says_what_it_needs_and_cites_its_source():
    assert all(m.needs and m.cite and m.accepts for m in METHODS.values())


def test_the_digest_of_a_shuffled_file_is_the_same(frame, make_cohort):
    for method in ("nearest", "overlap", "entropy"):
        shuffled = frame.sample(frac=1, random_state=3)

        digests = {design_digest(build_design(make_cohort(f), method)) for f in (frame, shuffled)}

        assert len(digests) == 1


def test_the_digest_does_not_depend_on_how_sets_are_numbered(cohort):
    design = build_design(cohort)
    sets = design.weighting.set_id
    other = dataclasses.replace(design.weighting, set_id=np.where(sets < 0, -1, sets.max() - sets))

    assert design_digest(dataclasses.replace(design, weighting=other)) == design_digest(design)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: dataclasses.replace(d, method="overlap"),
        lambda d: dataclasses.replace(d, options={**d.options, "caliper": 0.3}),
        lambda d: dataclasses.replace(d, estimand="ATE"),
        lambda d: dataclasses.replace(d, cohort=dataclasses.replace(d.cohort, covariates=("age",))),
        lambda d: dataclasses.replace(d, weighting=dataclasses.replace(d.weighting, weight=d.weight + 1e-9)),
        lambda d: dataclasses.replace(d, weighting=dataclasses.replace(d.weighting, score=d.weighting.score + 1e-9)),
        lambda d: dataclasses.replace(d, weighting=dataclasses.replace(d.weighting, set_id=np.full(len(d.weight), -1))),
        lambda d: dataclasses.replace(
            d, cohort=dataclasses.replace(d.cohort, units=d.cohort.units.assign(unit_id=d.cohort.units["unit_id"] + "x"))
        ),
    ],
)
def test_any_change_of_a_design_changes_its_digest(cohort, change):
    design = build_design(cohort)

    assert design_digest(change(design)) != design_digest(design)


def test_another_instrument_and_other_values_of_it_change_the_digest(cohort):
    n = len(cohort.units)
    numbered = dataclasses.replace(cohort, units=cohort.units.assign(open=np.arange(n) % 2, late=np.arange(n) % 2))
    other = dataclasses.replace(numbered, units=numbered.units.assign(open=np.arange(n) % 3), instrument="open")
    by = [dataclasses.replace(numbered, instrument=name) for name in ("", "open", "late")]

    assert len({design_digest(unadjusted_design(c)) for c in (*by, other)}) == 4
