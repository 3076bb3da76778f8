"""Outputs as of the Justice Data Lab: values and intervals against weighted regression, and what is not shown."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from yoseval.errors import EstimationError
from yoseval.frames import check_frame
from yoseval.outcomes.jdl import FEW_EXPECTED, FEW_REOFFENDERS, NO_INTERVAL, jdl_outputs

RATE, FREQUENCY, DAYS = "jdl_rate", "jdl_frequency", "jdl_days_to_first"
TIERS = ("jdl_first_summary", "jdl_first_either_way", "jdl_first_indictable")
CUSTODY = "jdl_first_custody"
CODES = (RATE, FREQUENCY, DAYS, *TIERS, CUSTODY)


def observed_of(n, *, seed=0, rate=0.5, tiers=(0.4, 0.35, 0.25)):
    """Draw what was observed of n units."""
    rng = np.random.default_rng(seed)
    again = rng.random(n) < rate
    return pd.DataFrame(
        {
            "moment": np.arange(n),
            "is_mature": True,
            "reoffence_days": np.where(again, rng.integers(1, 366, n), np.nan),
            "n_reoffences": np.where(again, 1 + rng.poisson(1.0, n), 0),
            "first_tier": np.where(again, rng.choice(["summary", "either_way", "indictable"], n, p=tiers), ""),
            "first_custodial": again & (rng.random(n) < 0.4),
        }
    )


@pytest.fixture(scope="module")
def service():
    rng = np.random.default_rng(9)
    treated = np.repeat([True, False], [150, 450])
    weight = np.where(treated, 1.0, rng.uniform(0.1, 2.0, 600))
    return observed_of(600), treated, weight, rng.integers(0, 400, 600)


def rows(observed, treated, weight, **options):
    frame = jdl_outputs(observed, treated, weight, **options)
    assert check_frame(frame, "jdl") is frame
    assert tuple(frame["measure"]) == CODES
    return frame.set_index("measure")


def by_regression(value, treated, weight, clusters):
    fit = sm.WLS(value, sm.add_constant(treated.astype(float)), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True}, use_t=False
    )
    return fit.params[0] + fit.params[1], fit.params[0], fit.params[1], fit.bse[1]


def test_values_and_intervals_are_those_of_weighted_regression_clustered_on_the_person(service):
    observed, treated, weight, person = service
    again = observed["reoffence_days"].notna().to_numpy()
    value = {
        RATE: again.astype(float),
        FREQUENCY: observed["n_reoffences"].to_numpy(float),
        DAYS: observed["reoffence_days"].to_numpy(float),
        CUSTODY: observed["first_custodial"].to_numpy(float),
        **{f"jdl_first_{t}": (observed["first_tier"] == t).to_numpy(float) for t in ("summary", "either_way", "indictable")},
    }

    frame = rows(observed, treated, weight, person=person)

    assert frame["shown"].all()
    for code, y in value.items():
        on = np.ones(600, dtype=bool) if code in (RATE, FREQUENCY) else again
        first, second, difference, error = by_regression(y[on], treated[on], weight[on], person[on])
        w = weight[on & ~treated]
        reach = stats.t.ppf(0.975, min(w.sum() ** 2 / (w**2).sum(), (on & treated).sum()) - 1) * error
        found = frame.loc[code, ["treated_value", "comparison_value", "difference", "conf_low", "conf_high"]].astype(float)
        np.testing.assert_allclose(found, [first, second, difference, difference - reach, difference + reach], rtol=1e-9)


def test_counts_are_of_the_units_a_row_compares(service):
    observed, treated, weight, _ = service
    again = observed["reoffence_days"].notna()

    frame = rows(observed, treated, weight)

    assert frame.loc[RATE, ["n_treated", "n_comparison"]].tolist() == [150, 450]
    assert frame.loc[RATE, "events_treated"] == (again & treated).sum()
    assert frame.loc[FREQUENCY, "events_comparison"] == (again & ~treated).sum()
    assert frame.loc[[DAYS, *TIERS, CUSTODY], "n_treated"].tolist() == [(again & treated).sum()] * 5
    assert frame.loc[list(TIERS), "events_treated"].sum() == (again & treated).sum()


def test_measures_among_reoffenders_say_so_and_are_flagged(service):
    frame = rows(*service[:3])

    assert frame["conditioned"].tolist() == [False, False, True, True, True, True, True]
    said = frame["label"].str.contains("among those who reoffended (compares selected groups)", regex=False)
    assert (said == frame["conditioned"]).all()


def test_the_mean_days_are_shown_from_thirty_treated_reoffenders():
    treated = np.repeat([True, False], [60, 200])
    observed = observed_of(260)
    observed["reoffence_days"] = np.where(np.r_[np.arange(60) < 30, np.arange(200) % 2 == 0], 50.0 + np.arange(260), np.nan)
    fewer = observed.assign(reoffence_days=observed["reoffence_days"].where(np.arange(260) > 0))

    assert rows(observed, treated, np.ones(260)).loc[DAYS, "shown"]
    row = rows(fewer, treated, np.ones(260)).loc[DAYS]
    assert not row["shown"]
    assert row["reason"] == FEW_REOFFENDERS
    assert row[["treated_value", "comparison_value", "difference", "conf_low", "conf_high"]].isna().all()
    assert row["n_treated"] == 29


@pytest.mark.parametrize(("arm", "of"), [("treated", 0), ("comparison", 100)])
def test_a_share_among_reoffenders_is_shown_from_ten_in_both_arms(arm, of):
    treated = np.repeat([True, False], [100, 200])
    tier = np.full(300, "summary", dtype=object)
    tier[[*range(10), *range(100, 110)]] = "indictable"
    observed = observed_of(300, rate=1.0).assign(first_tier=tier)
    fewer = observed.assign(first_tier=np.where(np.arange(300) == of, "summary", tier))

    assert rows(observed, treated, np.ones(300)).loc["jdl_first_indictable", "shown"]
    row = rows(fewer, treated, np.ones(300)).loc["jdl_first_indictable"]
    assert (row["shown"], row["reason"], row[f"events_{arm}"]) == (False, FEW_EXPECTED, 9)


def test_the_least_number_is_of_reoffenders_times_the_weighted_share():
    treated = np.repeat([True, False], [100, 200])
    tier = np.full(300, "summary", dtype=object)
    tier[[*range(20), *range(100, 120)]] = "indictable"
    # Twenty of 200, but of half the weight of the others: 200 x 0.0526 is 10.5; of a quarter, 5.4.
    half, quarter = (np.where((~treated) & (tier == "indictable"), w, 1.0) for w in (0.5, 0.25))
    observed = observed_of(300, rate=1.0).assign(first_tier=tier)

    assert rows(observed, treated, half).loc["jdl_first_indictable", "shown"]
    assert not rows(observed, treated, quarter).loc["jdl_first_indictable", "shown"]


def test_a_tier_that_is_not_recorded_is_no_tier(service):
    observed, treated, weight, _ = service
    again = np.flatnonzero(observed["reoffence_days"].notna() & treated)[:3]
    tier = observed["first_tier"].copy()
    tier.iloc[again] = ""

    frame = rows(observed.assign(first_tier=tier), treated, weight)

    assert frame.loc[TIERS[0], "n_treated"] == frame.loc[DAYS, "n_treated"] - 3
    assert frame.loc[list(TIERS), "treated_value"].sum() == pytest.approx(1.0)


def test_custody_that_is_not_recorded_is_left_out(service):
    observed, treated, weight, _ = service
    custody = observed["first_custodial"].astype(object)
    custody.iloc[np.flatnonzero(observed["reoffence_days"].notna())[:4]] = None

    frame = rows(observed.assign(first_custodial=custody), treated, weight)

    assert frame.loc[CUSTODY, "n_treated"] == frame.loc[DAYS, "n_treated"] - 4


def test_units_of_no_weight_or_not_mature_are_left_out(service):
    observed, treated, weight, _ = service
    out = np.zeros(600, dtype=bool)
    out[[1, 2, 300]] = True

    by_weight = rows(observed, treated, np.where(out, 0.0, weight))
    by_maturity = rows(observed.assign(is_mature=~out), treated, weight)
    absent = rows(observed[~out], treated[~out], weight[~out])

    pd.testing.assert_frame_equal(by_weight, absent)
    pd.testing.assert_frame_equal(by_maturity, absent)


def test_the_scale_of_weights_does_not_matter(service):
    observed, treated, weight, _ = service

    pd.testing.assert_frame_equal(rows(observed, treated, weight * 7), rows(observed, treated, weight), rtol=1e-10)


def test_where_nothing_varies_there_is_no_value_and_the_reason_says_so():
    treated = np.repeat([True, False], [40, 60])

    frame = rows(observed_of(100, rate=0.0), treated, np.ones(100))

    assert frame.loc[[RATE, FREQUENCY], "reason"].tolist() == [NO_INTERVAL] * 2
    assert not frame["shown"].any()


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(1)
    treated = np.repeat([True, False], [100, 300])
    hits = np.zeros(3)
    for i in range(400):
        observed = observed_of(400, seed=10_000 + i)
        frame = rows(observed, treated, rng.uniform(0.5, 1.5, 400))
        hits += ((frame["conf_low"] <= 0) & (frame["conf_high"] >= 0))[[RATE, FREQUENCY, DAYS]].to_numpy(float)

    # Both arms are alike. The Monte Carlo error of a coverage of 0.95 is 0.011.
    assert (hits / 400 > 0.915).all()
    assert (hits / 400 < 0.985).all()


def test_an_arm_without_a_mature_unit_is_refused(service):
    observed, treated, weight, _ = service

    with pytest.raises(EstimationError, match="No treated unit is mature"):
        jdl_outputs(observed.assign(is_mature=~treated), treated, weight)
