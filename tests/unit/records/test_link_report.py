"""The frames of the linkage report count what they say."""

from datetime import date

import pandas as pd
import pytest

from yoseval.records.linkage.report import (
    LINKAGE_COLUMNS,
    LINKAGE_FRAMES,
    bin_weights,
    count_accuracy,
    count_losses,
    group_children,
    linkage_frame,
)
from yoseval.vocabulary import COLUMNS

TYPES = {"text": "object", "float": "float64", "integer": "Int64"}


def pairs(*rows):
    return pd.DataFrame(rows, columns=["left_key", "right_key", "match_weight", "match_probability"])


def test_weights_are_counted_in_bins_of_two_bits_with_edges_going_up():
    scored = pairs(("a", "x", -3.0, 0.1), ("b", "y", 0.0, 0.5), ("c", "z", 1.9, 0.8), ("d", "w", 4.0, 0.95))

    frame = bin_weights(scored, scored.iloc[2:])

    assert frame.to_numpy().tolist() == [[-4, -2, 1, 0], [-2, 0, 0, 0], [0, 2, 2, 1], [2, 4, 0, 0], [4, 6, 1, 1]]


def test_without_pairs_there_are_no_bins():
    frame = bin_weights(pairs(), pairs())

    assert (len(frame), tuple(frame.columns)) == (0, LINKAGE_FRAMES["linkage_weights"])


@pytest.mark.parametrize(
    ("born", "band"),
    [
        ("2010-06-15", "10 to 11"),
        ("2010-06-16", "0 to 9"),
        ("2008-06-15", "12 to 13"),
        ("2002-06-15", "18 or over"),
        ("2004-02-29", "16 to 17"),
        (None, "not recorded"),
    ],
)
def test_age_bands_take_completed_years(born, band):
    people = pd.DataFrame({"born": [born]}, dtype=object)

    groups = group_children(people, date_of_birth="born", sex=None, ethnicity=None, age_at=date(2020, 6, 15))

    assert groups["age_band"].tolist() == [band]


@pytest.mark.parametrize(("day", "band"), [(date(2022, 2, 28), "16 to 17"), (date(2022, 3, 1), "18 or over")])
def test_who_is_born_on_29_february_has_a_birthday_on_1_march(day, band):
    people = pd.DataFrame({"born": ["2004-02-29"]})

    groups = group_children(people, date_of_birth="born", sex=None, ethnicity=None, age_at=day)

    assert groups["age_band"].tolist() == [band]


def test_codes_outside_the_standard_are_unknown_and_never_shown():
    people = pd.DataFrame({"born": [None] * 4, "ethnic": ["Black", "see file of Ann Lee", None, "white "]}, dtype=object)

    groups = group_children(people, date_of_birth="born", sex=None, ethnicity="ethnic", age_at=None)

    assert groups["ethnicity"].tolist() == ["black", "unknown", "not recorded", "white"]
    assert list(groups.columns) == ["ethnicity"]


def test_losses_are_counted_by_group():
    groups = pd.DataFrame({"sex": ["male", "female", "male", "male"]})

    frame = count_losses(groups, pd.Series([True, False, False, True]))

    assert frame.to_numpy().tolist() == [["sex", "female", 1, 0, 1, 0.0], ["sex", "male", 3, 2, 1, pytest.approx(2 / 3)]]


def test_losses_without_groups_are_an_empty_frame():
    frame = count_losses(pd.DataFrame(index=range(3)), pd.Series([True, False, False]))

    assert (len(frame), tuple(frame.columns)) == (0, LINKAGE_FRAMES["linkage_losses"])


def test_precision_and_recall_by_hand():
    candidates = pairs(("a", "x", 9, 0.99), ("b", "y", 5, 0.90), ("c", "w", 4, 0.85), ("d", "v", -2, 0.2))
    truth = pd.DataFrame({"left_key": ["a", "b", "c", "e"], "right_key": ["x", "y", "z", "u"]})

    frame = count_accuracy(candidates, truth, (0.1, 0.85, 0.95))

    assert frame["n_linked"].tolist() == [4, 3, 1]
    assert frame["precision"].tolist() == pytest.approx([2 / 4, 2 / 3, 1.0])
    assert frame["recall"].tolist() == pytest.approx([2 / 4, 2 / 4, 1 / 4])


def test_precision_is_empty_where_nothing_is_linked_and_recall_where_nobody_is_in_both():
    frame = count_accuracy(pairs(("a", "x", 1, 0.6)), pd.DataFrame({"left_key": [], "right_key": []}), (0.9,))

    assert frame[["precision", "recall"]].isna().to_numpy().tolist() == [[True, True]]


@pytest.mark.parametrize("name", LINKAGE_FRAMES)
def test_an_empty_linkage_frame_has_the_types_of_the_vocabulary(name):
    frame = linkage_frame(name, [])
    kinds = {c: (LINKAGE_COLUMNS.get(c) or COLUMNS[c]).kind for c in LINKAGE_FRAMES[name]}

    assert {c: str(t) for c, t in frame.dtypes.items()} == {c: TYPES[k] for c, k in kinds.items()}


def test_every_column_of_the_linkage_frames_has_one_meaning():
    used = {c for columns in LINKAGE_FRAMES.values() for c in columns}

    assert {c for c in used if c not in COLUMNS} <= set(LINKAGE_COLUMNS) <= used
