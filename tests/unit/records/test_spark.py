"""The very same expressions on Spark give the very same tables, faults and rows set aside."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from yoseval.errors import DataError
from yoseval.records.engine import open_engine
from yoseval.records.records import read_records
from yoseval.records.schema import TABLES
from yoseval.records.simulation.simulate import simulate_records, write_simulation

pytestmark = [
    pytest.mark.spark,
    # Spark's Python side leaves sockets and warnings of its own behind.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EXTRACT = date(2026, 3, 31)


@pytest.fixture(scope="module")
def service():
    """The example: 2,000 simulated children."""
    return Path(__file__).parents[3] / "data" / "example" / "records"


@pytest.fixture(scope="module")
def both(service):
    """The records on DuckDB and on a local Spark session."""
    plain, spark = (read_records(service, extract_date=EXTRACT, backend=b, jobs=2) for b in ("duckdb", "pyspark"))
    yield plain, spark
    plain.engine.close()
    spark.engine.close()


def frame_of(records, name):
    frame = records.engine.frame(records.tables[name]).sort_values("_row").reset_index(drop=True)
    for column in [c.name for c in TABLES[name].columns if c.kind == "date"]:
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
    texts = [c for c in frame.columns if frame[c].dtype == object]
    return frame.assign(**{c: frame[c].where(frame[c].notna(), None) for c in texts})


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_of_every_validated_table_is_the_same(both, name):
    plain, spark = both

    pd.testing.assert_frame_equal(frame_of(spark, name), frame_of(plain, name), check_exact=True, check_dtype=False)


def test_the_types_and_the_report_are_the_same(both):
    plain, spark = both

    assert {n: t.schema() for n, t in spark.tables.items()} == {n: t.schema() for n, t in plain.tables.items()}
    assert spark.report.notices == plain.report.notices
    assert spark.report.rows_kept == plain.report.rows_kept


def test_two_engines_of_one_session_do_not_share_tables():
    with open_engine("pyspark", jobs=2) as first, open_engine("pyspark", jobs=2) as second:
        for engine, n in ((first, 3), (second, 5)):
            engine.loader.execute(f"create table given as select range as x from range({n})").fetchall()
        tables = [engine.publish("given") for engine in (first, second)]

        assert [len(e.frame(t)) for e, t in zip((first, second), tables, strict=True)] == [3, 5]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """The service with many kinds of faults."""
    folder = tmp_path_factory.mktemp("spoilt")
    write_simulation(simulate_records(40, seed=9), folder)
    records = folder / "records"
    for name, old, new in (("people", "male", "man"), ("offences", "convicted", "guilty"), ("disposals", "d", "0d")):
        file = records / f"{name}.csv"
        lines = file.read_text(encoding="utf-8").splitlines()
        file.write_text("\n".join([*lines[:-5], *(x.replace(old, new) for x in lines[-5:]), lines[1]]) + "\n", encoding="utf-8")
    return records


def test_every_fault_is_the_same_word_for_word(spoilt):
    messages = []
    for backend in ("duckdb", "pyspark"):
        with pytest.raises(DataError) as refused:
            read_records(spoilt, extract_date=EXTRACT, backend=backend, jobs=2)
        messages.append(str(refused.value))

    assert messages[0] == messages[1]


def test_the_same_rows_are_set_aside_for_the_same_reasons(spoilt, tmp_path):
    written = []
    for backend in ("duckdb", "pyspark"):
        place = tmp_path / backend
        read_records(spoilt, extract_date=EXTRACT, backend=backend, jobs=2, on_invalid="drop", private=place).engine.close()
        written.append({f.name: f.read_text(encoding="utf-8") for f in sorted(place.iterdir())})

    assert written[0] == written[1]
    assert written[0]
