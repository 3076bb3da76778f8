"""The walk over stored numbers finds what is missing, every file is walked over, and there are as many numbers as said."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OF_DESIGNS = {"match_lalonde", "match_rossi", "optimal_exact"}
OF_EFFECTS = [p.stem for p in sorted((HERE / "results").glob("*.json")) if p.stem not in OF_DESIGNS]
R = {"a": {"se": 2.0, "n": 3}, "rows": [{"time": 5, "surv": 0.5}], "note": "text", "flag": True}
FOUND = {"a": {"se": 2.0}, "rows": [{"surv": 0.5}]}


def test_numbers_asserted_asked_for_and_left_out_are_counted(walk):
    faults, counts = walk(R, FOUND, {"*": 1e-6}, ("rows/*/time",), {"a/n": "A reason."})

    assert not faults
    assert (counts.asserted, counts.asked, counts.left_out) == (2, 1, 1)


@pytest.mark.parametrize(
    ("found", "left_out", "said"),
    [
        (FOUND, {}, "a/n: neither asserted nor left out"),
        (FOUND | {"a": {"se": 2.0, "n": 3}}, {"a/n": ""}, "a/n: found and left out"),
        (FOUND | {"a": {"se": 2.00001}}, {"a/n": ""}, "a/se: 2.00001 is not 2.0 within 1e-06 or 1e-15"),
        (FOUND | {"b": 1.0}, {"a/n": ""}, "b: R has no such number"),
        (FOUND, {"a/n": "", "c/*": ""}, "c/*: meets nothing"),
        (FOUND | {"a": {"se": float("nan")}}, {"a/n": ""}, "a/se: nan is not 2.0 within 1e-06 or 1e-15"),
    ],
)
def test_each_fault_is_found(walk, found, left_out, said):
    faults, _ = walk(R, found, {"*": 1e-6}, ("rows/*/time",), left_out)

    assert faults == [said]


@pytest.mark.parametrize("name", OF_EFFECTS)
def test_the_readme_counts_every_number_of_a_file(reached_by_readme, name):
    counts = reached_by_readme(name)

    def numbers(tree):
        if isinstance(tree, dict | list):
            return sum(map(numbers, tree.values() if isinstance(tree, dict) else tree))
        return int(isinstance(tree, int | float) and not isinstance(tree, bool))

    assert counts.asserted + counts.asked + counts.left_out == numbers(
        json.loads((HERE / "results" / f"{name}.json").read_text())
    )


def test_more_than_four_hundred_numbers_about_effects_are_asserted(reached_by_readme):
    asserted = {name: reached_by_readme(name).asserted for name in OF_EFFECTS}

    print(f"{sum(asserted.values())} numbers of R about effects are asserted: {asserted}")
    assert sum(asserted.values()) >= 4000
    assert min(asserted[name] for name in ("effects_rossi", "effects_lalonde")) >= 400
