"""Reading and validating keeps its speed: a small slice always, a million children on demand (-m grid)."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).with_name("records_benchmark.py")))


def test_ten_thousand_children_are_read_and_validated(tmp_path):
    BENCHMARK["write_service"](tmp_path, 10_000, 100_000)

    found = BENCHMARK["measure"]("yoseval", tmp_path)

    # Half of the large benchmark's memory; about 2 s of processor, most of it imports and the writing of queries.
    assert found["rows"] == 100_000
    assert found["peak_gb"] < 3
    assert found["cpu"] < 20


@pytest.mark.grid
def test_a_million_children_and_ten_million_offences_take_under_a_minute_and_six_gigabytes(tmp_path):
    BENCHMARK["write_service"](tmp_path, 1_000_000, 10_000_000)

    found = BENCHMARK["measure"]("yoseval", tmp_path)

    assert found["rows"] == 10_000_000
    assert found["seconds"] < 60
    assert found["peak_gb"] < 6
