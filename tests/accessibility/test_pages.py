"""A report page passes every check that needs no browser, and each check can fail."""

import pytest


def test_a_page_with_one_of_everything_has_no_fault(support, page):
    assert support.page_faults(page) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<h1>", "<h1>Again</h1><h1>", "2 h1"),
        ("<h1>Does mentoring reduce reoffending?</h1>", "<h2>Title</h2>", "0 h1"),
        ("<h2>What you can say</h2>", "<h4>What you can say</h4>", "h2 is followed by h4"),
        ("<h2>What you can say</h2>", "<h2> </h2>", "an empty h2"),
        ('alt="Bar chart: 25 in 100 against 33 in 100."', 'alt=""', "image 0 has no alt text"),
        (
            'alt="Bar chart: 25 in 100 against 33 in 100."',
            'alt="Fewer children reoffended"',
            "image 0 has its title as alt text",
        ),
        ("<caption>The numbers</caption>", "", "table 0 has no caption"),
        ('<th scope="row">Took part', "<th>Took part", "table 0 has a header without scope"),
        ('<td class="num">25.0</td>', '<td class="num"></td>', "table 0 has an empty cell"),
        ('tabindex="0" aria-label="Findings"', "", "a wide table is not a focusable, named region"),
        ("</main>", "<script>1</script></main>", "holds <script>"),
        ('src="data:image/svg+xml', 'src="https://example.org/a', "loads https://example.org/a;base64,PHN2ZyB4bWx"),
        ('lang="en-GB"', 'lang="en"', "lang is en"),
        ("<title>Board briefing: Anytown</title>", "<title></title>", "no title"),
        ('id="main"', 'id="middle"', "the link #main leads nowhere"),
        ("</main>", '<p id="f1">x</p></main>', "id f1 is used twice"),
        ('aria-labelledby="f1"', 'aria-labelledby="f2"', "nothing has the id f2"),
        ("default-src 'none'", "default-src *", "no content security policy"),
        ('href="portfolio.html"', 'href="javascript:alert(1)"', "a dangerous link: javascript:alert(1)"),
    ],
)
def test_a_spoilt_page_is_found_out(support, spoil, old, new, fault):
    assert fault in support.page_faults(spoil(old, new))
