"""Every number that R left in ``results/`` is asserted, was asked for, or is left out for a reason that is written down."""

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


def numbers_of(tree, path=()):
    """Yield the path and the value of every number of nested mappings and lists."""
    if isinstance(tree, dict):
        for key, branch in tree.items():
            yield from numbers_of(branch, (*path, str(key)))
    elif isinstance(tree, (list, tuple, np.ndarray)):
        for place, branch in enumerate(tree):
            yield from numbers_of(branch, (*path, str(place)))
    elif isinstance(tree, (int, float, np.number)) and not isinstance(tree, bool):
        yield "/".join(path), tree


def branch(tree, path):
    for key in filter(None, path.split("/")):
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]
    return tree


@dataclass(frozen=True)
class Reached:
    """How many numbers of a file are asserted, were asked for, and are left out."""

    asserted: int
    asked: int
    left_out: int


def count_in_readme(name):
    """Return the row of a file in the table of the README that says how many of its numbers are reached."""
    row = re.search(rf"^\| `{name}\.json` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|", (HERE / "README.md").read_text(), re.M)
    assert row, f"{name}.json is not in the table of the README"
    return Reached(*(int(cell.replace(",", "")) for cell in row.groups()))


def disagreements(tree, found, tolerance, asked, left_out):
    """Return what is wrong with the numbers found, in words, and how many are asserted, were asked for and are left out."""
    stored, ours, met = dict(numbers_of(tree)), dict(numbers_of(found)), dict.fromkeys((*asked, *left_out), 0)
    faults = [f"{path}: R has no such number" for path in ours if path not in stored]
    for path, number in stored.items():
        held = [pattern for pattern in met if fnmatchcase(path, pattern)]
        met.update({pattern: met[pattern] + 1 for pattern in held[:1]})
        if (path in ours) == bool(held):
            faults.append(f"{path}: {'found and left out' if held else 'neither asserted nor left out'}")
        elif path in ours:
            rel, absolute = next(rel for pattern, rel in tolerance.items() if fnmatchcase(path, pattern)), 1e-15
            if callable(rel):
                rel, absolute = rel(branch(tree, path.rpartition("/")[0]))
            if ours[path] != pytest.approx(number, rel=rel, abs=absolute):
                faults.append(f"{path}: {ours[path]!r} is not {number!r} within {rel:g} or {absolute:g}")
    faults += [f"{pattern}: meets nothing" for pattern, times in met.items() if not times]
    return faults, Reached(len(ours), sum(met[p] for p in asked), sum(met[p] for p in left_out))


@pytest.fixture(scope="session")
def walk():
    """Return ``disagreements``, for a test of the walk itself."""
    return disagreements


@pytest.fixture(scope="session")
def reached_by_readme():
    """Return a function from the name of a file to its row of the README."""
    return count_in_readme


@pytest.fixture(scope="session")
def reach():
    """Return a function that compares all numbers of a file with ours.

    ``found`` has the shape of the file. ``tolerance`` maps patterns of paths, the first that holds counting, to relative
    tolerances, or to functions from the branch that a path ends on to a relative and an absolute one. ``asked`` are patterns
    of paths that R was given; ``left_out`` maps patterns to reasons. A number that is in none of these fails, as does one that
    is found and left out, a pattern that meets nothing, a path that R does not have, and a count that is not the README's.
    """

    def compare(name, found, tolerance, *, asked=(), left_out):
        tree = json.loads((HERE / "results" / f"{name}.json").read_text())
        faults, counts = disagreements(tree, found, tolerance, asked, left_out)
        assert not faults, f"{len(faults)} faults in {name}:\n" + "\n".join(faults[:25])
        assert all(reason.endswith(".") for reason in left_out.values())
        assert counts == count_in_readme(name)
        return counts

    return compare
