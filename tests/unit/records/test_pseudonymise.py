"""Ids become keyed pseudonyms, the same in every table and extract, and everything else stays as it was."""

import csv
import hashlib
import json
from pathlib import Path

import keyring
import pandas as pd
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from yoseval.errors import DataError, EnvironmentFault, UsageError
from yoseval.records.pseudonyms.key import Key, make_key, read_key
from yoseval.records.pseudonyms.pseudonymise import ID_COLUMNS, MARK_FILE, pseudonymise, pseudonymise_table, require_same_key

KEY = Key(bytes(range(32)))


def by_hand(secret, domain, identity):
    """HMAC of RFC 2104 from its definition, block size 64: a route that does not go through the hmac module."""
    block = secret.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + f"{domain}\x1f{identity}".encode()).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()[:32]


@pytest.fixture
def key(tmp_path):
    place = tmp_path / "keys" / "study.key"
    make_key(place)
    return place


@pytest.fixture
def extract(tmp_path):
    folder = tmp_path / "extract"
    folder.mkdir()

    def write(**tables):
        for name, text in tables.items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return folder

    return write


def rows(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


# --- pseudonyms


@pytest.mark.parametrize(
    ("domain", "identity"), [("person", "000123"), ("offence", "A-1"), ("person", "Zoë 7"), ("start", "x" * 200)]
)
def test_a_pseudonym_is_the_hmac_of_rfc_2104(domain, identity):
    assert KEY.pseudonym(domain, identity) == by_hand(KEY.secret, domain, identity)


def test_a_pseudonym_holds_128_bits():
    assert len(KEY.pseudonym("person", "1")) * 4 == 128


def test_one_id_has_one_pseudonym_in_every_table(extract, key, tmp_path):
    folder = extract(people="person_id,sex\n7,male\n8,female\n", exits="exit_date,person_id\n2024-01-01,8\n2024-01-02,7\n")

    pseudonymise(folder, tmp_path / "out", key=key)

    people, exits = rows(tmp_path / "out", "people"), rows(tmp_path / "out", "exits")
    assert [people[1][0], people[2][0]] == [exits[2][1], exits[1][1]]
    assert people[1][0] == by_hand(read_key(key).secret, "person", "7")


def test_the_same_text_as_another_kind_of_id_has_another_pseudonym(extract, key, tmp_path):
    folder = extract(offences="offence_id,person_id\n7,7\n", disposals="person_id,index_offence_id\n7,7\n")

    pseudonymise(folder, tmp_path / "out", key=key)

    offence, disposal = rows(tmp_path / "out", "offences")[1], rows(tmp_path / "out", "disposals")[1]
    assert offence == disposal[::-1]
    assert offence[0] != offence[1]


def test_ids_are_stripped_and_nothing_else(extract, key, tmp_path):
    folder = extract(people="person_id\n a1 \na1\nA1\n0a1\n")

    pseudonymise(folder, tmp_path / "out", key=key)

    given = [r[0] for r in rows(tmp_path / "out", "people")[1:]]
    assert given[0] == given[1]
    assert len(set(given)) == 3


def test_a_declared_rule_makes_ids_alike(extract, key, tmp_path):
    folder = extract(people="person_id\na1\nA1\n")

    pseudonymise(folder, tmp_path / "out", key=key, normalise=("strip", "upper"))

    assert len({r[0] for r in rows(tmp_path / "out", "people")[1:]}) == 1


@pytest.mark.parametrize("stand_in", ["N/A", "unknown", " UNKNOWN ", "0", "tbc", "-"])
def test_placeholders_stay_empty_and_are_counted(extract, key, tmp_path, stand_in):
    folder = extract(people=f"person_id,sex\n{stand_in},male\n1,male\n,female\n")

    done = pseudonymise(folder, tmp_path / "out", key=key).tables[0]

    assert [r[0] == "" for r in rows(tmp_path / "out", "people")[1:]] == [True, False, True]
    assert (done.n_rows, done.n_replaced, done.n_placeholders) == (3, 1, 1)


def test_other_cells_survive_as_they_stand(extract, key, tmp_path):
    folder = extract(people='person_id,note,code\n1,"x, ""y""\nz",NA\n2,  ,007\n3,Zoë,1e5\n')

    pseudonymise(folder, tmp_path / "out", key=key)

    assert [r[1:] for r in rows(tmp_path / "out", "people")] == [
        ["note", "code"],
        ['x, "y"\nz', "NA"],
        ["  ", "007"],
        ["Zoë", "1e5"],
    ]


def test_other_names_of_id_columns_can_be_declared(extract, key, tmp_path):
    folder = extract(cases="Case No,sex\n1,male\n")

    pseudonymise(folder, tmp_path / "out", key=key, id_columns={"Case No": "person"})

    assert rows(tmp_path / "out", "cases")[1] == [by_hand(read_key(key).secret, "person", "1"), "male"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(extract, key, tmp_path):
    folder = extract(people="\ufeffperson_id\n1\n")

    pseudonymise(folder, tmp_path / "out", key=key)

    assert rows(tmp_path / "out", "people")[0] == ["person_id"]


def test_a_declared_encoding_is_read(tmp_path, extract, key):
    folder = extract()
    (folder / "people.csv").write_bytes("person_id,town\n1,Köln\n".encode("cp1252"))

    pseudonymise(folder, tmp_path / "out", key=key, encoding="cp1252")

    assert rows(tmp_path / "out", "people")[1][1] == "Köln"


def test_csv_excel_and_parquet_of_one_table_give_the_same_bytes(tmp_path, key):
    table = pd.DataFrame(
        {
            "person_id": ["0012", "7", None],
            "seen_on": pd.to_datetime(["2024-03-31", "2024-04-01", None]),
            "seriousness": [3.0, None, 8.0],
            "resident": ["yes", "no", "yes"],
        }
    )
    texts = table.assign(seen_on=table["seen_on"].dt.strftime("%Y-%m-%d"), seriousness=["3", None, "8"])
    results = {}
    for kind in ("csv", "xlsx", "parquet"):
        folder = tmp_path / f"in_{kind}"
        folder.mkdir()
        if kind == "csv":
            texts.to_csv(folder / "people.csv", index=False)
        elif kind == "xlsx":
            table.to_excel(folder / "people.xlsx", index=False, sheet_name="people")
        else:
            table.to_parquet(folder / "people.parquet")
        pseudonymise(folder, tmp_path / kind, key=key)
        results[kind] = (tmp_path / kind / "people.csv").read_bytes()

    assert results["csv"] == results["xlsx"] == results["parquet"]


def test_every_sheet_of_a_workbook_is_a_table(tmp_path, key):
    folder = tmp_path / "in"
    folder.mkdir()
    with pd.ExcelWriter(folder / "all.xlsx") as book:
        pd.DataFrame({"person_id": ["a1"]}).to_excel(book, sheet_name="people", index=False)
        pd.DataFrame({"person_id": ["a1"], "reason": ["died"]}).to_excel(book, sheet_name="exits", index=False)

    pseudonymise(folder, tmp_path / "out", key=key)

    assert rows(tmp_path / "out", "people")[1][0] == rows(tmp_path / "out", "exits")[1][0]


def test_a_table_of_programmes_and_a_column_map_come_along(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n", programmes="programme_id,title\nNA,Mentoring\n")
    (folder / "columns.toml").write_text("[people]\n")

    pseudonymise(folder, tmp_path / "out", key=key)

    assert rows(tmp_path / "out", "programmes")[1] == ["NA", "Mentoring"]
    assert (tmp_path / "out" / "columns.toml").read_text() == "[people]\n"


def test_a_frame_is_replaced_as_a_file_is():
    frame = pd.DataFrame({"person_id": [" 7", None, "N/A"], "sex": ["male", "male", None]}, index=[3, 4, 5])

    replaced, done = pseudonymise_table(frame, key=KEY)

    assert replaced["person_id"].tolist() == [by_hand(KEY.secret, "person", "7"), None, None]
    assert replaced["sex"].tolist() == ["male", "male", None]
    assert (done.n_rows, done.n_replaced, done.n_placeholders) == (3, 1, 1)
    assert frame["person_id"].tolist() == [" 7", None, "N/A"]


def test_numbers_are_no_ids_of_a_frame():
    with pytest.raises(DataError, match="2 of 2 values of 'person_id' are no texts"):
        pseudonymise_table(pd.DataFrame({"person_id": [1.0, 2.0]}), key=KEY)


# --- the mark of the key


def test_a_second_extract_with_another_key_is_an_error_and_not_an_empty_join(extract, key, tmp_path):
    pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key)
    other = tmp_path / "keys" / "other.key"
    make_key(other)
    police = tmp_path / "police"
    police.mkdir()
    (police / "offences.csv").write_text("person_id\n1\n")

    with pytest.raises(UsageError, match="no id would match"):
        pseudonymise(police, tmp_path / "out", key=other)

    assert not (tmp_path / "out" / "offences.csv").exists()


def test_a_second_extract_with_the_same_key_joins(extract, key, tmp_path):
    pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key)
    police = tmp_path / "police"
    police.mkdir()
    (police / "offences.csv").write_text("person_id\n1\n")

    pseudonymise(police, tmp_path / "out", key=key)

    assert rows(tmp_path / "out", "people")[1] == rows(tmp_path / "out", "offences")[1]


def test_extracts_under_two_keys_are_told_apart(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    other = tmp_path / "keys" / "other.key"
    fingerprints = {"a": read_key(key).fingerprint, "b": make_key(other)}
    pseudonymise(folder, tmp_path / "a", key=key)
    pseudonymise(folder, tmp_path / "b", key=other)

    with pytest.raises(DataError, match=f"{fingerprints['b']} is not the first extract's, {fingerprints['a']}"):
        require_same_key(tmp_path / "a", tmp_path / "b")


def test_extracts_under_one_key_share_its_fingerprint(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    pseudonymise(folder, tmp_path / "a", key=key)
    pseudonymise(folder, tmp_path / "b", key=key)

    assert require_same_key(tmp_path / "a", tmp_path / "b") == read_key(key).fingerprint


def test_extracts_whose_ids_were_made_alike_by_other_rules_are_told_apart(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    pseudonymise(folder, tmp_path / "a", key=key)
    pseudonymise(folder, tmp_path / "b", key=key, normalise=("strip", "upper"))

    with pytest.raises(DataError, match="other rules"):
        require_same_key(tmp_path / "a", tmp_path / "b")


def test_a_folder_without_a_mark_cannot_be_joined(tmp_path):
    with pytest.raises(DataError, match=MARK_FILE):
        require_same_key(tmp_path)


def test_a_damaged_mark_is_an_error(extract, key, tmp_path):
    pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key)
    (tmp_path / "out" / MARK_FILE).write_text("{")

    with pytest.raises(DataError, match="damaged"):
        require_same_key(tmp_path / "out")


def test_the_mark_says_how_and_by_which_key(extract, key, tmp_path):
    done = pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key)

    assert json.loads((tmp_path / "out" / MARK_FILE).read_text()) == {
        "fingerprint": done.fingerprint,
        "algorithm": "HMAC-SHA256, 32 hexadecimal digits",
        "normalise": ["strip"],
    }


# --- refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person_id,surname\n1,x\n", "people.csv, column 'surname' looks like a name"),
        ("person_id,home\n1,LS1 4AP\n2,M1 1AE\n3,B33 8TH\n", "people.csv, column 'home' looks like a postcode"),
        ("person_id,sex\n1\n", "people.csv, line 2: 1 cells, but the header names 2"),
        ("person_id,sex\n1,male\n2,male,3\n", "people.csv, line 3: 3 cells, but the header names 2"),
        ('person_id,sex\n1,"male\n', "people.csv, line 2: not valid CSV"),
        ("person_id,person_id\n1,2\n", "people.csv: column 2 has the name of an earlier one"),
        ("person_id\n1\n1.23457E+17\n", "people.csv, line 3: An id is in scientific notation"),
        ("", "people.csv: no header"),
    ],
)
def test_a_table_that_is_off_is_refused_and_leaves_nothing_behind(extract, key, tmp_path, text, message):
    with pytest.raises(DataError) as problem:
        pseudonymise(extract(people=text), tmp_path / "out", key=key)

    assert message in str(problem.value)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_fault_in_the_last_table_leaves_none_of_the_others(extract, key, tmp_path):
    # Far enough down not to be met before writing begins.
    folder = extract(exits="person_id\n1\n", people="person_id,sex\n" + "1,male\n" * 500 + "1\n")

    with pytest.raises(DataError, match=r"people\.csv, line 502"):
        pseudonymise(folder, tmp_path / "out", key=key)

    assert list((tmp_path / "out").iterdir()) == []


