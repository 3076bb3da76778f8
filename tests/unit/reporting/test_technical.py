"""The technical report: every section, for each verdict, and its provenance."""

import re
from html import unescape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from yoseval.design.cloning import METHOD as CLONES
from yoseval.design.methods import METHODS
from yoseval.reporting import charts_effects, technical, technical_effects, technical_method, technical_outcomes
from yoseval.reporting.amounts import SCALES
from yoseval.reporting.disclosure_balance import BALANCE_FRAMES
from yoseval.reporting.pieces import together
from yoseval.reporting.references import REFERENCES, cited_works
from yoseval.reporting.tables import HIDDEN_NOTE
from yoseval.reporting.technical_method import equation
from yoseval.reporting.words import ESTIMAND_WORDS, METHOD_WORDS, method_words

VERDICTS = ("likely_reduced", "likely_increased", "no_worthwhile_effect", "cannot_tell", "not_comparable", "not_evaluable")
SECTIONS = (
    technical.title,
    technical.main_finding,
    technical.protocol,
    technical.flow,
    technical.comparability,
    technical_effects.outcomes,
    technical_effects.estimates,
    technical_effects.sensitivity,
    technical_effects.detectable_change,
    technical_outcomes.justice_data_lab,
    technical_outcomes.not_yet_proven,
    technical_outcomes.during_follow_up,
    technical_method.method,
    technical_method.limits,
    technical_effects.annex,
    technical_outcomes.annex,
    technical_method.references,
    technical_method.provenance,
)


def whole(run, programme=None):
    return together(*[section(run, programme) for section in SECTIONS]).html


def plain(html):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r'src="[^"]+"', "", html)))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_headings_are_in_order_for_every_verdict(make_run, make_finding, verdict):
    levels = [int(n) for n in re.findall(r"<h([1-6])[ >]", whole(make_run(findings=[make_finding(verdict=verdict)])))]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_chart_has_alt_text_of_its_own_and_a_table_of_its_numbers(run):
    html = whole(run)

    figures = html.split('<div class="figure"')[1:]
    assert len(figures) == 8
    for figure in figures:
        alt = re.search(r'<img alt="([^"]+)"', figure).group(1)
        title = re.search(r"<strong>(.*?)</strong>", figure).group(1)
        assert len(alt) > 40
        assert alt != title
        assert "<table>" in figure.split('<div class="numbers">')[1]


def test_ids_of_a_page_are_distinct(run):
    ids = re.findall(r' id="([^"]+)"', whole(run))

    assert len(ids) == len(set(ids)) == 8


def test_confidential_values_are_marked_and_explained(run):
    html = technical.flow(run).html

    assert html.count('<td class="num">[c]</td>') == 2
    assert HIDDEN_NOTE in unescape(html)


def test_every_table_has_a_caption_and_no_empty_cell(run):
    html = whole(run)

    assert html.count("<table>") == html.count("<caption>")
    assert not re.search(r"<(td|th|dd|dt|li|p)[^>]*>\s*</\1>", html)
    assert not re.search(r"\bnan\b|None|&lt;NA&gt;", plain(html))


def test_the_balance_table_holds_before_and_after(run):
    html = technical.comparability(run).html

    row = re.search(r'<tr><th scope="row">earlier offences</th>(.*?)</tr>', html).group(1)
    assert re.findall(r">([^<]+)</td>", row) == ["0.50", "0.56", "−0.62", "0.50", "0.51", "−0.05", "0.90", "0.05"]


def test_the_gate_is_said_in_words_either_way(make_run, make_finding):
    passed = technical.comparability(make_run()).html
    failed = technical.comparability(
        make_run(findings=[make_finding(verdict="not_comparable", balanced=False, max_smd=0.31)])
    ).html

    assert "The gate is passed (largest difference 0.06)." in passed
    assert "The gate is not passed (largest difference 0.31), so no headline is given." in failed


def test_scores_do_not_count_as_covariates_in_the_balance_headline(run):
    # The propensity score differs by 0.95 before; the covariate that differs most by 0.62.
    assert (
        "Before, the largest difference on a covariate was 0.62 standard deviations (earlier offences)"
        in technical.comparability(run).html
    )


def test_estimates_stand_unadjusted_beside_adjusted(run):
    html = technical_effects.estimates(run).html

    assert "Before the groups were made alike the estimate was 12.1 fewer in every 100" in html
    assert "No adjustment (check)" in html
    assert "Every method points the same way as the main one: fewer" in html


