"""What an entry of the menu of designs says of itself, and the check that holds a request against it.

A method is one `Method`: how it is built, whom it can be about, its options with their defaults, and the rules of
those options. The same entry makes the table that a user reads and the error that a wrong request meets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np

from yoseval.design.types import Weighting
from yoseval.errors import UsageError


@dataclass(frozen=True, slots=True)
class Rule:
    """What an option may be, and when it applies.

    Parameters
    ----------
    holds : callable
        True for a value that is allowed.
    must_be : str
        The same in words, after "It must be".
    only_with : mapping
        Other options of the method with the values under which this one has a say; none = always. A value that is
        a callable is a condition on the other option.
    condition : str
        ``only_with`` in words, after "It applies".
    """

    holds: Callable[[Any], bool]
    must_be: str
    only_with: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """What a method can do.

    Parameters
    ----------
    build : callable
        From a cohort, ``estimand=`` and every option by name, the `Weighting`.
    accepts : tuple of str
        Estimands it may be asked for.
    options : mapping
        Its options with their defaults.
    needs : str
        What must hold, in words.
    cite : str
        Key of the reference.
    rules : mapping
        The rules of its options; an option without one is checked by ``build``.
    """

    build: Callable[..., Weighting]
    accepts: tuple[str, ...]
    options: Mapping[str, Any]
    needs: str
    cite: str
    rules: Mapping[str, Rule] = field(default_factory=dict)


def require_options(name: str, method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a method: those given, and the defaults of the others.

    Parameters
    ----------
    name : str
        The method's name, for errors.
    method : Method
        Its entry.
    given : mapping
        Options as asked for.

    Returns
    -------
    dict
        Every option of the method.

    Raises
    ------
    UsageError
        If the method has no such option, a value is not allowed, or an option has no say beside the others.
    """
    unknown = [o for o in given if o not in method.options]
    if unknown:
        known = ", ".join(method.options) or "none"
        raise UsageError(f"'{name}' has no option '{unknown[0]}'.", f"Its options: {known}.")
    used = {**method.options, **given}
    for option, value in given.items():
        rule = method.rules.get(option)
        if rule is None:
            continue
        if not rule.holds(value):
            raise UsageError(f"'{option}' is {value!r}.", f"It must be {rule.must_be}.")
        if not _is_same(value, method.options[option]) and not _applies(rule, used):
            raise UsageError(f"'{option}' has no say in this design.", f"It applies {rule.condition}.")
    return used


def is_whole(least: int) -> Callable[[Any], bool]:
    """Return the check of a whole number, ``least`` or more."""
    return lambda value: isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def is_not_negative(value: Any) -> bool:
    """Tell whether a value is a number, zero or more."""
    return is_number(value) and float(value) >= 0


def is_share(value: Any) -> bool:
    """Tell whether a value is a number between 0 and a half, neither of them."""
    return is_number(value) and 0 < float(value) < 0.5


def is_names(value: Any) -> bool:
    """Tell whether a value is the name of a column or a sequence of such names."""
    return isinstance(value, str) or (isinstance(value, tuple | list) and all(isinstance(v, str) for v in value))


def is_optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return the check that also takes None."""
    return lambda value: value is None or check(value)


def is_one_of(*choices: Any) -> Callable[[Any], bool]:
    """Return the check of a value among ``choices``."""
    return lambda value: any(type(value) is type(c) and value == c for c in choices)


def names_in(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return one name, or several, as a tuple."""
    return (value,) if isinstance(value, str) else tuple(value)


def _is_same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _applies(rule: Rule, used: Mapping[str, Any]) -> bool:
    for other, wanted in rule.only_with.items():
        fits = wanted(used[other]) if callable(wanted) else _is_same(used[other], wanted)
        if not fits:
            return False
    return True
