"""What ties decide: a chart with its words and numbers, a sentence where there is nothing to draw."""

import numpy as np
import pandas as pd
import pytest

from yoseval.frames import make_frame
from yoseval.reporting.charts_ties import ties_section
from yoseval.reporting.figures.style import SIZE, WIDTH, svg
from yoseval.reporting.figures.ties import tie_plot
from yoseval.reporting.technical_effects import sensitivity
from yoseval.reporting.view import views


def ties(low=-0.091, high=-0.08, *, different=9, measure="risk_difference"):
    rows = [("", "total_distance", 1.23, 1.2, 1.3), ("reoffended", measure, -0.084, low, high)]
    frame = pd.DataFrame(rows, columns=["outcome", "quantity", "as_designed", "lowest", "highest"])
    return make_frame("ties", frame.assign(programme="mentoring", reorderings=50, different=different))


def section(run, frame):
    run.frames["ties"] = frame
    return ties_section(views(run, "mentoring")[0]).html


def test_the_chart_states_the_range_and_has_alternative_text_and_numbers(make_run):
    html = section(make_run(), ties())

    assert "With ties broken otherwise, the estimate lies between 8.0 and 9.1 fewer in every 100" in html
    assert 'alt="A bar from −9.1 to −8.0, with the estimate at −8.4. The bar lies wholly inside' in html
    assert "total distance of the pairs" in html
    assert "9 of them gave other matches" in html


def test_a_range_beyond_the_interval_is_said_to_be(make_run):
    assert "The bar lies partly outside" in section(make_run(), ties(low=-0.2))


def test_without_ties_there_are_words_and_no_figure(make_run):
    html = section(make_run(), ties(different=0))

    assert "no ties decide the result" in html
    assert "<img" not in html


def test_what_is_confidential_is_not_drawn(make_run):
    html = section(make_run(), ties(low=np.nan, high=np.nan))

    assert "is confidential" in html
    assert "<img" not in html


def test_a_design_without_pairs_has_no_section(make_run):
    assert "equal matches" not in sensitivity(make_run(), "mentoring").html


@pytest.mark.parametrize(
    ("measure", "low", "high", "limits"),
    [
        ("risk_difference", -0.091, -0.08, (-0.124, -0.044)),
        ("hazard_ratio", 0.7, 0.8, (0.6, 0.9)),
    ],
)
def test_the_figure_keeps_the_house_style_and_draws_what_the_frames_say(measure, low, high, limits):
    estimates = make_frame("estimates", {"role": "primary", "measure": measure, "conf_low": limits[0], "conf_high": limits[1]})
    frame = ties(low, high, measure=measure).assign(as_designed=(low + high) / 2)

    figure = tie_plot(frame, estimates, axis="Change")

    factor = 100 if measure == "risk_difference" else 1
    bar = next(line for line in figure.axes[0].lines if line.get_linewidth() == 7)
    assert list(bar.get_xdata()) == pytest.approx([factor * low, factor * high])
    assert figure.get_figwidth() == WIDTH
    assert all(t.get_fontsize() >= SIZE - 1e-9 for t in figure.findobj(lambda o: hasattr(o, "get_fontsize") and o.get_text()))
    assert svg(figure) == svg(tie_plot(frame, estimates, axis="Change"))
