"""Notebooks run in a clean kernel; parameters are never code; failures are told in one line."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from yoseval.errors import ReportError
from yoseval.reporting.execute import ReportKernel, execute_notebook, with_parameters

TAGGED = new_code_cell("parameters = {}", metadata={"tags": ["parameters"]})


@pytest.fixture(scope="module")
def kernel():
    with ReportKernel() as started:
        yield started


@pytest.fixture
def write(tmp_path):
    def written(*sources):
        file = tmp_path / "made.ipynb"
        nbformat.write(new_notebook(cells=[TAGGED, *map(new_code_cell, sources)]), file)
        return file

    return written


def value(executed, cell=-1):
    return executed.cells[cell].outputs[-1].data["text/plain"]


@pytest.mark.parametrize(
    "hostile", ["'''\"\"\"\\", "'); import os; os._exit(1) #", "\n\r\u2028{{7*7}}", "</script>", "é😀\x00"]
)
def test_a_text_from_data_arrives_as_the_same_text(kernel, write, hostile):
    executed = kernel.execute(write("parameters['name']"), {"name": hostile, "nothing": None, "number": 1.5})

    assert value(executed) == repr(hostile)


def test_parameters_are_one_string_literal_of_plain_ascii():
    source = with_parameters(new_notebook(cells=[TAGGED]), {"name": "'); x = 1 #\u2028"}).cells[0].source

    assert source.isascii()
    assert source.count("\n") == 1


def test_the_notebook_given_is_not_changed():
    nb = new_notebook(cells=[new_code_cell("parameters = {}", metadata={"tags": ["parameters"]})])

    with_parameters(nb, {"a": 1})

    assert nb.cells[0].source == "parameters = {}"


@pytest.mark.parametrize("number", [0, 2])
def test_exactly_one_cell_takes_the_parameters(number):
    cells = [new_code_cell("parameters = {}", metadata={"tags": ["parameters"]}) for _ in range(number)]

    with pytest.raises(ReportError, match=f"has {number} code cells tagged"):
        with_parameters(new_notebook(cells=cells), {})


@pytest.mark.parametrize("bad", [float("nan"), {1, 2}, Path("a")])
def test_parameters_that_are_not_json_are_refused(bad):
    with pytest.raises(ReportError, match="are not JSON"):
        with_parameters(new_notebook(cells=[TAGGED]), {"a": bad})


def test_the_kernel_is_the_callers_own_interpreter(kernel, write):
    assert value(kernel.execute(write("import sys; sys.executable"), {})) == repr(sys.executable)


def test_the_kernel_works_in_an_empty_folder_with_fixed_hashes_and_no_profile_of_the_user(kernel, write, tmp_path):
    source = "import os; (os.listdir('.'), os.environ['PYTHONHASHSEED'], os.environ['MPLBACKEND'], get_ipython().ipython_dir)"

    listing, seed, backend, profile = eval(value(kernel.execute(write(source), {})))

    assert (listing, seed, backend) == ([], "0", "agg")
    assert Path(profile).is_relative_to(tempfile.gettempdir())


def test_start_up_files_of_the_user_do_not_run(write, tmp_path, monkeypatch):
    (tmp_path / "ipython" / "profile_default" / "startup").mkdir(parents=True)
    (tmp_path / "ipython" / "profile_default" / "startup" / "00.py").write_text("leaked = 1")
    (tmp_path / "start.py").write_text("leaked = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "start.py"))

    assert value(execute_notebook(write("'leaked' in globals()"), {})) == "False"


def test_no_name_of_one_notebook_reaches_the_next(kernel, write):
    kernel.execute(write("leaked = 1"), {})

    assert value(kernel.execute(write("'leaked' in globals()"), {})) == "False"


def test_a_failing_cell_is_named_with_the_last_line_of_why_and_no_traceback(kernel, write):
    with pytest.raises(ReportError) as failed:
        kernel.execute(write("1", "secret = 'Jo Bloggs'\nraise ValueError('first\\nlast line')"), {})

    assert str(failed.value) == "made.ipynb, cell 3 failed: ValueError: last line."
    assert failed.value.__suppress_context__


def test_a_cell_that_takes_too_long_is_stopped(kernel, write):
    with pytest.raises(ReportError, match="longer than 1 seconds"):
        kernel.execute(write("import time; time.sleep(60)"), {}, timeout=1)


def test_a_dead_kernel_is_an_error_and_the_next_notebook_gets_a_new_one(kernel, write):
    with pytest.raises(ReportError, match="did not start or died"):
        kernel.execute(write("import os; os._exit(1)"), {})

    assert value(kernel.execute(write("1 + 1"), {})) == "2"


def test_a_file_that_is_no_notebook_is_an_error(kernel, tmp_path):
    (tmp_path / "a.ipynb").write_text("{")

    with pytest.raises(ReportError, match=r"a\.ipynb cannot be read"):
        kernel.execute(tmp_path / "a.ipynb", {})


def test_a_report_can_be_rendered_from_within_a_running_event_loop(kernel, write):
    file = write("1 + 1")

    async def caller():
        return kernel.execute(file, {})

    assert value(asyncio.run(caller())) == "2"


def test_closing_ends_the_kernel_and_removes_its_folder(write):
    with ReportKernel() as started:
        process, folder = eval(value(started.execute(write("import os; (os.getpid(), os.getcwd())"), {})))
    started.close()

    assert not Path(folder).exists()
    assert subprocess.run(["ps", "-p", str(process)], capture_output=True, check=False).returncode != 0


def test_nothing_reaches_the_terminal(write, capfd):
    file = write("import os, sys, warnings; os.write(1, b'x'); os.write(2, b'x'); warnings.warn('x'); print('x')")

    execute_notebook(file, {})

    assert capfd.readouterr() == ("", "")
