"""The menu of reports: from a run folder to finished pages.

Takes a run folder, executes a report's notebook on it, exports the page and, where asked, prints the PDF. Each file
appears whole or not at all. It sees nothing but what passed disclosure control.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from time import perf_counter
from typing import Any

from yoseval.errors import EnvironmentFault, ReportError, UsageError
from yoseval.reporting.execute import ReportKernel
from yoseval.reporting.exporters import BriefingExporter, ReportExporter
from yoseval.reporting.pdf import print_pdf
from yoseval.reporting.run_folder import Programme, Run, open_run


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its notebook, its page, the words for its kind and the stem of its file.

    ``programme`` says whether it is about one programme (``required``), about all of them or one (``optional``), or
    always about all (``none``); ``frame`` is the table without which there is nothing to report.
    """

    notebook: str
    exporter: type[ReportExporter]
    kind: str
    stem: str
    programme: str
    frame: str = "findings"


REPORTS: Mapping[str, Report] = {
    "board_briefing": Report("board_briefing.ipynb", BriefingExporter, "Board briefing", "board_briefing", "optional"),
    "portfolio": Report("portfolio.ipynb", ReportExporter, "Programme portfolio", "portfolio", "none"),
    "technical": Report("technical_report.ipynb", ReportExporter, "Technical report", "technical", "required"),
    "data_quality": Report("data_quality.ipynb", ReportExporter, "Data quality", "data_quality", "none", "quality"),
}
FORMATS = ("html", "pdf")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file that was written, the seconds it took, and a note for the user (empty, or why there is no PDF)."""

    path: Path
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Task:
    run: Run
    name: str
    report: Report
    programme: Programme | None
    folder: Path

    @property
    def page(self) -> Path:
        """Where the page goes."""
        slug = f"_{self.programme.slug}" if self.programme else ""
        return self.folder / f"{self.report.stem}{slug}.html"


def render_report(
    folder: str | os.PathLike[str],
    report: str = "technical",
    *,
    programme: str | None = None,
    format: str = "html",
    folder_out: str | os.PathLike[str] | None = None,
    engine: str = "auto",
) -> Path:
    """Render one report of a run.

    Parameters
    ----------
    folder : path
        A run folder.
    report : str
        A name of ``REPORTS``: ``board_briefing``, ``portfolio`` or ``technical``.
    programme : str, optional
        Id of the programme; not needed where the run has only one.
    format : str
        ``html``, or ``pdf`` (the page is then written too, beside it).
    folder_out : path, optional
        Where to write; the run folder unless given.
    engine : str
        PDF engine, as in ``print_pdf``.

    Returns
    -------
    Path
        The file of the format asked for.

    Raises
    ------
    UsageError
        If the report, the programme or the format is unknown.
    ReportError
        If a cell fails, a block is not allowed or no PDF can be made.

    Examples
    --------
    >>> render_report("reports/recid", "portfolio")  # doctest: +SKIP
    PosixPath('reports/recid/portfolio.html')
    """
    if format not in FORMATS:
        raise UsageError(f"'{format}' is not a format of reports.", f"Choose one of {', '.join(FORMATS)}.")
    run = open_run(folder)
    found = _report_named(report)
    task = _Task(run, report, found, _programme_for(run, found, report, programme), Path(folder_out or folder))
    with ReportKernel() as kernel:
        _render_page(task, kernel)
    if format == "html":
        return task.page
    pdf = task.page.with_suffix(".pdf")
    sentence = print_pdf(task.page, pdf, engine=engine)
    if not pdf.is_file():
        raise ReportError(sentence)
    return pdf


def render_all(
    folder: str | os.PathLike[str],
    *,
    jobs: int = 2,
    on_progress: Callable[[Rendered], None] | None = None,
    pdf: Sequence[str] = ("board_briefing",),
    engine: str = "auto",
) -> list[Rendered]:
    """Render every report of a run into its folder, several at a time.

    Parameters
    ----------
    folder : path
        A run folder.
    jobs : int
        How many at a time; each job starts one kernel and keeps it.
    on_progress : callable, optional
        Called with each file as it is finished, from the thread that made it.
    pdf : sequence of str
        Reports that are also printed to PDF, where an engine is installed.
    engine : str
        PDF engine, as in ``print_pdf``.

    Returns
    -------
    list of Rendered
        In the order: board briefing, portfolio, one technical report a programme. The same for any ``jobs``.

    Raises
    ------
    ReportError
        If a report fails, once the others are written.

    Examples
    --------
    >>> [r.path.name for r in render_all("reports/recid")]  # doctest: +SKIP
    ['board_briefing.html', 'board_briefing.pdf', 'portfolio.html', 'technical_parole.html']
    """
    tasks = _all_tasks(open_run(folder), Path(folder))
    kernels: Queue[ReportKernel] = Queue()
    started = [ReportKernel() for _ in range(max(1, min(jobs, len(tasks))))]
    for kernel in started:
        kernels.put(kernel)

    def work(task: _Task) -> list[Rendered]:
        kernel = kernels.get()
        try:
            page = _announced(_render_page(task, kernel), on_progress)
        finally:
            kernels.put(kernel)
        if task.name not in pdf:
            return [page]
        return [page, _announced(_render_pdf(task, engine), on_progress)]

    try:
        with ThreadPoolExecutor(max_workers=len(started)) as pool:
            futures = [pool.submit(work, task) for task in tasks]
        return [rendered for future in futures for rendered in future.result()]
    finally:
        for kernel in started:
            kernel.close()


def notebook_folder() -> Path:
    """Return the folder of the reports' notebooks: in the installed package, or in the checkout beside it.

    Raises
    ------
    ReportError
        If neither is there.
    """
    here = Path(__file__).parent
    for folder in (here / "notebooks", here.parents[1] / "notebooks"):
        if all((folder / report.notebook).is_file() for report in REPORTS.values()):
            return folder
    raise ReportError("The reports' notebooks are not installed.", "Install yoseval again.")


def page_words(run: Run, report: Report, programme: Programme | None) -> dict[str, str]:
    """Return the words around a page: title, banner and footer. The exporter escapes them."""
    study = run.manifest["study"]["title"]
    about = f" ({programme.name})" if programme else ""
    return {"title": f"{report.kind}: {study}{about}", "service": study, "kind": report.kind, "provenance": _provenance(run)}


def _all_tasks(run: Run, folder: Path) -> list[_Task]:
    tasks = []
    for name, report in REPORTS.items():
        if not (run.folder / f"{report.frame}.csv").is_file():
            continue
        programmes: Sequence[Programme | None] = run.programmes if report.programme == "required" else [None]
        tasks += [_Task(run, name, report, programme, folder) for programme in programmes]
    return tasks


def _report_named(name: str) -> Report:
    if name not in REPORTS:
        raise UsageError(f"'{name}' is not a report.", f"Choose one of {', '.join(REPORTS)}.")
    return REPORTS[name]


def _programme_for(run: Run, report: Report, name: str, programme: str | None) -> Programme | None:
    ids = [p.id for p in run.programmes]
    if programme is not None and report.programme == "none":
        raise UsageError(f"The report '{name}' is about all programmes.", "Leave the programme out.")
    if programme is None:
        if report.programme != "required":
            return None
        if len(ids) != 1:
            raise UsageError(f"The report '{name}' is about one programme.", f"Name one of {', '.join(ids)}.")
        return run.programmes[0]
    if programme not in ids:
        raise UsageError(f"'{programme}' is not a programme of this run.", f"Name one of {', '.join(ids)}.")
    return run.programmes[ids.index(programme)]


def _render_page(task: _Task, kernel: ReportKernel) -> Rendered:
    start = perf_counter()
    about = task.programme.id if task.programme else None
    # The kernel works in an empty folder of its own: the path has to hold from anywhere.
    parameters = {"run": str(task.run.folder.resolve()), "programme": about}
    notebook = kernel.execute(notebook_folder() / task.report.notebook, parameters)
    notebook.metadata["yoseval"] = page_words(task.run, task.report, task.programme)
    page, resources = task.report.exporter().from_notebook_node(notebook)
    if not resources["yoseval"]["blocks"]:
        raise ReportError(f"{task.report.notebook} shows no block.", "Install yoseval again, or restore the notebook.")
    _write_whole(task.page, page)
    return Rendered(task.page, perf_counter() - start)


def _render_pdf(task: _Task, engine: str) -> Rendered:
    start = perf_counter()
    pdf = task.page.with_suffix(".pdf")
    # A PDF of an earlier run must not stay beside the new page.
    pdf.unlink(missing_ok=True)
    said = print_pdf(task.page, pdf, engine=engine)
    made = pdf.is_file()
    return Rendered(pdf if made else task.page, perf_counter() - start, "" if made else said)


def _announced(rendered: Rendered, on_progress: Callable[[Rendered], None] | None) -> Rendered:
    if on_progress is not None:
        on_progress(rendered)
    return rendered


def _provenance(run: Run) -> str:
    manifest: Mapping[str, Any] = run.manifest
    inputs = ", ".join(str(i["sha256"])[:12] for i in manifest.get("inputs", []))
    parts = {
        "Random seed": manifest.get("seed"),
        "Disclosure policy": manifest.get("disclosure", {}).get("policy"),
        "Digest of the data": inputs,
    }
    said = [f"{words} {value}." for words, value in parts.items() if value not in (None, "")]
    return " ".join([f"Produced with yoseval {manifest.get('yoseval', '')}".strip() + ".", *said])


def _write_whole(file: Path, content: str) -> None:
    part = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=file.parent, suffix=".part", delete=False
        ) as out:
            part = Path(out.name)
            out.write(content)
        part.chmod(0o644)
        part.replace(file)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise EnvironmentFault(
            f"{file.name} cannot be written: {error.strerror}.", "Check the folder and its disk space."
        ) from None
