"""Tables are accessible, have no empty cell, and explain what is confidential."""

import pandas as pd

from yoseval.reporting.tables import HIDDEN_NOTE, Column, table_block

FRAME = pd.DataFrame(
    {
        "name": ["One", "Two"],
        "n": pd.array([1234, None], dtype="Int64"),
        "change": [-0.084, float("nan")],
        "remark": ["", "seen"],
    }
)
COLUMNS = [
    Column("name", "Programme"),
    Column("n", "Children", "count"),
    Column("change", "Change, per 100", "number", factor=100),
    Column("remark", "Remark"),
]


def test_a_table_has_caption_and_scopes():
    html = table_block(FRAME, caption="What was found", columns=COLUMNS).html

    assert "<caption>What was found</caption>" in html
    assert html.count('scope="col"') == 4
    assert html.count('scope="row"') == 2


def test_numbers_are_printed_with_a_true_minus_and_to_the_right():
    html = table_block(FRAME, caption="C", columns=COLUMNS).html

    assert '<td class="num">−8.4</td>' in html
    assert '<td class="num">1,234</td>' in html


def test_no_cell_is_empty():
    html = table_block(FRAME, caption="C", columns=COLUMNS).html

    assert "></td>" not in html
    assert html.count("not applicable") == 3


def test_a_confidential_value_is_marked_and_explained():
    hidden = pd.DataFrame({"n": [False, True]})

    html = table_block(FRAME, caption="C", columns=COLUMNS, hidden=hidden).html

    assert html.count('<td class="num">[c]</td>') == 1
    assert HIDDEN_NOTE in html


def test_without_confidential_values_nothing_is_explained():
    assert "[c]" not in table_block(FRAME, caption="C", columns=COLUMNS).html


def test_a_confidential_value_is_hidden_even_if_it_was_given():
    hidden = pd.DataFrame({"n": [True, True]})

    assert "1,234" not in table_block(FRAME, caption="C", columns=COLUMNS, hidden=hidden).html


def test_a_wide_table_is_a_named_region_that_takes_focus():
    html = table_block(FRAME, caption="Findings", columns=COLUMNS, wide=True).html

    assert html.startswith('<div class="table-scroll keep" role="region" tabindex="0" aria-label="Table: Findings">')


def test_text_from_data_comes_out_as_text(injection):
    frame = pd.DataFrame({"name": [injection], "n": [1]})

    html = table_block(
        frame, caption=injection, columns=[Column("name", injection), Column("n", "N", "count")], note=injection
    ).html

    assert "<script" not in html
    assert "{{" not in html


def test_small_p_values_are_not_printed_as_zero():
    frame = pd.DataFrame({"name": ["a", "b"], "p": [0.00001, 0.0417]})

    html = table_block(frame, caption="C", columns=[Column("name", "N"), Column("p", "p", "p_value")]).html

    assert "&lt; 0.001" in html
    assert "0.042" in html


def test_a_short_table_is_kept_on_one_page_and_a_long_one_may_break():
    columns = [Column("name", "N")]

    assert '<div class="keep">' in table_block(FRAME, caption="C", columns=columns).html
    assert "keep" not in table_block(pd.concat([FRAME] * 6), caption="C", columns=columns).html
