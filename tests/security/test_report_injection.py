"""Names from data reach a page as text: through parameters, title, banner, file names, blocks and markdown."""

import json
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from yoseval.errors import ReportError
from yoseval.reporting import render
from yoseval.reporting.render import REPORTS, render_all, render_report

HOSTILE = {
    "script and template": "<script>alert(1)</script>{{7*7}}",
    "block of a template": "{% for x in range(3) %}{{ cycler.__init__.__globals__ }}{% endfor %}{# gone #}",
    "end of the title": "</title></style></head><body onload=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "markdown": "[a](javascript:alert(1)) **bold** ![b](https://example.org/b.png) `code`",
    "python": "'''; import os; os._exit(1) #\\",
    "entities": "&lt;script&gt; &#x3c;img src=x onerror=alert(1)&#x3e;",
    "comment and cdata": "--><!-- ]]><![CDATA[ <?xml ?>",
    "svg": "<svg/onload=alert(1)><math><mtext></mtext><img src=x onerror=alert(1)>",
}
BODY = """from yoseval.reporting.blocks import Block, text
from yoseval.reporting.run_folder import open_run
run = open_run(parameters["run"])
names = [p.name for p in run.programmes]
Block("".join(f'<h2 id="p{i}">{text(n)}</h2><p class="muted" title="{text(n)}">{text(n)}</p>' for i, n in enumerate(names)))"""
UNSAFE = BODY.replace("text(n)", "n")


class _Read(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.names, self.texts, self.titles, self._in = set(), set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)
        self.titles += [value for name, value in attrs if name == "title"]
        if tag in ("h2", "title"):
            self._in.append(tag)
            self.texts.append("")

    def handle_endtag(self, tag):
        if tag in self._in:
            self._in.remove(tag)

    def handle_data(self, data):
        if self._in:
            self.texts[-1] += data


def read(page):
    reader = _Read()
    reader.feed(page.read_text(encoding="utf-8"))
    reader.close()
    return reader


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A run whose programmes and study bear hostile names, and notebooks that show them."""

    def made(body, title):
        tagged = new_code_cell("parameters = {}", metadata={"tags": ["parameters"]})
        cells = [tagged, new_code_cell(body), new_markdown_cell("# A report")]
        for report in REPORTS.values():
            nbformat.write(new_notebook(cells=cells), tmp_path / report.notebook)
        programmes = [{"id": n, "name": n, "slug": f"p{i}"} for i, n in enumerate(HOSTILE.values())]
        manifest = {
            "yoseval": title,
            "study": {"title": title},
            "programmes": programmes,
            "seed": title,
            "disclosure": {"policy": title},
        }
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        (tmp_path / "run" / "findings.csv").write_text("programme\n", encoding="utf-8")
        monkeypatch.setattr(render, "notebook_folder", lambda: tmp_path)
        return tmp_path / "run"

    return made


def test_every_hostile_name_reads_on_every_page_as_it_was_given(study):
    title = "".join(HOSTILE.values())

    pages = [r.path for r in render_all(study(BODY, title), pdf=())]

    assert len(pages) == 2 + len(HOSTILE)
    for page in pages:
        read_page = read(page)
        assert read_page.texts[1:] == list(HOSTILE.values())
        assert read_page.titles == list(HOSTILE.values())
        assert title in read_page.texts[0]
        assert "<script" not in page.read_text(encoding="utf-8")
        assert "49" not in read_page.texts[0].replace(title, "")


def test_hostile_names_add_no_tag_and_no_attribute_to_a_page(study, tmp_path):
    page = read(render_report(study(BODY, HOSTILE["end of the title"]), "portfolio"))

    tags = {"html", "head", "meta", "title", "style", "body", "a", "header", "div", "p", "main", "h1", "h2", "footer"}
    assert page.tags == tags
    assert {n for n in page.names if n.startswith("on") or n in ("src", "srcset", "action")} == set()


def test_a_name_that_was_not_escaped_stops_the_report_instead_of_reaching_a_reader(study):
    run = study(UNSAFE, "Study")

    with pytest.raises(ReportError, match="which a report may not hold"):
        render_report(run, "portfolio")

    assert not (run / "portfolio.html").exists()


def test_an_id_from_data_is_never_part_of_a_path(study):
    run = study(BODY, "Study")

    page = render_report(run, "technical", programme=HOSTILE["end of the title"])

    assert page.parent == run
    assert page.name == "technical_p2.html"
