"""Where a run comes from: digests of its inputs and versions of what made it, for the manifest and its verification."""

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "scikit-learn", "lifelines", "duckdb", "nbconvert", "matplotlib")
RECORD_LIBRARIES = ("ibis-framework", "duckdb", "pandas", "pyarrow", "nbconvert", "matplotlib")


def input_entries(folder: Path, files: Sequence[Path]) -> list[dict[str, str]]:
    """Return name (within the study folder) and SHA-256 of every input file."""
    return [{"file": _name(folder, f), "sha256": file_digest(f)} for f in files]


def file_digest(file: Path) -> str:
    """Return the SHA-256 digest of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def library_versions(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python and of libraries; empty where one is not installed."""
    return {"python": platform.python_version(), **{name: installed_version(name) for name in names}}


def installed_version(name: str) -> str:
    """Return the version of a library, empty where it is not installed.

    Examples
    --------
    >>> installed_version("no-such-library")
    ''
    """
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _name(folder: Path, file: Path) -> str:
    inside = file.is_relative_to(folder)
    return file.relative_to(folder).as_posix() if inside else file.name
