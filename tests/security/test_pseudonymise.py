"""The key is where it should be and nowhere else; no id, and no table of ids, is left behind or told."""

import logging
import os
import pickle
import stat

import pytest

from yoseval.errors import DataError, UsageError, YosevalError
from yoseval.records.pseudonyms.key import make_key, read_key
from yoseval.records.pseudonyms.pseudonymise import pseudonymise

IDS = tuple(f"CANARY{i:05d}" for i in range(40))


@pytest.fixture
def key(tmp_path):
    place = tmp_path / "keys" / "study.key"
    make_key(place)
    return place


@pytest.fixture
def extract(tmp_path):
    folder = tmp_path / "extract"
    folder.mkdir()
    (folder / "people.csv").write_text("person_id,sex\n" + "".join(f"{i},male\n" for i in IDS))
    (folder / "offences.csv").write_text("offence_id,person_id\n" + "".join(f"OF{i},{i}\n" for i in IDS))
    return folder


# --- where the key may be


def test_a_key_file_can_be_used_by_its_owner_only(key):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_refused(key, mode):
    key.chmod(mode)

    with pytest.raises(UsageError, match="chmod 600"):
        read_key(key)


def test_two_keys_differ_and_have_256_bits(tmp_path):
    keys = []
    for name in ("a.key", "b.key"):
        make_key(tmp_path / name)
        keys.append(read_key(tmp_path / name).secret)

    assert [len(k) for k in keys] == [32, 32]
    assert keys[0] != keys[1]


def test_a_key_is_never_overwritten(key):
    before = key.read_bytes()

    with pytest.raises(UsageError, match=r"There is a key study\.key already"):
        make_key(key)

    assert key.read_bytes() == before


@pytest.mark.parametrize("marker", [".git", "study.toml"])
@pytest.mark.parametrize("place", ["x.key", "deep/down/x.key"])
def test_no_key_is_made_in_a_git_tree_or_a_study_folder(tmp_path, marker, place):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / marker).touch()

    with pytest.raises(UsageError, match=r"Keep the key outside"):
        make_key(tmp_path / "tree" / place)

    assert not (tmp_path / "tree" / place).exists()


def test_a_git_tree_is_one_also_where_git_is_a_folder(tmp_path):
    (tmp_path / "tree" / ".git").mkdir(parents=True)

    with pytest.raises(UsageError, match="git tree"):
        make_key(tmp_path / "tree" / "x.key")


def test_a_key_that_was_moved_into_a_git_tree_is_refused(key, extract, tmp_path):
    (tmp_path / ".git").mkdir()

    with pytest.raises(UsageError, match="git tree"):
        pseudonymise(extract, tmp_path / "out", key=key)


@pytest.mark.parametrize("link_in_tree", [True, False])
def test_a_link_does_not_hide_a_git_tree(key, tmp_path, link_in_tree):
    tree = tmp_path / "tree"
    (tree / ".git").mkdir(parents=True)
    inside, outside = tree / "inside.key", tmp_path / "keys" / "link.key"
    if link_in_tree:
        inside.symlink_to(key)
    else:
        os.replace(key, inside)
        outside.symlink_to(inside)

    with pytest.raises(UsageError, match="git tree"):
        read_key(inside if link_in_tree else outside)


@pytest.mark.parametrize("beside", ["extract", "out"])
def test_a_key_beside_the_records_is_refused(extract, tmp_path, beside):
    make_key(tmp_path / beside / "study.key")

    with pytest.raises(UsageError, match="beside the records"):
        pseudonymise(extract, tmp_path / "out", key=tmp_path / beside / "study.key")


@pytest.mark.parametrize("content", ["", "abc", "00" * 31, "zz" * 32, "00" * 33])
def test_what_is_no_key_is_refused_without_being_shown(key, content):
    key.write_text(content)

    with pytest.raises(UsageError, match=r"study\.key is not a key") as problem:
        read_key(key)

    assert not content or content not in str(problem.value)


def test_an_absent_key_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"There is no key absent\.key"):
        read_key(tmp_path / "absent.key")


# --- what is left behind and told


def test_no_id_and_no_key_is_in_anything_that_is_written(key, extract, tmp_path):
    before = {p for p in tmp_path.rglob("*") if p.is_file()}

    pseudonymise(extract, tmp_path / "out", key=key)

    written = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    content = b"".join(p.read_bytes() for p in written)
    assert {p.name for p in written} == {"people.csv", "offences.csv", "pseudonyms.json"}
    assert b"CANARY" not in content
    assert key.read_bytes().strip() not in content


def test_nothing_is_printed_or_logged(key, extract, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)

    pseudonymise(extract, tmp_path / "out", key=key)

    out, err = capfd.readouterr()
    assert out + err + caplog.text == ""


def test_what_is_returned_holds_numbers_and_no_ids(key, extract, tmp_path):
    done = pseudonymise(extract, tmp_path / "out", key=key)

    assert "CANARY" not in f"{done!r} {done}"
    assert f"people: {len(IDS)} rows, {len(IDS)} ids replaced" in str(done)


@pytest.mark.parametrize(
    "row",
    ["CANARY99999", "CANARY99999,male,more", 'CANARY99999,"male', "1.2E+17,CANARY99999"],
)
def test_no_message_shows_a_cell(key, extract, tmp_path, row):
    with (extract / "people.csv").open("a") as lines:
        lines.write(row + "\n")

    with pytest.raises(DataError) as problem:
        pseudonymise(extract, tmp_path / "out", key=key)

    chain = [problem.value, problem.value.__cause__]
    assert all("CANARY" not in repr(e) and "1.2E" not in repr(e) for e in chain)
    assert "people.csv, line" in str(problem.value)


def test_a_key_does_not_show_itself(key):
    secret = read_key(key)

    assert secret.secret.hex() not in f"{secret!r} {secret}"
    assert str(secret.secret) not in f"{secret!r} {secret}"


def test_a_fingerprint_is_not_a_part_of_the_key_or_of_a_pseudonym(key):
    secret = read_key(key)

    assert secret.fingerprint not in secret.secret.hex()
    assert secret.fingerprint not in secret.pseudonym("person", "1")
    assert len(secret.fingerprint) == 16


def test_an_error_about_keys_survives_a_worker_process(key):
    key.write_text("x")
    with pytest.raises(YosevalError) as problem:
        read_key(key)

    assert str(pickle.loads(pickle.dumps(problem.value))) == str(problem.value)
