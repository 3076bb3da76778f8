"""How long offences take to be proven, and what the reoffences proven so far say of those still to be proven.

Takes the offences of the records for the delays, and one row a counted reoffence for the correction. A reoffence proven
within an age by which only six in ten are proven stands for 1/0.6 reoffences. What is never proven, and what takes longer
than the records reach back, stays unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import AnyArray, Flags, Floats
from yoseval.errors import DataError, EstimationError
from yoseval.frames import make_frame
from yoseval.models.delay import DelayFit, fit_delay, share_by
from yoseval.records.engine import Engine
from yoseval.records.schema import BREACH_GROUPS, PROOF_RESULTS
from yoseval.records.scoring.tables import complete

MIN_DELAYS = 100
"""Fewest proven offences for a fit of an area or a quarter of its own; the standard error at one half is then near 0.05."""

MIN_AT_RISK = 20
"""A fit reaches as far as so many offences could have shown: beyond, a single one moves the whole curve by over 5 %."""

NEARLY_ALL = 0.99
"""A finer fit must reach the delay by which this share of the coarser one is proven.

A recent quarter can only show short delays. On its own it would take the longest of them for the longest there is, and
call complete what is not.
"""

LEAST_SHARE = 0.5
"""Below this share proven a reoffence counts once, as it is: 1/G would make it more than two, on little evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class CourtDelays:
    """Fits of the time from offence to proof: of areas and quarters where numbers allow, of areas, and of all.

    Parameters
    ----------
    fits : mapping of (str, str) to DelayFit
        By area and quarter; the quarter is empty for all of an area, and both are empty for all offences.
    """

    fits: Mapping[tuple[str, str], DelayFit]

    def fit_for(self, area: str, quarter: str) -> DelayFit:
        """Return the finest fit there is for an area and a quarter such as ``2024-Q1``."""
        return next(self.fits[key] for key in ((area, quarter), (area, ""), ("", "")) if key in self.fits)

    def share_proven(self, area: str, quarter: str, days: Floats) -> Floats:
        """Return the share of offences proven within each of ``days`` of the offence, (k,) floats."""
        return share_by(self.fit_for(area, quarter), days)


def delay_pairs(engine: Engine, tables: Mapping[str, ir.Table], extract_date: date) -> pd.DataFrame:
    """Return the delay from offence to proof of every proven offence, and the longest delay that would have been seen.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis Table
        Validated tables; ``offences`` is needed, ``people`` gives the area.
    extract_date : date
        Nothing after it was seen.

    Returns
    -------
    DataFrame
        One row an offence that was convicted or cautioned by the extract, breaches left out: ``offence_date``, ``delay`` and
        ``truncation`` (days), ``area`` (the child's service, empty where not recorded) and ``quarter`` (of the offence,
        such as ``2024-Q1``). In no order.

    Examples
    --------
    >>> delay_pairs(records.engine, records.tables, records.extract_date)  # doctest: +SKIP
    """
    whole = complete(tables)
    extract = ibis.literal(extract_date)
    offences = whole["offences"]
    proven = offences.filter(
        offences.result.isin(PROOF_RESULTS),
        offences.offence_group.notin(BREACH_GROUPS),
        offences.proof_date <= extract,
        offences.proof_date >= offences.offence_date,
    )
    if "people" in whole:
        areas = whole["people"].select("person_id", area="service")
        proven = proven.left_join(areas, "person_id")
    else:
        proven = proven.mutate(area=ibis.null("string"))
    frame = engine.frame(
        proven.select(
            "offence_date",
            delay=proven.proof_date.delta(proven.offence_date, unit="day"),
            truncation=extract.delta(proven.offence_date, unit="day"),
            area=proven.area.fill_null(""),
        )
    )
    offence_date = pd.to_datetime(frame["offence_date"])
    return frame.assign(offence_date=offence_date, quarter=quarter_of(offence_date.to_numpy()))


def quarter_of(dates: AnyArray) -> AnyArray:
    """Return the quarter of each date, such as ``2024-Q1``, (n,) texts."""
    days = pd.DatetimeIndex(dates)
    place, numbers = pd.factorize(np.asarray(days.year, dtype=np.int64) * 4 + np.asarray(days.quarter, dtype=np.int64) - 1)
    # One text for each quarter there is: millions of offences share them.
    quarters: AnyArray = np.array([f"{n // 4}-Q{n % 4 + 1}" for n in numbers], dtype=object)[place]
    return quarters


