"""Laws of the records: what is read does not depend on how it was stored, and what is mended agrees with brute force."""

import csv
import shutil
from datetime import date, timedelta
from pathlib import Path

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yoseval.records.checking.repairs import merged_custody, repeated_offences
from yoseval.records.checking.typing_rules import type_table
from yoseval.records.engine import open_engine
from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.extract import extract
from yoseval.records.reading.readers import Source
from yoseval.records.records import read_records
from yoseval.records.schema import TABLES

BASE = Path(__file__).parents[1] / "unit" / "records" / "hostile" / "base"
START = date(2020, 1, 1)
LATEST = date(2021, 6, 30)
SLOW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ODD = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cf")), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def engine():
    with open_engine(jobs=1) as opened:
        yield opened


@SLOW
@given(ids=st.lists(ODD, min_size=1, max_size=20))
def test_any_id_comes_back_from_a_csv_as_it_was_written(engine, tmp_path, ids):
    file = tmp_path / "exits.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([["person_id", "exit_date", "reason"], *([i, "2020-01-01", "died"] for i in ids)])

    extract(engine, Source("exits", "csv", str(file)), TableMap())

    assert engine.loader.execute("select person_id from text_exits order by _row").fetchall() == [(i,) for i in ids]


@SLOW
@given(days=st.lists(st.dates(date(1, 1, 1), date(9999, 12, 31)), min_size=1, max_size=20))
def test_every_date_of_the_calendar_is_typed_as_itself(engine, days):
    texts = ibis.memtable([("a", d.isoformat(), "died", i) for i, d in enumerate(days)], schema=exits_of_texts())

    typed = type_table(texts, TABLES["exits"], "exits.csv", date(9999, 12, 31))

    found = engine.connection.to_pyarrow(typed.expression.order_by("_row")).to_pydict()
    assert found["exit_date"] == days
    assert found["_faults"] == [0] * len(days)


@SLOW
@given(texts=st.lists(ODD, min_size=1, max_size=20))
def test_a_text_that_is_no_iso_date_is_a_fault_and_never_a_date(engine, texts):
    given_rows = [("a", t, "died", i) for i, t in enumerate(texts)]
    typed = type_table(ibis.memtable(given_rows, schema=exits_of_texts()), TABLES["exits"], "exits.csv", LATEST)

    found = engine.connection.to_pyarrow(typed.expression.order_by("_row")).to_pydict()

    assert [d is not None for d in found["exit_date"]] == [is_iso(t) for t in texts]
    assert all(f for f, d in zip(found["_faults"], found["exit_date"], strict=True) if d is None)


def exits_of_texts():
    return ibis.schema({"person_id": "string", "exit_date": "string", "reason": "string", "_row": "int64"})


def is_iso(text):
    try:
        return len(text) == 10 and text.isascii() and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


SPELLS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 12))), max_size=12)


@SLOW
@given(spells=SPELLS)
def test_joined_custody_covers_the_same_days_and_its_spells_share_none(engine, spells):
    rows = [
        (p, START + timedelta(s), None if n is None else START + timedelta(s + n), "remand", i, "f")
        for i, (p, s, n) in enumerate(spells)
    ]
    names = {
        "person_id": "string",
        "start_date": "date",
        "end_date": "date",
        "kind": "string",
        "_row": "int64",
        "_file": "string",
    }

    merged = engine.connection.to_pyarrow(merged_custody(ibis.memtable(rows, schema=ibis.schema(names)))).to_pylist()

    after = [(r["person_id"], d) for r in merged for d in days_of(r["start_date"], r["end_date"])]
    assert len(after) == len(set(after))
    assert set(after) == {(p, d) for p, s, e, *_ in rows for d in days_of(s, e)}


def days_of(start, end):
    last = START + timedelta(80) if end is None else end
    return [start + timedelta(i) for i in range((last - start).days + 1)]


OFFENCES = st.lists(
    st.tuples(
        st.sampled_from(["o1", "o2", "o3"]),
        st.one_of(st.none(), st.integers(1, 8)),
        st.one_of(st.none(), st.dates(START, LATEST)),
        st.sampled_from(["convicted", "cautioned", "pending", "overturned"]),
    ),
    max_size=12,
)


@SLOW
@given(offences=OFFENCES)
def test_of_each_offence_the_row_that_brute_force_ranks_highest_is_kept(engine, offences):
    names = {"offence_id": "string", "seriousness": "int64", "proof_date": "date", "result": "string", "_row": "int64"}
    rows = [(*o, i) for i, o in enumerate(offences)]

    out = engine.connection.to_pyarrow(repeated_offences(ibis.memtable(rows, schema=ibis.schema(names)))).to_pydict()["_row"]

    best = {}
    for key, seriousness, proof, result, row in rows:
        undated = date.max if result == "overturned" else date.min
        rank = (seriousness or 0, proof or undated, row)
        best[key] = max(best.get(key, rank), rank)
    assert sorted(set(range(len(rows))) - set(out)) == sorted(row for _, _, row in best.values())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(3)))
def test_the_order_of_rows_changes_no_record(tmp_path_factory, order):
    folder = Path(shutil.copytree(BASE, tmp_path_factory.mktemp("shuffled") / "records"))
    for file in folder.glob("*.csv"):
        header, *rows = file.read_text(encoding="utf-8").splitlines()
        file.write_text("\n".join([header, *(rows[i] for i in order if i < len(rows))]) + "\n", encoding="utf-8")

    found = [rows_of(place) for place in (BASE, folder)]

    assert found[0] == found[1]


def rows_of(folder):
    records = read_records(folder, extract_date=LATEST, jobs=1)
    with records.engine as engine:
        frames = {n: engine.frame(t.drop("_row", "_file")).astype(str) for n, t in records.tables.items()}
    return {n: sorted(map(tuple, f.to_numpy().tolist())) for n, f in frames.items()}
