"""Rows of a Cox model laid out so that every pass over them is a cumulative sum.

Takes times, events, entries, strata and weights and gives the rows in the order of their cells. The strata lie one after
another on a single line of event times, so a stratum is a delayed entry and needs no code of its own. It cannot see arms,
designs or files.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.errors import EstimationError
from yoseval.models.risk_sets import event_places

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, slots=True, eq=False)
class Lingering:
    """Rows that stay at risk with a falling share after their competing event (the model of Fine and Gray).

    Parameters
    ----------
    rows : (c,) integers
        Which rows, in the order of the sample.
    group : (c,) integers
        Group of each that shares one curve, from 0.
    inverse : (c,) floats
        One over the level of the curve just before the row's own time.
    level : (g, m) floats
        Level just before each event time, by group: the share not yet censored, raised by those who entered.
    """

    rows: Indices
    group: Indices
    inverse: Floats
    level: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The m event times on the line, stratum after stratum; where a stratum begins stands one at which nothing happens.

    Parameters
    ----------
    time : (m,) floats
        The times; not a number where nothing happens.
    stratum : (m,) integers
        Stratum, from 0.
    size : (m,) integers
        Number of events.
    deaths : (m,) floats
        Weight of the events.
    tied : (t,) integers
        The event times at which ties are corrected: none with Breslow's method.
    tied_starts : (t,) integers
        Where each begins among the events at corrected times.
    fraction : (e,) floats
        Efron's l/m of each of those events.
    """

    time: Floats
    stratum: Indices
    size: Indices
    deaths: Floats
    tied: Indices
    tied_starts: Indices
    fraction: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows in the order of their cells: cell 2k - 1 holds the events at the k-th time, cell 2k those censored from then on.

    Parameters
    ----------
    columns : (p, n) floats
        Covariates.
    weight : (n,) floats
        Positive.
    place : (n,) integers
        How many times of the line each row has reached.
    enter : (n,) integers or None
        How many it had reached before it came under observation; None where all are there from the start of one stratum.
    event : (n,) booleans
        Who has the event.
    events : (e,) integers
        Where they are.
    observed : (p,) floats
        Their weighted covariates summed.
    cell : (n,) integers
        Cell of each row, rising.
    filled, starts : (c,) integers
        The cells that are not empty, and where they begin.
    blocks : (s,) integers
        Where the strata begin.
    moments : Moments
        The event times.
    lingering : Lingering or None
        For the model of Fine and Gray.
    """

    columns: Floats
    weight: Floats
    place: Indices
    enter: Indices | None
    event: Flags
    events: Indices
    observed: Floats
    cell: Indices
    filled: Indices
    starts: Indices
    blocks: Indices
    moments: Moments
    lingering: Lingering | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """A sample, which row was given for each of its own, (n,) integers, and the labels of the strata, if there are any."""

    sample: Sample
    rows: Indices
    labels: AnyArray | None


@dataclass(frozen=True, slots=True, eq=False)
class Standardised:
    """A sample with standard columns, and what was subtracted and divided out: (p,) floats each."""

    sample: Sample
    centre: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """Where rows stand on the line of event times."""

    place: Indices
    enter: Indices | None
    time: Floats
    stratum: Indices


def arrange(
    time: Floats,
    event: Flags,
    covariates: Floats,
    weight: Floats,
    *,
    ties: Ties,
    entry: Floats | None = None,
    strata: AnyArray | None = None,
) -> Arranged:
    """Order the rows of positive weight by their cells; the columns are as given.

    Parameters
    ----------
    time, event, weight : (n,) arrays
        As for ``cox.fit_cox``.
    covariates : (n, p) floats
        Columns.
    ties : str
        ``efron`` or ``breslow``.
    entry : (n,) floats or None
        A row is at risk after its entry.
    strata : (n,) labels or None
        Strata with baselines of their own.

    Returns
    -------
    Arranged
        The rows in order.

    Raises
    ------
    EstimationError
        If a row ends before or when it begins.
    """
    used = np.flatnonzero(weight > 0)
    if entry is not None:
        _require_order(entry, time, used)
    labels, stratum = stratum_codes(strata, used)
    plain = entry is None and stratum is None
    line = _one_stratum(time[used], event[used]) if plain else _line(time, event, entry, used, stratum)
    cell = 2 * line.place - event[used]
    order = _stable_order(cell, 2 * line.time.size + 1)
    sizes = np.bincount(cell, minlength=2 * line.time.size + 1)
    deaths = np.bincount(cell, weight[used], sizes.size).astype(np.float64)[1::2]
    rows, filled = used[order], np.flatnonzero(sizes)
    events, columns, own = np.flatnonzero(event[rows]), np.ascontiguousarray(covariates[rows].T), weight[rows]
    sample = Sample(
        columns=columns,
        weight=own,
        place=line.place[order],
        enter=None if line.enter is None else line.enter[order],
        event=event[rows],
        events=events,
        observed=columns[:, events] @ own[events],
        cell=cell[order],
        filled=filled,
        starts=_starts(sizes)[filled],
        blocks=np.zeros(1, dtype=np.int64) if stratum is None else _starts(np.bincount(stratum)),
        moments=_moments(line, sizes[1::2], deaths, ties),
    )
    return Arranged(sample, rows, labels)


def standardise(sample: Sample, model: str) -> Standardised:
    """Centre and scale the columns of a model by their weighted means and standard deviations.

    Raises
    ------
    EstimationError
        If a column has one value only.
    """
    share = sample.weight / sample.weight.sum()
    centre = sample.columns @ share
    columns = sample.columns - centre[:, None]
    scale = np.sqrt(np.array([share @ column**2 for column in columns]))
    flat = scale <= 1e-12 * (1.0 + np.abs(centre))
    if flat.any():
        raise EstimationError(
            f"{int(flat.sum())} of {flat.size} columns of the {model} have one value only (first: column "
            f"{int(np.flatnonzero(flat)[0]) + 1}).",
            "Leave them out.",
        )
    columns /= scale[:, None]
    observed = columns[:, sample.events] @ sample.weight[sample.events]
    return Standardised(replace(sample, columns=columns, observed=observed), centre, scale)


def stratum_codes(strata: AnyArray | None, used: Indices) -> tuple[AnyArray | None, Indices | None]:
    """Give the labels of the strata of the used rows, in order, and the number of each row's from 0; None without strata."""
    if strata is None:
        return None, None
    labels, codes = np.unique(strata[used], return_inverse=True)
    return labels, np.asarray(codes, dtype=np.int64)


