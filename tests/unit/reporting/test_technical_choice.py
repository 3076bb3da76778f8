"""The choice among designs and those who were kept, as the technical report shows them."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting.technical import comparability
from yoseval.reporting.technical_losses import who_was_kept
from yoseval.reporting.technical_method import method

RULE = "Designs that pass the gate come first."


def with_candidates(run, n=3):
    rows = pd.DataFrame(
        {
            "method": ["entropy", "overlap", "full"],
            "place": [1, 2, None],
            "chosen": [True, False, False],
            "balanced": [True, False, None],
            "max_smd": [0.004, 0.123, None],
            "effective_n": [180.0, 200.0, None],
            "lost_treated": [0.0, 0.21, None],
            "reason": ["", "", "Needs <ortools>."],
        }
    )
    run.frames["candidates"] = make_frame("candidates", rows.head(n).assign(programme="mentoring"))
    rule = {"programme": "mentoring", "section": "design", "item": "Rule of the choice", "value": RULE}
    run.frames["protocol"] = pd.concat([run.frames["protocol"], make_frame("protocol", rule)], ignore_index=True)
    return run


def test_the_ranking_stands_under_the_method_with_its_rule(run):
    html = method(with_candidates(run)).html

    section = html[html.index("How the comparison was chosen") : html.index("In equations")]
    assert RULE in section
    assert section.index("Entropy balancing") < section.index("Overlap weighting") < section.index("Optimal full matching")
    assert "Needs &lt;ortools&gt;." in section
    assert "0.123" in section
    # There is no prognostic score, so no column for it.
    assert "Prognostic score" not in section


@pytest.mark.parametrize("n", [0, 1])
def test_there_is_no_table_of_one(run, n):
    assert "How the comparison was chosen" not in method(with_candidates(run, n)).html


def with_ledger(run, dropped):
    rows = [
        {
            "arm": arm,
            "term": f"term {i}",
            "kind": "binary",
            "n_kept": 300,
            "n_dropped": n,
            "mean_kept": 0.5,
            "std_mean_diff": gap,
        }
        for arm, n in dropped.items()
        for i, gap in enumerate((0.1, -0.6, 0.2, 0.3, 0.4, -0.5, 0.05) if n else (np.nan,) * 7)
    ]
    same = {"programme": "mentoring", "kind": "binary", "n_kept": 300, "mean_kept": 0.5, "mean_dropped": 0.4}
    run.frames["kept_and_dropped"] = make_frame("kept_and_dropped", pd.DataFrame(rows).assign(**same))
    return run


def test_the_terms_that_differ_most_come_first_and_the_others_are_left_out(run):
    html = who_was_kept(with_ledger(run, {"treated": 60, "comparison": 0})).html

    order = [html.index(f"term {i}, per 100") for i in (1, 5, 4, 3, 2)]
    assert order == sorted(order)
    assert "term 0" not in html
    assert "300 kept and 60 left out" in html
    assert "Comparison" not in html


def test_where_nobody_was_dropped_nothing_is_shown(run):
    assert who_was_kept(with_ledger(run, {"treated": 0, "comparison": 0})).html == ""
    assert (
        who_was_kept(run.__class__(run.manifest, {k: v for k, v in run.frames.items() if k != "kept_and_dropped"})).html == ""
    )


def test_what_is_confidential_of_a_group_is_said(run):
    with_ledger(run, {"treated": 6, "comparison": 60})
    frame = run.frames["kept_and_dropped"]
    columns = ["n_kept", "n_dropped", "mean_kept", "mean_dropped", "std_mean_diff"]
    hidden = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    hidden.loc[frame["arm"] == "treated", columns] = True
    run.frames["kept_and_dropped"] = make_frame("kept_and_dropped", frame.astype(object).mask(hidden, None))
    run.masks["kept_and_dropped"] = hidden

    html = comparability(run).html

    assert "How those left out of the programme group differ is confidential" in html
    assert "comparison group, 300 kept and 60 left out" in html.lower()
