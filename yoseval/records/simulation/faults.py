"""Faults of recording, put into simulated tables on demand, each a known number of times.

Every fault breaks one rule of the standard in rows of its own: no row is spoilt twice, so that what a check finds
can be compared with what was put in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd

from yoseval.arrays import Flags, Indices
from yoseval.errors import UsageError
from yoseval.records.simulation.calendar import EXTRACT_DATE

Tables = dict[str, pd.DataFrame]
_HIGHEST_TOTAL = "20"
#: What stands in for an id; the empty text becomes an empty cell.
STAND_INS = ("N/A", "unknown", "0", "", "TBC")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of recording.

    Parameters
    ----------
    table : str
        Where it is.
    usable : callable
        Tells the rows that can carry it, given all tables.
    spoil : callable
        Puts it into the rows of the given numbers, in place in the mapping of tables.
    """

    table: str
    usable: Callable[[Tables], Flags]
    spoil: Callable[[Tables, Indices], None]


def add_faults(
    tables: Mapping[str, pd.DataFrame], names: Sequence[str], *, times: int, rng: np.random.Generator
) -> tuple[Tables, dict[str, int]]:
    """Return spoilt copies of the tables, and how many times each fault was put in.

    Parameters
    ----------
    tables : mapping
        The tables.
    names : sequence of str
        Keys of FAULTS.
    times : int
        How many of each, fewer where fewer rows can carry it.
    rng : Generator
        Chooses the rows.

    Raises
    ------
    UsageError
        If a fault is not known.
    """
    _require_known(names)
    touched = {FAULTS[n].table for n in names} | ({"disposals"} if names else set())
    spoilt = {name: table.copy() if name in touched else table for name, table in tables.items()}
    free = {name: np.ones(len(table), dtype=np.bool_) for name, table in tables.items()}
    chosen = {}
    for name in dict.fromkeys(names):
        fault = FAULTS[name]
        # Only rows of the clean tables are spoilt, never rows that an earlier fault added.
        usable = np.flatnonzero(free[fault.table] & fault.usable(dict(tables)))
        chosen[name] = np.sort(rng.permutation(usable)[:times])
        free[fault.table][chosen[name]] = False
    for name, rows in chosen.items():
        FAULTS[name].spoil(spoilt, rows)
    return spoilt, {name: len(rows) for name, rows in chosen.items()}


def _require_known(names: Sequence[str]) -> None:
    unknown = [n for n in names if n not in FAULTS]
    if unknown:
        near = get_close_matches(unknown[0], FAULTS, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known faults: {', '.join(FAULTS)}."
        raise UsageError(f"'{unknown[0]}' is not a fault the simulator knows.", hint)


def _again(table: str, **changes: str | None) -> Callable[[Tables, Indices], None]:
    """Make a fault that writes rows a second time at the end of the table, with some cells changed."""

    def spoil(tables: Tables, rows: Indices) -> None:
        tables[table] = _appended(tables[table], tables[table].iloc[rows].assign(**changes))

    return spoil


def _put(table: str, column: str, *values: str | None) -> Callable[[Tables, Indices], None]:
    """Make a fault that writes values into a column, in turn."""

    def spoil(tables: Tables, rows: Indices) -> None:
        _write(tables[table], rows, column, [values[i % len(values)] or None for i in range(len(rows))])

    return spoil


def _write(table: pd.DataFrame, rows: Indices, column: str, texts: Sequence[str | None]) -> None:
    table.iloc[rows, table.columns.get_loc(column)] = list(texts)


def _column(table: pd.DataFrame, rows: Indices, column: str) -> pd.Series:
    return table[column].iloc[rows]


def _swap_dates(tables: Tables, rows: Indices) -> None:
    offences = tables["offences"]
    first, last = list(_column(offences, rows, "offence_date")), list(_column(offences, rows, "proof_date"))
    _write(offences, rows, "offence_date", last)
    _write(offences, rows, "proof_date", first)


def _strangers(tables: Tables, rows: Indices) -> None:
    _write(tables["offences"], rows, "person_id", [f"SIMX{i:06d}" for i in range(1, len(rows) + 1)])


def _future(tables: Tables, rows: Indices) -> None:
    days = _shifted(pd.Series([EXTRACT_DATE] * len(rows)), np.arange(1, len(rows) + 1))
    _write(tables["offences"], rows, "offence_date", days)


def _too_young(tables: Tables, rows: Indices) -> None:
    born = tables["people"].drop_duplicates("person_id").set_index("person_id")["date_of_birth"]
    days = _shifted(born.loc[_column(tables["offences"], rows, "person_id")], np.full(len(rows), 9 * 365))
    _write(tables["offences"], rows, "offence_date", days)


def _ends_early(tables: Tables, rows: Indices) -> None:
    starts = tables["starts"]
    _write(starts, rows, "end_date", _shifted(_column(starts, rows, "start_date"), np.full(len(rows), -1)))


def _second_spell(tables: Tables, rows: Indices) -> None:
    spells = tables["custody"].iloc[rows]
    again = spells.assign(start_date=_shifted(spells["start_date"], np.ones(len(rows), dtype=np.int64)))
    tables["custody"] = _appended(tables["custody"], again)


def _same_child_twice(tables: Tables, rows: Indices) -> None:
    """Register children and all their disposals again under ids of their own."""
    people, disposals = tables["people"], tables["disposals"]
    children = people.iloc[rows]
    new = {old: f"SIM{i:06d}N" for i, old in enumerate(children["person_id"], start=1)}
    theirs = disposals[disposals["person_id"].isin(list(new))]
    numbers = [f"SIMDN{i:06d}" for i in range(1, len(theirs) + 1)]
    theirs = theirs.assign(person_id=theirs["person_id"].map(new), disposal_id=numbers, index_offence_id=None)
    children = children.assign(person_id=children["person_id"].map(new))
    tables["people"] = _appended(people, children)
    tables["disposals"] = _appended(disposals, theirs)


def _appended(table: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, rows.astype(table.dtypes)], ignore_index=True)


