"""What ``yoseval check`` prints of records: short, aligned, and without a child."""

import datetime as dt

import pytest

from yoseval.records.records import read_records
from yoseval.records.scoring.lines import MOST_LINES, check_lines
from yoseval.records.simulation.simulate import simulate_records, write_simulation

EXTRACT = dt.date(2026, 3, 31)


@pytest.fixture(scope="module")
def simulation():
    return simulate_records(400, seed=9)


@pytest.fixture(scope="module")
def records(simulation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "study"
    write_simulation(simulation, folder)
    opened = read_records(folder / "records", extract_date=EXTRACT)
    yield opened
    opened.engine.close()


@pytest.fixture(scope="module")
def lines(records):
    return check_lines(records.tables, EXTRACT, records.report)


def test_it_can_be_read_in_a_minute(lines):
    assert 10 < len(lines) <= MOST_LINES == 40


def test_it_says_which_tables_are_there_and_which_not(records, lines):
    fewer = {name: t for name, t in records.tables.items() if name not in ("custody", "exits")}

    assert lines[0] == "Tables given: 11 of 11. Not given: none."
    assert check_lines(fewer, EXTRACT)[0] == "Tables given: 9 of 11. Not given: custody, exits."


def test_each_programme_with_referrals_stands_once(simulation, lines):
    referred = set(simulation.tables["starts"]["programme_id"])
    names = simulation.tables["programmes"].set_index("programme_id")["name"]

    for programme in referred:
        assert sum(line.startswith(str(names[programme])[:28]) for line in lines) == 1


def test_no_line_holds_a_child_or_a_place_of_one(simulation, lines):
    text = "\n".join(lines)

    assert not any(str(p) in text for p in simulation.tables["people"]["person_id"])
    assert not any(str(d) in text for d in simulation.tables["people"]["date_of_birth"])


def test_a_programme_without_a_session_log_says_so(records, lines):
    quiet = check_lines({n: t for n, t in records.tables.items() if n != "sessions"}, EXTRACT)

    assert sum("no session log" in line for line in quiet) > sum("no session log" in line for line in lines)
