"""Eligibility at time zero: the same criteria for both arms, each with its reason in words.

Takes candidates with their time zero and what is known of each child by then, and gives for each criterion who fails it.
Nobody's arm has a say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from ibis.expr import types as ir

from yoseval.arrays import AnyArray, Flags, Floats, Indices
from yoseval.cohort.exposure import NEVER, Candidates
from yoseval.cohort.protocol import TrialProtocol
from yoseval.cohort.sections import TimeZeroSection
from yoseval.records.engine import Engine
from yoseval.records.scoring.delivery_steps import is_given

CLOSED = "the programme could not be started then"
"""The one criterion that is about the programme and not about the child."""

_EPOCH = np.datetime64("1970-01-01", "D")


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """One criterion: the stage of the flow, the reason in words, and who fails it, (m,) booleans."""

    stage: str
    reason: str
    fails: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known of m candidates at time zero, besides covariates.

    Parameters
    ----------
    in_custody : (m,) booleans
        Held on the day of time zero; the day of a release is at liberty.
    new_offences : (m,) integers
        Offences dated after the index event, up to time zero.
    others_open : (m,) integers
        Other programmes of the study that the child is on.
    """

    in_custody: Flags
    new_offences: Indices
    others_open: Indices


@dataclass(frozen=True, slots=True)
class Menu:
    """What the register says of one programme: its ages (None = no limit) and when it could be started.

    Parameters
    ----------
    min_age, max_age : int, optional
        In completed years.
    spells : tuple of (first, last)
        Days since 1970; empty where nothing is recorded.
    """

    min_age: int | None = None
    max_age: int | None = None
    spells: tuple[tuple[int, int], ...] = ()


def state_frame(engine: Engine, tables: Mapping[str, ir.Table], moments: ir.Table) -> pd.DataFrame:
    """Return what eligibility needs to know at each moment: ``moment``, ``in_custody``, ``new_offences``.

    Parameters
    ----------
    engine : Engine
        Where the tables live.
    tables : mapping of str to ibis.Table
        Validated tables; ``custody`` may be missing.
    moments : ibis.Table
        ``moment``, ``person_id``, ``time_zero``, ``index_date``.
    """
    offences = tables["offences"].select("person_id", "offence_id", "offence_date")
    new = moments.inner_join(offences, "person_id")
    new = new.filter((new.offence_date > new.index_date) & (new.offence_date <= new.time_zero))
    counts = new.group_by("moment").aggregate(new_offences=new.offence_id.nunique())
    joined = moments.select("moment").left_join(counts, "moment").drop("moment_right")
    joined = joined.left_join(_held(tables, moments), "moment").drop("moment_right")
    shown = joined.select(
        moment=joined.moment,
        in_custody=joined.spells.fill_null(0) > 0,
        new_offences=joined.new_offences.fill_null(0),
    )
    return engine.frame(shown).sort_values("moment").reset_index(drop=True)


def _held(tables: Mapping[str, ir.Table], moments: ir.Table) -> ir.Table:
    if "custody" not in tables:
        return moments.filter(ibis.literal(False)).select("moment", spells=ibis.literal(0))
    custody = tables["custody"].select("person_id", "start_date", "end_date")
    joined = moments.inner_join(custody, "person_id")
    held = joined.filter(
        (joined.start_date <= joined.time_zero) & (~is_given(joined.end_date) | (joined.end_date > joined.time_zero))
    )
    return held.group_by("moment").aggregate(spells=held.count())


def criteria(
    protocol: TrialProtocol,
    children: pd.DataFrame,
    candidates: Candidates,
    known: Known,
    *,
    before: Flags,
    menu: Menu,
    extract_day: int,
    mature_day: Indices | None,
) -> list[Criterion]:
    """Return every criterion in the order in which it is applied.

    Parameters
    ----------
    protocol : TrialProtocol
        Of a study of records.
    children : DataFrame
        From ``children_frame``.
    candidates : Candidates
        Of this programme, m rows.
    known : Known
        What is known of each at time zero.
    before : (m,) booleans
        Had started the programme before the index event.
    menu : Menu
        The programme's ages and spells.
    extract_day : int
        The last day of the records.
    mature_day : (m,) integers, optional
        When follow-up and wait for proof are over; None where the primary outcome may be censored.
    """
    assert protocol.eligibility is not None
    assert protocol.time_zero is not None  # both: the study is one of records
    section, rule = protocol.eligibility, protocol.time_zero
    own = children.iloc[candidates.child]
    zero = candidates.time_zero
    has_index = zero != NEVER
    age = completed_years(own["date_of_birth"].to_numpy(), zero)
    exit_day = days_of(own["exit_date"])
    hosted = (own["resident"] == False).to_numpy(dtype=bool)  # noqa: E712 - not recorded is not False
    low, high = section.ages
    found = [
        ("index", "no eligible caution, disposal or release in the index dates", ~has_index),
        ("eligibility", "hosted for another service", hosted & section.residents_only),
        ("eligibility", f"not aged {low} to {high} at time zero", (age < low) | (age > high)),
        ("eligibility", "outside the ages of the programme", _outside(age, menu)),
        ("eligibility", "had started the programme before", before),
        (
            "eligibility",
            "moved, left or died before time zero, or the records end before it",
            (exit_day <= zero) | (zero > extract_day),
        ),
        ("eligibility", "in custody at time zero", known.in_custody),
        ("eligibility", CLOSED, open_share(zero, rule, menu) == 0.0),
        ("time zero", _misfit(protocol), ~candidates.fits),
        ("time zero", "a new offence between the index event and time zero", _trouble(protocol, known)),
        (
            "time zero",
            "on another programme of the study at time zero",
            (known.others_open > 0) & (rule.concurrent == "exclude"),
        ),
    ]
    if mature_day is not None:
        found.append(("follow-up", "follow-up and the wait for proof were not over by the extract", mature_day > extract_day))
    return [Criterion(stage, reason, np.asarray(fails, dtype=bool)) for stage, reason, fails in found]


