"""The allow-list lets reports through unchanged and refuses whatever could act or load."""

import pytest

from yoseval.errors import ReportError
from yoseval.reporting.allowed import require_allowed
from yoseval.reporting.blocks import text


@pytest.mark.parametrize(
    "html",
    [
        "<p>About <strong>8 fewer</strong> in every 100 &amp; more</p>",
        '<table><caption>A</caption><tr><th scope="col">B</th><td class="num">1</td></tr></table>',
        '<div role="group" aria-labelledby="f1"><img src="data:image/svg+xml;base64,PHN2Zy8+" alt="x"></div>',
        '<math display="block" xmlns="http://www.w3.org/1998/Math/MathML"><mi>e</mi><mspace width="1em"/></math>',
        '<a href="#main">a</a><a href="technical_aim_high.html">b</a><a href="https://doi.org/10.1/x">c</a>',
        '<p style="margin: 0; color: #12436d">a</p>',
    ],
)
def test_what_a_report_holds_comes_back_unchanged(html):
    assert require_allowed(html) == html


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//x>",
        "<svg/onload=alert(1)>",
        "<p onclick='x()'>a</p>",
        "<p ONMOUSEOVER=x>a</p>",
        "<iframe src='data:text/html,x'></iframe>",
        "<form action='x'><input></form>",
        "<style>p{}</style>",
        "<link rel=stylesheet href=x>",
        "<meta http-equiv=refresh content=0>",
        "<base href=x>",
        "<!-- c -->",
        "<!doctype html>",
        "<?xml version='1.0'?>",
        "<img src='https://example.org/a.png' alt='a'>",
        "<img src='data:text/html;base64,AAAA' alt='a'>",
        "<img src=x onerror=alert(1) alt='a'>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='java&#10;script:alert(1)'>a</a>",
        "<a href=' javascript:alert(1)'>a</a>",
        "<a href='data:text/html,a'>a</a>",
        "<a href='//example.org'>a</a>",
        "<p style='background: url(x)'>a</p>",
        "<p style='background: u\\72l(x)'>a</p>",
        "<annotation-xml encoding='text/html'></annotation-xml>",
        "</main><script>1</script>",
    ],
)
def test_what_could_act_or_load_is_refused(html):
    with pytest.raises(ReportError, match="which a report may not hold"):
        require_allowed(html)


def test_escaped_texts_pass_whatever_they_say():
    html = f"<p>{text('<script>alert(1)</script> javascript:x <!-- {{7*7}}')}</p>"

    assert require_allowed(html) == html


def test_the_refusal_does_not_repeat_the_content():
    with pytest.raises(ReportError) as refused:
        require_allowed("<a href='javascript:Jo Bloggs'>a</a>")

    assert "Bloggs" not in str(refused.value)


def test_an_end_tag_cannot_close_the_page_around_a_block():
    with pytest.raises(ReportError):
        require_allowed("</div></main></body>")
