"""The log-rank test against lifelines and statsmodels as second opinions; against R: test_stored_survival.py.

Data: rossi (MIT, lifelines). Tolerance 1e-9 relative: closed forms without weights. Gray's test: test_stored_models.py.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.statistics import logrank_test
from statsmodels.duration.survfunc import survdiff

from yoseval.models.log_rank import log_rank

HERE = Path(__file__).parent


def rossi():
    rows = pd.read_csv(HERE / "data" / "rossi.csv")
    return rows["week"].to_numpy(float), rows["arrest"].to_numpy() == 1, rows["fin"].to_numpy(), np.ones(len(rows))


def test_lifelines_and_statsmodels_agree():
    time, event, group, ones = rossi()
    strata = pd.read_csv(HERE / "data" / "rossi.csv")["prio"].clip(upper=3).to_numpy()

    theirs = logrank_test(time[group == 1], time[group == 0], event[group == 1], event[group == 0])
    assert log_rank(time, event, group, ones).chi2 == pytest.approx(theirs.test_statistic, rel=1e-9)
    stratified, _ = survdiff(time, event.astype(int), group, strata=strata)
    assert log_rank(time, event, group, ones, strata=strata).chi2 == pytest.approx(stratified, rel=1e-9)
    # The mean effect of clusters of one is that of no clusters.
    robust = log_rank(time, event, group, ones, clusters=np.arange(time.size))
    assert robust.chi2 == pytest.approx(theirs.test_statistic, rel=0.02)


def test_statsmodels_agrees_with_late_entries():
    time, event, group, ones = rossi()
    entry = np.floor(time * np.random.default_rng(1).random(time.size) / 2.0)

    theirs, _ = survdiff(time, event.astype(int), group, entry=entry)

    assert log_rank(time, event, group, ones, entry=entry).chi2 == pytest.approx(theirs, rel=1e-9)
