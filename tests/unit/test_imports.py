"""Importing is quick: nothing heavy comes in until it is used."""

import json
import subprocess
import sys

import pytest

HEAVY = ("statsmodels", "sklearn", "matplotlib", "lifelines", "nbconvert")
TABLES = ("pandas", "scipy")


def measure(module):
    """Import a module in a fresh interpreter; return the seconds it took and the top-level modules it brought."""
    code = (
        "import sys, time, json; before = set(sys.modules); start = time.perf_counter()\n"
        f"import {module}\n"
        "took = time.perf_counter() - start\n"
        "print(json.dumps([took, sorted({m.split('.')[0] for m in set(sys.modules) - before})]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, modules = json.loads(done.stdout)
    return took, set(modules)


def test_import_yoseval_takes_less_than_0_3_seconds():
    best = min(measure("yoseval")[0] for _ in range(3))

    assert best < 0.3


@pytest.mark.parametrize(("module", "unwanted"), [("yoseval", (*HEAVY, *TABLES)), ("yoseval.cli", HEAVY)])
def test_import_brings_in_no_heavy_library(module, unwanted):
    assert measure(module)[1].intersection(unwanted) == set()


def test_the_check_of_imports_finds_a_heavy_library():
    assert "scipy" in measure("scipy.stats")[1]
