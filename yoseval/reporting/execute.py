"""Run a report's notebook in a clean kernel and return it with its outputs.

Takes a notebook file and JSON parameters; gives the executed notebook in memory. Nothing of the user's own
IPython (profile, start-up files, history) reaches the kernel, and nothing the kernel prints reaches the terminal.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Coroutine, Mapping
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from yoseval.errors import ReportError

JSON = str | int | float | bool | list["JSON"] | dict[str, "JSON"] | None

_log = logging.getLogger("yoseval.reporting.execute")
_log.addHandler(logging.NullHandler())
_log.propagate = False

# Variables through which a user's own set-up would reach the kernel.
_NOT_INHERITED = (
    "PYTHONSTARTUP",
    "PYTHONWARNINGS",
    "PYTHONINSPECT",
    "IPYTHONDIR",
    "MPLBACKEND",
    "MPLCONFIGDIR",
    "JPY_SESSION_NAME",
)
_CLEAR = "get_ipython().reset(new_session=True, aggressive=False)"


def execute_notebook(template: Path, parameters: Mapping[str, JSON], *, timeout: int = 300) -> NotebookNode:
    """Execute a notebook with these parameters in a kernel of its own.

    Parameters
    ----------
    template : Path
        The notebook; one code cell carries the tag ``parameters``.
    parameters : mapping
        What that cell is to define as the dict ``parameters``. It travels as JSON text inside a string, so that
        no text from data can become code.
    timeout : int
        Seconds that one cell may take.

    Returns
    -------
    NotebookNode
        The executed notebook.

    Raises
    ------
    ReportError
        If the notebook cannot be read, a cell fails or takes too long, or the kernel dies.

    Examples
    --------
    >>> execute_notebook(Path("portfolio.ipynb"), {"run": "reports/recid"})  # doctest: +SKIP
    """
    with ReportKernel() as kernel:
        return kernel.execute(template, parameters, timeout=timeout)


class ReportKernel:
    """One kernel for several notebooks, each of which starts with no name defined.

    Three quarters of a report's time are imports: a kernel that stays pays for them once. It runs the caller's own
    interpreter, whatever kernels are registered on the machine, and talks over sockets in a private folder where
    the system has them (elsewhere over the loopback interface, each message signed).

    Examples
    --------
    >>> with ReportKernel() as kernel:  # doctest: +SKIP
    ...     kernel.execute(Path("portfolio.ipynb"), {"run": "reports/recid"})
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="yoseval-", ignore_cleanup_errors=True)
        self._root = Path(self._folder.name)
        for name in ("ipython", "work", "mpl"):
            (self._root / name).mkdir()
        self._manager: AsyncKernelManager | None = None
        self._channels: Any = None
        # The kernel's messages need an event loop that never blocks the caller's own (a report may be rendered from a
        # notebook); a selector loop, because sockets of zmq do not work on Windows' default one.
        self._loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="yoseval-kernel", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def execute(self, template: Path, parameters: Mapping[str, JSON], *, timeout: int = 300) -> NotebookNode:
        """Execute one notebook, as ``execute_notebook`` does.

        Raises
        ------
        ReportError
            If the notebook cannot be read, a cell fails or takes too long, or the kernel dies.
        """
        notebook = with_parameters(_read(template), parameters, name=template.name)
        try:
            self._wait_for(self._run(notebook, timeout))
        except (CellControlSignal, DeadKernelError, RuntimeError, OSError) as error:
            raise _as_report_error(template.name, notebook, error, timeout) from None
        return notebook

    def close(self) -> None:
        """Shut the kernel down and remove its folder; a second call does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._wait_for(self._stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._folder.cleanup()

    async def _run(self, notebook: NotebookNode, timeout: int) -> None:
        try:
            if self._manager is None:
                await self._start()
            self._channels.execute(_CLEAR, silent=True)
            client = NotebookClient(notebook, km=self._manager, timeout=timeout, log=_log)
            client.kc = self._channels
            await client.async_execute()
        except BaseException:
            # After a failure the kernel may be dead, busy or half-way through a cell: the next notebook gets a new one.
            await self._stop()
            raise

    async def _start(self) -> None:
        self._manager = _kernel_manager(self._root)
        with (self._root / "kernel.log").open("ab") as sink:
            await self._manager.start_kernel(
                env=_environment(self._root), cwd=str(self._root / "work"), stdout=sink, stderr=sink
            )
        self._channels = self._manager.client()
        self._channels.start_channels()
        await self._channels.wait_for_ready(timeout=60)

    async def _stop(self) -> None:
        manager, channels = self._manager, self._channels
        self._manager = self._channels = None
        if channels is not None:
            channels.stop_channels()
        if manager is not None:
            await manager.shutdown_kernel(now=True)
            manager.context.destroy(linger=0)

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise


def with_parameters(notebook: NotebookNode, parameters: Mapping[str, JSON], *, name: str = "The notebook") -> NotebookNode:
    r"""Return a copy of a notebook whose cell tagged ``parameters`` defines these.

    Parameters
    ----------
    notebook : NotebookNode
        With exactly one code cell tagged ``parameters``.
    parameters : mapping
        JSON values.
    name : str
        What to call the notebook in an error.

    Raises
    ------
    ReportError
        If there is no such cell, or more than one, or a value is not JSON.

    Examples
    --------
    >>> cell = nbformat.v4.new_code_cell("parameters = {}", metadata={"tags": ["parameters"]})
    >>> with_parameters(nbformat.v4.new_notebook(cells=[cell]), {"run": "a"}).cells[0].source
    'import json\nparameters = json.loads(\'{"run": "a"}\')'
    """
    copy = deepcopy(notebook)
    cells = [c for c in copy.cells if c.cell_type == "code" and "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ReportError(f"{name} has {len(cells)} code cells tagged 'parameters'.", "Tag exactly one.")
    try:
        written = json.dumps(dict(parameters), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        raise ReportError(f"The parameters of {name} are not JSON.", "Give texts, numbers, booleans, lists or null.") from None
    cells[0].source = f"import json\nparameters = json.loads({written!r})"
    return copy


class _OneSpec(KernelSpecManager):
    """The caller's interpreter, and no other kernel that happens to be registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name=kernel_name, language="python")


def _kernel_manager(root: Path) -> AsyncKernelManager:
    manager = AsyncKernelManager(kernel_name="yoseval", kernel_spec_manager=_OneSpec(), log=_log)
    manager.connection_file = str(root / "kernel.json")
    if os.name == "posix":
        manager.transport = "ipc"
        manager.ip = str(root / "ipc")
    return manager


def _environment(root: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    return inherited | {
        "IPYTHONDIR": str(root / "ipython"),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _read(template: Path) -> NotebookNode:
    try:
        notebook: NotebookNode = nbformat.read(template, as_version=4)  # type: ignore[no-untyped-call]
        return notebook
    except (OSError, ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        raise ReportError(
            f"{template.name} cannot be read as a notebook.", "Install yoseval again, or restore the file."
        ) from None


def _as_report_error(name: str, notebook: NotebookNode, error: Exception, timeout: int) -> ReportError:
    """Say which cell failed and the last line of why; a traceback may show data and helps no reader of a report."""
    if isinstance(error, CellTimeoutError):
        return ReportError(f"{name}: a cell took longer than {timeout} seconds.", "Render again, or give a longer timeout.")
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                last = (str(output.evalue).strip().splitlines() or [""])[-1]
                return ReportError(f"{name}, cell {number} failed: {output.ename}: {last}".rstrip(": ") + ".")
    return ReportError(f"{name}: the kernel did not start or died.", "Check free memory and disk, then render again.")