def test_all_columns_that_identify_are_named_at_once(extract, key, tmp_path):
    folder = extract(people="person_id,forename,nhs_no\n1,x,y\n", exits="person_id,email\n1,z\n")

    with pytest.raises(DataError, match=r"(?s)3 column\(s\).*email.*forename.*nhs_no"):
        pseudonymise(folder, tmp_path / "out", key=key)


def test_a_column_can_be_left_out(extract, key, tmp_path):
    folder = extract(people="surname,person_id,sex\nx,1,male\n")

    pseudonymise(folder, tmp_path / "out", key=key, leave_out=["surname"])

    assert rows(tmp_path / "out", "people")[0] == ["person_id", "sex"]


def test_a_public_number_may_be_the_id_because_it_is_replaced(extract, key, tmp_path):
    folder = extract(police="PNC number\n12/345678A\n")

    pseudonymise(folder, tmp_path / "out", key=key, id_columns={"PNC number": "person"})

    assert rows(tmp_path / "out", "police")[1] == [by_hand(read_key(key).secret, "person", "12/345678A")]


def test_an_extract_without_ids_of_children_is_refused(extract, key, tmp_path):
    with pytest.raises(UsageError, match=r"children's ids \(person_id\)"):
        pseudonymise(extract(people="case\n1\n"), tmp_path / "out", key=key)


