"""Sentences name what those in the programme group did; a start is said of a start only."""

import re
from html import unescape

import pandas as pd
import pytest

from yoseval.layouts import FRAMES
from yoseval.reporting import (
    briefing,
    charts_design,
    outlook_page,
    outlook_words,
    overview,
    portfolio_page,
    technical,
    technical_effects,
    technical_method,
)
from yoseval.reporting.charts_effects import curves_block, icons_block
from yoseval.reporting.entered import ANY, STARTED, Entered, entered_of
from yoseval.reporting.figures.icons import icon_array
from yoseval.reporting.statements import can_say, cannot_say, how_done, how_sure
from yoseval.reporting.view import views
from yoseval.reporting.wording import sentence
from yoseval.reporting.words import ESTIMAND_WORDS, Words, estimand_words

OFFERED = {
    "past": "were offered",
    "present": "is offered",
    "participle": "been offered",
    "gerund": "being offered",
    "infinitive": "be offered",
    "negative": "were not offered",
    "event": "the offer",
}
RECEIVED = {
    "past": "attended at least 6 sessions of",
    "present": "attends at least 6 sessions of",
    "participle": "attended at least 6 sessions of",
    "gerund": "attending at least 6 sessions of",
    "infinitive": "attend at least 6 sessions of",
    "negative": "did not attend at least 6 sessions of",
    "event": "session 6",
}
VERDICTS = ("likely_reduced", "likely_increased", "no_worthwhile_effect", "cannot_tell", "not_comparable", "not_evaluable")
REASONS = "no_overlap | separation | imbalance | treated_lost | too_few_treated | too_few_comparison"


def words_of(make_words, entered):
    words = make_words()
    return Words(words.people, words.comparison, words.outcomes, entries={"mentoring": Entered(**entered)})


def with_entry(run, entered):
    """Give every programme of a run the forms of an exposure, and its texts from the study no word of a start."""
    for programme in run.manifest["programmes"]:
        programme["entered"] = entered
    run.manifest["study"]["about"] = ""
    run.frames["protocol"] = run.frames["protocol"].assign(value="as fixed")
    run.frames["findings"] = run.frames["findings"].assign(sentence="")
    return run


def plain(*blocks):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r'src="[^"]+"', "", " ".join(b.html for b in blocks))))


def test_a_run_that_does_not_say_is_about_those_who_started():
    assert entered_of({"programmes": [{"id": "a"}]}) == {"a": STARTED}
    assert Words.from_manifest({"study": {}}).entered("a") == STARTED


def test_each_programme_has_its_own_and_all_together_one_verb():
    programmes = [{"id": "a", "entered": OFFERED}, {"id": "b", "entered": OFFERED}, {"id": "c"}]
    words = Words.from_manifest({"study": {}, "programmes": programmes})
    alike = Words.from_manifest({"study": {}, "programmes": programmes[:2]})

    assert (words.entered("a").past, words.entered("c").past) == ("were offered", "started")
    assert words.entered_any == ANY
    assert alike.entered_any == Entered(**OFFERED)


def test_groups_are_named_by_what_they_did(make_finding, make_words):
    said = sentence(make_finding(), words_of(make_words, OFFERED))

    assert "25.0% of children who were offered it reoffended within 12 months" in said


def test_what_can_and_cannot_be_said_names_it(make_finding, make_words):
    words = words_of(make_words, RECEIVED)

    assert can_say(make_finding(), words)[0] == (
        "Mentoring likely reduced reoffending among children like those who attended at least 6 sessions of it."
    )
    assert cannot_say(make_finding(verdict="likely_increased"), words)[0].startswith(
        "“Mentoring harms everyone who attends at least 6 sessions of it.”"
    )
    assert cannot_say(make_finding(verdict="not_comparable"), words)[1].endswith("The groups differed before session 6.")


def test_who_was_compared_is_named(make_finding, make_words):
    words = words_of(make_words, OFFERED)
    empty = pd.DataFrame(columns=list(FRAMES["protocol"]), dtype=object)

    assert "412 children who were offered the programme were compared with 412" in " ".join(
        how_done(make_finding(), words, empty)
    )
    assert how_sure(make_finding(), words)[0].startswith("The groups were alike in everything recorded before the offer:")
    assert "tied to both the offer of the programme and reoffending" in how_sure(make_finding(), words)[-1]


