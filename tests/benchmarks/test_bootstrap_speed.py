"""A fast slice of the benchmark of the bootstrap: every design is drawn again, and the loop beside it is told."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def benchmark_of_bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap_benchmark", Path(__file__).with_name("bootstrap_benchmark.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("method", ["overlap", "nearest"])
def test_a_replicate_takes_milliseconds(benchmark_of_bootstrap, method):
    frame = benchmark_of_bootstrap.people(5_000)

    # A hundred replicates on one worker; ten times what they take alone on a quiet machine.
    assert benchmark_of_bootstrap.own(frame, method, 100, 1) < 100.0


def test_the_loop_beside_it_runs(benchmark_of_bootstrap):
    assert benchmark_of_bootstrap.loop(benchmark_of_bootstrap.people(1_000), 4, 1) > 0
