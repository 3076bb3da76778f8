"""The family of errors: what went wrong, where, and what to do about it.

::

    YosevalError                 1
    ├── UsageError               2   a command or an argument is off
    ├── DataError               10   a file breaks its rules
    ├── StudyError              11   study.toml breaks its rules
    ├── NotEvaluableError       12   no programme can be evaluated
    │   ├── DesignError              a fair comparison could not be built
    │   └── EstimationError          an effect could not be estimated
    │       ├── FollowUpTooShortError    nobody was followed to the horizon
    │       └── TooFewEventsError        an arm lacks events, or units without
    ├── ReportError             13   a report could not be rendered
    └── EnvironmentFault        14   disk, permission, lock

The number is the exit code of the command line. A message says what was expected,
what was found (how many of how many, the first place) and what to do; it never
shows the identifier of a child.
"""

from collections.abc import Sequence


class YosevalError(Exception):
    """Any error that yoseval raises on purpose.

    Parameters
    ----------
    problem : str
        What was expected and what was found.
    remedy : str
        What the user can do about it.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem} {remedy}".strip())

    def __reduce__(self) -> tuple[type["YosevalError"], tuple[str, str]]:
        """Keep the two parts apart when a worker process hands the error back."""
        return (type(self), (self.problem, self.remedy))


class UsageError(YosevalError):
    """A command or an argument is off."""

    exit_code = 2


class DataError(YosevalError):
    """A data file breaks one of its rules."""

    exit_code = 10


class StudyError(YosevalError):
    """The study file breaks one of its rules."""

    exit_code = 11


class NotEvaluableError(YosevalError):
    """Nothing can be evaluated with what there is."""

    exit_code = 12


class DesignError(NotEvaluableError):
    """A fair comparison could not be built for one programme."""


class EstimationError(NotEvaluableError):
    """An effect could not be estimated for one programme."""


class FollowUpTooShortError(EstimationError):
    """Nobody of an arm was followed to the horizon."""


class TooFewEventsError(EstimationError):
    """An arm lacks events, or units without one, or anybody whose outcome is known."""


class ReportError(YosevalError):
    """A report could not be rendered."""

    exit_code = 13


class EnvironmentFault(YosevalError):  # noqa: N818 - EnvironmentError is a builtin
    """The machine stands in the way: disk, permission, lock."""

    exit_code = 14


def listed(problems: Sequence[str], *, most: int = 20) -> str:
    """Join problems into one numbered message, at most ``most`` of them.

    Examples
    --------
    >>> print(listed(["age is empty", "sex is empty"]))
    1. age is empty
    2. sex is empty
    """
    lines = [f"{i}. {text}" for i, text in enumerate(problems[:most], start=1)]
    if len(problems) > most:
        lines.append(f"(and {len(problems) - most} more)")
    return "\n".join(lines)
