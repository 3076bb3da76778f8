"""The calendar of a simulated service: when it runs, when the extract is taken, and sums of days and months.

Dates are whole numbers of days since 1 January 1970, `MISSING` where nothing is recorded.
"""

from datetime import date

import numpy as np

from yoseval.arrays import Flags, Floats, Indices

MISSING = -(2**31)
NEVER = 2**31


def day(text: str) -> int:
    """Return an ISO date as days since 1970.

    Examples
    --------
    >>> day("1970-01-31")
    30
    """
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


EXTRACT_DATE = "2026-03-31"
EXTRACT = day(EXTRACT_DATE)
#: Every index disposal falls between these, both included.
FIRST_INDEX_DATE, LAST_INDEX_DATE = "2022-01-01", "2024-12-31"
FIRST_INDEX, LAST_INDEX = day(FIRST_INDEX_DATE), day(LAST_INDEX_DATE)
#: Twelve calendar months of follow-up, then six for the proof: profile ``moj_proven_1y``.
FOLLOW_UP_MONTHS, WAIT_MONTHS = 12, 6


def after(days: Indices, wait: Floats) -> Indices:
    """Return the date a whole number of days later; fractions of a day are dropped."""
    later: Indices = days + wait.astype(np.int64)
    return later


def hidden_after(days: Indices, limit: Indices | int) -> Indices:
    """Return the dates, MISSING where they lie after a limit."""
    return np.where(days > limit, MISSING, days)


def is_within(days: Indices, first: Indices, last: Indices) -> Flags:
    """Tell which dates lie in their spell, both ends included; a missing spell holds none."""
    inside: Flags = (first != MISSING) & (days >= first) & (days <= last)
    return inside
