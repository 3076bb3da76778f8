"""Recurrent events as rows of a Cox model: who is at risk of which event, and from when.

Takes the times of each unit's events and the end of its follow-up, and gives rows with entry, end, event and stratum. It cannot
see arms, designs or files.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from yoseval.arrays import Flags, Floats, Indices
from yoseval.errors import EstimationError

Clock = Literal["total", "gap"]

_APART = 1e-7  # of the horizon: events of one moment follow one another this far apart


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentRows:
    """The r rows of n units.

    Parameters
    ----------
    unit : (r,) integers
        Whose row it is.
    entry, time : (r,) floats
        At risk in (entry, time].
    event : (r,) booleans
        True where an event ended the row.
    number : (r,) integers
        The row's number within its unit, from 1: at risk of that event.
    """

    unit: Indices
    entry: Floats
    time: Floats
    event: Flags
    number: Indices


def recurrent_rows(unit: Indices, time: Floats, followed: Floats, horizon: float, *, clock: Clock = "total") -> RecurrentRows:
    r"""Cut the follow-up of each unit at its events.

    A unit with events at :math:`t_1 < t_2 < \dots` has the rows :math:`(0, t_1], (t_1, t_2], \dots` and one from its last event
    to the end of its follow-up or the horizon. Events of one unit at one moment are kept apart by a ten-millionth of the
    horizon, so that each ends a row of its own.

    Parameters
    ----------
    unit : (k,) integers
        Whose event it is, 0 to n - 1.
    time : (k,) floats
        When, above zero.
    followed : (n,) floats
        Time to the end of follow-up of each unit.
    horizon : float
        Later events are not looked at.
    clock : str
        ``total``: time since time zero. ``gap``: every row begins at zero, at the unit's last event.

    Returns
    -------
    RecurrentRows
        Rows by unit, in order of time. A unit without any follow-up has none.

    Raises
    ------
    EstimationError
        If an event comes at or before time zero, or after the end of its unit's follow-up.

    References
    ----------
    andersen1982 : Andersen and Gill (1982), Annals of Statistics 10(4), 1100-1120.
    prentice1981 : Prentice, Williams and Peterson (1981), Biometrika 68(2), 373-379: total and gap time.

    Examples
    --------
    >>> rows = recurrent_rows(np.array([0, 0]), np.array([3.0, 5.0]), np.array([9.0, 4.0]), 10.0)
    >>> rows.entry.tolist(), rows.time.tolist(), rows.number.tolist()
    ([0.0, 3.0, 5.0, 0.0], [3.0, 5.0, 9.0, 4.0], [1, 2, 3, 1])
    """
    if (time <= 0).any() or (time > followed[unit]).any():
        raise EstimationError("Events must come after time zero and within the unit's follow-up.", "Correct their times.")
    seen = time <= horizon
    order = np.lexsort((time[seen], unit[seen]))
    whose, when = unit[seen][order], _kept_apart(unit[seen][order], time[seen][order], horizon)
    ends = np.minimum(followed, horizon)
    last = np.zeros(followed.size)
    last[whose] = when  # sorted: the last one stays
    rest = np.flatnonzero(ends > last)
    rows = np.concatenate([whose, rest])
    stop = np.concatenate([when, ends[rest]])
    event = np.arange(rows.size) < whose.size
    order = np.lexsort((stop, rows))
    rows, stop, event = rows[order], stop[order], event[order]
    first = np.concatenate(([True], rows[1:] != rows[:-1]))[: rows.size]
    start = np.where(first, 0.0, np.concatenate(([0.0], stop[:-1]))[: rows.size])
    begins = np.flatnonzero(first)
    number = np.arange(rows.size) - np.repeat(begins, np.diff(np.append(begins, rows.size))) + 1
    if clock == "gap":
        return RecurrentRows(rows, np.zeros(rows.size), stop - start, event, number)
    return RecurrentRows(rows, start, stop, event, number)


def _kept_apart(unit: Indices, time: Floats, horizon: float) -> Floats:
    """Move events that share unit and moment before it, in their order; the last of them stays where it was."""
    if not time.size:
        return time
    same = (unit[1:] == unit[:-1]) & (time[1:] == time[:-1])
    groups = np.cumsum(np.concatenate(([True], ~same))) - 1
    sizes = np.bincount(groups)
    later = (np.cumsum(sizes) - 1)[groups] - np.arange(time.size)
    moved: Floats = time - later * _APART * horizon
    return moved
