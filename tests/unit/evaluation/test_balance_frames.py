"""What a run shows of balance beyond the means is bounded, blind and what the designs give."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.build import Cohort
from yoseval.cohort.prepared import read_prepared
from yoseval.cohort.protocol import read_study
from yoseval.design.balance_details import interaction_balance
from yoseval.design.methods import build_design
from yoseval.errors import StudyError
from yoseval.evaluation.balance_frames import MOST_PRODUCTS, balance_frames, require_few_values
from yoseval.evaluation.trial import design_programme
from yoseval.frames import check_frame
from yoseval.reporting.run_folder import open_run


def cohort_of(n, k=4, seed=3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{j}": rng.normal(size=n) for j in range(k)}).assign(area=rng.choice(list("abc"), n))
    started = rng.random(n) < 1 / (1 + np.exp(1 - frame["x0"]))
    return Cohort.from_frame(frame.assign(started=started), treated="started", covariates=[*frame.columns])


@pytest.fixture(scope="module")
def many():
    return build_design(cohort_of(400, k=14), "ipw", estimand="ATE")


def test_the_worst_products_are_kept_before_and_after_in_the_order_of_their_difference(many):
    kept, whole = balance_frames(many)["interactions"], interaction_balance(many)

    assert len(whole) > 2 * MOST_PRODUCTS
    assert len(kept) == 2 * MOST_PRODUCTS
    after = kept.loc[kept["sample"] == "after", "std_mean_diff"].abs()
    assert (after.diff().dropna() <= 0).all()
    assert after.min() >= whole.loc[whole["sample"] == "after", "std_mean_diff"].abs().nlargest(MOST_PRODUCTS).min()
    assert set(kept["term"]) == set(kept.loc[kept["sample"] == "before", "term"])


def test_every_frame_is_one_of_the_vocabulary(many):
    for name, frame in balance_frames(many, ["area"]).items():
        check_frame(frame, name)


def test_subgroups_are_there_where_they_are_declared(many):
    assert "subgroup_balance" not in balance_frames(many)
    assert set(balance_frames(many, ["area"])["subgroup_balance"]["subgroup"]) == {"area: a", "area: b", "area: c"}


def test_without_covariates_there_is_nothing_to_show(cohort_without_covariates):
    assert balance_frames(cohort_without_covariates) == {}


@pytest.fixture
def cohort_without_covariates():
    frame = pd.DataFrame({"started": np.arange(80) < 40})
    return build_design(Cohort.from_frame(frame, treated="started", covariates=[], randomised=True), "randomised")


def test_a_column_of_too_many_values_is_refused():
    with pytest.raises(StudyError, match="has 100 values, and a column of groups has at most 20"):
        require_few_values(cohort_of(100), ["area", "x0"])


@pytest.fixture(scope="module")
def declared(service_folder, tmp_path_factory, write_study):
    text = (service_folder / "study.toml").read_text(encoding="utf-8")
    people = (service_folder / "people.csv").read_text(encoding="utf-8")

    def study(subgroups):
        changed = text.replace("[design]\n", f"[design]\nsubgroups = {subgroups}\n")
        return read_study(write_study(tmp_path_factory.mktemp("declared") / "study", people, changed))

    return study


def test_declared_subgroups_reach_the_trial_and_its_lock(declared, service_portfolio):
    study = declared('["sex"]')

    trial = design_programme(read_prepared(study), study.protocol("art"))

    assert set(trial.details["subgroup_balance"]["subgroup"]) == {"sex: female", "sex: male"}
    before = next(t for t in service_portfolio.trials if t.protocol.programme == "art")
    assert trial.digest != before.digest
    np.testing.assert_array_equal(trial.design.weight, before.design.weight)


def test_a_subgroup_of_many_values_stops_the_study_with_a_remedy(declared):
    study = declared('["school_hours"]')

    with pytest.raises(StudyError, match="put its values into groups"):
        design_programme(read_prepared(study), study.protocol("art"))


@pytest.mark.parametrize("name", ["interactions", "distribution_balance", "distributions"])
def test_the_frames_reach_the_run_folder(service_run, name):
    frame = open_run(service_run).frame(name)

    assert {"art", "mentoring"} <= set(frame["programme"])
    assert (service_run / f"{name}.csv").is_file()


def test_a_run_written_before_there_were_such_frames_is_read_as_if_they_were_empty(service_run):
    assert open_run(service_run).frame("subgroup_balance").empty