@pytest.mark.parametrize("entered", [OFFERED, RECEIVED], ids=["offered", "received"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_sentence_of_a_claim_speaks_of_a_start(make_finding, make_words, verdict, entered):
    row, words = make_finding(verdict=verdict, reasons=REASONS), words_of(make_words, entered)
    said = [sentence(row, words), *can_say(row, words), *cannot_say(row, words), *how_sure(row, words)]

    assert not re.search(r"\bstart", " ".join(said))
    assert "{" not in " ".join(said)


@pytest.mark.parametrize("estimand", ESTIMAND_WORDS)
def test_whom_an_effect_is_about_is_named(estimand):
    assert not re.search("start", estimand_words(estimand, Entered(**OFFERED)))
    assert "{" not in estimand_words(estimand)


def test_whom_an_effect_of_a_start_is_about_is_said_as_ever():
    assert estimand_words("ATT") == "those who started the programme (ATT)"
    assert estimand_words("ATCM") == "those who did not start the programme and could be matched (ATCM)"
    assert estimand_words("ATC", Entered(**OFFERED)) == "those who were not offered the programme (ATC)"


def test_icons_are_headed_by_it(run):
    view = views(with_entry(run, OFFERED), "mentoring")[0]

    said = plain(icons_block(view))
    figure = icon_array(25, 33, group="Were offered the programme")

    assert "Were offered the programme" in said
    assert "Of every 100 children who were offered Mentoring" in icons_block(view).html
    assert figure.axes[0].texts[0].get_text() == "Were offered the programme"
    assert icon_array(25, 33).axes[0].texts[0].get_text() == "Started the programme"


def test_curves_are_titled_by_it(run):
    block = curves_block(views(with_entry(run, OFFERED), "mentoring")[0], "reoffended")

    assert "in every 100 who were offered the programme reoffended" in plain(block)
    assert "the curve of those who were offered Mentoring" in block.html


@pytest.mark.parametrize("method", technical_method._EQUATIONS)
def test_equations_are_explained_by_it(run, method):
    run = with_entry(run, OFFERED)
    run.frames["findings"]["method"] = method

    said = plain(technical_method.method(run))

    assert not re.search(r"\bstart", said)
    assert not re.search(r"\{[a-z]+(_[a-z]+)?\}", said)


def test_a_flow_of_nobody_is_said_in_the_singular():
    assert charts_design._flow_title("0", "0", "analysed", Entered(**OFFERED).one) == (
        "Nobody was offered the programme in time"
    )


def test_pages_of_a_run_of_offers_speak_of_starts_only_where_starts_are_recorded(run):
    run = with_entry(run, OFFERED)
    blocks = [
        technical.main_finding(run),
        technical.comparability(run),
        technical_effects.outcomes(run),
        technical_method.limits(run),
        portfolio_page.reading(run),
        overview.overview_table(views(run)),
        briefing._how_all_were_done(views(run)[0]),
    ]
    said = plain(*blocks).replace("recording every start", "")

    assert not re.search(r"\bstart", said)
    assert "alike in everything recorded before the offer" in said
    assert "being offered the programme is compared with not being offered it" in said
    assert "Children who were offered it" in said
    assert "than among 100 similar children who were not." in said


def test_the_month_from_which_it_can_be_evaluated_is_told_of_offers():
    row = {"state": "from_date", "from_month": "2027-03", "extrapolated": False, "mde_later": float("nan")}
    offered = Entered(**OFFERED)

    plain_month = outlook_words.when(row, offered)
    extrapolated = outlook_words.when({**row, "extrapolated": True}, offered)
    hidden = outlook_words.when({**row, "from_month": ""}, offered)

    assert "enough of those who have been offered it are followed up" in plain_month
    assert "if children go on being offered it as in the last twelve months" in extrapolated
    assert hidden == (
        "It can be evaluated once more have been offered it; the month would follow from few children and is confidential."
    )


def test_what_a_programme_needs_is_told_of_offers():
    said = outlook_page._INTRO.format(people="children", **Entered(**OFFERED).forms())

    assert said.startswith("Told from who were offered it and who can be compared")
    assert "at least 30 children who were offered it within the days" in said
