"""A fast slice of the table of survival and effects: every row is there, and the effect is its peer's."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def benchmark_of_effects():
    spec = importlib.util.spec_from_file_location("effects_benchmark", Path(__file__).with_name("effects_benchmark.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["effects_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_every_row_of_the_table_is_timed(benchmark_of_effects, capsys):
    found = benchmark_of_effects.main(1_000, 2_000, 200, 100, ("overlap",))

    own = {r.work for r in found if r.who == "yoseval"}
    assert own == {
        "Cox",
        "Cox, weights, clusters",
        "Fine-Gray, weights, clusters",
        "Kaplan-Meier with influence",
        "restricted mean with influence",
        "Aalen-Johansen with influence",
        "logistic, clustered",
        "M-estimation",
        "1,000 replicates, overlap",
        "jackknife, weights fitted again",
    }
    assert {"lifelines", "statsmodels"} <= {r.who for r in found}
    assert len(capsys.readouterr().out.splitlines()) >= len(found) + 1


def test_the_weighted_effect_is_that_of_statsmodels(benchmark_of_effects):
    drawn = benchmark_of_effects.clustered(2_000, 4)

    effect, error = benchmark_of_effects.weighted_effect(drawn)

    peer_effect, peer_error = benchmark_of_effects.statsmodels_effect(drawn)
    assert effect == pytest.approx(peer_effect, abs=1e-6)
    # Its sandwich takes derivatives by differences.
    assert error == pytest.approx(peer_error, rel=1e-3)


def test_the_clustered_regression_is_quicker_than_that_of_statsmodels(benchmark_of_effects):
    drawn = benchmark_of_effects.clustered(40_000, 28)

    own = benchmark_of_effects.median_seconds(
        lambda: benchmark_of_effects.fit_clustered_logit(drawn.x, drawn.y, drawn.cluster), 3
    )
    peer = benchmark_of_effects.median_seconds(lambda: benchmark_of_effects.statsmodels_logit(drawn), 3)

    # Of a million rows three times and more; of so few about twice.
    assert own < peer


def test_replicates_of_a_jackknife_at_once_are_quicker_than_one_at_a_time(benchmark_of_effects):
    seconds = {row.who: row.seconds for row in benchmark_of_effects.jackknife(300)}

    # Measured a twentieth of it.
    assert 4 * seconds["yoseval"] < seconds["one at a time"]
