"""The standard is written down once: eleven tables, a ladder of disposals and the groups of offences."""

import pytest

from yoseval.records.schema import BREACH_GROUPS, DISPOSAL_GROUP, DISPOSAL_RANK, LADDER, OFFENCE_GROUPS, TABLES


def test_there_are_eleven_tables_and_four_are_required():
    assert len(TABLES) == 11
    assert [n for n, t in TABLES.items() if t.required] == ["people", "disposals", "offences", "starts"]


def test_every_table_of_children_has_a_required_id_of_the_child():
    others = {n for n, t in TABLES.items() if "person_id" not in t.names}

    assert others == {"programmes", "availability"}
    assert all(TABLES[n].column("person_id").required for n in set(TABLES) - others)


def test_every_key_is_a_required_id_of_its_table():
    keys = [(t.column(t.key).kind, t.column(t.key).required) for t in TABLES.values() if t.key]

    assert keys == [("id", True)] * 5


def test_rank_grows_along_the_ladder_from_diversion_to_custody():
    groups = [DISPOSAL_GROUP[d] for d in sorted(DISPOSAL_RANK, key=DISPOSAL_RANK.__getitem__)]

    assert list(dict.fromkeys(groups)) == list(LADDER)
    assert DISPOSAL_RANK["community_resolution"] == 1
    assert DISPOSAL_RANK["referral_order"] < DISPOSAL_RANK["youth_rehabilitation_order"]


def test_breaches_are_offence_groups_of_their_own():
    assert set(BREACH_GROUPS) <= set(OFFENCE_GROUPS)
    assert len(OFFENCE_GROUPS) == 18


def test_a_column_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        TABLES["people"].column("surname")
