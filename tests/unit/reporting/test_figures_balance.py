"""Charts that look closer at balance draw what the safe frames say, and their words state it."""

import numpy as np
import pandas as pd
import pytest

from yoseval.errors import ReportError
from yoseval.frames import make_frame
from yoseval.reporting.figures.ecdf import ecdf_plot, ecdf_words
from yoseval.reporting.figures.style import SIZE, WIDTH, svg
from yoseval.reporting.figures.subgroup_balance import subgroup_balance_plot, subgroup_balance_words


def distributions(after=(0.31, 0.71, 1.0)):
    parts = []
    for sample, treated in (("before", (0.1, 0.5, 1.0)), ("after", after)):
        for arm, shares in (("treated", treated), ("comparison", (0.3, 0.75, 1.0))):
            frame = {"sample": sample, "arm": arm, "term": "age", "high": [12.5, 14.5, 18.0], "cumulative": shares}
            parts.append(pd.DataFrame(frame))
    return make_frame("distributions", pd.concat(parts, ignore_index=True).assign(programme="p"))


def subgroups():
    rows = [
        ("sex: f", "before", "age", 0.4),
        ("sex: f", "after", "age", -0.07),
        ("sex: f", "after", "prior", 0.22),
        ("sex: m", "before", "age", 0.3),
        ("sex: m", "after", "age", 0.02),
        ("area: tiny", "before", "age", np.nan),
        ("area: tiny", "after", "age", np.nan),
    ]
    columns = ["subgroup", "sample", "term", "std_mean_diff"]
    return make_frame("subgroup_balance", pd.DataFrame(rows, columns=columns).assign(programme="p"))


def figures():
    return [ecdf_plot(distributions(), "age"), subgroup_balance_plot(subgroups())]


def texts(figure):
    return [t.get_text() for a in figure.axes for t in a.findobj(lambda o: hasattr(o, "get_text"))]


def test_they_keep_the_house_style():
    for figure in figures():
        assert figure.get_figwidth() == WIDTH
        for text in figure.findobj(lambda o: hasattr(o, "get_fontsize") and o.get_text().strip()):
            assert text.get_fontsize() >= SIZE - 1e-9


def test_the_same_frames_give_the_same_bytes():
    assert [svg(f) for f in figures()] == [svg(f) for f in figures()]


def test_the_lines_are_the_cumulative_shares_of_each_group():
    axes = ecdf_plot(distributions(), "age").axes[0]

    curves = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert [list(line.get_ydata()) for line in curves] == [[10, 50, 100], [30, 75, 100]]


def test_the_words_give_the_widest_gap_and_where_it_lies():
    words = ecdf_words(distributions(), "age")

    assert "25 of every 100 people apart, at 14.5" in words
    assert "after, at most 4: they lie closer together" in words


def test_a_gap_that_did_not_close_is_said_so():
    assert "no closer together" in ecdf_words(distributions(after=(0.1, 0.5, 1.0)), "age")


def test_what_is_confidential_is_marked_and_said():
    frame = distributions()
    frame.loc[frame["sample"] == "after", "cumulative"] = np.nan

    assert "[c]" in texts(ecdf_plot(frame, "age"))
    assert "confidential" in ecdf_words(frame, "age")


def test_a_term_that_is_not_there_is_an_error():
    with pytest.raises(ReportError, match="Choose from: age"):
        ecdf_plot(distributions(), "height")


def test_each_subgroup_has_a_row_with_a_mark_a_term():
    axes = subgroup_balance_plot(subgroups()).axes[0]

    assert [t.get_text() for t in axes.get_yticklabels()] == ["sex: f", "sex: m", "area: tiny"]
    filled = [line for line in axes.lines if line.get_marker() == "D"]
    assert [sorted(line.get_xdata()) for line in filled] == [[0.07, 0.22], [0.02]]
    assert "[c]" in texts(axes.figure)


def test_the_words_name_the_subgroup_that_differs_most():
    words = subgroup_balance_words(subgroups())

    assert "in 1 of the 2 subgroups shown; the largest difference is 0.22, in sex: f." in words
    assert "1 of 3 subgroups are too small" in words


def test_where_nothing_can_be_shown_the_words_say_so():
    frame = subgroups().assign(std_mean_diff=np.nan)

    assert subgroup_balance_words(frame).startswith("No subgroup can be shown.")


def test_a_step_without_an_upper_edge_is_not_drawn():
    frame = distributions()
    frame.loc[frame["high"] == 18.0, "high"] = np.nan

    curves = [
        line for line in ecdf_plot(frame, "age").axes[0].lines if len(line.get_xdata()) == 2 and max(line.get_ydata()) > 1
    ]
    drawn = [list(line.get_ydata()) for line in curves if line.get_marker() == "."]
    assert drawn == [[10, 50], [30, 75]]
    assert "25 of every 100 people apart, at 14.5" in ecdf_words(frame, "age")


def test_where_all_steps_are_one_nothing_is_drawn():
    frame = distributions().query("high == 18").assign(high=np.nan)

    assert "[c]" in texts(ecdf_plot(frame, "age"))
    assert "confidential" in ecdf_words(frame, "age")
