"""Sections that only runs of records have: what they say, what they warn of, and that they are nothing elsewhere."""

import re
from html import unescape

import pytest

from yoseval.frames import make_frame
from yoseval.reporting import technical_method, technical_outcomes
from yoseval.reporting.run_folder import open_run
from yoseval.reporting.tables import HIDDEN_NOTE
from yoseval.reporting.technical_outcomes import during_follow_up, justice_data_lab, not_yet_proven

SECTIONS = (justice_data_lab, not_yet_proven, during_follow_up, technical_outcomes.annex)


def plain(block):
    return unescape(re.sub(r"<[^>]+>", " ", block.html))


def table(block, caption):
    """Return the rows of the table of this caption, as texts."""
    found = next(t for t in re.findall(r"<table>.*?</table>", block.html, re.S) if caption in t)
    rows = re.findall(r"<tr>(.*?)</tr>", found, re.S)
    return [[unescape(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)] for row in rows]


def changed(run, name, column, values, *, hidden=None):
    frame = run.frames[name].copy()
    frame[column] = values
    run.frames[name] = make_frame(name, frame)
    if hidden is not None:
        run.masks[name][column] = hidden
    return run


def test_the_two_measures_over_everybody_stand_apart_from_those_among_reoffenders(run):
    block = justice_data_lab(run)

    everybody, reoffenders = (table(block, c) for c in ("all children", "only children who reoffended"))
    assert [r[0] for r in everybody[1:]] == ["One-year proven reoffending rate", "Proven reoffences per person in the year"]
    assert [r[0] for r in reoffenders[1:]] == [
        "Mean days to the first reoffence",
        "First reoffence was a summary offence",
        "First reoffence was an either-way offence",
        "First reoffence was indictable only",
        "First reoffence led to custody",
    ]


def test_the_warning_of_selected_groups_stands_before_the_table_it_is_about(run):
    html = justice_data_lab(run).html

    warning = html.index("compares selected groups")
    assert html.index("One-year proven reoffending rate") < warning < html.index("Mean days to the first reoffence")
    assert '<div class="callout">' in html
    assert "must not be read as an effect of the programme" in html


def test_values_carry_their_units(run):
    block = justice_data_lab(run)

    rate, frequency = table(block, "all children")[1:]
    days = table(block, "only children who reoffended")[1]
    assert rate[1:] == ["25.0%", "33.4%", "−8.4 points", "−14.6 to −2.2", "412", "412"]
    assert frequency[1:] == ["0.56", "0.80", "−0.24", "−0.40 to −0.08", "412", "412"]
    assert days[1:] == ["142 days", "131 days", "+11 days", "−15 to +37", "103", "138"]


def test_confidential_rows_are_marked_and_explained(run):
    block = justice_data_lab(run)

    assert table(block, "only children who reoffended")[3][1:] == ["[c]", "[c]", "[c]", "[c]", "103", "138"]
    assert HIDDEN_NOTE in plain(block)


def test_a_row_its_own_rule_leaves_out_says_why(run):
    for column in ("treated_value", "comparison_value", "difference", "conf_low", "conf_high"):
        values = run.frames["jdl"][column].mask(run.frames["jdl"]["measure"] == "jdl_days_to_first")
        changed(run, "jdl", column, values)
    days = run.frames["jdl"]["measure"] == "jdl_days_to_first"
    changed(run, "jdl", "shown", run.frames["jdl"]["shown"] & ~days)
    changed(run, "jdl", "reason", run.frames["jdl"]["reason"].mask(days, "Fewer than 30 of the programme's group reoffended."))

    block = justice_data_lab(run)

    assert table(block, "only children who reoffended")[1][1:5] == ["not shown"] * 4
    assert "Fewer than 30 of the programme's group reoffended." in plain(block)


