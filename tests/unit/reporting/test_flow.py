"""The flow: its numbers add up in table, figure and sentence, and no reason is cut off."""

import itertools
import re

import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting.charts_design import flow_block
from yoseval.reporting.figures.flow import flow_diagram
from yoseval.reporting.view import View

LONG = "follow-up and the wait for proof were not over by the extract, as far as the records of this and of other services tell"
STEPS = (
    ("extract", "children in the records", 0, 0),
    ("index", "no eligible caution, disposal or release in the index dates", 40, 187),
    ("eligibility", "hosted for another service", 17, 48),
    ("eligibility", "outside the ages of the programme", 0, 13),
    ("eligibility", "had started the programme before", 30, 0),
    ("eligibility", "in custody at time zero", 0, 90),
    ("follow-up", LONG, 18, 122),
    ("design", "not needed: not the closest to anybody", 0, 1200),
    ("analysis", "analysed", 0, 0),
)


def records_flow(steps=STEPS, start=(328, 1872)):
    left, rows = list(start), []
    for step, (stage, reason, *lost) in enumerate(steps, start=1):
        for i, arm in enumerate(("treated", "comparison")):
            left[i] -= lost[i]
            rows.append((step, stage, reason, arm, lost[i], left[i]))
    columns = ["step", "stage", "reason", "arm", "n_lost", "n_left"]
    return make_frame("attrition", pd.DataFrame(rows, columns=columns).assign(programme="mentoring"))


@pytest.fixture
def block(run):
    run.frames["attrition"] = records_flow()
    run.masks["attrition"] = run.frames["attrition"].isna()
    return flow_block(View(run, "mentoring")).html


def test_the_rendered_table_adds_up_from_step_to_step_in_both_groups(block):
    body = re.search(r"(?s)<tbody>(.*?)</tbody>", block)[1]
    rows = [[int(c.replace(",", "")) for c in re.findall(r'<td class="num">([^<]*)</td>', r)] for r in body.splitlines() if r]

    assert len(rows) == len(STEPS)
    for before, after in itertools.pairwise(rows):
        assert before[1] - after[0] == after[1]
        assert before[3] - after[2] == after[3]
    assert (rows[0][1], rows[-1][1], rows[0][3], rows[-1][3]) == (328, 223, 1872, 212)


def test_the_sentences_have_the_first_and_the_last_numbers_of_the_table(block):
    assert "223 of 328 in the programme group were analysed" in block
    assert "Of 328 children in the records in the programme group, 223 were analysed; of 1,872 in the comparison, 212." in block


def test_the_figure_has_the_numbers_of_the_table_and_every_reason_whole():
    frame = records_flow()
    texts = [t.get_text() for t in flow_diagram(frame).axes[0].texts]
    told = [int(t.replace("\N{MINUS SIGN}", "-").replace(",", "")) for t in texts if re.fullmatch(r"\N{MINUS SIGN}?[\d,]+", t)]

    assert sorted(n for n in told if n > 0) == [212, 223, 328, 1872]
    assert sum(n for n in told if n < 0) == 223 - 328 + 212 - 1872
    assert {" ".join(t.split()) for t in texts} >= {reason for _, reason, *lost in STEPS if any(lost)}


def test_texts_of_the_figure_neither_overlap_nor_leave_it():
    figure = flow_diagram(records_flow())
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()]
    whole = figure.bbox

    assert all(b.x0 >= whole.x0 and b.x1 <= whole.x1 and b.y0 >= whole.y0 and b.y1 <= whole.y1 for b in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_a_programme_that_nobody_started_is_said_to_be_so(run):
    steps = (*((s, r, 0, c) for s, r, _, c in STEPS[:7]), ("design", "too few to evaluate", 0, 1412))
    run.frames["attrition"] = records_flow(steps, start=(0, 1872))
    run.masks["attrition"] = run.frames["attrition"].isna()

    assert "Nobody started the programme in time" in flow_block(View(run, "mentoring")).html
