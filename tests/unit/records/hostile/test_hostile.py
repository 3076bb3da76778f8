"""Extracts that are off are refused with the place, the rule and the remedy, and no message shows a child."""

import csv
import shutil
import tomllib
from datetime import date
from pathlib import Path

import pytest

from yoseval.errors import DataError
from yoseval.records.records import read_records

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))["case"]
EXTRACT = date(2021, 6, 30)


def private_cells():
    """Ids of children and full births of the base."""
    with (HERE / "base" / "people.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return {r["person_id"] for r in rows} | {r["date_of_birth"] for r in rows if len(r["date_of_birth"]) == 10}


def prepare(case, folder):
    shutil.copytree(HERE / "base", folder, dirs_exist_ok=True)
    for name in case.get("remove", []):
        (folder / name).unlink()
    for name, old, new in case.get("edit", []):
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text, f"{name} of the base has no {old!r}"
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    for name, text in case.get("files", {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_base_itself_is_in_order(tmp_path):
    with read_records(prepare({}, tmp_path), extract_date=EXTRACT).engine as engine:
        assert engine.count("typed_people") == 3


def test_there_are_at_least_eighty_cases_and_each_has_its_own_name():
    assert len({c["name"] for c in CASES}) == len(CASES) >= 80


@pytest.mark.parametrize("case", CASES, ids=[c["name"] for c in CASES])
def test_it_is_refused_in_words_that_show_no_child(case, tmp_path):
    folder = prepare(case, tmp_path)

    with pytest.raises(DataError) as refused:
        read_records(folder, extract_date=EXTRACT, columns=case.get("columns"))

    message = str(refused.value)
    assert [s for s in case["says"] if s not in message] == [], message
    assert "SECRET" not in message
    assert [c for c in private_cells() if c in message] == []
