"""Numbers in words: how each measure's estimates, intervals and sizes are said and printed.

Takes values on the measure's natural scale, as the public frames hold them, and gives plain text. Shares
become numbers per 100 with one decimal, ratios become "times", times keep their unit. A value that is not
there gives an empty text: what is confidential cannot slip into a sentence.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one measure are said.

    Parameters
    ----------
    factor : float
        What the stored value is multiplied by: 100 for shares.
    lower, higher : str
        Words for a value below and above no difference.
    tail : str
        What follows the direction, such as " in every 100".
    is_ratio : bool
        True where no difference is 1.
    is_time : bool
        True where the value is in the outcome's time unit.
    null : float
        The value of no difference.
    decimals : int
        Decimals in words and tables.
    arms : str
        What an arm has a value of: ``share`` with the outcome, ``free`` of it, ``count`` or ``rate`` of events, mean ``time``,
        ``pairs`` won, ``cured`` (will never have it); empty where it has none.
    axis : str
        The measure as the label of an axis; ``{noun}``, ``{horizon}``, ``{people}`` and ``{unit}`` are filled in.
    """

    factor: float
    lower: str
    higher: str
    tail: str
    is_ratio: bool
    is_time: bool
    null: float
    decimals: int
    arms: str
    axis: str


def _per_100(arms: str, axis: str, tail: str = " in every 100") -> Scale:
    return Scale(100.0, "fewer", "more", tail, False, False, 0.0, 1, arms, axis)


def _ratio(arms: str, what: str, against: str = "the comparison") -> Scale:
    return Scale(1.0, "", "", "", True, False, 1.0, 2, arms, f"{what}, as a ratio to {against}")


SCALES: Mapping[str, Scale] = {
    "risk_difference": _per_100("share", "Change in {noun} within {horizon}, per 100 {people}"),
    "incidence_difference": _per_100("share", "Change in {noun} within {horizon}, per 100 {people}"),
    "survival_difference": _per_100("free", "Change in those free of {noun} at {horizon}, per 100 {people}"),
    "cure_fraction_difference": _per_100("cured", "Change in those who will never have {noun}, per 100 {people}"),
    "instrument": _per_100("", "Change in {noun} within {horizon}, per 100 {people}"),
    "mean_count_difference": _per_100("count", "Change in the number of {noun} within {horizon}, per 100 {people}", " per 100"),
    "restricted_mean_difference": Scale(
        1.0, "shorter", "longer", "", False, True, 0.0, 1, "time", "Change in time free of {noun} within {horizon} ({unit})"
    ),
    "restricted_mean_ratio": _ratio("time", "Time free of {noun} within {horizon}"),
    "risk_ratio": _ratio("share", "Risk of {noun} within {horizon}"),
    "odds_ratio": _ratio("share", "Odds of {noun} within {horizon}"),
    "hazard_ratio": _ratio("", "Rate of {noun} within {horizon}"),
    "cause_specific_ratio": _ratio("", "Rate of {noun} within {horizon}"),
    "subdistribution_ratio": _ratio("", "Subdistribution hazard of {noun} within {horizon}"),
    "mean_count_ratio": _ratio("count", "Number of {noun} within {horizon}"),
    "rate_ratio": _ratio("rate", "Number of {noun} per day at risk"),
    "lwyy": _ratio("", "Rate of all {noun} within {horizon}"),
    "ag": _ratio("", "Rate of all {noun} within {horizon}"),
    "pwp_total": _ratio("", "Rate of each next of {noun} within {horizon}"),
    "pwp_gap": _ratio("", "Rate of each next of {noun} since the last"),
    "severity_odds": _ratio("", "Odds of a worse outcome within {horizon}"),
    "win_ratio": _ratio("pairs", "Pairs won within {horizon}", "pairs lost"),
}


def is_per_100(measure: str) -> bool:
    """Tell whether a measure is said as a number per 100."""
    return SCALES[measure].factor == 100.0


def is_known(*values: Any) -> bool:
    """Tell whether every value is there: neither empty nor hidden nor infinite."""
    return all(_as_float(v) is not None for v in values)


def per_cent(share: float) -> str:
    """Say a share as a per cent with one decimal.

    Examples
    --------
    >>> per_cent(0.254)
    '25.4%'
    """
    return f"{100.0 * share:.1f}%"


