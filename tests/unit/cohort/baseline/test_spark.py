"""The very same expressions on Spark give the very same baseline, cell by cell."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from yoseval.cohort.baseline.menu import baseline_frame, by_order_frame, known_covariates
from yoseval.cohort.baseline.programmes import open_programmes
from yoseval.records.records import read_records

pytestmark = [
    pytest.mark.spark,
    # Spark's Python side leaves sockets and warnings of its own behind.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EXAMPLE = Path(__file__).parents[4] / "data" / "example" / "records"
BY_ORDER = ["looked_after_by_order", "ete_by_order"]


@pytest.fixture(scope="module")
def both():
    """The records of the example on DuckDB and on a local Spark session."""
    plain, spark = (read_records(EXAMPLE, extract_date=date(2026, 3, 31), backend=b, jobs=2) for b in ("duckdb", "pyspark"))
    yield plain, spark
    plain.engine.close()
    spark.engine.close()


@pytest.fixture(scope="module")
def moments(both):
    """300 disposals, one moment each."""
    plain, _ = both
    given = plain.engine.frame(plain.tables["disposals"].order_by("disposal_id").limit(300))
    rows = zip(given["person_id"], given["disposal_date"], given["disposal_type"], given["index_offence_id"], strict=True)
    return [
        {
            "moment": 1_000 - i,
            "person_id": person,
            "time_zero": day.date() + timedelta(40 * (i % 3)),
            "index_date": day.date(),
            "index_kind": "disposal",
            "disposal_type": kind,
            "index_offence_id": offence if i % 4 else None,
        }
        for i, (person, day, kind, offence) in enumerate(rows)
    ]


def test_every_cell_of_the_baseline_is_the_same(both, moments, store, moment_types):
    frames = []
    for records in both:
        table = store(records.engine, "moments", moments, moment_types)
        names = list(known_covariates(records.tables))
        frame = baseline_frame(records.engine, records.tables, table, names)
        report = by_order_frame(records.engine, records.tables, table, BY_ORDER)
        frames.append(pd.concat([frame, report[BY_ORDER]], axis="columns"))

    pd.testing.assert_frame_equal(frames[1], frames[0], check_exact=True)
    assert frames[0]["asset_plus.total"].notna().any()


def test_the_open_programmes_are_the_same(both, moments, store, moment_types):
    found = []
    for records in both:
        table = store(records.engine, "moments", moments, moment_types)
        frame = records.engine.frame(open_programmes(records.tables, table)).sort_values(["moment", "programme_id"])
        found.append([(m, p, pd.Timestamp(s)) for m, p, s in frame.itertuples(index=False)])

    assert found[1] == found[0]
    assert found[0]