def fit_delays(pairs: pd.DataFrame, *, min_n: int = MIN_DELAYS, min_at_risk: int = MIN_AT_RISK) -> CourtDelays:
    """Fit the time from offence to proof, by area and quarter where numbers allow, else by area, else for all.

    A quarter has a fit of its own if it has ``min_n`` offences and could have shown delays as long as those by which
    ``NEARLY_ALL`` of its area's are proven; so has an area, measured against all. Areas that are not recorded share the fit
    of all.

    Parameters
    ----------
    pairs : DataFrame
        From ``delay_pairs``.
    min_n : int
        Fewest offences for a fit of their own.
    min_at_risk : int
        Offences that must be able to show the longest delay of a fit.

    Raises
    ------
    EstimationError
        If there are fewer than ``min_n`` proven offences in all.
    """
    if len(pairs) < min_n:
        raise EstimationError(
            f"The time from offence to proof needs {min_n} proven offences; the records have {len(pairs)}.",
            "Read a longer period.",
        )
    fits = {("", ""): _fit(pairs, min_at_risk)}
    for area, own in pairs[pairs["area"] != ""].groupby("area", sort=True):
        _add(fits, (str(area), ""), own, fits["", ""], min_n, min_at_risk)
        above = fits.get((str(area), ""), fits["", ""])
        for quarter, rows in own.groupby("quarter", sort=True):
            _add(fits, (str(area), str(quarter)), rows, above, min_n, min_at_risk)
    return CourtDelays(fits)


def days_to_cut(time_zero: AnyArray, follow_up_months: int, wait_months: int, extract_date: date) -> Floats:
    """Return the days from time zero to the end of the wait for proof, or to the extract if that is sooner, (n,) floats.

    Months are calendar months: 31 January and one month is the last day of February.

    Examples
    --------
    >>> days_to_cut(np.array(["2024-01-31"], dtype="datetime64[D]"), 1, 0, date(2026, 1, 1))
    array([29.])
    """
    start = pd.DatetimeIndex(time_zero)
    wait = pd.DatetimeIndex(start + pd.DateOffset(months=follow_up_months + wait_months))
    cut = wait.where(wait <= pd.Timestamp(extract_date), pd.Timestamp(extract_date))
    days: Floats = np.asarray((cut - start).days, dtype=np.float64)
    return days


def completeness(
    observed: pd.DataFrame,
    reoffences: pd.DataFrame,
    treated: Flags,
    weight: Floats,
    *,
    delays: CourtDelays,
    time_zero: AnyArray,
    area: AnyArray,
    cut_days: Floats,
    programme: str = "",
    outcome: str = "reoffended",
) -> pd.DataFrame:
    r"""Put the mean number of reoffences of each arm beside the one corrected for reoffences that are not yet proven.

    .. math:: \hat\mu_a = \frac{\sum_{i \in a} w_i Q_i}{\sum_{i \in a} w_i}, \qquad
              \hat\mu^{c}_a = \frac{\sum_{i \in a} w_i \sum_{j=1}^{Q_i} 1/\hat G(c_i - u_{ij})}{\sum_{i \in a} w_i},

    with :math:`u_{ij}` the day of the j-th counted reoffence and :math:`c_i` the day at which proof was cut. Only mature
    units of positive weight are in it. Where :math:`\hat G` is below ``LEAST_SHARE`` the reoffence counts once and is counted
    in ``truncated``; the corrected mean is then still too low.

    Parameters
    ----------
    observed : DataFrame of n rows
        One row a moment: ``moment`` (its id) and ``is_mature``.
    reoffences : DataFrame
        One row a counted reoffence: ``moment`` and ``days`` since time zero.
    treated : (n,) booleans
        True where the unit started the programme.
    weight : (n,) floats
        Design weights, zero or more.
    delays : CourtDelays
        From ``fit_delays``.
    time_zero : (n,) dates
        Time zero of each moment: with ``days`` it gives the quarter of the reoffence.
    area : (n,) texts
        Service of each child; empty where not recorded.
    cut_days : (n,) floats
        From ``days_to_cut``.
    programme, outcome : str
        What the frame says it is about.

    Returns
    -------
    DataFrame
        The public frame ``completeness``: one row an arm.

    Raises
    ------
    DataError
        If a reoffence belongs to no moment, or a moment is there twice.
    EstimationError
        If an arm has no mature unit.

    References
    ----------
    horvitz1952 : Horvitz and Thompson (1952), JASA 47(260), 663-685.
    """
    place = _places(observed["moment"], reoffences["moment"])
    used = observed["is_mature"].to_numpy(dtype=bool) & (weight > 0)
    place, days = place[used[place]], reoffences["days"].to_numpy(dtype=np.float64)[used[place]]
    share, longest = _shares(delays, time_zero[place], area[place], days, cut_days[place])
    rows = [
        _arm_row(name, _Arm(used & arm, weight, place[arm[place]], share[arm[place]]))
        for name, arm in (("treated", treated), ("comparison", ~treated))
    ]
    shared = {"programme": programme, "outcome": outcome, "longest_delay": longest}
    return make_frame("completeness", pd.DataFrame(rows).assign(**shared))


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """The units of one arm among all, (n,), and their reoffences, (k,): whose they are and the share proven by their age."""

    member: Flags
    weight: Floats
    place: AnyArray
    share: Floats


