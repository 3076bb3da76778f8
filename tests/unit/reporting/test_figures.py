"""Charts draw what the frames say, mark what is confidential, and are the same bytes each time."""

import base64
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from yoseval.errors import ReportError
from yoseval.reporting.blocks import Block
from yoseval.reporting.figures.flow import flow_diagram
from yoseval.reporting.figures.forest import forest_plot
from yoseval.reporting.figures.icons import icon_array, whole
from yoseval.reporting.figures.love import love_order, love_plot
from yoseval.reporting.figures.overlap import overlap_plot
from yoseval.reporting.figures.style import SIZE, WIDTH, figure_block, font_name, svg
from yoseval.reporting.figures.survival import survival_plot

NUMBERS = Block("<table><caption>C</caption></table>")
WORDS = {"title": "About 8.4 fewer", "subtitle": "per 100", "alt": "25 against 33 in 100", "source": "invented"}
ROWS = pd.DataFrame(
    {"name": ["Mentoring", "Sport"], "estimate": [-0.084, np.nan], "conf_low": [-0.124, np.nan], "conf_high": [-0.044, np.nan]}
)


def texts(figure):
    axes_texts = [t.get_text() for a in figure.axes for t in a.findobj(lambda o: hasattr(o, "get_text"))]
    return [t for t in [*axes_texts, *(t.get_text() for t in figure.texts)] if t]


def every_figure(run):
    return [
        love_plot(run.frame("balance")),
        overlap_plot(run.frame("overlap")),
        survival_plot(run.frame("curves")),
        icon_array(25.0, 33.4),
        flow_diagram(run.frame("attrition")),
        forest_plot(ROWS, measure="risk_difference", worthwhile=0.05),
    ]


def test_every_chart_is_as_wide_as_the_text_of_a_page(run):
    for figure in every_figure(run):
        assert isinstance(figure, Figure)
        assert figure.get_figwidth() == WIDTH


def test_no_text_on_a_chart_is_below_nine_and_a_half_points(run):
    for figure in every_figure(run):
        for text in figure.findobj(lambda o: hasattr(o, "get_fontsize") and o.get_text().strip()):
            assert text.get_fontsize() >= SIZE - 1e-9


def test_all_text_lies_within_the_picture(run):
    for figure in every_figure(run):
        figure.canvas.draw()
        page = figure.bbox
        for text in figure.findobj(lambda o: hasattr(o, "get_fontsize") and o.get_text().strip() and o.get_visible()):
            box = text.get_window_extent()
            # Ticks beyond the limits of an axis are not drawn; a pixel of rounding is allowed.
            if page.x0 <= box.x0 + box.width / 2 <= page.x1 and page.y0 <= box.y0 + box.height / 2 <= page.y1:
                assert box.x0 >= page.x0 - 1, text
                assert box.x1 <= page.x1 + 1, text


def test_the_same_frames_give_the_same_bytes(run):
    assert [svg(f) for f in every_figure(run)] == [svg(f) for f in every_figure(run)]


def test_pictures_hold_no_date(run):
    for figure in every_figure(run):
        assert "dc:date" not in svg(figure)


