"""A fast slice of the benchmark of weights: every piece of work runs, and beats its installed peers."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def benchmark_of_weights():
    spec = importlib.util.spec_from_file_location("weights_benchmark", Path(__file__).with_name("weights_benchmark.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(benchmark_of_weights):
    return benchmark_of_weights.main(40_000)


def test_every_piece_of_work_is_timed(found):
    assert {t.work for t in found if t.who == "yoseval"} == {
        "logit",
        "ridge",
        "firth, a tenth",
        "weights with derivatives",
        "entropy balancing",
        "balancing score, ATE",
        "balance before and after",
    }
    assert all(t.seconds > 0 for t in found)


def test_the_logit_is_quicker_than_that_of_statsmodels(found):
    seconds = {t.who: t.seconds for t in found if t.work == "logit"}

    # Alone it is five to ten times quicker; a shared machine may halve that.
    assert seconds["yoseval"] < seconds["statsmodels"]


def test_the_table_gives_a_ratio_for_each_peer(benchmark_of_weights, found):
    lines = benchmark_of_weights.report(found).splitlines()

    assert len(lines) == len(found) + 1
    assert sum("yoseval" not in line for line in lines[1:]) == sum(t.who != "yoseval" for t in found)
