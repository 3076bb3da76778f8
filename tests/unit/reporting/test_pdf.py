"""A PDF appears whole or not at all, by the engine that is there, and otherwise there is a sentence."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yoseval.errors import EnvironmentFault, ReportError, UsageError
from yoseval.reporting import pdf
from yoseval.reporting.pdf import HOW_TO_PRINT, find_browser, print_pdf


@pytest.fixture
def page(tmp_path):
    file = tmp_path / "a page.html"
    file.write_text('<!DOCTYPE html><html lang="en-GB"><head><title>T</title></head><body><h1>A</h1></body></html>')
    return file


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program of ours in the browser's place; it is given the browser's arguments."""
    if sys.platform == "win32":
        pytest.fail("these tests stand a script in the browser's place, which Windows cannot start")

    def made(body):
        file = tmp_path / "browser"
        file.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
        file.chmod(0o755)
        monkeypatch.setenv("YOSEVAL_BROWSER", str(file))
        return file

    return made


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    monkeypatch.delenv("YOSEVAL_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pdf, "_usual_places", list)
    monkeypatch.setattr(pdf.importlib.util, "find_spec", lambda name: None)


WRITE = "target = [a for a in sys.argv if a.startswith('--print-to-pdf=')][0].split('=', 1)[1]\nopen(target, 'w').write({})"


def test_a_named_browser_goes_before_all_others(program):
    named = program("")

    assert find_browser() == named


def test_a_named_browser_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSEVAL_BROWSER", str(tmp_path / "absent"))

    with pytest.raises(UsageError, match="YOSEVAL_BROWSER"):
        find_browser()


def test_without_an_engine_there_is_a_sentence_and_no_file(page, nothing_installed):
    assert print_pdf(page, page.with_suffix(".pdf")) == HOW_TO_PRINT
    assert list(page.parent.iterdir()) == [page]


@pytest.mark.parametrize("engine", ["browser", "weasyprint"])
def test_an_engine_asked_for_by_name_must_be_there(page, nothing_installed, engine):
    with pytest.raises(ReportError, match="not installed"):
        print_pdf(page, page.with_suffix(".pdf"), engine=engine)


def test_an_unknown_engine_is_an_error(page):
    with pytest.raises(UsageError, match="'word' is not a PDF engine"):
        print_pdf(page, page.with_suffix(".pdf"), engine="word")


def test_none_makes_no_pdf_even_where_a_browser_is_installed(page, program):
    program(WRITE.format("'%PDF-1.7'"))

    assert print_pdf(page, page.with_suffix(".pdf"), engine="none") == HOW_TO_PRINT


def test_the_browser_reaches_no_network_and_keeps_its_own_profile(page, program):
    program(WRITE.format("'%PDF-' + '\\n'.join(sys.argv)"))

    assert print_pdf(page, page.with_suffix(".pdf")) == "browser"

    said = page.with_suffix(".pdf").read_text()[5:].splitlines()[1:]
    assert {
        "--headless",
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    } <= set(said)
    assert any(a.startswith("--user-data-dir=") for a in said)
    assert said[-1] == page.resolve().as_uri()


@pytest.mark.parametrize(("root", "given"), [(0, True), (1000, False)])
def test_the_sandbox_is_left_out_for_root_only(page, program, monkeypatch, root, given):
    program(WRITE.format("'%PDF-' + '\\n'.join(sys.argv)"))
    monkeypatch.setattr(pdf.os, "geteuid", lambda: root)

    print_pdf(page, page.with_suffix(".pdf"))

    assert ("--no-sandbox" in page.with_suffix(".pdf").read_text()) is given


@pytest.mark.parametrize("body", ["sys.exit(1)", "pass", WRITE.format("'<html>'"), "time.sleep(30)"])
def test_a_browser_that_fails_leaves_the_last_good_pdf_alone(page, program, body):
    program(body)
    page.with_suffix(".pdf").write_bytes(b"%PDF-old")

    with pytest.raises(ReportError, match="could not be printed"):
        print_pdf(page, page.with_suffix(".pdf"), timeout=1)

    assert page.with_suffix(".pdf").read_bytes() == b"%PDF-old"
    assert not list(page.parent.glob("*.part"))


def test_a_folder_that_is_not_there_is_a_fault_of_the_environment(page, program, tmp_path):
    program("")

    with pytest.raises(EnvironmentFault, match="cannot be written"):
        print_pdf(page, tmp_path / "absent" / "a.pdf")


def test_weasyprint_stands_in_where_there_is_no_browser_and_loads_nothing(page, nothing_installed, monkeypatch):
    asked = {}

    def document(*, filename, url_fetcher):
        asked["fetch"] = url_fetcher
        return SimpleNamespace(write_pdf=lambda target, pdf_variant: Path(target).write_text("%PDF-" + pdf_variant))

    fake = SimpleNamespace(HTML=document, default_url_fetcher=lambda url: {"string": url})
    monkeypatch.setattr(pdf.importlib.util, "find_spec", lambda name: fake)
    monkeypatch.setitem(sys.modules, "weasyprint", fake)

    assert print_pdf(page, page.with_suffix(".pdf")) == "weasyprint"
    assert page.with_suffix(".pdf").read_text() == "%PDF-pdf/ua-1"
    assert asked["fetch"]("data:image/png;base64,AA") == {"string": "data:image/png;base64,AA"}
    for address in ("https://example.org/a.png", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="loads nothing"):
            asked["fetch"](address)


@pytest.mark.browser
def test_an_installed_browser_prints_the_same_pdf_twice_but_for_its_dates(page):
    import re

    files = [page.with_name(f"{i}.pdf") for i in range(2)]
    for file in files:
        assert print_pdf(page, file, engine="browser") == "browser"

    first, second = (re.sub(rb"/(Creation|Mod)Date \([^)]*\)", b"", f.read_bytes()) for f in files)
    assert first == second
    assert first.startswith(b"%PDF-")


def test_printing_says_nothing_on_the_terminal(page, program, capfd):
    program("print('x'); print('x', file=sys.stderr)\n" + WRITE.format("'%PDF-1.7'"))

    print_pdf(page, page.with_suffix(".pdf"))

    assert capfd.readouterr() == ("", "")
