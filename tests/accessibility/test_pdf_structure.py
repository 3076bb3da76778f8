"""The printed PDF is tagged: language, title, bookmarks, alternative texts, header cells, A4."""

import pytest

from yoseval.reporting.pdf import print_pdf

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def printed(tmp_path_factory, page):
    file = tmp_path_factory.mktemp("pdf") / "page.pdf"
    assert print_pdf(page, file, engine="browser") == "browser"
    return file


def test_the_pdf_has_no_structural_fault(support, printed):
    assert support.pdf_faults(printed) == []


def test_charts_and_header_cells_of_the_page_are_in_the_pdf(support, printed):
    counts = support.structure_counts(printed)

    assert counts["/Figure"] == 1
    # Four header cells of the small table, eight of the wide one.
    assert counts["/TH"] == 12


def test_pages_are_numbered(printed):
    from pypdf import PdfReader

    pages = PdfReader(printed).pages
    assert len(pages) >= 2
    for number, sheet in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in sheet.extract_text()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('<html lang="en-GB">', "<html>", "language is"),
        ("Bar chart: 25 in 100 against 33 in 100.", " ", "a figure without alt text"),
        ("<h1>Does mentoring reduce reoffending?</h1>", "<p>x</p>", "0 headings of level 1"),
        ("size: A4", "size: A5", "not A4"),
    ],
)
def test_a_spoilt_pdf_is_found_out(support, spoil, tmp_path, old, new, fault):
    print_pdf(spoil(old, new), tmp_path / "spoilt.pdf", engine="browser")

    assert any(fault in f for f in support.pdf_faults(tmp_path / "spoilt.pdf"))
