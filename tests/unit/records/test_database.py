"""Tables of a PostgreSQL database become the same records as files; its URL is never shown."""

import os
import shutil
import socket
import subprocess
import tempfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from yoseval.errors import DataError, EnvironmentFault, UsageError
from yoseval.records.records import read_records

BASE = Path(__file__).parent / "hostile" / "base"
EXTRACT = date(2021, 6, 30)
TYPES = {"date": "date", "sessions": "integer", "seriousness": "smallint"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def server_program(name):
    """The newest server program that is installed, on the path or where Debian puts it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if not found:
        pytest.fail(f"PostgreSQL's {name} is not installed (Debian: postgresql); these tests are marked 'postgres'.")
    return found


def as_owner(command, owner):
    """Run a command as another user where the tests run as root, which PostgreSQL refuses."""
    return ["runuser", "-u", owner, "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="module")
def database():
    """A PostgreSQL server of its own with the base in it; gives its URL."""
    # Not under pytest's own folder, which no other user may enter.
    place, port, owner = Path(tempfile.mkdtemp(prefix="yoseval-postgres-")), free_port(), "nobody"
    if os.geteuid() == 0:
        shutil.chown(place, owner)
    setup = [server_program("initdb"), "-D", str(place), "-U", "yot", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(as_owner(setup, owner), check=True, capture_output=True, cwd="/")
    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [server_program("pg_ctl"), "-D", str(place), "-w", "-l", str(place / "log")]
    subprocess.run(as_owner([*control, "-o", options, "start"], owner), check=True, stdout=subprocess.DEVNULL, cwd="/")
    url = f"postgresql://yot:hidden@127.0.0.1:{port}/postgres"
    try:
        fill(url)
        yield url
    finally:
        subprocess.run(as_owner([*control, "-m", "immediate", "stop"], owner), check=True, capture_output=True, cwd="/")
        shutil.rmtree(place)


def fill(url):
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for file in sorted(BASE.glob("*.csv")):
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
            columns = [f"{c} {type_of(c)}" for c in table.columns]
            cursor.execute(f"create table {file.stem} ({', '.join(columns)})")
            for row in table.to_numpy():
                cells = ", ".join("null" if c == "" else f"'{c}'" for c in row)
                cursor.execute(f"insert into {file.stem} values ({cells})")
        cursor.execute("create schema other")
        cursor.execute("create table other.young as select * from people")
        connection.commit()


def type_of(column):
    if column == "resident":
        return "boolean"
    return next((t for end, t in TYPES.items() if column.endswith(end) and column != "date_of_birth"), "text")


def frame_of(records, name):
    frame = records.engine.frame(records.tables[name]).drop(columns=["_file", "_row"])
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


@pytest.mark.postgres
def test_tables_of_a_database_are_the_same_records_as_files(database):
    expected, found = read_records(BASE, extract_date=EXTRACT), read_records(database, extract_date=EXTRACT)

    with expected.engine, found.engine:
        assert set(found.tables) == set(expected.tables)
        for name in expected.tables:
            pd.testing.assert_frame_equal(frame_of(found, name), frame_of(expected, name), check_exact=True)


@pytest.mark.postgres
def test_a_table_of_another_schema_and_name_can_be_mapped(database):
    records = read_records(database, extract_date=EXTRACT, columns={"people": {"file": "other.young"}})

    with records.engine:
        assert records.report.sources["people"] == "database table other.young"


@pytest.mark.postgres
def test_a_required_table_that_the_database_lacks_is_a_fault(database):
    with pytest.raises(DataError, match="database table nowhere: the database has no table nowhere"):
        read_records(database, extract_date=EXTRACT, columns={"people": {"file": "nowhere"}})


def test_a_database_that_cannot_be_reached_is_told_without_its_url():
    url = f"postgresql://yot:hidden@127.0.0.1:{free_port()}/postgres"

    with pytest.raises(EnvironmentFault) as refused:
        read_records(url, extract_date=EXTRACT)

    assert "The database cannot be reached" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_rows_of_a_database_need_a_folder_to_be_set_aside_in():
    with pytest.raises(UsageError, match="private"):
        read_records("postgresql://yot@127.0.0.1/postgres", on_invalid="drop")
