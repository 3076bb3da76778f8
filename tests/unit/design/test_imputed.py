"""A design within every imputation, and balance across them."""

import numpy as np
import pytest

from yoseval.design.imputed import build_imputed_designs
from yoseval.errors import UsageError
from yoseval.frames import check_frame


@pytest.fixture
def lacking(frame, make_cohort):
    frame.loc[np.random.default_rng(4).random(300) < 0.25, "prior"] = np.nan
    return make_cohort(frame)


def test_there_is_a_balanced_design_an_imputation(lacking):
    imputed = build_imputed_designs(lacking, "entropy", imputations=3)

    assert len(imputed.designs) == 3
    assert imputed.balanced
    assert "balanced: 3 of 3" in str(imputed)
    assert not np.array_equal(imputed.designs[0].weight, imputed.designs[1].weight)


def test_no_indicator_of_missingness_is_left(lacking):
    imputed = build_imputed_designs(lacking, "overlap", imputations=2)

    assert not any("not recorded" in t for t in imputed.to_frame()["term"])


def test_the_frame_holds_means_and_the_worst_over_imputations(lacking):
    imputed = build_imputed_designs(lacking, "ipw", imputations=3, estimand="ATE", stabilize=True)

    frame = check_frame(imputed.to_frame(), "imputed_balance")
    row = frame.query("sample == 'after' and term == 'prior'")
    each = [b.statistics.query("sample == 'after' and term == 'prior'")["std_mean_diff"].item() for b in imputed.balances]
    assert row["std_mean_diff"].item() == pytest.approx(np.mean(each))
    assert row["max_smd"].item() == pytest.approx(np.abs(each).max())
    assert (frame["imputations"] == 3).all()
    assert imputed.max_smd == max(b.max_smd for b in imputed.balances)


def test_an_option_the_method_has_not_is_an_error(lacking):
    with pytest.raises(UsageError, match="no option 'ratio'"):
        build_imputed_designs(lacking, "entropy", imputations=2, ratio=2)
