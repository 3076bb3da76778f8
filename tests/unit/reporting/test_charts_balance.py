"""Blocks on balance beyond the means say what the safe frames say, and nothing where there is nothing."""

import re
from html import unescape

import numpy as np

from yoseval.reporting.charts_balance import beyond_means, within_subgroups
from yoseval.reporting.view import views


def view_of(run, **changes):
    """Return the view of a run with columns of frames changed."""
    for name, columns in changes.items():
        run.frames[name] = run.frames[name].assign(**columns)
        run.masks.pop(name, None)
    return views(run)[0]


def said(block):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", re.sub(r'src="[^"]+"', "", block.html))))


def rows(block, caption):
    table = block.html.split(f"<caption>{caption}")[1].split("</table>")[0]
    return [re.findall(r">([^<>]+)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)[1:]]


def test_the_distances_are_said_with_what_they_mean(run):
    words = said(beyond_means(view_of(run)))

    assert "the lowest was 0.70 before (earlier offences) and 0.94 after (earlier offences)" in words
    assert "0.118 before and 0.023 after, where 0 would be the same distribution" in words


def test_the_number_that_agrees_least_is_drawn(run):
    block = beyond_means(view_of(run))

    assert "The groups agree least on earlier offences: afterwards they lie up to 5 of every 100 apart" in said(block)
    alt = re.search(r'<img alt="([^"]+)"', block.html).group(1)
    assert "distributions of earlier offences were before at most 25 of every 100 people apart, at 14.5" in alt


def test_a_number_of_which_no_step_may_be_shown_is_not_drawn(run):
    steps = run.frames["distributions"]
    hidden = steps["high"].mask(steps["term"] == "earlier offences")

    assert "The groups agree least on age" in said(beyond_means(view_of(run, distributions={"high": hidden})))


def test_where_no_number_can_be_drawn_a_sentence_says_so(run):
    block = beyond_means(view_of(run, distributions={"high": np.nan}))

    assert "<img" not in block.html
    assert "No distribution of a number can be shown" in said(block)


def test_the_steps_are_the_numbers_behind_the_chart(run):
    found = rows(beyond_means(view_of(run)), "Shares of each group up to each value of earlier offences")

    assert found == [
        ["12.5", "10", "30", "10", "12"],
        ["14.5", "50", "75", "52", "55"],
        ["everybody", "100", "100", "100", "100"],
    ]


def test_the_worst_products_that_may_be_shown_are_in_the_table(run):
    found = rows(beyond_means(view_of(run)), "Squares of numbers and products of two terms that differ most after")

    assert found == [["age × sex: male", "0.20", "−0.14"], ["age squared", "0.30", "0.12"]]


def test_where_all_is_confidential_sentences_say_so(run):
    empty = {"overlap_coefficient": np.nan, "energy_distance": np.nan, "ks": np.nan}
    words = said(beyond_means(view_of(run, distribution_balance=empty, interactions={"std_mean_diff": np.nan})))

    assert "How far the distributions agree is confidential" in words
    assert "No square of a number and no product of two terms can be shown" in words


def test_subgroups_have_a_chart_with_its_words_and_its_numbers(run):
    block = within_subgroups(view_of(run))

    assert "In 2 of 3 subgroups no term that may be shown differs by more than 0.10" in said(block)
    assert "the largest difference is 0.12, in sex: female. 1 of 4 subgroups are too small to be shown." in block.html
    assert rows(block, "Largest differences within each subgroup") == [
        ["sex: female", "2", "0.40", "0.12", "age"],
        ["sex: male", "2", "0.30", "0.02", "age"],
        ["area: tiny", "[c]", "[c]", "[c]", "[c]"],
        ["area: rest", "2", "0.20", "0.05", "age"],
    ]


def test_subgroups_that_are_all_too_small_are_a_sentence(run):
    block = within_subgroups(view_of(run, subgroup_balance={"std_mean_diff": np.nan}))

    assert "<img" not in block.html
    assert "No subgroup can be shown. 4 of 4 subgroups are too small" in said(block)


def test_a_run_without_these_frames_has_no_such_section(run):
    for name in ("distribution_balance", "subgroup_balance"):
        run.frames[name] = run.frames[name].iloc[:0]

    assert beyond_means(view_of(run)).html == within_subgroups(view_of(run)).html == ""
