"""Delays from offence to proof, where they are fitted, and what they say of reoffences that are not yet proven."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from yoseval.errors import DataError, EstimationError
from yoseval.frames import check_frame
from yoseval.models.delay import DelayFit, fit_delay, share_by
from yoseval.outcomes.court_delay import (
    CourtDelays,
    completeness,
    days_to_cut,
    delay_pairs,
    fit_delays,
    quarter_of,
)
from yoseval.records.engine import open_engine
from yoseval.records.records import read_records
from yoseval.records.schema import TABLES
from yoseval.records.scoring.tables import TYPES
from yoseval.records.simulation.calendar import EXTRACT_DATE
from yoseval.records.simulation.simulate import simulate_records, write_simulation

EXTRACT = dt.date(2024, 6, 30)
D = dt.date
NEW_YEAR, IN_MARCH, FIRST = D(2024, 1, 1), D(2024, 3, 1), D(2018, 1, 1)


def table(name, rows):
    columns = [c for c in TABLES[name].columns if any(c.name in r for r in rows)]
    frame = pd.DataFrame([{c.name: r.get(c.name) for c in columns} for r in rows], dtype=object)
    return ibis.memtable(frame, schema=ibis.schema({c.name: TYPES[c.kind] for c in columns}))


def offence(person="a", on=NEW_YEAR, proven=IN_MARCH, result="convicted", group="drugs"):
    return {"person_id": person, "offence_date": on, "proof_date": proven, "result": result, "offence_group": group}


def pairs_of(*offences, people=()):
    tables = {"offences": table("offences", list(offences))}
    if people:
        tables["people"] = table("people", [{"person_id": p, "service": s} for p, s in people])
    with open_engine() as engine:
        return delay_pairs(engine, tables, EXTRACT)


def drawn(rng, n, *, mean, area="east", first=FIRST):
    """Draw offences over the years to the extract with gamma delays, and keep those proven by it, as ``delay_pairs`` does."""
    days = (EXTRACT - first).days
    ago = rng.integers(0, days, n)
    delay = np.floor(rng.gamma(2.0, mean / 2.0, n)).astype(int)
    seen = delay <= ago
    date = pd.Timestamp(EXTRACT) - pd.to_timedelta(ago[seen], unit="D")
    return pd.DataFrame(
        {
            "offence_date": date,
            "delay": delay[seen],
            "truncation": ago[seen],
            "area": area,
            "quarter": quarter_of(date.to_numpy()),
        }
    )


# ---- pairs


def test_the_delay_and_the_longest_that_would_have_been_seen_are_in_days():
    frame = pairs_of(offence(), people=[("a", "east")])

    assert frame[["delay", "truncation", "area", "quarter"]].values.tolist() == [[60, 181, "east", "2024-Q1"]]
    assert frame["offence_date"].tolist() == [pd.Timestamp(2024, 1, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"result": "not_proven"},
        {"result": "pending", "proven": None},
        {"group": "breach_of_bail"},
        {"proven": None},
        {"proven": D(2024, 7, 1)},
        {"proven": D(2023, 12, 31)},
    ],
    ids=["not proven", "pending", "breach", "no date of proof", "after the extract", "before the offence"],
)
def test_what_is_no_proof_by_the_extract_is_left_out(change):
    assert pairs_of(offence(), offence(**change))["delay"].tolist() == [60]


def test_a_caution_is_proof():
    assert pairs_of(offence(result="cautioned"))["delay"].tolist() == [60]


def test_without_people_or_a_service_the_area_is_empty():
    assert pairs_of(offence())["area"].tolist() == [""]
    assert sorted(pairs_of(offence("a"), offence("b"), people=[("a", None), ("c", "east")])["area"]) == ["", ""]


def test_pairs_of_a_service_are_those_of_plain_loops(tmp_path):
    simulation = simulate_records(300, seed=6)
    write_simulation(simulation, tmp_path)
    records = read_records(tmp_path / "records", extract_date=D.fromisoformat(EXTRACT_DATE))
    texts = simulation.tables["offences"]

    with records.engine:
        frame = delay_pairs(records.engine, records.tables, records.extract_date)

    area = dict(simulation.tables["people"][["person_id", "service"]].itertuples(index=False))
    expected = []
    for row in texts.to_dict("records"):
        proven = row["result"] in ("convicted", "cautioned") and not row["offence_group"].startswith("breach")
        if proven and row["proof_date"] and D.fromisoformat(row["proof_date"]) <= records.extract_date:
            on = D.fromisoformat(row["offence_date"])
            delay = (D.fromisoformat(row["proof_date"]) - on).days
            expected.append((on, delay, (records.extract_date - on).days, area[row["person_id"]]))
    found = zip(frame["offence_date"].dt.date, frame["delay"], frame["truncation"], frame["area"], strict=True)
    assert len(expected) > 300
    assert sorted(found) == sorted(expected)


def test_quarters_are_those_of_the_calendar():
    dates = np.array(["2024-01-01", "2024-03-31", "2024-04-01", "2023-12-31"], dtype="datetime64[D]")

    assert quarter_of(dates).tolist() == ["2024-Q1", "2024-Q1", "2024-Q2", "2023-Q4"]


# ---- fits


def test_areas_with_enough_have_a_fit_of_their_own():
    rng = np.random.default_rng(1)
    pairs = pd.concat([drawn(rng, 3000, mean=150), drawn(rng, 3000, mean=300, area="west"), drawn(rng, 50, mean=150, area="s")])

    fits = fit_delays(pairs)

    by_182 = {a: fits.share_proven(a, "2024-Q2", np.array([182.0]))[0] for a in ("east", "west", "s", "")}
    truth = {m: (rng.gamma(2.0, m / 2.0, 400_000) < 183).mean() for m in (150, 300)}
    assert by_182["east"] == pytest.approx(truth[150], abs=0.04)
    assert by_182["west"] == pytest.approx(truth[300], abs=0.04)
    # Fifty offences are too few: all areas together stand in.
    assert by_182["s"] == by_182[""]
    assert ("s", "") not in fits.fits


def test_an_early_quarter_with_enough_has_a_fit_of_its_own_and_a_recent_one_has_not():
    pairs = drawn(np.random.default_rng(2), 12_000, mean=150)

    fits = fit_delays(pairs)

    quarters = {q for area, q in fits.fits if area == "east" and q}
    assert "2019-Q1" in quarters
    assert quarters.isdisjoint({"2024-Q2", "2024-Q1", "2023-Q4"})
    assert fits.fit_for("east", "2024-Q2") is fits.fits["east", ""]
    assert fits.fit_for("nowhere", "2019-Q1") is fits.fits["", ""]


def test_a_recent_quarter_is_not_called_complete():
    # Alone, the offences of the last quarter would all seem to be proven within 90 days.
    pairs = drawn(np.random.default_rng(2), 30_000, mean=150)
    recent = pairs[pairs["quarter"] == "2024-Q2"]
    alone = fit_delay(recent["delay"].to_numpy(float), recent["truncation"].to_numpy(float))

    share = fit_delays(pairs).share_proven("east", "2024-Q2", np.array([90.0]))[0]

    assert len(recent) >= 100
    assert share_by(alone, np.array([90.0]))[0] > 0.9
    truth = (np.random.default_rng(0).gamma(2.0, 75.0, 400_000) < 91).mean()
    assert share == pytest.approx(truth, abs=0.02)


def test_a_quarter_too_small_falls_back_on_its_area():
    pairs = drawn(np.random.default_rng(3), 1500, mean=150)

    assert set(fit_delays(pairs).fits) == {("", ""), ("east", "")}


def test_too_few_offences_are_refused():
    with pytest.raises(EstimationError, match="needs 100 proven offences; the records have 30"):
        fit_delays(drawn(np.random.default_rng(3), 1000, mean=150).iloc[:30])


# ---- the cut


def test_the_cut_is_the_end_of_the_wait_or_the_extract():
    start = np.array(["2022-08-31", "2023-08-31", "2024-02-29"], dtype="datetime64[D]")

    days = days_to_cut(start, 12, 6, EXTRACT)

    # 31 August 2022 and 18 months: the last day of February 2024.
    assert days.tolist() == [(D(2024, 2, 29) - D(2022, 8, 31)).days, (EXTRACT - D(2023, 8, 31)).days, 122.0]


# ---- correction

SHARES = CourtDelays({("", ""): DelayFit(np.array([50.0, 100.0, 200.0]), np.array([0.4, 0.8, 1.0]), np.zeros(3), 9, 400.0)})
UNITS = pd.DataFrame({"moment": ["a", "b", "c", "d"], "is_mature": True})
TREATED = np.array([True, True, False, False])
ZERO = np.array(["2020-01-01"] * 4, dtype="datetime64[D]")


def corrected(reoffences, *, observed=UNITS, weight=(1.0, 1.0, 1.0, 1.0), delays=SHARES, cut=500.0, area="east"):
    rows = pd.DataFrame(reoffences, columns=["moment", "days"]).astype({"days": float})
    n = len(observed)
    areas = np.full(n, area, dtype=object)
    given = {"delays": delays, "time_zero": ZERO[:n], "area": areas, "cut_days": np.full(n, cut)}
    frame = completeness(observed, rows, TREATED[:n], np.array(weight), programme="m", **given)
    assert check_frame(frame, "completeness") is frame
    return frame.set_index("arm")


def test_each_reoffence_counts_for_one_over_the_share_proven_at_its_age():
    # Ages at the cut: 380 and 120 days in the treated arm, 300 in the other.
    frame = corrected([("a", 120), ("a", 380), ("c", 200)])

    assert frame["uncorrected"].tolist() == [1.0, 0.5]
    assert frame["corrected"].tolist() == pytest.approx([(1.0 + 1 / 0.8) / 2, 0.5])
    assert frame["share_complete"].tolist() == [0.5, 1.0]
    assert frame["lowest_share"].tolist() == [0.8, 1.0]
    assert frame[["n", "n_reoffended", "n_reoffences", "n_truncated"]].to_numpy().tolist() == [[2, 1, 2, 0], [2, 1, 1, 0]]
    assert frame["longest_delay"].tolist() == [400.0, 400.0]
    assert set(frame["programme"]) == {"m"}


def test_below_one_half_a_reoffence_counts_once_and_is_counted():
    frame = corrected([("a", 440), ("b", 470), ("b", 380)])

    # Ages 60 (0.4), 30 (0) and 120 (0.8).
    assert frame.loc["treated", "corrected"] == pytest.approx((1 + 1 + 1 / 0.8) / 2)
    assert frame.loc["treated", "n_truncated"] == 2
    assert frame.loc["treated", "lowest_share"] == 0.0


def test_means_are_weighted():
    frame = corrected([("c", 380), ("d", 100), ("d", 380)], weight=(1.0, 1.0, 3.0, 1.0))

    assert frame.loc["comparison", "uncorrected"] == pytest.approx((3 * 1 + 1 * 2) / 4)
    assert frame.loc["comparison", "corrected"] == pytest.approx((3 * 1.25 + 1 * (1 + 1.25)) / 4)


def test_units_of_no_weight_or_not_mature_are_left_out_with_their_reoffences():
    observed = UNITS.assign(is_mature=[True, False, True, True])

    frame = corrected([("a", 10), ("b", 10), ("c", 10), ("d", 10)], observed=observed, weight=(1.0, 1.0, 0.0, 1.0))

    assert frame["n"].tolist() == [1, 1]
    assert frame["n_reoffences"].tolist() == [1, 1]


def test_an_arm_without_reoffences_has_means_of_zero_and_no_shares():
    frame = corrected([("a", 10)])

    assert frame.loc["comparison", ["uncorrected", "corrected"]].tolist() == [0.0, 0.0]
    assert frame.loc["comparison", ["share_complete", "lowest_share"]].isna().all()


def test_nobody_reoffended_is_no_fault():
    frame = corrected([])

    assert frame["corrected"].tolist() == [0.0, 0.0]
    assert frame["longest_delay"].tolist() == [400.0, 400.0]


def test_a_child_without_an_area_is_corrected_by_all_areas_together():
    quick = DelayFit(np.array([1.0]), np.array([1.0]), np.zeros(1), 9, 300.0)
    delays = CourtDelays({**SHARES.fits, ("east", ""): quick})

    shares = [corrected([("a", 380)], delays=delays, area=a).loc["treated", "lowest_share"] for a in ("east", "", None)]

    assert shares == [1.0, 0.8, 0.8]


def test_the_quarter_and_the_area_of_each_reoffence_decide():
    quick = DelayFit(np.array([1.0]), np.array([1.0]), np.zeros(1), 9, 300.0)
    delays = CourtDelays({**SHARES.fits, ("east", "2021-Q1"): quick})

    # Day 380 after 1 January 2020 lies in the first quarter of 2021; day 390 - 30 does not.
    frame = corrected([("a", 380), ("c", 360)], delays=delays, cut=480.0)

    assert frame["lowest_share"].tolist() == [1.0, 0.8]
    assert frame["longest_delay"].tolist() == [300.0, 300.0]


def test_correction_brings_back_what_is_not_yet_proven():
    """With slow courts the corrected means lie on the truth, the uncorrected far below; no age is below one half proven."""
    rng = np.random.default_rng(4)
    delays = fit_delays(drawn(rng, 20_000, mean=230, first=D(2015, 1, 1)))
    n, ratio = 800, []
    for _ in range(200):
        number = rng.poisson(1.2, n)
        unit = np.repeat(np.arange(n), number)
        day = rng.integers(1, 366, unit.size)
        proven = np.floor(rng.gamma(2.0, 115.0, unit.size)) <= 600 - day
        observed = pd.DataFrame({"moment": np.arange(n), "is_mature": True})
        frame = completeness(
            observed,
            pd.DataFrame({"moment": unit[proven], "days": day[proven].astype(float)}),
            np.arange(n) % 2 == 0,
            np.ones(n),
            delays=delays,
            time_zero=np.full(n, np.datetime64("2022-06-01")),
            area=np.full(n, "east", dtype=object),
            cut_days=np.full(n, 600.0),
        )
        ratio.append(frame[["uncorrected", "corrected"]].mean().to_numpy() / (number.sum() / n))

    uncorrected, by_proof = np.mean(ratio, axis=0)
    # The Monte Carlo error of the mean is 0.001; the fit of the delays itself adds about 0.006, once for all replicates.
    assert uncorrected < 0.86
    assert by_proof == pytest.approx(1.0, abs=0.02)


def test_a_reoffence_of_no_moment_is_refused():
    with pytest.raises(DataError, match="1 of 2 reoffences belong to no moment"):
        corrected([("a", 10), ("x", 10)])


def test_a_moment_that_is_there_twice_is_refused():
    with pytest.raises(DataError, match="1 of 4 moments are there twice"):
        corrected([("a", 10)], observed=UNITS.assign(moment=["a", "a", "c", "d"]))


def test_an_arm_without_a_mature_unit_is_refused():
    with pytest.raises(EstimationError, match="No comparison unit is mature"):
        corrected([("a", 10)], observed=UNITS.assign(is_mature=[True, True, False, False]))
