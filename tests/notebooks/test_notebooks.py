"""The notebooks that are shipped: no output, no data, one parameters cell, and each cell that shows a thing shows a block."""

import ast
import json
import re

import nbformat
import pytest

from yoseval.reporting.execute import with_parameters
from yoseval.reporting.pdf import print_pdf
from yoseval.reporting.render import REPORTS, notebook_folder, render_all

FILES = [notebook_folder() / report.notebook for report in REPORTS.values()]


@pytest.fixture(params=FILES, ids=lambda f: f.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [c.source for c in notebook.cells if c.cell_type == "code"]


def test_it_is_a_valid_notebook(notebook):
    nbformat.validate(notebook)


def test_it_is_committed_without_output(notebook):
    assert [c.outputs for c in notebook.cells if c.cell_type == "code" and c.outputs] == []
    assert {c.execution_count for c in notebook.cells if c.cell_type == "code"} == {None}


def test_its_first_cell_alone_takes_the_parameters(notebook):
    tagged = [i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", [])]

    assert tagged == [0]
    assert with_parameters(notebook, {"run": "x"}).cells[0].source != notebook.cells[0].source


def test_it_imports_nothing_but_reporting(notebook):
    imported = [n for s in code(notebook) for n in ast.walk(ast.parse(s)) if isinstance(n, ast.Import | ast.ImportFrom)]
    modules = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imported}

    assert modules
    assert all(m == "yoseval.reporting" or m.startswith("yoseval.reporting.") for m in modules)


def test_it_holds_no_arithmetic(notebook):
    """Statistics belong in the package, where they are tested."""
    trees = [ast.parse(s) for s in code(notebook)]

    assert not [n for t in trees for n in ast.walk(t) if isinstance(n, ast.BinOp | ast.For | ast.FunctionDef | ast.While)]


def test_it_names_no_place_or_machine(notebook):
    assert not re.search(r"/home/|/Users/|/work/|/root/|[A-Z]:\\\\", json.dumps(notebook))


def test_at_most_one_heading_of_level_one_is_written_in_markdown(notebook):
    said = [line for c in notebook.cells if c.cell_type == "markdown" for line in c.source.splitlines()]

    assert sum(line.startswith("# ") for line in said) <= 1


@pytest.fixture(scope="module")
def pages(example_run):
    """Every report of the example run."""
    return [r.path for r in render_all(example_run, pdf=())]


def test_all_of_them_run_on_a_run_folder(pages):
    assert [p.stem.split("_")[0] for p in pages] == ["board", "portfolio", "technical", "technical", "technical"]


def test_no_page_has_a_fault_that_can_be_seen_without_a_browser(pages, support):
    assert {p.name: support.page_faults(p) for p in pages} == {p.name: [] for p in pages}


def test_nothing_they_show_is_dropped(pages):
    for page in pages:
        assert 'data-dropped="0"' in page.read_text(encoding="utf-8")


def test_a_hostile_name_is_shown_as_text(pages):
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#123;&#123;7*7&#125;&#125;" in pages[0].read_text(encoding="utf-8")


def test_rendering_them_again_gives_the_same_bytes(pages, example_run):
    before = {p.name: p.read_bytes() for p in pages}

    render_all(example_run, jobs=1, pdf=())

    assert {p.name: p.read_bytes() for p in pages} == before


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 320])
def test_axe_finds_nothing_on_any_page(pages, support, width):
    # One page of each report: the others differ in their numbers only.
    assert {p.name: support.axe_faults(p, width=width) for p in pages[:3]} == {p.name: [] for p in pages[:3]}


@pytest.mark.browser
def test_their_pdfs_are_accessible(pages, support, tmp_path):
    for page in pages[:3]:
        file = tmp_path / f"{page.stem}.pdf"
        assert print_pdf(page, file, engine="browser") == "browser"
        assert support.pdf_faults(file) == []
