"""A fast slice of the benchmark of curves: every piece of work runs, none far behind its installed peers."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def benchmark_of_curves():
    spec = importlib.util.spec_from_file_location("curves_benchmark", Path(__file__).with_name("curves_benchmark.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(benchmark_of_curves):
    return benchmark_of_curves.main(100_000)


def test_every_piece_of_work_takes_well_under_a_second(found):
    own = {t.work: t.seconds for t in found if t.who == "yoseval"}

    # Alone the slowest takes a tenth of this; a shared machine may need more.
    assert len(own) == 17
    assert max(own.values()) < 1.0


@pytest.mark.parametrize(
    ("work", "peer"), [("incidence", "statsmodels"), ("log-rank", "statsmodels"), ("log-rank", "lifelines")]
)
def test_it_is_about_as_quick_as_its_peer_or_quicker(found, work, peer):
    seconds = {t.who: t.seconds for t in found if t.work == work}

    # A million alone: 1.4, 0.9 and 2.2 times as quick; a shared machine may halve that for a moment.
    assert seconds["yoseval"] < 2.5 * seconds[peer]


def test_the_table_gives_a_ratio_for_each_peer(benchmark_of_curves, found):
    lines = benchmark_of_curves.report(found).splitlines()

    assert len(lines) == len(found) + 1
    assert sum("yoseval" not in line for line in lines[1:]) == sum(t.who != "yoseval" for t in found)