def test_nothing_is_overwritten(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    pseudonymise(folder, tmp_path / "out", key=key)

    with pytest.raises(UsageError, match=r"already holds people\.csv"):
        pseudonymise(folder, tmp_path / "out", key=key)


@pytest.mark.parametrize("inside", [".", "out"])
def test_the_result_does_not_lie_among_the_originals(extract, key, inside):
    folder = extract(people="person_id\n1\n")

    with pytest.raises(UsageError, match="must not lie in the folder of the extract"):
        pseudonymise(folder, folder / inside, key=key)


def test_an_unknown_rule_for_ids_is_refused(extract, key, tmp_path):
    with pytest.raises(UsageError, match="Known: strip, upper"):
        pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key, normalise=("lower",))


def test_two_tables_of_one_name_are_refused(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    pd.DataFrame({"person_id": ["1"]}).to_parquet(folder / "people.parquet")

    with pytest.raises(DataError, match="Two tables have the same name"):
        pseudonymise(folder, tmp_path / "out", key=key)


def test_a_parquet_file_with_rounded_ids_is_refused(extract, key, tmp_path):
    folder = extract()
    pd.DataFrame({"person_id": [1.2e19, 2.0]}).to_parquet(folder / "people.parquet")

    with pytest.raises(DataError, match="cannot be written as text"):
        pseudonymise(folder, tmp_path / "out", key=key)


def test_a_damaged_workbook_is_named(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    (folder / "exits.xlsx").write_bytes(b"no zip archive")

    with pytest.raises(DataError, match=r"exits\.xlsx: not an Excel workbook"):
        pseudonymise(folder, tmp_path / "out", key=key)


def test_the_lock_file_of_an_open_workbook_is_passed_over(extract, key, tmp_path):
    folder = extract(people="person_id\n1\n")
    (folder / "~$people.xlsx").write_bytes(b"owner")

    assert [t.name for t in pseudonymise(folder, tmp_path / "out", key=key).tables] == ["people"]


def test_an_unknown_encoding_is_refused(extract, key, tmp_path):
    with pytest.raises(UsageError, match="'utf-9' is no encoding"):
        pseudonymise(extract(people="person_id\n1\n"), tmp_path / "out", key=key, encoding="utf-9")


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path, extract, key):
    folder = extract()
    (folder / "people.csv").write_bytes("person_id,town\n1,Köln\n".encode("cp1252"))

    with pytest.raises(DataError, match=r"people\.csv, after line \d+: not utf-8"):
        pseudonymise(folder, tmp_path / "out", key=key)


def test_a_full_disk_leaves_no_table_behind(extract, key, tmp_path, monkeypatch):
    folder = extract(exits="person_id\n1\n", people="person_id\n1\n")

    def refuse(draft, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)

    with pytest.raises(EnvironmentFault, match="No space left on device"):
        pseudonymise(folder, tmp_path / "out", key=key)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_tables_is_refused(tmp_path, key, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises((UsageError, DataError), match="There is no"):
        pseudonymise(tmp_path / name, tmp_path / "out", key=key)


# --- the key ring


class Ring(KeyringBackend):
    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def ring():
    before, ring = keyring.get_keyring(), Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_key_can_live_in_the_key_ring(ring):
    fingerprint = make_key("keyring:my study")

    assert read_key("keyring:my study").fingerprint == fingerprint
    assert list(ring.kept) == [("yoseval", "my study")]


def test_a_key_in_the_key_ring_is_not_replaced(ring):
    make_key("keyring:mine")

    with pytest.raises(UsageError, match="There is a key keyring:mine already"):
        make_key("keyring:mine")


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize(("place", "message"), [("keyring:none", "is not a key"), ("keyring: ", "has no name")])
def test_an_entry_that_is_not_there_is_refused(place, message):
    with pytest.raises(UsageError, match=message):
        read_key(place)


def test_a_system_without_a_key_ring_says_so(ring, monkeypatch):
    def refuse(service, username):
        raise NoKeyringError

    monkeypatch.setattr(ring, "get_password", refuse)

    with pytest.raises(EnvironmentFault, match="Keep the key in a file"):
        read_key("keyring:mine")


def test_the_standard_s_ids_of_children_and_cases_are_replaced_unless_told_otherwise():
    assert set(ID_COLUMNS) == {"person_id", "offence_id", "index_offence_id", "disposal_id", "start_id", "group_id"}


def test_the_names_of_programmes_are_no_names_of_children(tmp_path, key, extract):
    records = extract(people="person_id\nP1\n", programmes="programme_id,name,owner\nM,Mentoring,Service\n")

    pseudonymise(records, tmp_path / "out", key=key)

    assert "Mentoring" in (tmp_path / "out" / "programmes.csv").read_text(encoding="utf-8")
