"""Mean cumulative counts against R's survfit on recurrent tumours.

Script: r/06_recurrent_events.R (R 4.2.2, survival 3.5-3); data: bladder2 (LGPL, survival). R's robust error of the cumulative
hazard is the infinitesimal jackknife: the plain sum of squares of the influence of each patient. Tolerance 1e-9 relative.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.outcomes.counts import Counts, mean_count_difference
from yoseval.outcomes.types import Recurrences

HERE = Path(__file__).parent
STORED = pd.DataFrame(
    json.loads((HERE / "results" / "recurrent_events.json").read_text())["bladder2"]["mean_cumulative_function"]
)


@pytest.fixture(scope="module")
def patients():
    rows = pd.read_csv(HERE / "data" / "bladder2.csv")
    ids, unit = np.unique(rows["id"], return_inverse=True)
    followed = rows.groupby("id")["stop"].max().loc[ids].to_numpy(float)
    treated = rows.groupby("id")["rx"].first().loc[ids].to_numpy() == 2
    seen = rows["event"].to_numpy() == 1
    recurrences = Recurrences(unit[seen], rows["stop"].to_numpy(float)[seen])
    return Counts(np.bincount(unit[seen], minlength=ids.size).astype(float), followed, recurrences), treated


@pytest.mark.parametrize("time", sorted(set(STORED["time"])))
def test_mean_counts_and_their_errors_are_those_of_r(patients, time):
    counts, treated = patients
    placebo, drug = (STORED[(STORED["group"] == f"rx={g}") & (STORED["time"] == time)].iloc[0] for g in (1, 2))

    found = mean_count_difference(counts, treated, np.ones(treated.size), float(time))

    assert (found.treated_value, found.comparison_value) == pytest.approx(
        (drug["mean_events"], placebo["mean_events"]), rel=1e-9
    )
    errors = [np.sqrt((found.influence[arm] ** 2).sum()) for arm in (treated, ~treated)]
    assert errors == pytest.approx([drug["se"], placebo["se"]], rel=1e-9)


def test_the_difference_at_twenty_months_is_that_of_the_published_example(patients):
    counts, treated = patients

    found = mean_count_difference(counts, treated, np.ones(treated.size), 20.0)

    # summary(survfit(Surv(start, stop, event) ~ rx, bladder2, id = id), times = 20), six decimals.
    assert found.comparison_value == pytest.approx(1.182885, abs=5e-7)
    assert found.treated_value == pytest.approx(0.651375, abs=5e-7)
    assert np.sqrt((found.influence[~treated] ** 2).sum()) == pytest.approx(0.194210, abs=5e-7)
    assert np.sqrt((found.influence[treated] ** 2).sum()) == pytest.approx(0.173125, abs=5e-7)


def test_whole_weights_are_copies_of_patients(patients):
    counts, treated = patients
    weight = 1.0 + np.arange(treated.size) % 3
    copies = np.repeat(np.arange(treated.size), weight.astype(int))
    first = np.concatenate(([0], np.cumsum(weight.astype(int))))
    events = zip(counts.recurrences.unit, counts.recurrences.time, strict=True)
    spread = [(first[u] + k, t) for u, t in events for k in range(int(weight[u]))]
    copied = Counts(counts.count[copies], counts.followed[copies], Recurrences(*map(np.array, zip(*spread, strict=True))))

    weighted = mean_count_difference(counts, treated, weight, 30.0)
    plain = mean_count_difference(copied, treated[copies], np.ones(copies.size), 30.0)

    assert weighted.value == pytest.approx(plain.value, rel=1e-12)
    np.testing.assert_allclose(weighted.influence, np.bincount(copies, weights=plain.influence), atol=1e-12)
