"""The very same expressions on Spark give the very same trials and outcomes, cell by cell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.protocol import read_study
from yoseval.cohort.trials import build_trials
from yoseval.outcomes.recorded import observe_trials
from yoseval.records.records import read_records

pytestmark = [
    pytest.mark.spark,
    # Spark's Python side leaves sockets and warnings of its own behind.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EXAMPLE = Path(__file__).parents[3] / "data" / "example"
CHILDREN = 300
PROGRAMMES = ("mentoring", "employability")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The example cut to its first children, and to two programmes."""
    folder = tmp_path_factory.mktemp("cut")
    (folder / "records").mkdir()
    kept = set(pd.read_csv(EXAMPLE / "records" / "people.csv", dtype=str)["person_id"][:CHILDREN])
    for file in (EXAMPLE / "records").glob("*.csv"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        own = table[table["person_id"].isin(kept)] if "person_id" in table else table
        own.to_csv(folder / "records" / file.name, index=False, lineterminator="\n")
    text = (EXAMPLE / "study.toml").read_text(encoding="utf-8")
    included = text[text.index("include = [") :]
    (folder / "study.toml").write_text(text.replace(included, f"include = {list(PROGRAMMES)!r}\n"), encoding="utf-8")
    return read_study(folder)


@pytest.fixture(scope="module")
def both(study):
    """Trials and outcomes on DuckDB and on a local Spark session."""
    found = []
    for backend in ("duckdb", "pyspark"):
        extract = study.file.study.extract_date
        records = read_records(study.folder / "records", extract_date=extract, backend=backend, jobs=2)
        trials = build_trials(records, study)
        found.append((trials, observe_trials(records, study, trials)))
        records.engine.close()
    return found


def test_every_cell_of_the_trials_is_the_same(both):
    for plain, spark in zip(both[0][0], both[1][0], strict=True):
        assert len(plain.units) > 50
        for name in ("units", "flow", "candidates", "others"):
            pd.testing.assert_frame_equal(_sorted(getattr(plain, name)), _sorted(getattr(spark, name)), check_exact=True)


def test_every_cell_of_the_outcomes_is_the_same(both):
    for programme, plain in both[0][1].items():
        spark = both[1][1][programme]

        pd.testing.assert_frame_equal(plain.observed, spark.observed, check_exact=True)
        pd.testing.assert_frame_equal(_sorted(plain.reoffences), _sorted(spark.reoffences), check_exact=True)
        for name in ("entry", "trouble", "cut_days", "area"):
            np.testing.assert_array_equal(getattr(plain, name), getattr(spark, name))


def test_the_time_from_offence_to_proof_is_the_same(both):
    plain, spark = (found[1]["mentoring"].delays.fits for found in both)

    assert plain.keys() == spark.keys()
    for key, fit in plain.items():
        np.testing.assert_array_equal(fit.days, spark[key].days)
        np.testing.assert_array_equal(fit.share_proven, spark[key].share_proven)


def _sorted(frame):
    return frame.sort_values(list(frame.columns), ignore_index=True)