def test_uncorrected_and_corrected_stand_side_by_side(run):
    head, treated, comparison = table(not_yet_proven(run), "Reoffences as proven")

    assert head[2:4] == ["Reoffences per 100 children, as proven", "Reoffences per 100 children, corrected"]
    assert treated == ["Programme", "412", "56", "68", "31", "40", "12"]
    assert comparison == ["Comparison", "412", "80", "97", "33", "40", "[c]"]


def test_what_the_correction_cannot_know_is_said(run):
    said = plain(not_yet_proven(run))

    assert "that the records can show: at least 1,830 days" in said
    assert "the corrected number is then still too low" in said


def test_what_happened_during_follow_up_stands_by_group(run):
    head, treated, comparison = table(during_follow_up(run), "What happened during follow-up")

    assert head[1:4] == ["Children", "With an earlier offence proven later", "Turned 18"]
    assert treated == ["Programme", "412", "37", "61", "0", "14", "21", "351", "4"]
    assert comparison == ["Comparison", "412", "44", "61", "[c]", "17", "25", "[c]", "6"]


def test_an_offence_from_before_is_said_never_to_be_a_reoffence(run):
    said = plain(during_follow_up(run))

    assert "An offence committed before time zero and proven after it is never counted as a reoffence." in said
    assert "The records hold no" not in said


def test_tables_that_were_not_recorded_are_named_and_their_columns_left_empty(run):
    for column in ("n_died", "n_moved", "n_custody", "mean_days_at_risk", "mean_days_not_at_risk"):
        changed(run, "follow_up", column, None, hidden=False)

    block = during_follow_up(run)

    assert "The records hold no exits and no custody." in plain(block)
    assert "[c]" not in plain(block)
    assert len(set(table(block, "What happened during follow-up")[1][4:])) == 1


def test_several_outcomes_are_told_apart(run):
    changed(run, "completeness", "outcome", ["reoffended", "serious"])

    rows = table(not_yet_proven(run), "Reoffences as proven")

    assert [r[0] for r in rows[1:]] == ["Programme, reoffending", "Comparison, serious"]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("verdict", ["likely_reduced", "not_comparable"])
def test_a_run_without_the_frames_shows_nothing_not_even_a_heading(make_run, make_finding, section, verdict):
    run = make_run(findings=[make_finding(verdict=verdict)])
    for name in ("jdl", "completeness", "follow_up"):
        run.frames[name], run.masks[name] = make_frame(name, {}), make_frame(name, {}).isna()

    assert section(run).html == ""


def test_a_run_folder_of_a_prepared_file_shows_nothing(service_run):
    run = open_run(service_run)

    assert not (service_run / "jdl.csv").exists()
    assert [s(run, "mentoring").html for s in SECTIONS] == [""] * 4


def test_a_comparison_that_is_not_fair_has_its_numbers_in_the_annex_only(make_run, make_finding):
    run = make_run(findings=[make_finding(verdict="not_comparable")])

    for section in (justice_data_lab, not_yet_proven, during_follow_up):
        assert "The numbers are in the annex at the end." in plain(section(run))
        assert "<table>" not in section(run).html
    annex = technical_outcomes.annex(run)
    assert annex.html.count("<table>") == 4
    assert re.findall(r"<h(\d)>", annex.html) == ["3", "4", "4", "3", "3"]


def test_any_other_verdict_has_nothing_of_it_in_the_annex(run):
    assert technical_outcomes.annex(run).html == ""


def test_a_programme_that_cannot_be_evaluated_shows_nothing(make_run, make_finding):
    run = make_run(findings=[make_finding(verdict="not_evaluable")])

    assert [s(run).html for s in SECTIONS] == [""] * 4


def test_the_works_behind_the_correction_are_cited_where_it_is_shown(run):
    cited = plain(technical_method.references(run))
    run.frames["completeness"] = make_frame("completeness", {})

    assert "Lagakos SW" in cited
    assert "Lagakos SW" not in plain(technical_method.references(run))
