"""When a programme can be evaluated, what to record, what was delivered: as sentences and on the pages."""

import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting import briefing, portfolio_page, technical, technical_losses, technical_method
from yoseval.reporting.allowed import require_allowed
from yoseval.reporting.outlook_page import outlook_block
from yoseval.reporting.outlook_words import NOT_IN_THE_FILE, delivered, month_words, what_next, when
from yoseval.reporting.view import View

REMEDY = "Record every referral to it. | Record more starts."


def outlook(**changes):
    row = {"programme": "mentoring", "name": "Mentoring", "state": "from_date", "from_month": "2027-03", "extrapolated": False}
    numbers = {"n_started": 40, "n_eligible": 35, "n_mature": 20, "n_comparable": 300, "mde_now": 0.3, "mde_later": 0.25}
    return make_frame("evaluability", {**row, **numbers, "remedy": REMEDY, **changes})


def sessions(held, attended, unknown=0.0):
    rows = [
        ("planned", "reached", 1.0),
        ("held", "reached", held),
        ("held", "not_recorded", unknown),
        ("attended", "reached", attended),
    ]
    frame = pd.DataFrame(rows, columns=["stage", "result", "share"])
    return make_frame("delivery", frame.assign(programme="mentoring", name="Mentoring", step=7, unit="sessions"))


@pytest.fixture
def not_yet(make_run, make_finding):
    """A run of one programme that cannot be evaluated yet, with an outlook."""

    def make(verdict="not_evaluable", **changes):
        run = make_run(findings=[make_finding(verdict=verdict, reasons="too_few_treated", grade="")])
        run.frames["evaluability"] = outlook(**changes)
        return run

    return make


def test_a_month_that_rests_on_children_who_started_is_told_with_what_could_be_seen_then():
    said = when(outlook().iloc[0].to_dict())

    assert said.startswith("It can be evaluated from March 2027, when enough of those who have started are followed up")
    assert said.endswith("A fall of about 25 in every 100 or more could be seen then.")


def test_an_extrapolation_is_called_one():
    assert "an extrapolation, no forecast" in when(outlook(extrapolated=True).iloc[0].to_dict())


def test_a_confidential_month_is_said_to_be_so():
    assert "confidential" in when(outlook(from_month="", extrapolated=True).iloc[0].to_dict())


def test_without_a_date_none_is_promised():
    assert when(outlook(state="not_with_these_data", from_month="").iloc[0].to_dict()).startswith("With these data no date")


@pytest.mark.parametrize(("month", "words"), [("2026-01", "January 2026"), ("2031-12", "December 2031")])
def test_months_are_written_out(month, words):
    assert month_words(month) == words


def test_a_programme_that_cannot_be_evaluated_yet_has_its_month_and_what_to_record_on_every_page(not_yet):
    run = not_yet()
    pages = [
        briefing.meaning(run, "mentoring"),
        technical.main_finding(run, "mentoring"),
        portfolio_page.sentences(run),
    ]

    for block in pages:
        require_allowed(block.html)
        assert "March 2027" in block.html
        assert "Record every referral to it." in block.html


def test_a_programme_with_a_finding_keeps_its_own_next_steps(not_yet, run):
    assert what_next(View(not_yet("likely_reduced"), "mentoring")) == what_next(View(run, "mentoring"))


def test_shares_of_planned_sessions_are_told_where_they_are_recorded(run):
    run.frames["delivery"] = sessions(0.44, 0.31, 0.18)

    said = "Of its planned sessions 44% were held and 31% attended; of 18% nobody recorded whether they were held"
    assert delivered(View(run, "mentoring")) == f"{said}."
    assert said in technical_method.limits(run, "mentoring").html
    assert said in briefing.difference_section(run, "mentoring").html


def test_confidential_shares_are_not_told(run):
    run.frames["delivery"] = sessions(None, None)

    assert "confidential" in delivered(View(run, "mentoring"))


def test_a_prepared_file_says_that_delivery_was_not_recorded(run):
    assert delivered(View(run, "mentoring")) == NOT_IN_THE_FILE
    assert "Delivery was not recorded in this study&#x27;s file: starting" in technical_method.limits(run, "mentoring").html


def test_a_prepared_file_has_no_empty_section(run):
    assert technical_losses.who_was_lost(run, "mentoring").html == ""
    assert technical_losses.other_programmes(run, "mentoring").html == ""
    assert outlook_block(run).html == ""


def test_the_section_on_the_records_marks_what_is_confidential(run, injection):
    run.frames["evaluability"] = outlook(name=injection, n_mature=None, mde_now=None)
    run.masks["evaluability"] = run.frames["evaluability"].isna()
    html = outlook_block(run).html

    require_allowed(html)
    assert html.count('<td class="num">[c]</td>') == 2
    assert "From March 2027" in html
    assert "<script>" not in html


def lost_frame():
    rows = [
        ("comparison", "index", "no index event", "sex: male", "binary", 0.8, 0.7, 300, 40, -0.23),
        ("comparison", "eligibility", "in custody", "sex: male", "binary", 0.8, None, 300, None, None),
        ("comparison", "design", "not the closest", "age", "numeric", 15.2, 14.1, 60, 240, -0.61),
    ]
    columns = ["arm", "stage", "reason", "term", "kind", "mean_kept", "mean_lost", "n_kept", "n_lost", "std_mean_diff"]
    return make_frame("lost", pd.DataFrame(rows, columns=columns).assign(programme="mentoring"))


def test_who_was_lost_stands_beside_who_stayed_and_few_are_only_named(run):
    run.frames["lost"] = lost_frame()
    run.masks["lost"] = run.frames["lost"].isna()
    html = technical_losses.who_was_lost(run, "mentoring").html

    require_allowed(html)
    assert '<td>stayed</td><td class="num">300</td><td class="num">80</td>' in html
    assert '<td>no index event</td><td class="num">40</td><td class="num">70</td>' in html
    assert "is confidential. Comparison: in custody." in html
    assert '<td>age, mean</td><td class="num">14.1</td><td class="num">15.2</td><td class="num">−0.61</td>' in html


def test_other_programmes_are_shown_for_both_groups(run):
    rows = {"other": "health", "other_name": "Health", "arm": ["treated", "comparison"], "when": "at time zero"}
    frame = pd.DataFrame({**rows, "n": [12, None], "n_of": [120, 300], "share": [0.1, None]}).assign(programme="mentoring")
    run.frames["coexposure"] = make_frame("coexposure", frame)
    run.masks["coexposure"] = run.frames["coexposure"].isna()
    html = technical_losses.other_programmes(run, "mentoring").html

    require_allowed(html)
    assert '<td>Programme</td><td class="num">12</td><td class="num">120</td><td class="num">10</td>' in html
    assert '<td>Comparison</td><td class="num">[c]</td><td class="num">300</td><td class="num">[c]</td>' in html