def _require_order(entry: Floats, time: Floats, used: Indices) -> None:
    """Refuse rows of positive weight that end before or when they begin."""
    wrong = ~(entry[used] < time[used])
    if wrong.any():
        raise EstimationError(
            f"{int(wrong.sum())} of {used.size} rows do not end after their entry (first at row {int(used[wrong][0]) + 1}).",
            "A row covers the time after its entry, up to and with its end: leave empty ones out.",
        )


def _one_stratum(time: Floats, event: Flags) -> _Line:
    moments, place = event_places(time, event)
    return _Line(place, None, moments, np.zeros(moments.size, dtype=np.int64))


def _line(time: Floats, event: Flags, entry: Floats | None, used: Indices, stratum: Indices | None) -> _Line:
    """Put the event times of each stratum one after another, with one time before them at which nothing happens."""
    codes = np.zeros(used.size, dtype=np.int64) if stratum is None else stratum
    moments, reached = event_places(time[used], event[used])
    width = moments.size + 1
    key = codes * width + reached
    begins = np.arange(int(codes.max()) + 1) * width
    present = np.unique(np.concatenate((begins, key[event[used]])))
    before = np.zeros(used.size, dtype=np.int64) if entry is None else np.searchsorted(moments, entry[used], side="right")
    place, enter = (np.searchsorted(present, k, side="right") - 1 for k in (key, codes * width + before))
    level = present[1:] % width
    at = np.where(level > 0, moments[np.maximum(level, 1) - 1], np.nan)
    return _Line(place, enter, at, present[1:] // width)


def _moments(line: _Line, size: Indices, deaths: Floats, ties: Ties) -> Moments:
    tied = np.flatnonzero(size > 1) if ties == "efron" else np.zeros(0, dtype=np.int64)
    starts, number = _starts(size[tied]), int(size[tied].sum())
    rank = np.arange(number) - np.repeat(starts, size[tied])
    return Moments(line.time, line.stratum, size, deaths, tied, starts, rank / np.repeat(size[tied], size[tied]))


def _starts(sizes: Indices) -> Indices:
    found: Indices = np.cumsum(sizes) - sizes
    return found


def _stable_order(cell: Indices, n_cells: int) -> Indices:
    """Sort by cell; short integers are sorted by radix, in linear time."""
    if n_cells <= np.iinfo(np.uint16).max:
        return np.argsort(cell.astype(np.uint16), kind="stable")
    return np.argsort(cell, kind="stable")
