"""The ledger: a status and one reason for everybody."""

import dataclasses

import numpy as np
import pytest

from yoseval.design.ledger import kept_and_dropped, ledger_frame
from yoseval.design.methods import build_design
from yoseval.frames import check_frame


def test_every_unit_is_in_the_ledger_once_with_its_reason(cohort):
    design = build_design(cohort, caliper=0.02)

    ledger = ledger_frame(design)

    assert check_frame(ledger, "ledger_units") is ledger
    assert ledger["unit_id"].tolist() == cohort.units["unit_id"].tolist()
    assert ((ledger["status"] == "kept").to_numpy() == (design.weight > 0)).all()
    assert set(ledger.loc[ledger["status"] == "dropped", "reason"]) == {r for r, _ in design.weighting.left}


def test_the_first_reason_counts_and_trimming_is_told_apart(cohort):
    design = build_design(cohort, "overlap")
    gone, also = np.arange(len(design.weight)) < 3, np.arange(len(design.weight)) < 5
    left = (("trimmed: score below 0.05", gone), ("no comparison unit left", also))
    weighting = dataclasses.replace(design.weighting, weight=np.where(np.arange(len(gone)) < 6, 0.0, 1.0), left=left)

    ledger = ledger_frame(dataclasses.replace(design, weighting=weighting))

    assert ledger["status"].head(7).tolist() == ["trimmed"] * 3 + ["dropped"] * 3 + ["kept"]
    assert ledger["reason"].iloc[[0, 3, 5, 6]].tolist() == [left[0][0], left[1][0], "no weight", ""]


def test_means_of_kept_and_dropped_are_those_of_the_units(cohort):
    design = build_design(cohort, caliper=0.02)

    frame = kept_and_dropped(design)

    assert check_frame(frame, "kept_and_dropped") is frame
    row = frame.query("arm == 'treated' and term == 'age'").iloc[0]
    age, kept = cohort.units["age"].to_numpy()[cohort.treated], design.weight[cohort.treated] > 0
    assert (row["n_kept"], row["n_dropped"]) == (kept.sum(), (~kept).sum())
    assert (row["mean_kept"], row["mean_dropped"]) == pytest.approx((age[kept].mean(), age[~kept].mean()))
    assert row["std_mean_diff"] == pytest.approx((age[kept].mean() - age[~kept].mean()) / age.std(ddof=1))


def test_where_nobody_was_dropped_there_is_no_mean_of_them(cohort):
    frame = kept_and_dropped(build_design(cohort, "overlap"))

    assert (frame["n_dropped"] == 0).all()
    assert frame["mean_dropped"].isna().all()