def test_checks_of_one_design_are_told_apart(make_run):
    run = make_run()
    estimates = run.frames["estimates"]
    check = estimates.iloc[[0]].assign(role="check", notes="counted from day 31 on | Units were left out.")
    run.frames["estimates"] = pd.concat([estimates, check], ignore_index=True)

    assert "(check: counted from day 31 on)" in technical_effects.estimates(run).html


def test_instruments_say_what_they_rest_on(make_run):
    run = make_run()
    estimates = run.frames["estimates"]
    own = {"measure": "instrument", "role": "secondary", "notes": "It is weak. | It changes who starts.", "estimand": "LATE"}
    run.frames["estimates"] = pd.concat([estimates, estimates.iloc[[0]].assign(**own)], ignore_index=True)

    html = technical_effects.estimates(run).html

    assert "risk difference by an instrument: It is weak. It changes who starts." in html


def test_a_hazard_ratio_has_no_value_of_its_own_in_an_arm(run):
    html = technical_effects.estimates(run).html

    row = re.search(r'<tr><th scope="row">reoffending: hazard ratio</th>(.*?)</tr>', html).group(1)
    assert row.count("not applicable") == 2
    assert "0.58 to 0.82" in row


def test_mean_counts_are_shown_per_100(make_run):
    run = make_run()
    run.frames["estimates"].loc[0, ["measure", "treated_value", "comparison_value"]] = ["mean_count_difference", 0.842, 1.21]

    html = technical_effects.estimates(run).html

    row = re.search(r'<tr><th scope="row">reoffending: difference in mean number of events</th>(.*?)</tr>', html).group(1)
    assert ["84.2 per 100" in row, "121.0 per 100" in row, "−8.4" in row] == [True] * 3


def test_small_p_values_are_not_zero(run):
    assert "&lt; 0.001" in technical_effects.estimates(run).html


def test_the_curve_table_repeats_the_last_step(run):
    html = technical_effects.outcomes(run).html

    last = re.findall(r'<tr><th scope="row">12</th>(.*?)</tr>', html)[0]
    assert "25.0 (21.0 to 29.0)" in last
    assert "[c]" in last


def test_a_hidden_estimate_is_marked(make_run):
    run = make_run()
    run.frames["estimates"].loc[0, ["estimate", "conf_low", "conf_high"]] = np.nan
    mask = run.hidden("estimates").copy()
    mask.loc[0, ["estimate", "conf_low", "conf_high"]] = True
    run.masks["estimates"] = mask

    html = technical_effects.estimates(run).html

    row = re.findall(r'<tr><th scope="row">reoffending: risk difference</th>(.*?)</tr>', html)[0]
    assert row.count("[c]") == 2


def test_numbers_of_an_unfair_comparison_are_in_the_annex_only(make_run, make_finding):
    run = make_run(findings=[make_finding(verdict="not_comparable", reasons="imbalance", grade="")])

    body = together(*[s(run) for s in SECTIONS if s not in (technical_effects.annex, technical_outcomes.annex)]).html
    annex = technical_effects.annex(run).html

    assert "12.4" not in plain(body)
    assert "33.4" not in plain(body)
    assert "−12.4 to −4.4" in annex
    assert "must not be used as findings" in annex


def test_there_is_no_annex_for_a_fair_comparison(run):
    assert technical_effects.annex(run).html == ""


def test_empty_frames_give_sentences_and_no_chart(make_run, make_finding):
    run = make_run(findings=[make_finding(verdict="not_evaluable", reasons="too_few_treated")])
    for name in ("balance", "sizes", "overlap", "curves", "checks", "estimates", "protocol", "attrition", *BALANCE_FRAMES):
        run.frames[name] = run.frames[name].iloc[:0]
        run.masks.pop(name, None)

    html = whole(run)

    assert "<img" not in html
    assert "cannot be evaluated yet" in html


def test_checks_are_questions_with_answers(run):
    html = technical_effects.sensitivity(run).html

    assert '<th scope="row">How strong would an unmeasured difference have to be?</th>' in html
    assert "<td>Tied to both by a risk ratio of 2.0.</td>" in html


