"""Every colour of the stylesheet can be read on every ground it can stand on."""

import pytest

from yoseval.reporting.exporters import TEMPLATES

CSS = (TEMPLATES / "style.css").read_text(encoding="utf-8")


def test_contrast_agrees_with_the_published_ratios(support):
    # Black on white is 21:1 by definition; #767676 is the well-known lightest grey that passes 4.5:1 on white (4.54).
    assert support.contrast("#000000", "#ffffff") == pytest.approx(21.0, abs=1e-12)
    assert support.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


# Colour, contrast with white and half a unit of its last place, as the design gives them. For the first it gives 5.4, which
# the formula of WCAG 2.2 does not: the luminance of #0f7a52 is 0.0010 + 0.1392 + 0.0061 = 0.1463, so 1.05 / 0.1963 = 5.35.
PUBLISHED = {
    "likely_reduced": ("#0f7a52", 5.35, 0.005),
    "no_worthwhile_effect": ("#3d3d3d", 10.9, 0.05),
    "cannot_tell": ("#8a4b00", 6.8, 0.05),
    "likely_increased": ("#801650", 9.8, 0.05),
}


@pytest.mark.parametrize("verdict", PUBLISHED)
def test_verdicts_have_the_colours_of_the_design(support, verdict):
    tones = {s: d["--tone"].strip() for s, d in support.css_rules(CSS) if "--tone" in d}

    colour, ratio, tolerance = PUBLISHED[verdict]
    assert tones[f".verdict--{verdict}"] == colour
    assert support.contrast(colour, "#ffffff") == pytest.approx(ratio, abs=tolerance)


def test_text_and_shapes_of_the_stylesheet_have_enough_contrast(support):
    assert support.colour_faults(CSS) == []


@pytest.mark.parametrize(
    "rule", ["p { color: #999999; }", ".x { background: #12436d; color: #333333; }", ".x { border-left: 6px solid #dddddd; }"]
)
def test_a_pale_colour_is_found_out(support, rule):
    assert len(support.colour_faults(CSS + rule)) >= 1


def test_no_type_in_print_is_smaller_than_nine_and_a_half_points():
    import re

    printed = CSS[CSS.index("@page") :]
    sizes = [float(s) for s in re.findall(r"font-size: ([0-9.]+)pt", printed)]

    assert len(sizes) > 8
    assert min(sizes) >= 9.5


def test_the_body_of_a_briefing_is_printed_in_twelve_points():
    assert "body.briefing { font-size: 12pt;" in CSS[CSS.index("@media print") :]
