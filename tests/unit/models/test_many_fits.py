"""Many parts fitted at once: each is its own fit, and what has none is left to that."""

import numpy as np
import pytest

from yoseval.errors import DesignError
from yoseval.models.glm import fit_logit, standardise_columns
from yoseval.models.many_fits import exponential, fit_many, logistic


def drawn(n, p, seed):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=(n, p - 1)) * 10.0 ** np.arange(p - 1), rng.random(n) < 0.3])
    return x, rng.random(n) < 1 / (1 + np.exp(0.5 - 0.8 * x[:, 0] - x[:, -1]))


def scores(x, y, kept):
    scaled = standardise_columns(x)
    start = scaled.on_scale(fit_logit(x, y).coefficients)
    return fit_many(scaled.z, kept, (kept & y) @ scaled.z, start, logistic)


@pytest.mark.parametrize(("n", "p", "groups"), [(90, 2, 90), (150, 5, 40), (400, 9, 12)])
def test_each_part_is_fitted_as_it_is_alone(n, p, groups):
    x, y = drawn(n, p, n)
    kept = np.arange(n) % groups != np.arange(groups)[:, None]

    found = scores(x, y, kept)

    for part, fitted in zip(kept, found, strict=True):
        np.testing.assert_allclose(fitted[part], fit_logit(x[part], y[part]).fitted, rtol=1e-10)


def test_a_tilt_by_one_flag_has_its_closed_form():
    flag = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    kept = np.array([[True] * 6, [False, *[True] * 5], [True] * 5 + [False]])
    z = np.column_stack([np.ones(6), flag])

    share = fit_many(z, kept, np.array([[1.0, 0.4], [1.0, 0.3], [1.0, 0.5]]), np.log([1 / 6, 1.0]), exponential) * kept

    wanted = [[0.2, 0.2, 0.15, 0.15, 0.15, 0.15], [0, 0.3, *[0.175] * 4], [0.25, 0.25, *[0.5 / 3] * 3, 0]]
    np.testing.assert_allclose(share, wanted, rtol=1e-12)


def test_parts_without_a_solution_are_not_numbers_and_leave_the_others_alone():
    x, y = drawn(120, 2, 4)
    mark = (np.arange(120) == 7) | (np.arange(120) == 8)
    y[7], y[8] = True, False
    x = np.column_stack([x[:, 0], mark])
    # Without either of the two who are marked they tell the arms apart; without both nobody is; then only the treated.
    kept = np.vstack([np.arange(120) != 7, np.arange(120) != 8, ~mark, y, np.arange(120) != 9])

    found = scores(x, y, kept)

    assert np.isnan(found).all(axis=1).tolist() == [True, True, True, True, False]
    np.testing.assert_allclose(found[4, kept[4]], fit_logit(x[kept[4]], y[kept[4]]).fitted, rtol=1e-10)
    for part in kept[[0, 1, 3]]:
        with pytest.raises(DesignError):
            fit_logit(x[part], y[part])


def test_nearly_dependent_columns_are_not_trusted():
    x, y = drawn(200, 3, 8)
    near = np.column_stack([x[:, 0], x[:, 0] + 1e-4 * x[:, 2]])

    assert np.isnan(scores(near, y, np.ones((2, 200), dtype=bool))).all()


def test_no_parts_are_no_rows():
    x, y = drawn(50, 2, 1)

    assert scores(x, y, np.ones((0, 50), dtype=bool)).shape == (0, 50)
