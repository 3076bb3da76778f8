"""Bring names, dates of birth and postcodes of two extracts to one spelling before they are compared.

Takes a frame of texts and gives a frame of texts with the columns the linkage model compares. What cannot be
read is empty, never guessed. Names exist in these frames only; they are not written, logged or shown.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from yoseval.errors import DataError, listed
from yoseval.records.schema import PERSON_PLACEHOLDERS, PLACEHOLDER_IDS

IDENTIFIERS = ("forename", "surname", "date_of_birth", "sex", "postcode")
_SEXES = {"female": "female", "f": "female", "male": "male", "m": "male"}
_OUTWARD_CUT, _SECTOR_CUT = 3, 2
_POSTCODE = r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}"
_NOT_BORN_THEN = ("1900-01-01", "1901-01-01")


def clean_identities(
    frame: pd.DataFrame, columns: Mapping[str, str], key: str, side: str, *, also: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the comparable columns of an extract.

    Parameters
    ----------
    frame : DataFrame
        One row a child.
    columns : mapping
        Identifier (a name of ``IDENTIFIERS``) to the column that holds it; those of ``IDENTIFIERS`` that it does not
        name are empty.
    key : str
        Column of the pseudonymous key.
    side : str
        What messages call the extract.
    also : sequence of str
        Further columns that have to be there.

    Returns
    -------
    DataFrame
        ``unique_id, forename, surname, date_of_birth, date_of_birth_swapped, birth_year, sex, postcode, sector,
        district``: texts, ``None`` where not recorded. Names are lower-case letters without accents; a date is ISO;
        ``date_of_birth_swapped`` has day and month exchanged; postcodes have no blank.

    Raises
    ------
    DataError
        If a column is absent or there is no row, or a key is empty, a placeholder or given twice; all at once, with counts.
    """
    _check_columns(frame, [key, *columns.values(), *also], side)
    _check_keys(frame[key], side)
    given = {name: _texts(frame[columns[name]]) if name in columns else _nothing(frame) for name in IDENTIFIERS}
    born = given["date_of_birth"].map(_date, na_action="ignore")
    postcode = _only(given["postcode"].str.upper().str.replace(r"[^A-Z0-9]", "", regex=True), _POSTCODE)
    clean = {
        "unique_id": frame[key].astype(str),
        "forename": given["forename"].map(_letters, na_action="ignore"),
        "surname": given["surname"].map(_letters, na_action="ignore"),
        "date_of_birth": born,
        "date_of_birth_swapped": born.str[:5] + born.str[8:] + "-" + born.str[5:7],
        "birth_year": born.str[:4],
        "sex": given["sex"].str.lower().map(_SEXES),
        "postcode": postcode,
        "sector": postcode.str[:-_SECTOR_CUT],
        "district": postcode.str[:-_OUTWARD_CUT],
    }
    return pd.DataFrame({name: _none_where_empty(texts) for name, texts in clean.items()}).reset_index(drop=True)


def _check_columns(frame: pd.DataFrame, wanted: list[str], side: str) -> None:
    absent = [c for c in wanted if c not in frame.columns]
    if absent:
        raise DataError(
            f"The {side} extract has no column {', '.join(repr(c) for c in absent)}.",
            "Give it, or name the columns there are in LinkSettings.",
        )
    if frame.empty:
        raise DataError(f"The {side} extract has no rows.", "Give one row a child.")


def _check_keys(keys: pd.Series, side: str) -> None:
    texts = keys.astype(object).where(keys.notna(), "").astype(str)
    placeholder = texts.str.strip().str.casefold().isin(("", *PERSON_PLACEHOLDERS))
    repeated = texts.duplicated(keep="first") & ~placeholder
    # Places, never keys.
    faults = [
        f"{int(rows.sum())} of {len(keys)} keys {fault} (first in row {int(rows.to_numpy().argmax()) + 1})"
        for rows, fault in ((placeholder, "are empty or a placeholder"), (repeated, "are given to an earlier row too"))
        if rows.any()
    ]
    if faults:
        raise DataError(
            f"The {side} extract cannot be linked:\n{listed(faults)}\n", "Give each child one row and a key of its own."
        )


def _texts(column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column.dt.strftime("%Y-%m-%d")
    return (
        column.astype(object)
        .where(column.notna(), None)
        .map(lambda cell: str(cell).strip(), na_action="ignore")
        .astype("string")
    )


def _nothing(frame: pd.DataFrame) -> pd.Series:
    return pd.Series(pd.NA, index=frame.index, dtype="string")


def _letters(name: str) -> str:
    """Return the letters of a name in lower case without accents, hyphens or blanks: O'Brien and OBrien are one."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "" if name.strip().casefold() in PLACEHOLDER_IDS else "".join(c for c in plain if c.isalpha())


def _date(text: str) -> str:
    try:
        # A clock after the day, as databases write it, is cut off.
        born = date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""
    return "" if born in _NOT_BORN_THEN else born


def _only(texts: pd.Series, pattern: str) -> pd.Series:
    return texts.where(texts.str.fullmatch(pattern).fillna(False).astype(bool))


def _none_where_empty(texts: pd.Series) -> pd.Series:
    cells = texts.astype(object)
    return cells.where(cells.notna() & (cells != ""), None)