def test_charts_leave_no_global_state():
    # 'backend' is left out: to read it makes matplotlib choose one, and import pyplot.
    code = (
        "import sys, matplotlib as m; read = lambda: {k: m.rcParams[k] for k in m.rcParams.keys() - {'backend'}}; "
        "before = read(); "
        "from yoseval.reporting.figures.icons import icon_array; from yoseval.reporting.figures.style import svg; "
        "svg(icon_array(1, 2)); assert read() == before; assert 'matplotlib.pyplot' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_font_is_one_that_is_installed():
    from matplotlib import font_manager

    assert font_name() in font_manager.get_font_names()


def test_a_dollar_sign_in_a_name_is_a_dollar_sign(run):
    figure = forest_plot(ROWS.assign(name=["a $x^2$ b", "c"]), measure="risk_difference")

    svg(figure)

    assert "a $x^2$ b" in texts(figure)


def test_icons_are_filled_as_often_as_the_rounded_share():
    figure = icon_array(25.0, 33.5)

    filled = [len(axes.collections[0].get_offsets()) for axes in figure.axes]
    hollow = [len(axes.collections[1].get_offsets()) for axes in figure.axes]

    assert filled == [25, 34]
    assert hollow == [75, 66]


def test_shares_are_rounded_half_up():
    assert [whole(v) for v in (0.4, 0.5, 33.4, 99.5)] == [0, 1, 33, 100]


@pytest.mark.parametrize("value", [-1.0, 101.0, float("nan")])
def test_icons_refuse_what_is_no_share(value):
    with pytest.raises(ReportError):
        icon_array(value, 10.0)


def test_the_love_plot_orders_terms_by_their_difference_before(run):
    order = list(love_order(run.frame("balance")).index)

    assert order[:3] == ["propensity score", "earlier offences", "age"]


def test_the_love_plot_draws_each_term_before_and_after(run):
    figure = love_plot(run.frame("balance"))

    axes = figure.axes[0]
    hollow = [line for line in axes.lines if line.get_marker() == "o" and line.get_transform() == axes.transData]

    assert sorted(round(float(line.get_xdata()[0]), 2) for line in hollow) == [-0.62, -0.3, -0.18, 0.12, 0.21, 0.41, 0.95]


def test_the_love_plot_marks_what_is_confidential(run):
    balance = run.frame("balance")
    balance.loc[balance["term"] == "age", "std_mean_diff"] = np.nan

    assert "[c]" in texts(love_plot(balance))


def test_overlap_bars_have_the_area_of_the_share(run):
    overlap = run.frame("overlap")

    bars = overlap_plot(overlap).axes[0].patches

    areas = sum(b.get_width() * abs(b.get_height()) for b in bars)
    assert areas == pytest.approx(overlap.loc[overlap["sample"] == "before", "share"].sum(), rel=1e-12)


def test_overlap_marks_the_confidential_bin(run):
    assert "[c]" in texts(overlap_plot(run.frame("overlap")))


def test_curves_end_at_the_incidence_of_the_frame(run):
    curves = run.frame("curves")

    figure = survival_plot(curves)

    assert "Programme 25.0" in texts(figure)
    assert "Comparison 33.4" in texts(figure)


def test_curves_differ_in_more_than_colour(run):
    steps = [line for line in survival_plot(run.frame("curves")).axes[0].lines if line.get_drawstyle() == "steps-post"]

    assert len({line.get_linestyle() for line in steps}) == 2


def test_the_risk_table_marks_what_is_confidential(run):
    assert texts(survival_plot(run.frame("curves"))).count("[c]") == 1


def test_names_of_curves_that_end_together_stay_apart(run):
    curves = run.frame("curves")
    curves.loc[curves["arm"] == "comparison", "incidence"] = curves.loc[curves["arm"] == "treated", "incidence"].to_numpy()

    names = [t for t in survival_plot(curves).axes[0].texts if t.get_text().startswith(("Programme", "Comparison"))]

    assert abs(names[0].xy[1] - names[1].xy[1]) > 1.0


def test_the_forest_draws_estimates_per_100_with_their_interval():
    figure = forest_plot(ROWS, measure="risk_difference", worthwhile=0.05)

    assert "−8.4 (−12.4 to −4.4)" in texts(figure)
    bars = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2.2]
    np.testing.assert_allclose(bars, [[-12.4, -4.4]], rtol=1e-12)


def test_a_long_name_in_the_forest_is_told_whole_on_two_lines():
    named = ROWS.assign(name=["Entropy balancing: counted from day 31 on", "Sport"])

    assert "Entropy balancing: counted from day\n31 on" in texts(forest_plot(named, measure="risk_difference"))


def test_the_forest_shades_the_worthwhile_change():
    band = forest_plot(ROWS, measure="risk_difference", worthwhile=0.05).axes[0].patches[0]

    assert (band.get_x(), band.get_width()) == pytest.approx((-5.0, 10.0))


def test_the_forest_marks_a_row_without_estimate():
    assert "[c]" in texts(forest_plot(ROWS, measure="risk_difference"))
    assert "no fair comparison" in texts(forest_plot(ROWS.assign(remark="no fair comparison"), measure="risk_difference"))


def test_ratios_are_drawn_on_a_logarithmic_axis_around_one():
    rows = pd.DataFrame({"name": ["A"], "estimate": [0.5], "conf_low": [0.4], "conf_high": [0.7]})

    axes = forest_plot(rows, measure="hazard_ratio").axes[0]

    assert axes.get_xscale() == "log"
    assert np.prod(axes.get_xlim()) == pytest.approx(1.0)


def test_the_flow_shows_every_loss_and_marks_the_confidential_one(run):
    shown = texts(flow_diagram(run.frame("attrition")))

    assert {"500", "1,900", "412", "−76", "−38", "−1,450", "[c]"} <= set(shown)


def test_a_figure_block_has_alt_source_and_numbers():
    html = figure_block(icon_array(25, 33), **WORDS, numbers=NUMBERS).html

    assert 'alt="25 against 33 in 100"' in html
    assert "Source: invented" in html
    assert '<div class="numbers">' in html
    name = re.search(r'aria-labelledby="([^"]+)"', html).group(1)
    assert html.count(f'id="{name}"') == 1


def test_a_figure_block_holds_the_picture_itself():
    html = figure_block(icon_array(25, 33), **WORDS, numbers=NUMBERS).html

    picture = base64.b64decode(re.search(r"base64,([^\"]+)", html).group(1)).decode()

    assert picture == svg(icon_array(25, 33))


@pytest.mark.parametrize("alt", ["", "  ", "About 8.4 fewer"])
def test_a_figure_without_alternative_text_of_its_own_is_refused(alt):
    with pytest.raises(ReportError):
        figure_block(icon_array(25, 33), **{**WORDS, "alt": alt}, numbers=NUMBERS)


def test_a_figure_without_its_numbers_is_refused():
    with pytest.raises(ReportError):
        figure_block(icon_array(25, 33), **WORDS, numbers=Block("<p>none</p>"))


def test_words_of_a_figure_come_out_as_text(injection):
    html = figure_block(
        icon_array(25, 33), title=injection, subtitle=injection, alt=f"alt {injection}", source=injection, numbers=NUMBERS
    ).html

    assert "<script" not in html
    assert "{{" not in html
