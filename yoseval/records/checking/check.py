"""Hold every rule of the standard against loaded tables, and mend what the standard mends.

Takes texts in an engine and gives typed tables with the faults found. Where rows may be set aside, those that break
a rule of their own go first, then those that no longer agree with what is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import ibis
import pandas as pd

from yoseval.records.checking.faults import PLACES, Fault
from yoseval.records.checking.repairs import Notice, look_alikes, merged_custody, overturned, repeated_offences
from yoseval.records.checking.rules import across_people, across_programmes, children, repeated_rows, repeated_rule
from yoseval.records.checking.set_aside import clear, set_aside, set_aside_rejected
from yoseval.records.checking.typing_rules import Rule, type_table
from yoseval.records.engine import Engine
from yoseval.records.reading.column_map import TableMap
from yoseval.records.reading.extract import Extracted
from yoseval.records.schema import TABLES


@dataclass(slots=True)
class Checked:
    """Tables as far as they are checked; filled in step by step by `check_tables`.

    Parameters
    ----------
    tables : dict of str to ibis Table
        Typed tables.
    faults : list of Fault
        What breaks a rule.
    notices : list of Notice
        What was mended or only counted.
    aside : dict of str to int
        Rows set aside of each table.
    """

    tables: dict[str, ibis.Table] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)


def check_tables(
    engine: Engine, extracted: Mapping[str, Extracted], maps: Mapping[str, TableMap], latest: date, private: Path | None
) -> Checked:
    """Type tables and hold every rule against them.

    Parameters
    ----------
    engine : Engine
        Whose loader holds ``text_<table>`` of each table.
    extracted : mapping of str to Extracted
        What was loaded.
    maps : mapping of str to TableMap
        The column map, for the date formats in messages.
    latest : date
        Nothing can have happened after it.
    private : Path or None
        Where rows that break a rule are set aside; None leaves them in.

    Returns
    -------
    Checked
        All faults; where rows were set aside, the tables hold the rest.
    """
    checked = Checked()
    if private:
        clear(private, TABLES)
    for name, one in extracted.items():
        _check_rows(engine, checked, one, maps[name], latest, private)
    if "people" in checked.tables:
        _check_across(engine, checked, extracted, private)
    return checked


def mend_tables(engine: Engine, checked: Checked) -> None:
    """Drop repeated and overturned offences, join overlapping custody, and count look-alike children.

    Parameters
    ----------
    engine : Engine
        Where the tables are.
    checked : Checked
        Tables without faults; changed in place.
    """
    if "offences" in checked.tables:
        _without(engine, checked, "offences", repeated_offences, "rows of an offence recorded more than once, dropped")
        _without(engine, checked, "offences", overturned, "offences with an overturned result, dropped")
    if "custody" in checked.tables:
        before = checked.tables["custody"]
        after = engine.materialise("merged_custody", merged_custody(before))
        merged = _count(engine, before) - engine.count("merged_custody")
        _notice(checked, "custody", "spells of custody that overlap an earlier one, joined to it", merged)
        if merged:
            checked.tables["custody"] = after
    if {"people", "disposals"} <= set(checked.tables):
        alike = look_alikes(checked.tables["people"], checked.tables["disposals"])
        total = engine.frame(alike.aggregate(n=alike["n"].sum()))["n"][0]
        text = "children who share birth date, sex, ethnicity and first disposal with another: one child under two ids?"
        _notice(checked, "people", text, 0 if pd.isna(total) else int(total))


def _check_rows(
    engine: Engine, checked: Checked, one: Extracted, spelled: TableMap, latest: date, private: Path | None
) -> None:
    name, table = one.source.table, TABLES[one.source.table]
    typed = type_table(engine.publish(f"text_{name}"), table, one.source.label, latest, dict(spelled.dates))
    rows = engine.materialise(f"typed_{name}", typed.expression)
    bad = rows.filter(rows["_faults"] != 0).select("_row", "_faults")
    own = engine.materialise(f"broken_{name}", bad)
    checked.faults += [*one.faults, *_faults(engine, f"broken_{name}", own, typed.rules, one)]
    broken, reasons = [engine.frame(own)] if private else [], [_reason(r) for r in typed.rules]
    kept = rows.filter(rows["_faults"] == 0) if private else rows
    repeated = repeated_rows(kept, table)
    if repeated is not None:
        again = engine.materialise(f"repeated_{name}", repeated)
        rule = repeated_rule(table)
        checked.faults += _faults(engine, f"repeated_{name}", again, (rule,), one)
        frame = engine.frame(again)
        broken.append(frame.assign(_faults=1 << len(reasons)))
        reasons.append(_reason(rule))
        kept = kept.anti_join(again, "_row") if private and len(frame) else kept
    _settle(engine, checked, one, kept.drop("_faults"), broken, reasons, private)


def _settle(
    engine: Engine,
    checked: Checked,
    one: Extracted,
    kept: ibis.Table,
    broken: Sequence[pd.DataFrame],
    reasons: Sequence[str],
    private: Path | None,
) -> None:
    name = one.source.table
    checked.tables[name] = kept
    if private is None:
        # The texts were needed for rows to set aside only.
        engine.drop(f"cells_{name}")
        return
    set_aside_rejected(name, one.rejected, private)
    every = pd.concat(broken, ignore_index=True)
    checked.aside[name] = set_aside(engine, name, every, reasons, private) + len(one.rejected)
    if len(every):
        checked.tables[name] = engine.materialise(f"kept_{name}", kept)


def _check_across(engine: Engine, checked: Checked, extracted: Mapping[str, Extracted], private: Path | None) -> None:
    known = engine.materialise("children", children(checked.tables["people"]))
    for name in [n for n in checked.tables if n not in ("people", "programmes")]:
        rows = checked.tables[name]
        parts = [across_people(rows, TABLES[name], known)] if "person_id" in rows.columns else []
        if name == "starts" and "programmes" in checked.tables:
            parts.append(across_programmes(rows, checked.tables["programmes"]))
        broken: list[pd.DataFrame] = []
        reasons: list[str] = []
        for i, (bad, rules) in enumerate(parts):
            made = f"across_{name}_{i}"
            found = engine.materialise(made, bad)
            checked.faults += _faults(engine, made, found, rules, extracted[name])
            if private:
                frame = engine.frame(found)
                broken.append(frame.assign(_faults=frame["_faults"].to_numpy() << len(reasons)))
                reasons += [_reason(r) for r in rules]
                rows = rows.anti_join(found, "_row") if len(frame) else rows
        if private and any(len(b) for b in broken):
            _set_more_aside(engine, checked, name, rows, pd.concat(broken, ignore_index=True), reasons, private)


def _set_more_aside(
    engine: Engine, checked: Checked, name: str, kept: ibis.Table, broken: pd.DataFrame, reasons: Sequence[str], private: Path
) -> None:
    checked.tables[name] = engine.materialise(f"agreeing_{name}", kept)
    checked.aside[name] = checked.aside.get(name, 0) + set_aside(engine, name, broken, reasons, private, more=True)


def _faults(engine: Engine, name: str, broken: ibis.Table, rules: Sequence[Rule], one: Extracted) -> list[Fault]:
    """Return one fault for each rule that a row of ``broken`` breaks, with its count and first places."""
    if not engine.count(name):
        return []
    sums = {f"r{i}": ((broken["_faults"] & (1 << i)) != 0).cast("int64").sum().fill_null(0) for i in range(len(rules))}
    counts = engine.frame(broken.aggregate(**sums)).iloc[0].astype("int64").tolist()
    found = []
    for i, n in enumerate(counts):
        if n:
            rows = broken.filter((broken["_faults"] & (1 << i)) != 0).select("_row").order_by("_row").limit(PLACES)
            places = one.reader.places([int(r) for r in engine.frame(rows)["_row"]])
            rule = rules[i]
            label, total = one.source.label, one.n_rows + len(one.rejected)
            unit = one.reader.unit
            found.append(Fault(one.source.table, label, rule.text, rule.remedy, rule.column, n, total, places, unit))
    return found


def _without(engine: Engine, checked: Checked, name: str, rows: Callable[[ibis.Table], ibis.Table], text: str) -> None:
    before = checked.tables[name]
    made = f"out_{len(checked.notices)}_{name}"
    out = engine.materialise(made, rows(before))
    n = engine.count(made)
    _notice(checked, name, text, n)
    if n:
        checked.tables[name] = engine.materialise(f"mended_{len(checked.notices)}_{name}", before.anti_join(out, "_row"))


def _notice(checked: Checked, table: str, text: str, n: int) -> None:
    checked.notices.append(Notice(table, text, n))


def _count(engine: Engine, table: ibis.Table) -> int:
    return int(engine.frame(table.aggregate(n=table.count()))["n"][0])


def _reason(rule: Rule) -> str:
    return f"{rule.column}: {rule.text}"