def _arm_row(name: str, arm: _Arm) -> dict[str, object]:
    n = int(arm.member.sum())
    if not n:
        raise EstimationError(f"No {name} unit is mature.", "Wait until follow-up and the wait for proof are over.")
    total = float(arm.weight[arm.member].sum())
    own = arm.weight[arm.place]
    is_truncated = arm.share < LEAST_SHARE
    factor = 1.0 / np.where(is_truncated, 1.0, arm.share)
    found = arm.share.size
    return {
        "arm": name,
        "n": n,
        "n_reoffended": int(np.unique(arm.place).size),
        "n_reoffences": found,
        "uncorrected": float(own.sum()) / total,
        "corrected": float((own * factor).sum()) / total,
        "n_truncated": int(is_truncated.sum()),
        "share_complete": float((arm.share >= 1.0).mean()) if found else None,
        "lowest_share": float(arm.share.min()) if found else None,
    }


def _shares(delays: CourtDelays, time_zero: AnyArray, area: AnyArray, days: Floats, cut_days: Floats) -> tuple[Floats, float]:
    """Return the share proven by the age of each of k reoffences at its cut, and the shortest reach of the fits used."""
    happened = pd.DatetimeIndex(time_zero) + pd.to_timedelta(days, unit="D")
    keys = pd.MultiIndex.from_arrays([pd.Series(area, dtype=object).fillna(""), quarter_of(happened)])
    share, reach = np.empty(days.size), [delays.fits["", ""].longest]
    for place, quarter in keys.unique():
        mine = np.asarray(keys == (place, quarter))
        share[mine] = delays.share_proven(place, quarter, cut_days[mine] - days[mine])
        reach.append(delays.fit_for(place, quarter).longest)
    return share, min(reach)


def _places(moments: pd.Series, of: pd.Series) -> AnyArray:
    known = pd.Index(moments)
    if not known.is_unique:
        raise DataError(f"{int(known.duplicated().sum())} of {len(known)} moments are there twice.", "Give one row a moment.")
    place = known.get_indexer(pd.Index(of))
    if (place < 0).any():
        raise DataError(
            f"{int((place < 0).sum())} of {place.size} reoffences belong to no moment.", "Give both the same moments."
        )
    return np.asarray(place)


def _fit(rows: pd.DataFrame, min_at_risk: int) -> DelayFit:
    delay, truncation = (rows[c].to_numpy(dtype=np.float64) for c in ("delay", "truncation"))
    return fit_delay(delay, truncation, min_at_risk=min_at_risk)


def _add(
    fits: dict[tuple[str, str], DelayFit],
    key: tuple[str, str],
    rows: pd.DataFrame,
    coarser: DelayFit,
    min_n: int,
    min_at_risk: int,
) -> None:
    """Add a fit of its own for ``key`` where there are rows enough and they reach far enough."""
    if len(rows) < min_n:
        return
    fit = _fit(rows, min_at_risk)
    nearly_all = float(coarser.days[np.searchsorted(coarser.share_proven, NEARLY_ALL)])
    if fit.longest >= nearly_all and fit.n >= min_n:
        fits[key] = fit