def _shifted(days: pd.Series, by: Indices) -> list[str]:
    moved = days.to_numpy(dtype="datetime64[D]") + by
    return [str(d) for d in moved]


def _any(table: str) -> Callable[[Tables], Flags]:
    return lambda tables: np.ones(len(tables[table]), dtype=np.bool_)


def _recorded(table: str, *columns: str) -> Callable[[Tables], Flags]:
    """Make the rule: rows with all of these columns recorded."""

    def usable(tables: Tables) -> Flags:
        filled: Flags = tables[table][list(columns)].notna().all(axis=1).to_numpy(dtype=np.bool_)
        return filled

    return usable


def _undecided(tables: Tables) -> Flags:
    open_ones: Flags = tables["offences"]["proof_date"].isna().to_numpy(dtype=np.bool_)
    return open_ones


def _proven_later(tables: Tables) -> Flags:
    offences = tables["offences"]
    later: Flags = (offences["proof_date"] > offences["offence_date"]).fillna(False).to_numpy(dtype=np.bool_)
    return later


def _long_spell(tables: Tables) -> Flags:
    custody = tables["custody"]
    closed = custody["end_date"].notna().to_numpy(dtype=np.bool_)
    days = pd.to_datetime(custody["end_date"]) - pd.to_datetime(custody["start_date"])
    long: Flags = closed & (days.dt.days > 7).to_numpy(dtype=np.bool_)
    return long


def _convicted(tables: Tables) -> Flags:
    convicted: Flags = (tables["offences"]["result"] == "convicted").to_numpy(dtype=np.bool_)
    return convicted


def _total(tables: Tables) -> Flags:
    items = tables["assessments"]
    totals: Flags = ((items["item"] == "total") & (items["value"] != _HIGHEST_TOTAL)).to_numpy(dtype=np.bool_)
    return totals


FAULTS: Mapping[str, Fault] = {
    "duplicate_people": Fault("people", _any("people"), _again("people")),
    "near_duplicates": Fault("people", _any("people"), _same_child_twice),
    "empty_required": Fault("people", _recorded("people", "sex"), _put("people", "sex", None)),
    # The same offence as it stood before it was proven.
    "duplicate_offences": Fault("offences", _convicted, _again("offences", result="pending", proof_date=None)),
    "placeholders": Fault("offences", _any("offences"), _put("offences", "person_id", *STAND_INS)),
    "orphans": Fault("offences", _any("offences"), _strangers),
    "dates_swapped": Fault("offences", _proven_later, _swap_dates),
    "future_dates": Fault("offences", _undecided, _future),
    "impossible_dates": Fault("offences", _undecided, _put("offences", "offence_date", "2023-02-30")),
    "other_date_format": Fault("offences", _undecided, _put("offences", "offence_date", "03/04/2023")),
    "too_young": Fault("offences", _undecided, _too_young),
    "unknown_codes": Fault("offences", _any("offences"), _put("offences", "offence_group", "burglary")),
    "duplicate_starts": Fault("starts", _any("starts"), _again("starts")),
    "unknown_programmes": Fault("starts", _any("starts"), _put("starts", "programme_id", "not_on_the_menu")),
    "ends_before_start": Fault("starts", _recorded("starts", "start_date", "end_date"), _ends_early),
    "negative_sessions": Fault("starts", _recorded("starts", "planned_sessions"), _put("starts", "planned_sessions", "-1")),
    "overlapping_custody": Fault("custody", _long_spell, _second_spell),
    "contradictory_assessments": Fault("assessments", _total, _again("assessments", value=_HIGHEST_TOTAL)),
}
