"""A fast slice of the benchmark of growth: no step's time grows by much more than n log n."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def found():
    spec = importlib.util.spec_from_file_location("growth_benchmark", Path(__file__).with_name("growth_benchmark.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["growth_benchmark"] = module
    spec.loader.exec_module(module)
    return module.main(10_000, 100_000)


def test_no_step_grows_by_much_more_than_n_log_n(found):
    # n log n has 1.10 here, the square 2; a busy machine and its caches may add a third.
    assert len(found) == 9
    assert {g.work: g.exponent for g in found if g.exponent > 1.45} == {}
