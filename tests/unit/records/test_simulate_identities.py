"""Simulated extracts: the truth is true, errors come at their rates, and nothing differs without them."""

import math
from dataclasses import fields

import pandas as pd
import pytest

from yoseval.errors import UsageError
from yoseval.records.linkage.simulate import ErrorRates, simulate_identities

CELLS = ["forename", "surname", "date_of_birth", "sex", "postcode"]
NO_ERRORS = ErrorRates(**{f.name: 0.0 for f in fields(ErrorRates)})


def side_by_side(extracts):
    """Return the children who are in both extracts, one row each."""
    left = extracts.truth.merge(extracts.left, left_on="left_key", right_on="key")
    return left.merge(extracts.right, left_on="right_key", right_on="key", suffixes=("", "_police"))


def test_without_errors_the_shared_children_are_the_same_in_both():
    both = side_by_side(simulate_identities(300, 500, n_shared=200, errors=NO_ERRORS, seed=1))

    assert len(both) == 200
    assert (both[CELLS].to_numpy() == both[[f"{c}_police" for c in CELLS]].to_numpy()).all()


def test_sizes_keys_and_columns_are_as_asked():
    extracts = simulate_identities(300, 500, n_shared=200, seed=1)

    assert extracts.left.columns.tolist() == ["key", *CELLS, "ethnicity"]
    assert extracts.right.columns.tolist() == ["key", *CELLS]
    assert (extracts.left["key"].nunique(), extracts.right["key"].nunique(), len(extracts.truth)) == (300, 500, 200)


def test_keys_tell_nothing_about_who_is_shared():
    truth = simulate_identities(1000, 1000, n_shared=1000, seed=1).truth
    left, right = (truth[c].str[1:].astype(int) for c in ("left_key", "right_key"))

    # Independent orders: |r| beyond four standard errors comes up once in 16,000.
    assert abs(left.corr(right, method="spearman")) < 4 / math.sqrt(1000)


@pytest.mark.parametrize(
    ("rate", "column", "value"),
    [
        ("surname_changed", "surname", 0.3),
        ("moved", "postcode", 0.3),
        ("sex", "sex", 0.3),
        ("birth_digit", "date_of_birth", 0.3),
    ],
)
def test_an_error_comes_at_its_rate(rate, column, value):
    errors = ErrorRates(**{f.name: value if f.name == rate else 0.0 for f in fields(ErrorRates)})

    both = side_by_side(simulate_identities(4000, 4000, n_shared=4000, errors=errors, seed=2))
    differs = (both[column] != both[f"{column}_police"]).mean()
    others = [c for c in CELLS if c != column]

    # Four standard errors, and one in fifty draws may give the same cell again.
    assert (
        value * 0.98 - 4 * math.sqrt(value * (1 - value) / 4000) <= differs <= value + 4 * math.sqrt(value * (1 - value) / 4000)
    )
    assert (both[others].to_numpy() == both[[f"{c}_police" for c in others]].to_numpy()).all()


def test_swapped_names_are_in_each_others_column():
    errors = ErrorRates(**{f.name: 1.0 if f.name == "names_swapped" else 0.0 for f in fields(ErrorRates)})

    both = side_by_side(simulate_identities(50, 50, n_shared=50, errors=errors, seed=1))

    assert (both["forename"] == both["surname_police"]).all()
    assert (both["surname"] == both["forename_police"]).all()


@pytest.mark.parametrize("rate", ["day_month", "birth_digit"])
def test_a_wrong_date_of_birth_is_still_a_date(rate):
    errors = ErrorRates(**{f.name: 1.0 if f.name == rate else 0.0 for f in fields(ErrorRates)})

    right = simulate_identities(10, 3000, n_shared=10, errors=errors, seed=1).right

    assert pd.to_datetime(right["date_of_birth"], format="%Y-%m-%d").notna().all()


def test_the_same_seed_gives_the_same_extracts_and_another_seed_others():
    one, again, other = (simulate_identities(50, 60, n_shared=40, seed=s) for s in (1, 1, 2))

    pd.testing.assert_frame_equal(one.left, again.left)
    pd.testing.assert_frame_equal(one.right, again.right)
    pd.testing.assert_frame_equal(one.truth, again.truth)
    assert not one.left.equals(other.left)


@pytest.mark.parametrize("n_shared", [-1, 51])
def test_more_shared_children_than_there_are_is_refused(n_shared):
    with pytest.raises(UsageError, match="between 0 and 50"):
        simulate_identities(50, 60, n_shared=n_shared, seed=1)
