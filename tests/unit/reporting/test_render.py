"""From a run folder to finished pages: names, order, words, the same bytes for any number of jobs."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from yoseval.errors import ReportError, UsageError
from yoseval.reporting import render
from yoseval.reporting.pdf import HOW_TO_PRINT
from yoseval.reporting.render import REPORTS, notebook_folder, page_words, render_all, render_report
from yoseval.reporting.run_folder import open_run

BODY = """import json, pathlib
from yoseval.reporting.blocks import Block, text
manifest = json.loads(pathlib.Path(parameters["run"], "manifest.json").read_text(encoding="utf-8"))
Block(f"<h1>{text(manifest['study']['title'])}: {text(parameters['programme'])}</h1>")"""
PROGRAMMES = [{"id": "aim", "name": "Aim <High>", "slug": "aim_high"}, {"id": "b", "name": "Boxing", "slug": "boxing"}]


def make_run(folder, programmes=PROGRAMMES):
    folder.mkdir(exist_ok=True)
    manifest = {
        "yoseval": "0.1.0",
        "study": {"title": "Anytown & district"},
        "programmes": programmes,
        "seed": 7,
        "disclosure": {"policy": "tre_10"},
        "inputs": [{"file": "a.csv", "sha256": "ab" * 32, "rows": 3}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "findings.csv").write_text("programme\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run folder of two programmes, and notebooks that show one block."""
    write_notebooks(tmp_path, BODY)
    monkeypatch.setattr(render, "notebook_folder", lambda: tmp_path)
    return make_run(tmp_path / "run")


def write_notebooks(where, *sources):
    tagged = new_code_cell("parameters = {}", metadata={"tags": ["parameters"]})
    for report in REPORTS.values():
        nbformat.write(new_notebook(cells=[tagged, *map(new_code_cell, sources)]), where / report.notebook)


def contents(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_a_run_gives_a_briefing_a_portfolio_and_a_technical_report_for_each_programme(folder):
    rendered = render_all(folder, engine="none", pdf=())

    names = ["board_briefing.html", "portfolio.html", "technical_aim_high.html", "technical_boxing.html"]
    assert [r.path.name for r in rendered] == names
    assert sorted(contents(folder)) == sorted([*names, "findings.csv", "manifest.json"])


def test_a_run_of_checked_records_gives_the_report_on_them_alone(folder):
    (folder / "findings.csv").rename(folder / "quality.csv")

    rendered = render_all(folder, engine="none", pdf=())

    assert [r.path.name for r in rendered] == ["data_quality.html"]


def test_one_job_or_four_give_the_same_bytes(folder):
    render_all(folder, jobs=1, pdf=())
    one = contents(folder)

    render_all(folder, jobs=4, pdf=())

    assert contents(folder) == one


def test_a_report_alone_has_the_same_bytes_as_among_others(folder):
    render_all(folder, pdf=())
    among = contents(folder)["technical_boxing.html"]

    alone = render_report(folder, "technical", programme="b")

    assert alone.read_bytes() == among


def test_the_notebook_is_told_its_run_and_its_programme(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)

    page = render_report("run", "technical", programme="aim").read_text(encoding="utf-8")

    assert "<h1>Anytown &amp; district: aim</h1>" in page


def test_a_page_is_titled_with_its_kind_study_and_programme(folder):
    page = render_report(folder, "technical", programme="aim").read_text(encoding="utf-8")

    assert "<title>Technical report: Anytown &amp; district (Aim &lt;High&gt;)</title>" in page
    assert '<p class="banner__kind">Technical report</p>' in page


def test_titles_of_a_run_are_all_different(folder):
    run = open_run(folder)
    titles = [page_words(run, report, p)["title"] for report in REPORTS.values() for p in (None, *run.programmes)]

    assert len(set(titles)) == len(titles)


def test_the_footer_says_what_the_page_was_made_with_and_no_time(folder):
    said = page_words(open_run(folder), REPORTS["portfolio"], None)["provenance"]

    assert said == "Produced with yoseval 0.1.0. Random seed 7. Disclosure policy tre_10. Digest of the data abababababab."


def test_the_only_programme_of_a_run_need_not_be_named(folder):
    make_run(folder, PROGRAMMES[:1])

    assert render_report(folder).name == "technical_aim_high.html"


def test_a_briefing_may_be_about_one_programme(folder):
    assert render_report(folder, "board_briefing", programme="b").name == "board_briefing_boxing.html"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"report": "poster"}, "'poster' is not a report. Choose one of board_briefing, portfolio, technical, data_quality."),
        ({"report": "technical"}, "is about one programme. Name one of aim, b."),
        ({"report": "technical", "programme": "x"}, "'x' is not a programme of this run. Name one of aim, b."),
        ({"report": "portfolio", "programme": "b"}, "is about all programmes."),
        ({"report": "portfolio", "format": "docx"}, "'docx' is not a format of reports."),
    ],
)
def test_what_cannot_be_rendered_is_said(folder, asked, said):
    with pytest.raises(UsageError) as refused:
        render_report(folder, **asked)

    assert said in str(refused.value)


