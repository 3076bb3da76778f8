"""Coding covariates: numbers as they are, levels as 0/1 terms, missing never zero."""

import numpy as np
import pandas as pd
import pytest

from yoseval.cohort.covariates import code_covariates, is_category
from yoseval.errors import DataError


def test_numbers_are_taken_as_they_are():
    matrix = code_covariates(pd.DataFrame({"age": [14, 15, 12]}), ("age",))

    assert matrix.values[:, 0].tolist() == [14.0, 15.0, 12.0]
    assert (matrix.terms, matrix.kinds, matrix.covariates) == (("age",), ("numeric",), ("age",))


@pytest.mark.parametrize("flags", [[0, 1, 1], [True, False, True], [0.0, 1.0, np.nan]])
def test_zeros_and_ones_are_binary(flags):
    assert code_covariates(pd.DataFrame({"care": flags}), ("care",)).kinds[0] == "binary"


def test_each_level_of_a_category_is_a_term_and_the_first_is_the_reference():
    matrix = code_covariates(pd.DataFrame({"area": ["south", "north", "south"]}), ("area",))

    assert matrix.terms == ("area: north", "area: south")
    assert matrix.values.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert matrix.term_names_for_models() == ("area: south",)
    assert matrix.for_models().tolist() == [[1], [0], [1]]


def test_a_missing_number_is_the_mean_with_an_indicator():
    matrix = code_covariates(pd.DataFrame({"age": [10.0, np.nan, 16.0]}), ("age",))

    assert matrix.terms == ("age", "age: not recorded")
    assert matrix.kinds == ("numeric", "missing")
    assert matrix.values.tolist() == [[10, 0], [13, 1], [16, 0]]


def test_a_missing_category_is_a_level_of_its_own():
    matrix = code_covariates(pd.DataFrame({"area": ["south", None, "not recorded"]}), ("area",))

    assert matrix.terms == ("area: not recorded", "area: south")
    assert matrix.values[:, 0].tolist() == [0, 1, 1]


def test_levels_sum_to_one_in_every_row():
    area = pd.Series(["a", "b", None, "c", "a"], dtype="category")

    assert code_covariates(pd.DataFrame({"area": area}), ("area",)).values.sum(axis=1).tolist() == [1] * 5


def test_a_number_never_recorded_is_not_an_error():
    matrix = code_covariates(pd.DataFrame({"score": [np.nan, np.nan]}), ("score",))

    assert matrix.values.tolist() == [[0, 1], [0, 1]]


def test_nullable_integers_are_numbers():
    matrix = code_covariates(pd.DataFrame({"prior": pd.array([1, None, 3], dtype="Int64")}), ("prior",))

    assert matrix.values.tolist() == [[1, 0], [2, 1], [3, 0]]


def test_terms_come_in_the_order_of_the_protocol():
    frame = pd.DataFrame({"age": [1.0, 2.0], "area": ["x", "y"]})

    assert code_covariates(frame, ("area", "age")).covariates == ("area", "area", "age")


def test_the_matrix_is_column_major():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0], "prior": [1.0, 0.0, 5.0]})

    assert code_covariates(frame, ("age", "prior")).values.flags.f_contiguous


def test_without_covariates_the_matrix_has_no_columns():
    matrix = code_covariates(pd.DataFrame({"age": [1.0, 2.0]}), ())

    assert matrix.values.shape == matrix.for_models().shape == (2, 0)


def test_absent_covariates_are_all_named():
    with pytest.raises(DataError, match="not in the data: prior, area"):
        code_covariates(pd.DataFrame({"age": [1.0]}), ("prior", "age", "area"))


@pytest.mark.parametrize(("values", "expected"), [([1, 2], False), ([True, False], False), (["a", "b"], True)])
def test_anything_but_numbers_and_booleans_is_a_category(values, expected):
    assert is_category(pd.Series(values)) is expected
