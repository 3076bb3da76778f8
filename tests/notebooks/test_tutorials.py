"""Tutorials: committed without output, run from a clean start, and the chart bears out what the words say."""

import json
import re
import time

import nbformat
import pandas as pd
import pytest

from yoseval.reporting.render import REPORTS, notebook_folder

TUTORIALS = sorted(notebook_folder().glob("tutorial_*.ipynb"))


@pytest.fixture(params=TUTORIALS, ids=lambda f: f.stem)
def tutorial(request):
    return nbformat.read(request.param, as_version=4)


def test_there_are_tutorials_and_none_of_them_is_a_report():
    assert [f.stem for f in TUTORIALS] == ["tutorial_time_zero"]
    assert not {r.notebook for r in REPORTS.values()} & {f.name for f in TUTORIALS}


def test_it_is_committed_without_output(tutorial):
    nbformat.validate(tutorial)
    assert [c.outputs for c in tutorial.cells if c.cell_type == "code" and c.outputs] == []
    assert {c.execution_count for c in tutorial.cells if c.cell_type == "code"} == {None}


def test_it_names_no_place_or_machine(tutorial):
    assert not re.search(r"/home/|/Users/|/work/|/root/|/tmp/|[A-Z]:\\\\", json.dumps(tutorial))


@pytest.fixture(scope="module")
def time_zero():
    """What the cells of the tutorial on time zero leave behind, and the CPU seconds they took."""
    notebook = nbformat.read(notebook_folder() / "tutorial_time_zero.ipynb", as_version=4)
    left, begin = {}, time.process_time()
    cells = [c.source for c in notebook.cells if c.cell_type == "code"]
    for cell in cells[:-1]:
        exec(compile(cell, "cell", "exec"), left)
    # The last expression of the last cell is what the notebook shows.
    before, _, shown = cells[-1].rpartition("\nfigure_block(")
    exec(compile(f"{before}\nblock = figure_block({shown}", "cell", "exec"), left)
    return left, time.process_time() - begin


def test_the_tutorial_on_time_zero_runs_in_less_than_a_minute(time_zero):
    assert time_zero[1] < 60


def test_its_naive_comparison_errs_and_its_four_rules_do_not(time_zero):
    results: pd.DataFrame = time_zero[0]["results"].set_index("rule")

    assert results.loc["Ever against never", "high"] < -10
    rules = results.drop("Ever against never")
    assert len(rules) == 4
    assert ((rules["low"] < 0) & (rules["high"] > 0)).all()


def test_its_chart_says_in_words_what_it_shows(time_zero):
    left, _ = time_zero

    assert f"{left['naive'].difference:+.1f} per 100 children" in left["block"].html
    assert "4 of their four intervals contain 0" in left["block"].html
