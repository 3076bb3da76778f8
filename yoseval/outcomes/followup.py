"""Open the envelope: outcomes of a prepared cohort file, for designs that are locked.

Takes the file, the outcomes of the study and a cohort, and gives a `FollowUp` for its units.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Floats, Texts
from yoseval.cohort.build import Cohort
from yoseval.cohort.outcome_section import OutcomeSection
from yoseval.cohort.protocol import Study
from yoseval.design.types import Design
from yoseval.design.unadjusted import unadjusted_design
from yoseval.errors import DataError
from yoseval.outcomes.types import FollowUp
from yoseval.records.read import read_columns
from yoseval.records.validate import Faults, flags, numbers


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeTable:
    """The outcome columns of a prepared file, read after the designs were locked.

    Parameters
    ----------
    unit_id : (n,) texts
        Ids as in the cohort.
    times, events : mapping of (n,) floats
        By outcome name; not-a-number where nothing was recorded.
    extras : mapping of (n,) floats
        Further columns of outcomes, by the column's name.
    """

    unit_id: Texts
    times: dict[str, Floats]
    events: dict[str, Floats]
    extras: dict[str, Floats] = field(default_factory=dict)

    def settle(self, design: Design) -> Design:
        """Return the design as it was locked: in a prepared file the arms had formed by time zero."""
        return design

    def naive(self, design: Design) -> Design:
        """Return the comparison of the arms as they are."""
        return unadjusted_design(design.cohort)

    def annex(self, design: Design) -> dict[str, pd.DataFrame]:
        """Return nothing: a prepared file says neither what was proven when, nor what each offence was."""
        return {}

    def lagged(self, design: Design, outcome: OutcomeSection, days: int) -> None:
        """Return nothing: a prepared file holds the first event only, not those after it."""

    def follow(self, design: Design, outcome: OutcomeSection) -> FollowUp:
        """Return the follow-up of a design's units on one outcome."""
        return observe_outcome(self, design.cohort, outcome)


def read_outcomes(study: Study) -> OutcomeTable:
    """Read the outcome columns of a study's cohort file.

    Raises
    ------
    DataError
        If a time is no number or negative, an event is neither 0 nor 1, an event has no time, a count is no whole number or at
        odds with the event, or another event competes with one that happened; all at once.
    """
    outcomes = study.file.outcomes
    section = study.roles
    columns = [c for o in outcomes for c in o.columns]
    table = read_columns(study.cohort_file, [*columns, *([section.id] if section.id else [])])
    faults = Faults(table)
    missing = frozenset(section.missing)
    typed = {c: numbers(faults, c, missing=missing) for c in dict.fromkeys(o.time_column for o in outcomes)}
    happened = {c: flags(faults, c, missing=missing) for c in dict.fromkeys(o.event_column for o in outcomes)}
    for column, values in typed.items():
        faults.note(column, "a negative time", values < 0, "Count from time zero.")
    for event, time in dict.fromkeys((o.event_column, o.time_column) for o in outcomes):
        # A time that is no number was named already.
        untimed = table.columns[time].isna().to_numpy() & np.isfinite(happened[event])
        faults.note(
            time, f"no time although '{event}' is recorded", untimed, "Give the time to the event or to the end of follow-up."
        )
    extras = {c: _extra(faults, o, name, happened, missing) for o in outcomes for name, c in o.extra_columns.items()}
    faults.raise_if_any()
    n = len(table.columns)
    ids = (
        table.columns[section.id].to_numpy(dtype=object)
        if section.id
        else np.array([f"{i:09d}" for i in range(1, n + 1)], dtype=object)
    )
    events = {_key(o): 1.0 - happened[o.event_column] if o.event is None else happened[o.event_column] for o in outcomes}
    return OutcomeTable(ids, {_key(o): typed[o.time_column] for o in outcomes}, events, extras)


def _extra(faults: Faults, o: OutcomeSection, name: str, happened: dict[str, Floats], missing: frozenset[str]) -> Floats:
    """Read one further column of an outcome and note what is off in it."""
    column = o.extra_columns[name]
    event: Flags = np.asarray(happened[o.event_column] == (0.0 if o.event is None else 1.0), dtype=np.bool_)
    known = np.isfinite(happened[o.event_column])
    if name == "competing":
        values = flags(faults, column, missing=missing)
        both: Flags = event & np.asarray(values == 1.0, dtype=np.bool_)
        faults.note(column, f"1 although '{o.event_column}' says that the outcome came", both, "Only what came first counts.")
        return values
    values = numbers(faults, column, missing=missing)
    faults.note(column, "a negative number", values < 0, "Give zero or more.")
    if name == "count":
        faults.note(column, "no whole number", np.isfinite(values) & (values != np.floor(values)), "Give the number of events.")
        odd = known & np.isfinite(values) & ((values > 0) != event)
        faults.note(column, f"a number at odds with '{o.event_column}'", odd, "It is above 0 exactly where the outcome came.")
    return values


def observe_outcome(source: OutcomeTable, cohort: Cohort, outcome: OutcomeSection) -> FollowUp:
    """Return the follow-up of a cohort's units on one outcome.

    Units without a record of the outcome are left out; the design that uses them counts them as lost.

    Parameters
    ----------
    source : OutcomeTable
        The opened outcomes.
    cohort : Cohort
        The units.
    outcome : OutcomeSection
        Which outcome, and how long people were followed.

    Raises
    ------
    DataError
        If a unit of the cohort is not in the source.
    """
    positions = pd.Index(source.unit_id).get_indexer(cohort.units["unit_id"])
    if (positions < 0).any():
        raise DataError("The cohort holds units that are not in the outcome file.", "Read both from the same file.")
    time, event = source.times[_key(outcome)][positions], source.events[_key(outcome)][positions]
    extras = {name: source.extras[column][positions] for name, column in outcome.extra_columns.items()}
    # What is not recorded of the worst event is told apart from none by whoever takes it.
    needed = [time, event, *(values for name, values in extras.items() if name != "severity")]
    seen: Flags = np.asarray(np.isfinite(needed).all(axis=0), dtype=np.bool_)
    ids = cohort.units["unit_id"].to_numpy(dtype=object)[seen]
    followup = FollowUp(ids, time[seen], event[seen] == 1.0, outcome.horizon, outcome.name, outcome.time_unit)
    return _with_extras(followup, {name: values[seen] for name, values in extras.items()})


def _with_extras(followup: FollowUp, extras: dict[str, Floats]) -> FollowUp:
    """Add what further columns tell: whoever had another event first was followed to the end, and has no more of this one."""
    other: Flags = extras["competing"] == 1.0 if "competing" in extras else np.zeros(followup.event.size, dtype=bool)
    ends = np.where(followup.event | other, np.maximum(followup.time, followup.horizon), followup.time)
    return replace(
        followup,
        cause=np.where(followup.event, 1, np.where(other, 2, 0)).astype(np.int64) if "competing" in extras else None,
        count=extras.get("count"),
        followed=ends if "count" in extras else None,
        days_at_risk=extras.get("exposure"),
        severity=extras.get("severity"),
    )


def _key(outcome: OutcomeSection) -> str:
    return f"{outcome.name}|{outcome.event_column}|{outcome.time_column}"