#: Follow-up by calendar months is held in days: the most that so many months have.
_MONTHS_OF_DAYS = {366.0: 12, 731.0: 24}


def duration(length: float, unit: str) -> str:
    """Say a length of time; follow-up that was held as the longest twelve months is said in months.

    Examples
    --------
    >>> duration(24.0, "months"), duration(366.0, "days"), duration(365.0, "days")
    ('24 months', '12 months', '365 days')
    """
    if unit == "days" and length in _MONTHS_OF_DAYS:
        return f"{_MONTHS_OF_DAYS[length]} months"
    return f"{length:g} {unit}".strip()


def count(value: Any) -> str:
    """Print a count with thousands separated; empty where it is not there."""
    number = _as_float(value)
    return "" if number is None else f"{number:,.0f}"


def number(value: float, decimals: int = 1, *, signed: bool = False) -> str:
    """Print a number with a true minus sign; with ``signed``, a plus sign too.

    Examples
    --------
    >>> number(-8.44, signed=True)
    '−8.4'
    """
    printed = f"{abs(value):,.{decimals}f}"
    if not any(c in "123456789" for c in printed):
        return printed
    return f"{MINUS if value < 0 else '+' if signed else ''}{printed}"


def natural(measure: str, value: float) -> str:
    """Print a value of ``measure`` for a table or an axis: per 100, in time units, or as a ratio."""
    scale = SCALES[measure]
    return number(value * scale.factor, scale.decimals, signed=not scale.is_ratio)


def magnitude(measure: str, value: float, unit: str = "") -> str:
    """Say the size of a change without its direction: of what can be detected, or of what is worthwhile.

    Examples
    --------
    >>> magnitude("risk_difference", 0.081)
    '8.1 in every 100'
    """
    scale = SCALES[measure]
    if scale.is_ratio:
        return f"a ratio of {value:.2f}"
    middle = f" {unit}" if scale.is_time else ""
    return f"{_digits(value, scale)}{middle}{scale.tail}"


def difference(measure: str, value: float, unit: str = "") -> str:
    """Say a contrast with its direction.

    Examples
    --------
    >>> difference("risk_difference", -0.033)
    '3.3 fewer in every 100'
    >>> difference("hazard_ratio", 0.69)
    '0.69 times'
    """
    scale = SCALES[measure]
    if scale.is_ratio:
        return f"{value:.2f} times"
    middle = f" {unit}" if scale.is_time else ""
    return f"{_digits(value, scale)}{middle} {_direction(value, scale)}{scale.tail}"


def span(measure: str, low: float, high: float, unit: str = "") -> str:
    """Say an interval in words.

    Parameters
    ----------
    measure : str
        A key of ``SCALES``.
    low, high : float
        Limits on the measure's natural scale, ``low <= high``.
    unit : str
        Time unit, for measures of time.

    Examples
    --------
    >>> span("risk_difference", -0.012, 0.078)
    'between 1.2 fewer and 7.8 more in every 100'
    >>> span("risk_difference", -0.124, -0.044)
    'between 4.4 and 12.4 fewer in every 100'
    """
    scale = SCALES[measure]
    if scale.is_ratio:
        return f"between {low:.2f} and {high:.2f} times"
    middle = f" {unit}" if scale.is_time else ""
    if low < 0 < high:
        return (
            f"between {_digits(low, scale)}{middle} {scale.lower} and {_digits(high, scale)}{middle} {scale.higher}{scale.tail}"
        )
    nearer, further = sorted((low, high), key=abs)
    return f"between {_digits(nearer, scale)} and {_digits(further, scale)}{middle} {_direction(further, scale)}{scale.tail}"


def _as_float(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):  # an empty cell of pandas is neither a number nor a text
        return None
    return found if math.isfinite(found) else None


def _digits(value: float, scale: Scale) -> str:
    printed = f"{abs(value) * scale.factor:,.{scale.decimals}f}"
    is_zero = not any(c in "123456789" for c in printed)
    return "less than 0.1" if is_zero and value != 0 else printed


def _direction(value: float, scale: Scale) -> str:
    return scale.lower if value < 0 else scale.higher
