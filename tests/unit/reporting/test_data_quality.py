"""The report on the records: what it says of each kind of trouble, and that its charts can be read by everybody."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting import data_quality
from yoseval.reporting.allowed import require_allowed
from yoseval.reporting.charts_quality import funnel_block, scores_block, suitability_block, waits_block
from yoseval.reporting.data_quality import ISSUES, STANDINGS, UNTIL, programme_standings
from yoseval.reporting.disclosure_records import RECORD_FRAMES, protect_records
from yoseval.reporting.policies import find_policy

SECTIONS = ("title", "summary", "scores", "delivery", "suitability", "waits", "contradictions", "reading")
INJECTION = "<script>alert(1)</script>{{7*7}}"
STAGES = ("referred", "offered", "started", "session_held", "session_attended", "completed")


@dataclass(frozen=True)
class SafeRun:
    frames: dict[str, pd.DataFrame]
    masks: dict[str, pd.DataFrame]
    manifest: dict[str, Any]
    programmes: tuple[object, ...] = ()

    def frame(self, name):
        return self.frames[name]

    def hidden(self, name):
        return self.masks[name]


def manifest(**study):
    said = {"title": "Programmes of the service", "people": "children", "source": "The records of an invented service."}
    return {"study": {**said, **study}, "outcomes": []}


def funnel(id, name, *splits):
    """Return the rows of one programme: reached, not reached, under way and not recorded at each stage."""
    results = ("reached", "not_reached", "under_way", "not_recorded")
    rows = [
        {
            "programme": id,
            "name": name,
            "step": i,
            "unit": "referrals",
            "stage": stage,
            "result": r,
            "n": n,
            "share": n / sum(split),
        }
        for i, (stage, split) in enumerate(zip(STAGES, splits, strict=True), start=1)
        for r, n in zip(results, split, strict=True)
    ]
    sessions = [("planned", (500, 0, 0, 0)), ("held", (200, 100, 0, 200)), ("attended", (150, 150, 0, 200))]
    rows += [
        {
            "programme": id,
            "name": name,
            "step": 7 + i,
            "unit": "sessions",
            "stage": stage,
            "result": r,
            "n": n,
            "share": n / 500,
        }
        for i, (stage, split) in enumerate(sessions)
        for r, n in zip(results, split, strict=True)
    ]
    return pd.DataFrame(rows)


def clear(id, name):
    return funnel(id, name, (100, 0, 0, 0), (80, 20, 0, 0), (60, 40, 0, 0), (45, 40, 0, 15), (34, 51, 0, 15), (12, 78, 10, 0))


def weakness(table, column, n, failing, need, consequence, remedy, dimension="completeness"):
    return {
        "table": table,
        "column": column,
        "source": f"{table}.csv",
        "dimension": dimension,
        "rule": "recorded",
        "n": n,
        "failing": failing,
        "score": 100 * (n - failing) / n if n else 0.0,
        "need": need,
        "consequence": consequence,
        "remedy": remedy,
    }


def raw_frames(name="Mentoring", notes=()):
    quality = [
        weakness("starts", "start_date", 200, 80, "essential", "Starts cannot be told.", "Record the first day."),
        weakness("starts", "status", 200, 3, "important", "Not clear.", "Correct it.", dimension="consistency"),
        weakness("people", "send", 200, 100, "useful", "Less can be said.", "Record it."),
        {**weakness("sessions", "", 0, 0, "important", "Delivery is not known.", "Keep a log."), "source": ""},
    ]
    suited = [
        {"programme": p, "name": n, "suitability": a, "n": k, "share": k / 100}
        for p, n in (("m", name), ("s", "Sport"))
        for a, k in (("met", 30), ("not_met", 11), ("not_assessed", 39), ("not_recorded", 20))
    ]
    waited = [
        {"programme": p, "name": n, "wait": w, "n": 60, "lower_quartile": 20.0, "median": m, "upper_quartile": 80.0,
         "n_reversed": 0, "n_not_recorded": 0}
        for p, n, m in (("m", name, 41.0), ("s", "Sport", 33.0))
        for w in ("offer_to_start", "order_to_start")
    ]  # fmt: skip
    noted = [{"programme": p, "name": n, "issue": i, "n": k, "n_of": of} for p, n, i, k, of in notes]
    return {
        "quality": make_frame("quality", pd.DataFrame(quality)),
        "delivery": make_frame("delivery", pd.concat([clear("m", name), clear("s", "Sport")], ignore_index=True)),
        "suitability": make_frame("suitability", pd.DataFrame(suited)),
        "delays": make_frame("delays", pd.DataFrame(waited)),
        "delivery_notes": make_frame("delivery_notes", pd.DataFrame(noted)),
    }


def safe_run(raw=None, **study):
    safe = protect_records(raw if raw is not None else raw_frames(), find_policy("tre_10"))
    return SafeRun(safe.frames, dict(safe.hidden), manifest(**study))


def page(run):
    return "\n".join(getattr(data_quality, section)(run).html for section in SECTIONS)


def figures(html):
    return re.findall(r'<div class="figure".*?</div>\n</div>', html, flags=re.DOTALL)


@pytest.fixture(scope="module")
def run():
    return safe_run()


def test_the_page_holds_only_what_a_report_may_hold(run):
    html = page(run)

    assert require_allowed(html) == html
    assert html.count("<h1>") == 1


def test_every_chart_says_its_finding_and_shows_its_numbers(run):
    found = figures(page(run))

    assert len(found) == 5
    for figure in found:
        alt, title = re.search(r'alt="([^"]+)"', figure).group(1), re.search(r"<strong>([^<]+)</strong>", figure).group(1)
        assert alt != title
        assert re.search(r"\d", alt)
        assert "<caption>" in figure


def test_the_alt_text_of_a_funnel_says_what_nobody_recorded(run):
    assert "Had a session held, of every 100: yes 45, no 40, not recorded 15." in funnel_block(run, "m").html


def test_the_funnel_s_table_has_the_counts_of_every_stage(run):
    html = funnel_block(run, "m").html
    cells = {
        re.search(r'<th scope="row">([^<]+)</th>', row).group(1): re.findall(r'<td class="num">([^<]+)</td>', row)
        for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", html)
    }

    assert cells["Yes"] == ["100", "80", "60", "45", "34", "12", "500", "200", "150"]
    assert cells["Not recorded"] == ["0", "0", "0", "15", "15", "0", "0", "200", "200"]


def test_confidential_counts_are_marked_and_explained():
    raw = raw_frames()
    few = funnel(
        "m", "Mentoring", (100, 0, 0, 0), (97, 3, 0, 0), (60, 40, 0, 0), (45, 40, 0, 15), (34, 51, 0, 15), (12, 78, 10, 0)
    )
    raw["delivery"] = make_frame("delivery", pd.concat([few, clear("s", "Sport")], ignore_index=True))
    html = funnel_block(safe_run(raw), "m").html

    assert "[c] means confidential" in html
    assert "the rest confidential" in html
    assert not re.search(r">(3|97)<", html)


def test_a_programme_of_few_gets_a_sentence_instead_of_a_chart():
    raw = raw_frames()
    few = funnel("m", "Mentoring", *[(6, 0, 0, 0)] * 6)
    raw["delivery"] = make_frame("delivery", pd.concat([few, clear("s", "Sport")], ignore_index=True))

    html = funnel_block(safe_run(raw), "m").html

    assert "every number of its way is confidential" in html
    assert "<img" not in html


@pytest.mark.parametrize("issue", STANDINGS)
def test_each_standing_is_said_with_what_to_record(issue):
    notes = [("x" if issue == "nobody_referred" else "m", "Mentoring", issue, 20, 60)] if issue else []
    run = safe_run(raw_frames(notes=notes))
    html = data_quality.summary(run).html

    # A programme nobody was referred to is one more, beside the two that have referrals.
    assert issue in {standing for _, standing in programme_standings(run)}
    assert STANDINGS[issue].sentence in html.replace("&#x27;", "'")
    assert UNTIL[issue] in html.replace("&#x27;", "'")


def test_what_stands_in_the_way_most_decides():
    notes = [("m", "Mentoring", i, 20, 60) for i in ("sessions_unclear", "no_session_log", "starts_unclear")]

    assert dict(programme_standings(safe_run(raw_frames(notes=notes)))) == {"Mentoring": "starts_unclear", "Sport": ""}


def test_two_programmes_of_one_name_are_told_apart():
    run = safe_run(raw_frames(name="Sport"))

    assert [n for n, _ in programme_standings(run)] == ["Sport (m)", "Sport (s)"]


def test_the_first_thing_to_put_right_is_what_an_evaluation_cannot_do_without(run):
    items = re.findall(r"<li>(.*?)</li>", data_quality.summary(run).html)

    assert items == [
        "Starts, start date: Starts cannot be told. Record the first day.",
        "Sessions: Delivery is not known. Keep a log.",
    ]


def test_the_scores_show_the_weakest_rule_and_the_tables_that_are_missing(run):
    html = scores_block(run).html

    assert "Starts fall below 80 of 100" in html
    assert "Not given at all: sessions." in html
    assert '<td class="num">60.0</td>' in html
    assert "not given" in html


def test_a_score_that_rests_on_few_is_confidential(run):
    assert run.frame("quality")["score"].isna().sum() == 1
    assert "[c]" in scores_block(run).html


@pytest.mark.parametrize("issue", ISSUES)
def test_each_issue_is_said_with_its_numbers(issue):
    programme = ("", "") if issue == "contradictory_assessments" else ("m", "Mentoring")
    html = data_quality.contradictions(safe_run(raw_frames(notes=[(*programme, issue, 21, 60)]))).html.replace("&#x27;", "'")
    numbers = ISSUES[issue].numbers.format(n="21", of="60")

    assert ISSUES[issue].found in html
    assert ISSUES[issue].means in html
    assert numbers in html


def test_a_small_issue_is_marked_and_explained():
    html = data_quality.contradictions(safe_run(raw_frames(notes=[("m", "Mentoring", "concurrent", 3, 60)]))).html

    assert "Mentoring ([c] of 60)" in html
    assert "[c] means confidential" in html


def test_no_contradiction_gives_a_sentence(run):
    assert "Nothing that was looked for was found." in data_quality.contradictions(run).html


def test_the_wait_is_told_by_its_median(run):
    assert "Half of those who start Mentoring wait more than 41 days after the order" in waits_block(run).html


def test_suitability_that_nobody_knows_is_the_headline(run):
    assert "Nobody knows whether 59 of every 100 referrals to Mentoring were suitable" in suitability_block(run).html


def test_a_simulated_service_says_so_on_its_face():
    assert "simulated" in data_quality.title(safe_run(simulated=True)).html
    assert "simulated" not in data_quality.title(safe_run(simulated=False)).html


def test_a_hostile_name_comes_out_as_text():
    html = page(safe_run(raw_frames(name=INJECTION, notes=[("m", INJECTION, "concurrent", 20, 60)])))

    assert "<script" not in html
    assert "{{" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#123;&#123;7*7&#125;&#125;" in html


def test_it_says_nothing_of_effects(run):
    words = re.sub(r'src="[^"]+"', "", page(run)).lower()

    assert not re.search(r"reduces? reoffending|likely reduc|likely increas|works better", words)


def test_the_same_records_give_the_same_bytes(run):
    assert page(run) == page(safe_run())


def test_a_service_without_any_referral_is_told_so():
    raw = {name: make_frame(name, {}) for name in RECORD_FRAMES if name != "quality"} | {"quality": raw_frames()["quality"]}
    html = page(safe_run(raw))

    assert "No referral to any programme is recorded" in html
    assert require_allowed(html) == html
