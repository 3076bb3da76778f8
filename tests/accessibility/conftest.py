"""The checks of `support.py`, and a page that holds one of everything a report may show."""

import base64
import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest

from yoseval.reporting.blocks import BLOCK_TYPE
from yoseval.reporting.exporters import BriefingExporter, ReportExporter

HERE = Path(__file__).parent


def load_support():
    """Import `support.py` by its path: tests are no package."""
    name = "yoseval_accessibility_support"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / "support.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="600" height="120"><rect width="300" height="60" fill="#12436D"/></svg>'
IMAGE = "data:image/svg+xml;base64," + base64.b64encode(SVG).decode()
VERDICTS = {
    "likely_reduced": "▼ Likely reduces reoffending",
    "no_worthwhile_effect": "■ No important difference",
    "cannot_tell": "◆ We cannot tell yet",
    "likely_increased": "▲ Likely increases reoffending",
    "not_comparable": "○ No fair comparison",
    "not_evaluable": "○ Cannot be evaluated yet",
}
_HEAD = '<tr><th scope="col">Group</th><th scope="col" class="num">Per 100 children</th></tr>'
_ROWS = """<tr><th scope="row">Took part</th><td class="num">25.0</td></tr>
<tr><th scope="row">Comparison</th><td class="num">[c]</td></tr>"""
NUMBERS = f"<table><caption>The numbers</caption><thead>{_HEAD}</thead><tbody>{_ROWS}</tbody></table>"
_WIDE_HEAD = "".join(f'<th scope="col">Column {i}</th>' for i in range(8))
_WIDE_ROW = "".join(f"<td>between 1.2 and 3.{i}</td>" for i in range(8))
WIDE = f"<table><caption>All</caption><thead><tr>{_WIDE_HEAD}</tr></thead><tbody><tr>{_WIDE_ROW}</tr></tbody></table>"
FIGURE = f"""<div class="figure" role="group" aria-labelledby="f1">
<h3 class="figure__title" id="f1">Fewer children reoffended</h3>
<p class="figure__subtitle">Per 100</p><img src="{IMAGE}" alt="Bar chart: 25 in 100 against 33 in 100.">
<p class="figure__source">Source: simulated records</p><div class="numbers">{NUMBERS}</div></div>"""
COLUMNS = """<div class="columns"><div><h2>What you can say</h2><ul><li>A</li></ul></div>
<div><h2>What you cannot say</h2><p>B</p></div></div>"""
FACTS = """<dl class="facts"><dt>Time zero</dt><dd>Sixty days after the order</dd></dl>
<div class="finding-row keep"><h3>Row</h3><p>C</p></div>"""
METHOD = """<h2 class="page-break">Method</h2><p>See <a href="portfolio.html">the portfolio</a>.</p>
<math display="block"><mrow><mi>e</mi><mo>(</mo><mi>x</mi><mo>)</mo></mrow></math>"""


def sample_blocks():
    """One block of every kind."""
    said = "<p>About <strong>8 fewer</strong>.</p>"
    boxes = [f'<div class="verdict verdict--{v}"><h2>{w}</h2>{said}</div>' for v, w in VERDICTS.items()]
    pills = "".join(f'<p><span class="pill verdict--{v}">{w}</span></p>' for v, w in VERDICTS.items())
    tiles = "".join(f'<li class="tile verdict--{v}"><strong>1</strong>{w}</li>' for v, w in VERDICTS.items())
    return [
        '<h1>Does mentoring reduce reoffending?</h1><p class="lead">Twelve-month follow-up.</p>',
        *boxes,
        FIGURE,
        f'<h2>All programmes</h2><ul class="tiles">{tiles}</ul>{pills}',
        f'<div class="table-scroll" role="region" tabindex="0" aria-label="Findings">{WIDE}</div>',
        '<p class="muted">[c] is confidential.</p>',
        COLUMNS,
        '<div class="callout"><h3>Could we have seen it?</h3><p>A fall of 11.6 in every 100.</p></div>',
        FACTS,
        METHOD,
    ]


def sample_notebook(blocks):
    outputs = [
        nbformat.v4.new_output("execute_result", data={BLOCK_TYPE: b, "text/html": b}, execution_count=1) for b in blocks
    ]
    cells = [nbformat.v4.new_code_cell("x", outputs=[o]) for o in outputs]
    cells.append(nbformat.v4.new_markdown_cell("## How we did this\n\nWe followed *both* groups."))
    words = {
        "title": "Board briefing: Anytown",
        "service": "Anytown",
        "kind": "Board briefing",
        "provenance": "Produced with yoseval.",
    }
    return nbformat.v4.new_notebook(cells=cells, metadata={"yoseval": words})


@pytest.fixture(scope="session")
def support():
    return load_support()


def write_page(exporter, folder):
    file = folder / "page.html"
    file.write_text(exporter().from_notebook_node(sample_notebook(sample_blocks()))[0], encoding="utf-8")
    return file


@pytest.fixture(scope="session", params=[ReportExporter, BriefingExporter], ids=["report", "briefing"])
def page(request, tmp_path_factory):
    """A page with one of everything, in the type of a report and of a briefing."""
    return write_page(request.param, tmp_path_factory.mktemp("page"))


@pytest.fixture
def spoil(tmp_path):
    """A copy of the page with one thing replaced."""

    def replaced(old, new):
        file = write_page(ReportExporter, tmp_path)
        html = file.read_text(encoding="utf-8")
        assert old in html
        file.write_text(html.replace(old, new, 1), encoding="utf-8")
        return file

    return replaced
