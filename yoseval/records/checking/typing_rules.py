"""Type the texts of one table and mark, in one pass, the rows that break a rule of their own.

Takes ``text_<table>`` as an Ibis table and gives the typed columns of the standard, with ``_faults``: a whole number
whose bits say which rules a row breaks. The expressions are the same on every backend. Rules that need other rows
or other tables are in `records.rules`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add
from typing import Any

import ibis

from yoseval.records.schema import PERSON_PLACEHOLDERS, PLACEHOLDER_IDS, ColumnRule, Table

_TYPES = {"date": "date", "integer": "int64", "number": "float64", "flag": "boolean"}
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"
_MANGLED = r"^-?[0-9](\.[0-9]+)?[eE]\+[0-9]+$"
_LONGEST_PLACEHOLDER = 9
#: Ends that are planned and may lie after the extract.
PLANNED_DATES = {("disposals", "end_date"), ("availability", "end_date")}
_ORDERS = {
    "offences": (("offence_date", "proof_date"),),
    "disposals": (("start_date", "end_date"),),
    "starts": (("start_date", "end_date"),),
    "availability": (("start_date", "end_date"),),
    "custody": (("start_date", "end_date"),),
    "statuses": (("start_date", "end_date"),),
}
_ISO = "Write dates as 2024-03-31, or declare the column's format under dates in columns.toml."


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one column, and where it is broken.

    Parameters
    ----------
    column : str
        The column.
    text : str
        What is wrong where it is broken.
    remedy : str
        What the user can do.
    broken : boolean expression
        True in rows that break it; nothing (null) counts as unbroken.
    """

    column: str
    text: str
    remedy: str
    broken: Any


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed table and the rules behind the bits of its ``_faults``.

    Parameters
    ----------
    expression : ibis Table
        Typed columns, ``_row``, ``_file``, ``_faults``.
    rules : tuple of Rule
        Rule ``i`` is bit ``i``.
    """

    expression: ibis.Table
    rules: tuple[Rule, ...]


def type_table(texts: ibis.Table, table: Table, file: str, latest: date, formats: dict[str, str] | None = None) -> Typed:
    """Type one table.

    Parameters
    ----------
    texts : ibis Table
        Texts, null where nothing is recorded, and ``_row``; a column that the source lacks is absent.
    table : Table
        The table of the standard.
    file : str
        Its source, kept in ``_file``.
    latest : date
        The extract date, after which nothing can have happened.
    formats : dict of str to str, optional
        Declared formats of date columns, for the messages.

    Returns
    -------
    Typed
        All columns of the standard; people gain ``birth_precision`` (``day`` or ``month``).
    """
    given = [c for c in table.columns if c.name in texts.columns]
    values = {c.name: _value(texts[c.name], c) for c in given}
    rules = [r for c in given for r in _cell_rules(texts[c.name], values[c.name], c, latest, table, formats or {})]
    rules += _row_rules(table, values)
    values |= {c.name: ibis.null(_TYPES.get(c.kind, "string")) for c in table.columns if c.name not in values}
    columns = {c: values[c] for c in table.names}
    if table.name == "people":
        columns["birth_precision"] = _precision(texts)
    marked = texts.select(
        **columns, _row=texts["_row"].cast("int64"), _file=ibis.literal(file), _faults=fault_bits([r.broken for r in rules])
    )
    return Typed(marked, tuple(rules))


def fault_bits(broken: Sequence[Any]) -> Any:
    """Return a whole number whose bit ``i`` says that rule ``i`` is broken."""
    none = ibis.literal(0, "int64")
    return reduce(add, (ibis.ifelse(b, ibis.literal(1 << i, "int64"), none) for i, b in enumerate(broken)), none)


def _value(text: Any, rule: ColumnRule) -> Any:
    if rule.kind == "id":
        return text if rule.required else ibis.ifelse(_is_placeholder(text, rule), ibis.null("string"), text)
    if rule.kind == "date":
        return _date(_completed(text) if rule.name == "date_of_birth" else text)
    if rule.kind in ("integer", "number"):
        return _number(text, rule)
    if rule.kind == "flag":
        return ibis.cases((text == "yes", True), (text == "no", False), else_=ibis.null("boolean"))
    if rule.codes:
        return ibis.ifelse(text.isin(rule.codes), text, ibis.null("string"))
    return text


def _date(text: Any) -> Any:
    parsed = text.try_cast("date")
    # Casts are lenient in ways of their own: only what is written back as it was read is a date.
    return ibis.ifelse((text.length() == 10) & (parsed.cast("string") == text), parsed, ibis.null("date"))


def _completed(text: Any) -> Any:
    return ibis.ifelse(text.length() == 7, text + "-15", text)


def _precision(texts: ibis.Table) -> Any:
    if "date_of_birth" not in texts.columns:
        return ibis.null("string")
    text = texts["date_of_birth"]
    named = ibis.ifelse(text.length() == 7, ibis.literal("month"), ibis.literal("day"))
    return ibis.ifelse(_date(_completed(text)).isnull(), ibis.null("string"), named)


def _number(text: Any, rule: ColumnRule) -> Any:
    number = ibis.ifelse(text.re_search(_NUMBER), text.try_cast("float64"), ibis.null("float64"))
    if rule.kind == "number":
        return number
    whole = ibis.ifelse((number == number.floor()) & (number.abs() < 1e15), number, ibis.null("float64"))
    return whole.cast("int64")


def _is_placeholder(text: Any, rule: ColumnRule) -> Any:
    known = PERSON_PLACEHOLDERS if rule.name == "person_id" else PLACEHOLDER_IDS
    return (text.length() <= _LONGEST_PLACEHOLDER) & text.lower().isin(known)


def _cell_rules(text: Any, value: Any, rule: ColumnRule, latest: date, table: Table, formats: dict[str, str]) -> list[Rule]:
    name = rule.name
    found = []
    if rule.required:
        found.append(Rule(name, "nothing recorded", "Fill it in at the source.", text.isnull()))
    if rule.kind == "id":
        found += _id_rules(text, rule)
    elif rule.kind == "date":
        found += _date_rules(text, value, rule, latest, table, formats.get(name, ""))
    elif rule.kind in ("integer", "number"):
        found += _number_rules(text, value, rule)
    elif rule.kind == "flag":
        found.append(Rule(name, "neither yes nor no", _codes_remedy(name), text.notnull() & value.isnull()))
    elif rule.codes:
        expected = ", ".join(rule.codes[:8]) + (", …" if len(rule.codes) > 8 else "")
        found.append(Rule(name, f"none of the codes {expected}", _codes_remedy(name), text.notnull() & value.isnull()))
    return found


def _id_rules(text: Any, rule: ColumnRule) -> list[Rule]:
    mangled = ibis.ifelse(text.contains("+"), text.re_search(_MANGLED), False)
    remedy = "Export ids as text: the digits are lost in this file."
    found = [Rule(rule.name, "an id that a spreadsheet has rounded to a form like 1.2E+17", remedy, mangled)]
    if rule.required:
        remedy = "Give each its own id: a placeholder joins rows that do not belong together."
        found.append(Rule(rule.name, "a placeholder instead of an id", remedy, _is_placeholder(text, rule)))
    return found


def _date_rules(text: Any, value: Any, rule: ColumnRule, latest: date, table: Table, form: str) -> list[Rule]:
    expected, remedy = (form, "Correct the cells, or the format declared in columns.toml.") if form else ("YYYY-MM-DD", _ISO)
    found = [Rule(rule.name, f"not a date of the form {expected}", remedy, text.notnull() & value.isnull())]
    if (table.name, rule.name) not in PLANNED_DATES:
        wrong = f"a date after the extract date {latest.isoformat()}"
        remedy = "Correct the date, or extract_date in study.toml."
        found.append(Rule(rule.name, wrong, remedy, value > ibis.literal(latest)))
    return found


def _number_rules(text: Any, value: Any, rule: ColumnRule) -> list[Rule]:
    kind = "whole number" if rule.kind == "integer" else "number"
    limits = _limits(rule)
    found = [
        Rule(rule.name, f"not a {kind}", "Correct the cells, or map them in columns.toml.", text.notnull() & value.isnull())
    ]
    low = value < rule.minimum if rule.minimum is not None else ibis.literal(value=False)
    high = value > rule.maximum if rule.maximum is not None else ibis.literal(value=False)
    return [*found, Rule(rule.name, f"a {kind} {limits}", "Correct the cells.", low | high)] if limits else found


def _limits(rule: ColumnRule) -> str:
    if rule.minimum is not None and rule.maximum is not None:
        return f"outside {rule.minimum:g} to {rule.maximum:g}"
    return f"below {rule.minimum:g}" if rule.minimum is not None else ""


def _codes_remedy(column: str) -> str:
    return f"Use the codes of the standard, or map yours under codes.{column} in columns.toml."


def _row_rules(table: Table, values: dict[str, Any]) -> list[Rule]:
    found = [
        Rule(later, f"a date before {earlier}", "Correct one of the two dates.", values[later] < values[earlier])
        for earlier, later in _ORDERS.get(table.name, ())
        if earlier in values and later in values
    ]
    if table.name == "programmes" and {"min_age", "max_age"} <= set(values):
        found.append(Rule("max_age", "an age below min_age", "Correct one of the two.", values["max_age"] < values["min_age"]))
    return found
