"""A column map is checked whole: every problem at once, each with the nearest thing known."""

import pytest

from yoseval.errors import StudyError
from yoseval.records.reading.column_map import TableMap, make_column_map, read_column_map
from yoseval.records.schema import TABLES


def refusal(content):
    with pytest.raises(StudyError) as refused:
        make_column_map(content)
    return str(refused.value)


def test_a_table_the_map_is_silent_about_is_spelled_as_in_the_standard():
    maps = make_column_map({"people": {"file": "a.csv"}})

    assert set(maps) == set(TABLES)
    assert maps["offences"] == TableMap()
    assert maps["people"].file == "a.csv"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"offense": {}}, "[offense] is no table; did you mean offences?"),
        ({"people": {"colums": {}}}, "[people] colums is no key of a column map; did you mean columns?"),
        ({"people": {"file": 3}}, "[people] file is not a text"),
        ({"people": {"columns": "sex"}}, "[people] columns is not a table"),
        ({"people": "people.csv"}, "[people] is not a table of TOML"),
        ({"people": {"columns": {"gender": "G"}}}, "columns.gender is no column of people"),
        ({"people": {"columns": {"sex": ""}}}, "columns.sex is not the name of a column"),
        ({"people": {"columns": {"sex": "A", "send": "A"}}}, "columns gives 'A' to more than one column"),
        ({"people": {"dates": {"sex": "%d/%m/%Y"}}}, "dates.sex: sex holds no dates"),
        ({"people": {"dates": {"birth": "%d/%m/%Y"}}}, "dates.birth is no column of people; did you mean date_of_birth?"),
        ({"people": {"dates": {"date_of_birth": 3}}}, "dates.date_of_birth is not a text"),
        ({"people": {"dates": {"date_of_birth": "%d/%m/%y"}}}, "two digits do not tell the century"),
        ({"people": {"dates": {"date_of_birth": "%d/%Y"}}}, "must have one day, month and year"),
        ({"people": {"dates": {"date_of_birth": "%d/%m/%Y %H"}}}, "must have one day, month and year"),
        ({"offences": {"dates": {"offence_date": "%m/%Y"}}}, "must have one day, month and year"),
        ({"people": {"codes": {"sex": {"M": "man"}}}}, "codes.sex: 'man' is no code of the standard"),
        ({"people": {"codes": {"sex": "M"}}}, "codes.sex is not a table of texts"),
        (
            {"people": {"codes": {"resident": {"J": "ja"}}}},
            "codes.resident: 'ja' is no code of the standard; known are: yes, no",
        ),
        ({"offences": {"codes": {"seriousness": {"9": "8"}}}}, "a integer can only be mapped to '' (not recorded)"),
        ({"people": {"codes": {"gender": {}}}}, "codes.gender is no column of people"),
        ({"people": {"encoding": "utf-80"}}, "encoding 'utf-80' is not known"),
        ({"people": {"delimiter": "||"}}, "delimiter is not one character"),
    ],
)
def test_what_is_off_is_named(content, says):
    assert says in refusal(content)


def test_all_problems_come_together():
    message = refusal({"people": {"columns": {"gender": "G"}, "dates": {"sex": "%d"}}, "offense": {}})

    assert "breaks 3 rule(s)" in message


@pytest.mark.parametrize("form", ["%Y-%m", "%m/%Y", "%d %b %Y", "%-d/%-m/%Y", "%Y-%m-%d 00:00:00"])
def test_a_birth_may_be_written_in_many_declared_forms(form):
    assert make_column_map({"people": {"dates": {"date_of_birth": form}}})["people"].dates == {"date_of_birth": form}


@pytest.mark.parametrize("content", [b"[people\n", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, content):
    (tmp_path / "columns.toml").write_bytes(content)

    with pytest.raises(StudyError, match=r"columns\.toml is not TOML"):
        read_column_map(tmp_path / "columns.toml")


def test_a_map_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"There is no column map other\.toml"):
        read_column_map(tmp_path / "other.toml")
