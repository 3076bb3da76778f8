"""The law of time zero: whatever comes after it changes no byte of the units of a trial, whatever the rule.

Small services are drawn from a seed; then their future is rewritten. Starts of the programme itself may be rewritten only after
the days that the rule is licensed to read. The past, rewritten, does show.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yoseval.cohort.protocol import Study
from yoseval.cohort.sections import StudyFile
from yoseval.cohort.trials import build_trials
from yoseval.records.engine import open_engine
from yoseval.records.records import ReadReport, Records, read_records
from yoseval.records.schema import RESULTS, TABLES
from yoseval.records.scoring.tables import TYPES

ARROW = {"string": pa.string(), "date": pa.date32(), "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_()}
KNOWN_FROM = {
    "offences": "offence_date",
    "disposals": "disposal_date",
    "starts": "start_date",
    "custody": "start_date",
    "assessments": "assessment_date",
    "statuses": "start_date",
    "exits": "exit_date",
}
RULES = ("grace", "clone_censor", "landmark", "nested")
DAYS, WITHIN = 30, 90
#: Days after the index event: the last on which any unit has its time zero, and the last on which own starts are read.
LAST_ZERO = {"grace": 0, "clone_censor": 0, "landmark": DAYS, "nested": WITHIN}
LAST_START = {"grace": DAYS, "clone_censor": DAYS, "landmark": DAYS, "nested": WITHIN}
COVARIATES = ("age", "sex", "prior_offences", "disposal_type", "looked_after", "asset_plus.total", "earlier_programmes")
EXAMPLE = Path(__file__).parents[2] / "data" / "example"
LAWS = settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


def row_of(table, rng, child, day):
    """Draw one row of a child that becomes known on ``day``."""

    def later(chance=0.7):
        return day + timedelta(int(rng.integers(0, 200))) if rng.random() < chance else None

    serial = f"{table}{rng.integers(0, 2**62)}"
    if table == "offences":
        rest = {"offence_id": serial, "offence_group": "drugs", "seriousness": 3, "proof_date": later()}
        rest |= {"result": str(rng.choice(RESULTS)), "custodial": bool(rng.random() < 0.2)}
    elif table == "disposals":
        kind = str(rng.choice(["referral_order", "youth_rehabilitation_order", "fine"]))
        rest = {"disposal_id": serial, "disposal_type": kind, "end_date": later()}
    elif table == "starts":
        # Most starts are of the programme itself, and close to the edges of the rules.
        programme = str(rng.choice(["mentoring", "mentoring", "cadets"]))
        rest = {"start_id": serial, "programme_id": programme, "referral_date": day, "end_date": later()}
    elif table == "custody":
        rest = {"end_date": later(), "kind": "remand"}
    elif table == "assessments":
        rest = {"instrument": "asset_plus", "item": "total", "value": str(rng.integers(0, 30))}
    elif table == "statuses":
        rest = {"status": "looked_after", "end_date": later()}
    else:
        rest = {"reason": "moved_away"}
    return {"person_id": child, KNOWN_FROM[table]: day, **rest}


def draw(rng, n=60):
    """Draw a service: each child has one index event, a past and a future; many dates lie close to the edges of the rules."""
    records = {t: [] for t in ("people", *KNOWN_FROM)}
    index = {}
    for i in range(n):
        child = f"c{i:03d}"
        index[child] = date(2022, 1, 1) + timedelta(int(rng.integers(0, 300)))
        born = index[child] - timedelta(int(rng.integers(3_600, 6_600)))
        records["people"].append({"person_id": child, "date_of_birth": born, "sex": str(rng.choice(["male", "female"]))})
        sentence = {"disposal_id": f"index{child}", "disposal_type": "referral_order"}
        records["disposals"].append({"person_id": child, "disposal_date": index[child], **sentence})
        if rng.random() < 0.6:
            near = int(rng.choice([0, 1, 15, DAYS - 1, DAYS, DAYS + 1, WITHIN - 1, WITHIN, WITHIN + 1, 200]))
            records["starts"].append(row_of("starts", rng, child, index[child] + timedelta(near)))
        for table in KNOWN_FROM:
            # One exit at most; a later one would not be the first.
            for _ in range(int(rng.random() < 0.2) if table == "exits" else int(rng.integers(0, 4))):
                spread = (-300, 400) if table in ("offences", "assessments", "statuses") else (100, 500)
                records[table].append(row_of(table, rng, child, index[child] + timedelta(int(rng.integers(*spread)))))
    return records, index


def as_records(engine, records):
    tables = {}
    for name, rows in records.items():
        schema = pa.schema([(c.name, ARROW[TYPES[c.kind]]) for c in TABLES[name].columns])
        engine.loader.register("given", pa.Table.from_pylist(rows, schema=schema))
        engine.loader.execute(f'create or replace table "{name}" as select * from given')
        engine.loader.unregister("given")
        tables[name] = engine.publish(name)
    return Records(tables, date(2026, 3, 31), ReadReport({}, {}, {}, {}, {}, {}, (), (), (), ()), engine)


def study_of(rule):
    content = {
        "study": {"title": "Drawn", "records": "none", "extract_date": date(2026, 3, 31), "profile": "moj_proven_1y"},
        "eligibility": {
            "ages": (10, 17),
            "disposals": ("referral_order", "youth_rehabilitation_order"),
            "index_dates": (date(2022, 1, 1), date(2023, 12, 31)),
        },
        "time_zero": {"rule": rule, "days": DAYS, "within_days": WITHIN},
        "design": {"method": "entropy", "covariates": COVARIATES},
        "outcomes": [{"name": "reoffended"}],
        "programmes": {"include": ["mentoring"]},
    }
    return Study(Path(), StudyFile.model_validate(content))


def units_of(engine, records, rule):
    return build_trials(as_records(engine, records), study_of(rule))[0].units


def bytes_of(units):
    return units.to_csv(index=False, na_rep="NA"), [str(t) for t in units.dtypes]


def other_future(rng, records, index, rule):
    """Return the records with another future: rows after the last time zero deleted, moved and invented, ends changed."""
    changed = {"people": records["people"]}
    for table, known_from in KNOWN_FROM.items():
        rows = []
        for row in records[table]:
            last = last_day(table, row.get("programme_id"), index[row["person_id"]], rule)
            if row[known_from] <= last:
                rows.append(another_end(rng, row, index[row["person_id"]] + timedelta(LAST_ZERO[rule])))
            elif rng.random() < 0.5:
                rows.append(row | {known_from: last + timedelta(int(rng.integers(1, 300)))})
                rows[-1] = another_end(rng, rows[-1], last)
        for child, day in index.items():
            if rng.random() < 0.5:
                # Invented from the very day after on; a start of whatever programme after both limits.
                last = last_day(table, "mentoring", day, rule)
                soon = int(rng.choice([1, 2, 50]))
                rows.append(row_of(table, rng, child, last + timedelta(soon)))
        changed[table] = [rows[i] for i in rng.permutation(len(rows))]
    return changed


def last_day(table, programme, index, rule):
    """Return the last day of a row that the rule may read."""
    own = table == "starts" and programme == "mentoring"
    return index + timedelta(LAST_START[rule] if own else LAST_ZERO[rule])


def another_end(rng, row, zero):
    """Return a row whose end or proof, where it came after a day or not at all, comes at another time after that day."""
    out = dict(row)
    for column in ("end_date", "proof_date"):
        if column in row and (row[column] is None or row[column] > zero):
            begun = max(d for d in (zero, *(row[c] for c in set(KNOWN_FROM.values()) if c in row)) if d is not None)
            out[column] = begun + timedelta(int(rng.integers(1, 300))) if rng.random() < 0.7 else None
            if column == "proof_date":
                out["result"] = str(rng.choice(RESULTS))
    return out


@pytest.mark.parametrize("rule", RULES)
@LAWS
@given(seed=SEEDS)
def test_another_future_changes_no_byte_of_the_units(engine, rule, seed):
    rng = np.random.default_rng(seed)
    records, index = draw(rng)
    before = bytes_of(units_of(engine, records, rule))

    assert bytes_of(units_of(engine, other_future(rng, records, index, rule), rule)) == before


@pytest.mark.parametrize("rule", RULES)
def test_no_future_at_all_changes_no_byte_of_the_units(engine, rule):
    records, index = draw(np.random.default_rng(3))
    cut = {
        table: [r for r in rows if table == "people" or r[KNOWN_FROM[table]] <= known(table, r, index, rule)]
        for table, rows in records.items()
    }

    assert sum(map(len, cut.values())) < sum(map(len, records.values()))
    assert bytes_of(units_of(engine, cut, rule)) == bytes_of(units_of(engine, records, rule))


def known(table, row, index, rule):
    return last_day(table, row.get("programme_id"), index[row["person_id"]], rule)


@pytest.mark.parametrize("seed", range(1))
def test_a_nested_trial_knows_nothing_of_what_came_before_a_later_trial(engine, seed):
    rng = np.random.default_rng(seed)
    records, index = draw(rng)
    before = units_of(engine, records, "nested").set_index("unit_id")
    cut = {c: index[c] + timedelta(int(rng.integers(0, WITHIN))) for c in index}

    def known_by(row, table):
        own = table == "starts" and row["programme_id"] == "mentoring"
        return table == "people" or own or row[KNOWN_FROM[table]] <= cut[row["person_id"]]

    after = units_of(engine, {t: [r for r in rows if known_by(r, t)] for t, rows in records.items()}, "nested")

    early = before["time_zero"].to_numpy() <= [(cut[c] - date(1970, 1, 1)).days for c in before["person_id"]]
    assert early.sum() > 10
    pd.testing.assert_frame_equal(after.set_index("unit_id").loc[before.index[early]], before[early])


@pytest.mark.parametrize("rule", RULES)
@LAWS
@given(seed=SEEDS)
def test_other_ids_and_another_order_of_rows_change_nothing_but_ids(engine, rule, seed):
    rng = np.random.default_rng(seed)
    records, index = draw(rng)
    new = dict(zip(index, (f"k{i:04d}" for i in rng.permutation(1_000)), strict=False))
    renamed = {
        table: [{**rows[i], "person_id": new[rows[i]["person_id"]]} for i in rng.permutation(len(rows))]
        for table, rows in records.items()
    }

    found, expected = units_of(engine, renamed, rule), units_of(engine, records, rule)

    expected["unit_id"] = [new[u.split("|")[0]] + u[4:] for u in expected["unit_id"]]
    expected["person_id"] = expected["person_id"].map(new)
    again, first = (f.sort_values("unit_id").reset_index(drop=True) for f in (found, expected))
    pd.testing.assert_frame_equal(again, first)


#: One more row, dated on the last day that a rule reads, which has to show.
PAST = {
    "offences": lambda day: {"offence_id": "x", "offence_date": day, "offence_group": "drugs", "result": "pending"},
    "custody": lambda day: {"start_date": day, "kind": "remand"},
    "assessments": lambda day: {"assessment_date": day, "instrument": "asset_plus", "item": "total", "value": "77"},
    "statuses": lambda day: {"status": "looked_after", "start_date": day},
    "exits": lambda day: {"exit_date": day, "reason": "moved_away"},
    "cadets": lambda day: {"start_id": "x", "programme_id": "cadets", "start_date": day},
    "mentoring": lambda day: {"start_id": "x", "programme_id": "mentoring", "start_date": day},
}


def rows_shown(engine, rule):
    """Return the first unit of each child of a service, by child: all alike but for one row, on the last day read or later.

    A child who starts on day 20 lets nested trials begin: all others are dealt that wait in the first trial.
    """
    index, zero = date(2022, 3, 1), {"grace": 0, "clone_censor": 0, "landmark": DAYS, "nested": 20}[rule]
    records = {t: [] for t in ("people", *KNOWN_FROM)}
    for what, make in watched(rule).items():
        last = LAST_START[rule] if what == "mentoring" else zero
        for child, day in ((f"{what} on it", last), (f"{what} a day later", last + 1)):
            row = make(index + timedelta(day))
            key = {"start_id": child} if "start_id" in row else {"offence_id": child} if "offence_id" in row else {}
            table = "starts" if what in ("cadets", "mentoring") else what
            records[table].append({"person_id": child, **row, **key})
    children = [f"{what} {when}" for what in watched(rule) for when in ("on it", "a day later")] + ["plain", "starter"]
    for child in children:
        records["people"].append({"person_id": child, "date_of_birth": date(2007, 5, 1), "sex": "male"})
        sentence = {"disposal_id": child, "disposal_date": index, "disposal_type": "referral_order"}
        records["disposals"].append({"person_id": child, **sentence})
    own = {"person_id": "starter", "start_id": "starter", "programme_id": "mentoring", "start_date": index + timedelta(20)}
    records["starts"].append(own)
    units = units_of(engine, records, rule)
    rows = units.drop(columns=["unit_id", "person_id"]).astype(str).agg(",".join, axis=1)
    return units[["person_id"]].join(rows.rename("row"))


def watched(rule):
    """Return the rows that are added; a start of its own begins a nested trial, and so would move all the others."""
    return {what: make for what, make in PAST.items() if not (what == "mentoring" and rule == "nested")}


@pytest.mark.parametrize("rule", RULES)
def test_one_more_row_on_the_last_day_that_is_read_shows_and_a_day_later_does_not(engine, rule):
    shown = rows_shown(engine, rule).groupby("person_id")["row"].agg(tuple).to_dict()

    # An offence on the day of the index event is not a new one.
    on_it = {w for w in watched(rule) if not (w == "offences" and LAST_ZERO[rule] == 0)}
    later = set(watched(rule))
    assert {w for w in on_it if shown.get(f"{w} on it") == shown["plain"]} == set()
    assert {w for w in later if shown.get(f"{w} a day later") != shown["plain"]} == set()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_builds_the_very_same_trials_cell_by_cell(tmp_path):
    people = pd.read_csv(EXAMPLE / "records" / "people.csv", dtype=str)["person_id"].iloc[:300]
    for file in (EXAMPLE / "records").glob("*.csv"):
        frame = pd.read_csv(file, dtype=str)
        own = frame[frame["person_id"].isin(people)] if "person_id" in frame else frame
        own.to_csv(tmp_path / file.name, index=False)
    built = []
    for backend in ("duckdb", "pyspark"):
        records = read_records(tmp_path, extract_date=date(2026, 3, 31), backend=backend, jobs=2)
        built.append([build_trials(records, example_study(rule)) for rule in RULES])
        records.engine.close()

    for plain, spark in zip(*built, strict=True):
        assert len(plain) == len(spark) > 3
        for one, other in zip(plain, spark, strict=True):
            for name in ("units", "flow", "candidates", "others"):
                pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def example_study(rule):
    study = study_of(rule)
    content = study.file.model_dump() | {"programmes": {}}
    content["eligibility"]["disposals"] = ("youth_conditional_caution", "referral_order", "youth_rehabilitation_order")
    content["eligibility"]["index_dates"] = (date(2022, 1, 1), date(2024, 12, 31))
    return Study(Path(), StudyFile.model_validate(content))