def test_the_number_of_tests_and_the_chance_of_a_false_alarm_are_said(run):
    # 1 - 0.95 cubed = 14.3 %
    said = technical_effects.detectable_change(run).html

    assert "3 tests were made in this study." in said
    assert "14.3%" in said


def test_equations_are_mathml_with_words(run):
    html = technical_method.method(run).html

    assert html.count("<math ") == 5
    assert "Risk difference at the end of follow-up." in html


def test_an_equation_holds_no_bare_brace():
    assert "{" not in equation("A brace.", r"\{ x \}").html


@pytest.mark.parametrize(
    ("randomised", "said"), [(True, "Allocation was random"), (False, "made alike in what was recorded only")]
)
def test_limits_depend_on_how_it_was_allocated(make_run, make_finding, randomised, said):
    assert said in technical_method.limits(make_run(findings=[make_finding(randomised=randomised)])).html


@pytest.mark.parametrize("method", [*METHODS, CLONES])
def test_every_method_has_words_an_equation_and_a_work(method):
    assert method_words(method) != method
    assert method in METHOD_WORDS
    assert technical_method._EQUATIONS[method]
    assert all("<math" in equation(*pair).html for pair in technical_method._EQUATIONS[method])
    assert charts_effects._SHORT_METHODS[method]
    assert len(cited_works([method], [])) > len(cited_works([], []))


def test_only_works_that_were_used_are_cited():
    plain_works = " ".join(cited_works(["entropy"], ["risk_difference"]))

    assert "Hainmueller" in plain_works
    assert "Cox proportional hazards" not in plain_works
    assert "E-value" not in plain_works
    assert "truncated survival data" not in plain_works
    everything = {"has_e_value": True, "has_delays": True, "has_imputations": True, "has_distances": True}
    intervals = ["CR2 with Satterthwaite's degrees of freedom, clustered on area", "sandwich, clustered on a and b (two-way)"]
    every = cited_works([*METHODS, CLONES], SCALES, intervals=intervals, **everything)
    assert len(every) == len(REFERENCES)


def test_intervals_cite_what_they_rest_on():
    found = " ".join(cited_works([], [], intervals=["CR2 with Satterthwaite's degrees of freedom, clustered on area"]))

    assert "Pustejovsky" in found
    assert "Cameron" not in found


def test_provenance_shows_versions_seed_digests_and_files(run):
    html = technical_method.provenance(run).html

    for shown in (
        "0.1.0",
        "3.11.9",
        "<dt>Seed</dt><dd>7</dd>",
        "cdcdcdcdcdcdcdcd",
        "people.csv",
        "abababababababab",
        "Counts below 10 are hidden.",
    ):
        assert shown in html
    assert "has not been changed since" in html


def test_a_design_changed_after_its_lock_is_called_out(make_run):
    run = make_run()
    run.manifest["lock"] = {
        "digests": {"mentoring": "ef" * 32},
        "history": [{"digest": "cd" * 32}, {"digest": "ef" * 32}],
        "changed": True,
    }

    html = technical_method.provenance(run).html

    assert '<div class="callout">' in html
    assert "changed after it had first been locked: 2 locks are on record" in html


def test_hostile_texts_come_out_as_text(make_run, make_finding, injection):
    run = make_run(
        findings=[make_finding(name=injection, notes=injection)], title=injection, people=injection, source=injection
    )
    for name, column in (
        ("balance", "term"),
        ("interactions", "term"),
        ("distribution_balance", "term"),
        ("distributions", "term"),
        ("subgroup_balance", "subgroup"),
        ("attrition", "reason"),
        ("protocol", "value"),
        ("checks", "answer"),
        ("estimates", "method"),
    ):
        run.frames[name][column] = injection
    run.frames["findings"]["method"] = injection
    run.manifest["inputs"][0]["file"] = injection

    html = whole(run)

    assert "<script" not in html
    assert "{{" not in html


def test_the_same_run_gives_the_same_bytes(make_run):
    assert whole(make_run()) == whole(make_run())


def test_no_report_knows_children_where_the_study_has_none(make_run):
    run = make_run(people="men", comparison_name="no aid", source="S.", about="A.")

    words = plain(together(*[s(run) for s in SECTIONS if s is not technical.protocol]).html).lower()

    assert "child" not in words


def test_every_estimand_of_the_menu_has_words():
    assert {e for m in METHODS.values() for e in m.accepts} <= set(ESTIMAND_WORDS)