def test_reports_can_be_written_elsewhere(folder, tmp_path):
    before = contents(folder)

    page = render_report(folder, "portfolio", folder_out=tmp_path / "new" / "place")

    assert page == tmp_path / "new" / "place" / "portfolio.html"
    assert contents(folder) == before


def test_without_a_pdf_engine_the_page_is_written_and_a_sentence_says_how_to_print(folder):
    rendered = render_all(folder, engine="none")

    assert [r.note for r in rendered if r.note] == [HOW_TO_PRINT]
    assert not list(folder.glob("*.pdf"))


def test_a_pdf_of_an_earlier_run_does_not_stay_beside_the_new_page(folder):
    (folder / "board_briefing.pdf").write_bytes(b"%PDF-old")

    render_all(folder, engine="none")

    assert not (folder / "board_briefing.pdf").exists()


def test_a_pdf_asked_for_that_cannot_be_made_is_an_error_and_the_page_stays(folder):
    with pytest.raises(ReportError, match=r"Ctrl\+P"):
        render_report(folder, "portfolio", format="pdf", engine="none")

    assert (folder / "portfolio.html").is_file()


@pytest.mark.browser
def test_the_briefing_is_printed_beside_its_page(folder):
    rendered = render_all(folder, engine="browser")

    assert [r.path.name for r in rendered][:2] == ["board_briefing.html", "board_briefing.pdf"]
    assert (folder / "board_briefing.pdf").read_bytes().startswith(b"%PDF-")


def test_progress_hears_of_each_file_once(folder):
    heard = []

    rendered = render_all(folder, pdf=(), on_progress=heard.append)

    assert sorted(heard, key=lambda r: r.path) == sorted(rendered, key=lambda r: r.path)
    assert all(r.seconds > 0 for r in heard)


def test_a_failing_report_is_told_once_the_others_are_written(folder):
    write_notebooks(folder.parent, BODY, "assert parameters['programme'] != 'aim', 'broken'")

    with pytest.raises(ReportError, match="cell 3 failed: AssertionError: broken"):
        render_all(folder, pdf=())

    assert sorted(f.name for f in folder.glob("*.html")) == ["board_briefing.html", "portfolio.html", "technical_boxing.html"]


def test_a_notebook_that_shows_nothing_leaves_the_last_good_page_alone(folder):
    (folder / "portfolio.html").write_text("good")
    write_notebooks(folder.parent, "1")

    with pytest.raises(ReportError, match="shows no block"):
        render_report(folder, "portfolio")

    assert (folder / "portfolio.html").read_text() == "good"
    assert not list(folder.glob("*.part"))


def test_every_report_of_the_menu_has_its_notebook():
    assert all((notebook_folder() / report.notebook).is_file() for report in REPORTS.values())
