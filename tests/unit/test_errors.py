"""The family of errors: exit codes, the two parts of a message, and the way back from a worker."""

import pickle

import pytest

from yoseval import errors
from yoseval.errors import (
    DataError,
    DesignError,
    EnvironmentFault,
    EstimationError,
    FollowUpTooShortError,
    NotEvaluableError,
    ReportError,
    StudyError,
    TooFewEventsError,
    UsageError,
    YosevalError,
    listed,
)

CODES = {
    YosevalError: 1,
    UsageError: 2,
    DataError: 10,
    StudyError: 11,
    NotEvaluableError: 12,
    DesignError: 12,
    EstimationError: 12,
    FollowUpTooShortError: 12,
    TooFewEventsError: 12,
    ReportError: 13,
    EnvironmentFault: 14,
}


def test_every_error_of_the_family_has_its_exit_code():
    family = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, YosevalError)}

    assert {e: e.exit_code for e in family} == CODES


def test_a_programme_that_cannot_be_designed_or_estimated_is_not_evaluable():
    assert issubclass(DesignError, NotEvaluableError)
    assert issubclass(EstimationError, NotEvaluableError)


def test_a_message_is_the_problem_and_the_remedy():
    error = DataError("It broke.", "Mend it.")

    assert str(error) == "It broke. Mend it."
    assert (error.problem, error.remedy) == ("It broke.", "Mend it.")


def test_a_message_without_remedy_is_the_problem_alone():
    assert str(StudyError("It broke.")) == "It broke."


@pytest.mark.parametrize("kind", CODES)
def test_an_error_comes_back_whole_from_a_worker(kind):
    back = pickle.loads(pickle.dumps(kind("It broke.", "Mend it.")))

    assert type(back) is kind
    assert (back.problem, back.remedy, str(back)) == ("It broke.", "Mend it.", "It broke. Mend it.")


def test_problems_are_numbered():
    assert listed(["a", "b"]) == "1. a\n2. b"


def test_of_many_problems_the_first_are_shown_and_the_rest_counted():
    lines = listed([f"p{i}" for i in range(25)]).splitlines()

    assert len(lines) == 21
    assert lines[19] == "20. p19"
    assert lines[-1] == "(and 5 more)"


def test_as_many_problems_as_are_shown_need_no_count():
    assert listed(["a", "b"], most=2) == "1. a\n2. b"
