"""Replace ids by keyed pseudonyms before anything else is done with an extract.

Takes a folder of tables and a key and writes the same tables as CSV, every id replaced by its HMAC-SHA256. No table
of ids and pseudonyms is kept, written or logged: whoever holds the key and an id can make the pseudonym again, and
nobody can go back. The fingerprint of the key is stored beside the tables, so that extracts made with two keys are
an error when they meet and not an empty join.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from yoseval.errors import DataError, EnvironmentFault, UsageError, listed
from yoseval.records.pseudonyms.key import PSEUDONYM_LENGTH, Key, read_key
from yoseval.records.pseudonyms.rows import Part, Row, opened, parts_of, sample_of
from yoseval.records.reading.identifiers import identifier_in_header, identifier_in_values
from yoseval.records.schema import PERSON_PLACEHOLDERS, PLACEHOLDER_IDS, TABLES

MARK_FILE = "pseudonyms.json"
#: Columns that are replaced unless told otherwise, and the kind of id that each holds.
ID_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "person_id": "person",
        "offence_id": "offence",
        "index_offence_id": "offence",
        "disposal_id": "disposal",
        "start_id": "start",
        "group_id": "group",
    }
)
#: Rules by which ids may be made alike before they are replaced; nothing else is done to them.
NORMALISATIONS: Mapping[str, Callable[[str], str]] = MappingProxyType({"strip": str.strip, "upper": str.upper})
_COLUMN_MAP = "columns.toml"
_ROUNDED = re.compile(r"^-?\d(\.\d+)?[eE]\+?\d+$")
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class PseudonymisedTable:
    """What was done to one table.

    Parameters
    ----------
    name : str
        The table.
    n_rows : int
        Rows written.
    n_replaced, n_placeholders : int
        Ids replaced, and stand-ins for an id (`N/A`, `unknown`, `0` …) that were left empty.
    """

    name: str
    n_rows: int
    n_replaced: int
    n_placeholders: int


@dataclass(frozen=True, slots=True)
class Pseudonymised:
    """What was done to an extract.

    Parameters
    ----------
    folder : Path
        Where the tables are.
    fingerprint : str
        Of the key.
    tables : tuple of PseudonymisedTable
        By name.
    """

    folder: Path
    fingerprint: str
    tables: tuple[PseudonymisedTable, ...]

    def __str__(self) -> str:
        """Return a line a table after the fingerprint of the key."""
        lines = (
            f"{t.name}: {t.n_rows:,} rows, {t.n_replaced:,} ids replaced, {t.n_placeholders:,} placeholders left empty"
            for t in self.tables
        )
        return "\n".join((f"key: {self.fingerprint}", *lines))


def pseudonymise(
    folder_in: str | Path,
    folder_out: str | Path,
    *,
    key: str | Path,
    id_columns: Mapping[str, str] = ID_COLUMNS,
    leave_out: Sequence[str] = (),
    normalise: Sequence[str] = ("strip",),
    encoding: str = "utf-8",
) -> Pseudonymised:
    """Replace the ids of every CSV, Excel and Parquet table of a folder, and write the tables as CSV to another.

    Parameters
    ----------
    folder_in, folder_out : path
        The extract as it came, and where it goes: a new folder, or one with tables made with the same key.
    key : str or Path
        Where the key is: its file, or ``keyring:NAME``; see `make_key`.
    id_columns : mapping
        Columns that hold ids, and what kind of id each holds: the same kind gives the same pseudonyms.
    leave_out : sequence of str
        Columns that are not written.
    normalise : sequence of str
        Keys of NORMALISATIONS, applied in order to every id. The same for all extracts of a study.
    encoding : str
        Of the CSV files.

    Returns
    -------
    Pseudonymised
        What was done, in numbers.

    Raises
    ------
    UsageError
        If the key is absent, is not the one used before, or lies in a study folder, a git tree or beside the records;
        if a table is there already; if no column of ids is found.
    DataError
        If a file cannot be read, a column looks like a name, an address or a public number, or Excel rounded an id.
    EnvironmentFault
        If the disk or its rights stand in the way; no table is left behind half written.
    """
    source, target = Path(folder_in), Path(folder_out)
    _require_folders(source, target)
    secret = read_key(key, away_from=(source, target))
    mark = _mark(secret, id_columns, normalise)
    _require_same_mark(target, mark)
    parts = parts_of(source, encoding)
    _require_fit(parts, target, id_columns, leave_out)
    replace = _replacer(secret, normalise)
    target.mkdir(parents=True, exist_ok=True)
    done = _all_or_nothing(parts, target, lambda part, file: _write_table(part, file, id_columns, leave_out, replace))
    if (source / _COLUMN_MAP).is_file() and not (target / _COLUMN_MAP).exists():
        (target / _COLUMN_MAP).write_bytes((source / _COLUMN_MAP).read_bytes())
    (target / MARK_FILE).write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
    return Pseudonymised(target, secret.fingerprint, done)


def pseudonymise_table(
    table: pd.DataFrame, *, key: Key, id_columns: Mapping[str, str] = ID_COLUMNS, normalise: Sequence[str] = ("strip",)
) -> tuple[pd.DataFrame, PseudonymisedTable]:
    """Replace the ids of a data frame of texts.

    Parameters
    ----------
    table : DataFrame
        Texts, missing where nothing is recorded.
    key : Key
        From `read_key`.
    id_columns, normalise : see `pseudonymise`

    Returns
    -------
    DataFrame, PseudonymisedTable
        A copy with pseudonyms, missing where there was no id; and what was done.

    Raises
    ------
    DataError
        If an id is no text, or Excel rounded it.
    """
    replace, copy = _replacer(key, normalise), table.copy()
    replaced = placeholders = 0
    for column in (c for c in table.columns if c in id_columns):
        given = table[column]
        wrong = given.map(lambda v: not isinstance(v, str)) & given.notna()
        if wrong.any():
            raise DataError(f"{int(wrong.sum())} of {len(given)} values of '{column}' are no texts.", "Read ids as text.")
        texts = [replace(id_columns[column], v) if isinstance(v, str) else "" for v in given]
        filled = sum(map(bool, texts))
        replaced += filled
        placeholders += int(given.fillna("").map(lambda v: bool(v.strip())).sum()) - filled
        copy[column] = pd.Series([t or None for t in texts], index=table.index, dtype=object)
    return copy, PseudonymisedTable("table", len(table), replaced, placeholders)


def require_same_key(*folders: str | Path) -> str:
    """Return the fingerprint that pseudonymised extracts share, so that their ids can be joined.

    Raises
    ------
    DataError
        If one has no mark of a key, or two were made with different keys or rules.
    """
    marks = [(Path(f), _read_mark(Path(f))) for f in folders]
    bare = [f.name for f, mark in marks if mark is None]
    if bare:
        raise DataError(f"{bare[0]} has no {MARK_FILE}: its ids were not replaced here.", "Pseudonymise it first.")
    first = marks[0][1] or {}
    for folder, mark in marks[1:]:
        _require_equal(mark or {}, first, folder.name, DataError)
    return str(first["fingerprint"])


def _require_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise UsageError(f"There is no folder {source.name}.", "Name the folder of the extract.")
    inside, outside = target.resolve(), source.resolve()
    if inside == outside or outside in inside.parents:
        raise UsageError("The result must not lie in the folder of the extract.", "Name another folder.")


def _mark(key: Key, id_columns: Mapping[str, str], normalise: Sequence[str]) -> dict[str, Any]:
    unknown = [n for n in normalise if n not in NORMALISATIONS]
    if unknown:
        raise UsageError(f"'{unknown[0]}' is no rule for ids.", f"Known: {', '.join(NORMALISATIONS)}.")
    algorithm = f"HMAC-SHA256, {PSEUDONYM_LENGTH} hexadecimal digits"
    return {"fingerprint": key.fingerprint, "algorithm": algorithm, "normalise": list(normalise)}


def _read_mark(folder: Path) -> dict[str, Any] | None:
    file = folder / MARK_FILE
    if not file.is_file():
        return None
    try:
        mark = json.loads(file.read_text(encoding="utf-8"))
        return {"fingerprint": str(mark["fingerprint"]), **mark}
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{folder.name}/{MARK_FILE} is damaged.", "Pseudonymise the extract again.") from None


def _require_same_mark(target: Path, mark: Mapping[str, Any]) -> None:
    there = _read_mark(target)
    if there is not None:
        _require_equal(mark, there, target.name, UsageError)


def _require_equal(
    mark: Mapping[str, Any], other: Mapping[str, Any], name: str, error: type[DataError] | type[UsageError]
) -> None:
    if mark["fingerprint"] != other["fingerprint"]:
        raise error(
            f"{name}: the key {mark['fingerprint']} is not the first extract's, {other['fingerprint']}: no id would match.",
            "Use the key whose fingerprint the first extract bears.",
        )
    if mark.get("normalise") != other.get("normalise"):
        raise error(f"{name}: ids were made alike by other rules than the first extract's.", "Use the same rules for both.")


def _require_fit(parts: Sequence[Part], target: Path, id_columns: Mapping[str, str], leave_out: Sequence[str]) -> None:
    faults: list[str] = []
    found: set[str] = set()
    for part in parts:
        if (target / f"{part.name}.csv").exists():
            raise UsageError(f"{target.name} already holds {part.name}.csv.", "Name another folder; nothing is overwritten.")
        header, rows = sample_of(part)
        found.update(c for c in header if c in id_columns)
        for place, column in enumerate(header):
            if column not in id_columns and column not in leave_out:
                # `programmes.name` is the name of a programme: what the standard declares is judged by its values alone.
                header_says = "" if column in _declared(part.name) else identifier_in_header(column)
                kind = header_says or identifier_in_values([r[place] for r in rows])
                faults += [f"{part.label}, column '{column}' looks like {kind}."] if kind else []
    if faults:
        remedy = "Leave the columns out, or name them among the columns of ids."
        raise DataError(f"{len(faults)} column(s) would identify children.\n{listed(faults)}\n", remedy)
    if "person" not in {id_columns[c] for c in found}:
        wanted = ", ".join(c for c, kind in id_columns.items() if kind == "person")
        raise UsageError(f"No table has a column of children's ids ({wanted}).", "Name it among the columns of ids.")


def _declared(table: str) -> frozenset[str]:
    """Return the columns that the records standard has for a table, none where it has no such table."""
    known = TABLES.get(table.casefold())
    return frozenset(c.name for c in known.columns) if known else frozenset()


def _replacer(key: Key, normalise: Sequence[str]) -> Callable[[str, str], str]:
    """Return the function that replaces one id; a stand-in for an id gives the empty text."""
    rules = [NORMALISATIONS[n] for n in normalise]
    general, persons = frozenset(PLACEHOLDER_IDS), frozenset(PERSON_PLACEHOLDERS)

    # Rows of a child stand together: what is remembered is bounded and dies with the call.
    @lru_cache(maxsize=_REMEMBERED)
    def replace(domain: str, identity: str) -> str:
        for rule in rules:
            identity = rule(identity)
        if identity.strip().casefold() in ((persons if domain == "person" else general) | {""}):
            return ""
        if _ROUNDED.match(identity.strip()):
            raise DataError("An id is in scientific notation: a spreadsheet has rounded it.", "Export ids as text.")
        return key.pseudonym(domain, identity)

    return replace


def _all_or_nothing(
    parts: Sequence[Part], target: Path, write: Callable[[Part, Path], PseudonymisedTable]
) -> tuple[PseudonymisedTable, ...]:
    """Write every table under another name first, so that a fault leaves none behind."""
    files = [target / f"{p.name}.csv" for p in parts]
    drafts = [f.with_suffix(".csv.part") for f in files]
    try:
        done = tuple(write(part, draft) for part, draft in zip(parts, drafts, strict=True))
        for draft, file in zip(drafts, files, strict=True):
            draft.replace(file)
    except OSError as problem:
        raise EnvironmentFault(f"A table cannot be read or written: {problem.strerror}.", "Look at disk and rights.") from None
    finally:
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return done


def _write_table(
    part: Part, file: Path, id_columns: Mapping[str, str], leave_out: Sequence[str], replace: Callable[[str, str], str]
) -> PseudonymisedTable:
    n_rows = n_replaced = n_placeholders = 0
    with opened(part) as (header, rows), file.open("w", encoding="utf-8", newline="") as lines:
        kept = [i for i, name in enumerate(header) if name not in leave_out]
        ids = [(i, id_columns[header[i]]) for i in kept if header[i] in id_columns]
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([header[i] for i in kept])
        for line, row in rows:
            n_rows += 1
            given = sum(bool(row[i].strip()) for i, _ in ids)
            written = _replace_in(part, line, row, ids, replace)
            n_replaced += written
            n_placeholders += given - written
            writer.writerow([row[i] for i in kept])
    return PseudonymisedTable(part.name, n_rows, n_replaced, n_placeholders)


def _replace_in(part: Part, line: int, row: Row, ids: Sequence[tuple[int, str]], replace: Callable[[str, str], str]) -> int:
    written = 0
    for i, domain in ids:
        try:
            row[i] = replace(domain, row[i])
        except DataError as problem:
            raise DataError(f"{part.label}, line {line}: {problem.problem}", problem.remedy) from None
        written += bool(row[i])
    return written
