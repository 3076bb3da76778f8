"""Building a trial and observing it keeps its speed: a small slice always, a million children on demand (-m grid)."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).with_name("cohort_benchmark.py")))


def test_twenty_thousand_children_are_built_and_observed():
    found = BENCHMARK["measure"]("yoseval", 20_000, 200_000)

    # About 2.5 s of processor, most of it the writing of queries; no memory that grows with the offences.
    assert found["rows"] > 10_000
    assert found["cpu"] < 15
    assert found["peak_gb"] < 1.5


@pytest.mark.grid
def test_a_million_children_and_ten_million_offences_take_under_a_minute_and_six_gigabytes():
    found = BENCHMARK["measure"]("yoseval", 1_000_000, 10_000_000)

    assert found["rows"] > 500_000
    assert found["seconds"] < 60
    assert found["peak_gb"] < 6