def completed_years(born: AnyArray, day: Indices) -> Indices:
    """Return ages in completed years; a child born on 29 February has its birthday on 1 March in other years.

    Parameters
    ----------
    born : (m,) dates
        Dates of birth.
    day : (m,) integers
        Days since 1970.

    Examples
    --------
    >>> completed_years(np.array(["2008-02-29"], dtype="datetime64[D]"), np.array([17955, 17956]))  # 28 February, 1 March 2019
    array([10, 11])
    """
    at = _EPOCH + np.where(day == NEVER, 0, day).astype("timedelta64[D]")
    of = np.asarray(born, dtype="datetime64[D]")
    years = at.astype("datetime64[Y]").astype(np.int64) - of.astype("datetime64[Y]").astype(np.int64)
    # Month and day as one number: 29 February comes after 28 February and before 1 March.
    ahead = _month_and_day(at) < _month_and_day(of)
    completed: Indices = years - ahead
    return completed


def days_of(dates: pd.Series) -> Indices:
    """Return dates as whole days since 1970, NEVER where there is none."""
    values = pd.to_datetime(dates).to_numpy(dtype="datetime64[D]")
    days: Indices = np.where(np.isnat(values), NEVER, (values - _EPOCH).astype(np.int64))
    return days


def _month_and_day(dates: AnyArray) -> Indices:
    months = dates.astype("datetime64[M]")
    number: Indices = (months.astype(np.int64) % 12) * 32 + (dates - months.astype("datetime64[D]")).astype(np.int64)
    return number


def _outside(age: Indices, menu: Menu) -> Flags:
    young = age < menu.min_age if menu.min_age is not None else np.zeros(age.size, dtype=bool)
    old = age > menu.max_age if menu.max_age is not None else np.zeros(age.size, dtype=bool)
    outside: Flags = young | old
    return outside


def open_share(zero: Indices, rule: TimeZeroSection, menu: Menu) -> Floats:
    """Tell on which share of the days in which each could have started the programme its calendar was open.

    Parameters
    ----------
    zero : (m,) integers
        Days of time zero.
    rule : TimeZeroSection
        Its days lie before time zero (landmark), after it (grace, copies), or are time zero alone (nested).
    menu : Menu
        The spells of the calendar; 1 for all where it has none.

    Returns
    -------
    (m,) floats
        Between 0 and 1.
    """
    if not menu.spells:
        return np.ones(zero.size)
    first = zero - rule.days if rule.rule == "landmark" else zero
    last = zero + rule.days if rule.rule in ("grace", "clone_censor") else zero
    days = np.zeros(zero.size, dtype=np.int64)
    reached = np.full(zero.size, np.iinfo(np.int64).min)
    # Spells may overlap: each counts from where the one before it ended.
    for opens, closes in sorted(menu.spells):
        begins = np.maximum(np.maximum(first, opens), reached)
        ends = np.minimum(last, closes) + 1
        days += np.maximum(ends - begins, 0)
        reached = np.maximum(reached, closes + 1)
    share: Floats = days / (last - first + 1)
    return share


def _misfit(protocol: TrialProtocol) -> str:
    if protocol.joint:
        return "had started a part of the joint strategy by time zero"
    return "had started the programme by then"


def _trouble(protocol: TrialProtocol, known: Known) -> Flags:
    assert protocol.time_zero is not None
    assert protocol.eligibility is not None
    excluded = protocol.time_zero.new_offence == "exclude" or protocol.eligibility.offence_free_days > 0
    return (known.new_offences > 0) & excluded
