"""Open an Excel workbook behind a guard that looks at its zip directory first, and turn its cells into texts.

A cell that Excel holds as a date is a date whatever it looks like; a whole number of more than fifteen digits
has been rounded by Excel and can be no id.
"""

import zipfile
from datetime import datetime, time
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from yoseval.errors import DataError

MOST_ENTRIES = 2_000
MOST_BYTES = 2_000_000_000
MOST_RATIO = 200
# A small sheet of blanks may shrink more than any bomb and do no harm.
_HARMLESS_BYTES = 50_000_000
_EXACT = 10**15


def sheet_names(file: Path) -> tuple[str, ...]:
    """Return the names of the sheets of a workbook.

    Raises
    ------
    DataError
        If it is no workbook, is locked by a password or would unpack to more than `guard` allows.
    """
    return tuple(open_workbook(file).sheet_names)


def guard(file: Path) -> None:
    """Refuse a workbook that would fill the memory, before anything of it is unpacked.

    Parameters
    ----------
    file : Path
        The workbook, a zip archive: at most 2,000 entries, 2 GB unpacked and, above 50 MB, 200 times its packed size.

    Raises
    ------
    DataError
        If a limit is passed, or the file is no zip archive.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        raise DataError(
            "not an Excel workbook (.xlsx), or locked by a password.", "Save it again as .xlsx, unlocked."
        ) from None
    unpacked = sum(e.file_size for e in entries)
    ratio = unpacked / max(sum(e.compress_size for e in entries), 1)
    if len(entries) > MOST_ENTRIES:
        raise _bomb(f"{len(entries):,} parts, more than {MOST_ENTRIES:,}")
    if unpacked > MOST_BYTES:
        raise _bomb(f"{unpacked:,} bytes when unpacked, more than {MOST_BYTES:,}")
    if unpacked > _HARMLESS_BYTES and ratio > MOST_RATIO:
        raise _bomb(f"{unpacked:,} bytes when unpacked, {ratio:,.0f} times its size (more than {MOST_RATIO} times)")


def cell_text(value: Any) -> str | None:
    """Return a cell as the text that a CSV file of the same data would hold.

    Examples
    --------
    >>> cell_text(3.0), cell_text(True), cell_text(datetime(2024, 3, 31))
    ('3', 'yes', '2024-03-31')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return _number_text(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return None if value in ("", None) else str(value)


def _number_text(value: float) -> str:
    if abs(value) >= _EXACT:
        # Beyond fifteen digits Excel has rounded: in this form the rule for ids knows it.
        return f"{value:.5E}"
    return str(int(value)) if float(value).is_integer() else repr(value)


def open_workbook(file: Path) -> CalamineWorkbook:
    """Open a workbook that passes the guard.

    Raises
    ------
    DataError
        If it does not, or is damaged.
    """
    guard(file)
    try:
        return CalamineWorkbook.from_path(str(file))
    except (CalamineError, OSError):
        raise DataError("not an Excel workbook (.xlsx), or a damaged one.", "Open it in Excel and save it again.") from None


def _bomb(size: str) -> DataError:
    return DataError(f"the workbook holds {size}.", "Give the table as CSV or Parquet, or split the workbook.")
