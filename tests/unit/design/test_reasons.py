"""Each unit outside the pairs has the reason that fits it."""

import numpy as np

from yoseval.design.reasons import reasons_outside

T, C = True, False
OUTSIDE, TREATED = np.array([C, C, T, T, T]), np.array([T, C, T, C, T])
WORDS = {"rule": "within the caliper", "spare": "another comparison unit is closer"}


def told(cells):
    reasons = reasons_outside(OUTSIDE, TREATED, np.array(cells), OUTSIDE & ~TREATED, **WORDS)
    return {reason: np.flatnonzero(who).tolist() for reason, who in reasons}


def test_each_reason_is_given_to_whom_it_fits():
    assert told([0, 0, 0, 0, 1]) == {
        "no comparison unit left in the same exact cell": [4],
        "no comparison unit within the caliper": [2],
        "not needed: another comparison unit is closer": [3],
    }


def test_reasons_of_nobody_are_left_out():
    assert told([0, 0, 0, 0, 0]) == {
        "no comparison unit within the caliper": [2, 4],
        "not needed: another comparison unit is closer": [3],
    }


def test_where_nobody_is_left_over_that_is_the_reason():
    nobody = np.zeros(5, dtype=bool)

    reasons = dict(reasons_outside(OUTSIDE & TREATED, TREATED, np.zeros(5, dtype=np.int64), nobody, **WORDS))

    assert list(reasons) == ["no comparison unit left"]
