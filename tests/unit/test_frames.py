"""Frames are made whole, with their types, and checked at the door."""

import numpy as np
import pandas as pd
import pytest

from yoseval.errors import DataError
from yoseval.frames import check_frame, join_frames, make_frame, tidy


def test_what_does_not_apply_is_empty_never_missing():
    frame = make_frame("findings", {"programme": "a", "n_treated": 3})

    assert frame.loc[0, "name"] == ""
    assert np.isnan(frame.loc[0, "estimate"])
    assert frame.loc[0, "n_comparison"] is pd.NA
    assert frame.loc[0, "balanced"] is pd.NA


def test_columns_come_in_the_order_of_the_vocabulary():
    frame = make_frame("sizes", {"effective_n": [1.5], "n": [2], "arm": ["treated"], "sample": ["before"], "programme": ["a"]})

    assert frame.columns.tolist() == ["programme", "sample", "arm", "n", "effective_n"]


def test_scalars_make_one_row_and_are_repeated_beside_lists():
    assert len(make_frame("sizes", {"programme": "a", "n": 1})) == 1
    assert make_frame("sizes", {"programme": "a", "n": [1, 2]})["programme"].tolist() == ["a", "a"]


def test_types_are_those_of_the_vocabulary_whatever_was_given():
    given = {"programme": ["1", None], "n_treated": [3.0, None], "estimate": ["0.5", None], "balanced": [True, None]}

    frame = make_frame("findings", given)

    assert frame["programme"].tolist() == ["1", ""]
    assert frame["n_treated"].tolist() == [3, pd.NA]
    assert frame["estimate"].iloc[0] == 0.5
    assert frame["balanced"].tolist() == [True, pd.NA]
    assert [str(frame[c].dtype) for c in given] == ["object", "Int64", "float64", "boolean"]


def test_rows_are_numbered_anew():
    frame = make_frame("sizes", pd.DataFrame({"n": [1, 2]}, index=[7, 7]))

    assert frame.index.tolist() == [0, 1]


def test_a_column_of_another_frame_is_refused():
    with pytest.raises(DataError, match="verdict: not a column of the frame 'sizes'"):
        make_frame("sizes", {"verdict": "x"})


def test_what_was_given_is_not_changed():
    given = pd.DataFrame({"n": [1.0]})

    make_frame("sizes", given)

    assert given.columns.tolist() == ["n"]
    assert str(given["n"].dtype) == "float64"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="n"), r"missing \['n'\]"),
        (lambda f: f.assign(colour="red"), r"unknown \['colour'\]"),
        (lambda f: f[f.columns[::-1]], "does not have its columns"),
        (lambda f: f.assign(n=f["n"].astype(float)), r"another type than the vocabulary says: \['n'\]"),
    ],
    ids=["a column less", "a column more", "another order", "another type"],
)
def test_a_frame_with_something_off_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        check_frame(change(make_frame("sizes", {"n": [1]})), "sizes")


def test_frames_of_one_name_are_stacked_with_their_types():
    parts = [make_frame("findings", {"programme": p, "n_treated": n}) for p, n in (("a", 1), ("b", None))]

    joined = join_frames("findings", parts)

    assert check_frame(joined, "findings") is joined
    assert joined["programme"].tolist() == ["a", "b"]
    assert joined["n_treated"].tolist() == [1, pd.NA]
    assert joined.index.tolist() == [0, 1]


def test_no_frames_make_the_empty_frame():
    joined = join_frames("sizes", [])

    assert check_frame(joined, "sizes") is joined
    assert len(joined) == 0


def test_tidy_gives_what_the_result_says_of_itself():
    class Result:
        def to_frame(self):
            return make_frame("sizes", {"n": 3})

    assert tidy(Result())["n"].tolist() == [3]
