"""Blocks in, blocks out; everything else is dropped and counted; the page is the same every time."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from yoseval.errors import ReportError
from yoseval.reporting.blocks import BLOCK_TYPE
from yoseval.reporting.exporters import ANOTHER_FORMAT, BriefingExporter, ReportExporter


def block(html, kind="execute_result"):
    return new_output(kind, data={BLOCK_TYPE: html, "text/html": html, "text/plain": "Block(...)"})


def notebook(*cells, **words):
    return new_notebook(cells=list(cells), metadata={"yoseval": words} if words else {})


def shown(*outputs):
    return new_code_cell("secret_source = 1", outputs=list(outputs))


def export(nb, exporter=ReportExporter):
    return exporter().from_notebook_node(nb)


@pytest.mark.parametrize("kind", ["execute_result", "display_data"])
@pytest.mark.parametrize("exporter", [ReportExporter, BriefingExporter])
def test_as_many_charts_come_out_as_went_in(kind, exporter):
    charts = [f'<div class="figure"><img src="data:image/png;base64,AAA{i}" alt="Chart {i}"></div>' for i in range(7)]
    cells = [shown(*(block(c, kind) for c in charts[:3])), *(shown(block(c, kind)) for c in charts[3:])]

    page, resources = export(notebook(*cells), exporter)

    assert re.findall(r'alt="Chart (\d)"', page) == list("0123456")
    assert resources["yoseval"]["blocks"] == 7


def test_everything_but_blocks_and_markdown_is_dropped_and_counted():
    frame = new_output("execute_result", data={"text/html": "<table>LEAK</table>", "text/plain": "LEAK"})
    widget = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "LEAK"}})
    error = new_output("error", ename="E", evalue="LEAK", traceback=["LEAK"])
    printed = new_output("stream", name="stderr", text="LEAK")
    cells = [
        shown(printed, frame, block("<p>kept</p>"), widget, error, printed),
        new_raw_cell("LEAK"),
        new_markdown_cell("said"),
    ]

    page, resources = export(notebook(*cells))

    assert "LEAK" not in page
    assert "secret_source" not in page
    assert "<p>kept</p>" in page
    assert "<p>said</p>" in page
    dropped = {"application/vnd.jupyter.widget-view+json": 1, "error": 1, "stream": 2, "text/html": 1}
    assert resources["yoseval"] == {"blocks": 1, "dropped": dropped}
    assert 'data-blocks="1" data-dropped="5"' in page


def test_the_same_notebook_gives_the_same_bytes():
    nb = notebook(shown(block("<p>a</p>")), new_markdown_cell("# b"), title="T")

    assert export(nb)[0].encode() == export(nb)[0].encode()


def test_exporting_leaves_the_notebook_as_it_was():
    nb = notebook(shown(block("<p>a</p>"), new_output("stream", text="x")))
    before = nbformat.writes(nb)

    export(nb)

    assert nbformat.writes(nb) == before


def test_words_around_the_page_come_from_the_metadata_and_are_escaped():
    hostile = "</title><script>alert(1)</script>{{7*7}}\"'"

    page, _ = export(notebook(title=hostile, service=hostile, kind=hostile, provenance=hostile, another_format=hostile))

    assert "<script" not in page
    assert page.count("&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}&#34;&#39;") == 5


def test_a_notebook_without_our_metadata_is_called_by_its_name_and_offers_another_format():
    page, _ = ReportExporter().from_notebook_node(notebook(shown(block("<p>a</p>"))), resources={"metadata": {"name": "Plain"}})

    assert "<title>Plain</title>" in page
    assert ANOTHER_FORMAT in page


def test_html_in_markdown_comes_out_as_text_and_its_dangerous_links_lead_nowhere():
    source = "**bold** <script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"

    page, _ = export(notebook(new_markdown_cell(source)))

    assert "<strong>bold</strong>" in page
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search(r'href="\s*javascript', page)


def test_markdown_headings_carry_no_anchor_sign():
    page, _ = export(notebook(new_markdown_cell("## How we did this")))

    assert "<h2>How we did this</h2>" in page


def test_a_block_with_a_script_is_refused():
    with pytest.raises(ReportError, match="tag <script>"):
        export(notebook(shown(block("<script>alert(1)</script>"))))


def test_text_that_looks_like_a_template_in_a_block_stays_text():
    page, _ = export(notebook(shown(block("<p>{{7*7}}{% raw %}</p>"))))

    assert "<p>{{7*7}}{% raw %}</p>" in page


def test_a_formula_on_its_own_line_can_be_reached_by_keyboard_and_one_within_a_line_is_left_alone():
    formulas = '<math xmlns="x" display="block"><mi>a</mi></math><p><math display="inline"><mi>b</mi></math></p>'

    page, _ = export(notebook(shown(block(formulas))))

    assert '<math tabindex="0" xmlns="x" display="block">' in page
    assert '<math display="inline">' in page


def test_the_page_stands_alone():
    page, _ = export(notebook(shown(block("<p>a</p>"))))

    assert page.startswith('<!DOCTYPE html>\n<html lang="en-GB">')
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in page
    assert not re.search(r"<script|<link|@import|url\(|https?:|jp-", page)


def test_a_briefing_differs_from_a_report_only_in_its_class():
    nb = notebook(shown(block("<p>a</p>")), title="T")

    assert export(nb, BriefingExporter)[0].replace('class="briefing"', 'class="report"', 1) == export(nb)[0]


def test_nbconvert_runs_the_exporter_by_name(tmp_path):
    nbformat.write(notebook(shown(block("<p>by name</p>"))), tmp_path / "a.ipynb")
    name = "yoseval.reporting.exporters.ReportExporter"
    command = [sys.executable, "-m", "nbconvert", "--to", name, "--output-dir", str(tmp_path), str(tmp_path / "a.ipynb")]

    subprocess.run(command, check=True, capture_output=True, timeout=60)

    assert "<p>by name</p>" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_importing_the_exporters_brings_in_nothing_optional():
    program = "import sys, yoseval.reporting.exporters; print({'weasyprint', 'matplotlib', 'pandas'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "set()"
