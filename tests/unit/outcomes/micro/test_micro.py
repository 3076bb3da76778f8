"""Cases solved by hand, one rule each: what happened to one child, and every number that must come out.

All cases of one profile and lag go through one query; each has a child of its own, so that none can help another.
"""

import tomllib
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from yoseval.cohort.profiles import find_profile
from yoseval.outcomes.events import OBSERVED, observe_moments
from yoseval.records.engine import open_engine

HERE = Path(__file__).parent
EXTRACT = date(2022, 6, 30)
TIME_ZERO = date(2020, 1, 10)
BORN = date(2005, 6, 1)
CASES = [case for file in sorted(HERE.glob("cases_*.toml")) for case in tomllib.loads(file.read_text("utf-8"))["case"]]
OFFENCE = {"result": "convicted", "group": "theft_and_handling", "seriousness": 3, "tier": "summary", "custodial": False}


def key_of(case):
    return case.get("profile", "moj_proven_1y"), case.get("lag", 0)


def none(value):
    return None if value == "none" else value


def rows_of(number, case):
    """Return the rows of each table that one case adds; its child is named by its number."""
    child = f"child-{number}"
    offences = [
        {
            "offence_id": f"{number}-{given.get('id', place)}", "person_id": child, "offence_date": given["on"],
            "proof_date": given.get("proof"), "offence_group": given["group"], "result": given["result"],
            **{name: none(given[name]) for name in ("seriousness", "tier", "custodial")},
        }
        for place, given in enumerate({**OFFENCE, **o} for o in case.get("offences", []))
    ]  # fmt: skip
    return {
        "people": [{"person_id": child, "date_of_birth": case.get("born", BORN)}],
        "offences": offences,
        "custody": [
            {"person_id": child, "_file": "custody", "start_date": s["from"], "end_date": s.get("to"), "kind": s["kind"]}
            for s in case.get("custody", [])
        ],
        "exits": [{"person_id": child, "exit_date": e["on"], "reason": e["reason"]} for e in case.get("exits", [])],
        "moments": [{"moment": number, "person_id": child, "time_zero": case.get("time_zero", TIME_ZERO)}],
    }


def observe_all(engine, put_tables, cases=CASES):
    """Observe the cases, one call for each profile and lag, and return a row a case."""
    parts = []
    for profile, lag in sorted({key_of(case) for case in cases}):
        numbered = [(i, case) for i, case in enumerate(cases) if key_of(case) == (profile, lag)]
        given = [rows_of(number, case) for number, case in numbered]
        tables = put_tables(engine, {name: [row for rows in given for row in rows[name]] for name in given[0]})
        moments = tables.pop("moments")
        parts.append(observe_moments(engine, tables, moments, find_profile(profile), EXTRACT, lag_days=lag))
    return pd.concat(parts).set_index("moment")


@pytest.fixture(scope="module")
def observed(put_tables):
    with open_engine(jobs=1) as engine:
        return observe_all(engine, put_tables)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c['rule']}: {c['name']}" for c in CASES])
def test_a_case_comes_out_as_it_was_solved_by_hand(observed, number):
    row = observed.loc[number]

    found = {name: plain(row[name]) for name in CASES[number]["expect"]}

    assert found == CASES[number]["expect"]


def plain(value):
    """Return a value as a case writes it."""
    if isinstance(value, pd.Timestamp):
        return value.date()
    if isinstance(value, str | bool):
        return value
    return "none" if pd.isna(value) else float(value) if not float(value).is_integer() else int(value)


def test_there_are_enough_cases_and_no_two_of_one_name():
    assert len(CASES) >= 100
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_every_rule_and_every_column_is_in_a_case():
    assert {case["rule"] for case in CASES} >= set("abcdefgh")
    assert {name for case in CASES for name in case["expect"]} >= set(OBSERVED) - {"moment"}


def test_every_expected_name_is_a_column():
    assert {name for case in CASES for name in case["expect"]} <= set(OBSERVED)
