"""Print a report page to an accessible PDF with what is installed: a browser, else WeasyPrint, else a sentence.

Takes a finished HTML file and writes the PDF beside it. The browser gets a profile of its own and reaches no network.
"""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from yoseval.errors import EnvironmentFault, ReportError, UsageError

HOW_TO_PRINT = (
    "No PDF was made, because neither Chrome, Chromium, Edge nor WeasyPrint is installed: "
    "open the HTML file in any browser, press Ctrl+P and choose 'Save as PDF'."
)
ENGINES = ("auto", "browser", "weasyprint", "none")

_COMMANDS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
    "microsoft-edge-stable", "msedge",
)  # fmt: skip
_WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Chromium\Application\chrome.exe",
)
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_FLAGS = (
    "--headless",
    "--no-pdf-header-footer",
    "--export-tagged-pdf",
    "--generate-pdf-document-outline",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


def find_browser() -> Path | None:
    """Find an installed Chromium, Chrome or Edge; the variable ``YOSEVAL_BROWSER`` names one outright.

    Returns
    -------
    Path or None
        The program, None where there is no browser.

    Raises
    ------
    UsageError
        If ``YOSEVAL_BROWSER`` names a file that does not exist.
    """
    named = os.environ.get("YOSEVAL_BROWSER", "").strip()
    if named:
        program = shutil.which(named)
        if program is None:
            raise UsageError(
                "YOSEVAL_BROWSER names a program that does not exist.", "Give the browser's full path, or unset it."
            )
        return Path(program)
    on_path = (shutil.which(command) for command in _COMMANDS)
    usual = (str(place) for place in _usual_places() if place.is_file())
    return next((Path(found) for found in (*on_path, *usual) if found), None)


def print_pdf(html: Path, pdf: Path, *, engine: str = "auto", timeout: float = 120) -> str:
    """Print an HTML file to a tagged A4 PDF.

    Parameters
    ----------
    html : Path
        A finished report page.
    pdf : Path
        Where the PDF goes; it appears whole or not at all.
    engine : str
        ``auto`` (a browser, else WeasyPrint, else none), ``browser``, ``weasyprint`` or ``none``.
    timeout : float
        Seconds that the browser may take.

    Returns
    -------
    str
        ``browser`` or ``weasyprint``, whichever made the PDF; otherwise ``HOW_TO_PRINT``, a sentence, and no PDF.

    Raises
    ------
    UsageError
        If the engine is unknown.
    ReportError
        If the engine asked for is not installed, fails, or leaves no PDF.

    Examples
    --------
    >>> print_pdf(Path("portfolio.html"), Path("portfolio.pdf"))  # doctest: +SKIP
    'browser'
    """
    if engine not in ENGINES:
        raise UsageError(f"'{engine}' is not a PDF engine.", f"Choose one of {', '.join(ENGINES)}.")
    browser = find_browser() if engine in ("auto", "browser") else None
    if browser is not None:
        _write_whole(pdf, lambda target: _print_by_browser(browser, html, target, timeout))
        return "browser"
    if engine in ("auto", "weasyprint") and importlib.util.find_spec("weasyprint") is not None:
        _write_whole(pdf, lambda target: _print_by_weasyprint(html, target))
        return "weasyprint"
    if engine in ("browser", "weasyprint"):
        raise ReportError(f"The PDF engine '{engine}' is not installed.", "Install it, or use the engine 'auto'.")
    return HOW_TO_PRINT


def _usual_places() -> list[Path]:
    if sys.platform == "win32":
        roots = [os.environ.get(v) for v in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        return [Path(root) / program for root in roots if root for program in _WINDOWS]
    if sys.platform == "darwin":
        return [Path(program) for program in _MAC]
    return []


def _write_whole(pdf: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``pdf``, check that it is a PDF and move it into place."""
    try:
        handle, name = tempfile.mkstemp(prefix=f"{pdf.stem}-", suffix=".part", dir=pdf.parent)
        os.close(handle)
    except OSError as error:
        raise EnvironmentFault(
            f"{pdf.name} cannot be written: {error.strerror}.", "Check the folder and its permissions."
        ) from None
    part = Path(name)
    try:
        write(part)
        if not part.read_bytes().startswith(b"%PDF-"):
            _fail(pdf.name)
        part.chmod(0o644)
        part.replace(pdf)
    finally:
        part.unlink(missing_ok=True)


def _print_by_browser(browser: Path, html: Path, target: Path, timeout: float) -> None:
    # Chromium's sandbox cannot run as root; for everybody else it stays on.
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="yoseval-browser-", ignore_cleanup_errors=True) as profile:
        command = [
            str(browser),
            *_FLAGS,
            *as_root,
            f"--user-data-dir={profile}",
            f"--print-to-pdf={target}",
            html.resolve().as_uri(),
        ]
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=True)
        except (OSError, subprocess.SubprocessError):
            _fail(html.name)


def _print_by_weasyprint(html: Path, target: Path) -> None:
    weasyprint = importlib.import_module("weasyprint")
    document = weasyprint.HTML(filename=str(html), url_fetcher=_refuse_address)
    document.write_pdf(str(target), pdf_variant="pdf/ua-1")


def _refuse_address(url: str, *_: object, **__: object) -> dict[str, object]:
    """Let WeasyPrint read pictures given in place and nothing else."""
    if not url.startswith("data:"):
        raise ValueError("a report loads nothing from elsewhere")
    default = importlib.import_module("weasyprint").default_url_fetcher
    fetched: dict[str, object] = default(url)
    return fetched


def _fail(name: str) -> NoReturn:
    raise ReportError(
        f"{name} could not be printed to PDF.", "Open the HTML file in a browser, press Ctrl+P and choose 'Save as PDF'."
    )
