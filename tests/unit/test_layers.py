"""Who may use whom: every import of every file, held against the table of floors."""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

import yoseval

PACKAGE = Path(yoseval.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400
MOST_FUNCTION_LINES = 60

SHARED = {"errors", "frames", "arrays", "vocabulary", "layouts"}
ALLOWED = {
    "models": {"errors", "arrays"},
    "records": SHARED,
    "cohort": SHARED | {"records"},
    "design": SHARED | {"models", "cohort"},
    "outcomes": SHARED | {"models", "records", "cohort", "design"},
    "sensitivity": SHARED | {"models", "design", "outcomes"},
    "evaluation": SHARED | {"parallel", "models", "records", "cohort", "design", "outcomes", "sensitivity"},
    "indicators": SHARED | {"records", "models"},
    "reporting": SHARED,
    "cli": SHARED | {"records", "cohort", "evaluation", "indicators", "reporting"},
    "__main__": {"cli"},
    "__init__": set(),
    "parallel": {"errors"},
    "frames": {"errors", "arrays", "vocabulary", "layouts"},
    "vocabulary": set(),
    "layouts": set(),
    "arrays": set(),
    "errors": set(),
}


@dataclass(frozen=True)
class Import:
    """One import of a file: its line, the floor it reaches (empty outside yoseval) and whether it is relative."""

    line: int
    floor: str
    is_relative: bool


def imports_of(source):
    """Return every import of a source text, also those inside functions and by name at run time."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, _floor(a.name), False) for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            # 'from yoseval import models' reaches a floor by the name that is imported.
            names = [f"yoseval.{a.name}" for a in node.names] if module == "yoseval" else [module]
            found += [Import(node.lineno, _floor(n), node.level > 0) for n in names]
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
            found.append(Import(node.lineno, _floor(str(text)), False))
    return found


def violations(floor, source):
    """Return the imports of a source text that its floor does not allow."""
    allowed = ALLOWED[floor] | {floor, ""}
    return [f"line {i.line}: {i.floor}" for i in imports_of(source) if i.floor not in allowed]


def _floor(module):
    parts = module.split(".")
    return parts[1] if parts[0] == "yoseval" and len(parts) > 1 else ""


def _called(node):
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def floor_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(file):
    return str(file.relative_to(PACKAGE))


def test_every_file_is_on_a_floor_of_the_table():
    assert {floor_of(f) for f in FILES} == set(ALLOWED)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_imports_only_what_its_floor_may_use(file):
    assert violations(floor_of(file), file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_are_absolute(file):
    assert [i.line for i in imports_of(file.read_text(encoding="utf-8")) if i.is_relative] == []


def test_design_is_blind():
    assert not ALLOWED["design"] & {"records", "outcomes", "sensitivity", "evaluation"}


def test_reporting_sees_nothing_but_the_vocabulary():
    assert ALLOWED["reporting"] == SHARED


@pytest.mark.parametrize(
    ("floor", "source"),
    [
        ("design", "from yoseval.outcomes.types import FollowUp"),
        ("design", "def late():\n    import yoseval.records.read"),
        ("models", "from yoseval.frames import make_frame"),
        ("reporting", "from yoseval import evaluation"),
        ("cohort", "from importlib import import_module\nimport_module('yoseval.models.glm')"),
        ("sensitivity", "if True:\n    from yoseval.records import read"),
    ],
)
def test_a_made_up_violation_is_found(floor, source):
    assert len(violations(floor, source)) == 1


def test_a_relative_import_is_found():
    assert [i.is_relative for i in imports_of("from .glm import fit")] == [True]


def test_the_gathering_file_imports_nothing_of_yoseval_until_it_is_used():
    assert [i for i in imports_of((PACKAGE / "__init__.py").read_text(encoding="utf-8")) if i.floor] == []


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py" and f.parent != PACKAGE], ids=name_of)
def test_package_files_are_empty(file):
    assert file.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize("package", sorted({f.parent for f in FILES}), ids=lambda p: p.name)
def test_every_folder_of_modules_is_a_package(package):
    assert (package / "__init__.py").is_file()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_file_is_longer_than_the_limit(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def longest_functions(source):
    """Return the functions whose body, without its docstring, is longer than the limit."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body and (node.end_lineno or 0) - body[0].lineno + 1 > MOST_FUNCTION_LINES:
                found.append(node.name)
    return found


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_function_is_longer_than_the_limit(file):
    assert longest_functions(file.read_text(encoding="utf-8")) == []


def test_a_function_that_is_too_long_is_found():
    body = "\n".join(f"    x{i} = {i}" for i in range(MOST_FUNCTION_LINES + 1))

    assert longest_functions(f'def long():\n    """Do."""\n{body}\n') == ["long"]
    assert longest_functions('def short():\n    """Do."""\n    return 1\n') == []
