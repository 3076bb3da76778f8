"""The column map: how an extract spells what the standard calls by another name.

Reads `columns.toml` beside the extracts. It names files, sheets, encodings, columns, one date format per column and
codes; nothing is guessed, and what a map says is applied and counted by `records.extract`.
"""

import codecs
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yoseval.errors import StudyError, listed
from yoseval.records.schema import TABLES, ColumnRule, Table

FILE = "columns.toml"
_PARTS = ("%d", "%-d", "%m", "%-m", "%b", "%Y")
_MAPPABLE = ("code", "flag", "value", "text")


@dataclass(frozen=True, slots=True)
class TableMap:
    """How one table is spelled in the extract.

    Parameters
    ----------
    file : str
        File (or table of a database), empty where it carries the table's own name.
    sheet : str
        Sheet of a workbook, empty where it carries the table's own name or is the only one.
    encoding : str
        Encoding of a CSV file.
    delimiter : str
        What stands between the cells of a CSV file.
    columns : mapping of str to str
        Name in the standard to name in the extract.
    dates : mapping of str to str
        Date column to its format, of ``%d %-d %m %-m %b %Y`` and what stands between them.
    codes : mapping of str to mapping of str to str
        Column to the extract's spelling to the standard's; an empty one means *not recorded*.
    """

    file: str = ""
    sheet: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    columns: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_column_map(file: Path) -> dict[str, TableMap]:
    """Read a column map from a TOML file.

    Parameters
    ----------
    file : Path
        Usually ``columns.toml`` in the folder of the extracts.

    Returns
    -------
    dict of str to TableMap
        One for each table of the standard, the plain one where the file is silent.

    Raises
    ------
    StudyError
        If the file is not there or not TOML, or breaks a rule of `make_column_map`.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError:
        raise StudyError(f"There is no column map {file.name}.", "Correct its path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise StudyError(f"{file.name} is not TOML in UTF-8: {_reason(problem)}.", "Correct the line.") from None
    return make_column_map(content, name=file.name)


def make_column_map(content: Mapping[str, Any], *, name: str = FILE) -> dict[str, TableMap]:
    """Check the content of a column map and return it, one map a table.

    Parameters
    ----------
    content : mapping
        Tables of the standard to their maps, as read from TOML.
    name : str
        What messages call the map.

    Raises
    ------
    StudyError
        If a table, key, column, format or code is unknown (all of them at once, each with the nearest one known).

    Examples
    --------
    >>> make_column_map({"people": {"columns": {"person_id": "YP ref"}}})["people"].columns["person_id"]
    'YP ref'
    """
    problems = [f"[{t}] is no table{_nearest(t, TABLES)}" for t in content if t not in TABLES]
    maps = {t: TableMap() for t in TABLES}
    for table in (t for t in content if t in TABLES):
        found = _problems(TABLES[table], content[table])
        problems += [f"[{table}] {p}" for p in found]
        if not found:
            maps[table] = TableMap(**content[table])
    if problems:
        raise StudyError(f"{name} breaks {len(problems)} rule(s).\n{listed(problems)}\n", "Correct the column map.")
    return maps


def _problems(table: Table, given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return ["is not a table of TOML"]
    known = {
        "file": str,
        "sheet": str,
        "encoding": str,
        "delimiter": str,
        "columns": Mapping,
        "dates": Mapping,
        "codes": Mapping,
    }
    found = [f"{k} is no key of a column map{_nearest(k, known)}" for k in given if k not in known]
    found += [
        f"{k} is not {'a text' if known[k] is str else 'a table'}"
        for k in given
        if not isinstance(given[k], known.get(k, object))
    ]
    if found:
        return found
    found += _columns_problems(table, given.get("columns", {}))
    found += [p for c, f in given.get("dates", {}).items() for p in _date_problems(table, c, f)]
    found += [p for c, m in given.get("codes", {}).items() for p in _code_problems(table, c, m)]
    return found + _form_problems(given)


def _form_problems(given: Mapping[str, Any]) -> list[str]:
    found = []
    try:
        codecs.lookup(given.get("encoding", "utf-8"))
    except LookupError:
        found.append(f"encoding {given['encoding']!r} is not known; often it is 'windows-1252' or 'utf-16'")
    if len(given.get("delimiter", ",")) != 1:
        found.append("delimiter is not one character")
    return found


def _columns_problems(table: Table, columns: Mapping[str, Any]) -> list[str]:
    found = [f"columns.{c} is no column of {table.name}{_nearest(c, table.names)}" for c in columns if c not in table.names]
    found += [f"columns.{c} is not the name of a column" for c, v in columns.items() if not isinstance(v, str) or not v.strip()]
    names = [v for v in columns.values() if isinstance(v, str)]
    found += [f"columns gives {v!r} to more than one column" for v in sorted({v for v in names if names.count(v) > 1})]
    return found


def _date_problems(table: Table, column: str, form: Any) -> list[str]:
    where = f"dates.{column}"
    if column not in table.names:
        return [f"{where} is no column of {table.name}{_nearest(column, table.names)}"]
    if table.column(column).kind != "date":
        return [f"{where}: {column} holds no dates"]
    if not isinstance(form, str):
        return [f"{where} is not a text such as '%d/%m/%Y'"]
    parts = re.findall(r"%-?.", form)
    if "%y" in parts:
        return [f"{where}: two digits do not tell the century; export four-digit years (%Y)"]
    if [p for p in parts if p not in _PARTS] or sorted(_roles(parts)) not in _allowed(column):
        return [f"{where} must have one day, month and year of {' '.join(_PARTS)}, such as '%d/%m/%Y'"]
    return []


def _roles(parts: Iterable[str]) -> list[str]:
    return ["m" if p == "%b" else p[-1] for p in parts]


def _allowed(column: str) -> list[list[str]]:
    # Only a birth may be recorded to the month.
    return [["Y", "d", "m"], ["Y", "m"]] if column == "date_of_birth" else [["Y", "d", "m"]]


def _code_problems(table: Table, column: str, mapping: Any) -> list[str]:
    where = f"codes.{column}"
    if column not in table.names:
        return [f"{where} is no column of {table.name}{_nearest(column, table.names)}"]
    if not isinstance(mapping, Mapping) or not all(isinstance(v, str) for v in mapping.values()):
        return [f"{where} is not a table of texts"]
    return [f"{where}: {p}" for v in mapping.values() for p in _target_problem(table.column(column), v)]


def _target_problem(rule: ColumnRule, target: str) -> list[str]:
    codes = ("yes", "no") if rule.kind == "flag" else rule.codes
    if target == "" or (rule.kind in _MAPPABLE and not codes) or target in codes:
        return []
    if rule.kind not in _MAPPABLE:
        return [f"a {rule.kind} can only be mapped to '' (not recorded)"]
    return [f"{target!r} is no code of the standard{_nearest(target, codes)}"]


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(known)}"


def _reason(problem: Exception) -> str:
    # What TOML says of a place is safe to show; what a decoder says may hold the bytes.
    return str(problem) if isinstance(problem, tomllib.TOMLDecodeError) else "it holds bytes that are not UTF-8"
