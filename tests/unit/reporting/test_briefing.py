"""The briefing and the portfolio page: what a board sees, for each verdict."""

import re
from html import unescape
from itertools import pairwise

import pandas as pd
import pytest

from yoseval.errors import ReportError
from yoseval.frames import make_frame
from yoseval.reporting import briefing, portfolio_page
from yoseval.reporting.pieces import together

VERDICTS = ("likely_reduced", "likely_increased", "no_worthwhile_effect", "cannot_tell", "not_comparable", "not_evaluable")
SECTIONS = ("title", "finding", "difference_section", "meaning", "certainty", "statements", "method")


def whole_briefing(run, programme=None):
    return together(*[getattr(briefing, s)(run, programme) for s in SECTIONS]).html


def whole_portfolio(run):
    return together(
        *[f(run) for f in (portfolio_page.title, portfolio_page.findings, portfolio_page.sentences, portfolio_page.reading)]
    ).html


def plain(html):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r'src="[^"]+"', "", html)))


def heading_levels(html):
    return [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_one_heading_of_the_first_level_and_no_level_skipped(make_run, make_finding, verdict):
    html = whole_briefing(make_run(findings=[make_finding(verdict=verdict)]))

    levels = heading_levels(html)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_box_shows_shape_and_words_and_its_code(make_run, make_finding, verdict):
    html = whole_briefing(make_run(findings=[make_finding(verdict=verdict)]))

    assert f'<div class="verdict verdict--{verdict}">' in html


def test_the_icons_show_both_shares_and_say_so_in_words(run):
    html = whole_briefing(run)

    alt = re.search(r'alt="([^"]+)"', html).group(1)
    assert alt == (
        "Of every 100 children who started Mentoring, 25 reoffended within 12 months; "
        "of every 100 similar children in the comparison group, 33 did."
    )
    assert '<td class="num">33.4</td>' in html


@pytest.mark.parametrize("verdict", ["not_comparable", "not_evaluable"])
def test_without_a_claim_the_briefing_shows_no_number_of_an_effect(make_run, make_finding, verdict):
    html = whole_briefing(make_run(findings=[make_finding(verdict=verdict, reasons="imbalance")]))

    assert "<img" not in html
    for number in ("8.4", "12.4", "4.4", "25.0", "33.4", "12.1"):
        assert number not in plain(html)


def test_no_icons_where_a_share_is_confidential(make_run, make_finding):
    html = whole_briefing(make_run(findings=[make_finding(treated_value=None)]))

    assert "<img" not in html
    assert "the values of each group are confidential" in html


def test_the_difference_stands_beside_its_range_and_the_unadjusted_one(run):
    html = briefing.difference_section(run).html

    assert "<dt>Difference</dt><dd>8.4 fewer in every 100</dd>" in html
    assert "<dd>between 4.4 and 12.4 fewer in every 100</dd>" in html
    assert "<dt>Before adjustment</dt><dd>12.1 fewer in every 100</dd>" in html
    assert "changes of at least 8.1 in every 100" in html
    assert "declared as 5.0 in every 100" in html
    assert "Delivery was not recorded in this study&#x27;s file." in html


def test_a_programme_that_cannot_be_evaluated_says_what_to_record(make_run, make_finding):
    html = whole_briefing(make_run(findings=[make_finding(verdict="not_evaluable", reasons="too_few_treated")]))

    assert "<h2>What to record until then</h2>" in html
    assert "Go on recording every start: who, when, and how it ended." in html


def test_simulated_records_are_named_in_bold_on_the_face(make_run):
    assert "<strong>All records in this report are simulated.</strong>" in whole_briefing(make_run(simulated=True))
    assert "simulated" not in plain(whole_briefing(make_run(simulated=False)))


@pytest.fixture
def several(make_run, make_finding):
    return make_run(
        findings=[
            make_finding(programme="w", name="Workshop"),
            make_finding(
                programme="a", name="Aspire", verdict="cannot_tell", estimate=-0.031, conf_low=-0.08, conf_high=0.018, grade=""
            ),
            make_finding(programme="m", name="Mentors", verdict="not_comparable", reasons="imbalance", grade=""),
        ]
    )


def test_several_programmes_open_with_one_row_each_in_the_order_of_names(several):
    html = briefing.finding(several).html

    rows = re.findall(r'<th scope="row">([^<]+)</th>', html)
    assert rows == ["Aspire", "Mentors", "Workshop"]
    assert "between 4.4 and 12.4 fewer in every 100" in html


def test_several_programmes_have_a_box_each(several):
    html = whole_briefing(several)

    assert len(re.findall(r'class="verdict ', html)) == 3
    assert heading_levels(html).count(1) == 1


def test_the_unfair_comparison_stays_without_numbers_among_several(several):
    html = briefing.finding(several).html

    row = re.search(r"<tr><th scope=\"row\">Mentors</th>(.*?)</tr>", html).group(1)
    assert "fewer" not in row
    assert row.count("not reported") == 2


def test_the_forest_says_in_words_what_it_shows(several):
    alt = re.search(r'alt="([^"]+)"', briefing.finding(several).html).group(1)

    assert "Aspire: we cannot tell yet, between 8.0 fewer and 1.8 more in every 100." in alt
    assert "Mentors: no fair comparison." in alt


def test_one_programme_of_several_can_be_asked_for(several):
    assert "Does Aspire reduce reoffending?" in briefing.title(several, "a").html


def test_an_unknown_programme_is_an_error_that_names_those_there_are(several):
    with pytest.raises(ReportError, match="It has: w, a, m"):
        briefing.title(several, "x")


def test_the_portfolio_counts_verdicts_and_names_the_number_of_tests(several):
    html = whole_portfolio(several)

    assert '<li class="tile verdict--likely_reduced"><strong>1</strong> ▼ Likely reduces reoffending</li>' in html
    # 1 - 0.95 cubed = 14.3 %
    assert "3 tests were made in this study" in html
    assert "14.3%" in html


def test_the_portfolio_never_ranks(several):
    words = plain(whole_portfolio(several)).lower()

    assert "best" not in words
    assert "not a league table" in words


def test_the_portfolio_has_one_heading_of_the_first_level(several):
    levels = heading_levels(whole_portfolio(several))

    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_hostile_name_comes_out_as_text(make_run, make_finding, injection, verdict):
    run = make_run(
        findings=[make_finding(name=injection, verdict=verdict)], title=injection, people=injection, source=injection
    )

    html = whole_briefing(run) + whole_portfolio(run)

    assert "<script" not in html
    assert "{{" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#123;&#123;7*7&#125;&#125;" in html


def test_the_same_run_gives_the_same_bytes(make_run):
    assert whole_briefing(make_run()) == whole_briefing(make_run())


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_cell_fact_or_item_is_empty(make_run, make_finding, verdict):
    html = whole_briefing(make_run(findings=[make_finding(verdict=verdict, reasons="")]))

    assert not re.search(r"<(td|th|dd|dt|li|p|h\d)[^>]*>\s*</\1>", html)
    assert not re.search(r"\bnan\b|None|&lt;NA&gt;", plain(html))


def shared(make_run, make_finding, correlation, **changes):
    rows = [make_finding(), make_finding(**{"programme": "sport", "name": "Sport", **changes})]
    run = make_run(findings=rows)
    pairs = {"programme": ["mentoring", "mentoring", "sport"], "other": ["mentoring", "sport", "sport"]}
    frame = make_frame("programme_covariance", pd.DataFrame({**pairs, "correlation": [1.0, correlation, 1.0]}))
    run.frames["programme_covariance"] = frame
    return plain(portfolio_page.reading(run).html)


def test_the_portfolio_page_names_the_largest_correlation_and_what_it_means(make_run, make_finding):
    said = shared(make_run, make_finding, 0.45)

    assert "err in the same direction: the largest correlation between two estimates is 0.45 (Mentoring and Sport)" in said
    assert "opposite directions" in shared(make_run, make_finding, -0.2)


def test_the_portfolio_page_says_where_estimates_do_not_vary_together(make_run, make_finding):
    assert "No two programmes share so many children that their estimates vary together." in shared(make_run, make_finding, 0.0)


def test_programmes_without_a_claim_and_confidential_correlations_are_not_named(make_run, make_finding):
    assert "correlation" not in shared(make_run, make_finding, 0.45, verdict="not_comparable")
    assert "correlation" not in shared(make_run, make_finding, None)


def test_a_run_without_the_frame_still_has_its_page(run):
    assert "correlation" not in plain(portfolio_page.reading(run).html)
